"""How slowly a body may come: a byte every ten seconds would hold a worker for days."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from types import CoroutineType, coroutine
from typing import Any, Generic, NamedTuple, TypeVar, cast

T = TypeVar("T")


class Pace(NamedTuple):
    """The time that a body may take.

    Parameters:
        timeout: seconds for the whole of it.
        rate: bytes per second that must have come, on average, once `grace` seconds are over.
        clock: seconds, monotonic.
    """

    timeout: float = 60.0
    rate: float = 1000.0
    grace: float = 10.0
    clock: Callable[[], float] = time.monotonic

    def left(self, begin: float, received: int) -> float:
        """Seconds until the body is too slow, where no more of it comes. Not more than none: it is.

        >>> Pace(timeout=60, rate=1000, grace=10, clock=lambda: 100.0).left(95.0, 2000)
        7.0
        """
        allowed = min(self.timeout, self.grace + received / self.rate)
        return begin + allowed - self.clock()


PACE = Pace()
UNHURRIED = Pace(timeout=math.inf, grace=math.inf)


def _into(found: list[T], awaited: Awaitable[T]) -> Generator[Any, Any, None]:
    """The steps of an awaitable, whose result comes into `found`. As the result of its last step it
    would come in an exception, which costs more than most of what is awaited."""
    steps: Any = awaited  # of a coroutine, without a wrapper
    if type(awaited) is not CoroutineType:
        steps = awaited.__await__()
    found.append((yield from steps))


# As a coroutine it may wait for others: only so may it leave that wrapper out.
into = cast("Callable[[list[Any], Awaitable[Any]], Generator[Any, Any, None]]", coroutine(_into))


class Begun(Generic[T]):
    """Steps of `into` of which the first has been taken, and what they wait for."""

    __slots__ = ("_found", "_steps", "_waits_for")

    def __init__(self, steps: Generator[Any, Any, None], waits_for: Any, found: list[T]) -> None:
        self._steps = steps
        self._waits_for = waits_for
        self._found = found

    def __await__(self) -> Generator[Any, Any, T]:
        yield from _go_on(self._steps, self._waits_for)
        return self._found[0]


class Within(Generic[T]):
    """Awaits something for so many seconds at most, in the task it is awaited in.

    What does not have to wait (most bodies are there already) never starts a timer. There is none
    but those of asyncio and trio.

    Raises:
        asyncio.TimeoutError: the time is over.
    """

    __slots__ = ("_seconds", "_start")

    def __init__(self, start: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._start = start
        self._seconds = seconds

    def __await__(self) -> Generator[Any, Any, T]:
        if asyncio._get_running_loop() is None:
            return (yield from self._outside_asyncio())
        steps = self._start().__await__()
        try:
            waits_for = next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        if self._seconds == math.inf:
            return (yield from _go_on(steps, waits_for))
        return (yield from self._timed(steps, waits_for))

    def _timed(self, steps: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        timer = asyncio.get_running_loop().call_later(max(0.0, self._seconds), expire)
        try:
            return (yield from _go_on(steps, waits_for))
        except asyncio.CancelledError:
            # Python 3.10 cannot tell whether somebody else cancelled, too; the later ones count.
            others = getattr(task, "uncancel", lambda: 0)() if expired else 1
            if others:
                raise
            raise asyncio.TimeoutError from None
        finally:
            timer.cancel()

    def _outside_asyncio(self) -> Generator[Any, Any, T]:
        trio: Any = sys.modules.get("trio")  # where it runs, somebody has imported it
        if trio is None or self._seconds == math.inf or not _runs(trio):
            return (yield from self._start().__await__())
        with trio.move_on_after(max(0.0, self._seconds)):
            return (yield from self._start().__await__())
        raise asyncio.TimeoutError


def _runs(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


def _go_on(steps: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """The rest of an awaitable whose first step has been taken, as `yield from` goes on (PEP 380):
    what a server hands out may be a plain iterator, which can only be asked for the next step."""
    advance: Callable[[Any], Any]
    send = getattr(steps, "send", lambda _: next(steps))
    while True:
        try:
            value = yield waits_for
            advance = send
        except BaseException as error:  # thrown on into what is awaited
            if not hasattr(steps, "throw"):
                raise
            value, advance = error, steps.throw
        try:
            waits_for = advance(value)
        except StopIteration as done:
            result: T = done.value
            return result
