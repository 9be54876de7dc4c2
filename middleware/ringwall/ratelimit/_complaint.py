"""A warning that no flood of requests can repeat without end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("ringwall")

_PAUSE = 60.0


class Complaint:
    """Warns, and then not again for a minute, however often there is reason to.

    Parameters:
        text: what to log, with one %s for the reason.
        clock: seconds that never go back; injected by tests.
    """

    __slots__ = ("_again", "_clock", "_text")

    def __init__(self, text: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._text = text
        self._clock = clock
        self._again: float | None = None

    def __call__(self, why: str) -> None:
        """`why`: the name of an error, never its text."""
        now = self._clock()
        if self._again is None or now >= self._again:
            self._again = now + _PAUSE
            logger.warning(self._text, why)
