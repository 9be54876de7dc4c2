"""One SERVER span and its measurements for each exchange. It needs OpenTelemetry's API alone.

Who called decides nothing here: an inbound `traceparent` is a claim. By default the span is a new
root that links to the claimed one, so no client can join, flood or switch off a trace. Baggage of
a request is read from trusted peers only. What others claim does not reach the app either, whose
propagators would believe it: its spans find their parent in the current context.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation import get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from .._conceal import Concealment
from .._errors import ConfigurationError
from .._exchange import Exchange
from .._version import __version__
from ._course import METHODS
from ._providers import METERS, NOTHING, SET_UP, nothing_is_set_up
from ._trace import SizedTrace, Trace, Unrecorded
from .metrics import SCHEMA, Measurements
from .redaction import Redaction
from .span import Form, LateAttributes, StartForm

_SERVER = SpanKind.SERVER
_ROOT = Context()
_PROPAGATOR = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()
_CLAIMS = frozenset({b"traceparent", b"tracestate", b"baggage"})
_READ_CLAIMS = frozenset({b"traceparent", b"baggage"})  # no `tracestate` counts by itself
# Propagators name what they write; those of B3 read all of these.
_B3 = frozenset({
    b"b3", b"x-b3-flags", b"x-b3-parentspanid", b"x-b3-sampled", b"x-b3-spanid", b"x-b3-traceid",
})  # fmt: skip
_LONGEST_TRACE_HEADER = 512
_LONGEST_BAGGAGE = 8192

_new = object.__new__  # without a call of its own

Network = IPv4Network | IPv6Network


def _unusual(exchange: Exchange) -> tuple[str, str, str]:
    """The method, as it is told, and the name of a span, where it is none of the usual methods."""
    if exchange.kind == "websocket":
        return "GET", "GET", "GET"  # RFC 6455 section 4.1
    return exchange.method, "_OTHER", "HTTP"


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
        self._start_span = self._tracer.start_span
        self._measurements = Measurements(meter_provider, body_sizes=body_sizes)
        self._may_be_idle = tracer_provider is None and meter_provider is None
        # Asked each time: a global provider may be set later.
        self._meters = METERS
        if meter_provider is not None:
            self._meters = NOTHING if self._measurements.idle else SET_UP
        self._trace: type[Trace] = SizedTrace if body_sizes else Trace
        self._recorded = False  # the last span: most likely the next one, too
        self._trusted = trusted
        self._form: Form = StartForm(redaction).__call__  # quicker than the instance
        self._claims = Concealment(headers=_CLAIMS)
        self.wants: frozenset[bytes] = frozenset({b"traceparent", b"baggage", b"user-agent"})
        if trusted:
            self.wants |= {b"tracestate"}

    def start(self, exchange: Exchange) -> Unrecorded | None:
        """Start the span and make it current, so that the app's spans are its children. None: no
        SDK is set up, so nothing is traced or measured."""
        claims = not _READ_CLAIMS.isdisjoint(exchange.headers)
        if self._may_be_idle and nothing_is_set_up():
            if claims:
                self._withhold(exchange)
            return None
        before = base = get_current()
        context, links = _ROOT, None
        if before and get_current_span(before).is_recording():
            context = before  # an audit or an instrumentation around this one
        elif claims:
            context, links = self._parent(exchange)
            base = context if context is not _ROOT else before
        if claims:
            self._withhold(exchange)
        measurements = None if self._meters._METER_PROVIDER is None else self._measurements
        method = known = name = exchange.method
        if method not in METHODS:
            method, known, name = _unusual(exchange)
        if measurements is not None:
            measurements.started(known, exchange.scheme)
        # Made now only where it is wanted, most likely: see `LateAttributes`.
        attributes: Mapping[str, AttributeValue]
        if self._recorded:
            attributes = self._form(exchange, method, known)
        else:
            attributes = late = _new(LateAttributes)
            late.parts = self._form, exchange, method, known
        span = self._start_span(name, context, _SERVER, attributes, links)
        self._recorded = recorded = span.is_recording()
        current = before
        if recorded or span.get_span_context().is_valid:
            current = set_span_in_context(span, base)
            attach(current)
        begun = _new(self._trace if recorded or measurements is not None else Unrecorded)
        begun.context, begun.before, begun.span = current, before, span
        begun.method, begun.measurements = known, measurements
        return begun

    def _parent(self, exchange: Exchange) -> tuple[Context, list[Link] | None]:
        if b"traceparent" not in exchange.headers:
            return _ROOT, None  # baggage alone names no parent
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
            exchange.conceal(self._claims)

    def _trusts(self, peer: str | None) -> bool:
        if isinstance(self._trusted, bool):
            return self._trusted
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


class OtherPropagators(OpenTelemetry):
    """Where the app's propagators believe further headers, those of B3, Jaeger or X-Ray: they are
    withheld as `traceparent` is. An app whose propagators do not believe them keeps them."""

    def __init__(self, *args: Any, others: frozenset[bytes], **options: Any) -> None:
        super().__init__(*args, **options)
        self._others = others
        self._claims = Concealment(headers=_CLAIMS | others)
        self.wants: frozenset[bytes] = self.wants | others

    def start(self, exchange: Exchange) -> Unrecorded | None:
        if not self._others.isdisjoint(exchange.headers):
            self._withhold(exchange)
        return super().start(exchange)


def other_claims() -> frozenset[bytes]:
    """The headers that the global propagators believe, as they are set up now, beside W3C's.

    Raises:
        ConfigurationError: OTEL_PROPAGATORS names one that is not there.
    """
    try:
        from opentelemetry.propagate import get_global_textmap  # it loads what the variable names
    except ValueError as error:
        raise ConfigurationError(f"OTEL_PROPAGATORS: {error}") from None
    fields = get_global_textmap().fields
    names = frozenset(name.lower().encode() for name in fields if name.isascii())
    return (names | _B3 if names & _B3 else names) - _CLAIMS
