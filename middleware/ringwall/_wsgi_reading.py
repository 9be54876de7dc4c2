"""Reads the body of a WSGI response before it leaves, for a layer that wants it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator

from ._compile import innermost_plan
from ._exchange import KEY, Exchange
from ._failure import refusal_body
from ._layer import Layer
from ._response_body import OF_THE_REQUEST, ask, is_bodiless, judge, too_large
from ._wsgi_head import Head
from ._wsgi_request import Environ, ExcInfo, StartResponse, Write
from ._wsgi_response import WSGIApp
from .problem import Response, reason_phrase

_OF_THE_REQUEST = tuple(
    "HTTP_" + name.decode("ascii").upper().replace("-", "_") for name in OF_THE_REQUEST
)


def read_wsgi(app: WSGIApp, layer: Layer) -> WSGIApp:
    """Wrap what is inside of a layer that reads responses."""

    def reading(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        exchange: Exchange = environ[KEY]
        reader = _Reader(layer, exchange, start_response)
        if exchange.replacement is not None:
            _put_body(environ, exchange.replacement)
        return reader.conclude(app(environ, reader))

    plan = innermost_plan(app)
    if plan is not None:
        reading.__ringwall__ = plan  # type: ignore[attr-defined]
    reading.app = app  # type: ignore[attr-defined]
    return reading


def _put_body(environ: Environ, body: bytes) -> None:
    for key in _OF_THE_REQUEST:
        environ.pop(key, None)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


class _Reader:
    """A `start_response` that holds a response back while its body is read.

    mode: "none" before the app has called it; "pass": the response leaves as it comes; "silent":
    without a body; "read": it is held back; "instead": another one is sent in its place.
    """

    def __init__(self, layer: Layer, exchange: Exchange, start_response: StartResponse) -> None:
        self._layer = layer
        self._exchange = exchange
        self._start_response = start_response
        self._body = io.BytesIO()
        self.mode = "none"

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None, /
    ) -> Write:
        if exc_info is None and self.mode in ("read", "instead"):
            raise RuntimeError("start_response was called a second time without exc_info")
        head = Head(int(status[:3]), [*headers])
        wanted = ask(self._layer, self._exchange, head)
        self._status, self._head, self._exc_info = status, head, exc_info
        self._body = io.BytesIO()
        if isinstance(wanted, Response):
            return self._replace(wanted)
        if wanted is None:
            self.mode = "pass"
            return self._start()
        if is_bodiless(self._exchange, head):
            self.mode = "silent"
            self._start()
            return _discard
        self.mode, self._wanted = "read", wanted
        return self._write

    def conclude(self, result: Iterable[bytes]) -> Iterable[bytes]:
        """The iterable to return for the app's."""
        if self.mode == "pass":
            return result
        if type(result) in (list, tuple):
            return [*self.chunks(result)]  # servers take the length of such a body
        return _Result(self.chunks(result), getattr(result, "close", None))

    def chunks(self, result: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in result:
            if self.mode == "read":
                self._add(chunk)
                if self.mode == "pass":
                    self._start()
                    yield self._body.getvalue()
            elif self.mode in ("none", "pass"):
                yield chunk
            elif self.mode == "silent":
                yield b""  # the response has begun: what fails from here on cannot be answered
            if self.mode == "instead":
                break  # it may be endless
        if self.mode == "read":
            sent = self._body.getvalue()
            body = judge(self._layer, self._wanted, self._exchange, self._head, sent)
            if isinstance(body, bytes):
                self._start()
                yield body
                return
            self._replace(body)
        if self.mode == "instead":
            self._start()
            yield self._body.getvalue()

    def _write(self, data: bytes) -> None:
        if self.mode == "read":
            self._add(data)
            if self.mode == "pass":
                self._server_write = self._start()
                self._server_write(self._body.getvalue())
        elif self.mode == "pass":
            self._server_write(data)

    def _add(self, data: bytes) -> None:
        self._body.write(data)
        if self._body.tell() > self._wanted.limit:
            response = too_large(self._layer, self._wanted, self._exchange)
            if response is None:
                self.mode = "pass"
            else:
                self._replace(response)

    def _replace(self, response: Response) -> Write:
        self.mode = "instead"
        self._head.replace(response)
        self._status = f"{response.status} {reason_phrase(response.status)}"
        self._body = io.BytesIO(refusal_body(self._exchange, response))
        return _discard

    def _start(self) -> Write:
        exc_info, self._exc_info = self._exc_info, None  # it holds every frame of the app
        if exc_info is None:
            return self._start_response(self._status, self._head.headers)
        return self._start_response(self._status, self._head.headers, exc_info)


def _discard(data: bytes) -> None:
    """`write()` of a response without a body, or in whose place another is sent."""


class _Result:
    """What is sent, with the `close()` of the app's iterable."""

    def __init__(self, chunks: Iterator[bytes], close: Callable[[], object] | None) -> None:
        self._chunks = chunks
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        close, self._close = self._close, None
        if close is not None:
            close()
