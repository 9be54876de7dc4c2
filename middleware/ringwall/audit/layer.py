"""The audit layer: every exchange leaves one record and one span, whatever became of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Layer, MessageHook, ResponseHead
from ._details import form_of
from ._records import Records
from ._response import response_edits
from ._setup import NoTelemetry, header_name, open_sink, telemetry
from ._spans import Spans
from .configuration import configuration
from .record import clean
from .recorder import Recorder
from .redaction import PLAIN, Redaction
from .sink import Sink
from .timings import Start, noting

_LONGEST_VALUE = 512


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
    wants_client = True
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
        tracing = telemetry(tracer_provider, meter_provider, trust_traceparent, redact, body_sizes)
        if sink is None and (fail_closed or isinstance(tracing, NoTelemetry)):
            raise ConfigurationError(
                "Audit(None) keeps no record; write Audit('audit.jsonl')"
                + (" with fail_closed=True" if fail_closed else "")
            )
        self.wants: frozenset[bytes] = tracing.wants | {name.encode() for name in redact.headers}
        noted = noting(timings, clock)
        self.wants_timings: bool = timings > 0
        told = header_name(request_id_header) if sink is not None else None
        edits = response_edits(told, traceresponse=traceresponse)
        self._edits = edits[0]
        self.sets: frozenset[bytes] = edits[1]
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
        self.observes = not fail_closed
        self._recorder = Recorder(opened, copies, {"fail_closed": fail_closed}, wall_clock)
        spans = Spans(self, tracing, clock)
        start: Start = spans.on_request
        end, self._begun = spans.on_complete, spans.begun
        if opened is not None:
            form = form_of(
                redact, policy_version, body_sizes=body_sizes, timings=self.wants_timings
            )
            records = Records(self, spans, form, self._recorder, told, clock, wall_clock)
            start = records.on_request_fail_closed if fail_closed else records.on_request
            start, end = noted(start), records.on_complete
            self._begun = records.begun
            if messages:
                self.on_message: MessageHook = records.on_message  # type: ignore[assignment]
        # The hooks of this configuration, called without a step between.
        self.__dict__.update(on_request=start, on_complete=end)

    def __repr__(self) -> str:
        return f"<Audit {self._recorder.sink!r}>"

    def on_stack(self, layers: Sequence[Layer], options: Mapping[str, object]) -> None:
        self._recorder.configure(configuration(layers, options))

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        request_id, trace = self._begun(exchange)
        for edit in self._edits:
            edit(request_id, trace, head)

    def _note_length(self, exchange: Exchange, head: ResponseHead) -> None:
        exchange.declared = head.get(b"content-length")
        Audit.on_response(self, exchange, head)

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
