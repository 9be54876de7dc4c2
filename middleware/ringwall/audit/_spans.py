"""Spans alone, where there is no sink: nothing is kept of what is not traced."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from .._exchange import Exchange, Outcome
from .._plan import contained
from ._course import UNTOLD, course_of
from ._setup import Telemetry, Trace

logger: logging.Logger = logging.getLogger("ringwall.audit")

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

    @contained
    def on_request(self, exchange: Exchange) -> None:
        """Start the span."""
        try:
            trace = self.start(exchange)
            if trace is not None:
                exchange.state[self._audit] = trace
                if trace.measurements is not None:
                    trace.since = self._clock()
        except Exception as error:  # noqa: BLE001  tracing never breaks a request
            self.failed(error)

    @contained
    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        """End it."""
        trace: Trace | None = exchange.state.get(self._audit)
        if trace is None:
            return
        duration, course = 0.0, UNTOLD
        try:
            if not trace.silent:
                if trace.measurements is not None:
                    duration = self._clock() - trace.since
                course = course_of(exchange, outcome)
        except Exception as error:  # noqa: BLE001  an exchange that defies description
            self.failed(error)
        try:
            trace.end(exchange, outcome, course, duration)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request
            self.failed(error)

    def begun(self, exchange: Exchange) -> tuple[str, Trace | None]:
        """The id of the request, where it has one, and its trace."""
        return "", exchange.state.get(self._audit)

    def failed(self, error: Exception) -> None:
        """Tell that tracing failed, once."""
        if not self._has_failed:
            self._has_failed = True
            logger.error("tracing failed with %s; this is told once", type(error).__name__)
