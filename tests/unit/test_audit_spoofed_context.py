"""Whoever is not trusted gives the app neither a trace nor baggage, whatever its propagators do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import get_current
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator, default_getter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit_support import Lines, call_asgi, call_wsgi, environ, scope
from ringwall import Audit, Stack
from ringwall._errors import ConfigurationError

CLAIMS = {
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate": "vendor=evil",
    "baggage": "user.role=admin",
}
CLAIMED = int("4bf92f3577b34da6a3ce929d0e0e4736", 16)


class Traced:
    """An audit, and an app that traces by what it gets, as instrumentations do."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.audit = Audit(Lines(), tracer_provider=self.provider, **options)
        self.headers: dict[str, str] = {}
        self.baggage: Any = None

    def _work(self, headers: dict[str, str]) -> None:
        self.headers = headers
        context = propagate.extract(headers, get_current())
        self.baggage = dict(baggage.get_all(context))
        self.provider.get_tracer("app").start_span("work", context).end()

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        self._work({name.decode().lower(): value.decode() for name, value in scope["headers"]})
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})
        else:
            await send({"type": "websocket.close", "code": 1000})

    def wsgi(self, environ: Any, start_response: Any) -> list[bytes]:
        given = [key for key in environ if key.startswith("HTTP_")]
        keys = {key[5:].lower().replace("_", "-"): key for key in given}
        self._work({name: environ[key] for name, key in keys.items()})
        start_response("200 OK", [])
        return []

    def ask(self, interface: str, claims: dict[str, str], around: Any = None) -> None:
        stack = around or Stack(self.audit)
        lines = [(name.encode(), value.encode()) for name, value in claims.items()]
        if interface == "wsgi":
            more = {
                f"HTTP_{name.upper().replace('-', '_')}": value for name, value in claims.items()
            }
            call_wsgi(stack.wsgi(self.wsgi), environ(**more))
        else:
            kind = {"type": "websocket", "scheme": "wss"} if interface == "websocket" else {}
            call_asgi(stack.asgi(self.asgi), scope(headers=lines, **kind))

    @property
    def spans(self) -> tuple[Any, ...]:
        """The app's span and the server's."""
        return self.exporter.get_finished_spans()


@pytest.fixture(autouse=True)
def context_is_left_as_it_was() -> Iterator[None]:
    before = get_current()
    yield
    assert get_current() is before


INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi", "websocket"])


@INTERFACES
@pytest.mark.parametrize("trusted", [False, ["10.0.0.0/8"]])
def test_what_a_stranger_claims_does_not_reach_the_app(interface: str, trusted: Any) -> None:
    traced = Traced(trust_traceparent=trusted)
    traced.ask(interface, CLAIMS)
    assert not CLAIMS.keys() & traced.headers.keys()
    assert "host" in traced.headers
    assert traced.baggage == {}
    work, server = traced.spans
    assert work.parent.span_id == server.context.span_id
    assert work.context.trace_id == server.context.trace_id != CLAIMED
    assert server.parent is None
    assert [link.context.trace_id for link in server.links] == [CLAIMED]


@INTERFACES
@pytest.mark.parametrize("trusted", [True, ["192.0.2.0/24"]])
def test_what_a_trusted_peer_says_goes_on(interface: str, trusted: Any) -> None:
    traced = Traced(trust_traceparent=trusted)
    traced.ask(interface, CLAIMS)
    assert traced.headers.items() >= CLAIMS.items()
    assert traced.baggage == {"user.role": "admin"}
    assert {span.context.trace_id for span in traced.spans} == {CLAIMED}


@INTERFACES
@pytest.mark.parametrize("name", CLAIMS)
def test_baggage_alone_does_not_reach_the_app(interface: str, name: str) -> None:
    traced = Traced()
    traced.ask(interface, {name: CLAIMS[name]})
    assert traced.baggage == {}
    assert (name in traced.headers) is (name == "tracestate")  # which says nothing alone
    assert {span.context.trace_id for span in traced.spans} != {CLAIMED}


@INTERFACES
def test_an_audit_inside_another_believes_no_more(interface: str) -> None:
    traced = Traced()
    inner = Audit(Lines(), tracer_provider=traced.provider, trust_traceparent=True)

    class Both:
        def asgi(self, app: Any) -> Any:
            return Stack(traced.audit).asgi(Stack(inner).asgi(app))

        def wsgi(self, app: Any) -> Any:
            return Stack(traced.audit).wsgi(Stack(inner).wsgi(app))

    traced.ask(interface, CLAIMS, Both())
    assert not CLAIMS.keys() & traced.headers.keys()
    work, nested, server = traced.spans
    assert work.parent.span_id == nested.context.span_id
    assert nested.parent.span_id == server.context.span_id
    assert server.context.trace_id != CLAIMED


def test_a_span_around_the_audit_changes_nothing() -> None:
    traced = Traced()
    with trace.use_span(traced.provider.get_tracer("server").start_span("around")):
        traced.ask("wsgi", CLAIMS)
    assert not CLAIMS.keys() & traced.headers.keys()
    assert {span.context.trace_id for span in traced.spans} != {CLAIMED}


class Propagator(TextMapPropagator):
    """One of another format: it believes the first of its headers that is there."""

    def __init__(self, *fields: str, reads: tuple[str, ...] = ()) -> None:
        self._fields, self._reads = fields, reads or fields

    @property
    def fields(self) -> set[str]:
        return set(self._fields)

    def extract(self, carrier: Any, context: Any = None, getter: Any = default_getter) -> Any:
        for name in self._reads:
            if getter.get(carrier, name.lower()):
                claimed = trace.SpanContext(CLAIMED, 7, True, trace.TraceFlags(1))
                return trace.set_span_in_context(trace.NonRecordingSpan(claimed), context)
        return context

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None: ...


@pytest.fixture
def propagator(request: pytest.FixtureRequest) -> Iterator[None]:
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([before, request.param]))
    yield
    propagate.set_global_textmap(before)


MULTI = "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"
OTHERS = [
    (Propagator("b3"), ["b3"]),
    # What it writes is not all that it reads.
    (Propagator(*MULTI, reads=("b3", *MULTI, "x-b3-flags")), ["b3", *MULTI, "x-b3-flags"]),
    (Propagator("uber-trace-id"), ["uber-trace-id"]),
    (Propagator("X-Amzn-Trace-Id"), ["x-amzn-trace-id"]),
    (Propagator("x-cloud-trace-context"), ["x-cloud-trace-context"]),
]
EACH = [(made, name) for made, names in OTHERS for name in names]


@INTERFACES
@pytest.mark.parametrize(("propagator", "name"), EACH, indirect=["propagator"])
@pytest.mark.parametrize("trusted", [False, ["10.0.0.0/8"]])
def test_what_a_stranger_claims_in_another_format_does_not_reach_the_app(
    interface: str, propagator: None, name: str, trusted: Any
) -> None:
    traced = Traced(trust_traceparent=trusted)
    traced.ask(interface, {name: "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"})
    assert name not in traced.headers
    assert "host" in traced.headers
    work, server = traced.spans
    assert work.parent.span_id == server.context.span_id
    assert work.context.trace_id != CLAIMED


@INTERFACES
@pytest.mark.parametrize("propagator", [OTHERS[0][0]], indirect=True)
def test_claims_in_two_formats_are_withheld_at_once(interface: str, propagator: None) -> None:
    traced = Traced()
    traced.ask(interface, {**CLAIMS, "b3": "1"})
    assert not {"b3", *CLAIMS} & traced.headers.keys()
    assert traced.baggage == {}
    traced.ask(interface, {"accept": "*/*"})
    assert traced.headers.keys() == {"host", "accept"}


@INTERFACES
@pytest.mark.parametrize("propagator", [OTHERS[0][0]], indirect=True)
@pytest.mark.parametrize("trusted", [True, ["192.0.2.0/24"]])
def test_what_a_trusted_peer_says_in_another_format_goes_on(
    interface: str, propagator: None, trusted: Any
) -> None:
    traced = Traced(trust_traceparent=trusted)
    traced.ask(interface, {"b3": "1"})
    assert traced.headers["b3"] == "1"


@INTERFACES
@pytest.mark.parametrize("propagator", [OTHERS[0][0]], indirect=True)
def test_it_is_withheld_also_where_nothing_traces(interface: str, propagator: None) -> None:
    traced = Traced()
    traced.audit = Audit(Lines())  # of the global provider, which there is none of
    traced.ask(interface, {"b3": "1"})
    assert "b3" not in traced.headers


@INTERFACES
def test_headers_that_no_propagator_believes_are_the_apps(interface: str) -> None:
    traced = Traced()
    claims = dict.fromkeys((name for _, name in EACH), "1")
    traced.ask(interface, claims)
    assert traced.headers.items() >= claims.items()


def test_a_propagator_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PROPAGATORS", "tracecontext,none-such")
    monkeypatch.delitem(sys.modules, "opentelemetry.propagate")
    with pytest.raises(ConfigurationError, match=r"OTEL_PROPAGATORS: .*none-such"):
        Audit(Lines())
