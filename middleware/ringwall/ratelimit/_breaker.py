"""A circuit breaker: a server that does not answer is asked once in a while, by one request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import RLock

from .._health import tell

logger = logging.getLogger("ringwall")

_PATIENCE = 3
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 2.0


class Breaker:
    """Closed: every call passes. After three failures in a row it opens for a quarter of a second;
    then one call passes, the probe. It closes where the probe succeeds, else it stays open for
    twice as long, two seconds at most.

    Parameters:
        what: what is asked, for the log; no secret.
        clock: seconds that never go back; injected by tests.

    >>> breaker = Breaker("the store", clock=lambda: 0.0)
    >>> for _ in range(3):
    ...     breaker.failed("refused")
    >>> breaker.admits()
    False
    """

    __slots__ = ("_clock", "_failures", "_lock", "_pause", "_until", "_what")

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._lock = RLock()  # the collector may end an exchange, which asks, amid a change
        self._failures = 0
        self._pause = _FIRST_PAUSE
        self._until: float | None = None  # None: closed
        tell(what, True)

    def admits(self) -> bool:
        """Whether a call may be made. True for an open breaker makes the caller the probe."""
        if self._until is None:
            return True
        with self._lock:
            now, until = self._clock(), self._until
            if until is None or now < until:
                return until is None
            # Whatever becomes of this probe, the next one is due a pause later.
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._until = now + self._pause
            return True

    def succeeded(self) -> None:
        if self._failures:
            with self._lock:
                if self._until is not None:
                    logger.warning("%s answers again", self._what)
                    tell(self._what, True)
                self._failures, self._pause, self._until = 0, _FIRST_PAUSE, None

    def failed(self, why: str) -> None:
        """A call failed. `why` is for the log: the name of an error, never its text."""
        with self._lock:
            self._failures += 1
            if self._failures >= _PATIENCE and self._until is None:
                logger.warning(
                    "%s does not answer (%s): when_down= decides until it does; see that it runs,"
                    " and that this machine reaches it",
                    self._what,
                    why,
                )
                tell(self._what, False)
                self._until = self._clock() + self._pause
