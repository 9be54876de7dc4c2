"""Sizes of bodies, counted as they pass: nothing is held back, and a stream is counted to its end.

Only where a layer asked for it (`wants_sizes`) does anything stand around an app for this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any

from ._exchange import KEY, Exchange


def measured_asgi(app: Any) -> Any:
    """An ASGI app whose bodies are counted on the exchange of the stack around it."""

    async def measured(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        exchange: Exchange = scope[KEY]

        async def counted() -> Any:
            message = await receive()
            body = message.get("body")
            if body:
                exchange.received = (exchange.received or 0) + len(body)
            return message

        known = True

        def out(message: Any) -> Awaitable[None]:
            nonlocal known
            kind = message["type"]
            if kind == "http.response.body" and known:
                exchange.sent = (exchange.sent or 0) + len(message.get("body") or b"")
            elif kind in ("http.response.pathsend", "http.response.zerocopysend"):
                exchange.sent, known = None, False  # the server reads a file
            result: Awaitable[None] = send(message)
            return result

        declared = b"content-length" in exchange.headers
        await app(scope, receive if declared else counted, out)

    return measured


def measured_wsgi(app: Any) -> Any:
    """A WSGI app whose bodies are counted on the exchange of the stack around it."""

    def measured(environ: Any, start_response: Any) -> Any:
        exchange: Exchange = environ[KEY]
        if not environ.get("CONTENT_LENGTH") and environ.get("wsgi.input_terminated"):
            environ["wsgi.input"] = _Input(environ["wsgi.input"], exchange)

        def start(status: str, headers: Any, *info: Any) -> Any:
            write = start_response(status, headers, *info)
            if not callable(write):  # some servers have none
                return write

            def counted(data: bytes) -> Any:
                exchange.sent = (exchange.sent or 0) + len(data)
                return write(data)

            return counted

        result = app(environ, start)
        if isinstance(result, (list, tuple)):
            exchange.sent = (exchange.sent or 0) + sum(map(len, result))
            return result
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(result, wrapper):
            return result  # the server reads a file, and wants back what it made
        return _Chunks(result, exchange)

    return measured


class _Chunks:
    """An app's iterable, chunk for chunk."""

    def __init__(self, result: Iterable[bytes], exchange: Exchange) -> None:
        self._result = result
        self._chunks: Iterator[bytes] | None = None
        self._exchange = exchange
        close = getattr(result, "close", None)
        if close is not None:
            self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._chunks is None:
            self._chunks = iter(self._result)
            self._exchange.sent = self._exchange.sent or 0
        chunk = next(self._chunks)
        self._exchange.sent = (self._exchange.sent or 0) + len(chunk)
        return chunk


class _Input:
    """`wsgi.input` of a body whose length was not declared."""

    def __init__(self, source: Any, exchange: Exchange) -> None:
        self._source = source
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def _count(self, data: bytes) -> bytes:
        if data:
            self._exchange.received = (self._exchange.received or 0) + len(data)
        return data

    def read(self, *size: int) -> bytes:
        return self._count(self._source.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._count(self._source.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return [self._count(line) for line in self._source.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        for line in self._source:
            yield self._count(line)
