"""What a layer asks for after the app was there is what was there before the app."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from ringwall import Exchange, Layer, Outcome, Stack
from ringwall._layer import ResponseHead

ASKED = ("root", "path", "raw_path", "query", "peer", "client", "host", "scheme", "method")
EXPECTED = {
    "root": "/mount",
    "path": "/orders",
    "raw_path": b"/mount/orders",
    "query": b"a=1",
    "peer": "192.0.2.7",
    "client": "192.0.2.7",
    "host": ("api.example.com", None, False),
    "scheme": "https",
    "method": "POST",
    "headers": {b"host": b"api.example.com", b"x-want": b"1"},
}


class Late(Layer):
    """Asks in one hook only, and never before the app."""

    name = "late"
    wants = frozenset({b"x-want"})

    def __init__(self, hook: str) -> None:
        self.seen: dict[str, Any] = {}
        if hook == "on_response":
            self.on_response = self._on_response  # type: ignore[method-assign]
        else:
            self.on_complete = self._on_complete  # type: ignore[method-assign]

    def _on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        self._ask(exchange)

    def _on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        self._ask(exchange)

    def _ask(self, exchange: Exchange) -> None:
        self.seen = {name: getattr(exchange, name) for name in ASKED}
        self.seen["headers"] = dict(exchange.headers)


def ask_asgi(app_of: Any) -> None:
    async def spoiling(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"][:] = [(b"host", b"evil.example"), (b"x-want", b"2")]
        scope["client"][0] = "6.6.6.6"
        scope.update(path="/evil", root_path="", raw_path=b"/evil", query_string=b"evil")
        scope.update(method="GET", scheme="http", client=("6.6.6.6", 1))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        return None

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/mount/orders",
        "root_path": "/mount",
        "raw_path": b"/mount/orders",
        "query_string": b"a=1",
        "headers": [(b"host", b"api.example.com"), (b"x-want", b"1")],
        "client": ["192.0.2.7", 5000],
    }
    asyncio.run(app_of("asgi", spoiling)(scope, None, send))


def ask_wsgi(app_of: Any) -> None:
    def spoiling(environ: Any, start_response: Any) -> list[bytes]:
        for key in [key for key, value in environ.items() if isinstance(value, str)]:
            environ[key] = "evil"
        start_response("200 OK", [])
        return [b""]

    environ = {
        "REQUEST_METHOD": "POST",
        "wsgi.url_scheme": "https",
        "SCRIPT_NAME": "/mount",
        "PATH_INFO": "/orders",
        "REQUEST_URI": "/mount/orders?a=1",
        "QUERY_STRING": "a=1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "api.example.com",
        "HTTP_X_WANT": "1",
        "wsgi.input": io.BytesIO(),
    }
    app_of("wsgi", spoiling)(environ, lambda status, headers, exc_info=None: None)


@pytest.mark.parametrize("hook", ["on_response", "on_complete"])
@pytest.mark.parametrize("ask", [ask_asgi, ask_wsgi])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_an_app_that_changes_its_request_changes_nothing_for_layers(
    hook: str, ask: Any, nested: bool, times: int
) -> None:
    late = Late(hook)

    def app_of(interface: str, app: Any) -> Any:
        inner = getattr(Stack(Layer()), interface)(app) if nested else app
        return getattr(Stack(late), interface)(inner)

    for _ in range(times):  # a host that is known takes a quicker way
        ask(app_of)
        assert late.seen == EXPECTED
