"""The results as one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from . import charts
from .charts import Bar
from .growth import Curve, Point
from .harness import Measured
from .layers import STACKED
from .load import Served
from .results import Results
from .table import by_title, costs_in_stack, octets

_KEY = (
    "<ul class=key>"
    '<li><i class="floor"></i>floor: the same work by hand</li>'
    '<li><i class="ringwall"></i>Ringwall</li><li><i class="peer"></i>peers</li>'
    '<li><i class="part"></i>does a part of the work</li></ul>'
)


def write_page(results: Results, path: Path) -> None:
    """One file of HTML: the goals, the whole stack, each layer, real servers, how it grows."""
    style = Path(__file__).with_name("page.css").read_text("utf-8")
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none';"
        " style-src 'unsafe-inline'\">",
        f"<title>What Ringwall costs</title><style>{style}</style>",
        "<h1>What Ringwall costs</h1>",
        f"<p>{escape(about(results))}</p>",
        "<p>Microseconds of CPU time for each request over the app alone; all variants in turns,"
        " median of the differences in the same round, a whisker over the middle half. A figure"
        " counts as a ratio to one beside it. A bar that fades out is longer than there is room"
        " for.</p>",
        *_heads(results),
        *_whole(results),
        *_layers(results),
        *_served(results.served),
        *_growth(results.curves),
        *_goals(results),
        *_beside(results),
    ]
    path.write_text("\n".join(parts) + "\n", "utf-8")


def about(results: Results) -> str:
    about = results.about
    words = f"Ringwall {about.get('ringwall')}, {about.get('implementation')} {about.get('python')}"
    words += f", {about.get('system')}, {about.get('cores')} cores"
    if "measured" in about:
        words += f"; {about['mode']} run of {about['measured']}, {about['rounds']} rounds"
        words += f", noise {about['noise']:.0%}"
    return words + "."


def _heads(results: Results) -> Iterator[str]:
    """The figures that a person looks for first."""
    found = []
    goals = {(goal.where, goal.goal): goal.ratio for goal in results.goals()}
    where = "Full stack, GET, ASGI"
    for goal, words in (
        ("tuned peers over the full stack", "times cheaper than tuned peers"),
        ("peers as documented over the full stack", "times cheaper than peers as documented"),
        ("full stack over the floor stack", "times the same by hand"),
    ):
        if (where, goal) in goals:
            ratio = charts.number(goals[where, goal])
            found.append(f"<section><b>{ratio}</b><span>{words}; full stack, GET, ASGI</span>")
    reached = results.goals()
    if reached:
        met = sum(goal.met for goal in reached)
        found.append(f"<section><b>{met} of {len(reached)}</b><span>goals met</span>")
    if found:
        yield f"<div class=heads>{'</section>'.join(found)}</section></div>"


def _whole(results: Results) -> Iterator[str]:
    whole = [each for each in results.measured if each.title.startswith("Full stack")]
    stacked = [each for each in results.measured if each.title == STACKED]
    if not whole and not stacked:
        return
    yield f"<h2>The whole stack</h2>{_KEY}<div class=grid>"
    yield from map(_bars, whole)
    for measured in stacked:
        costs = costs_in_stack(results, measured.interface)
        full = measured.row("full stack")
        spent = f"{charts.number(full.spent)} µs" if full is not None else ""
        title = f"Each layer inside the stack, POST, {measured.interface}"
        yield _section(title, charts.rings(list(costs.items()), title, spent))
    yield "</div>"


def _layers(results: Results) -> Iterator[str]:
    found = by_title(results.measured)
    layers = [each for each in found if each.layers]
    rest = [
        each
        for each in found
        if not each.layers and each.title != STACKED and not each.title.startswith("Full stack")
    ]
    for heading, some in (("Layer by layer", layers), ("In more detail", rest)):
        if some:
            yield f"<h2>{heading}</h2>{_KEY}<div class=grid>"
            for measured in some:
                costs = costs_in_stack(results, measured.interface)
                known = measured.layers and all(name in costs for name in measured.layers)
                in_stack = sum(costs[name] for name in measured.layers) if known else None
                yield _bars(measured, in_stack)
            yield "</div>"


def _bars(measured: Measured, in_stack: float | None = None) -> str:
    rows = []
    for row in measured.rows:
        if row.role != "bare":
            rows.append(Bar(row.name, row.role, row.cost, row.low, row.high))
        if row.name == "Ringwall" and in_stack is not None:
            rows.append(Bar("Ringwall, within the stack", "ringwall", in_stack, in_stack, in_stack))
    title = f"{measured.title}, {measured.interface}".rstrip(", ")
    return _section(title, charts.bars(rows, "µs"))


def _section(title: str, content: str, more: str = "") -> str:
    small = f" <small>{escape(more)}</small>" if more else ""
    return f"<section><h3>{escape(title)}{small}</h3>{content}</section>"


def _served(found: list[Served]) -> Iterator[str]:
    if not found:
        return
    yield (
        "<h2>Behind real servers</h2><p>Requests per second of one worker, more is better; load"
        " by wrk on this machine. Whiskers span the rounds.</p><div class=grid>"
    )
    for served in found:
        rows = [Bar(row.name, row.role, row.rate, row.low, row.high) for row in served.rows]
        latencies = "".join(
            f"<tr><td>{escape(row.name)}<td class=n>{row.p50 / 1000:,.1f}"
            f"<td class=n>{row.p99 / 1000:,.1f}"
            for row in served.rows
        )
        table = (
            "<details><summary>Latencies</summary><table><tr><th><th class=n>p50 ms"
            f"<th class=n>p99 ms{latencies}</table></details>"
        )
        yield _section(served.title, charts.bars(rows, "/s") + table, served.server)
    yield "</div>"


def _growth(curves: list[Curve]) -> Iterator[str]:
    if not curves:
        return
    yield (
        "<h2>How it grows</h2><p>The cost of each request against size, both logarithmic: a level"
        " line is a cost that does not grow. Beneath it the memory that is held, or that one body"
        " needs.</p><div class=grid>"
    )
    for curve in curves:
        costs, memory = (
            [charts.Path(each.name, each.role, list(map(of, each.points))) for each in curve.lines]
            for of in (_cost, _memory)
        )
        title = curve.title[:1].upper() + curve.title[1:]
        picture = charts.curve(costs, curve.unit, f"{title}: time")
        beside = charts.curve(memory, curve.unit, f"{title}: memory", octets, height=150)
        yield _section(title, f"{picture}<h4>Memory</h4>{beside}")
    yield "</div>"


def _cost(point: Point) -> tuple[float, float]:
    return point.size, point.cost


def _memory(point: Point) -> tuple[float, float]:
    return point.size, point.memory


def _goals(results: Results) -> Iterator[str]:
    goals = results.goals()
    if goals:
        rows: Iterable[str] = (
            f"<tr><td>{escape(goal.where)}<td>{escape(goal.goal)}"
            f"<td class='n {'met' if goal.met else 'missed'}'>{charts.number(goal.ratio)}"
            f"<td class=n>{'≤' if goal.at_most else '≥'} {goal.bound:g}"
            f"<td class={'met' if goal.met else 'missed'}>{'met' if goal.met else 'missed'}"
            for goal in goals
        )
        yield (
            "<h2>Goals</h2><section><div class=scroll><table><tr><th>where<th>goal"
            f"<th class=n>ratio<th class=n>bound<th>{''.join(rows)}</table></div></section>"
        )


def _beside(results: Results) -> Iterator[str]:
    left_out = results.about.get("left_out") or {}
    if left_out:
        rows = "".join(f"<li>{escape(name)}: {escape(why)}" for name, why in left_out.items())
        yield f"<h2>Left out</h2><section><ul>{rows}</ul></section>"
    versions = results.about.get("versions") or {}
    if versions:
        words = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield f"<h2>Versions</h2><p>{escape(words)}</p>"
