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
    constant_sender,
    refuse,
    sender,
)
from ._boundary import COMMON_METHODS, TrustedProxies, warn_of_rewriting
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
from ._tls_of import tls_of
from .principal import ANONYMOUS
from .problem import Response

__all__ = ["ASGIApp", "Message", "Receive", "Scope", "Send", "build_asgi"]

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_MOST_EMPTY_CHUNKS = 1000


def build_asgi(app: ASGIApp, plan: Plan) -> ASGIApp:
    """Wrap an ASGI app in a compiled stack.

    Opening the exchange is written out here, without a call of its own, because the calls would
    cost more than what they do.
    """
    all_steps, plain_steps, everyone = plan.steps, plan.plain_steps, len(plan.layers)
    completes_of, completing = plan.completes, bool(plan.completes[everyone])
    unwind = plan.unwinds[everyone]
    transparent = not unwind and not completing
    constant = None if unwind.edits or completing else constant_sender(plan)
    wants, wants_tls, boundary = plan.wants, plan.wants_tls, plan.boundary
    known_hosts, derive, direct = boundary.known_hosts, boundary.derive, boundary.proxies is None
    new = object.__new__

    async def ringwall(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            return await app(scope, receive, send)

        lines = scope.get("headers") or ()
        if lines.__class__ is not list and lines.__class__ is not tuple:
            lines = list(lines)
            scope = {**scope, "headers": lines}
        headers: dict[bytes, bytes] = {}
        for name, value in lines:  # the one scan
            if name in wants:
                headers[name] = value if name not in headers else headers[name] + b", " + value
        exchange = new(Exchange)
        exchange.interface = "asgi"
        exchange.raw_path = scope.get("raw_path")
        exchange.query = scope.get("query_string") or b""
        exchange.headers = headers
        exchange.boundary = boundary
        exchange.decisions = []
        exchange.outcome = outcome = new(Outcome)
        exchange.scheme = _SCHEMES.get(scope.get("scheme", "http"), "http")
        exchange.path = path = scope["path"]
        exchange.root = root = scope.get("root_path") or ""
        # A router sees the path below its mount point. Servers and mounts put both into `path`.
        if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
            exchange.path = path[len(root) :]
        peer = scope.get("client")
        exchange.peer = peer[0] if peer else None
        if wants_tls:
            exchange.tls = tls_of(scope)
        host = known_hosts.get(headers.get(b"host"))
        if kind == "http":
            exchange.method = method = scope["method"]
        else:
            exchange.method = method = "WEBSOCKET"
            exchange.kind = "websocket"
        if host is not None and direct and method in COMMON_METHODS and KEY not in scope:
            exchange.host = host
            steps = plain_steps
        else:
            if KEY in scope:
                exchange.join(scope[KEY])
                outcome = exchange.outcome
            derive(exchange)
            steps = plain_steps if exchange.malformed is None else all_steps
        scope = {**scope, KEY: exchange}

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
                if body is not None:
                    exchange.reader = None  # it knows the exchange: no cycle may outlive it
            if verdict is not None:
                out = sender(exchange, plan, depth, outcome, send)
                return await refuse(exchange, cast("Response", verdict), scope, receive, out)
            completes = everyone
            if exchange.identified or not direct:
                _hand_over(exchange, scope)
            if body is not None and body.was_read:
                receive = body.replay
            if transparent:
                return await app(scope, receive, send)
            if kind == "websocket" and completing:
                receive = _watch_disconnect(receive, outcome)
            if constant is not None and kind == "http":
                return await app(scope, receive, constant(send))
            await app(scope, receive, sender(exchange, plan, everyone, outcome, send))
            if outcome.error is not None and outcome.error.__class__ is not ClientDisconnected:
                outcome.error = None  # raised inside an inner stack, answered between it and us
        except ResponseReplaced:
            return None  # the app was told to stop, and did
        except BaseException as error:
            outcome.error = error
            raise
        finally:
            if completes_of[completes]:
                ending = complete(completes_of[completes], exchange, outcome)
                if ending is not None:
                    await asettle(ending)

    ringwall.__ringwall__ = plan  # type: ignore[attr-defined]
    ringwall.app = app  # type: ignore[attr-defined]
    return ringwall


async def _judged(verdict: Any) -> Response | None:
    return checked(verdict if isinstance(verdict, Response) else await asettle(verdict))


def _hand_over(exchange: Exchange, scope: Scope) -> None:
    """Tell the app what the layers found out."""
    if exchange.identified:
        scope["user"] = scope["auth"] = exchange.principal or ANONYMOUS
    proxies = exchange.boundary.proxies
    if proxies is not None:
        if _is_rewritten(exchange, scope):
            warn_of_rewriting()
        _hand_over_headers(exchange, scope, proxies)
        secure = exchange.scheme == "https"
        if exchange.kind == "websocket":
            scope["scheme"] = "wss" if secure else "ws"
        else:
            scope["scheme"] = exchange.scheme
        if exchange.client is not None and exchange.client != exchange.peer:
            scope["client"] = (exchange.client, 0)


def _hand_over_headers(exchange: Exchange, scope: Scope, proxies: TrustedProxies) -> None:
    lines = scope.get("headers") or ()
    withheld = proxies.withheld(exchange.peer)
    kept = [line for line in lines if withheld(line[0]) is None]
    if len(kept) != len(lines):
        scope["headers"] = kept
    if proxies.tells_host and b"host" in exchange.headers:
        host = (b"host", exchange.headers[b"host"])
        if host not in kept:
            scope["headers"] = [host, *(line for line in kept if line[0] != b"host")]


def _is_rewritten(exchange: Exchange, scope: Scope) -> bool:
    """No TCP connection comes from port 0: servers put it beside an address that was forwarded.
    Where only the scheme was, nothing shows."""
    peer = scope.get("client")
    if not peer or peer[1] != 0 or exchange.parent is not None:
        return False
    return exchange.boundary.canonical_address(peer[0]) is not None


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
