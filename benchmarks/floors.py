"""Each layer as one hand-written ASGI and WSGI function: the yardstick of what it has to cost."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from .floor_audit import Trail, audit_asgi, audit_wsgi
from .floor_rules import Bucket, Keys, Refused, Tokens, authorized, body_valid
from .floor_transport import transport_asgi, transport_wsgi

App = Callable[..., Any]
_LIMIT = 1_048_576


def ratelimit_asgi(app: App, name: str = "client", key: str | None = None) -> App:
    """GCRA by client, or by the principal's `key`, with two headers."""
    bucket = Bucket(1_000_000, 1, threads=False)
    policy = (b"ratelimit-policy", b'"%b";q=1000000;w=1' % name.encode())
    line = b'"%b";r=%%d;t=1' % name.encode()

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        left = bucket.left(scope["client"][0] if key is None else scope["state"]["principal"][key])

        def out(message: Any) -> Any:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], policy, (b"ratelimit", line % left)]
                message = {**message, "headers": headers}
            return send(message)

        await app(scope, receive, out)

    return wrapped


def ratelimit_wsgi(app: App, name: str = "client", key: str | None = None) -> App:
    bucket = Bucket(1_000_000, 1, threads=True)
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
    """One bearer token, and one alone."""
    tokens = tokens or Tokens()

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        found = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                if found is not None:
                    raise Refused
                found = value
        if found is None or found[:7] != b"Bearer ":
            raise Refused
        scope["state"]["principal"] = tokens.principal(found[7:])
        await app(scope, receive, send)

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


def api_key_asgi(app: App, id: str, digest: bytes) -> App:
    """One key among those in a table, by its SHA-256."""
    keys = Keys({id: digest})

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        found = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                if found is not None:
                    raise Refused
                found = value
        if found is None or found[:7] != b"ApiKey ":
            raise Refused
        scope["state"]["principal"] = keys.principal(found[7:])
        await app(scope, receive, send)

    return wrapped


def api_key_wsgi(app: App, id: str, digest: bytes) -> App:
    keys = Keys({id: digest})

    def wrapped(environ: Any, start_response: Any) -> Any:
        value = environ["HTTP_AUTHORIZATION"]
        if value[:7] != "ApiKey ":
            raise Refused
        environ["principal"] = keys.principal(value[7:].encode("latin-1"))
        return app(environ, start_response)

    return wrapped


def authorization_asgi(app: App) -> App:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        state = scope["state"]
        state["route"] = authorized(scope["method"], scope["path"], state["principal"])
        await app(scope, receive, send)

    return wrapped


def authorization_wsgi(app: App) -> App:
    def wrapped(environ: Any, start_response: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        environ["route"] = authorized(method, path, environ["principal"])
        return app(environ, start_response)

    return wrapped


def validation_asgi(app: App, check: Callable[[bytes], Any] = body_valid) -> App:
    """Buffers a JSON body of at most 1 MiB, checks it, and plays it back."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] != "POST":
            await app(scope, receive, send)
            return
        kind = None
        for name, value in scope["headers"]:
            if name == b"content-type":
                kind = value
            elif name == b"content-length" and int(value) > _LIMIT:
                raise Refused
        if kind != b"application/json":
            raise Refused
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
            if len(body) > _LIMIT:
                raise Refused
        if len(body) > _LIMIT:
            raise Refused
        scope["state"]["body"] = check(body)
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Any:
            return pending.pop() if pending else await receive()

        await app(scope, again, send)

    return wrapped


def validation_wsgi(app: App, check: Callable[[bytes], Any] = body_valid) -> App:
    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "POST":
            if environ["CONTENT_TYPE"] != "application/json":
                raise Refused
            length = int(environ["CONTENT_LENGTH"])
            if length > _LIMIT:
                raise Refused
            body = environ["wsgi.input"].read(length)
            environ["validated"] = check(body)
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
