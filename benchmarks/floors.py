"""Each layer as one hand-written ASGI and WSGI function: the yardstick of what it has to cost."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from ringwall import SecurityHeaders
from ringwall.headers import DISCLOSING

from . import world
from .floor_audit import audit_asgi, audit_wsgi
from .floor_rules import Bucket, Refused, Tokens, Trail, authorized, body_valid

App = Callable[..., Any]
LINES = (
    (b"strict-transport-security", world.HSTS.encode()),
    *SecurityHeaders().constant_headers,
)
NAMES = frozenset(name for name, _ in LINES)
REMOVED = frozenset(name.encode() for name in DISCLOSING)
NATIVE = tuple((name.decode(), value.decode()) for name, value in LINES)
NATIVE_NAMES = frozenset(name for name, _ in NATIVE)
_HOST = world.HOST.encode()


def transport_asgi(app: App) -> App:
    """HTTPS and host checked, HSTS and nine headers set, disclosing ones removed."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        host = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
                break
        if scope["scheme"] != "https" or host != _HOST:
            raise Refused

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
                if NAMES.isdisjoint(present):
                    headers += LINES
                else:
                    headers += [line for line in LINES if line[0] not in present]
                message = {**message, "headers": headers}
            return send(message)

        await app(scope, receive, out)

    return wrapped


def transport_wsgi(app: App) -> App:
    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["wsgi.url_scheme"] != "https" or environ["HTTP_HOST"] != world.HOST:
            raise Refused

        def start(status: str, lines: Any, exc_info: Any = None) -> Any:
            headers, present = [], set()
            for line in lines:
                name = line[0].lower()
                if name == "set-cookie":
                    line = (name, line[1] + "; Secure; HttpOnly; SameSite=Lax")
                if name not in DISCLOSING:
                    present.add(name)
                    headers.append(line)
            if NATIVE_NAMES.isdisjoint(present):
                headers += NATIVE
            else:
                headers += [line for line in NATIVE if line[0] not in present]
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapped


def ratelimit_asgi(app: App, name: str = "client", key: str | None = None) -> App:
    """GCRA by client, or by the principal's `key`, with two headers."""
    bucket = Bucket(1_000_000, 1)
    policy = (b"ratelimit-policy", b'"%b";q=1000000;w=1' % name.encode())
    line = b'"%b";r=%%d;t=1' % name.encode()

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        left = bucket.left(scope["client"][0] if key is None else scope["principal"][key])

        def out(message: Any) -> Any:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], policy, (b"ratelimit", line % left)]
                message = {**message, "headers": headers}
            return send(message)

        await app(scope, receive, out)

    return wrapped


def ratelimit_wsgi(app: App, name: str = "client", key: str | None = None) -> App:
    bucket = Bucket(1_000_000, 1)
    policy = ("RateLimit-Policy", f'"{name}";q=1000000;w=1')
    line = f'"{name}";r=%d;t=1'

    def wrapped(environ: Any, start_response: Any) -> Any:
        left = bucket.left(environ["REMOTE_ADDR"] if key is None else environ["principal"][key])

        def start(status: str, lines: Any, exc_info: Any = None) -> Any:
            headers = [*lines, policy, ("RateLimit", line % left)]
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapped


def authentication_asgi(app: App, tokens: Tokens | None = None) -> App:
    tokens = tokens or Tokens()

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7] == b"Bearer ":
                scope = {**scope, "principal": tokens.principal(value[7:])}
                return await app(scope, receive, send)
        raise Refused

    return wrapped


def authentication_wsgi(app: App, tokens: Tokens | None = None) -> App:
    tokens = tokens or Tokens()

    def wrapped(environ: Any, start_response: Any) -> Any:
        value = environ["HTTP_AUTHORIZATION"]
        if value[:7] != "Bearer ":
            raise Refused
        environ["principal"] = tokens.principal(value[7:].encode("latin-1"))
        return app(environ, start_response)

    return wrapped


def authorization_asgi(app: App) -> App:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        authorized(scope["method"], scope["path"], scope["principal"])
        await app(scope, receive, send)

    return wrapped


def authorization_wsgi(app: App) -> App:
    def wrapped(environ: Any, start_response: Any) -> Any:
        authorized(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["principal"])
        return app(environ, start_response)

    return wrapped


def validation_asgi(app: App) -> App:
    """Buffers a JSON body of at most 1 MiB, checks it, and plays it back."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] != "POST":
            await app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-type":
                if value != b"application/json":
                    raise Refused
                break
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
            if len(body) > 1_048_576:
                raise Refused
        scope = {**scope, "validated": body_valid(body)}
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Any:
            return pending.pop() if pending else await receive()

        await app(scope, again, send)

    return wrapped


def validation_wsgi(app: App) -> App:
    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "POST":
            if environ["CONTENT_TYPE"] != "application/json":
                raise Refused
            length = int(environ["CONTENT_LENGTH"])
            if length > 1_048_576:
                raise Refused
            body = environ["wsgi.input"].read(length)
            environ["validated"] = body_valid(body)
            environ["wsgi.input"] = io.BytesIO(body)
        return app(environ, start_response)

    return wrapped


def stack_asgi(app: App, trail: Trail, tokens: Tokens | None = None) -> App:
    """All of it, in the order of the README's stack."""
    app = authorization_asgi(validation_asgi(app))
    app = authentication_asgi(ratelimit_asgi(app, "principal", "sub"), tokens)
    return audit_asgi(transport_asgi(ratelimit_asgi(app)), trail)


def stack_wsgi(app: App, trail: Trail, tokens: Tokens | None = None) -> App:
    app = authorization_wsgi(validation_wsgi(app))
    app = authentication_wsgi(ratelimit_wsgi(app, "principal", "sub"), tokens)
    return audit_wsgi(transport_wsgi(ratelimit_wsgi(app)), trail)
