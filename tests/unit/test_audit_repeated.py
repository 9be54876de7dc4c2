"""What is remembered of one request is never told of another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit_support import ASGIApp, Gate, Lines, WSGIApp, call_asgi, call_wsgi, environ, scope
from ringwall import Stack
from ringwall.audit import Audit, Redaction

OF_ONE_REQUEST = {"duration_us", "id", "observed", "request_id", "span_id", "time", "trace_id"}

requests = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "POST", "BREW", "WEBSOCKET"]),
        "path": st.sampled_from(["/yes", "/no", "/s3cret\n"]),
        "query": st.sampled_from(["page=2", "token=s3cret"]),
        "scheme": st.sampled_from(["http", "https"]),
        "host": st.sampled_from(["a.example", "a.example:8443", "b.example", "::bad::"]),
        "peer": st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:DB8::1"]),
        "port": st.sampled_from([1, 4321]),
        "agent": st.sampled_from(["", "curl/8.1", "x" * 300, "\x1b[31m"]),
        "version": st.sampled_from(["1.0", "1.1", "2"]),
        "status": st.sampled_from([200, 404, 500, 299]),
    },
)


def ask(interface: str, stack: Stack, request: dict[str, Any]) -> None:
    status, peer = request.get("status", 200), request.get("peer")
    agent, host = request.get("agent"), request.get("host")
    if interface == "wsgi":
        told = {
            "REQUEST_METHOD": request.get("method", "GET"),
            "QUERY_STRING": request.get("query", ""),
            "wsgi.url_scheme": request.get("scheme", "https"),
            "REMOTE_ADDR": peer or "",
            "REMOTE_PORT": str(request.get("port", "")),
            "SERVER_PROTOCOL": f"HTTP/{request.get('version', '')}",
            **({} if agent is None else {"HTTP_USER_AGENT": agent}),
        }
        made = environ(request.get("path", "/"), **told)
        del made["HTTP_HOST"]
        if host is not None:
            made["HTTP_HOST"] = host
        call_wsgi(stack.wsgi(WSGIApp(f"{status} Told")), made)
        return
    headers = [(b"user-agent", agent.encode("latin-1"))] if agent is not None else []
    if host is not None:
        headers.append((b"host", host.encode()))
    given = scope(
        method=request.get("method", "GET"),
        path=request.get("path", "/"),
        raw_path=None,
        query_string=request.get("query", "").encode(),
        scheme=request.get("scheme", "https"),
        client=None if peer is None else (peer, request.get("port", 0)),
        http_version=request.get("version", ""),
    )
    given["headers"] = headers
    call_asgi(stack.asgi(ASGIApp(status)), given)


def told(interface: str, asked: list[dict[str, Any]], redact: Redaction) -> list[Any]:
    """What one audit tells of these requests: spans and records, without what each has anew."""
    exporter, lines = InMemorySpanExporter(), Lines()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stack = Stack(Audit(lines, tracer_provider=provider, redact=redact), Gate())
    for request in asked:
        ask(interface, stack, request)
    records = [
        {name: value for name, value in record.items() if name not in OF_ONE_REQUEST}
        for record in lines.records
    ]
    spans = [
        (span.name, span.status.status_code, dict(span.attributes or {}))
        for span in exporter.get_finished_spans()
    ]
    assert len(records) == len(spans) == len(asked)
    return list(zip(records, spans, strict=True))


REDACTIONS = [
    Redaction(),
    Redaction(fields={"client": "hash", "peer": "drop"}, key=b"k" * 16, query=["page"]),
]


@pytest.mark.parametrize("redact", REDACTIONS, ids=["plain", "redacted"])
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@settings(deadline=None, max_examples=60)
@given(asked=st.lists(requests, min_size=2, max_size=6))
def test_each_request_is_told_as_if_it_were_the_first(
    interface: str, redact: Redaction, asked: list[dict[str, Any]]
) -> None:
    alone = [told(interface, [request], redact)[0] for request in asked]
    assert told(interface, asked, redact) == alone


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_what_one_request_told_alone_is_not_told_of_the_next(interface: str) -> None:
    first = {"query": "token=s3cret", "peer": "192.0.2.1", "port": 4321}
    (_, one), (_, other) = told(interface, [first, {"peer": "192.0.2.1"}], Redaction())
    assert {"url.query", "network.peer.port"} <= one[2].keys()
    assert other[2].keys().isdisjoint({"url.query", "network.peer.port"})


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_request_cannot_pass_for_a_handshake(interface: str) -> None:
    ((_, (name, _, attributes)),) = told(interface, [{"method": "WEBSOCKET"}], Redaction())
    assert name.split()[0] == "HTTP"
    assert attributes["http.request.method"] == "_OTHER"
    assert attributes["http.request.method_original"] == "WEBSOCKET"
