"""Websockets whose client shows its credential in the handshake's subprotocols, or first of all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from ._errors import MissingDependency
from ._exchange import ClientDisconnected
from ._pending import Call

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


def choosing(send: Send, subprotocol: str) -> Send:
    """Let an app that chooses no subprotocol choose this one: browsers give up a connection whose
    server chose none of those they offered."""

    def out(message: Message) -> Awaitable[None]:
        if message["type"] == "websocket.accept" and message.get("subprotocol") is None:
            message = {**message, "subprotocol": subprotocol}
        return send(message)

    return out


class Opener:
    """Accepts a websocket before the app does, and reads the first message.

    Afterwards the app gets the connect event as if nothing had happened; its accept, and the
    subprotocol and headers in it, are dropped, since the handshake is over.
    """

    __slots__ = ("_connect", "_receive", "_send", "opened")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._connect: Message | None = None
        self.opened = False

    def call(self, limit: int, timeout: float) -> Call[bytes | None]:
        return Call(None, self._first, limit, timeout)

    async def _first(self, limit: int, timeout: float) -> bytes | None:
        in_time = _waiting()  # before the accept: what cannot wait accepts nothing
        self._connect = await self._next()
        await self._send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        self.opened = True
        message = await in_time(self._next, timeout)
        if message is None:
            return None
        text = message.get("text")
        data = text.encode("utf-8", "replace") if text is not None else message.get("bytes")
        return data if data is not None and len(data) <= limit else None

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise ClientDisconnected
        return message

    async def receive(self) -> Message:
        """What the app receives from."""
        message, self._connect = self._connect, None
        return await self._receive() if message is None else message

    def sending(self, send: Send) -> Send:
        """What the app sends with."""

        def out(message: Message) -> Awaitable[None]:
            return _nothing() if message["type"] == "websocket.accept" else send(message)

        return out


InTime: TypeAlias = Callable[[Callable[[], Awaitable[Message]], float], Awaitable["Message | None"]]


def _waiting() -> InTime:
    """What waits for so many seconds, in the event loop that runs here.

    Raises:
        MissingDependency: it is another one than asyncio's, which anyio knows, and there is none.
    """
    if asyncio._get_running_loop() is not None:
        return _in_asyncio
    try:
        import anyio
    except ModuleNotFoundError:
        raise MissingDependency("anyio", "jwt", "first_message= without asyncio") from None

    async def in_time(start: Callable[[], Awaitable[Message]], seconds: float) -> Message | None:
        with anyio.move_on_after(seconds):
            return await start()
        return None

    return in_time


async def _in_asyncio(start: Callable[[], Awaitable[Message]], seconds: float) -> Message | None:
    try:
        return await asyncio.wait_for(start(), seconds)
    except asyncio.TimeoutError:
        return None


async def _nothing() -> None:
    return None
