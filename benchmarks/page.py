"""The results as one page of HTML that needs nothing else, and one picture for the README."""

from __future__ import annotations

from html import escape
from pathlib import Path

from . import charts
from .harness import Measured, Row
from .results import Results

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #66707c; --page: #fbfbf9; --card: #fff;
  --line: #e4e7ea; --floor: #9aa5b1; --ringwall: #0f7b6c; --peer: #c2703d; --bare: #ccd3da;
  --good: #0f7b6c; --bad: #b3402a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecef; --soft: #98a3ae; --page: #14191e;
  --card: #1c2329; --line: #2d363e; --floor: #6d7984; --ringwall: #35b39f; --peer: #dd8f5e;
  --bare: #414c56; --good: #4cc3ae; --bad: #ec7b62; } }
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 2rem; margin: 0 0 .25rem; letter-spacing: -.02em; } h2 { margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; font-weight: 600; } p { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.1rem 1.25rem; margin: 1rem 0; }
svg { width: 100%; height: auto; display: block; } table { border-collapse: collapse; width: 100%; }
td, th { padding: .4rem .6rem; text-align: left; border-top: 1px solid var(--line); }
th { font-weight: 600; border-top: 0; } td.n, th.n { text-align: right;
  font-variant-numeric: tabular-nums; }
.met { color: var(--good); font-weight: 600; } .missed { color: var(--bad); font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; }
.key span { display: inline-block; margin-right: 1.2rem; } .key i { display: inline-block;
  width: .8rem; height: .8rem; border-radius: 3px; margin-right: .4rem; vertical-align: -1px; }
"""
_KEY = (
    '<p class="key"><span><i style="background:var(--floor)"></i>floor: the same by hand</span>'
    '<span><i style="background:var(--ringwall)"></i>Ringwall</span>'
    '<span><i style="background:var(--peer)"></i>peers</span></p>'
)
STACKED = "The full stack without each layer, POST"


def write_page(results: Results, path: Path) -> None:
    """One file of HTML: goals, the whole stack, each layer, and how it grows."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none';"
        " style-src 'unsafe-inline'\">",
        f"<title>Ringwall: what it costs</title><style>{_STYLE}</style>",
        "<h1>What Ringwall costs</h1>",
        f"<p>{escape(_about(results))} Microseconds of CPU time for each request over the app"
        " alone, interleaved; a whisker spans the middle half. A figure counts as a ratio to one"
        " beside it, not by itself.</p>",
        _goals(results),
    ]
    whole = [each for each in results.measured if each.title.startswith("Full stack")]
    if whole:
        parts.append("<h2>The whole stack</h2>" + _KEY + "".join(map(_bars, whole)))
    parts += [_rings(each) for each in results.measured if each.title == STACKED]
    rest = [each for each in results.measured if each not in whole and each.title != STACKED]
    if rest:
        parts.append("<h2>Layer by layer</h2>" + _KEY + "".join(map(_bars, rest)))
    if results.curves:
        parts.append("<h2>How it grows</h2><div class=pair>")
        for curve in results.curves:
            points = [(point.size, point.cost) for point in curve.points]
            picture = charts.curve(points, curve.unit, curve.title)
            parts.append(f"<section><h3>{escape(curve.title)}</h3>{picture}</section>")
        parts.append("</div>")
    path.write_text("\n".join(parts) + "\n", "utf-8")


def write_picture(results: Results, path: Path) -> bool:
    """The whole stack on GET through ASGI as an SVG. Returns whether that was measured."""
    measured = results.find("Full stack, GET", "ASGI")
    if measured is None:
        return False
    path.write_text(charts.bars(_costs(measured), "What the whole stack costs") + "\n", "utf-8")
    return True


def _about(results: Results) -> str:
    about = results.about
    return (
        f"Ringwall {about['ringwall']}, {about['implementation']} {about['python']},"
        f" {about['system']}, {about['cores']} cores."
    )


def _costs(measured: Measured) -> list[tuple[str, str, float, float, float]]:
    return [(row.name, row.role, row.cost, row.low, row.high) for row in _over_a_base(measured)]


def _over_a_base(measured: Measured) -> list[Row]:
    return [row for row in measured.rows if row.role != "bare"]


def _bars(measured: Measured) -> str:
    title = f"{measured.title}, {measured.interface}".rstrip(", ")
    return f"<section><h3>{escape(title)}</h3>{charts.bars(_costs(measured), title)}</section>"


def _rings(measured: Measured) -> str:
    """The cost of each layer in the stack: what the stack without it saves."""
    whole = measured.rows[0]
    shares = [
        (row.name.removeprefix("without "), -row.cost)
        for row in measured.rows
        if row is not whole and row.role != "bare"
    ]
    title = f"Each layer inside the stack, {measured.interface}"
    picture = charts.rings(shares, title, f"{charts.number(whole.spent)} µs")
    return f"<section><h3>{escape(title)}</h3>{picture}</section>"


def _goals(results: Results) -> str:
    rows = [
        "<section><h3>Goals</h3><table><tr><th>where<th>goal<th class=n>measured<th class=n>bound"
    ]
    for measured in results.measured:
        for goal in measured.goals:
            bound = f"{'≤' if goal.at_most else '≥'} {goal.bound:g}"
            rows.append(
                _goal(
                    f"{measured.title}, {measured.interface}",
                    goal.name,
                    goal.ratio,
                    bound,
                    goal.met,
                )
            )
    for curve in results.curves:
        if curve.bound is not None:
            met = curve.growth <= curve.bound
            rows.append(
                _goal(
                    curve.title, "last size over the first", curve.growth, f"≤ {curve.bound:g}", met
                )
            )
    return "".join(rows) + "</table></section>"


def _goal(where: str, name: str, ratio: float, bound: str, met: bool) -> str:
    mark = "met" if met else "missed"
    return (
        f"<tr><td>{escape(where)}<td>{escape(name)}<td class='n {mark}'>{ratio:.2f}"
        f"<td class=n>{bound}"
    )
