"""Records in the words of OpenTelemetry's draft, OCSF and ECS; and as logs of OpenTelemetry."""

from __future__ import annotations

import signal
import sys
from typing import Any

import pytest

from audit_support import Gate, Lines, WSGIApp, call_wsgi, environ
from ringwall import Audit, Principal, Stack
from ringwall._errors import ConfigurationError, MissingDependency
from ringwall._layer import Layer
from ringwall.audit import OTelLogs, _lifetime, close_on_sigterm, to_ecs, to_ocsf
from ringwall.audit.mapping import unix_nanos


class Alice(Layer):
    name = "authn"

    def on_request(self, exchange: Any) -> None:
        exchange.authenticate(
            Principal("alice", scheme="bearer", issuer="https://id.example", credential_id="c0ffee")
        )


@pytest.fixture
def record() -> Any:
    lines = Lines()
    app = Stack(Audit(lines), Alice(), Gate()).wsgi(WSGIApp())
    call_wsgi(app, environ("/no"))
    return lines.only


def test_an_exchange_as_ocsf(record: Any) -> None:
    event = to_ocsf({**record, "_seq": 3, "_prev": "ab", "peer": "10.0.0.1"})
    assert event["class_uid"] == 6003
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] == 600302
    assert event["actor"]["user"] == {
        "uid": "alice", "credential_uid": "c0ffee", "domain": "https://id.example", "type": "User",
    }  # fmt: skip
    assert event["api"]["operation"] == "GET /{name}"
    assert event["src_endpoint"] == {"ip": "192.0.2.1", "intermediate_ips": ["10.0.0.1"]}
    assert event["authorizations"] == [
        {"decision": "deny", "policy": {"name": "gate", "uid": "list", "desc": "forbidden"}}
    ]
    assert (event["action"], event["status_id"], event["status_code"]) == ("Denied", 2, "403")
    assert event["metadata"]["uid"] == record["id"]
    assert event["attestation"]["prev_event"]["fingerprint"]["value"] == "ab"
    # What OCSF requires of every event.
    required = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time",
                "type_uid", "actor", "api", "src_endpoint"}  # fmt: skip
    assert required <= event.keys()


def test_an_exchange_as_ecs(record: Any) -> None:
    document = to_ecs(record)
    assert document["event"]["outcome"] == "failure"
    assert document["event"]["type"] == ["access", "denied"]
    assert document["rule"] == {"name": "list", "ruleset": "gate"}
    assert document["user"] == {"id": "alice", "domain": "https://id.example"}
    assert document["http"]["response"] == {"status_code": 403}
    assert document["@timestamp"] == record["time"]


def test_what_is_not_known_is_left_out() -> None:
    bare = {"time": "1970-01-01T00:00:00Z", "decisions": [{"outcome": "allow"}]}
    assert to_ocsf(bare)["action"] == "Allowed"
    assert "user" not in to_ecs(bare)
    assert None not in to_ecs(bare)["event"].values()


def test_times() -> None:
    assert unix_nanos("2026-11-25T10:00:00.000001Z") == 1_795_600_800_000_001_000
    assert unix_nanos("1970-01-01T00:00:01Z") == 1_000_000_000


class TestOTelLogs:
    def test_copies_are_logs_with_their_trace(self) -> None:
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import (
            InMemoryLogRecordExporter,
            SimpleLogRecordProcessor,
        )
        from opentelemetry.sdk.trace import TracerProvider

        exporter = InMemoryLogRecordExporter()
        provider = LoggerProvider()
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        lines = Lines()
        audit = Audit(lines, copies=[OTelLogs(provider)], tracer_provider=TracerProvider())
        app = Stack(audit, Alice(), Gate()).wsgi(WSGIApp())
        call_wsgi(app, environ("/no"))
        audit.close()
        start, exchange, stop = (each.log_record for each in exporter.get_finished_logs())
        assert start.event_name == "ringwall.audit.start"
        assert stop.event_name == "ringwall.audit.stop"
        assert exchange.body == lines.lines[0].decode()
        assert f"{exchange.trace_id:032x}" == lines.only["trace_id"]
        assert f"{exchange.span_id:016x}" == lines.only["span_id"]
        assert exchange.severity_number.name == "WARN"
        # What the draft demands of each.
        for each in (start, exchange, stop):
            assert each.timestamp
            assert each.observed_timestamp
            assert {
                "audit.record.id", "audit.actor.id", "audit.actor.type", "audit.action",
                "audit.outcome",
            } <= each.attributes.keys()  # fmt: skip
        assert exchange.attributes["audit.actor.id"] == "alice"
        provider.shutdown()

    def test_what_is_no_provider_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigurationError, match="logger provider"):
            OTelLogs(object())
        assert repr(OTelLogs(_Provider())) == "<OTelLogs>"
        monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
        with pytest.raises(MissingDependency, match="otel"):
            OTelLogs(_Provider())


class _Provider:
    def get_logger(self, *_: Any) -> None:
        return None


def test_what_is_open_is_closed_at_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    before = signal.signal(signal.SIGTERM, lambda *_: done.append("before"))
    try:
        monkeypatch.setattr(_lifetime, "close_all", lambda: done.append("closed"))
        close_on_sigterm()
        signal.raise_signal(signal.SIGTERM)
        assert done == ["closed", "before"]
    finally:
        signal.signal(signal.SIGTERM, before)
