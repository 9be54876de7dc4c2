"""What exchanges of one course have in common is said once; what clients choose is not kept."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit_support import Lines, WSGIApp, call_asgi, call_wsgi
from ringwall._boundary import Boundary
from ringwall._exchange import Decision, Exchange, Outcome
from ringwall.audit import Audit
from ringwall.audit._course import _kept, course_of


def exchange(method: str = "GET", route: str | None = None) -> Exchange:
    given = Exchange("asgi", method, "https", "", "/", None, b"", {}, None, Boundary())
    given.decisions.append(Decision("gate", "allow", "100%", "ratio %s %d"))
    if route is not None:
        given.found_route(route, {})
    return given


def test_exchanges_of_one_course_share_it() -> None:
    one, other = (course_of(exchange(route="/shared"), Outcome(200)) for _ in range(2))
    assert one is other
    assert course_of(exchange(route="/other"), Outcome(200)) is not one
    assert course_of(exchange(route="/shared"), Outcome(404)) is not one


@pytest.mark.parametrize(
    ("method", "outcome"),
    [
        ("BREW", Outcome(200)),
        ("GET", Outcome(299)),
        ("GET", Outcome(None)),
        ("GET", Outcome(200, ValueError())),
        ("GET", Outcome(101, close_code=4999)),
    ],
)
def test_what_a_client_could_choose_is_not_kept(method: str, outcome: Outcome) -> None:
    before = _kept.cache_info()
    course_of(exchange(method), outcome)
    assert _kept.cache_info() == before


def test_kept_courses_are_bounded() -> None:
    assert _kept.cache_info().maxsize == 1024


def test_percent_signs_of_rules_and_routes_stay_what_they_are() -> None:
    lines = Lines()
    audit = Audit(lines)
    given = exchange(route="/100%/{x:d}%s")
    audit.on_request(given)
    audit.on_complete(given, Outcome(200))
    record = lines.only
    assert record["route"] == "/100%/{x:d}%s"
    assert record["decisions"][0]["rule"] == "100%"
    assert record["decisions"][0]["reason"] == "ratio %s %d"


@pytest.mark.parametrize("kept", [True, False])
def test_a_span_ends_whatever_the_app_calls_a_status(kept: bool) -> None:
    exporter, lines = InMemorySpanExporter(), Lines()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    audit = Audit(lines if kept else None, tracer_provider=provider)
    contexts: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": "teapot"})
        await send({"type": "http.response.body"})

    async def outside(scope: Any, receive: Any, send: Any) -> None:
        contexts.append(get_current())
        await audit.asgi(app)(scope, receive, send)
        contexts.append(get_current())

    call_asgi(outside)
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET"
    assert contexts[0] is contexts[1]
    assert audit.lost == kept
    assert [record["event"] for record in lines.records] == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_span_that_cannot_be_ended_breaks_nothing(
    kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(SpanProcessor):
        def on_end(self, span: Any) -> None:
            raise RuntimeError("s3cret")

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Failing())
    lines, before = Lines(), get_current()
    audit = Audit(lines if kept else None, tracer_provider=provider)
    for _ in range(2):
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"
    assert get_current() is before
    assert len(lines.records) == 2 * kept
    assert caplog.messages == ["tracing failed with RuntimeError; this is told once"]
