"""By hand: HTTPS and hosts, response headers, CORS, and what a proxy says."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from ringwall import SecurityHeaders
from ringwall.headers import DISCLOSING

from . import world
from .floor_rules import Refused

App = Callable[..., Any]
STS = (b"strict-transport-security", world.HSTS.encode())
FIXED = SecurityHeaders().constant_headers
REMOVED = frozenset(name.encode() for name in DISCLOSING)
_HOST = world.HOST.encode()


def _native(lines: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode(), value.decode()) for name, value in lines)


def hosts_asgi(app: App) -> App:
    """HTTPS, one known Host, HSTS."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        found = None
        for name, value in scope["headers"]:
            if name == b"host":
                if found is not None:
                    raise Refused
                found = value
        if scope["scheme"] != "https" or found != _HOST:
            raise Refused

        def out(message: Any) -> Any:
            if message["type"] == "http.response.start":
                headers = [line for line in message["headers"] if line[0].lower() != STS[0]]
                headers.append(STS)
                message = {**message, "headers": headers}
            return send(message)

        await app(scope, receive, out)

    return wrapped


def hosts_wsgi(app: App) -> App:
    lines = _native((STS,))

    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["wsgi.url_scheme"] != "https" or environ["HTTP_HOST"] != world.HOST:
            raise Refused

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            headers = [line for line in headers if line[0].lower() != lines[0][0]]
            headers += lines
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapped


def _completing(send: Any, names: frozenset[bytes], lines: tuple[Any, ...]) -> Any:
    """Fixed headers where the app sets none, disclosing ones gone, cookies completed."""

    def out(message: Any) -> Any:
        if message["type"] == "http.response.start":
            headers, present = [], set()
            for line in message["headers"]:
                name = line[0].lower()
                if name == b"set-cookie":
                    line = (name, line[1] + b"; Secure; HttpOnly; SameSite=Lax")
                if name not in REMOVED:
                    present.add(name)
                    headers.append(line)
            if names.isdisjoint(present):
                headers += lines
            else:
                headers += [line for line in lines if line[0] not in present]
            message = {**message, "headers": headers}
        return send(message)

    return out


def headers_asgi(app: App) -> App:
    names = frozenset(name for name, _ in FIXED)

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, _completing(send, names, FIXED))

    return wrapped


def headers_wsgi(app: App, fixed: tuple[Any, ...] = FIXED) -> App:
    lines = _native(fixed)
    names = frozenset(name for name, _ in lines)

    def wrapped(environ: Any, start_response: Any) -> Any:
        def start(status: str, given: Any, exc_info: Any = None) -> Any:
            headers, present = [], set()
            for line in given:
                name = line[0].lower()
                if name == "set-cookie":
                    line = (name, line[1] + "; Secure; HttpOnly; SameSite=Lax")
                if name not in DISCLOSING:
                    present.add(name)
                    headers.append(line)
            if names.isdisjoint(present):
                headers += lines
            else:
                headers += [line for line in lines if line[0] not in present]
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapped


def transport_asgi(app: App) -> App:
    """HTTPS, host, HSTS and the fixed headers, with one look at the response."""
    lines = (STS, *FIXED)
    names = frozenset(name for name, _ in lines)

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        found = None
        for name, value in scope["headers"]:
            if name == b"host":
                if found is not None:
                    raise Refused
                found = value
        if scope["scheme"] != "https" or found != _HOST:
            raise Refused
        await app(scope, receive, _completing(send, names, lines))

    return wrapped


def transport_wsgi(app: App) -> App:
    inner = headers_wsgi(app, (STS, *FIXED))

    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["wsgi.url_scheme"] != "https" or environ["HTTP_HOST"] != world.HOST:
            raise Refused
        return inner(environ, start_response)

    return wrapped


def cors_asgi(app: App, origin: bytes) -> App:
    """One origin may read; preflights are none of these requests."""
    granted = ((b"access-control-allow-origin", origin), (b"vary", b"Origin"))

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        found = None
        for name, value in scope["headers"]:
            if name == b"origin":
                found = value
        if scope["method"] == "OPTIONS":
            raise Refused
        lines = granted if found == origin else granted[1:]

        def out(message: Any) -> Any:
            if message["type"] == "http.response.start":
                headers = [
                    line
                    for line in message["headers"]
                    if not line[0].lower().startswith(b"access-control-")
                ]
                headers += lines
                message = {**message, "headers": headers}
            return send(message)

        await app(scope, receive, out)

    return wrapped


def cors_wsgi(app: App, origin: bytes) -> App:
    granted = (("Access-Control-Allow-Origin", origin.decode()), ("Vary", "Origin"))

    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "OPTIONS":
            raise Refused
        lines = granted if environ.get("HTTP_ORIGIN") == granted[0][1] else granted[1:]

        def start(status: str, given: Any, exc_info: Any = None) -> Any:
            headers = [line for line in given if not line[0].lower().startswith("access-control-")]
            headers += lines
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapped


def _client(chain: str, trusted: frozenset[str]) -> str:
    """The last address that is none of the proxies; only a real address counts."""
    for each in reversed(chain.split(",")):
        address = str(ip_address(each.strip()))
        if address not in trusted:
            return address
    raise Refused


_WITHHELD = (b"x-forwarded-host", b"x-forwarded-ssl", b"x-forwarded-scheme", b"forwarded")


def proxies_asgi(app: App, trusted: frozenset[str]) -> App:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["client"][0] not in trusted:
            raise Refused
        headers, chain, scheme = [], None, None
        for line in scope["headers"]:
            name = line[0]
            if name == b"x-forwarded-for":
                chain = line[1]
            elif name == b"x-forwarded-proto":
                scheme = line[1]
            if name not in _WITHHELD:
                headers.append(line)
        if chain is None or scheme not in (b"http", b"https"):
            raise Refused
        client = _client(chain.decode("latin-1"), trusted)
        scope = {**scope, "headers": headers, "client": (client, 0), "scheme": scheme.decode()}
        await app(scope, receive, send)

    return wrapped


def proxies_wsgi(app: App, trusted: frozenset[str]) -> App:
    withheld = tuple("HTTP_" + name.decode().upper().replace("-", "_") for name in _WITHHELD)

    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["REMOTE_ADDR"] not in trusted:
            raise Refused
        scheme = environ["HTTP_X_FORWARDED_PROTO"]
        if scheme not in ("http", "https"):
            raise Refused
        environ["REMOTE_ADDR"] = _client(environ["HTTP_X_FORWARDED_FOR"], trusted)
        environ["wsgi.url_scheme"] = scheme
        for name in withheld:
            environ.pop(name, None)
        return app(environ, start_response)

    return wrapped
