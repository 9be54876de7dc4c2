"""Every exchange has exactly one record, and recording never changes what happens to it."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit_support import (
    ASGIApp,
    Broken,
    Clock,
    Gate,
    Lines,
    WSGIApp,
    call_asgi,
    call_wsgi,
    environ,
    scope,
)
from ringwall import Stack
from ringwall._errors import ConfigurationError, MissingDependency
from ringwall._exchange import Decision
from ringwall._layer import Layer
from ringwall.audit import Audit, QueuedSink
from ringwall.audit._lifetime import close_all, renew_all
from ringwall.principal import Principal

SECRET = "s3cret-t0ken"


def comparable(record: dict[str, Any]) -> dict[str, Any]:
    """What does not differ from one run to the next."""
    changing = {"id", "request_id", "time", "duration_us", "observed", "trace_id", "span_id"}
    return {key: value for key, value in record.items() if key not in changing}


class TestOneRecord:
    """Whatever becomes of an exchange, it has one record, the same on both interfaces."""

    @pytest.mark.parametrize(
        ("path", "more", "status", "outcome", "decisions"),
        [
            ("/yes", {}, 200, "success", ["gate allow list listed"]),
            ("/no", {}, 403, "denied", ["gate deny list forbidden"]),
            ("//", {}, 400, "denied", ["boundary deny strict ambiguous-path"]),
            (
                "/yes",
                {"host": "a b"},
                400,
                "denied",
                ["boundary deny strict malformed-host"],
            ),
        ],
    )
    def test_answers(
        self, path: str, more: dict[str, str], status: int, outcome: str, decisions: list[str]
    ) -> None:
        records = []
        for interface in ("wsgi", "asgi"):
            lines = Lines()
            stack = Stack(Audit(lines), Gate())
            if interface == "wsgi":
                app: Any = WSGIApp()
                given = environ(path)
                given.update({"HTTP_HOST": more["host"]} if more else {})
                call_wsgi(stack.wsgi(app), given)
            else:
                app = ASGIApp()
                given = scope(path)
                if more:
                    given["headers"] = [(b"host", more["host"].encode())]
                call_asgi(stack.asgi(app), given)
            record = lines.only
            assert (record["status"], record["outcome"]) == (status, outcome)
            assert [" ".join((d["layer"], d["outcome"], d["rule"], d["reason"]))
                    for d in record["decisions"]] == decisions  # fmt: skip
            assert app.calls == (outcome == "success")
            records.append(comparable(record))
        assert records[0] == records[1]

    def test_an_exception_of_the_app(self) -> None:
        error = ZeroDivisionError(SECRET)
        for interface in ("wsgi", "asgi"):
            lines = Lines()
            with pytest.raises(ZeroDivisionError):
                if interface == "wsgi":
                    call_wsgi(Audit(lines).wsgi(WSGIApp(error=error)))
                else:
                    call_asgi(Audit(lines).asgi(ASGIApp(error=error)))
            record = lines.only
            assert (record["outcome"], record["error"]) == ("error", "ZeroDivisionError")
            assert record["status"] == 500  # our answer; the exception passed all the same
            assert SECRET.encode() not in lines.lines[0]

    def test_a_bug_in_a_layer_within(self) -> None:
        for interface in ("wsgi", "asgi"):
            lines = Lines()
            stack = Stack(Audit(lines), Broken())
            app: Any
            if interface == "wsgi":
                app = WSGIApp()
                call_wsgi(stack.wsgi(app))
            else:
                app = ASGIApp()
                call_asgi(stack.asgi(app))
            assert app.calls == 0
            record = lines.only
            assert (record["outcome"], record["status"]) == ("error", 500)
            assert record["decisions"][0]["outcome"] == "error"

    def test_a_cancelled_request(self) -> None:
        lines = Lines()

        async def forever(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.Event().wait()

        async def main() -> None:
            app = Audit(lines).asgi(forever)
            task = asyncio.ensure_future(app(scope(), None, None))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        record = lines.only
        assert record["outcome"] == "aborted"
        assert record["error"] == "asyncio.exceptions.CancelledError"

    def test_a_wsgi_body_that_is_streamed_closed_or_forgotten(self) -> None:
        """The record comes at the end of the body, whichever way it ends."""

        def app(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            yield b"a"
            yield b"b"

        for end in ("read", "close", "forget"):
            lines, clock = Lines(), Clock()
            wrapped: Any = Audit(lines, clock=clock).wsgi(app)
            body = wrapped(environ(), lambda *args: None)
            assert lines.lines == []
            clock.now = 2.0
            if end == "read":
                assert b"".join(body) == b"ab"
            if end in ("read", "close"):
                body.close()
            del body
            gc.collect()
            assert lines.only["duration_us"] == 2_000_000

    @pytest.mark.parametrize(
        ("events", "sent", "status", "code", "outcome"),
        [
            ([], [{"type": "websocket.close", "code": 1008}], 403, 1008, "failure"),
            (
                [{"type": "websocket.disconnect", "code": 1001}],
                [{"type": "websocket.accept"}],
                101,
                1001,
                "success",
            ),
            (
                [{"type": "websocket.disconnect", "code": 1006}],
                [{"type": "websocket.accept"}],
                101,
                1006,
                "aborted",
            ),
            (
                [],
                [{"type": "websocket.accept"}, {"type": "websocket.close", "code": 1011}],
                101,
                1011,
                "error",
            ),
        ],
    )
    def test_a_websocket(
        self, events: Any, sent: Any, status: int, code: int, outcome: str
    ) -> None:
        lines = Lines()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert (await receive())["type"] == "websocket.connect"
            for message in sent:
                await send(message)
            for _ in events:
                await receive()

        given = scope(type="websocket", scheme="wss")
        del given["method"]
        call_asgi(Audit(lines).asgi(app), given, {"type": "websocket.connect"}, *events)
        record = lines.only
        assert (record["kind"], record["method"]) == ("websocket", "WEBSOCKET")
        assert (record["status"], record["close_code"]) == (status, code)
        assert record["outcome"] == outcome

    def test_a_refused_websocket(self) -> None:
        lines = Lines()
        app = ASGIApp()
        given = scope("/no", type="websocket", scheme="wss")
        sent = call_asgi(
            Stack(Audit(lines), Gate()).asgi(app), given, {"type": "websocket.connect"}
        )
        assert sent[0]["type"] == "websocket.close"
        assert app.calls == 0
        assert (lines.only["status"], lines.only["outcome"]) == (403, "denied")

    def test_two_audits_have_a_record_each(self) -> None:
        outer, inner = Lines(), Lines()
        call_wsgi(Stack(Audit(outer), Gate(), Audit(inner)).wsgi(WSGIApp()))
        assert comparable(outer.only) == comparable(inner.only)
        assert outer.only["request_id"] != inner.only["request_id"]

    def test_fused_and_nested_leave_the_same_record(self) -> None:
        fused, nested = Lines(), Lines()
        call_wsgi(Stack(Audit(fused), Gate()).wsgi(WSGIApp()))
        call_wsgi(Audit(nested).wsgi(Gate().wsgi(WSGIApp())))
        assert comparable(fused.only) == comparable(nested.only)

    def test_a_lifespan_is_no_exchange(self) -> None:
        lines = Lines()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert "ringwall.exchange" not in scope

        call_asgi(Audit(lines).asgi(app), {"type": "lifespan"})
        assert lines.lines == []

    def test_ids_count_up_and_times_come_from_the_clocks(self) -> None:
        lines, wall = Lines(), Clock(1_790_000_000.5)
        app = Audit(lines, wall_clock=wall).wsgi(WSGIApp())
        call_wsgi(app)
        call_wsgi(app)
        ids = [record["id"].split("-") for record in lines.records]
        assert ids[0][0] == ids[1][0]
        assert [number for _, number in ids] == ["1", "2"]
        assert lines.records[0]["time"] == "2026-09-21T14:13:20.500000Z"


class TestSilence:
    """A record holds no header, token, body, query value, claim or message."""

    def test_planted_secrets_are_not_found(self, caplog: pytest.LogCaptureFixture) -> None:
        class Identify(Layer):
            name = "identify"

            def on_request(self, exchange: Any) -> None:
                exchange.authenticate(
                    Principal("alice", scheme="bearer", claims={"email": SECRET}, roles={SECRET})
                )

        lines = Lines()
        stack = Stack(Audit(lines), Identify())
        headers = [
            (name, SECRET.encode())
            for name in (b"authorization", b"cookie", b"x-api-key", b"referer", b"traceparent",
                         b"tracestate", b"baggage", b"user-agent", b"x-request-id",
                         b"x-forwarded-for", b"forwarded")
        ]  # fmt: skip
        call_asgi(
            stack.asgi(ASGIApp(error=None)),
            scope(query_string=f"token={SECRET}&{SECRET}".encode(), headers=headers),
            {"type": "http.request", "body": SECRET.encode()},
        )
        with pytest.raises(ValueError, match=SECRET):
            call_wsgi(
                stack.wsgi(WSGIApp(error=ValueError(SECRET))),
                environ(HTTP_AUTHORIZATION=SECRET, QUERY_STRING=SECRET, HTTP_COOKIE=SECRET),
            )
        assert len(lines.lines) == 2
        assert SECRET.encode() not in b"".join(lines.lines)
        assert SECRET not in caplog.text

    def test_a_path_that_forges_a_line_stays_in_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        app = Audit(path).wsgi(WSGIApp())
        call_wsgi(app, environ('/x"}\r\n{"event":"exchange"}\r\n'))
        call_wsgi(app, environ("/\x1b[2K\u2028".encode().decode("latin-1")))
        lines = path.read_bytes().split(b"\n")[2:]
        assert len(lines) == 3
        assert json.loads(lines[0])["path"] == r'/x"}\r\n{"event":"exchange"}\r\n'
        assert json.loads(lines[1])["path"] == r"/\x1b[2K\u2028"

    def test_the_repr_names_the_sink_only(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        assert repr(Audit(path)) == f"<Audit <JSONLinesSink {str(path)!r}>>"


class TestRequestId:
    """The client learns the id that the record has, and cannot choose it."""

    @pytest.mark.parametrize("path", ["/yes", "/no"])
    def test_the_response_tells_it(self, path: str) -> None:
        lines = Lines()
        stack = Stack(Audit(lines), Gate())
        headers = call_wsgi(stack.wsgi(WSGIApp()), environ(path, HTTP_X_REQUEST_ID="mine"))[1]
        assert headers["x-request-id"] == lines.records[0]["request_id"]
        sent = call_asgi(stack.asgi(ASGIApp()), scope(path, headers=[(b"x-request-id", b"mine")]))
        told = [value for name, value in sent[0]["headers"] if name == b"x-request-id"]
        assert told == [lines.records[1]["request_id"].encode()]

    def test_it_is_new_for_each_request(self) -> None:
        lines = Lines()
        app = Audit(lines).wsgi(WSGIApp())
        for _ in range(50):
            call_wsgi(app)
        ids = {record["request_id"] for record in lines.records}
        assert len(ids) == 50
        assert all(len(bytes.fromhex(one)) == 16 for one in ids)

    def test_its_header_has_another_name_or_none(self) -> None:
        headers = call_wsgi(Audit(Lines(), request_id_header="X-Trace").wsgi(WSGIApp()))[1]
        assert len(headers["x-trace"]) == 32
        audit = Audit(Lines(), request_id_header=None)
        assert call_wsgi(audit.wsgi(WSGIApp()))[1] == {"x-request-id": "forged"}
        assert audit.sets == frozenset()

    @pytest.mark.parametrize("name", ["x request", "x:\r\n", "", "ä", 7])
    def test_a_name_that_is_none_is_refused(self, name: Any) -> None:
        with pytest.raises(ConfigurationError, match="is no header name; write 'x-request-id'"):
            Audit(Lines(), request_id_header=name)


class TestFailingSink:
    """A sink that fails breaks no request; what is lost is counted, reported once, recorded."""

    def test_requests_go_on(self, caplog: pytest.LogCaptureFixture) -> None:
        lines = Lines()
        audit = Audit(lines)
        app = audit.wsgi(WSGIApp())
        lines.failing = OSError(f"https://user:{SECRET}@sink.example")
        for _ in range(3):
            assert call_wsgi(app)[0] == "200 OK"
        assert audit.lost == 3
        assert caplog.record_tuples == [
            (
                "ringwall.audit",
                logging.ERROR,
                "the audit sink failed with OSError; records are lost",
            )
        ]
        lines.failing = None
        assert call_wsgi(app)[0] == "200 OK"
        gap, record = lines.records
        assert (gap["event"], gap["count"], record["event"]) == ("records-lost", 3, "exchange")
        call_wsgi(app)
        assert len(lines.lines) == 3
        assert caplog.messages[1:] == ["the audit sink takes records again; lost: 3"]
        lines.failing = OSError()
        call_wsgi(app)
        assert audit.lost == 4
        assert len(caplog.messages) == 3

    def test_a_full_disk(self) -> None:
        audit = Audit("/dev/full")
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"
        assert call_asgi(audit.asgi(ASGIApp()))[0]["status"] == 200
        assert audit.lost == 2
        audit.close()

    def test_a_closed_audit_counts_what_it_loses(self, tmp_path: Path) -> None:
        audit = Audit(tmp_path / "audit.jsonl")
        audit.close()
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"
        assert audit.lost == 1

    def test_a_gap_filled_by_another_thread_is_told_once(self) -> None:
        lines = Lines()
        audit = Audit(lines)
        audit._recorder._tell_gap(lines)
        assert lines.lines == []

    def test_close_closes_the_sink(self) -> None:
        lines = Lines()
        Audit(lines).close()
        assert lines.closed
        Audit(None).close()


class TestLife:
    """Start, stop and what an administrator did are records, too."""

    def test_start_and_stop(self, tmp_path: Path) -> None:
        lines = Lines()
        audit = Audit(lines, wall_clock=Clock(5.0))
        assert lines.life == []  # what only imports the app records nothing
        call_wsgi(audit.wsgi(WSGIApp()))
        call_wsgi(audit.wsgi(WSGIApp()))
        audit.close()
        audit.close()
        start, stop = (json.loads(line) for line in lines.life)
        audit = Audit(lines)
        audit._recorder._start(lines)
        audit._recorder._start(lines)  # as another thread, that waited for the first
        assert len(lines.life) == 3
        Audit(None).event("nowhere")
        assert start["pid"] == os.getpid()
        assert start["time"] == stop["time"] == "1970-01-01T00:00:05.000000Z"
        assert start["id"].endswith("-0")
        assert stop["event"] == "stop"

    def test_an_event_that_is_longer_than_a_line_may_be_is_refused(self) -> None:
        """A reader takes no such line: the log would look damaged for ever."""
        lines = Lines()
        audit = Audit(lines)
        with pytest.raises(ValueError, match="too long"):
            audit.event("policy", numbers=[*range(200_000)])
        assert lines.lines == []
        audit.event("policy", numbers=[*range(20_000)])
        assert len(lines.lines) == 1

    def test_an_event_of_the_application(self) -> None:
        lines = Lines()
        Audit(lines).event("configuration", policy="v2", by="root\n")
        assert lines.only["policy"] == "v2"
        assert b"\n" not in lines.lines[0]
        with pytest.raises(ValueError, match="no JSON"):
            Audit(lines).event("configuration", policy=object())

    def test_a_stop_that_cannot_be_recorded_is_told(self, caplog: Any) -> None:
        lines = Lines()
        audit = Audit(lines)
        call_wsgi(audit.wsgi(WSGIApp()))
        lines.failing = OSError("s3cret")
        audit.close()
        assert caplog.messages == ["the end of the audit was not recorded: OSError"]
        assert lines.closed

    def test_everything_is_closed_at_exit(self) -> None:
        lines = Lines()
        audit = Audit(lines)
        call_wsgi(audit.wsgi(WSGIApp()))
        close_all()
        assert lines.closed
        assert len(lines.life) == 2

    def test_one_that_cannot_be_closed_keeps_no_other_open(self, caplog: Any) -> None:
        class Stuck(Lines):
            def close(self) -> None:
                raise OSError(SECRET)

        stuck, lines = Audit(Stuck()), Lines()
        kept = Audit(lines)
        close_all()
        assert lines.closed
        assert "was not closed: OSError" in caplog.text
        assert SECRET not in caplog.text
        stuck._recorder.sink = kept._recorder.sink  # at the end of the tests there is no error

    def test_an_exchange_that_defies_description_is_counted(self, monkeypatch: Any) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise RuntimeError

        monkeypatch.setattr("ringwall.audit.exchange.ExchangeForm.__call__", fail)
        audit = Audit(Lines())
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"
        assert audit.lost == 1


class TestCopies:
    """A copy goes to somebody else; whatever becomes of it, the record and the request go on."""

    def test_a_copy_holds_all_records(self) -> None:
        lines, copy = Lines(), Lines()
        audit = Audit(lines, copies=[copy])
        call_wsgi(audit.wsgi(WSGIApp()))
        audit.close()
        assert copy.lines == lines.lines
        assert copy.life == lines.life
        assert copy.closed

    def test_a_copy_that_hangs_or_fills_up_costs_nothing(self) -> None:
        import threading

        released = threading.Event()

        class Hanging(Lines):
            def write(self, record: bytes) -> None:
                released.wait(30)
                super().write(record)

        lines, copy = Lines(), Hanging()
        queue = QueuedSink(copy, size=5, group=1, interval=0.001)
        audit = Audit(lines, copies=[queue])
        app = audit.wsgi(WSGIApp())
        for _ in range(20):
            assert call_wsgi(app)[0] == "200 OK"
        assert len(lines.lines) == 20
        assert audit.lost == 0
        assert audit._recorder.uncopied >= 14
        released.set()
        audit.close()
        assert len(copy.lines) >= 5

    def test_a_copy_that_raises_costs_nothing(self, caplog: Any) -> None:
        lines, copy = Lines(), Lines()
        copy.failing = ConnectionError("s3cret")
        audit = Audit(lines, copies=[copy])
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"
        audit.close()
        assert len(lines.lines) == 1
        assert "s3cret" not in caplog.text


class TestFailClosed:
    """With fail_closed, nothing runs that cannot be recorded, from the first loss on."""

    @pytest.mark.parametrize("interface", ["wsgi", "asgi"])
    def test_the_app_is_not_called_until_the_sink_recovers(self, interface: str) -> None:
        lines = Lines()
        audit = Audit(lines, fail_closed=True)
        app: Any = WSGIApp() if interface == "wsgi" else ASGIApp()
        wrapped: Any = audit.wsgi(app) if interface == "wsgi" else audit.asgi(app)

        def status() -> int:
            if interface == "wsgi":
                return int(call_wsgi(wrapped)[0][:3])
            return int(call_asgi(wrapped)[0]["status"])

        assert status() == 200
        assert lines.only["decisions"] == [
            {
                "layer": "audit",
                "outcome": "allow",
                "rule": "fail-closed",
                "reason": "recording",
            }
        ]
        lines.failing = OSError()
        assert status() == 200  # its loss is what shows that the sink fails
        assert app.calls == 2
        assert [status(), status()] == [503, 503]
        assert app.calls == 2
        lines.failing = None
        assert status() == 200
        assert app.calls == 3
        assert [(r["event"], r.get("count")) for r in lines.records[1:]] == [
            ("records-lost", 3),
            ("exchange", None),
        ]

    def test_a_refused_request_is_recorded_if_the_sink_recovers_meanwhile(self) -> None:
        lines = Lines()
        audit = Audit(lines, fail_closed=True)
        app = audit.wsgi(WSGIApp())
        lines.failing = OSError()
        call_wsgi(app)

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            lines.failing = None
            assert status == "503 Service Unavailable"
            assert ("retry-after", "5") in headers

        app(environ(), start_response)
        gap, record = lines.records
        assert gap["count"] == 1
        assert (record["outcome"], record["status"]) == ("denied", 503)
        assert record["decisions"][0]["reason"] == "audit-unavailable"

    def test_it_enforces(self) -> None:
        assert Audit(Lines()).observes
        assert not Audit(Lines(), fail_closed=True).observes

    def test_spans_alone_cannot_fail_closed(self) -> None:
        with pytest.raises(ConfigurationError, match="keeps no record; write Audit"):
            Audit(None, fail_closed=True)
        audit = Audit(None)
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"

    def test_nothing_to_recover_is_recovered(self) -> None:
        assert Audit(None)._recorder.recover()


@pytest.mark.parametrize("fail_closed", [False, True])
def test_failing_tracing_breaks_neither_request_nor_record(
    caplog: pytest.LogCaptureFixture, fail_closed: bool
) -> None:
    class Provider:
        def get_tracer(self, *args: Any, **more: Any) -> Any:
            return self

        def start_span(self, *args: Any, **more: Any) -> Any:
            raise RuntimeError(SECRET)

    lines = Lines()
    audit = Audit(lines, tracer_provider=Provider(), fail_closed=fail_closed)
    for _ in range(2):
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"
    assert [record["trace_id"] for record in lines.records] == [None, None]
    assert caplog.messages == ["tracing failed with RuntimeError; this is told once"]
    if not fail_closed:  # where there is no record to keep
        audit = Audit(None, tracer_provider=Provider())
        assert call_wsgi(audit.wsgi(WSGIApp()))[0] == "200 OK"
        assert caplog.messages[1:] == ["tracing failed with RuntimeError; this is told once"]


def test_a_forked_worker_writes_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    audit._recorder.lose(OSError())
    app = audit.wsgi(WSGIApp())
    pid = os.fork()
    if pid == 0:
        call_wsgi(app)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    call_wsgi(app)
    written = [json.loads(line) for line in path.read_bytes().splitlines()]
    _, _, child, _, gap, parent = written
    assert child["event"] == parent["event"] == "exchange"
    assert gap["count"] == 1
    assert child["id"].split("-")[0] != parent["id"].split("-")[0] == gap["id"].split("-")[0]
    assert child["request_id"] != parent["request_id"]


def test_a_child_process_has_its_own_name_count_and_lock() -> None:
    """Even if a thread of the parent held the lock when it forked."""
    audit = Audit(Lines())
    audit._recorder.lose(OSError())
    before, lock = next(audit._recorder.ids), audit._recorder._lock
    renew_all()
    assert next(audit._recorder.ids).split("-")[0] != before.split("-")[0]
    assert audit._recorder._lock is not lock
    assert audit.lost == 0


class TestConfiguration:
    @pytest.fixture
    def no_opentelemetry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in list(sys.modules):
            if name.partition(".")[0] == "opentelemetry":
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        monkeypatch.delitem(sys.modules, "ringwall.audit.telemetry", raising=False)
        monkeypatch.delattr("ringwall.audit.telemetry", raising=False)

    @pytest.mark.usefixtures("no_opentelemetry")
    def test_without_opentelemetry_records_are_kept_and_spans_absent(self) -> None:
        lines = Lines()
        stack = Stack(Audit(lines), Gate())
        assert call_wsgi(stack.wsgi(WSGIApp()))[0] == "200 OK"
        assert call_asgi(stack.asgi(ASGIApp()), scope("/no"))[0]["status"] == 403
        assert [record["trace_id"] for record in lines.records] == [None, None]

    @pytest.mark.usefixtures("no_opentelemetry")
    @pytest.mark.parametrize("argument", ["tracer_provider", "meter_provider"])
    def test_a_provider_without_opentelemetry_is_told(self, argument: str) -> None:
        class Provider:
            def get_tracer(self) -> None: ...
            def get_meter(self) -> None: ...

        with pytest.raises(
            MissingDependency, match=rf"Audit\({argument}=\) needs .*ringwall\[otel"
        ):
            Audit(Lines(), **{argument: Provider()})

    @pytest.mark.usefixtures("no_opentelemetry")
    def test_neither_record_nor_span_is_told(self) -> None:
        with pytest.raises(ConfigurationError, match=r"write Audit\('audit.jsonl'\)"):
            Audit(None)

    def test_importing_the_layer_loads_no_opentelemetry(self) -> None:
        code = "import sys, ringwall.audit; sys.exit('opentelemetry' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    @pytest.mark.parametrize(
        ("sink", "message"),
        [
            (io.BytesIO(), "not an open file; for standard output write '/dev/stdout'"),
            (7, "not 'int'"),
            (Lines, "not 'type'"),
            (b"audit.jsonl", "not 'bytes'"),
        ],
    )
    def test_what_is_no_sink_is_told(self, sink: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            Audit(sink)

    @pytest.mark.parametrize("argument", ["tracer_provider", "meter_provider"])
    def test_what_is_no_provider_is_told(self, argument: str) -> None:
        with pytest.raises(ConfigurationError, match=f"{argument}= takes an OpenTelemetry"):
            Audit(Lines(), **{argument: "jaeger"})

    def test_a_path_makes_a_file(self, tmp_path: Path) -> None:
        for path in (tmp_path / "a.jsonl", str(tmp_path / "b.jsonl")):
            call_wsgi(Audit(path).wsgi(WSGIApp()))
            assert json.loads(Path(path).read_bytes().splitlines()[2])["status"] == 200


def test_an_app_sees_nothing_of_an_audit_but_the_header() -> None:
    """Transparency: messages pass as they are."""
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        await send({"type": "http.response.start", "status": 299, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b"y"})

    event = {"type": "http.request", "body": b"in"}
    sent = call_asgi(Audit(Lines(), request_id_header=None).asgi(app), scope(), event)
    assert received == [event]
    assert sent == [
        {"type": "http.response.start", "status": 299, "headers": [(b"a", b"b")]},
        {"type": "http.response.body", "body": b"x", "more_body": True},
        {"type": "http.response.body", "body": b"y"},
    ]


def test_decisions_of_an_audit_are_constants() -> None:
    lines = Lines()
    audit = Audit(lines, fail_closed=True)
    app = WSGIApp()
    given = environ()
    call_wsgi(audit.wsgi(app), given)
    assert given["ringwall.exchange"].decisions == [
        Decision("audit", "allow", "fail-closed", "recording")
    ]
