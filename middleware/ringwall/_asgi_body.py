"""The request body under ASGI: read before the app does, at most so much, and given back to it."""

from __future__ import annotations

import asyncio
import io

from ._asgi_request import Message, Receive, Scope
from ._body import (
    BodyIncomplete,
    BodyTooLarge,
    BodyTooSlow,
    ClientDisconnected,
    declared_length,
)
from ._pace import Pace, Within
from ._pending import Call

_MOST_EMPTY_CHUNKS = 1000


class Body:
    """Reads the request body before the app does, and gives it back: the body, or as much of it
    as was read, in one message, and the disconnect that ended it."""

    __slots__ = ("_disconnect", "_message", "_receive", "_scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._message: Message | None = None
        self._disconnect: Message | None = None

    @property
    def was_read(self) -> bool:
        return self._message is not None or self._disconnect is not None

    def call(self, limit: int, pace: Pace) -> Call[bytes]:
        return Call(None, self._read, limit, pace)

    async def _read(self, limit: int, pace: Pace) -> bytes:
        lines = self._scope.get("headers") or ()
        lengths = [value for name, value in lines if name.lower() == b"content-length"]
        declared = declared_length(b",".join(lengths) if lengths else None)
        if declared is not None and declared > limit:
            raise BodyTooLarge
        message = self._message
        begin = pace.clock()
        if message is None:
            # Most often the one and only.
            message = self._message = await self._next(pace.left(begin, 0))
        body: bytes = message.get("body", b"")
        if message.get("more_body", False) and len(body) <= limit:
            body = await self._gather(body, limit, pace, begin)
        if len(body) > limit:
            raise BodyTooLarge
        if declared is not None and declared != len(body):
            raise BodyIncomplete
        return body

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
                message = await Within(self._receive, seconds)
        except asyncio.TimeoutError:
            raise BodyTooSlow from None
        if message["type"] == "http.disconnect":
            self._disconnect = message
            raise ClientDisconnected
        return message

    async def replay(self) -> Message:
        message, self._message = self._message, None
        if message is None:
            message, self._disconnect = self._disconnect, None
        return await self._receive() if message is None else message
