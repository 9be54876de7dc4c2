"""The request body under ASGI: read before the app does, at most so much, and given back to it."""

from __future__ import annotations

import asyncio
import io
from asyncio import _get_running_loop
from collections.abc import Awaitable
from sys import modules
from typing import cast

from ._asgi_request import ASGIExchange, Message, Receive
from ._body import (
    LONGEST_LENGTH,
    UNDECLARED,
    BodyIncomplete,
    BodyTooLarge,
    BodyTooSlow,
    ClientDisconnected,
    declared_length,
)
from ._exchange import USUAL
from ._lazy import lay_out
from ._pace import PACE, Begun, Pace, Within, into
from ._pending import Call

_MOST_EMPTY_CHUNKS = 1000


def _check_length(body: bytes, limit: int, declared: int) -> None:
    if len(body) > limit:
        raise BodyTooLarge
    if declared != len(body) and declared != UNDECLARED:
        raise BodyIncomplete


class ReadingExchange(ASGIExchange):
    """An exchange that reads the request body before the app does, and gives it back: the body, or
    as much of it as was read, in one message, and the disconnect that ended it.

    receive: the server's, where there is a body. was_read: some of it, or the attempt was made:
    `replay` gives it to the app.
    """

    receive: Receive | None = None
    was_read = False
    _begun: Awaitable[Message] | None = None
    _disconnect: Message | None = None
    _message: Message | None = None

    def body_at_once(self, limit: int, pace: Pace = PACE) -> bytes | None:
        """One step of `receive` is all that it takes where the body has come."""
        if self.body is not None:
            return super().body_at_once(limit, pace)
        receive = self.receive
        if receive is None:
            return None
        length = self.headers.get(b"content-length")
        if length is None or not length.isdigit() or len(length) > LONGEST_LENGTH:
            declared = self._declared()
        else:
            declared = int(length)
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
            steps = into(found, receive())
            waits_for = next(steps, None)
            if not found:
                self._begun = Begun(steps, waits_for, found)
                return None
            self._message = message = found[0]
        try:
            body: bytes = message["body"]
            more = message["more_body"]
        except KeyError:  # both may be left out
            body, more = message.get("body", b""), message.get("more_body", False)
        if more:
            return None
        if not body and message["type"] == "http.disconnect":
            self._message, self._disconnect = None, message
            raise ClientDisconnected
        if len(body) != declared:  # which is not above the limit
            _check_length(body, limit, declared)
        self.body = body
        return body

    def _waiting_for_body(self, limit: int, pace: Pace) -> Call[bytes] | None:
        # Once there is somewhere to send the app's response, the rest of the body is the app's.
        if self.receive is None or hasattr(self, "send"):
            return None
        return Call(None, self._read, limit, pace)

    async def _read(self, limit: int, pace: Pace) -> bytes:
        """Goes on from where `body_at_once` has come to."""
        begin = pace.clock()
        if self._message is None:
            self._message = await self._next(pace.left(begin, 0))
        body: bytes = self._message.get("body", b"")
        if self._message.get("more_body", False) and len(body) <= limit:
            body = await self._gather(body, limit, pace, begin)
        _check_length(body, limit, self._declared())
        return body

    def _declared(self) -> int:
        length = self.headers.get(b"content-length")
        if length is None:  # no layer wants it, or there is none
            lines = self.scope.get("headers") or ()
            found = [value for name, value in lines if name.lower() == b"content-length"]
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
        return cast("Receive", self.receive)() if begun is None else begun

    async def replay(self) -> Message:
        message, self._message = self._message, None
        if message is None:
            message, self._disconnect = self._disconnect, None
        return await self._start() if message is None else message


lay_out(ReadingExchange, ["scope", "send", "told", "receive", "was_read", "_message", *USUAL])
