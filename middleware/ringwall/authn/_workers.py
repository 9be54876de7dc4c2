"""Slow work on the processor, bounded: it neither blocks an event loop nor takes all processors."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Busy(Exception):
    """As much work waits as may wait."""


class Workers:
    """At most `parallel` pieces of work at a time in this process, and `waiting` more in line.

    Under WSGI the thread of the request does the work itself, when it is its turn; under ASGI a
    thread of a small pool.

    Parameters:
        parallel, waiting: numbers of requests.
        timeout: the most seconds that a WSGI request waits for its turn.
    """

    def __init__(self, parallel: int, waiting: int, timeout: float) -> None:
        self._parallel = parallel
        self._most = parallel + waiting
        self._timeout = timeout
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(parallel)
        self._inside = 0
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0

    def __repr__(self) -> str:
        return f"<Workers {self._inside} of {self._most}>"

    def run(self, work: Callable[[], T]) -> T:
        """Do it here.

        Raises:
            Busy: the line is full, or does not get shorter in time.
        """
        self._enter()
        try:
            if not self._turns.acquire(timeout=self._timeout):
                raise Busy
            try:
                return work()
            finally:
                self._turns.release()
        finally:
            self._leave()

    async def arun(self, work: Callable[[], T]) -> T:
        """Let a thread do it.

        Raises:
            Busy: the line is full.
        """
        self._enter()
        try:
            future = self._threads().submit(work)
        except BaseException:
            self._leave()
            raise
        # Also called for work that is cancelled before it began, because its client went away.
        future.add_done_callback(self._left)
        return await asyncio.wrap_future(future)

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._pid != os.getpid():  # threads do not survive a fork
                self._pool = ThreadPoolExecutor(self._parallel, "ringwall-passwords")
                self._pid = os.getpid()
            return self._pool

    def _enter(self) -> None:
        with self._lock:
            if self._inside >= self._most:
                raise Busy
            self._inside += 1

    def _left(self, future: Future[T]) -> None:
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
