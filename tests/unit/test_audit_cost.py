"""What is not recorded costs nothing, and what is costs once."""

from __future__ import annotations

import hmac
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import NoOpTracerProvider

from audit_support import Lines, WSGIApp, call_wsgi, environ
from ringwall.audit import Audit, Redaction
from ringwall.audit.canonical import canonical
from ringwall.audit.metrics import Measurements
from ringwall.audit.record import clean, quote
from ringwall.audit.span import StartForm


class TestNothingIsMadeForNothing:
    """What is not recorded is not computed."""

    def test_a_sampler_that_does_not_look_costs_no_attributes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[int] = []
        form = StartForm.__call__

        def counted(*args: Any) -> Any:
            made.append(1)
            return form(*args)

        monkeypatch.setattr(StartForm, "__call__", counted)
        provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        app = Audit(None, tracer_provider=provider).wsgi(WSGIApp())
        for _ in range(3):
            assert call_wsgi(app)[0] == "200 OK"
        assert made == []

    @pytest.mark.parametrize("meters", [NoOpMeterProvider(), MeterProvider(shutdown_on_exit=False)])
    def test_nothing_is_measured_for_meters_that_nobody_reads(
        self, meters: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        measured: list[str] = []
        for name in ("started", "ended"):
            monkeypatch.setattr(Measurements, name, lambda *_, name=name: measured.append(name))
        app = Audit(None, meter_provider=meters).wsgi(WSGIApp())
        assert call_wsgi(app)[0] == "200 OK"
        assert measured == ([] if isinstance(meters, NoOpMeterProvider) else ["started", "ended"])

    def test_a_sampler_that_looks_sees_a_mapping(self) -> None:
        seen: list[Any] = []

        class Looking(Sampler):
            def should_sample(self, *args: Any, **named: Any) -> SamplingResult:
                attributes = args[4] if len(args) > 4 else named["attributes"]
                seen.append((attributes["url.path"], len(attributes), set(attributes)))
                seen.append(repr(attributes))
                return SamplingResult(Decision.DROP, attributes)

            def get_description(self) -> str:
                return "Looking"

        provider = TracerProvider(sampler=Looking(), shutdown_on_exit=False)
        call_wsgi(Audit(None, tracer_provider=provider).wsgi(WSGIApp()), environ("/x"))
        path, count, names = seen[0]
        assert path == "/x"
        assert count == len(names)
        assert {"http.request.method", "url.scheme"} <= names
        assert "'url.path': '/x'" in seen[1]

    def test_without_an_sdk_nothing_is_started_and_one_set_up_later_is_noticed(self) -> None:
        """In a process of its own, for global providers are set once."""
        code = """
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from ringwall import Audit
from ringwall.audit.telemetry import OpenTelemetry

started = []
start = OpenTelemetry.start
def noted(self, exchange):
    started.append(start(self, exchange))
    return started[-1]
OpenTelemetry.start = noted

def app(environ, start_response):
    names.append(trace.get_current_span().get_span_context().is_valid)
    start_response("200 OK", [])
    return [b""]

names = []
audited = Audit(None).wsgi(app)
def ask(**more):
    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "PATH_INFO": "/", **more}
    audited(environ, lambda *line: None)
    return environ

ask()
claimed = ask(HTTP_TRACEPARENT="00-" + "1" * 32 + "-" + "1" * 16 + "-01")
assert started == [None, None], started
assert "HTTP_TRACEPARENT" not in claimed  # as ever
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
ask()
assert started[-1] is not None
assert names == [False, False, True], names
"""
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_a_hash_of_an_address_is_computed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hashed: list[int] = []
        digest = hmac.digest

        def counted(*args: Any) -> bytes:
            hashed.append(1)
            return digest(*args)

        monkeypatch.setattr(hmac, "digest", counted)
        lines = Lines()
        redact = Redaction(fields={"client": "hash"}, key=b"k" * 16)
        app = Audit(lines, redact=redact).wsgi(WSGIApp())
        for _ in range(3):
            call_wsgi(app)
        assert len(hashed) == 1
        assert len({record["client"] for record in lines.records}) == 1


def test_a_provider_that_makes_no_spans_is_told_nowhere() -> None:
    lines = Lines()
    audit = Audit(lines, tracer_provider=NoOpTracerProvider(), traceresponse=True)
    assert "traceresponse" not in call_wsgi(audit.wsgi(WSGIApp()))[1]
    assert lines.only["trace_id"] is None


def test_spans_alone_tell_clients_no_id_that_leads_nowhere() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    status, headers = call_wsgi(Audit(None, tracer_provider=provider).wsgi(WSGIApp()))[:2]
    assert status == "200 OK"
    assert headers["x-request-id"] == "forged"  # what the app says is its own


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_spans_alone_look_at_no_response(interface: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)

    def edits(**options: Any) -> bool:
        audit = Audit(None, tracer_provider=provider, **options)
        return bool(getattr(audit, interface)(WSGIApp()).__ringwall__.unwinds[-1].edits)

    assert not edits()
    assert edits(traceresponse=True)
    assert edits(body_sizes=True)


def test_a_span_that_the_app_has_ended_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        trace.get_current_span().end()
        return WSGIApp()(environ, start_response)

    provider = TracerProvider(shutdown_on_exit=False)
    assert call_wsgi(Audit(None, tracer_provider=provider).wsgi(app))[0] == "200 OK"
    assert caplog.messages == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_span_that_is_dropped_is_current_and_leaves_no_context_behind(kept: bool) -> None:
    inside: list[bool] = []

    def app(environ: Any, start_response: Any) -> Any:
        inside.append(trace.get_current_span().get_span_context().is_valid)
        return WSGIApp()(environ, start_response)

    provider, before = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False), get_current()
    call_wsgi(Audit(Lines() if kept else None, tracer_provider=provider).wsgi(app))
    assert inside == [True]
    assert get_current() is before


def test_without_a_sink_no_message_is_looked_at() -> None:
    """There is no exchange that its record could name."""
    audit = Audit(None, messages=True)
    assert "on_message" not in vars(audit)


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=300), st.integers(1, 300))
def test_the_quick_way_to_quote_is_the_canonical_one(text: str, limit: int) -> None:
    assert quote(text, limit).encode() == canonical(clean(text, limit))


def test_request_ids_are_random_and_never_given_twice() -> None:
    lines = Lines()
    app = Audit(lines).wsgi(WSGIApp())
    told = {call_wsgi(app)[1]["x-request-id"] for _ in range(300)}
    assert len(told) == 300
    assert told == {record["request_id"] for record in lines.records}
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in told)
