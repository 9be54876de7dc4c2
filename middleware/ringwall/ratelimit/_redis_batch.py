"""Decisions that one event loop makes at the same time share one call to the server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

from ._redis_script import Answer, Request
from .store import StoreUnavailable

Deliver: TypeAlias = Callable[[Sequence[Request]], Awaitable[None]]

# Batches on their way at a time, each on a connection of its own; more requests wait and join.
_MOST_AT_ONCE = 8


class _Batch:
    __slots__ = ("requests", "task", "timer")

    timer: asyncio.TimerHandle

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.task: asyncio.Task[None] | None = None

    def fail(self, error: BaseException | None = None) -> None:
        """What has no answer gets none; or this error."""
        for request in self.requests:
            future = request.future
            if not future.done():
                if error is None:
                    future.set_result(StoreUnavailable())
                else:
                    future.set_exception(error)


class Batcher:
    """Collects the requests of one loop tick and delivers them in a task of their own, which no
    client that goes away can cancel.

    Parameters:
        loop: the running event loop. deliver: sets the future of each request.
        timeout: seconds, from a batch's first request to an answer for each.
    """

    __slots__ = ("_deliver", "_loop", "_open", "_running", "_timeout", "pid")

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver, timeout: float) -> None:
        self.pid = os.getpid()
        self._loop = loop
        self._deliver = deliver
        self._timeout = timeout
        self._open: _Batch | None = None
        self._running = 0

    def submit(self, request: Request) -> asyncio.Future[Answer]:
        """A future that has its answer, or StoreUnavailable as its result, by the deadline."""
        batch = self._open
        if batch is None:
            batch = self._open = _Batch()
            batch.timer = self._loop.call_later(self._timeout, self._expire, batch)
            if self._running < _MOST_AT_ONCE:
                self._launch(batch)
        request.future = future = self._loop.create_future()
        batch.requests.append(request)
        return future

    def _launch(self, batch: _Batch) -> None:
        self._running += 1
        batch.task = self._loop.create_task(self._run(batch))
        batch.task.add_done_callback(partial(self._done, batch))

    async def _run(self, batch: _Batch) -> None:
        # It starts with the next tick: whoever came in this one is on board.
        self._close(batch)
        await self._deliver(batch.requests)

    def _close(self, batch: _Batch) -> None:
        if self._open is batch:
            self._open = None

    def _done(self, batch: _Batch, task: asyncio.Task[None]) -> None:
        batch.timer.cancel()
        self._close(batch)
        batch.fail(None if task.cancelled() else task.exception())
        self._running -= 1
        if self._open is not None and self._open.task is None:
            self._launch(self._open)

    def _expire(self, batch: _Batch) -> None:
        self._close(batch)
        batch.fail()
        if batch.task is not None:
            batch.task.cancel()
