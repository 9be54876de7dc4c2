"""What is recorded of an exchange: when it starts, for each message, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from .._exchange import Addition, Decision, Exchange, Outcome
from ..problem import Response, problem
from ._course import UNTOLD, course_of
from ._setup import Trace
from ._spans import UNTRACED, Spans
from .exchange import ExchangeForm
from .recorder import Recorder

_new = object.__new__  # without a call of its own

# What is known of an exchange since its start: the id of the request, the time by the wall clock
# and by the other one, and its trace. A bare tuple, for there is one for each request.
Started = tuple[str, float, float, "Trace | None"]
_NOT_STARTED: Started = ("", 0.0, 0.0, None)

UNAVAILABLE = problem(
    503,
    "The request cannot be recorded at the moment, so it is not served.",
    code="audit-unavailable",
    headers=((b"retry-after", b"5"),),
)
_DENY = Decision("audit", "deny", "fail-closed", "audit-unavailable")
_ALLOW = Decision("audit", "allow", "fail-closed", "recording")


class Records:
    """The record of each exchange, and its span.

    Parameters:
        audit: the layer, under which an exchange keeps what is known since its start.
        told: the response header that tells the id of the request, in lower case; None: none.
        clock: seconds, monotonic. wall_clock: seconds since the epoch.
    """

    def __init__(
        self,
        audit: object,
        spans: Spans,
        form: ExchangeForm,
        recorder: Recorder,
        told: bytes | None,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._audit = audit
        self._spans, self._start = spans, spans.start
        self._form = form
        self._recorder = recorder
        self._told = told
        self._native = "" if told is None else told.decode()
        self._clock = clock
        self._wall_clock = wall_clock

    def on_request(self, exchange: Exchange) -> Response | None:
        """Note the start, and let the request pass."""
        clock, trace, audit = self._clock(), None, self._audit
        try:
            trace = self._start(exchange)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request or a record
            self._spans.failed(error)
        try:
            request_id = self._recorder.request_ids.pop()
        except IndexError:
            request_id = self._recorder.fresh_request_id()
        exchange.state[audit] = request_id, self._wall_clock(), clock, trace
        if self._told is not None:
            addition = _new(Addition)
            addition.layer = audit
            addition.lines = ((self._told, request_id.encode()),)  # hexadecimal needs no check
            addition.native = ((self._native, request_id),)
            exchange.additions.append(addition)
        return None

    def on_request_fail_closed(self, exchange: Exchange) -> Response | None:
        """The same, but refuse the request as long as records are lost."""
        self.on_request(exchange)
        if self._recorder.missing and not self._recorder.recover():
            exchange.decisions.append(_DENY)
            return UNAVAILABLE
        exchange.decisions.append(_ALLOW)
        return None

    def begun(self, exchange: Exchange) -> tuple[str, Trace | None]:
        """The id of the request, and its trace."""
        started: Started = exchange.state.get(self._audit, _NOT_STARTED)
        return started[0], started[3]

    def on_message(self, exchange: Exchange, message: MutableMapping[str, Any]) -> None:
        """Record a message of a websocket's client: its size, not its content."""
        text, data = message.get("text"), message.get("bytes")
        self._recorder.event(
            "message",
            {
                "binary": text is None,
                "octets": len(data or b"")
                if text is None
                else len(text.encode("utf-8", "replace")),
                "request_id": exchange.state[self._audit][0],
            },
        )

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        """Keep the record, and then end the span."""
        started: Started = exchange.state[self._audit]
        request_id, wall, clock, trace = started
        duration = self._clock() - clock
        course, recorder = UNTOLD, self._recorder
        try:
            course = course_of(exchange, outcome)
            ids = UNTRACED if trace is None else trace.ids()
            pieces = self._form(
                exchange, outcome, course, next(recorder.ids), request_id, wall, duration, ids
            )
            record = "".join(pieces).encode()
        except Exception as error:  # noqa: BLE001  an exchange that defies description is lost
            recorder.lose(error)
        else:
            recorder.keep(record)
        if trace is not None:
            try:
                trace.end(exchange, outcome, course, duration)
            except Exception as error:  # noqa: BLE001  tracing never breaks a request
                self._spans.failed(error)
