"""The request body under WSGI: read before the app does, at most so much, and given back to it."""

from __future__ import annotations

import io
from typing import Any

from ._body import BodyIncomplete, BodyTooLarge, BodyTooSlow, declared_length
from ._pace import Pace
from ._pending import Call
from ._wsgi_request import Environ


class Input:
    """Reads the request body before the app does, and puts a copy-free one in its place."""

    __slots__ = ("_declared", "_environ")

    def __init__(self, environ: Environ) -> None:
        self._declared = environ.get("CONTENT_LENGTH") or None
        self._environ = environ

    def call(self, limit: int, pace: Pace) -> Call[bytes]:
        return Call(self._read, None, limit, pace)

    def _read(self, limit: int, pace: Pace) -> bytes:
        environ = self._environ
        declared = declared_length(self._declared.encode("latin-1") if self._declared else None)
        if declared is not None and declared > limit:
            raise BodyTooLarge
        if declared is None and not environ.get("wsgi.input_terminated"):
            # Without a length and without an end there is no body to read (PEP 3333), and one
            # that was announced all the same cannot be judged.
            if environ.get("HTTP_TRANSFER_ENCODING"):
                raise BodyIncomplete
            return b""
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
    buffer = io.BytesIO()
    begin = pace.clock()
    while (missing := most - buffer.tell()) > 0:
        try:
            chunk = stream.read(min(missing, 65536))
        except OSError:
            break  # the client went away: what is missing makes the body incomplete
        if not chunk:
            break
        buffer.write(chunk)
        if buffer.tell() < most and pace.left(begin, buffer.tell()) <= 0:
            raise BodyTooSlow
    return buffer.getvalue()
