"""A circuit breaker: who is down is asked again now and then, not by every request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Open after `failures` in a row; then one call per `cooldown` seconds is let through to try.

    Parameters:
        failures: how many in a row open it.
        cooldown: seconds.
        clock: monotonic seconds.

    >>> breaker = CircuitBreaker(1, 30, clock=lambda: 0.0)
    >>> breaker.failed()
    >>> breaker.allows()
    False
    """

    __slots__ = ("_clock", "_cooldown", "_count", "_failures", "_lock", "_next")

    def __init__(
        self, failures: int, cooldown: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._cooldown = cooldown
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._next = float("-inf")

    def allows(self) -> bool:
        """Whether to call. A True while it is open is the one try: others wait for its outcome, or
        for another `cooldown`."""
        if self._count < self._failures:
            return True
        with self._lock:
            now = self._clock()
            if now < self._next:
                return False
            self._next = now + self._cooldown
            return True

    def succeeded(self) -> None:
        self._count = 0

    def failed(self) -> None:
        with self._lock:
            self._count += 1
            self._next = self._clock() + self._cooldown
