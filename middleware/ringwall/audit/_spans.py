"""Spans alone, where there is no sink: nothing is kept of what is not traced."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from .._exchange import Exchange, Outcome
from ._course import UNTOLD, course_of
from ._setup import Telemetry, Trace

logger: logging.Logger = logging.getLogger("ringwall.audit")

# What is known of an exchange since its start: the id of the request, the time by the wall clock
# and by the other one, and its trace. A bare tuple, for there is one for each request.
Started = tuple[str, float, float, "Trace | None"]
NOT_STARTED: Started = ("", 0.0, 0.0, None)
UNTRACED: Final = ("null", "null")


class Spans:
    """The span of each exchange. No failure of tracing reaches a request or a record.

    Parameters:
        audit: the layer, under which an exchange keeps what is known since its start.
        clock: seconds, monotonic.
    """

    def __init__(self, audit: object, telemetry: Telemetry, clock: Callable[[], float]) -> None:
        self.start: Callable[[Exchange], Trace | None] = telemetry.start
        self._audit = audit
        self._clock = clock
        self._has_failed = False

    def on_request(self, exchange: Exchange) -> None:
        """Start the span."""
        try:
            trace = self.start(exchange)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request
            self.failed(error)
            return
        if trace is not None:
            exchange.state[self._audit] = "", 0.0, self._clock(), trace

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        """End it."""
        started: Started = exchange.state.get(self._audit, NOT_STARTED)
        _, _, clock, trace = started
        if trace is None:
            return
        duration, course = self._clock() - clock, UNTOLD
        try:
            if not trace.silent:
                course = course_of(exchange, outcome)
        except Exception as error:  # noqa: BLE001  an exchange that defies description
            self.failed(error)
        try:
            trace.end(exchange, outcome, course, duration)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Tell that tracing failed, once."""
        if not self._has_failed:
            self._has_failed = True
            logger.error("tracing failed with %s; this is told once", type(error).__name__)
