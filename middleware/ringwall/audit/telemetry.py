"""One SERVER span and one duration measurement for each exchange (OpenTelemetry HTTP semantic
conventions, stable part). The only module that knows OpenTelemetry; it needs the API alone.

Who called decides nothing here: an inbound `traceparent` is a claim. By default the span is a new
root that links to the claimed one, so no client can join, flood or switch off a trace.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.metrics import Histogram
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation import get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from .._exchange import Decision, Exchange, Outcome
from .._version import __version__
from .record import clean, error_type

# Methods of the conventions; whatever else clients send must not become a name or a series.
_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_ERROR = Status(StatusCode.ERROR)
_SERVER = SpanKind.SERVER
_ROOT = Context()
_PROPAGATOR = TraceContextTextMapPropagator()
_INTERNAL_ERROR_CLOSE = 1011  # RFC 6455 section 7.4.1
_LONGEST_PATH = 512
_LONGEST_VALUE = 256
_LONGEST_TRACE_HEADER = 512
_LONGEST_METHOD = 32
_MOST_QUERY_PAIRS = 32


class Trace:
    """The span of one exchange, the context it was made current in, and the one before."""

    __slots__ = ("_before", "_context", "_duration", "_method", "_span")

    def __init__(
        self, span: Span, context: Context, before: Context, method: str, duration: Histogram
    ) -> None:
        self._span = span
        self._context = context
        self._before = before
        self._method = method
        self._duration = duration

    def ids(self) -> tuple[str | None, str | None]:
        """Trace and span id in hexadecimal, or None where nothing traces."""
        context = self._span.get_span_context()
        if not context.is_valid:
            return None, None
        return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)

    def end(self, exchange: Exchange, outcome: Outcome, duration: float) -> None:
        """Measure, end the span, and make the context before it current again."""
        span, method = self._span, self._method
        try:
            error = _error_type(outcome)
            if exchange.kind == "http":  # a websocket lasts as long as its user stays
                self._duration.record(duration, _series(exchange, outcome, method, error))
            if span.is_recording():
                _finish(span, exchange, outcome, method, error)
                span.end()
        finally:
            # Not by token: under WSGI the end may come in another thread, where a token cannot
            # be reset; there our context is not the current one, and nothing is to be undone.
            if self._context is not self._before and get_current() is self._context:
                attach(self._before)


class Telemetry:
    """Makes the span and the measurement of each exchange.

    Parameters:
        tracer_provider, meter_provider: None: the global ones, also when they are set later.
        trust_traceparent: continue the trace that the request claims to belong to.
    """

    def __init__(
        self, tracer_provider: Any, meter_provider: Any, *, trust_traceparent: bool
    ) -> None:
        self._tracer = trace.get_tracer(
            "ringwall", __version__, tracer_provider=tracer_provider, schema_url=_SCHEMA
        )
        meter = metrics.get_meter(
            "ringwall", __version__, meter_provider=meter_provider, schema_url=_SCHEMA
        )
        self._duration = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._idle = False
        self._trusting = trust_traceparent
        self.wants = frozenset({b"traceparent", b"user-agent"})
        if trust_traceparent:
            self.wants |= {b"tracestate"}

    def start(self, exchange: Exchange) -> Trace:
        """Start the span and make it current, so that the app's spans are its children."""
        before = get_current()
        headers = exchange.headers
        context, links = _ROOT, None
        if get_current_span(before).is_recording():
            context = before  # an audit or an instrumentation around this one
        elif b"traceparent" in headers:
            context, links = self._parent(headers)
        method = exchange.method if exchange.kind == "http" else "GET"  # RFC 6455 section 4.1
        known = method if method in _METHODS else "_OTHER"
        name = known if known != "_OTHER" else "HTTP"
        # Where no SDK is set up, attributes are not worth collecting. The one span that finds out
        # that there is one by now gets them late, unseen by its sampler.
        idle = self._idle
        attributes = None if idle else _attributes(exchange, method, known)
        span = self._tracer.start_span(name, context, _SERVER, attributes, links)
        self._idle = not span.get_span_context().is_valid
        if self._idle:
            return Trace(span, before, before, known, self._duration)
        if idle:
            span.set_attributes(_attributes(exchange, method, known))
        current = set_span_in_context(span, before)
        attach(current)
        return Trace(span, current, before, known, self._duration)

    def _parent(self, headers: dict[bytes, bytes]) -> tuple[Context, list[Link] | None]:
        carrier = {
            name: headers.get(name.encode(), b"").decode("latin-1")[: _LONGEST_TRACE_HEADER + 1]
            for name in ("traceparent", "tracestate")
        }
        if len(carrier["traceparent"]) > _LONGEST_TRACE_HEADER:
            return _ROOT, None
        remote = _PROPAGATOR.extract(carrier, _ROOT)
        if self._trusting:
            return remote, None
        claimed = get_current_span(remote).get_span_context()
        return _ROOT, [Link(claimed)] if claimed.is_valid else None


def _attributes(exchange: Exchange, method: str, known: str) -> dict[str, AttributeValue]:
    """What is known at the start, where samplers see it."""
    attributes: dict[str, AttributeValue] = {
        "http.request.method": known,
        "url.path": clean(exchange.root + exchange.path, _LONGEST_PATH),
        "url.scheme": exchange.scheme,
    }
    if known == "_OTHER":
        attributes["http.request.method_original"] = clean(method, _LONGEST_METHOD)
    if exchange.query:
        attributes["url.query"] = redact_query(exchange.query)
    if exchange.client is not None:
        attributes["client.address"] = exchange.client
    if exchange.peer is not None:
        attributes["network.peer.address"] = clean(exchange.peer, _LONGEST_VALUE)
    host = exchange.host
    if host is not None:
        attributes["server.address"] = host.name
        attributes["server.port"] = host.port or (443 if exchange.scheme == "https" else 80)
    if exchange.kind == "websocket":
        attributes["network.protocol.name"] = "websocket"
    agent = exchange.headers.get(b"user-agent")
    if agent is not None:
        attributes["user_agent.original"] = clean(agent.decode("latin-1"), _LONGEST_VALUE)
    return attributes


def redact_query(query: bytes) -> str:
    """A query string whose values, and whose parts without a name, are not told.

    >>> redact_query(b"token=s3cret&page=2&s3cret")
    'token=REDACTED&page=REDACTED&REDACTED'
    """
    parts: list[str] = []
    for pair in query.split(b"&", _MOST_QUERY_PAIRS)[:_MOST_QUERY_PAIRS]:
        name, separator, _ = pair.partition(b"=")
        parts.append(name.decode("latin-1") + "=REDACTED" if separator else "REDACTED")
    return clean("&".join(parts), _LONGEST_PATH)


@lru_cache(maxsize=1024)
def _decisions(decisions: tuple[Decision, ...]) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "ringwall.decisions": tuple(
            f"{layer} {outcome} {rule} {reason}" for layer, outcome, rule, reason in decisions
        )
    }
    for decision in decisions:
        if decision.outcome == "deny":
            attributes["ringwall.refused_by"] = decision.layer
            attributes["ringwall.rule"] = decision.rule
            attributes["ringwall.reason"] = decision.reason
    return attributes


def _error_type(outcome: Outcome) -> str | None:
    """`error.type` of the conventions: a 4xx is the client's failure and none of the server's."""
    if outcome.error is not None:
        return error_type(outcome.error)
    if outcome.status is None:
        return "no_response"
    if outcome.status >= 500:
        return f"{outcome.status:d}"
    return str(_INTERNAL_ERROR_CLOSE) if outcome.close_code == _INTERNAL_ERROR_CLOSE else None


def _finish(
    span: Span, exchange: Exchange, outcome: Outcome, method: str, error: str | None
) -> None:
    attributes: dict[str, AttributeValue] = {}
    if exchange.decisions:
        attributes.update(_decisions(tuple(exchange.decisions)))
    if exchange.route is not None:
        attributes["http.route"] = exchange.route
        span.update_name(f"{'HTTP' if method == '_OTHER' else method} {exchange.route}")
    if outcome.status is not None:
        attributes["http.response.status_code"] = outcome.status
    if outcome.close_code is not None:
        attributes["ringwall.websocket.close_code"] = outcome.close_code
    if error is not None:
        attributes["error.type"] = error
        span.set_status(_ERROR)
    span.set_attributes(attributes)


def _series(
    exchange: Exchange, outcome: Outcome, method: str, error: str | None
) -> dict[str, AttributeValue]:
    """Attributes of the measurement: none takes a value that a client can choose."""
    series: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.scheme": exchange.scheme,
    }
    if outcome.status is not None:
        series["http.response.status_code"] = outcome.status
    if exchange.route is not None:
        series["http.route"] = exchange.route
    if error is not None:
        series["error.type"] = error
    return series
