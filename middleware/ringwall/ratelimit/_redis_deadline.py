"""The one deadline of a blocking question to Redis, whatever its steps."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

# How much longer than the deadline a socket may wait, in seconds.
_GRAIN = 0.002


class Deadline(threading.local):
    """When the blocking call of this thread must have its answer; on the monotonic clock."""

    at: float | None = None

    def left(self) -> float:
        """Seconds left. Raises TimeoutError where there are none."""
        if self.at is None:
            return 1.0
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


deadline = Deadline()


class TimedSocket:
    """A socket whose every operation ends by the deadline of its thread: a server that sends one
    byte at a time cannot prolong it."""

    __slots__ = ("_at_once", "_set", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._at_once = False
        self._set = 0.0

    def settimeout(self, value: float | None) -> None:
        self._at_once = value == 0
        if self._at_once:
            self._set = 0.0
            self._sock.settimeout(0)

    def _limit(self) -> socket.socket:
        if not self._at_once:
            left = deadline.left()
            # A system call each: one for a question and its answer is enough.
            if not left <= self._set <= left + _GRAIN:
                self._set = left
                self._sock.settimeout(left)
        return self._sock

    def recv(self, size: int) -> bytes:
        return self._limit().recv(size)

    def recv_into(self, buffer: Any) -> int:
        return self._limit().recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        self._limit().sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def timed(base: type[Any]) -> type[Any]:
    """A connection class of redis-py whose connect and I/O end by the deadline."""

    class Timed(base):  # type: ignore[misc]
        # Asked before each step of connecting; what redis-py assigns is of no use here.
        socket_timeout = socket_connect_timeout = property(
            lambda self: deadline.left(), lambda self, value: None
        )

        def _connect(self) -> Any:
            return TimedSocket(super()._connect())

    return Timed
