"""The request body under ASGI: read before the app does, at most so much, and given back to it."""

from __future__ import annotations

import asyncio
import io
from asyncio import _get_running_loop
from collections.abc import Awaitable, Iterable
from sys import modules
from typing import TypeAlias

from ._asgi_request import Message, Receive
from ._body import (
    UNDECLARED,
    BodyIncomplete,
    BodyTooLarge,
    BodyTooSlow,
    ClientDisconnected,
    declared_length,
)
from ._pace import Begun, Pace, Within, into
from ._pending import Call

_MOST_EMPTY_CHUNKS = 1000
Lines: TypeAlias = Iterable[tuple[bytes, bytes]]


def _check_length(body: bytes, limit: int, declared: int) -> None:
    if len(body) > limit:
        raise BodyTooLarge
    if declared != len(body) and declared != UNDECLARED:
        raise BodyIncomplete


class Body:
    """Reads the request body before the app does, and gives it back: the body, or as much of it
    as was read, in one message, and the disconnect that ended it.

    Parameters:
        lines: the request headers. headers: those of them that were collected, by name.

    was_read: some of it, or the attempt was made: `replay` gives it to the app.
    """

    was_read = False
    _begun: Awaitable[Message] | None = None
    _disconnect: Message | None = None
    _message: Message | None = None

    def __init__(self, lines: Lines, headers: dict[bytes, bytes], receive: Receive) -> None:
        self._lines = lines
        self._headers = headers
        self._receive = receive

    def at_once(self, limit: int, pace: Pace) -> bytes | None:
        """One step of `receive` is all that it takes where the body has come."""
        length = self._headers.get(b"content-length")
        declared = self._declared() if length is None else declared_length(length)
        if declared > limit:
            raise BodyTooLarge
        if self.was_read:
            message = self._message
            if message is None:  # it was begun, or the client has gone
                return None
        elif "trio" in modules and _get_running_loop() is None:
            return None  # trio times no awaitable that has been begun
        else:
            self.was_read = True
            found: list[Message] = []
            steps = into(found, self._receive())
            waits_for = next(steps, None)
            if not found:
                self._begun = Begun(steps, waits_for, found)
                return None
            self._message = message = found[0]
        if message.get("more_body", False):
            return None
        body: bytes = message.get("body", b"")
        if not body and message["type"] == "http.disconnect":
            self._message, self._disconnect = None, message
            raise ClientDisconnected
        if len(body) != declared:  # which is not above the limit
            _check_length(body, limit, declared)
        return body

    def call(self, limit: int, pace: Pace) -> Call[bytes]:
        return Call(None, self._read, limit, pace)

    async def _read(self, limit: int, pace: Pace) -> bytes:
        """Goes on from where `at_once` has come to."""
        begin = pace.clock()
        if self._message is None:
            self._message = await self._next(pace.left(begin, 0))
        body: bytes = self._message.get("body", b"")
        if self._message.get("more_body", False) and len(body) <= limit:
            body = await self._gather(body, limit, pace, begin)
        _check_length(body, limit, self._declared())
        return body

    def _declared(self) -> int:
        length = self._headers.get(b"content-length")
        if length is None:  # no layer wants it, or there is none
            found = [value for name, value in self._lines if name.lower() == b"content-length"]
            if not found:
                return UNDECLARED
            length = b",".join(found)
        return declared_length(length)

    async def _gather(self, body: bytes, limit: int, pace: Pace, begin: float) -> bytes:
        """Merge messages into one: small chunks in great number must not fill the memory."""
        buffer = io.BytesIO()
        buffer.write(body)
        empty, more = 0, True
        try:
            while more and buffer.tell() <= limit:
                message = await self._next(pace.left(begin, buffer.tell()))
                chunk = message.get("body", b"")
                more = message.get("more_body", False)
                buffer.write(chunk)
                empty += not chunk
                if empty > _MOST_EMPTY_CHUNKS:
                    raise BodyIncomplete
        finally:
            body = buffer.getvalue()
            self._message = {"type": "http.request", "body": body, "more_body": more}
        return body

    async def _next(self, seconds: float) -> Message:
        message = self._disconnect
        try:
            if message is None:
                if seconds <= 0:  # however soon the next one comes
                    raise BodyTooSlow
                message = await Within(self._start, seconds)
        except asyncio.TimeoutError:
            raise BodyTooSlow from None
        if message["type"] == "http.disconnect":
            self._disconnect = message
            raise ClientDisconnected
        return message

    def _start(self) -> Awaitable[Message]:
        self.was_read = True
        begun, self._begun = self._begun, None
        return self._receive() if begun is None else begun

    async def replay(self) -> Message:
        message, self._message = self._message, None
        if message is None:
            message, self._disconnect = self._disconnect, None
        return await self._start() if message is None else message
