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


class Watching(Layer):
    """Hears of all there is, and keeps a weak eye on the exchange."""

    name = "watching"

    def __init__(self) -> None:
        self.seen: list[weakref.ref[Exchange]] = []

    def on_request(self, exchange: Exchange) -> None:
        self.seen.append(weakref.ref(exchange))

    def on_response(self, exchange: Exchange, head: Any) -> None:
        head.add(b"x-watched", b"1")

    def on_message(self, exchange: Exchange, message: Any) -> None:
        return None

    def on_complete(self, exchange: Exchange, outcome: Any) -> None:
        return None


def test_a_server_whose_start_response_knows_the_environ(no_collector: None) -> None:
    layer = Watching()

    class Task:
        def __init__(self) -> None:
            self.environ = {
                "REQUEST_METHOD": "GET",
                "wsgi.url_scheme": "https",
                "PATH_INFO": "/",
                "wsgi.input": io.BytesIO(),
            }

        def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
            assert ("x-watched", "1") in headers

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    def request() -> None:
        task = Task()
        layer.wsgi(app)(task.environ, task.start_response)

    request()
    assert [reference() for reference in layer.seen] == [None]


def test_a_websocket_with_a_layer_that_hears_its_messages(no_collector: None) -> None:
    layer = Watching()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    waiting = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        return None

    async def request() -> None:
        await layer.asgi(app)({"type": "websocket", "path": "/", "headers": []}, receive, send)

    asyncio.run(request())
    assert [reference() for reference in layer.seen] == [None]
