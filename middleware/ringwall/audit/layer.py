"""The audit layer: every exchange leaves one record and one span, whatever became of it."""

from __future__ import annotations

import io
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .._errors import ConfigurationError, MissingDependency
from .._exchange import Decision, Exchange, Outcome
from .._layer import Layer, ResponseHead
from ..problem import Response, check_header, problem
from .jsonlines import JSONLinesSink
from .record import exchange_record, gap_record
from .sink import DeviceSink, Sink

logger = logging.getLogger("ringwall.audit")

UNAVAILABLE = problem(
    503,
    "The request cannot be recorded at the moment, so it is not served.",
    code="audit-unavailable",
    headers=((b"retry-after", b"5"),),
)
_DENY = Decision("audit", "deny", "fail-closed", "audit-unavailable")
_ALLOW = Decision("audit", "allow", "fail-closed", "recording")


class _Trace(Protocol):
    def ids(self) -> tuple[str | None, str | None]: ...
    def end(self, exchange: Exchange, outcome: Outcome, duration: float) -> None: ...


class _Telemetry(Protocol):
    wants: frozenset[bytes]

    def start(self, exchange: Exchange) -> _Trace | None: ...


class _NoTelemetry:
    """Where OpenTelemetry is not installed."""

    wants: frozenset[bytes] = frozenset()

    def start(self, exchange: Exchange) -> None:
        return None


class _Started(NamedTuple):
    """What is known of an exchange since its start."""

    request_id: str
    wall: float
    clock: float
    trace: _Trace | None


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
        tracer_provider, meter_provider: of OpenTelemetry; None: the global ones. Nothing is
            traced where the package `opentelemetry-api` is not installed.
        trust_traceparent: True: continue the trace named by the request. Only where every
            request comes through a gateway of yours that sets the header: else any client joins
            your traces or switches them off. False: a new trace, linked to the named one.
        request_id_header: the response header that tells the id in the record, in place of one
            that the app sets; None: no header.
        fail_closed: True: as long as records are lost, requests are answered 503 and the app is
            not called, until the sink takes a record again. The request whose record is the
            first to fail has been served by then.
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
    >>> import json; json.loads(lines[0])["status"]
    204
    """

    name = "audit"
    observes = True
    tolerant = True
    lost: int
    _missing: int

    def __init__(
        self,
        sink: str | os.PathLike[str] | Sink | None,
        *,
        tracer_provider: Any = None,
        meter_provider: Any = None,
        trust_traceparent: bool = False,
        request_id_header: str | None = "x-request-id",
        fail_closed: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._telemetry = _telemetry(tracer_provider, meter_provider, trust_traceparent)
        if sink is None and (fail_closed or isinstance(self._telemetry, _NoTelemetry)):
            raise ConfigurationError(
                "Audit(None) keeps no record; write Audit('audit.jsonl')"
                + (" with fail_closed=True" if fail_closed else "")
            )
        self.wants = self._telemetry.wants
        self._header = _header(request_id_header)
        self.sets = frozenset({self._header} if self._header else ())
        self._clock = clock
        self._wall_clock = wall_clock
        self._fail_closed = fail_closed
        self.observes = not fail_closed
        self._judged = (_ALLOW,) if fail_closed else ()
        self._tracing_failed = False
        self._sink = _open(sink)
        self._renew()
        _audits.add(self)

    def __repr__(self) -> str:
        return f"<Audit {self._sink!r}>"

    def on_request(self, exchange: Exchange) -> Response | None:
        clock = self._clock()
        trace: _Trace | None = None
        try:
            trace = self._telemetry.start(exchange)
        except Exception as error:  # noqa: BLE001  tracing never breaks a request or a record
            self._tracing_failure(error)
        exchange.state[self] = _Started(os.urandom(16).hex(), self._wall_clock(), clock, trace)
        if self._missing and self._fail_closed and not self._recover():
            exchange.decisions.append(_DENY)
            return UNAVAILABLE
        exchange.decisions.extend(self._judged)
        return None

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        if self._header:
            head.set(self._header, exchange.state[self].request_id.encode())

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        started: _Started = exchange.state[self]
        duration = self._clock() - started.clock
        if self._sink is not None:
            self._keep(self._sink, exchange, outcome, started, duration)
        if started.trace is not None:
            try:
                started.trace.end(exchange, outcome, duration)
            except Exception as error:  # noqa: BLE001  tracing never breaks a request
                self._tracing_failure(error)

    def close(self) -> None:
        """Close the sink. What is recorded after this is lost, and counted."""
        if self._sink is not None:
            self._sink.close()

    def _keep(
        self,
        sink: Sink,
        exchange: Exchange,
        outcome: Outcome,
        started: _Started,
        duration: float,
    ) -> None:
        try:
            trace_id, span_id = started.trace.ids() if started.trace else (None, None)
            record = exchange_record(
                exchange,
                outcome,
                record_id=self._next_id(),
                request_id=started.request_id,
                started=started.wall,
                duration=duration,
                trace_id=trace_id,
                span_id=span_id,
            )
            if self._missing:
                self._tell_gap(sink)
            sink.write(record)
        except Exception as error:  # noqa: BLE001  a sink never breaks a request
            self._lose(error)

    def _tell_gap(self, sink: Sink) -> None:
        with self._lock:
            count = self._missing
            if count:
                sink.write(gap_record(count, record_id=self._next_id(), now=self._wall_clock()))
                self._missing = 0
                logger.warning("the audit sink takes records again; lost: %d", count)

    def _lose(self, error: Exception) -> None:
        with self._lock:
            self._missing += 1
            self.lost += 1
            first = self._missing == 1
        if first:  # the message of the exception may hold a secret
            logger.error("the audit sink failed with %s; records are lost", type(error).__name__)

    def _recover(self) -> bool:
        """Whether the sink takes records again, tried with the record that tells the gap."""
        try:
            if self._sink is not None:
                self._tell_gap(self._sink)
        except Exception:  # noqa: BLE001  it was reported when it began
            return False
        return True

    def _tracing_failure(self, error: Exception) -> None:
        if not self._tracing_failed:
            self._tracing_failed = True
            logger.error("tracing failed with %s; this is told once", type(error).__name__)

    def _next_id(self) -> str:
        """Record ids count up within a writer, so that a reader notices one that is missing."""
        return f"{self._writer}-{next(self._sequence)}"

    def _renew(self) -> None:
        """Begin as a process of its own: another writer, with no loss of its own yet, and a lock
        that no vanished thread holds. It is reentrant, for the collector may end an exchange (a
        WSGI body that nobody closed) in the middle of it."""
        self._writer = os.urandom(8).hex()
        self._sequence = itertools.count(1)
        self._lock = threading.RLock()
        self._missing = 0
        self.lost = 0


_audits: weakref.WeakSet[Audit] = weakref.WeakSet()


def _after_fork() -> None:
    for audit in _audits:
        audit._renew()


if hasattr(os, "register_at_fork"):  # pragma: no branch  not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def _telemetry(tracer_provider: Any, meter_provider: Any, trust_traceparent: bool) -> _Telemetry:
    for argument, provider, method in (
        ("tracer_provider", tracer_provider, "get_tracer"),
        ("meter_provider", meter_provider, "get_meter"),
    ):
        if provider is not None and not callable(getattr(provider, method, None)):
            raise ConfigurationError(
                f"{argument}= takes an OpenTelemetry provider with {method}(), not a"
                f" {type(provider).__name__!r}"
            )
    try:
        from .telemetry import Telemetry
    except ModuleNotFoundError as error:
        if tracer_provider is None and meter_provider is None:
            return _NoTelemetry()
        argument = "meter_provider=" if tracer_provider is None else "tracer_provider="
        raise MissingDependency("opentelemetry-api", "otel", f"Audit({argument})") from error
    return Telemetry(tracer_provider, meter_provider, trust_traceparent=trust_traceparent)


def _open(sink: str | os.PathLike[str] | Sink | None) -> Sink | None:
    if isinstance(sink, (str, os.PathLike)):
        path = Path(sink)
        is_device = path.exists() and not path.is_file() and not path.is_dir()
        return DeviceSink(path) if is_device else JSONLinesSink(path)
    if isinstance(sink, io.IOBase):
        raise ConfigurationError(
            "Audit(sink=) takes a path, not an open file; for standard output write '/dev/stdout'"
        )
    if sink is None or (isinstance(sink, Sink) and not isinstance(sink, type)):
        return sink
    raise ConfigurationError(
        f"Audit(sink=) takes a path or an object with write(record) and close(), not"
        f" {type(sink).__name__!r}"
    )


def _header(name: str | None) -> bytes | None:
    if name is None:
        return None
    try:
        header = name.lower().encode("ascii")
        check_header(header, b"")
    except (AttributeError, ValueError):
        raise ConfigurationError(
            f"request_id_header={name!r} is no header name; write 'x-request-id' or None"
        ) from None
    return header
