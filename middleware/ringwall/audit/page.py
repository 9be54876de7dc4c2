"""A report as one page of HTML that needs nothing else: no script, no font, no request.

What a log holds was written by clients, and a log that was tampered with may hold anything: every
text is escaped, and the policy in the page lets no script run and nothing be loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from .report import Report

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2530;--soft:#66707c;--page:#fbfbf9;--card:#fff;
--line:#e4e7ea;--passed:#0f7b6c;--refused:#c2703d;--failed:#b3402a}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecef;--soft:#98a3ae;--page:#14191e;--card:#1c2329;
--line:#2d363e;--passed:#35b39f;--refused:#dd8f5e;--failed:#ec7b62}}
*{box-sizing:border-box}body{margin:0 auto;max-width:62rem;padding:2.5rem 1.25rem 4rem;
background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
h1{font-size:2rem;margin:0 0 .25rem;letter-spacing:-.02em}h2{font-size:1rem;margin:0 0 .75rem}
p{color:var(--soft);margin:.25rem 0}section{background:var(--card);border:1px solid var(--line);
border-radius:12px;padding:1.1rem 1.25rem;margin:1rem 0;overflow:hidden}
.numbers{display:flex;flex-wrap:wrap;gap:2.5rem}.numbers b{display:block;font-size:1.8rem;
font-variant-numeric:tabular-nums;line-height:1.2}.numbers span{color:var(--soft)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:0 1rem}
.row{display:grid;grid-template-columns:minmax(6rem,45%) 1fr auto;gap:.75rem;align-items:center;
padding:.2rem 0}.row>:first-child{overflow-wrap:anywhere}.row>:last-child{
font-variant-numeric:tabular-nums;color:var(--soft)}.track{display:flex;height:.8rem}
.track i{display:block;height:100%;min-width:1px}
.passed{background:var(--passed);fill:var(--passed)}
.refused{background:var(--refused);fill:var(--refused)}
.failed{background:var(--failed);fill:var(--failed)}.key i{display:inline-block;width:.8rem;
height:.8rem;border-radius:3px;margin:0 .35rem 0 1rem}.key i:first-child{margin-left:0}
svg{display:block;width:100%;height:9rem}.ends{display:flex;justify-content:space-between}
"""
_KEY = (
    '<p class="key"><i class="passed"></i>passed<i class="refused"></i>refused'
    '<i class="failed"></i>failed</p>'
)
_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
    " style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)


def page(report: Report, title: str = "Audit", refresh: int | None = None) -> str:
    """The page.

    Parameters:
        title: what it is about. refresh: seconds after which a browser asks for it again.
    """
    name = escape(title)
    again = "" if refresh is None else f'<meta http-equiv="refresh" content="{int(refresh)}">'
    parts = [
        f"{_HEAD}{again}<title>{name}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{name}</h1><p>{report.records:,} records from {escape(report.first or 'never')} to"
        f" {escape(report.last or 'never')}</p>",
        _numbers(report),
        f"<section><h2>Requests over time</h2>{_timeline(report)}</section>",
        f"<section><h2>Decisions by layer</h2>{_layers(report)}</section>",
        _shares(report),
        _table("Rules that refused, and why", report.rules.most_common(12), "refused"),
        '<div class="pair">',
        _table("Clients most often refused", report.refused_clients.most_common(12), "refused"),
        _table("Routes", report.routes.most_common(12), "passed"),
        _table("How long they took", report.latencies(), "passed"),
        _table("Answers by status", sorted(report.statuses.items()), "passed"),
        _table("Other events", report.events.most_common(12), "passed"),
        "</div></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _numbers(report: Report) -> str:
    outcomes = report.outcomes
    passed, refused = outcomes["success"], outcomes["denied"]
    failed = sum(outcomes.values()) - passed - refused
    boxes = (("passed", passed), ("refused", refused), ("failed", failed))
    shown = "".join(f"<div><b>{count:,}</b><span>{name}</span></div>" for name, count in boxes)
    return f'<section class="numbers">{shown}</section>'


def _timeline(report: Report) -> str:
    times = report.times()
    if not times:
        return "<p>Nothing yet.</p>"
    most = max(sum(counts.values()) for _, counts in times)
    step = 1000 / len(times)
    bars = []
    for index, (when, counts) in enumerate(times):
        top = 140.0
        told = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("passed", "refused", "failed"))
        bars.append(f"<g><title>{escape(when)}: {told}</title>")
        for kind in ("passed", "refused", "failed"):
            height = counts[kind] / most * 136
            top -= height
            bars.append(
                f'<rect class="{kind}" x="{index * step:.2f}" y="{top:.2f}"'
                f' width="{min(step * 0.86, 60):.2f}" height="{height:.2f}"/>'
            )
        bars.append("</g>")
    return (
        '<svg viewBox="0 0 1000 140" preserveAspectRatio="none" role="img"'
        f' aria-label="Requests over time, at most {most:,}">{"".join(bars)}</svg>'
        f'<p class="ends"><span>{escape(times[0][0])}</span>'
        f"<span>at most {most:,}</span><span>{escape(times[-1][0])}</span></p>{_KEY}"
    )


def _layers(report: Report) -> str:
    most = max((sum(counts.values()) for counts in report.layers.values()), default=1)
    rows = [_layer(name, counts, most) for name, counts in report.layers.items()]
    return "".join(rows) + _KEY if rows else "<p>Nothing yet.</p>"


def _layer(name: str, counts: Counter[str], most: int) -> str:
    kinds = (("passed", counts["allow"]), ("refused", counts["deny"]), ("failed", counts["error"]))
    bars = "".join(_bar(kind, count / most) for kind, count in kinds if count)
    return _row(name, bars, f"{sum(counts.values()):,}")


def _shares(report: Report) -> str:
    rows = [
        _row(name, _bar("passed", share), f"{share:.1%}, {micros:,} µs")
        for name, share, micros in report.shares()
    ]
    if not rows:
        return ""
    return (
        "<section><h2>Where the time went, by layer</h2>"
        f"{''.join(rows)}<p>in {report.timed:,} timed requests, on average</p></section>"
    )


def _table(title: str, rows: Sequence[tuple[str, int]], kind: str) -> str:
    if not rows:
        return ""
    most = max(count for _, count in rows)
    shown: Iterable[str] = (
        _row(name, _bar(kind, count / most), f"{count:,}") for name, count in rows
    )
    return f"<section><h2>{escape(title)}</h2>{''.join(shown)}</section>"


def _row(name: str, bars: str, count: str) -> str:
    return (
        f'<div class="row"><span>{escape(name)}</span><span class="track">{bars}</span>'
        f"<span>{count}</span></div>"
    )


def _bar(kind: str, share: float) -> str:
    return f'<i class="{kind}" style="width:{share * 100:.1f}%"></i>'
