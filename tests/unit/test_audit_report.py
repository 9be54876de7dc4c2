"""The page about a log: what it counts, and that nothing in a log gets out of its text."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ringwall.audit.page import page
from ringwall.audit.report import Report
from ringwall.cli import main

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\"' & \u202e"


def record(minute: int = 0, outcome: str = "success", **more: Any) -> dict[str, Any]:
    hour, minute = divmod(minute, 60)
    day, hour = divmod(hour, 24)
    return {
        "event": "exchange",
        "time": f"2026-{11 + day // 28:02d}-{day % 28 + 1:02d}T{hour:02d}:{minute:02d}:00.000000Z",
        "outcome": outcome,
        "status": {"success": 200, "denied": 403}.get(outcome, 500),
        "method": "GET",
        "route": "/v1/orders",
        "client": "192.0.2.7",
        "duration_us": 1500,
        "decisions": [{"layer": "authorization", "outcome": "allow", "rule": "r", "reason": "ok"}],
        **more,
    }


def report_of(*records: Any) -> Report:
    report = Report()
    for each in records:
        report.add(each)
    return report


class Text(HTMLParser):
    """The text of a page, and the tags and attributes in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_it_counts_what_became_of_requests() -> None:
    denied = [{"layer": "authorization", "outcome": "deny", "rule": "orders", "reason": "owner"}]
    failed = [{"layer": "validation", "outcome": "error", "rule": "internal", "reason": "bug"}]
    report = report_of(
        record(0),
        record(0, "denied", decisions=denied),
        record(1, "error", decisions=failed, duration_us=9_000_000),
        {"event": "start", "time": "2026-11-01T00:02:00Z"},
    )
    assert [(when, dict(counts)) for when, counts in report.times()] == [
        ("2026-11-01T00:00", {"passed": 1, "refused": 1}),
        ("2026-11-01T00:01", {"failed": 1}),
    ]
    assert report.layers["authorization"] == {"allow": 1, "deny": 1}
    assert report.layers["validation"] == {"error": 1}
    assert report.latencies() == [("≤ 1 ms", 0), ("≤ 2 ms", 2), ("> 5000 ms", 1)]
    text = Text(page(report, "Audit of a.jsonl")).text
    for told in ("Audit of a.jsonl", "4 records", "authorization: orders, owner", "start"):
        assert told in text


def test_a_long_log_is_told_by_hours_and_then_by_days() -> None:
    report = report_of(*(record(minute) for minute in range(241)))
    assert [when for when, _ in report.times()] == [f"2026-11-01T{h:02d}" for h in range(5)]
    report = report_of(*(record(60 * hour) for hour in range(241)))
    assert report.times()[0][0] == "2026-11-01"
    assert sum(counts["passed"] for _, counts in report.times()) == 241


def test_what_clients_choose_does_not_grow_it() -> None:
    days = (record(time=f"{1000 + number}-01-01T00:00:00Z") for number in range(300))
    report = report_of(*days)
    assert len(report.timeline) == 240
    layers = [{"layer": f"l{number}", "outcome": "allow"} for number in range(60)]
    assert len(report_of(record(decisions=layers)).layers) == 50


@pytest.mark.parametrize(
    "more",
    [
        {"decisions": None},
        {"decisions": ["x", {}]},
        {"decisions": [{"layer": HOSTILE, "outcome": "deny", "rule": HOSTILE, "reason": HOSTILE}]},
        {"outcome": HOSTILE, "status": HOSTILE, "client": HOSTILE, "time": HOSTILE},
        {"method": HOSTILE, "route": HOSTILE, "duration_us": HOSTILE},
        {"event": HOSTILE},
        {"timings": HOSTILE},
        {"timings": {HOSTILE: 5, "a": HOSTILE, "b": -1, "c": 10**400, "d": 1.5, "e": None}},
    ],
)
def test_nothing_in_a_log_gets_out_of_its_text(more: dict[str, Any]) -> None:
    html = page(report_of(record(**more)), HOSTILE)
    found = Text(html)
    assert found.tags <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "section", "div"),
        *("b", "span", "i", "svg", "g", "rect"),
    }
    assert not any(name.startswith("on") or name in ("src", "href") for name in found.attributes)
    assert html.count("</style>") == 1
    assert "default-src 'none'" in html
    assert not re.search(r"https?:", html)


def test_where_the_time_went() -> None:
    report = report_of(
        record(timings={"app": 600, "authorization": 100}),
        record(timings={"app": 200, "authorization": 100}),
        record(),
        record(timings={f"l{number}": 0 for number in range(60)}),
    )
    assert report.timed == 3
    assert report.shares()[:2] == [("app", 0.8, 267), ("authorization", 0.2, 67)]
    assert len(report.spent) == 50
    text = Text(page(report)).text
    assert "Where the time went, by layer" in text
    assert "80.0%, 267 µs" in text
    assert "in 3 timed requests" in text
    assert "Where the time went" not in page(report_of(record()))
    assert "0.0%" in page(report_of(record(timings={"app": 0})))


def test_an_empty_log_has_a_page() -> None:
    text = Text(page(Report(), refresh=5)).text
    assert "0 records from never to never" in text
    assert text.count("Nothing yet.") == 2


def test_the_command_writes_a_page_for_its_owner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, output = tmp_path / "audit.jsonl", tmp_path / "audit.html"
    lines = [record(0), record(1, "denied", client="198.51.100.3")]
    log.write_text(
        "".join(json.dumps(e, separators=(",", ":"), sort_keys=True) + "\n" for e in lines)
    )
    arguments = ["audit", "report", str(log), "-o", str(output), "--outcome", "denied"]
    assert main(arguments) == 0
    assert str(output) in capsys.readouterr().out
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert "1 records" in Text(output.read_text("utf-8")).text
