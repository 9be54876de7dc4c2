"""The ASGI adapter: one of the two modules that know an interface."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias, cast

from ._compile import FAILED, Plan, complete, edit, fail_at, refusal_body
from ._exchange import (
    KEY,
    BodyIncomplete,
    BodyTooLarge,
    ClientDisconnected,
    Exchange,
    Outcome,
    declared_length,
)
from ._layer import ResponseHead, Verdict
from ._pending import Call, asettle
from .principal import ANONYMOUS
from .problem import Header, Response, check_header

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

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
        outcome = Outcome()
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
                                body = exchange.reader = _Body(exchange, receive)
                            verdict = await asettle(cast("Any", verdict))
                        if verdict is not None:
                            break
            except ClientDisconnected as error:
                outcome.error = error
                return None
            except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
                verdict = fail_at(plan, depth, completes, exchange, error)
            if verdict is not None:
                out = _sender(exchange, plan, depth, outcome, send)
                return await _refuse(exchange, cast("Response", verdict), scope, receive, out)
            completes = everyone
            _hand_over(exchange, scope)
            if body is not None and body.was_read:
                receive = body.replay
            if transparent:
                return await app(scope, receive, send)
            if kind == "websocket" and completing:
                receive = _watch_disconnect(receive, outcome)
            out = _sender(exchange, plan, everyone, outcome, send)
            return await app(scope, receive, out)
        except BaseException as error:
            outcome.error = error
            raise
        finally:
            if plan.completes[completes]:
                for pending in complete(plan.completes[completes], exchange, outcome):
                    await asettle(pending)

    ringwall.__ringwall__ = plan  # type: ignore[attr-defined]
    ringwall.app = app  # type: ignore[attr-defined]
    return ringwall


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


class _Head(ResponseHead):
    """A response head over a list of byte pairs."""

    __slots__ = ("headers",)

    def __init__(self, status: int, headers: list[Header]) -> None:
        self.status = status
        self.headers = headers

    def get(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def add(self, name: bytes, value: bytes) -> None:
        check_header(name, value)
        self.headers.append((name, value))

    def remove(self, name: bytes) -> None:
        self.headers = [line for line in self.headers if line[0].lower() != name]

    def add_missing(self, lines: tuple[Header, ...], names: frozenset[bytes]) -> None:
        present = {name.lower() for name, _ in self.headers}
        if names.isdisjoint(present):
            self.headers += lines
        else:
            self.headers += [line for line in lines if line[0] not in present]

    def replace(self, response: Response) -> None:
        self.status, self.headers = response.status, list(response.headers)


def _sender(exchange: Exchange, plan: Plan, depth: int, outcome: Outcome, send: Send) -> Send:
    """The one wrapper around `send`: edits heads, notes the status.

    A plain function that returns the inner awaitable costs half of an `async def`.
    """
    replaced = False

    def out(message: Message) -> Awaitable[None]:
        nonlocal replaced
        kind = message["type"]
        if kind == "http.response.start" or kind == "websocket.http.response.start":
            head = _Head(message["status"], list(message.get("headers") or ()))
            replaced = not edit(plan, depth, exchange, head)
            outcome.status = head.status
            if replaced:
                return _send_response(send, head, refusal_body(exchange, FAILED), kind[:-6])
            return send({**message, "status": head.status, "headers": head.headers})
        if replaced:
            return _swallow()
        if kind == "websocket.accept":
            outcome.status = 101
        elif kind == "websocket.close":
            outcome.status = outcome.status or 403
            outcome.close_code = message.get("code", 1000)
        return send(message)

    return out


async def _swallow() -> None:
    """What becomes of the rest of a response that was replaced."""


async def _send_response(send: Send, head: _Head, body: bytes, prefix: str) -> None:
    await send({"type": f"{prefix}.start", "status": head.status, "headers": head.headers})
    await send({"type": f"{prefix}.body", "body": body, "more_body": False})


async def _refuse(
    exchange: Exchange, response: Response, scope: Scope, receive: Receive, out: Send
) -> None:
    prefix = "http.response"
    if exchange.kind == "websocket":
        message = await receive()  # the connect event comes first
        if message["type"] == "websocket.disconnect":
            return
        if "websocket.http.response" not in (scope.get("extensions") or ()):
            await out({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        prefix = "websocket.http.response"
    head = _Head(response.status, list(response.headers))
    await _send_response(out, head, refusal_body(exchange, response), prefix)


def _watch_disconnect(receive: Receive, outcome: Outcome) -> Receive:
    async def watched() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            outcome.close_code = message.get("code", 1005)
        return message

    return watched


class _Body:
    """Reads the request body before the app does, and gives it back in one message."""

    __slots__ = ("_declared", "_message", "_receive")

    def __init__(self, exchange: Exchange, receive: Receive) -> None:
        self._declared = exchange.headers.get(b"content-length")
        self._receive = receive
        self._message: Message | None = None

    @property
    def was_read(self) -> bool:
        return self._message is not None

    def call(self, limit: int) -> Call[bytes]:
        return Call(None, self._read, limit)

    async def _read(self, limit: int) -> bytes:
        declared = declared_length(self._declared)
        if declared is not None and declared > limit:
            raise BodyTooLarge
        buffer = io.BytesIO()
        empty = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
            if not more and self._message is None:
                self._message = message  # the usual case: one message, handed on as it is
                buffer = io.BytesIO(chunk)
                break
            empty += not chunk
            buffer.write(chunk)
            self._message = {"type": "http.request", "body": b"", "more_body": more}
            if buffer.tell() > limit or empty > _MOST_EMPTY_CHUNKS:
                break
        body = buffer.getvalue()
        if self._message is not None and self._message.get("body") != body:
            self._message["body"] = body
        if len(body) > limit:
            raise BodyTooLarge
        if empty > _MOST_EMPTY_CHUNKS or declared not in (None, len(body)):
            raise BodyIncomplete
        return body

    async def replay(self) -> Message:
        message, self._message = self._message, None
        return await self._receive() if message is None else message
