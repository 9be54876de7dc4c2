"""Layers that judge each message of a websocket, after its handshake has passed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias

from ._exchange import Exchange
from ._failure import checked, fail
from ._layer import Layer, MessageHook
from ._pending import asettle
from .problem import Response

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Listeners: TypeAlias = Sequence[tuple[str, MessageHook]]

# RFC 6455 section 7.4.1.
_POLICY_VIOLATION, _INTERNAL_ERROR = 1008, 1011


def listeners(layers: Sequence[Layer]) -> Listeners:
    """The layers that judge messages: name and hook, outermost first."""
    return [
        (layer.name, layer.on_message)
        for layer in layers
        if getattr(layer.on_message, "__func__", None) is not Layer.on_message
    ]


def listen(
    exchange: Exchange, hooks: Listeners, receive: Receive, send: Send
) -> tuple[Receive, Send]:
    """What the app receives from and sends with, where these hooks judge what comes in."""
    connection = _Connection(exchange, hooks, receive, send)
    return connection.receive, connection.send


class _Connection:
    """Closes a websocket at the first message that is refused. The app does not see that message:
    to it, the client has gone."""

    __slots__ = ("_closed", "_exchange", "_hooks", "_receive", "_send")

    def __init__(self, exchange: Exchange, hooks: Listeners, receive: Receive, send: Send) -> None:
        self._exchange = exchange
        self._hooks = hooks
        self._receive = receive
        self._send = send
        self._closed: int | None = None

    async def receive(self) -> Message:
        if self._closed is not None:
            return self._disconnect(self._closed)
        message = await self._receive()
        if message["type"] == "websocket.receive":
            code = await self._judge(message)
            if code is not None:
                self._closed = self._exchange.outcome.close_code = code
                await self._send({"type": "websocket.close", "code": code, "reason": ""})
                return self._disconnect(code)
        return message

    async def send(self, message: Message) -> None:
        if self._closed is None:  # afterwards nobody is there to get it
            await self._send(message)

    async def _judge(self, message: Message) -> int | None:
        """The close code of a refusal, or None."""
        for name, hook in self._hooks:
            try:
                verdict = hook(self._exchange, message)
                if verdict is not None and not isinstance(verdict, Response):
                    verdict = checked(await asettle(verdict))
            except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
                fail(name, self._exchange, error)
                return _INTERNAL_ERROR
            if verdict is not None:
                return _POLICY_VIOLATION
        return None

    @staticmethod
    def _disconnect(code: int) -> Message:
        return {"type": "websocket.disconnect", "code": code, "reason": ""}
