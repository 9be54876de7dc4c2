"""The request body under WSGI: read before the app does, at most so much, and given back to it."""

from __future__ import annotations

import io
from typing import Any

from ._body import BodyIncomplete, BodyTooLarge, BodyTooSlow, declared_length
from ._pace import Pace
from ._wsgi_request import Environ

_CHUNK = 65536


class Input:
    """Reads the request body before the app does, and puts a copy-free one in its place."""

    __slots__ = ("_environ", "_length")

    def __init__(self, environ: Environ) -> None:
        self._length = environ.get("CONTENT_LENGTH") or None
        self._environ = environ

    def at_once(self, limit: int, pace: Pace) -> bytes:
        environ, length = self._environ, self._length
        declared = None if length is None else declared_length(length.encode("latin-1"))
        if declared is None:
            if not environ.get("wsgi.input_terminated"):
                # Without a length and without an end there is no body to read (PEP 3333), and one
                # that was announced all the same cannot be judged.
                if environ.get("HTTP_TRANSFER_ENCODING"):
                    raise BodyIncomplete
                # Over HTTP/2 some servers put one here all the same: the app sees what was judged.
                environ["wsgi.input"] = io.BytesIO()
                return b""
        elif declared > limit:
            raise BodyTooLarge
        stream = environ["wsgi.input"]
        body = _read_up_to(stream, limit + 1 if declared is None else declared, pace)
        if len(body) > limit:
            environ["wsgi.input"] = io.BufferedReader(_Rejoined(body, stream))
            raise BodyTooLarge
        environ["wsgi.input"] = io.BytesIO(body)
        if declared is not None and len(body) != declared:
            raise BodyIncomplete
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


def _read_up_to(stream: Any, most: int, pace: Pace) -> bytes:
    if most == 0:
        return b""
    begin = pace.clock()
    body = _read(stream, most)
    if not body or len(body) == most:
        return body  # nearly always
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
        chunk: bytes = stream.read(min(most, _CHUNK))
    except OSError:
        return b""  # the client went away: what is missing makes the body incomplete
    return chunk
