"""One SERVER span and its measurements for each exchange. It needs OpenTelemetry's API alone.

Who called decides nothing here: an inbound `traceparent` is a claim. By default the span is a new
root that links to the claimed one, so no client can join, flood or switch off a trace. Baggage of
a request is read from trusted peers only. What others claim does not reach the app either, whose
propagators would believe it: its spans find their parent in the current context.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation import get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .._conceal import Concealment
from .._exchange import Exchange, Outcome
from .._version import __version__
from .metrics import SCHEMA, Measurements
from .redaction import Redaction
from .span import METHODS, error_of, finish, start_attributes

_SERVER = SpanKind.SERVER
_ROOT = Context()
_PROPAGATOR = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()
_CLAIMS = Concealment(headers=frozenset({b"traceparent", b"tracestate", b"baggage"}))
_LONGEST_TRACE_HEADER = 512
_LONGEST_BAGGAGE = 8192

Network = IPv4Network | IPv6Network


class Trace:
    """The span of one exchange, the context it was made current in, and the one before."""

    __slots__ = ("_before", "_context", "_measurements", "_method", "_span", "response_length")

    def __init__(
        self,
        span: Span,
        context: Context,
        before: Context,
        method: str,
        measurements: Measurements,
    ) -> None:
        self._span = span
        self._context = context
        self._before = before
        self._method = method
        self._measurements = measurements
        self.response_length: bytes | None = None

    def ids(self) -> tuple[str | None, str | None]:
        """Trace and span id in hexadecimal, or None where nothing traces."""
        context = self._span.get_span_context()
        if not context.is_valid:
            return None, None
        return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)

    def response_header(self) -> bytes | None:
        """The value of `traceresponse` (W3C Trace Context level 2, section 4.1)."""
        trace_id, span_id = self.ids()
        if trace_id is None:
            return None
        flags = self._span.get_span_context().trace_flags
        return f"00-{trace_id}-{span_id}-{flags:02x}".encode()

    def end(self, exchange: Exchange, outcome: Outcome, duration: float) -> None:
        """Measure, end the span, and make the context before it current again."""
        span, method = self._span, self._method
        try:
            error = error_of(outcome)
            self._measurements.ended(
                exchange, method, outcome.status, error, duration, self.response_length,
                self._context,
            )  # fmt: skip
            if span.is_recording():
                finish(span, exchange, outcome, method, error)
                span.end()
        finally:
            # Not by token: under WSGI the end may come in another thread, where a token cannot
            # be reset; there our context is not the current one, and nothing is to be undone.
            if self._context is not self._before and get_current() is self._context:
                attach(self._before)


class OpenTelemetry:
    """Makes the span and the measurements of each exchange.

    Parameters:
        tracer_provider, meter_provider: None: the global ones, also when they are set later.
        trusted: True: continue the trace that a request names; networks: of these peers only.
        body_sizes: measure bodies, too.
    """

    def __init__(
        self,
        tracer_provider: Any,
        meter_provider: Any,
        *,
        trusted: bool | tuple[Network, ...],
        redaction: Redaction,
        body_sizes: bool,
    ) -> None:
        self._tracer = trace.get_tracer(
            "ringwall", __version__, tracer_provider=tracer_provider, schema_url=SCHEMA
        )
        self._measurements = Measurements(meter_provider, body_sizes=body_sizes)
        self._idle = False
        self._trusted = trusted
        self._redaction = redaction
        self._doubts = trusted is not True
        self.wants: frozenset[bytes] = frozenset({b"traceparent", b"baggage", b"user-agent"})
        if trusted:
            self.wants |= {b"tracestate"}
        if body_sizes:
            self.wants |= {b"content-length"}

    def start(self, exchange: Exchange) -> Trace:
        """Start the span and make it current, so that the app's spans are its children."""
        before = get_current()
        headers = exchange.headers
        context, links = _ROOT, None
        base = before
        if get_current_span(before).is_recording():
            context = before  # an audit or an instrumentation around this one
        elif b"traceparent" in headers:
            context, links = self._parent(exchange)
            base = context if context is not _ROOT else before
        if self._doubts and (b"traceparent" in headers or b"baggage" in headers):
            self._withhold(exchange)
        method = exchange.method if exchange.kind == "http" else "GET"  # RFC 6455 section 4.1
        known = method if method in METHODS else "_OTHER"
        name = known if known != "_OTHER" else "HTTP"
        self._measurements.started(known, exchange.scheme)
        # Where no SDK is set up, attributes are not worth collecting. The one span that finds out
        # that there is one by now gets them late, unseen by its sampler.
        idle = self._idle
        attributes = None if idle else start_attributes(exchange, method, known, self._redaction)
        span = self._tracer.start_span(name, context, _SERVER, attributes, links)
        self._idle = not span.get_span_context().is_valid
        if self._idle:
            return Trace(span, before, before, known, self._measurements)
        if idle:
            span.set_attributes(start_attributes(exchange, method, known, self._redaction))
        current = set_span_in_context(span, base)
        attach(current)
        return Trace(span, current, before, known, self._measurements)

    def _parent(self, exchange: Exchange) -> tuple[Context, list[Link] | None]:
        carrier = {
            name: exchange.headers.get(name.encode(), b"").decode("latin-1")
            for name in ("traceparent", "tracestate", "baggage")
        }
        if len(carrier["traceparent"]) > _LONGEST_TRACE_HEADER:
            return _ROOT, None
        carrier["tracestate"] = carrier["tracestate"][: _LONGEST_TRACE_HEADER + 1]
        remote = _PROPAGATOR.extract(carrier, _ROOT)
        claimed = get_current_span(remote).get_span_context()
        if not claimed.is_valid:
            return _ROOT, None
        if self._trusts(exchange.peer):
            if carrier["baggage"] and len(carrier["baggage"]) <= _LONGEST_BAGGAGE:
                remote = _BAGGAGE.extract(carrier, remote)
            return remote, None
        return _ROOT, [Link(claimed)]

    def _withhold(self, exchange: Exchange) -> None:
        if not self._trusts(exchange.peer):
            exchange.conceal(_CLAIMS)

    def _trusts(self, peer: str | None) -> bool:
        if isinstance(self._trusted, bool):
            return self._trusted
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self._trusted)
