"""Nothing of a request outlives it: exchange, body and app data go without the cyclic collector."""

from __future__ import annotations

import asyncio
import gc
import io
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from ringwall import Exchange, Layer, Pending, Response


class Reader(Layer):
    """Reads each body and keeps a weak eye on the exchange."""

    name = "reader"

    def __init__(self) -> None:
        self.seen: list[weakref.ref[Exchange]] = []

    def on_request(self, exchange: Exchange) -> Pending[Response | None]:
        self.seen.append(weakref.ref(exchange))
        return self._read(exchange)

    def _read(self, exchange: Exchange) -> Pending[Response | None]:
        body = yield from exchange.read_body(1000)
        return Response(403) if body == b"no" else None


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("body", [b"yes", b"no"])
def test_asgi(no_collector: None, body: bytes) -> None:
    layer = Reader()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"yes"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        return None

    async def request() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        await layer.asgi(app)(scope, receive, send)

    asyncio.run(request())
    assert [reference() for reference in layer.seen] == [None]


@pytest.mark.parametrize("body", [b"yes", b"no"])
def test_wsgi(no_collector: None, body: bytes) -> None:
    layer = Reader()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        assert environ["wsgi.input"].read() == b"yes"
        start_response("204 No Content", [])
        return []

    def request() -> None:
        environ = {
            "REQUEST_METHOD": "POST",
            "wsgi.url_scheme": "https",
            "PATH_INFO": "/",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        layer.wsgi(app)(environ, lambda status, headers, exc_info=None: lambda data: None)

    request()
    assert [reference() for reference in layer.seen] == [None]
