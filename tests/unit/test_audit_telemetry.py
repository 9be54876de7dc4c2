"""One SERVER span by the HTTP semantic conventions for each exchange, and one measurement."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.context import attach, get_current, set_value
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler
from opentelemetry.trace import SpanKind, StatusCode
from starlette.websockets import WebSocketDisconnect

from audit_support import (
    ASGIApp,
    Gate,
    Lines,
    WSGIApp,
    call_asgi,
    call_wsgi,
    environ,
    scope,
)
from ringwall import Stack, _health
from ringwall._boundary import Boundary
from ringwall._errors import ConfigurationError
from ringwall._exchange import Exchange
from ringwall.audit import Audit
from ringwall.audit._setup import NoTelemetry
from ringwall.audit.redaction import Redaction, redact_query

SECRET = "s3cret-t0ken"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


class Recorder:
    """A provider with an exporter in memory, and an audit on it."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.lines = Lines()

    def audit(self, **more: Any) -> Audit:
        return Audit(self.lines, tracer_provider=self.provider, meter_provider=self.meters, **more)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def only(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    @property
    def points(self) -> list[Any]:
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        metrics = {each.name: each for each in data.resource_metrics[0].scope_metrics[0].metrics}
        self.metrics = {name: list(each.data.data_points) for name, each in metrics.items()}
        metric = metrics.get("http.server.request.duration")
        if metric is None:
            return []
        assert metric.unit == "s"
        return list(metric.data.data_points)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    before = get_current()
    yield recorder
    assert get_current() is before
    recorder.provider.shutdown()
    recorder.meters.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_span_tells_request_answer_and_decisions(recorder: Recorder, interface: str) -> None:
    stack = Stack(recorder.audit(), Gate())
    if interface == "wsgi":
        told = {"REMOTE_PORT": "4321", "SERVER_PROTOCOL": "HTTP/1.1"}
        given = environ(QUERY_STRING="page=2", HTTP_USER_AGENT="curl/8.1", **told)
        call_wsgi(stack.wsgi(WSGIApp()), given)
    else:
        agent = [(b"user-agent", b"curl/8.1")]
        given = scope(query_string=b"page=2", headers=agent, http_version="1.1")
        call_asgi(stack.asgi(ASGIApp()), given)
    span = recorder.only
    assert (span.name, span.kind) == ("GET /{name}", SpanKind.SERVER)
    assert (span.status.status_code, span.events, span.parent) == (StatusCode.UNSET, (), None)
    assert attributes(span) == {
        "http.request.method": "GET",
        "url.path": "/yes",
        "url.query": "page=REDACTED",
        "url.scheme": "https",
        "server.address": "api.example.com",
        "server.port": 443,
        "client.address": "192.0.2.1",
        "network.peer.address": "192.0.2.1",
        "network.peer.port": 4321,
        "network.protocol.version": "1.1",
        "user_agent.original": "curl/8.1",
        "http.route": "/{name}",
        "http.response.status_code": 200,
        "ringwall.decisions": "gate allow list listed",
    }
    context = span.context
    assert context is not None
    record = recorder.lines.only
    assert record["trace_id"] == f"{context.trace_id:032x}"
    assert record["span_id"] == f"{context.span_id:016x}"


def test_what_samplers_need_is_there_at_the_start() -> None:
    class Watching(Sampler):
        seen: Any = None

        def should_sample(self, *args: Any, **more: Any) -> Any:
            arguments = dict(zip(("parent", "trace_id", "name", "kind", "attributes"), args,
                                 strict=False), **more)  # fmt: skip
            Watching.seen = arguments["attributes"]
            return ALWAYS_OFF.should_sample(*args, **more)

        def get_description(self) -> str:
            return "watching"

    recorder = Recorder(Watching())
    call_wsgi(recorder.audit().wsgi(WSGIApp()), environ(HTTP_USER_AGENT="curl/8.1"))
    assert set(Watching.seen) == {
        "http.request.method",
        "url.path",
        "url.scheme",
        "server.address",
        "server.port",
        "client.address",
        "network.peer.address",
        "user_agent.original",
    }


def test_a_refusal_tells_who_refused(recorder: Recorder) -> None:
    app = WSGIApp()
    call_wsgi(Stack(recorder.audit(), Gate()).wsgi(app), environ("/no"))
    assert app.calls == 0
    span = recorder.only
    told = attributes(span)
    assert told["ringwall.refused_by"] == "gate"
    assert (told["ringwall.rule"], told["ringwall.reason"]) == ("list", "forbidden")
    assert told["http.response.status_code"] == 403
    # A 4xx is the client's failure: no error of the server (conventions, "Status").
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in told


def test_a_request_without_anything_optional(recorder: Recorder) -> None:
    given = scope("/a", client=None, scheme="http")
    given["headers"] = []
    call_asgi(recorder.audit().asgi(ASGIApp()), given)
    assert recorder.only.name == "GET"
    assert attributes(recorder.only) == {
        "http.request.method": "GET",
        "url.path": "/a",
        "url.scheme": "http",
        "http.response.status_code": 200,
    }


@pytest.mark.parametrize(
    ("host", "scheme", "port"), [("a:8443", "https", 8443), ("a", "http", 80), ("a", "https", 443)]
)
def test_the_port_is_told_with_the_host(
    recorder: Recorder, host: str, scheme: str, port: int
) -> None:
    given = environ(HTTP_HOST=host, **{"wsgi.url_scheme": scheme})
    call_wsgi(recorder.audit().wsgi(WSGIApp()), given)
    assert attributes(recorder.only)["server.port"] == port


class TestFailure:
    @pytest.mark.parametrize("interface", ["wsgi", "asgi"])
    def test_an_exception_is_named_and_its_message_is_not(
        self, recorder: Recorder, interface: str
    ) -> None:
        error = ZeroDivisionError(SECRET)
        with pytest.raises(ZeroDivisionError):
            if interface == "wsgi":
                call_wsgi(recorder.audit().wsgi(WSGIApp(error=error)))
            else:
                call_asgi(recorder.audit().asgi(ASGIApp(error=error)))
        span = recorder.only
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None
        assert attributes(span)["error.type"] == "ZeroDivisionError"
        assert attributes(span)["http.response.status_code"] == 500  # our answer
        assert SECRET not in span.to_json()

    def test_a_5xx_is_an_error(self, recorder: Recorder) -> None:
        call_wsgi(recorder.audit().wsgi(WSGIApp("503 Busy")))
        assert attributes(recorder.only)["error.type"] == "503"
        assert recorder.only.status.status_code is StatusCode.ERROR

    def test_a_cancellation_is_an_error(self, recorder: Recorder) -> None:
        with pytest.raises(asyncio.CancelledError):
            call_asgi(recorder.audit().asgi(ASGIApp(error=asyncio.CancelledError())))
        assert attributes(recorder.only)["error.type"] == "asyncio.exceptions.CancelledError"

    def test_no_answer_is_an_error(self, recorder: Recorder) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            pass

        call_asgi(recorder.audit().asgi(app))
        assert attributes(recorder.only)["error.type"] == "no_response"

    @pytest.mark.parametrize(("code", "error"), [(1000, None), (1011, "1011")])
    def test_a_handler_that_leaves_by_raising_when_its_client_has_gone_failed_not(
        self, recorder: Recorder, code: int, error: str | None
    ) -> None:
        """As those of Starlette and FastAPI do."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            raise WebSocketDisconnect(code)

        given = scope(type="websocket", scheme="wss")
        messages = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": code}
        with pytest.raises(WebSocketDisconnect):
            call_asgi(recorder.audit().asgi(app), given, *messages)
        told = attributes(recorder.only)
        assert told["ringwall.websocket.close_code"] == code
        assert told.get("error.type") == error

    @pytest.mark.parametrize(("code", "error"), [(1000, None), (1011, "1011")])
    def test_a_websocket_tells_its_close_code(
        self, recorder: Recorder, code: int, error: str | None
    ) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": code})

        given = scope(type="websocket", scheme="wss")
        call_asgi(recorder.audit().asgi(app), given, {"type": "websocket.connect"})
        told = attributes(recorder.only)
        assert told["http.request.method"] == "GET"
        assert told["network.protocol.name"] == "websocket"
        assert told["http.response.status_code"] == 101
        assert told["ringwall.websocket.close_code"] == code
        assert told.get("error.type") == error
        assert recorder.points == []

    def test_a_processor_that_raises_breaks_nothing(
        self, recorder: Recorder, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Raising(SpanProcessor):
            def on_end(self, span: ReadableSpan) -> None:
                raise RuntimeError(SECRET)

        recorder.provider.add_span_processor(Raising())
        assert call_wsgi(recorder.audit().wsgi(WSGIApp()))[0] == "200 OK"
        assert recorder.lines.only["status"] == 200
        assert "tracing failed with RuntimeError; this is told once" in caplog.messages
        assert SECRET not in caplog.text


class TestTrust:
    """An inbound traceparent is a claim: nobody joins, splits or switches off a trace by it."""

    @pytest.mark.parametrize("flags", ["00", "01"])
    def test_an_untrusted_parent_is_linked_only(self, flags: str) -> None:
        recorder = Recorder()
        value = TRACEPARENT[:-2] + flags
        given = environ(HTTP_TRACEPARENT=value, HTTP_TRACESTATE=f"a={SECRET}")
        call_wsgi(recorder.audit().wsgi(WSGIApp()), given)
        span = recorder.only
        assert span.parent is None
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" != TRACE_ID
        (link,) = span.links
        assert f"{link.context.trace_id:032x}" == TRACE_ID
        assert SECRET not in span.to_json()

    def test_a_trusted_parent_is_continued(self, recorder: Recorder) -> None:
        app = recorder.audit(trust_traceparent=True).asgi(ASGIApp())
        headers = [(b"traceparent", TRACEPARENT.encode()), (b"tracestate", b"a=b")]
        call_asgi(app, scope(headers=headers))
        span = recorder.only
        assert span.context is not None
        assert span.parent is not None
        assert f"{span.context.trace_id:032x}" == TRACE_ID
        assert span.context.trace_state == {"a": "b"}
        assert span.links == ()

    @pytest.mark.parametrize("trusting", [False, True])
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
            f"{TRACEPARENT}, {TRACEPARENT}",
            "ff-" + TRACEPARENT[3:],
            TRACEPARENT.upper(),
            "x" * 100_000,
            "\xff\xfe",
        ],
    )
    def test_a_malformed_parent_is_ignored(
        self,
        recorder: Recorder,
        caplog: pytest.LogCaptureFixture,
        value: str,
        trusting: bool,
    ) -> None:
        """W3C Trace Context section 3.2.2.2: restart the trace. Nor may it flood the log."""
        app = recorder.audit(trust_traceparent=trusting).wsgi(WSGIApp())
        call_wsgi(app, environ(HTTP_TRACEPARENT=value))
        assert (recorder.only.parent, recorder.only.links) == (None, ())
        assert caplog.messages == []

    def test_a_repeated_header_restarts_the_trace(self, recorder: Recorder) -> None:
        headers = [(b"traceparent", TRACEPARENT.encode())] * 2
        call_asgi(recorder.audit(trust_traceparent=True).asgi(ASGIApp()), scope(headers=headers))
        assert recorder.only.parent is None


class TestCurrent:
    """The app's own spans are children of the exchange's, and nothing stays behind."""

    def test_spans_of_a_wsgi_app_are_children(self, recorder: Recorder) -> None:
        tracer = recorder.provider.get_tracer("app")

        def app(environ: Any, start_response: Any) -> Any:
            tracer.start_span("first").end()
            start_response("200 OK", [])
            yield b"a"
            tracer.start_span("second").end()

        call_wsgi(recorder.audit().wsgi(app))
        first, second, server = recorder.spans
        assert first.parent == second.parent == server.context

    def test_spans_of_an_asgi_app_are_children(self, recorder: Recorder) -> None:
        tracer = recorder.provider.get_tracer("app")

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(0)
            tracer.start_span("child").end()
            await ASGIApp()(scope, receive, send)

        async def both() -> None:
            wrapped = recorder.audit().asgi(app)

            async def send(message: Any) -> None:
                pass

            await asyncio.gather(
                wrapped(scope(), None, send),  # type: ignore[arg-type]
                wrapped(scope(), None, send),  # type: ignore[arg-type]
            )

        asyncio.run(both())
        children = [span for span in recorder.spans if span.name == "child"]
        servers = [span for span in recorder.spans if span.name == "GET"]
        assert len(children) == 2
        assert {str(child.parent) for child in children} == {str(one.context) for one in servers}
        assert all(server.parent is None for server in servers)

    def test_an_audit_within_is_a_child(self, recorder: Recorder) -> None:
        given = environ(HTTP_TRACEPARENT=TRACEPARENT)
        call_wsgi(Stack(recorder.audit(), recorder.audit()).wsgi(WSGIApp()), given)
        inner, outer = recorder.spans
        assert inner.parent == outer.context
        assert outer.parent is None
        assert (len(inner.links), len(outer.links)) == (0, 1)

    def test_an_unsampled_exchange_has_unsampled_children_and_a_record(self) -> None:
        recorder = Recorder(ParentBased(ALWAYS_OFF))
        tracer = recorder.provider.get_tracer("app")

        def app(environ: Any, start_response: Any) -> Any:
            tracer.start_span("child").end()
            start_response("200 OK", [])
            return []

        call_wsgi(recorder.audit().wsgi(app))
        assert recorder.spans == ()
        assert len(recorder.lines.only["trace_id"]) == 32

    def test_an_end_in_another_thread_is_no_failure(
        self, recorder: Recorder, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Some WSGI servers close bodies elsewhere. No «Failed to detach context»."""

        def app(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            yield b"a"

        wrapped: Any = recorder.audit().wsgi(app)
        seen: list[Any] = []

        def begin() -> None:
            seen.append(wrapped(environ(), lambda *args: None))

        def end() -> None:
            own = set_value("own", 1)
            attach(own)
            seen[0].close()
            seen.append(get_current() is own)

        for target in (begin, end):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        assert seen[1] is True
        assert len(recorder.spans) == 1
        assert caplog.messages == []

    def test_a_span_left_current_by_a_request_before_is_no_parent(self, recorder: Recorder) -> None:
        def app(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            yield b"a"

        wrapped: Any = recorder.audit().wsgi(app)

        def requests() -> None:
            bodies = [wrapped(environ(), lambda *args: None)]
            threading.Thread(target=bodies[0].close).start()  # ended, but current here
            while len(recorder.spans) < 1:
                pass
            call_wsgi(recorder.audit().wsgi(WSGIApp()))

        thread = threading.Thread(target=requests)
        thread.start()
        thread.join()
        assert [span.parent for span in recorder.spans] == [None, None]

    def test_a_provider_set_later_is_used(self, recorder: Recorder) -> None:
        """Audits are made when modules load, SDKs are often set up after that."""

        class Late:
            tracer: Any = trace.NoOpTracer()

            def get_tracer(self, *args: Any, **more: Any) -> Any:
                return self

            def start_span(self, *args: Any, **more: Any) -> Any:
                return self.tracer.start_span(*args, **more)

        late = Late()
        app = Audit(recorder.lines, tracer_provider=late).wsgi(WSGIApp())
        call_wsgi(app)
        assert recorder.lines.only["trace_id"] is None
        late.tracer = recorder.provider.get_tracer("late")
        call_wsgi(app)
        call_wsgi(app)
        first, second = recorder.spans
        assert attributes(first) == attributes(second)
        assert attributes(first)["url.path"] == "/yes"

    def test_an_sdk_that_copies_attributes_gets_a_copy(self, recorder: Recorder) -> None:
        """That of OpenTelemetry 1.30 calls `attributes.copy()`, as if they were a dict."""
        copies: list[dict[str, Any]] = []

        class Older:
            tracer = recorder.provider.get_tracer("older")

            def get_tracer(self, *args: Any, **more: Any) -> Any:
                return self

            def start_span(self, name: str, context: Any, kind: Any, given: Any, links: Any) -> Any:
                copies.append(given.copy())
                return self.tracer.start_span(name, context, kind, copies[0], links)

        call_wsgi(Audit(recorder.lines, tracer_provider=Older()).wsgi(WSGIApp()))
        assert type(copies[0]) is dict
        assert attributes(recorder.only)["url.path"] == copies[0]["url.path"] == "/yes"


class TestHostileInput:
    """What a client sends reaches neither a name nor a series, and breaks nothing."""

    @pytest.mark.parametrize("method", ["BREW", "get", "G" * 500, "A\r\nB"])
    def test_unknown_methods_are_one(self, recorder: Recorder, method: str) -> None:
        call_wsgi(recorder.audit().wsgi(WSGIApp()), environ(REQUEST_METHOD=method))
        span = recorder.only
        assert span.name == "HTTP"
        told = attributes(span)
        assert told["http.request.method"] == "_OTHER"
        assert told["http.request.method_original"].isprintable()
        assert len(told["http.request.method_original"]) <= 33
        (point,) = recorder.points
        assert point.attributes["http.request.method"] == "_OTHER"

    def test_an_unknown_method_on_a_known_route(self, recorder: Recorder) -> None:
        call_wsgi(
            Stack(recorder.audit(), Gate()).wsgi(WSGIApp()), environ(REQUEST_METHOD="PROPFIND")
        )
        assert recorder.only.name == "HTTP /{name}"

    @pytest.mark.parametrize("agent", [b"\xff\\x", b"a\\nb", b"a\x1b[2Jb", b"x" * 9000])
    def test_user_agents_are_text_and_nothing_more(self, recorder: Recorder, agent: bytes) -> None:
        app = ASGIApp()
        call_asgi(recorder.audit().asgi(app), scope(headers=[(b"user-agent", agent)]))
        assert app.calls == 1
        told = attributes(recorder.only)["user_agent.original"]
        assert told.isprintable()
        assert len(told) <= 257

    def test_no_secret_reaches_a_span(self, recorder: Recorder) -> None:
        names = (b"authorization", b"cookie", b"x-api-key", b"referer", b"baggage", b"tracestate")
        headers = [(name, SECRET.encode()) for name in names]
        query = f"token={SECRET}&X-Amz-Signature={SECRET}&{SECRET}".encode()
        given = scope(query_string=query, headers=headers)
        call_asgi(
            recorder.audit().asgi(ASGIApp()),
            given,
            {"type": "http.request", "body": SECRET.encode()},
        )
        assert SECRET not in recorder.only.to_json()
        assert SECRET not in str(recorder.points)

    @given(
        st.text(st.characters(codec=None)),
        st.text(st.characters(codec=None)),
        st.binary(),
        st.lists(st.tuples(st.sampled_from([b"traceparent", b"user-agent", b"host"]),
                           st.binary())),
    )  # fmt: skip
    @settings(max_examples=200, deadline=None)
    def test_nothing_a_client_sends_breaks_a_span(
        self, path: str, method: str, query: bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        recorder = Recorder()
        given = scope("/" + path, method=method, query_string=query)
        given["headers"] = headers
        call_asgi(recorder.audit(trust_traceparent=True).asgi(ASGIApp()), given)
        assert len(recorder.spans) == len(recorder.lines.lines) == 1
        for value in attributes(recorder.only).values():
            if isinstance(value, str):
                assert value.isprintable()
                value.encode("utf-8")  # else an exporter would lose the whole batch
        assert recorder.only.name in {"HTTP", "GET", "HEAD", "POST", "PUT", "DELETE"}

    def test_query_values_are_not_told(self) -> None:
        assert redact_query(b"a=1&b=&c&=d&a=e=f") == (
            "a=REDACTED&b=REDACTED&REDACTED&=REDACTED&a=REDACTED"
        )
        assert redact_query(b"a;b=1;c=2") == "a;b=REDACTED"
        assert redact_query(b"\x1b=1") == r"\x1b=REDACTED"
        assert redact_query(b"&".join([b"a=1"] * 1000)).count("a=") == 32
        assert len(redact_query(b"n" * 9000 + b"=1")) == 513


class TestMeasurement:
    def test_requests_are_measured_by_template(self, recorder: Recorder) -> None:
        app = Stack(recorder.audit(), Gate()).wsgi(WSGIApp())
        for n in range(20):
            call_wsgi(app, environ(f"/{n}", HTTP_HOST=f"h{n}", HTTP_USER_AGENT=f"{n}"))
        call_wsgi(app, environ("/no"))
        served, refused = recorder.points
        assert served.count == 20
        assert dict(served.attributes) == {
            "http.request.method": "GET",
            "url.scheme": "https",
            "http.route": "/{name}",
            "http.response.status_code": 200,
        }
        assert served.explicit_bounds[:3] == (0.005, 0.01, 0.025)
        assert refused.attributes["http.response.status_code"] == 403

    def test_a_failure_is_measured_with_its_type(self, recorder: Recorder) -> None:
        with pytest.raises(ValueError, match=SECRET):
            call_wsgi(recorder.audit().wsgi(WSGIApp(error=ValueError(SECRET))))
        (point,) = recorder.points
        assert dict(point.attributes) == {
            "http.request.method": "GET",
            "http.response.status_code": 500,
            "url.scheme": "https",
            "error.type": "ValueError",
        }

    def test_a_measurement_is_linked_to_its_trace(self, recorder: Recorder) -> None:
        call_wsgi(recorder.audit().wsgi(WSGIApp()))
        (point,) = recorder.points
        (exemplar,) = point.exemplars
        assert recorder.only.context is not None
        assert exemplar.trace_id == recorder.only.context.trace_id


class TestTrustedPeers:
    """Which peers may name the trace, and lend baggage."""

    NAMED = (
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (b"baggage", b"tenant=acme"),
    )

    @pytest.mark.parametrize(
        ("trusted", "peer", "continues"),
        [
            (["192.0.2.0/24"], "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.1", True),
            (["10.0.0.0/8", "2001:db8::/32"], "192.0.2.1", False),
            (["2001:db8::/32"], "2001:db8::1", True),
            (["10.0.0.0/8"], "unix:", False),
            (["10.0.0.0/8"], None, False),
        ],
    )
    def test_only_trusted_peers_continue(
        self, recorder: Recorder, trusted: Any, peer: str | None, continues: bool
    ) -> None:
        seen: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(baggage.get_all())
            await ASGIApp()(scope, receive, send)

        audit = recorder.audit(trust_traceparent=trusted)
        client = None if peer is None else (peer, 1)
        call_asgi(audit.asgi(app), scope(headers=[*self.NAMED], client=client))
        span = recorder.only
        assert (span.parent is not None) is continues
        assert len(span.links) == (0 if continues else 1)
        assert seen == [{"tenant": "acme"} if continues else {}]

    def test_baggage_that_is_too_long_is_left(self, recorder: Recorder) -> None:
        lines = [self.NAMED[0], (b"baggage", b"a=" + b"b" * 9000)]
        seen: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(baggage.get_all())
            await ASGIApp()(scope, receive, send)

        call_asgi(recorder.audit(trust_traceparent=True).asgi(app), scope(headers=lines))
        assert seen == [{}]

    @pytest.mark.parametrize("given", ["10.0.0.0/99", ["x"], 7])
    def test_what_is_no_network_is_told(self, recorder: Recorder, given: Any) -> None:
        with pytest.raises(ConfigurationError, match="write True, or networks"):
            recorder.audit(trust_traceparent=given)

    @pytest.mark.parametrize("sink", [Lines(), None])
    def test_the_response_tells_the_trace_if_asked_to(self, recorder: Recorder, sink: Any) -> None:
        audit = Audit(sink, tracer_provider=recorder.provider, traceresponse=True)
        sent = call_asgi(audit.asgi(ASGIApp()))
        context = recorder.only.context
        assert context is not None
        told = dict(sent[0]["headers"])[b"traceresponse"].decode()
        assert (
            told == f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    def test_without_a_trace_there_is_none_to_tell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ringwall.audit.layer.telemetry", lambda *_: NoTelemetry())
        audit = Audit(Lines(), traceresponse=True, body_sizes=True)
        sent = call_asgi(audit.asgi(ASGIApp()))
        assert b"traceresponse" not in dict(sent[0]["headers"])


class TestMoreMeasurements:
    @pytest.mark.parametrize("sink", [Lines(), None])
    def test_a_duration_is_measured_with_the_clock(self, recorder: Recorder, sink: Any) -> None:
        times = iter([10.0, 12.5])
        audit = Audit(sink, meter_provider=recorder.meters, clock=lambda: next(times))
        call_asgi(audit.asgi(ASGIApp()))
        assert [point.sum for point in recorder.points] == [2.5]

    def test_a_clock_that_fails_breaks_no_request(
        self, recorder: Recorder, caplog: pytest.LogCaptureFixture
    ) -> None:
        def failing() -> float:
            raise OSError(SECRET)

        audit = Audit(None, meter_provider=recorder.meters, clock=failing)
        for _ in range(2):
            assert call_asgi(audit.asgi(ASGIApp()))[0]["status"] == 200
        assert [record.message for record in caplog.records] == [
            "tracing failed with OSError; this is told once"
        ]

    def test_decisions_are_counted_by_layer_rule_and_outcome(self, recorder: Recorder) -> None:
        app = Stack(recorder.audit(), Gate()).wsgi(WSGIApp())
        for path in ("/yes", "/no", "/yes"):
            call_wsgi(app, environ(path))
        assert recorder.points
        counted = {
            (p.attributes["ringwall.outcome"], p.attributes["ringwall.reason"]): p.value
            for p in recorder.metrics["ringwall.decisions"]
        }
        assert counted == {("allow", "listed"): 2, ("deny", "forbidden"): 1}

    def test_active_requests(self, recorder: Recorder) -> None:
        seen: list[Any] = []

        def app(environ: Any, start_response: Any) -> Any:
            assert recorder.points == []
            seen.extend(recorder.metrics["http.server.active_requests"])
            return WSGIApp()(environ, start_response)

        call_wsgi(recorder.audit().wsgi(app))
        (point,) = seen
        assert point.value == 1
        assert dict(point.attributes) == {"http.request.method": "GET", "url.scheme": "https"}
        assert recorder.points
        assert [p.value for p in recorder.metrics["http.server.active_requests"]] == [0]

    def test_body_sizes_if_asked_for(self, recorder: Recorder) -> None:
        def app(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]

        wrapped = recorder.audit(body_sizes=True).wsgi(app)
        call_wsgi(wrapped, environ(CONTENT_LENGTH="7"))
        call_wsgi(wrapped, environ(CONTENT_LENGTH="seven"))
        assert recorder.points
        (request,) = recorder.metrics["http.server.request.body.size"]
        (response,) = recorder.metrics["http.server.response.body.size"]
        assert (request.sum, request.count) == (7, 1)
        assert (response.sum, response.count) == (4, 2)

    def test_the_health_of_what_layers_depend_on(self, recorder: Recorder) -> None:
        _health.tell("the store of a test", False)
        try:
            call_wsgi(recorder.audit().wsgi(WSGIApp()))
            assert recorder.points
            healthy = {
                p.attributes["ringwall.dependency"]: p.value
                for p in recorder.metrics["ringwall.dependency.healthy"]
            }
            assert healthy["the store of a test"] == 0
        finally:
            _health._states.pop("the store of a test")

    def test_health_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_health, "_states", {str(n): True for n in range(256)})
        _health.tell("one more", True)
        _health.tell("1", False)
        assert len(_health.states()) == 256
        assert not _health.states()["1"]

    def test_decisions_are_bounded(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ringwall.audit.metrics._MOST_DECISIONS", 1)
        app = Stack(recorder.audit(), Gate()).wsgi(WSGIApp())
        for path in ("/yes", "/no", "/yes"):
            call_wsgi(app, environ(path))
        assert recorder.points
        (point,) = recorder.metrics["ringwall.decisions"]
        assert point.value == 2


def vectors() -> Path:
    told = os.environ.get("RINGWALL_VECTORS")
    path = Path(told) if told else Path(__file__).parents[3] / "shared" / "vectors"
    if not path.is_dir():
        pytest.skip("no test vectors: set RINGWALL_VECTORS")
    return path


def test_attributes_are_stable_ones_of_the_conventions(recorder: Recorder) -> None:
    model = vectors() / "otel" / "semconv-1.44" / "model"
    stable: set[str] = set()
    for file in model.glob("*/registry.yaml"):
        # Two formats: attributes stand under a group, or at the top.
        parts = re.split(r"^(?: {6}- id|  - key): ", file.read_text(), flags=re.MULTILINE)
        stable |= {
            part.partition("\n")[0].strip()
            for part in parts[1:]
            if re.search(r"^(?: {8}| {4})stability: stable", part, flags=re.MULTILINE)
        }
    assert "http.request.method" in stable
    assert "http.request.body.size" not in stable
    app = Stack(recorder.audit(), Gate()).wsgi(WSGIApp("500 Broken"))
    call_wsgi(app, environ(QUERY_STRING="a=1", HTTP_USER_AGENT="x"))
    call_wsgi(app, environ("/no", REQUEST_METHOD="BREW"))
    used = {name for span in recorder.spans for name in attributes(span)}
    used |= {name for point in recorder.points for name in point.attributes}
    assert {name for name in used if not name.startswith("ringwall.")} <= stable
    assert {"http.request.method", "url.path", "url.scheme"} <= used


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_conformance_exchanges_give_what_is_expected(
    recorder: Recorder, interface: str
) -> None:
    """The attributes that the conformance suite expects of a server, all of them."""
    root = vectors() / "otel" / "semconv-http-conformance"
    contract = json.loads((root / "tools/http/test-client/contract.json").read_text())
    expected = json.loads(
        (root / "scenarios/http/java/armeria/opentelemetry-library/server/data.json").read_text()
    )
    assert len(contract["requests"]) == 6
    for request in contract["requests"]:
        path, _, query = request["path"].partition("?")
        stack, status = Stack(recorder.audit(), Gate()), request["status"]
        if interface == "wsgi":
            given = environ(path, QUERY_STRING=query, REQUEST_METHOD=request["method"],
                            HTTP_USER_AGENT="conformance", REMOTE_PORT="4321",
                            SERVER_PROTOCOL="HTTP/1.1")  # fmt: skip
            call_wsgi(stack.wsgi(WSGIApp(f"{status} X")), given)
        else:
            agent = [(b"user-agent", b"conformance")]
            given = scope(path, query_string=query.encode(), method=request["method"],
                          headers=agent, http_version="1.1")  # fmt: skip
            call_asgi(stack.asgi(ASGIApp(status)), given)
        span = recorder.spans[-1]
        assert attributes(span)["http.response.status_code"] == status
        assert attributes(span).get("error.type") == (str(status) if status >= 500 else None)
        is_error = span.status.status_code is StatusCode.ERROR
        assert is_error is (status >= 500)
    assert len(recorder.spans) == len(contract["requests"])
    span_names = {name for span in recorder.spans for name in attributes(span)}
    assert set(expected["spans"]["http.server"]) <= span_names
    point_names = {name for point in recorder.points for name in point.attributes}
    assert set(expected["metrics"]["http.server.request.duration"]) == point_names


def levels(group: str) -> dict[str, str]:
    """Attributes of a group of the model and of those it extends, each with its level."""
    groups: dict[str, Any] = {}
    for name in ("common", "spans", "metrics"):
        text = (vectors() / "otel/semconv-1.44/model/http" / f"{name}.yaml").read_text()
        groups |= {each["id"]: each for each in yaml.safe_load(text)["groups"]}

    def collect(name: str) -> dict[str, str]:
        found = collect(groups[name]["extends"]) if "extends" in groups[name] else {}
        for attribute in groups[name].get("attributes", ()):
            level = attribute.get("requirement_level", found.get(attribute["ref"], "recommended"))
            found[attribute["ref"]] = level if isinstance(level, str) else next(iter(level))
        return found

    return collect(group)


OPTIONAL = {  # asked for by an option of ours, or told where it is known
    "http.request.header", "http.request.body.size", "http.response.body.size",
    "http.request.method_original", "network.protocol.name", "error.type", "http.route",
}  # fmt: skip


def test_every_level_of_the_model_is_told(recorder: Recorder) -> None:
    """Required, conditional and recommended attributes are all there, and of those that are opt-in
    only what was asked for."""
    options = {"redact": Redaction(headers=["accept"]), "body_sizes": True}
    plain, more = recorder.audit(), recorder.audit(**options)
    agent = {"QUERY_STRING": "a=1", "REMOTE_PORT": "4321",
             "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_ACCEPT": "a/b", "CONTENT_LENGTH": "3",
             "HTTP_USER_AGENT": "x"}  # fmt: skip
    for audit in (plain, more):
        call_wsgi(Stack(audit, Gate()).wsgi(WSGIApp("500 X")), environ(**agent))
        call_wsgi(Stack(audit, Gate()).wsgi(WSGIApp()), environ(REQUEST_METHOD="BREW", **agent))
        call_asgi(audit.asgi(ASGIApp()), scope(type="websocket", http_version="1.1"))

    model = levels("span.http.server")
    assert model["url.path"] == "required"
    assert model["network.protocol.version"] == "recommended"
    told = [
        {"http.request.header" if name.startswith("http.request.header.") else name
         for name in attributes(span)}
        for span in recorder.spans
    ]  # fmt: skip
    firm = {name for name, level in model.items() if level != "opt_in"}
    for names in told[:2]:
        assert firm - OPTIONAL <= names
    assert firm <= set().union(*told)
    opt_in = {name for name, level in model.items() if level == "opt_in"}
    assert not opt_in & set().union(*told[:3])
    assert opt_in & set().union(*told) == opt_in & OPTIONAL
    known = model.keys() | {"network.protocol.name"}
    assert not [name for names in told for name in names - known if "ringwall" not in name]

    assert recorder.points
    metric = levels("metric.http.server.request.duration")
    points = {name for point in recorder.points for name in point.attributes}
    assert {name for name, level in metric.items() if level != "opt_in"} - points == {
        "network.protocol.name"  # of what is not http: websockets are not measured so
    }
    assert points <= metric.keys()
    active = levels("metric.http.server.active_requests")
    for point in recorder.metrics["http.server.active_requests"]:
        assert {n for n, level in active.items() if level == "required"} == set(point.attributes)
    for which in ("request", "response"):
        (body, *_) = recorder.metrics[f"http.server.{which}.body.size"]
        assert set(body.attributes) <= levels(f"metric.http.server.{which}.body.size").keys()


@pytest.mark.parametrize(
    ("told", "version", "port"),
    [
        ({"SERVER_PROTOCOL": "HTTP/1.0", "REMOTE_PORT": 80}, "1.0", 80),
        ({"SERVER_PROTOCOL": "HTTP/2", "REMOTE_PORT": "65535"}, "2", 65535),
        ({"SERVER_PROTOCOL": "HTTP/9.9", "REMOTE_PORT": "x"}, None, None),
        ({"SERVER_PROTOCOL": "gopher", "REMOTE_PORT": "123456"}, None, None),
        ({"SERVER_PROTOCOL": "", "REMOTE_PORT": "\u0663"}, None, None),
        ({}, None, None),
        ({"http_version": "2", "client": ["192.0.2.1", 9]}, "2", 9),
        ({"http_version": "3.0", "client": ("192.0.2.1",)}, "3", None),
        ({"http_version": "x", "client": None}, None, None),
        ({"client": ("192.0.2.1", 0)}, None, None),
    ],
)
def test_versions_and_ports_are_those_there_can_be(
    recorder: Recorder, told: Any, version: str | None, port: int | None
) -> None:
    if told.keys() & {"http_version", "client"}:
        call_asgi(recorder.audit().asgi(ASGIApp()), scope(**told))
    else:
        call_wsgi(recorder.audit().wsgi(WSGIApp()), environ(**told))
    span = attributes(recorder.only)
    assert span.get("network.protocol.version") == version
    assert span.get("network.peer.port") == port
    (point,) = recorder.points
    assert point.attributes.get("network.protocol.version") == version


def test_a_peer_that_is_not_told_has_no_port(recorder: Recorder) -> None:
    dropped = Redaction(fields={"peer": "drop"})
    call_asgi(recorder.audit(redact=dropped).asgi(ASGIApp()), scope(http_version="1.1"))
    assert "network.peer.port" not in attributes(recorder.only)


def test_an_exchange_of_parts_knows_neither() -> None:
    exchange = Exchange("asgi", "GET", "https", "", "/", None, b"", {}, None, Boundary())
    assert (exchange.protocol_version, exchange.peer_port) == (None, None)
