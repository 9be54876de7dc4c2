"""The benchmarks' own arithmetic, on numbers that are known; nothing is timed here."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk")

from benchmarks import SUITES, harness, load, suite
from benchmarks.goals import GOALS, reached
from benchmarks.growth import Curve, Line, Point, curve
from benchmarks.harness import Comparison, Goal, Measured, Row, Variant, measure
from benchmarks.layers import STACKED
from benchmarks.load import Served, ServedRow
from benchmarks.page import write_page
from benchmarks.publish import filled, picture
from benchmarks.results import Results, about
from benchmarks.table import text


class Clock:
    """Time that passes only where a batch says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(harness.time, "process_time", lambda: self.now)

    def batch(self, seconds, drift=0.0):
        """`seconds` for each call, and a machine that gets slower with every chunk."""
        chunks = count()

        def run(times):
            self.now += times * (seconds + drift * next(chunks))

        return run


def row(name, role, cost, *, spent=None):
    return Row(name, role, cost + 1 if spent is None else spent, cost, cost - 0.1, cost + 0.1)


def whole(floor=20.0, ours=30.0, tuned=300.0, documented=540.0, title="Full stack, GET"):
    return Measured(
        title,
        "ASGI",
        (
            row("bare", "bare", 0.0),
            row("floor", "floor", floor),
            row("Ringwall", "ringwall", ours),
            row("peers, tuned", "peer", tuned),
            row("peers, as documented", "peer", documented),
        ),
    )


def layer(floor=1.0, ours=2.0, peer=6.0, part=0.1):
    rows = (
        row("bare", "bare", 0.0),
        row("floor", "floor", floor),
        row("Ringwall", "ringwall", ours),
        row("slow peer", "peer", peer * 3),
        row("quick peer", "peer", peer),
        row("half a peer", "part", part),
    )
    return Measured("HTTPS, hosts, HSTS", "ASGI", rows, layers=("https",))


def stacked():
    rows = (
        row("quiet stack", "bare", 0.0),
        row("full stack", "ringwall", 0.0, spent=40.0),
        row("without https", "ringwall", -1.25),
        row("without audit", "ringwall", -20.0),
    )
    return Measured(STACKED, "ASGI", rows)


def served(ours=4500.0, floor=5000.0, tuned=1000.0, failed=0.0):
    def of(name, role, rate, wrong=0.0):
        return ServedRow(name, role, rate, rate - 1, rate + 1, 10_000.0, 30_000.0, wrong)

    rows = (
        of("floor", "floor", floor),
        of("Ringwall", "ringwall", ours, failed),
        of("peers, tuned", "peer", tuned),
    )
    return Served("Served, the full stack, GET", "uvicorn", rows)


def grown(title="rules", last=6.0):
    points = (Point(10, 5.0, 52_000), Point(10_000, last, 33_000_000))
    return Curve(title, "rules", (Line("Ringwall", "ringwall", points),))


def everything() -> Results:
    found = Results(about(measured="2026-11-25", mode="quick", rounds=11, noise=0.03, left_out={}))
    found.about["left_out"] = {"a <peer>": "not installed"}
    for each in (whole(), layer(), stacked(), served(), grown()):
        found.add(each)
    return found


def test_a_cost_is_the_median_of_differences_in_the_same_round(monkeypatch):
    clock = Clock(monkeypatch)
    # Both get slower alike, by far more than what lies between them.
    variants = (
        Variant("bare", "bare", clock.batch(10e-6, drift=1e-6), ""),
        Variant("ours", "ringwall", clock.batch(13e-6, drift=1e-6), "bare"),
    )
    found = measure(Comparison("any", "ASGI", variants), rounds=12, chunk=0.001)
    ours = found.row("ours")
    assert ours is not None
    assert ours.cost == pytest.approx(3, rel=1e-6)
    assert ours.low == pytest.approx(3, rel=1e-6)
    assert ours.high == pytest.approx(3, rel=1e-6)
    assert ours.spent > 13
    bare = found.row("bare")
    assert bare is not None
    assert bare.cost == 0
    assert found.noise > 0


def test_quartiles_tell_of_a_machine_that_swings(monkeypatch):
    clock = Clock(monkeypatch)
    chunks = count()

    def loud(times):
        clock.now += times * (10e-6 if next(chunks) % 3 else 30e-6)

    variants = (Variant("bare", "bare", clock.batch(5e-6), ""), Variant("ours", "ringwall", loud))
    ours = measure(Comparison("any", "ASGI", variants), rounds=40, chunk=0.001).row("ours")
    assert ours is not None
    assert ours.low == pytest.approx(5, rel=1e-6)
    assert ours.high > 6


def test_the_order_rotates_and_each_pays_for_what_it_left(monkeypatch):
    clock = Clock(monkeypatch)
    order, owed = [], [0.0]

    def traced(name, spans):
        def run(times):
            order.append(name)
            clock.now += times * 10e-6
            owed[0] += times * spans

        return run

    def settle():
        clock.now += owed[0]
        owed[0] = 0.0

    variants = (
        Variant("bare", "bare", traced("bare", 0), ""),
        Variant("spans", "ringwall", traced("spans", 4e-6), "bare"),
    )
    found = measure(Comparison("any", "ASGI", variants), rounds=4, chunk=0.001, settle=settle)
    spans = found.row("spans")
    assert spans is not None
    assert spans.cost == pytest.approx(4, rel=1e-6)
    rounds = [order[index : index + 4] for index in range(len(order) - 16, len(order), 4)]
    assert [each[0] for each in rounds] == ["bare", "spans", "bare", "spans"]


def test_goals_that_are_met():
    assert [goal for goal in everything().goals() if not goal.met] == []
    assert len(everything().goals()) == 8


@pytest.mark.parametrize(
    ("found", "goal", "ratio"),
    [
        (whole(ours=31, tuned=310, documented=558), "full stack over the floor stack", 31 / 20),
        (whole(tuned=290), "tuned peers over the full stack", 290 / 30),
        (whole(documented=530), "peers as documented over the full stack", 530 / 30),
        (layer(floor=0.9), "layer over its own floor", 2 / 0.9),
        (layer(peer=5.5), "fastest peer over the layer", 5.5 / 2),
        (served(ours=4400), "requests per second over those of the floor", 0.88),
        (served(tuned=1200), "requests per second over those of the tuned peers", 4500 / 1200),
        (grown(last=7.6), "the most over the least", 7.6 / 5),
        (grown("API keys", 7.6), "the most over the least", 7.6 / 5),
    ],
)
def test_goals_that_are_missed(found, goal, ratio):
    results = Results()
    results.add(found)
    missed = [each for each in results.goals() if not each.met]
    assert [each.goal for each in missed] == [goal]
    assert missed[0].ratio == pytest.approx(ratio)
    assert "MISSED" in text(results)


def test_a_part_of_the_work_is_nobodys_fastest_peer():
    assert layer(part=0.01).costs()["fastest peer"] == 6


def test_a_cost_lost_in_noise_meets_no_goal():
    results = Results()
    results.add(layer(ours=-0.2))
    assert not any(goal.met for goal in results.goals())


def test_who_fails_many_requests_has_no_rate():
    results = Results()
    results.add(served(failed=0.02))
    assert results.goals() == []
    assert "2.0% failed" in text(results)


def test_goals_of_an_area_stand_beside_those_of_all():
    goals = (Goal("slow over quick", "slow", "quick", 2), Goal("not run", "missing", "quick", 2))
    rows = (row("quick", "ringwall", 1.0), row("slow", "ringwall", 3.0))
    results = Results()
    results.add(Measured("Some", "WSGI", rows, goals))
    assert [(goal.where, goal.ratio, goal.met) for goal in reached(results)] == [
        ("Some, WSGI", 3, False)
    ]


def test_every_goal_has_a_bound_and_says_where():
    assert all(goal.bound > 0 and goal.where != "*" for goal in GOALS)
    assert len({(goal.name, goal.where) for goal in GOALS}) == len(GOALS)


def test_the_json_is_whole_and_is_read_back(tmp_path):
    path = tmp_path / "results.json"
    everything().write(path)
    document = json.loads(path.read_text("utf-8"))
    assert list(document) == ["format", "about", "goals", "comparisons", "curves", "served"]
    assert set(document["goals"][0]) == {"where", "goal", "ratio", "bound", "at_most", "met"}
    assert document["about"]["versions"]["opentelemetry-sdk"]
    again = Results.read(path)
    assert again.measured == everything().measured
    assert again.curves == everything().curves
    assert again.served == everything().served
    assert again.goals() == everything().goals()
    path.write_text('{"format": 0}', "utf-8")
    with pytest.raises(ValueError, match="format 0, not 1"):
        Results.read(path)


def test_the_table_has_all_of_it():
    found = text(everything())
    assert re.search(r"Full stack, GET, ASGI +20.0 +30.0 +300 +540", found)
    line = next(line for line in found.split("\n") if line.startswith("HTTPS, hosts, HSTS"))
    for part in ("1.00", "2.00", "1.25", "2.00x met", "quick peer", "6.00", "3.00x met"):
        assert part in line
    assert "half a peer" in found
    assert re.search(r"Ringwall +4,500 +10,000 +30,000", found)
    assert re.search(r"rules +10: 5.00 \(52 KB\) +10,000: 6.00 \(33 MB\)", found)
    assert "GOALS: 8 of 8 met" in found


def test_the_page_needs_nothing_else(tmp_path):
    path = tmp_path / "index.html"
    write_page(everything(), path)
    page = path.read_text("utf-8")
    without_names = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]|<script|<link|<img|@import|url\(", without_names)
    assert "default-src 'none'" in page
    assert "a &lt;peer&gt;" in page
    for heading in ("The whole stack", "Layer by layer", "Behind real servers", "How it grows"):
        assert heading in page
    assert "Ringwall, within the stack" in page
    assert page.count("<section") == page.count("</section>")


def test_a_run_of_one_part_has_a_page_and_no_picture(tmp_path):
    results = Results(about())
    results.add(grown())
    write_page(results, tmp_path / "index.html")
    with pytest.raises(ValueError, match="not measured"):
        picture(results)


def test_a_document_is_filled_between_its_comments():
    document = "a\n<!--- benchmarks: stack -->\nold\n<!--- end of benchmarks -->\nb\n"
    found = filled(document, everything())
    assert found.startswith("a\n<!--- benchmarks: stack -->\n| ")
    assert found.endswith("\n<!--- end of benchmarks -->\nb\n")
    assert "| GET, ASGI | 20.0 | 30.0 | 300 | 540 |" in found
    assert "old" not in found
    assert filled(found, everything()) == found
    with pytest.raises(ValueError, match="no place"):
        filled("a", everything())


def test_a_curve_takes_off_the_same_requests_without_it(monkeypatch):
    clock = Clock(monkeypatch)

    def maker(size):
        def work(seconds):
            def once():
                clock.now += seconds

            return once

        return lambda: (work(size * 1e-6 + 5e-6), work(5e-6))

    made = curve("any", "things", [10, 100], {("Ringwall", "ringwall"): maker}, rounds=3)
    assert [point.cost for point in made.points] == pytest.approx([10, 100])
    assert made.points[0].memory >= 0


WRK = """\
Running 1s test @ http://127.0.0.1:1/
  Latency Distribution
     50%    9.13ms
     99%    1.20s
  5392 requests in 2.03s, 5.07MB read
  Socket errors: connect 0, read 4, write 0, timeout 2
  Non-2xx or 3xx responses: 3
Requests/sec:   2650.23
"""


def test_what_wrk_says_is_read():
    rounds = load._Rounds()
    load._read(WRK, rounds)
    assert rounds == load._Rounds([2650.23], [9130.0], [1_200_000.0], 5392, 9)
    with pytest.raises(RuntimeError, match="no rate"):
        load._read("Requests/sec: 0.00\n", rounds)


def test_without_wrk_the_message_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(load.shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="apt-get install wrk"):
        load.measured("any", "asgi", "GET", (), tmp_path, rounds=1, seconds=1)


def test_every_script_is_part_of_the_run():
    """Each module that can be run alone is a suite, but for those that count or serve."""
    folder = Path(harness.__file__).parent
    scripts = {
        path.stem for path in folder.glob("*.py") if 'if __name__ == "__main__"' in path.read_text()
    }
    assert scripts - {"__main__", "instructions"} == set(SUITES)
    assert all(callable(suite(name)) for name in SUITES if name not in _NEED_PEERS)


_NEED_PEERS = ("redis_limits", "api_keys")
