"""Whoever is not trusted gives the app neither a trace nor baggage, whatever its propagators do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit_support import Lines, call_asgi, call_wsgi, environ, scope
from ringwall import Audit, Stack

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
        keys = {key[5:].lower(): key for key in environ if key.startswith("HTTP_")}
        self._work({name: environ[key] for name, key in keys.items()})
        start_response("200 OK", [])
        return []

    def ask(self, interface: str, claims: dict[str, str], around: Any = None) -> None:
        stack = around or Stack(self.audit)
        lines = [(name.encode(), value.encode()) for name, value in claims.items()]
        if interface == "wsgi":
            more = {f"HTTP_{name.upper()}": value for name, value in claims.items()}
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
