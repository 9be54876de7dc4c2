"""One at a time, in two colours."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Flight:
    """A lock in two colours: threads wait for threads, tasks for tasks of the same event loop."""

    def __init__(self) -> None:
        from anyio import Lock
        from anyio.lowlevel import RunVar

        self._lock = threading.Lock()
        self._new = Lock
        self._locks = RunVar[Lock]("ringwall-keys")

    def acquire(self) -> Callable[[], None]:
        self._lock.acquire()
        return self._lock.release

    async def aacquire(self) -> Callable[[], None]:
        try:
            lock = self._locks.get()
        except LookupError:
            lock = self._new()
            self._locks.set(lock)
        await lock.acquire()
        return lock.release
