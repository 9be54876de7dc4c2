"""Records in the words of OpenTelemetry's draft, OCSF and ECS; and as logs of OpenTelemetry."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from audit_support import Gate, Lines, WSGIApp, call_wsgi, environ
from ringwall import Audit, Authorization, Principal, Stack, allow, scope
from ringwall._errors import ConfigurationError, MissingDependency
from ringwall._layer import Layer
from ringwall.audit import (
    JSONLinesSink,
    OTelLogs,
    Redaction,
    to_ecs,
    to_ocsf,
)
from ringwall.audit.mapping import unix_nanos
from ringwall.authz import Policy


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


# Attributes of OCSF 1.9.0, as far as they are used: https://schema.ocsf.io/1.9.0/classes/api_activity
OCSF: dict[str, Any] = {
    "activity_id": int, "activity_name": str, "category_uid": int, "class_uid": int,
    "type_uid": int, "severity_id": int, "status": str, "status_id": int, "status_code": str,
    "status_detail": str, "time": int, "start_time": int, "end_time": int, "duration": int,
    "action": str, "action_id": int, "unmapped": dict,
    "actor": {"user": {"name": str, "uid": str, "credential_uid": str, "domain": str,
                       "type": str, "type_id": int}},
    "api": {"operation": str, "request": {"uid": str}, "response": {"code": int, "error": str}},
    "http_request": {"http_method": str, "body_length": int, "url": {
        "hostname": str, "path": str, "query_string": str, "scheme": str}},
    "http_response": {"code": int, "body_length": int},
    "src_endpoint": {"ip": str, "name": str, "intermediate_ips": [str]},
    "dst_endpoint": {"hostname": str},
    "authorizations": [{"decision": str, "policy": {
        "name": str, "uid": str, "desc": str, "version": str}}],
    "policy": {"name": str, "uid": str, "desc": str, "version": str},
    "trace": {"uid": str, "span": {"uid": str, "start_time": int, "end_time": int}},
    "metadata": {"version": str, "product": {"name": str, "version": str}, "profiles": [str],
                 "uid": str, "correlation_uid": str, "sequence": int},
    "raw_data_hash": {"algorithm": str, "algorithm_id": int, "value": str},
}  # fmt: skip
REQUIRED = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time",
            "type_uid", "actor", "api", "src_endpoint"}  # fmt: skip
# Fields of ECS 9.2.0 that are used: https://www.elastic.co/docs/reference/ecs/ecs-field-reference
ECS: dict[str, Any] = {
    "@timestamp": str, "ecs": {"version": str},
    "event": {"action": str, "category": [str], "created": str, "dataset": str, "duration": int,
              "end": str, "id": str, "kind": str, "outcome": str, "reason": str, "sequence": int,
              "start": str, "type": [str]},
    "http": {"request": {"body": {"bytes": int}, "id": str, "method": str},
             "response": {"body": {"bytes": int}, "status_code": int}},
    "url": {"domain": str, "path": str, "query": str, "scheme": str},
    "client": {"address": str, "ip": str}, "source": {"address": str, "ip": str},
    "user": {"id": str, "domain": str}, "error": {"type": str},
    "rule": {"name": str, "ruleset": str, "version": str},
    "trace": {"id": str}, "span": {"id": str},
    "labels": {"route": str, "scheme": str, "credential": str},
    "ringwall": {"audit": dict},  # custom fields, under a proper name
}  # fmt: skip


def assert_conforms(value: Any, form: Any, at: str = "") -> None:
    """Every member is one of the form, and of its type."""
    if isinstance(form, dict):
        assert isinstance(value, dict), at
        assert value.keys() <= form.keys(), at
        for name, each in value.items():
            assert_conforms(each, form[name], f"{at}.{name}")
    elif isinstance(form, list):
        for each in value:
            assert_conforms(each, form[0], f"{at}[]")
    else:
        assert type(value) is form, at


@pytest.fixture
def full(tmp_path: Path) -> Any:
    """A line of a log with everything that a record can hold."""
    from opentelemetry.sdk.trace import TracerProvider

    path = tmp_path / "audit.jsonl"
    audit = Audit(
        JSONLinesSink(path), body_sizes=True, timings=1, policy_version="p-7",
        tracer_provider=TracerProvider(),
        redact=Redaction(query=["page"], headers=["x-tenant"]),
    )  # fmt: skip
    rules = [allow("GET", "/other/**", scope("other")), allow("GET", "/{id}", scope("none"))]
    policy = Policy(*rules)
    app = Stack(audit, Alice(), Gate(), Authorization(policy=policy)).wsgi(WSGIApp())
    given = environ("/a", QUERY_STRING="page=2", HTTP_X_TENANT="t", CONTENT_LENGTH="0")
    assert call_wsgi(app, given)[0].startswith("403")
    audit.close()
    (line,) = [each for each in path.read_bytes().splitlines() if b'"event":"exchange"' in each]
    return line, json.loads(line), policy.version


def test_every_field_of_a_record_as_ocsf(full: Any) -> None:
    line, record, version = full
    event = to_ocsf(record)
    assert_conforms(event, OCSF)
    assert event.keys() >= REQUIRED
    gate, refused = event["authorizations"]
    assert gate["decision"] == "allow"
    assert "version" not in gate["policy"]
    assert refused["decision"] == "deny"
    assert refused["policy"]["version"] == event["policy"]["version"] == version
    assert event["http_request"]["body_length"] == 0
    assert event["http_response"]["body_length"] == record["response_size"] > 0
    assert event["trace"]["uid"] == record["trace_id"]
    assert event["trace"]["span"]["uid"] == record["span_id"]
    assert event["end_time"] - event["start_time"] == event["duration"]
    assert event["unmapped"]["timings"] == record["timings"]
    assert record["timings"].keys() == {"authn", "authorization", "gate"}, "the app was not called"
    assert event["unmapped"]["policy_version"] == "p-7"
    assert event["unmapped"]["headers"] == {"x-tenant": "t"}
    assert event["unmapped"]["_prev"] == record["_prev"]
    assert event["raw_data_hash"]["value"] == sha256(line).hexdigest()
    assert event["dst_endpoint"] == {"hostname": "api.example.com"}


def test_every_field_of_a_record_as_ecs(full: Any) -> None:
    _, record, version = full
    document = to_ecs(record)
    assert_conforms(document, ECS)
    assert document["rule"]["ruleset"] == "authorization"
    assert document["rule"]["version"] == version
    assert document["http"]["request"]["body"] == {"bytes": 0}
    assert document["http"]["response"]["body"] == {"bytes": record["response_size"]}
    own = document["ringwall"]["audit"]
    assert own["timings"] == record["timings"]
    assert own["decisions"] == record["decisions"]
    assert own["policy_version"] == "p-7"
    assert document["url"] == {
        "domain": "api.example.com", "query": "page=2", "scheme": "https",
    }  # fmt: skip
    assert document["event"]["start"] == record["time"]
    assert document["event"]["end"] == document["event"]["created"] == record["observed"]


def test_an_exchange_as_ocsf(record: Any) -> None:
    event = to_ocsf({**record, "_seq": 3, "_prev": "ab", "peer": "10.0.0.1"})
    assert_conforms(event, OCSF)
    assert event.keys() >= REQUIRED
    assert event["class_uid"] == 6003
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] == 600302
    assert event["actor"]["user"] == {
        "uid": "alice", "credential_uid": "c0ffee", "domain": "https://id.example", "type": "User",
        "type_id": 1,
    }  # fmt: skip
    assert event["api"]["operation"] == "GET /{name}"
    assert event["src_endpoint"] == {"ip": "192.0.2.1", "intermediate_ips": ["10.0.0.1"]}
    assert event["authorizations"] == [
        {"decision": "deny", "policy": {"name": "gate", "uid": "list", "desc": "forbidden"}}
    ]
    assert (event["action"], event["status_id"], event["status_code"]) == ("Denied", 2, "403")
    assert event["metadata"]["uid"] == record["id"]
    assert event["metadata"]["sequence"] == 3


def test_an_exchange_as_ecs(record: Any) -> None:
    document = to_ecs(record)
    assert_conforms(document, ECS)
    assert document["event"]["outcome"] == "failure"
    assert document["event"]["type"] == ["access", "denied"]
    assert document["rule"] == {"name": "list", "ruleset": "gate"}
    assert document["user"] == {"id": "alice", "domain": "https://id.example"}
    assert document["http"]["response"] == {"status_code": 403}
    assert document["@timestamp"] == record["time"]


def test_what_is_not_known_is_left_out() -> None:
    bare = {"time": "1970-01-01T00:00:00Z", "decisions": [{"outcome": "allow"}]}
    event, document = to_ocsf(bare), to_ecs(bare)
    assert_conforms(event, OCSF)
    assert_conforms(document, ECS)
    assert event.keys() >= REQUIRED
    assert event["action"] == "Allowed"
    assert event["actor"]["user"] == {"name": "anonymous", "type": "Unknown", "type_id": 0}
    assert event["src_endpoint"] == {"name": "unknown"}
    assert not event.keys() & {"http_response", "trace", "raw_data_hash", "policy"}
    assert "user" not in document
    assert None not in document["event"].values()


@pytest.mark.parametrize("told", ["hmac:3f2a", "unix:/run/app.sock", "198.51.100.1.2"])
def test_what_is_no_address_stands_in_no_field_for_addresses(record: Any, told: str) -> None:
    """A hash of an address, say: an index refuses the whole document for it."""
    event = to_ocsf({**record, "client": told, "peer": told})
    assert event["src_endpoint"] == {"name": told}
    assert to_ocsf({**record, "peer": told})["src_endpoint"] == {"ip": "192.0.2.1"}
    document = to_ecs({**record, "client": told, "peer": "2001:db8::1"})
    assert document["client"] == {"address": told}
    assert document["source"] == {"address": "2001:db8::1", "ip": "2001:db8::1"}


def test_a_trace_without_a_span_and_a_path_without_a_template(record: Any) -> None:
    event = to_ocsf({**record, "trace_id": "ab", "span_id": None, "path": "/x", "query": "a=1"})
    assert event["trace"] == {"uid": "ab"}
    assert event["http_request"]["url"] == {
        "hostname": "api.example.com", "path": "/x", "query_string": "a=1", "scheme": "https",
    }  # fmt: skip


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
