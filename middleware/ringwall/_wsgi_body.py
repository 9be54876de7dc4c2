"""The request body under WSGI: read before the app does, at most so much, and given back to it."""

from __future__ import annotations

import io
import sys
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
        body = _read(environ, stream, declared) if declared else b""
        if len(body) != declared:
            body = _read_on(environ, stream, body, declared, pace, begin)
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
    stream, begin = environ["wsgi.input"], pace.clock()
    start = _read(environ, stream, limit + 1)
    body = _read_on(environ, stream, start, limit + 1, pace, begin)
    if len(body) > limit:
        environ["wsgi.input"] = _rejoined(body, stream)
        raise BodyTooLarge
    if environ["wsgi.input"] is _LOST:  # no length would tell that something is missing
        environ["wsgi.input"] = _rejoined(body, _LOST)
        raise BodyIncomplete
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


class _Lost:
    """The rest of a body whose client went away: nobody shall take what came for all of it."""

    def read(self, size: int) -> bytes:
        raise OSError("the request body broke off")


_LOST = _Lost()


def _rejoined(start: bytes, rest: Any, most: int = sys.maxsize) -> io.BufferedReader:
    return io.BufferedReader(_Rejoined(start, rest, most))


class _Rejoined(io.RawIOBase):
    """What was read, and then the rest: a layer may let a body pass that it found too large, or too
    slow. Of the rest no more than `most` is asked for: behind it some servers wait for ever."""

    def __init__(self, start: bytes, rest: Any, most: int) -> None:
        self._start = memoryview(start)
        self._rest = rest
        self._most = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        data: Any = self._start[:size]
        self._start = self._start[size:]
        if not data and self._most:
            data = self._rest.read(min(size, self._most))
            self._most -= len(data)
        buffer[: len(data)] = data
        return len(data)


def _read_on(
    environ: Environ, stream: Any, body: bytes, most: int, pace: Pace, begin: float
) -> bytes:
    if not body:
        return body
    buffer = io.BytesIO()
    buffer.write(body)
    while (missing := most - buffer.tell()) > 0:
        if pace.left(begin, buffer.tell()) <= 0:
            rest = missing if environ.get("CONTENT_LENGTH") else sys.maxsize
            environ["wsgi.input"] = _rejoined(buffer.getvalue(), stream, rest)
            raise BodyTooSlow
        chunk = _read(environ, stream, missing)
        if not chunk:
            break
        buffer.write(chunk)
    return buffer.getvalue()


def _read(environ: Environ, stream: Any, most: int) -> bytes:
    try:
        chunk: bytes = stream.read(most if most < _CHUNK else _CHUNK)
    except OSError:  # the client went away: what is missing makes the body incomplete
        environ["wsgi.input"] = _LOST
        return b""
    return chunk
