"""The ASGI adapter: one of the two modules that know an interface."""

from __future__ import annotations

import io
from typing import Any, cast

from ._asgi_response import (
    ASGIApp,
    Message,
    Receive,
    ResponseReplaced,
    Scope,
    Send,
    refuse,
    sender,
)
from ._compile import Plan, checked, complete, fail_at
from ._exchange import (
    KEY,
    BodyIncomplete,
    BodyTooLarge,
    ClientDisconnected,
    Exchange,
    Outcome,
    declared_length,
)
from ._layer import Verdict
from ._pending import Call, asettle
from .principal import ANONYMOUS
from .problem import Response

__all__ = ["ASGIApp", "Message", "Receive", "Scope", "Send", "build_asgi"]

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_MOST_EMPTY_CHUNKS = 1000


def build_asgi(app: ASGIApp, plan: Plan) -> ASGIApp:
    """Wrap an ASGI app in a compiled stack."""
    steps, everyone = plan.steps, len(plan.layers)
    completing = bool(plan.completes[everyone])
    transparent = not plan.unwinds[everyone] and not completing

    async def ringwall(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            return await app(scope, receive, send)
        exchange, scope = _open(scope, plan)
        outcome = exchange.outcome
        verdict: Verdict = None
        body: _Body | None = None
        depth = completes = everyone
        try:
            try:
                for hook, depth, completes in steps:  # noqa: B007  read after the loop
                    verdict = hook(exchange)
                    if verdict is not None:
                        if verdict.__class__ is not Response:
                            if body is None and kind == "http":
                                body = exchange.reader = _Body(scope, receive)
                            verdict = await _judged(verdict)
                        if verdict is not None:
                            break
            except ClientDisconnected as error:
                outcome.error = error
                return None
            except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
                verdict = fail_at(plan, depth, completes, exchange, error)
            finally:
                exchange.reader = None  # it knows the exchange: no cycle may outlive the request
            if verdict is not None:
                out = sender(exchange, plan, depth, outcome, send)
                return await refuse(exchange, cast("Response", verdict), scope, receive, out)
            completes = everyone
            _hand_over(exchange, scope)
            if body is not None and body.was_read:
                receive = body.replay
            if transparent:
                return await app(scope, receive, send)
            if kind == "websocket" and completing:
                receive = _watch_disconnect(receive, outcome)
            await app(scope, receive, sender(exchange, plan, everyone, outcome, send))
            if outcome.error is not None and outcome.error.__class__ is not ClientDisconnected:
                outcome.error = None  # raised inside an inner stack, answered between it and us
        except ResponseReplaced:
            return None  # the app was told to stop, and did
        except BaseException as error:
            outcome.error = error
            raise
        finally:
            if plan.completes[completes]:
                ending = complete(plan.completes[completes], exchange, outcome)
                if ending is not None:
                    await asettle(ending)

    ringwall.__ringwall__ = plan  # type: ignore[attr-defined]
    ringwall.app = app  # type: ignore[attr-defined]
    return ringwall


async def _judged(verdict: Any) -> Response | None:
    return checked(verdict if isinstance(verdict, Response) else await asettle(verdict))


def _open(scope: Scope, plan: Plan) -> tuple[Exchange, Scope]:
    """Make the exchange and the app's copy of the scope; one scan over the headers."""
    wants = plan.wants
    lines = scope.get("headers") or ()
    if not isinstance(lines, (list, tuple)):
        lines = list(lines)
        scope = {**scope, "headers": lines}
    headers: dict[bytes, bytes] = {}
    for name, value in lines:
        if name in wants:
            headers[name] = value if name not in headers else headers[name] + b", " + value
    peer = scope.get("client")
    path, root = scope["path"], scope.get("root_path") or ""
    # A router sees the path below its mount point. Servers and mounts put both into `path`.
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        path = path[len(root) :]
    exchange = Exchange(
        "asgi",
        scope.get("method", "WEBSOCKET"),
        _SCHEMES.get(scope.get("scheme", "http"), "http"),
        root,
        path,
        scope.get("raw_path"),
        scope.get("query_string") or b"",
        headers,
        peer[0] if peer else None,
        plan.boundary,
    )
    if scope["type"] == "websocket":
        exchange.kind, exchange.method = "websocket", "WEBSOCKET"
    parent = scope.get(KEY)
    if parent is not None:
        exchange.join(parent)
    plan.boundary.derive(exchange)
    return exchange, {**scope, KEY: exchange}


def _hand_over(exchange: Exchange, scope: Scope) -> None:
    """Tell the app what the layers found out."""
    if exchange.identified:
        scope["user"] = scope["auth"] = exchange.principal or ANONYMOUS
    if exchange.boundary.proxies is not None:
        secure = exchange.scheme == "https"
        if exchange.kind == "websocket":
            scope["scheme"] = "wss" if secure else "ws"
        else:
            scope["scheme"] = exchange.scheme
        if exchange.client is not None and exchange.client != exchange.peer:
            scope["client"] = (exchange.client, 0)


def _watch_disconnect(receive: Receive, outcome: Outcome) -> Receive:
    async def watched() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            outcome.close_code = message.get("code", 1005)
        return message

    return watched


class _Body:
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

    def call(self, limit: int) -> Call[bytes]:
        return Call(None, self._read, limit)

    async def _read(self, limit: int) -> bytes:
        lines = self._scope.get("headers") or ()
        lengths = [value for name, value in lines if name.lower() == b"content-length"]
        declared = declared_length(b",".join(lengths) if lengths else None)
        if declared is not None and declared > limit:
            raise BodyTooLarge
        message = self._message
        if message is None:
            message = self._message = await self._next()  # most often the one and only
        body: bytes = message.get("body", b"")
        if message.get("more_body", False) and len(body) <= limit:
            body = await self._gather(body, limit)
        if len(body) > limit:
            raise BodyTooLarge
        if declared is not None and declared != len(body):
            raise BodyIncomplete
        return body

    async def _gather(self, body: bytes, limit: int) -> bytes:
        """Merge messages into one: small chunks in great number must not fill the memory."""
        buffer = io.BytesIO()
        buffer.write(body)
        empty, more = 0, True
        try:
            while more and buffer.tell() <= limit:
                message = await self._next()
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

    async def _next(self) -> Message:
        message = self._disconnect or await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnect = message
            raise ClientDisconnected
        return message

    async def replay(self) -> Message:
        message, self._message = self._message, None
        if message is None:
            message, self._disconnect = self._disconnect, None
        return await self._receive() if message is None else message
