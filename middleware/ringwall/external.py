"""The same stack as an endpoint for a proxy that asks before it forwards.

For nginx `auth_request`, Traefik ForwardAuth, Caddy `forward_auth`, and Envoy `ext_authz` (HTTP).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from ._errors import ConfigurationError, did_you_mean
from ._exchange import KEY
from ._response_body import needs_a_cut
from .asgi import ASGIApp
from .context import principal_of
from .principal import Principal
from .problem import Header, problem
from .stack import Stack
from .wsgi import WSGIApp

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}\Z")
# A request target in origin form, as sent. A fragment never is one, but some parsers cut at `#`.
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*\Z")
# Two lines that a WSGI server joined, one of them not the proxy's: `/public/,/admin`.
_JOINED = re.compile(r",[ \t]*/")
_REACHED = "ringwall.external"
# The subrequest has none of the body that these tell of.
_OF_BODY = frozenset({"content-length", "content-type", "transfer-encoding", "expect"})

_REFUSED = problem(403, "The proxy did not tell the original request.", code="malformed-subrequest")
_NOT_ALLOWED = problem(403, "This cannot be let through.", code="forbidden")


class _Dialect(NamedTuple):
    """Headers with the original method, target, and host; None: as the subrequest has it."""

    method: str | None
    target: str | None
    host: str | None
    only_401_403: bool = False


_DIALECTS = {
    "nginx": _Dialect("x-original-method", "x-original-uri", None, only_401_403=True),
    "traefik": _Dialect("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
    "caddy": _Dialect("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
    "envoy": _Dialect(None, None, None),
}


class _Original(NamedTuple):
    method: str
    path: bytes
    query: bytes
    raw: bytes
    host: str | None


class _Answer(NamedTuple):
    status: int
    headers: list[Header]
    body: bytes


class ExternalAuthorizer:
    """Made by `extauthz`. `asgi` and `wsgi` are the apps to serve."""

    def __init__(self, stack: Stack, dialect: str, prefix: str) -> None:
        if not isinstance(stack, Stack) or not stack.layers:
            raise ConfigurationError("extauthz takes a Stack(...) with layers")
        if dialect not in _DIALECTS:
            raise ConfigurationError(
                f"unknown dialect {dialect!r}{did_you_mean(str(dialect), _DIALECTS)}"
            )
        if prefix and (dialect != "envoy" or not prefix.startswith("/") or prefix.endswith("/")):
            raise ConfigurationError("prefix= is Envoy's path_prefix, such as '/authz'")
        for layer in stack.layers:
            policy = getattr(layer, "policy", None)
            reads = not layer.observes and b"content-type" in layer.wants
            if reads or getattr(policy, "reads_body", False) or needs_a_cut(layer):
                raise ConfigurationError(
                    f"{type(layer).__name__} reads bodies, which a proxy does not send along; keep"
                    " such rules in a stack around the app"
                )
        self._stack = stack
        self._dialect = _DIALECTS[dialect]
        self._prefix = prefix

    @cached_property
    def asgi(self) -> ASGIApp:
        """The ASGI app."""
        wrapped = self._stack.asgi(_asgi_reached)

        async def authorize(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await _lifespan(receive, send)
                return
            if scope["type"] != "http":
                await send({"type": "websocket.close", "code": 1008})
                return
            lines = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
            raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
            target = _join(raw.decode("latin-1"), scope.get("query_string", b"").decode("latin-1"))
            original = self._read(lines, scope["method"], target)
            reached: list[bool] = []
            answer = _Answer(_REFUSED.status, list(_REFUSED.headers), _REFUSED.body)
            if original is not None:
                kept = _kept_lines(lines, original.host)
                inner = {key: value for key, value in scope.items() if key != KEY} | {
                    "method": original.method,
                    "path": original.path.decode("utf-8", "replace"),
                    "raw_path": original.raw,
                    "query_string": original.query,
                    "root_path": "",
                    "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in kept],
                    _REACHED: reached,
                }
                answer = await _asgi_answer(wrapped, inner)
            status, headers, body = self._judge(answer, reached)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else body
            await send({"type": "http.response.body", "body": body})

        return authorize

    @cached_property
    def wsgi(self) -> WSGIApp:
        """The WSGI app."""
        wrapped = self._stack.wsgi(_wsgi_reached)

        def authorize(environ: Any, start_response: Any) -> Iterable[bytes]:
            lines = [
                (key[5:].replace("_", "-").lower(), value)
                for key, value in environ.items()
                if key.startswith("HTTP_") and isinstance(value, str)
            ]
            raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
            if not raw:
                path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
                raw = _join(quote(path.encode("latin-1")), environ.get("QUERY_STRING", ""))
            original = self._read(lines, environ["REQUEST_METHOD"], raw, joined=True)
            reached: list[bool] = []
            answer = _Answer(_REFUSED.status, list(_REFUSED.headers), _REFUSED.body)
            if original is not None:
                inner = {key: value for key, value in environ.items() if not _is_of_body(key)}
                inner |= {
                    "REQUEST_METHOD": original.method,
                    "SCRIPT_NAME": "",
                    "PATH_INFO": original.path.decode("latin-1"),
                    "QUERY_STRING": original.query.decode("ascii"),
                    "RAW_URI": original.raw.decode("ascii"),
                    "REQUEST_URI": original.raw.decode("ascii"),
                    "wsgi.input": io.BytesIO(),
                    _REACHED: reached,
                }
                if original.host is not None:
                    inner["HTTP_HOST"] = original.host
                answer = _wsgi_answer(wrapped, inner)
            status, headers, body = self._judge(answer, reached)
            start_response(
                f"{status} {'OK' if status == 200 else 'Refused'}",
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
            )
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

        return authorize

    def _read(
        self, lines: list[tuple[str, str]], method: str, target: str, joined: bool = False
    ) -> _Original | None:
        """The original request; None where it is not told, or told twice."""
        headers: dict[str, list[str]] = {}
        for name, value in lines:
            headers.setdefault(name, []).append(value)
        dialect = self._dialect
        if dialect.method is not None and dialect.target is not None:
            methods = headers.get(dialect.method, [])
            targets = headers.get(dialect.target, [])
            if len(methods) != 1 or len(targets) != 1:
                return None
            method, target = methods[0], targets[0]
            if joined and _JOINED.search(target):
                return None
        elif not target.startswith(self._prefix + "/"):
            return None
        else:
            target = target[len(self._prefix) :]
        hosts = [] if dialect.host is None else headers.get(dialect.host, [])
        # A websocket would be judged as the GET that it is not.
        upgrades = "websocket" in ",".join(headers.get("upgrade", [])).lower()
        if not _METHOD.match(method) or not _TARGET.match(target) or len(hosts) > 1 or upgrades:
            return None
        path, _, query = target.partition("?")
        return _Original(
            method,
            unquote_to_bytes(path),
            query.encode("ascii"),
            path.encode("ascii"),
            hosts[0] if hosts else None,
        )

    def _judge(self, answer: _Answer, reached: list[bool]) -> _Answer:
        """What the proxy is told. Only what passed every layer is let through: a 204 that a layer
        gave to a preflight is no permission."""
        status, headers, body = answer
        if status < 300 and not reached:
            status, headers, body = 403, list(_NOT_ALLOWED.headers), _NOT_ALLOWED.body
        elif self._dialect.only_401_403 and 300 <= status < 500 and status != 401:
            status = 403  # nginx makes a 500 of all others
        kept = [line for line in headers if line[0].lower() != b"content-length"]
        return _Answer(status, [*kept, (b"content-length", b"%d" % len(body))], body)


def extauthz(stack: Stack, *, dialect: str, prefix: str = "") -> ExternalAuthorizer:
    """A stack as an endpoint that a proxy asks for permission before it forwards a request.

    What passes all layers is answered with 200 and `X-Ringwall-Subject`, `X-Ringwall-Scopes` and
    `X-Ringwall-Roles`, percent-encoded, each always there, so that copying them overwrites what a
    client sent: they are empty for anonymous requests. Everything else is a refusal. Address,
    scheme and, under nginx, host of the original request come from the usual headers: name the
    proxy in the stack's `proxies=`. Websocket handshakes are refused.

    Parameters:
        stack: its layers judge the original request; none may read bodies.
        dialect: "nginx" (set `X-Original-Method $request_method` and `X-Original-URI $request_uri`
            with `proxy_set_header`; where the app serves websockets, also `Upgrade $http_upgrade`,
            without which nginx hides that it is asked for one), "traefik" (leave
            `trustForwardHeader` false), "caddy", or "envoy" (with
            `failure_mode_allow: false`). It is never guessed.
        prefix: for Envoy its `path_prefix`.

    Returns:
        An object whose `asgi` and `wsgi` are the apps to serve, reachable for the proxy alone.

    Raises:
        ConfigurationError: another dialect, or a layer that reads bodies.

    >>> from ringwall import Authorization, Stack, public
    >>> app = extauthz(Stack(Authorization(public("GET", "/"))), dialect="nginx").wsgi
    """
    return ExternalAuthorizer(stack, dialect, prefix)


def _join(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _is_of_body(key: str) -> bool:
    return key == KEY or key.removeprefix("HTTP_").replace("_", "-").lower() in _OF_BODY


def _kept_lines(lines: list[tuple[str, str]], host: str | None) -> list[tuple[str, str]]:
    kept = [line for line in lines if line[0] not in _OF_BODY]
    if host is None:
        return kept
    return [("host", host), *(line for line in kept if line[0] != "host")]


def _identity(principal: Principal | None) -> list[Header]:
    subject = scopes = roles = ""
    if principal is not None:
        subject = _encode(principal.subject)
        scopes = " ".join(sorted(map(_encode, principal.scopes)))
        roles = ",".join(sorted(map(_encode, principal.roles)))
    return [
        (b"x-ringwall-subject", subject.encode("ascii")),
        (b"x-ringwall-scopes", scopes.encode("ascii")),
        (b"x-ringwall-roles", roles.encode("ascii")),
    ]


def _encode(text: str) -> str:
    """No control and no comma: a value cannot become two."""
    return quote(text, safe="!$&'()*+/:;=?@|", errors="replace")


async def _asgi_reached(scope: Any, receive: Any, send: Any) -> None:
    scope[_REACHED].append(True)
    headers = _identity(principal_of(scope))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _wsgi_reached(environ: Any, start_response: Any) -> Iterable[bytes]:
    environ[_REACHED].append(True)
    lines = _identity(principal_of(environ))
    start_response("200 OK", [(name.decode(), value.decode()) for name, value in lines])
    return [b""]


async def _asgi_answer(app: ASGIApp, scope: dict[str, Any]) -> _Answer:
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return _Answer(sent[0]["status"], list(sent[0]["headers"]), body)


def _wsgi_answer(app: WSGIApp, environ: dict[str, Any]) -> _Answer:
    head: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        head[:] = [int(status[:3]), headers]

    result = app(environ, start_response)
    try:
        body = b"".join(result)
    finally:
        getattr(result, "close", lambda: None)()
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in head[1]]
    return _Answer(head[0], lines, body)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
