"""What must not be recorded is not, neither in a record nor in a span, however it is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit_support import ASGIApp, Lines, WSGIApp, call_asgi, call_wsgi, environ, scope
from ringwall import Audit, Principal, Stack
from ringwall._errors import ConfigurationError
from ringwall._layer import Layer
from ringwall.audit import Redaction
from ringwall.audit.canonical import canonical

SECRET = "zq7s3cretzq7"
KEY = b"0123456789abcdef"


class Routing(Layer):
    """Finds a route with a secret in it, for those who ask politely."""

    name = "routing"

    def on_request(self, exchange: Any) -> None:
        parts = exchange.path.split("/")
        if len(parts) == 3 and parts[1] == "reset":
            exchange.found_route("/reset/{token}", {"token": parts[2]})
        elif len(parts) == 3 and parts[1] == "users":
            exchange.found_route("/users/{email}", {"email": parts[2]})
        exchange.authenticate(Principal("alice", scheme="bearer", credential_id="c0ffee"))


def left_by(path: str, redact: Redaction, **more: Any) -> tuple[dict[str, Any], str]:
    """The record, and everything that was told, as text."""
    lines, exporter, provider = Lines(), InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    audit = Audit(lines, redact=redact, tracer_provider=provider)
    call_wsgi(Stack(audit, Routing()).wsgi(WSGIApp()), environ(path, **more))
    call_asgi(Stack(audit, Routing()).asgi(ASGIApp()), scope(path))
    provider.shutdown()
    assert lines.lines[0] == canonical(lines.records[0])
    spans = "".join(span.to_json() for span in exporter.get_finished_spans())
    return lines.records[0], spans + "".join(map(str, lines.lines))


@pytest.mark.parametrize(
    "path",
    [
        f"/reset/{SECRET}",
        f"/reset/{SECRET}/",
        f"//reset//{SECRET}",
        f"/reset/./{SECRET}",
        f"/x/../reset/{SECRET}",
        f"/RESET/{SECRET}",
        f"/reset;v=1/{SECRET}",
        f"/reset/x/y/{SECRET}",
        f"/%72eset/{SECRET}",
        f"/reset\\{SECRET}",
        f"/reset%2f{SECRET}",
        f"/reset%25252f{SECRET}",
        f"/../reset/{SECRET};a",
    ],
)
def test_a_secret_in_a_path_is_nowhere(path: str) -> None:
    record, everything = left_by(path, Redaction(paths=["/reset/{token}"]))
    assert SECRET not in everything
    assert (record["path"] or "/reset/REDACTED").lower() == "/reset/redacted"


def test_a_secret_below_a_mount_point_is_nowhere() -> None:
    for template in ("/reset/{token}", "/api/reset/{token}"):
        redaction = Redaction(paths=[template])
        record, everything = left_by(f"/reset/x/{SECRET}", redaction, SCRIPT_NAME="/api")
        assert record["path"] == "/api/reset/REDACTED"
        if template.startswith("/reset"):
            assert SECRET not in everything


def test_other_paths_are_told() -> None:
    redaction = Redaction(paths=["/reset/{token}"])
    for path in ("/", "/reset", "/orders/1", "/resets/1"):
        assert redaction.path(path) == path
    assert Redaction(paths=["/{secret}"]).path("/anything/x") == "/REDACTED"


def test_a_parameter_is_named_and_not_told() -> None:
    record, _ = left_by(f"/reset/{SECRET}", Redaction(paths=["/reset/{token}"]))
    assert record["route"] == "/reset/{token}"
    assert record["params"] == {"token": "REDACTED"}


def test_fields_are_hashed_or_dropped() -> None:
    redaction = Redaction(
        fields={
            "subject": "hash", "credential": "hash", "client": "hash", "peer": "drop",
            "params.email": "hash", "path": "drop",
        },
        key=KEY,
    )  # fmt: skip
    record, everything = left_by(f"/users/{SECRET}", redaction)
    again, _ = left_by(f"/users/{SECRET}", redaction)
    other, _ = left_by(f"/users/{SECRET}", Redaction(fields={"subject": "hash"}, key=KEY * 2))
    assert record["actor"]["subject"].startswith("hmac:")
    assert record["actor"]["subject"] == again["actor"]["subject"] != other["actor"]["subject"]
    assert record["actor"]["credential"] != record["actor"]["subject"]
    assert record["client"].startswith("hmac:")
    assert record["peer"] is None
    assert record["params"]["email"].startswith("hmac:")
    assert "192.0.2.1" not in everything
    nowhere, _ = left_by(f"/{SECRET}", redaction)
    assert nowhere["path"] is None


def test_a_hash_says_nothing_without_the_key() -> None:
    """Equal values of two fields look different, too."""
    redaction = Redaction(fields={"client": "hash", "peer": "hash"}, key=KEY)
    assert redaction.field("client")("x") != redaction.field("peer")("x")
    assert "0123" not in repr(redaction)


def test_headers_are_those_of_the_list_and_escaped() -> None:
    redaction = Redaction(headers=["Referer", "X-Missing"])
    record, everything = left_by(
        "/", redaction, HTTP_REFERER="a\x1b[31m\u202e".encode().decode("latin-1"),
        HTTP_AUTHORIZATION=f"Bearer {SECRET}", HTTP_COOKIE=SECRET,
    )  # fmt: skip
    assert record["headers"] == {"referer": "a\\x1b[31mâ\\x80®"}
    assert SECRET not in everything
    assert "http.request.header.referer" in everything


def test_query_values_are_told_by_name_only() -> None:
    query = f"page=2&token={SECRET}"
    record, everything = left_by("/", Redaction(query=["page"]), QUERY_STRING=query)
    assert record["query"] == "page=2&token=REDACTED"
    assert SECRET not in everything
    plain, everything = left_by("/", Redaction(), QUERY_STRING=query)
    assert "query" not in plain
    assert SECRET not in everything


def test_a_body_is_recorded_only_where_it_was_asked_for_by_name() -> None:
    class Reading(Layer):
        name = "reading"

        def on_request(self, exchange: Any) -> Any:
            exchange.found_route("/orders", {})
            return self._read(exchange)

        def _read(self, exchange: Any) -> Any:
            yield from exchange.read_body(10_000)

    written = '{"a":"' + "\\" + 'x1b"}'
    for bodies, kept in ((["POST /orders"], written), (["GET /orders"], None), ([], None)):
        lines = Lines()
        stack = Stack(Audit(lines, redact=Redaction(bodies=bodies)), Reading())
        body = b'{"a":"\x1b"}'
        call_asgi(
            stack.asgi(ASGIApp()),
            scope("/orders", method="POST"),
            {"type": "http.request", "body": body, "more_body": False},
        )
        assert lines.only.get("body") == kept
        assert lines.lines[0] == canonical(lines.only)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fields": {"subjekt": "hash"}}, "did you mean 'subject'"),
        ({"fields": {"subject": "hsh"}}, "did you mean 'hash'"),
        ({"fields": {"subject": "hash"}}, "at least 16 octets"),
        ({"fields": {"subject": "hash"}, "key": b"short"}, "at least 16 octets"),
        ({"fields": {"subject": "hash"}, "key": "k" * 16}, "at least 16 octets"),
        ({"headers": ["Authorization"]}, "holds a credential"),
        ({"headers": ["cookie"]}, "holds a credential"),
        ({"headers": ["x y"]}, "no header name"),
        ({"paths": ["/reset"]}, "no template of a path with a secret"),
        ({"paths": ["reset/{token}"]}, "no template of a path with a secret"),
    ],
)
def test_a_rule_that_cannot_work_is_told_at_construction(options: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Redaction(**options)


class TestRecord:
    def test_the_version_of_the_policy_is_told(self) -> None:
        versions = ["v1", "v2"]
        lines = Lines()
        app = Audit(lines, policy_version=lambda: versions.pop(0)).wsgi(WSGIApp())
        call_wsgi(app)
        call_wsgi(app)
        call_wsgi(Audit(lines, policy_version="2026-11-25").wsgi(WSGIApp()))
        assert [r["policy_version"] for r in lines.records] == ["v1", "v2", "2026-11-25"]

    def test_messages_of_a_websocket_are_recorded_by_their_size(self) -> None:
        lines = Lines()
        app = Audit(lines, messages=True).asgi(_echo)
        sent = call_asgi(
            app,
            {**scope(), "type": "websocket"},
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": f"é{SECRET}"},
            {"type": "websocket.receive", "bytes": b"12345"},
            {"type": "websocket.disconnect", "code": 1000},
        )
        assert sent[0]["type"] == "websocket.accept"
        one, two, end = lines.records
        assert (one["event"], one["binary"], one["octets"]) == ("message", False, len(SECRET) + 2)
        assert (two["binary"], two["octets"]) == (True, 5)
        assert one["request_id"] == two["request_id"] == end["request_id"]
        assert SECRET not in json.dumps(lines.records)

    def test_by_default_messages_are_not_recorded(self) -> None:
        lines = Lines()
        call_asgi(
            Audit(lines).asgi(_echo),
            {**scope(), "type": "websocket"},
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": SECRET},
            {"type": "websocket.disconnect"},
        )
        assert lines.only["event"] == "exchange"


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
