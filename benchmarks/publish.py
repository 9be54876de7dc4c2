"""What of a run is committed: its JSON, the README's picture and figures, and a document.

The figures stand between two comments in README.md and docs/benchmarks.md, and nobody types them:
tests compare them with the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from . import charts
from .charts import Bar
from .page import about
from .results import Results
from .table import layer_lines, number, octets

JSON, PICTURE, PAGE = "docs/benchmarks.json", "docs/benchmarks.svg", "docs/benchmarks.md"
DOCUMENTS = f"{JSON}, {PICTURE}, and the figures in {PAGE} and README.md"
_BLOCK = re.compile(r"(<!--- benchmarks: (\w+) -->\n).*?(<!--- end of benchmarks -->)", re.DOTALL)
_COLUMNS = ("floor", "Ringwall", "peers, tuned", "peers, as documented")


def publish(results: Results, root: Path) -> list[str]:
    """Write all of it; returns what was written.

    Raises:
        ValueError: the full stack was not measured, or a document has no place for figures.
    """
    written = [JSON, PICTURE, PAGE, "README.md"]
    results.write(root / JSON)
    results = Results.read(root / JSON)  # rounded, as whoever reads it finds it
    results.write(root / JSON)  # and its ratios are those of the rounded figures
    (root / PICTURE).write_text(picture(results), "utf-8")
    for name in written[2:]:
        document = (root / name).read_text("utf-8")
        (root / name).write_text(filled(document, results), "utf-8")
    return written


def filled(document: str, results: Results) -> str:
    """The document with this run's figures in each of its places for them."""
    made = {"stack": _stack, "layers": _layers, "growth": _growth, "served": _served,
            "goals": _goals}  # fmt: skip
    if not _BLOCK.search(document):
        raise ValueError("no place for figures: <!--- benchmarks: stack -->")
    return _BLOCK.sub(
        lambda found: found[1] + "\n".join(made[found[2]](results)) + "\n" + found[3], document
    )


def picture(results: Results) -> str:
    """The full stack on GET and POST, through ASGI and WSGI.

    Raises:
        ValueError: it was not measured.
    """
    groups = []
    for title, interface in (("GET", "ASGI"), ("POST", "ASGI"), ("GET", "WSGI"), ("POST", "WSGI")):
        measured = results.find(f"Full stack, {title}", interface)
        if measured is not None:
            rows = [row for row in map(measured.row, _COLUMNS) if row is not None]
            bars = [Bar(row.name, row.role, row.cost, row.low, row.high) for row in rows]
            groups.append((f"{title}, {interface}", bars))
    if not groups:
        raise ValueError("the full stack was not measured")
    subtitle = "Microseconds of CPU for each request over the app alone; less is better"
    return charts.picture(groups, "What a full stack of security costs", subtitle) + "\n"


def _stack(results: Results) -> Iterator[str]:
    yield "| µs of CPU over the app alone | by hand | Ringwall | peers, tuned | as documented |"
    yield "|---|---:|---:|---:|---:|"
    for measured in results.measured:
        if measured.title.startswith("Full stack"):
            costs = (
                number(row.cost) if row is not None else "-" for row in map(measured.row, _COLUMNS)
            )
            title = measured.title.removeprefix("Full stack, ")
            yield f"| {title}, {measured.interface} | {' | '.join(costs)} |"
    yield ""
    yield f"{about(results)}"


def _layers(results: Results) -> Iterator[str]:
    yield (
        "| layer | by hand | Ringwall | in the stack | over its floor | fastest peer |"
        " over Ringwall |"
    )
    yield "|---|---:|---:|---:|---:|---|---:|"
    for measured, marginal, peer in layer_lines(results):
        costs = measured.costs()
        floor, ours = costs.get("floor"), costs["Ringwall"]
        yield (
            f"| {measured.title}, {measured.interface} | {number(floor) if floor else '-'}"
            f" | {number(ours)} | {number(marginal) if marginal is not None else '-'}"
            f" | {number(ours / floor) if floor else '-'} |"
            + (f" {peer.name} | {number(peer.cost / ours)} |" if peer else " - | - |")
        )


def _growth(results: Results) -> Iterator[str]:
    yield "| | cost in µs, by size | memory |"
    yield "|---|---|---|"
    for curve in results.curves:
        for line in curve.lines:
            name = curve.title if len(curve.lines) == 1 else f"{curve.title}: {line.name}"
            costs = ", ".join(f"{point.size:,}: {number(point.cost)}" for point in line.points)
            memory = ", ".join(octets(point.memory) for point in line.points)
            yield f"| {name} | {costs} | {memory} |"


def _served(results: Results) -> Iterator[str]:
    if not results.served:
        yield "Not part of this run."
        return
    yield "| | requests per second | p50 ms | p99 ms |"
    yield "|---|---:|---:|---:|"
    for served in results.served:
        yield f"| **{served.title}, {served.server}** | | | |"
        for row in served.rows:
            yield f"| {row.name} | {row.rate:,.0f} | {row.p50 / 1e3:,.1f} | {row.p99 / 1e3:,.1f} |"


def _goals(results: Results) -> Iterator[str]:
    yield "| where | goal | ratio | bound | |"
    yield "|---|---|---:|---:|---|"
    for goal in results.goals():
        bound = f"{'≤' if goal.at_most else '≥'} {goal.bound:g}"
        verdict = "met" if goal.met else "**missed**"
        yield f"| {goal.where} | {goal.goal} | {number(goal.ratio)} | {bound} | {verdict} |"
