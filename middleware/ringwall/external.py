"""The same stack as an endpoint for a proxy that asks before it forwards.

For nginx `auth_request`, Traefik ForwardAuth, Caddy `forward_auth`, and Envoy `ext_authz` (HTTP).
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import cached_property
from typing import Any
from urllib.parse import quote

from ._errors import ConfigurationError, did_you_mean
from ._exchange import KEY
from ._external_answer import (
    REACHED,
    REFUSED,
    asgi_answer,
    asgi_reached,
    judge,
    wsgi_answer,
    wsgi_reached,
)
from ._external_request import DIALECTS, is_of_body, join, kept_lines, read
from ._response_body import needs_a_cut
from .asgi import ASGIApp
from .stack import Stack
from .wsgi import WSGIApp


class ExternalAuthorizer:
    """Made by `extauthz`. `asgi` and `wsgi` are the apps to serve."""

    def __init__(self, stack: Stack, dialect: str, prefix: str) -> None:
        if not isinstance(stack, Stack) or not stack.layers:
            raise ConfigurationError("extauthz takes a Stack(...) with layers")
        if dialect not in DIALECTS:
            raise ConfigurationError(
                f"unknown dialect {dialect!r}{did_you_mean(str(dialect), DIALECTS)}"
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
        self._dialect = DIALECTS[dialect]
        self._prefix = prefix

    @cached_property
    def asgi(self) -> ASGIApp:
        """The ASGI app."""
        wrapped = self._stack.asgi(asgi_reached)

        async def authorize(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await _lifespan(receive, send)
                return
            if scope["type"] != "http":
                await send({"type": "websocket.close", "code": 1008})
                return
            lines = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
            raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
            target = join(raw.decode("latin-1"), scope.get("query_string", b"").decode("latin-1"))
            original = read(self._dialect, self._prefix, lines, scope["method"], target)
            reached: list[bool] = []
            answer = REFUSED
            if original is not None:
                kept = kept_lines(lines, original.host)
                inner = {key: value for key, value in scope.items() if key != KEY} | {
                    "method": original.method,
                    "path": original.path.decode("utf-8", "replace"),
                    "raw_path": original.raw,
                    "query_string": original.query,
                    "root_path": "",
                    "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in kept],
                    REACHED: reached,
                }
                answer = await asgi_answer(wrapped, inner)
            status, headers, body = judge(answer, reached, self._dialect.only_401_403)
            await send({"type": "http.response.start", "status": status, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else body
            await send({"type": "http.response.body", "body": body})

        return authorize

    @cached_property
    def wsgi(self) -> WSGIApp:
        """The WSGI app."""
        wrapped = self._stack.wsgi(wsgi_reached)

        def authorize(environ: Any, start_response: Any) -> Iterable[bytes]:
            lines = [
                (key[5:].replace("_", "-").lower(), value)
                for key, value in environ.items()
                if key.startswith("HTTP_") and isinstance(value, str)
            ]
            raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
            if not raw:
                path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
                raw = join(quote(path.encode("latin-1")), environ.get("QUERY_STRING", ""))
            original = read(
                self._dialect, self._prefix, lines, environ["REQUEST_METHOD"], raw, joined=True
            )
            reached: list[bool] = []
            answer = REFUSED
            if original is not None:
                inner = {key: value for key, value in environ.items() if not is_of_body(key)}
                inner |= {
                    "REQUEST_METHOD": original.method,
                    "SCRIPT_NAME": "",
                    "PATH_INFO": original.path.decode("latin-1"),
                    "QUERY_STRING": original.query.decode("ascii"),
                    "RAW_URI": original.raw.decode("ascii"),
                    "REQUEST_URI": original.raw.decode("ascii"),
                    "wsgi.input": io.BytesIO(),
                    REACHED: reached,
                }
                if original.host is not None:
                    inner["HTTP_HOST"] = original.host
                answer = wsgi_answer(wrapped, inner)
            status, headers, body = judge(answer, reached, self._dialect.only_401_403)
            start_response(
                f"{status} {'OK' if status == 200 else 'Refused'}",
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
            )
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

        return authorize


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


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
