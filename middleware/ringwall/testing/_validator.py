"""A check of the ASGI specification (3.0, HTTP and WebSocket 2.x, lifespan 2.0), for both sides.

Put it around a layer and it checks what the layer sends; put it inside and it checks what the layer
hands to the app: `validate_asgi(layer.asgi(validate_asgi(app)))`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..asgi import ASGIApp, Message, Receive, Scope, Send

_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"}
)
# Messages that an extension adds; they may stand anywhere before the end of the response.
_EXTRA = frozenset(
    {
        "http.response.push",
        "http.response.early_hint",
        "http.response.debug",
    }
)


class ASGIViolation(AssertionError):
    """One of the two sides breaks the ASGI specification."""


def validate_asgi(app: ASGIApp) -> ASGIApp:
    """Wrap an app so that every breach of the specification raises, on either side.

    Raises (into the side at fault):
        ASGIViolation: what is wrong.
    """

    async def validator(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        checks = {"http": _HTTP, "websocket": _WebSocket, "lifespan": _Lifespan}.get(kind)
        if checks is None:
            await app(scope, receive, send)
            return
        check = checks(scope)

        async def checked_receive() -> Message:
            message = await receive()
            _require(isinstance(message, dict), "a received message is no dict")
            check.received(message)
            return message

        async def checked_send(message: Message) -> None:
            _require(isinstance(message, dict), "a sent message is no dict")
            check.sent(message)
            await send(message)

        await app(scope, checked_receive, checked_send)
        check.returned()

    return validator


def _require(condition: object, complaint: str) -> None:
    if not condition:
        raise ASGIViolation(complaint)


def _typed(given: Any, name: str, kinds: Any, complaint: str) -> None:
    if name in given:
        _require(isinstance(given[name], kinds), f"{complaint}: {name} is {given[name]!r:.60}")


def _headers(lines: Any, where: str, *, sent: bool, may_close: bool = False) -> None:
    if not isinstance(lines, Iterable) or isinstance(lines, (bytes, str, dict)):
        raise ASGIViolation(where)
    for line in lines:
        _require(isinstance(line, (list, tuple)) and len(line) == 2, f"{where}: no pair")
        name, value = line
        _require(isinstance(name, bytes) and isinstance(value, bytes), f"{where}: not bytes")
        _require(name and not set(name) - _TOKEN, f"{where}: name {name!r} is no lower-case token")
        _require(not set(value) & {0, 10, 13}, f"{where}: value of {name!r} splits the message")
        if sent:
            closes = may_close and (name, value) == (b"connection", b"close")
            _require(closes or name not in _HOP_BY_HOP, f"{where}: hop-by-hop header {name!r}")


class _Check:
    """What is common to every kind of scope."""

    def __init__(self, scope: Scope) -> None:
        _require(isinstance(scope, dict), "the scope is no dict")
        _require(isinstance(scope.get("asgi"), dict), "the scope has no dict 'asgi'")
        _typed(scope, "state", dict, "scope")
        _typed(scope, "extensions", (dict, type(None)), "scope")
        self.scope = scope
        self.check_scope(scope)

    def check_scope(self, scope: Scope) -> None: ...
    def received(self, message: Message) -> None: ...
    def sent(self, message: Message) -> None: ...
    def returned(self) -> None: ...


def _check_request(scope: Scope) -> None:
    _require(isinstance(scope.get("path"), str), "scope: path is no str")
    _typed(scope, "raw_path", (bytes, type(None)), "scope")
    _require(isinstance(scope.get("query_string"), bytes), "scope: query_string is no bytes")
    _typed(scope, "root_path", str, "scope")
    _typed(scope, "http_version", str, "scope")
    _headers(scope.get("headers", ()), "scope: headers", sent=False)
    for name, ports in (("client", (int,)), ("server", (int, type(None)))):
        end = scope.get(name)
        if end is not None:
            _require(
                isinstance(end, (list, tuple))
                and len(end) == 2
                and isinstance(end[0], str)
                and isinstance(end[1], ports),
                f"scope: {name} is {end!r}",
            )


class _Response:
    """The order of the messages of one response; `prefix` tells whose. may_close: over HTTP/1 it
    may ask to end the connection, which servers do; HTTP/2 has no such header (RFC 9113 section
    8.2.2)."""

    def __init__(self, prefix: str, method: str | None, may_close: bool = False) -> None:
        self.prefix = prefix
        self.may_close = may_close
        self.state = "before"
        self.trailers = False

    def sent(self, message: Message) -> None:
        kind, state = message["type"], self.state
        if kind == f"{self.prefix}.start":
            _require(state == "before", f"{kind} after the response has begun")
            status = message.get("status")
            _require(isinstance(status, int) and 200 <= status <= 599, f"status is {status!r}")
            lines = message.get("headers", ())
            _headers(lines, f"{kind}: headers", sent=True, may_close=self.may_close)
            _typed(message, "trailers", bool, kind)
            self.trailers = message.get("trailers", False)
            self.state = "started"
        elif kind in (f"{self.prefix}.body", "http.response.zerocopysend"):
            self._body(message, state)
        elif kind == "http.response.pathsend":
            self._body({"type": kind}, state)
        elif kind == "http.response.trailers":
            _require(self.trailers and state == "trailers", f"{kind} out of order")
            _headers(message.get("headers", ()), f"{kind}: headers", sent=True)
            self.state = "trailers" if message.get("more_trailers", False) else "ended"
        elif kind in _EXTRA:
            _require(state != "ended", f"{kind} after the end")
            if kind == "http.response.debug":
                _require(state == "before", f"{kind} after the response has begun")
        else:
            raise ASGIViolation(f"unknown message {kind!r} in state {state!r}")

    def _body(self, message: Message, state: str) -> None:
        kind = message["type"]
        _require(state == "started", f"{kind} in state {state!r}")
        _typed(message, "body", bytes, kind)
        _typed(message, "more_body", bool, kind)
        if not message.get("more_body", False):
            self.state = "trailers" if self.trailers else "ended"


class _HTTP(_Check):
    def check_scope(self, scope: Scope) -> None:
        _check_request(scope)
        method = scope.get("method")
        _require(isinstance(method, str) and method, f"scope: method is {method!r}")
        _require(scope.get("scheme", "http") in ("http", "https"), "scope: scheme")
        may_close = scope.get("http_version", "")[:1] == "1"
        self._response = _Response("http.response", method, may_close)
        self._body_ended = self._gone = False

    def received(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.disconnect":
            self._gone = True
            return
        _require(kind == "http.request", f"received {kind!r}")
        _require(not self._body_ended, "a body message after the last one")
        _require(not self._gone, "a body message after the disconnect")
        _typed(message, "body", bytes, kind)
        _typed(message, "more_body", bool, kind)
        self._body_ended = not message.get("more_body", False)

    def sent(self, message: Message) -> None:
        self._response.sent(message)

    def returned(self) -> None:
        _require(
            self._gone or self._response.state == "ended",
            f"the app returned with its response in state {self._response.state!r}",
        )


class _WebSocket(_Check):
    def check_scope(self, scope: Scope) -> None:
        _check_request(scope)
        _require(scope.get("scheme", "ws") in ("ws", "wss"), "scope: scheme")
        self._state = "new"
        self._response = _Response("websocket.http.response", None)

    def received(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.connect":
            _require(self._state == "new", "a second websocket.connect")
            self._state = "connecting"
        elif kind == "websocket.receive":
            _require(self._state == "open", f"{kind} in state {self._state!r}")
            data = [message.get(name) for name in ("bytes", "text")]
            _require(data.count(None) == 1, f"{kind}: either bytes or text")
            _typed(message, "bytes", (bytes, type(None)), kind)
            _typed(message, "text", (str, type(None)), kind)
        else:
            _require(kind == "websocket.disconnect", f"received {kind!r}")
            _typed(message, "code", int, kind)
            self._state = "closed"

    def sent(self, message: Message) -> None:
        kind, state = message["type"], self._state
        if kind == "websocket.accept":
            _require(state == "connecting", f"{kind} in state {state!r}")
            _typed(message, "subprotocol", (str, type(None)), kind)
            _headers(message.get("headers", ()), f"{kind}: headers", sent=True)
            self._state = "open"
        elif kind == "websocket.send":
            _require(state == "open", f"{kind} in state {state!r}")
            data = [message.get(name) for name in ("bytes", "text")]
            _require(data.count(None) == 1, f"{kind}: either bytes or text")
        elif kind == "websocket.close":
            _require(state in ("connecting", "open"), f"{kind} in state {state!r}")
            _typed(message, "code", int, kind)
            _typed(message, "reason", (str, type(None)), kind)
            self._state = "closed"
        else:
            _require(state in ("connecting", "denied"), f"{kind} in state {state!r}")
            offered = "websocket.http.response" in (self.scope.get("extensions") or ())
            _require(offered, f"{kind}, which the server does not offer")
            self._response.sent(message)
            self._state = "closed" if self._response.state == "ended" else "denied"

    def returned(self) -> None:
        _require(
            self._state in ("open", "closed"),
            f"the app returned with its socket {self._state!r}",
        )


class _Lifespan(_Check):
    def check_scope(self, scope: Scope) -> None:
        self._phase, self._answered = "", True

    def received(self, message: Message) -> None:
        kind = message["type"]
        phases = {"": "lifespan.startup", "lifespan.startup": "lifespan.shutdown"}
        _require(kind == phases.get(self._phase), f"received {kind!r} after {self._phase!r}")
        _require(self._answered, f"received {kind!r} before the answer to {self._phase!r}")
        self._phase, self._answered = kind, False

    def sent(self, message: Message) -> None:
        kind = message["type"]
        _require(not self._answered, f"{kind} answers nothing")
        _require(kind in (f"{self._phase}.complete", f"{self._phase}.failed"), f"sent {kind!r}")
        _typed(message, "message", str, kind)
        self._answered = True
