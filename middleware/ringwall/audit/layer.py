"""The audit layer: every exchange leaves one record and one span, whatever became of it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from .._errors import ConfigurationError
from .._exchange import Addition, Decision, Exchange, Outcome
from .._layer import Layer, MessageHook, ResponseHead
from .._timing import Timings
from ..problem import Response, problem
from ._course import UNTOLD, Course, course_of
from ._response import response_edits
from ._setup import NoTelemetry, Trace, header_name, open_sink, telemetry
from .configuration import configuration
from .exchange import ExchangeForm
from .record import clean
from .recorder import Recorder
from .redaction import PLAIN, Redaction
from .sink import Sink
from .timings import turns

logger: logging.Logger = logging.getLogger("ringwall.audit")

UNAVAILABLE = problem(
    503,
    "The request cannot be recorded at the moment, so it is not served.",
    code="audit-unavailable",
    headers=((b"retry-after", b"5"),),
)
_LONGEST_VALUE = 512
_DENY = Decision("audit", "deny", "fail-closed", "audit-unavailable")
_ALLOW = Decision("audit", "allow", "fail-closed", "recording")


# What is known of an exchange since its start: the id of the request, the time by the wall clock
# and by the other one, and its trace. A bare tuple, for there is one for each request.
_Started = tuple[str, float, float, "Trace | None"]
_NOT_STARTED: _Started = ("", 0.0, 0.0, None)


class Audit(Layer):
    """Records every exchange: one line of JSON, and with OpenTelemetry one SERVER span.

    A record says who (subject, scheme, credential id), what (method, route template and its
    parameters), when, from where, how it ended, and what each layer decided by which rule. It
    never holds a header, a token, a body, a query value or the message of an exception. Put it
    outermost: it sees what is inside it.

    The record is written when the exchange ends, before its span ends; spans may be sampled,
    records are not. If the sink fails, requests go on: what is lost is counted in `lost`,
    reported once through the logger "ringwall.audit", and told by a record "records-lost" as
    soon as the sink takes one again.

    Parameters:
        sink: a path (see `JSONLinesSink`), a `Sink`, or None for spans alone.
        copies: sinks that get each record, too, from a queue each (`QueuedSink`). Whatever becomes
            of a copy, requests and the record go on.
        tracer_provider, meter_provider: of OpenTelemetry; None: the global ones. Nothing is
            traced where the package `opentelemetry-api` is not installed.
        trust_traceparent: True: continue the trace named by the request. Only where every
            request comes through a gateway of yours that sets the header: else any client joins
            your traces or switches them off. Networks, such as ["10.0.0.0/8"]: only if the socket's
            other end is in one. False: a new trace, linked to the named one. What is not trusted of
            `traceparent`, `tracestate` and `baggage` does not reach the app, nor of the headers
            that the global propagators believe as they are set up now, such as `b3`.
        request_id_header: the response header that tells the id in the record, in place of one
            that the app sets; None, or where there is no sink: no header.
        traceresponse: tell clients the trace in a header `traceresponse`.
        body_sizes: measure bodies, streams to their end: members `request_size` and `response_size`
            of the record, attributes of the span, and two histograms.
        timings: the share of the exchanges, from 0 to 1, whose records tell how long each layer
            took: a member `timings`, in microseconds.
        redact: what of a request to record, and in which form. By default no header, query value
            or body, and everything else as it is.
        policy_version: of the policy in force, in each record; a function is asked each time.
        messages: record each message of a websocket's client: its size, not its content.
        fail_closed: True: as long as records are lost, requests are answered 503 and the app is
            not called, until the sink takes a record again. The request whose record is the
            first to fail has been served by then. A `QueuedSink` with the policy "fail_closed"
            says so, too.
        clock: seconds, monotonic. wall_clock: seconds since the epoch.

    Raises:
        ConfigurationError: the sink is none or cannot be opened, or nothing would be recorded.
        MissingDependency: a provider was given and `opentelemetry-api` is not installed.

    >>> class Lines(list):
    ...     write = list.append
    ...     def close(self): ...
    >>> lines = Lines()
    >>> def healthz(environ, start_response):
    ...     start_response("204 No Content", [])
    ...     return []
    >>> app = Audit(lines).wsgi(healthz)
    >>> environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "PATH_INFO": "/healthz"}
    >>> app(environ, lambda status, headers, exc_info=None: None)
    []
    >>> import json; json.loads(lines[1])["status"]
    204
    """

    name = "audit"
    observes: bool = True
    tolerant = True
    reads_headers = True
    wants_route = True

    def __init__(
        self,
        sink: str | os.PathLike[str] | Sink | None,
        *,
        copies: Sequence[Sink] = (),
        tracer_provider: Any = None,
        meter_provider: Any = None,
        trust_traceparent: bool | Iterable[str] = False,
        request_id_header: str | None = "x-request-id",
        traceresponse: bool = False,
        body_sizes: bool = False,
        timings: float = 0.0,
        redact: Redaction = PLAIN,
        policy_version: str | Callable[[], str] | None = None,
        messages: bool = False,
        fail_closed: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        opened = open_sink(sink)
        fail_closed = fail_closed or getattr(sink, "fail_closed", False)
        self._telemetry = telemetry(
            tracer_provider, meter_provider, trust_traceparent, redact, body_sizes
        )
        if sink is None and (fail_closed or isinstance(self._telemetry, NoTelemetry)):
            raise ConfigurationError(
                "Audit(None) keeps no record; write Audit('audit.jsonl')"
                + (" with fail_closed=True" if fail_closed else "")
            )
        self.wants: frozenset[bytes] = self._telemetry.wants | {
            name.encode() for name in redact.headers
        }
        self._is_timed = turns(timings)
        self.wants_timings: bool = timings > 0
        self._form = ExchangeForm(
            redact, policy_version, body_sizes=body_sizes, timings=self.wants_timings
        )
        told = header_name(request_id_header) if sink is not None else None
        edits = response_edits(told, traceresponse=traceresponse)
        self._edits = edits[0]
        self.sets: frozenset[bytes] = edits[1]
        self._told = told
        if told is not None:
            # It is known with the request: a hook is needed only where the app sets it, too.
            self.adds: frozenset[bytes] = frozenset({told})
            self.edits_only: frozenset[bytes] | None = (
                None if traceresponse or body_sizes else self.adds
            )
        self.wants_sizes: bool = body_sizes
        if body_sizes:
            self.wants |= {b"content-length"}
            self.sets |= {b"content-length"}
            self.on_response = self._note_length  # type: ignore[method-assign]
        elif not self._edits:  # spans alone: responses leave the quick way
            self.on_response = super().on_response  # type: ignore[method-assign]
        if self.wants_timings:
            self.on_request = self._start_timed  # type: ignore[method-assign]
        if opened is None:  # there is nothing to keep of what is not traced
            self.on_request = self._start_trace  # type: ignore[method-assign]
            self.on_complete = self._end_trace  # type: ignore[method-assign]
        elif messages:
            self.on_message: MessageHook = self._record_message  # type: ignore[assignment]
        self._clock = clock
        self._wall_clock = wall_clock
        self._fail_closed = fail_closed
        self.observes = not fail_closed
        self._judged = (_ALLOW,) if fail_closed else ()
        self._tracing_failed = False
        self._recorder = Recorder(opened, copies, {"fail_closed": fail_closed}, wall_clock)

    def __repr__(self) -> str:
        return f"<Audit {self._recorder.sink!r}>"

    def on_stack(self, layers: Sequence[Layer], options: Mapping[str, object]) -> None:
        self._recorder.configure(configuration(layers, options))

    def on_request(self, exchange: Exchange) -> Response | None:
        clock, trace = self._clock(), None
        try:
            trace = self._telemetry.start(exchange)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request or a record
            self._tracing_failure(error)
        request_id = self._recorder.request_id()
        exchange.state[self] = request_id, self._wall_clock(), clock, trace
        if self._fail_closed and self._recorder.missing and not self._recorder.recover():
            exchange.decisions.append(_DENY)
            return UNAVAILABLE
        if self._judged:
            exchange.decisions.extend(self._judged)
        if self._told is not None:
            line = self._told, request_id.encode()  # hexadecimal digits need no check
            exchange.additions.append(Addition(self, (line,)))
        return None

    def _start_timed(self, exchange: Exchange) -> Response | None:
        if self._is_timed():
            exchange.timings = Timings(self._clock)
        return Audit.on_request(self, exchange)

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        request_id, _, _, trace = exchange.state.get(self, _NOT_STARTED)
        for edit in self._edits:
            edit(request_id, trace, head)

    def _note_length(self, exchange: Exchange, head: ResponseHead) -> None:
        exchange.declared = head.get(b"content-length")
        Audit.on_response(self, exchange, head)

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        request_id, wall, clock, trace = exchange.state[self]
        duration = self._clock() - clock
        course, recorder = UNTOLD, self._recorder
        try:
            course = course_of(exchange, outcome)
            trace_id, span_id = (None, None) if trace is None else trace.ids()
            record = self._form(
                exchange,
                outcome,
                course,
                record_id=recorder.next_id(),
                request_id=request_id,
                started=wall,
                duration=duration,
                trace_id=trace_id,
                span_id=span_id,
            )
        except Exception as error:  # noqa: BLE001  an exchange that defies description is lost
            recorder.lose(error)
        else:
            recorder.keep(record)
        if trace is not None:
            self._ended(trace, exchange, outcome, course, duration)

    def event(self, name: str, **fields: Any) -> None:
        """Record something that is no exchange: a new configuration, a change by an administrator.

        Parameters:
            name: what happened, such as "configuration". fields: strings, integers, booleans.

        Raises:
            ValueError: a field is no JSON, or all are longer than a line may be.
        """
        self._recorder.event(
            name,
            {
                key: clean(value, _LONGEST_VALUE) if isinstance(value, str) else value
                for key, value in fields.items()
            },
        )

    def on_shutdown(self) -> None:
        self._recorder.pause()

    def close(self) -> None:
        """Close the sinks. What is recorded after this is lost, and counted."""
        self._recorder.close()

    @property
    def lost(self) -> int:
        """How many records the sink did not take, in this process."""
        return self._recorder.lost

    def _start_trace(self, exchange: Exchange) -> None:
        try:
            trace = self._telemetry.start(exchange)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request
            self._tracing_failure(error)
            return
        if trace is not None:
            exchange.state[self] = "", 0.0, self._clock(), trace

    def _end_trace(self, exchange: Exchange, outcome: Outcome) -> None:
        _, _, clock, trace = exchange.state.get(self, _NOT_STARTED)
        if trace is not None:
            duration = self._clock() - clock
            try:
                course = course_of(exchange, outcome)
            except Exception as error:  # noqa: BLE001  as of a record
                self._tracing_failure(error)
                course = UNTOLD
            self._ended(trace, exchange, outcome, course, duration)

    def _ended(
        self, trace: Trace, exchange: Exchange, outcome: Outcome, course: Course, duration: float
    ) -> None:
        try:
            trace.end(exchange, outcome, course, duration)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request
            self._tracing_failure(error)

    def _record_message(self, exchange: Exchange, message: MutableMapping[str, Any]) -> None:
        text, data = message.get("text"), message.get("bytes")
        self._recorder.event(
            "message",
            {
                "binary": text is None,
                "octets": len(data or b"")
                if text is None
                else len(text.encode("utf-8", "replace")),
                "request_id": exchange.state[self][0],
            },
        )

    def _tracing_failure(self, error: Exception) -> None:
        if not self._tracing_failed:
            self._tracing_failed = True
            logger.error("tracing failed with %s; this is told once", type(error).__name__)
