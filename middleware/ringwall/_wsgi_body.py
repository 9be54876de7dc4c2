"""The request body under WSGI: read before the app does, at most so much, and given back to it."""

from __future__ import annotations

import io
from typing import Any

from ._body import (
    LONGEST_LENGTH,
    BodyIncomplete,
    BodyTooLarge,
    BodyTooSlow,
    declared_length,
)
from ._exchange import USUAL
from ._lazy import lay_out
from ._pace import PACE, Pace
from ._wsgi_request import Environ, WSGIExchange

_CHUNK = 65536


class ReadingExchange(WSGIExchange):
    """An exchange that reads the request body before the app does, and puts a copy-free one in its
    place.

    readable: the app's environ, while the body may be read. It knows the exchange: no cycle may
    outlive that.
    """

    readable: Environ | None = None

    def body_at_once(self, limit: int, pace: Pace = PACE) -> bytes | None:
        if self.body is not None:
            return super().body_at_once(limit, pace)
        environ = self.readable
        if environ is None:
            return None
        length = environ.get("CONTENT_LENGTH")
        if not length:
            self.body = body = _undeclared(environ, limit, pace)
            return body
        try:
            declared = int(length)
        except ValueError:
            raise BodyIncomplete from None
        # `int` takes `+5`, `1_0` and other digits, too.
        if str(declared) != length or declared < 0:
            environ["CONTENT_LENGTH"] = str(declared_length(length.encode("latin-1")))
        if declared > limit:
            raise BodyIncomplete if len(length) > LONGEST_LENGTH else BodyTooLarge
        stream, begin = environ["wsgi.input"], pace.clock()
        body = _read(stream, declared) if declared else b""
        if len(body) != declared:
            body = _read_on(stream, body, declared, pace, begin)
        environ["wsgi.input"] = io.BytesIO(body)
        if len(body) != declared:
            raise BodyIncomplete
        self.body = body
        return body


lay_out(ReadingExchange, ["environ", "keys", "replaced", "readable", *USUAL])


def _undeclared(environ: Environ, limit: int, pace: Pace) -> bytes:
    if not environ.get("wsgi.input_terminated"):
        # Without a length and without an end there is no body to read (PEP 3333), and one that was
        # announced all the same cannot be judged.
        if environ.get("HTTP_TRANSFER_ENCODING"):
            raise BodyIncomplete
        # Over HTTP/2 some servers put one here all the same: the app sees what was judged.
        environ["wsgi.input"] = io.BytesIO()
        return b""
    stream = environ["wsgi.input"]
    begin = pace.clock()
    body = _read_on(stream, _read(stream, limit + 1), limit + 1, pace, begin)
    if len(body) > limit:
        environ["wsgi.input"] = io.BufferedReader(_Rejoined(body, stream))
        raise BodyTooLarge
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


class _Rejoined(io.RawIOBase):
    """What was read, and then the rest: a layer may let a body pass that it found too large."""

    def __init__(self, start: bytes, rest: Any) -> None:
        self._start = memoryview(start)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        data = self._start[:size] or self._rest.read(size)
        self._start = self._start[size:]
        buffer[: len(data)] = data
        return len(data)


def _read_on(stream: Any, body: bytes, most: int, pace: Pace, begin: float) -> bytes:
    if not body:
        return body
    buffer = io.BytesIO()
    buffer.write(body)
    while (missing := most - buffer.tell()) > 0:
        if pace.left(begin, buffer.tell()) <= 0:
            raise BodyTooSlow
        chunk = _read(stream, missing)
        if not chunk:
            break
        buffer.write(chunk)
    return buffer.getvalue()


def _read(stream: Any, most: int) -> bytes:
    try:
        chunk: bytes = stream.read(most if most < _CHUNK else _CHUNK)
    except OSError:
        return b""  # the client went away: what is missing makes the body incomplete
    return chunk
