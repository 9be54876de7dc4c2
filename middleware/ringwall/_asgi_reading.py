"""Reads the body of an ASGI response before it leaves, for a layer that wants it."""

from __future__ import annotations

import io

from ._asgi_head import Head
from ._asgi_request import Message, Receive, Scope, Send
from ._asgi_response import ASGIApp, ResponseReplaced
from ._compile import innermost_plan
from ._exchange import KEY, Exchange
from ._failure import refusal_body
from ._layer import Layer, ReadBody
from ._response_body import OF_THE_REQUEST, Unreadable, ask, failed, is_bodiless, judge, too_large
from .problem import Response

# What may carry a body. The two others name a file that the server sends by itself.
_BODIES = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})


def read_asgi(app: ASGIApp, layer: Layer) -> ASGIApp:
    """Wrap what is inside of a layer that reads responses."""

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        exchange: Exchange = scope[KEY]
        reader = _Reader(layer, exchange, send)
        if exchange.replacement is not None:
            scope, receive = _with_body(scope, receive, exchange.replacement)
        try:
            return await app(scope, receive, reader)
        except ResponseReplaced:
            return None  # the app was told to stop, and did

    plan = innermost_plan(app)
    if plan is not None:
        reading.__ringwall__ = plan  # type: ignore[attr-defined]
    reading.app = app  # type: ignore[attr-defined]
    return reading


def _with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """The request with another body. The one that was sent has been read to its end."""
    lines = [line for line in scope["headers"] if line[0].lower() not in OF_THE_REQUEST]
    lines.append((b"content-length", b"%d" % len(body)))
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaced() -> Message:
        if waiting:
            return waiting.pop()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message

    return {**scope, "headers": lines}, replaced


class _Reader:
    """A `send` that holds a response back while its body is read."""

    __slots__ = (
        "_body", "_exchange", "_head", "_layer", "_replaced", "_send", "_silent", "_start",
        "_wanted",
    )  # fmt: skip

    def __init__(self, layer: Layer, exchange: Exchange, send: Send) -> None:
        self._layer = layer
        self._exchange = exchange
        self._send = send
        self._wanted: ReadBody | None = None
        self._start: Message = {}
        self._body = io.BytesIO()
        self._replaced = self._silent = False

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if self._replaced:
            return _stop(message)
        if kind == "http.response.start" and self._wanted is None:
            return await self._begin(message)
        if self._silent and kind in _BODIES:
            more = message.get("more_body", False)
            message = {"type": "http.response.body", "body": b"", "more_body": more}
        if self._wanted is None or kind not in _BODIES:
            return await self._send(message)
        if kind == "http.response.body":
            return await self._read(self._wanted, message)
        response = failed(self._layer, self._exchange, Unreadable())
        return await self._instead(response, message)

    async def _begin(self, message: Message) -> None:
        head = Head(message["status"], list(message.get("headers") or ()))
        wanted = ask(self._layer, self._exchange, head)
        message = {**message, "status": head.status, "headers": head.headers}
        if isinstance(wanted, Response):
            return await self._instead(wanted, message)
        if wanted is not None:
            if not is_bodiless(self._exchange, head):
                self._wanted, self._head, self._start = wanted, head, message
                return None
            self._silent = True
        return await self._send(message)

    async def _read(self, wanted: ReadBody, message: Message) -> None:
        self._body.write(message.get("body", b""))
        if self._body.tell() > wanted.limit:
            response = too_large(self._layer, wanted, self._exchange)
            rest = {**message, "body": self._body.getvalue()}
            self._body = io.BytesIO()
            return await self._instead(response, rest)
        if message.get("more_body", False):
            return None
        sent = self._body.getvalue()
        body = judge(self._layer, wanted, self._exchange, self._head, sent)
        if isinstance(body, Response):
            return await self._instead(body, message)
        if body != sent and self._start.pop("trailers", False):
            self._replaced = True  # trailers tell of the bytes that were sent (RFC 9530)
        return await self._instead(None, {**message, "body": body})

    async def _instead(self, response: Response | None, message: Message) -> None:
        """Send another response, or what was held back, with the message that follows it."""
        self._wanted = None
        if response is None:
            head = self._head
            await self._send({**self._start, "status": head.status, "headers": head.headers})
            return await self._send(message)
        self._replaced = True
        body = refusal_body(self._exchange, response)
        start = {"type": "http.response.start", "status": response.status}
        await self._send({**start, "headers": list(response.headers)})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
        return _stop(message)


def _stop(message: Message) -> None:
    """Stop a stream that nobody listens to any more: an endless one would block the event loop."""
    if message.get("more_body", False):
        raise ResponseReplaced
