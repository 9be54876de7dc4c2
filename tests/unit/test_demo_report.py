"""The live page of the demo: read-only, for this machine, self-contained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit_support import WSGIApp, call_asgi, call_wsgi
from ringwall import Audit
from ringwall.cli.demo.report import LiveReport


def ask(live: LiveReport, path: str = "/", method: str = "GET", *hosts: bytes) -> tuple[Any, ...]:
    scope = {
        "type": "http", "method": method, "path": path,
        "headers": [(b"host", host) for host in hosts or (b"localhost:8446",)],
    }  # fmt: skip
    head, body = call_asgi(live, scope)
    return head["status"], dict(head["headers"]), body["body"].decode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_it_tells_what_was_written_since(log: Path) -> None:
    live = LiveReport(log, 8446)
    assert "0 records" in ask(live)[2]
    audit = Audit(log, timings=1.0)
    app = audit.wsgi(WSGIApp())
    call_wsgi(app)
    status, _, html = ask(live, "/", "GET", b"127.0.0.1:8446")
    assert status == 200
    assert "<b>1</b><span>passed</span>" in html
    assert "Where the time went" in html
    with log.open("ab") as file:
        file.write(b'{"event":"exch')  # a line in the middle of being written
    assert ask(live)[2] == html
    call_wsgi(app)
    assert "<b>2</b><span>passed</span>" in ask(live)[2]
    audit.close()


def test_it_is_self_contained_and_says_so(log: Path) -> None:
    status, headers, html = ask(LiveReport(log, 8446))
    assert status == 200
    policy = headers[b"content-security-policy"]
    assert b"default-src 'none'" in policy
    assert b"frame-ancestors 'none'" in policy
    assert b"script-src" not in policy
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert "<script" not in html
    assert 'http-equiv="refresh"' in html
    assert int(headers[b"content-length"]) == len(html.encode())


@pytest.mark.parametrize(
    "hosts", [(b"evil.example:8446",), (b"localhost",), (b"localhost:8446",) * 2]
)
def test_a_name_that_was_rebound_reads_nothing(log: Path, hosts: tuple[bytes, ...]) -> None:
    assert ask(LiveReport(log, 8446), "/", "GET", *hosts)[::2] == (421, "")


def test_it_can_be_read_only(log: Path) -> None:
    live = LiveReport(log, 8446)
    status, headers, body = ask(live, "/", "POST")
    assert (status, headers[b"allow"], body) == (405, b"GET, HEAD", "")
    assert ask(live, "/audit.jsonl")[::2] == (404, "")
    status, headers, body = ask(live, "/", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers[b"content-length"]) > 100
    assert call_asgi(live, {"type": "websocket"}) == []
