"""Figures by hand: bars as HTML, which fit a phone; rings, curves and a picture as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

INK, SOFT = "var(--ink)", "var(--soft)"
RINGS = ("#0b4f6c", "#0f7b6c", "#4f9d69", "#9bb65c", "#d9b44a", "#d98c3f", "#c2593f", "#8c3b52")
_LONGEST = 25.0
"""A bar that is so many times as long as Ringwall's is cut off, and looks so."""


@dataclass(frozen=True)
class Bar:
    """A value with its quartiles, and what the thing is: its role, which gives the colour."""

    name: str
    role: str
    value: float
    low: float
    high: float


def number(value: float) -> str:
    """Two or three figures that count, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def bars(rows: Sequence[Bar], unit: str) -> str:
    """Bars beneath each other, each with its quartiles as a whisker."""
    ours = max((row.value for row in rows if row.role in ("ringwall", "floor")), default=0.0)
    most = max((max(row.value, row.high) for row in rows), default=1.0)
    scale = 100 / (min(most, ours * _LONGEST) if ours > 0 else most or 1.0)

    def share(value: float) -> str:
        return f"{min(100.0, max(0.4, value * scale)):.2f}%"

    parts = []
    for row in rows:
        cut = " cut" if row.value * scale > 100.5 else ""
        low, high = share(row.low), share(row.high)
        whisker = "" if cut else f'<s style="left:{low};width:calc({high} - {low})"></s>'
        parts.append(
            f"<dt>{escape(row.name)}</dt><dd><span class=track>"
            f'<b class="{row.role}{cut}" style="width:{share(row.value)}"></b>{whisker}</span>'
            f"<em>{number(row.value)} {unit}</em></dd>"
        )
    return f"<dl class=bars>{''.join(parts)}</dl>"


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = INK, more: str = ""
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{more}>'
        f"{escape(text)}</text>"
    )


def _svg(width: int, height: int, parts: Sequence[str], title: str, style: str = "") -> str:
    """A picture with a name for people who can't see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(title, quote=True)}" font-family="system-ui, sans-serif"'
        f' font-size="13">{style}{"".join(parts)}</svg>'
    )


def rings(shares: Sequence[tuple[str, float]], title: str, centre: str) -> str:
    """Concentric rings, the outermost layer outside; the area of each is its share of the cost."""
    size, inner = 300, 40.0
    total = sum(max(0.0, share) for _, share in shares) or 1.0
    outer = size / 2 - 2
    area = (outer**2 - inner**2) / total
    parts: list[str] = []
    radius = outer
    for index, (_, share) in enumerate(shares):
        smaller = math.sqrt(max(inner**2, radius**2 - max(0.0, share) * area))
        middle, stroke = (radius + smaller) / 2, max(0.6, radius - smaller - 0.8)
        parts.append(
            f'<circle cx="{size / 2}" cy="{size / 2}" r="{middle:.2f}" fill="none"'
            f' stroke="{RINGS[index % len(RINGS)]}" stroke-width="{stroke:.2f}"/>'
        )
        radius = smaller
    parts.append(_text(size / 2, size / 2 - 2, centre, anchor="middle"))
    parts.append(_text(size / 2, size / 2 + 15, "your app", anchor="middle", fill=SOFT))
    legend = "".join(
        f'<li><i style="background:{RINGS[index % len(RINGS)]}"></i>{escape(name)}'
        f"<em>{number(max(0.0, share))} µs</em></li>"
        for index, (name, share) in enumerate(shares)
    )
    return f"<div class=rings>{_svg(size, size, parts, title)}<ul>{legend}</ul></div>"


@dataclass(frozen=True)
class Path:
    """One curve: its colour by role, and (size, value) pairs."""

    name: str
    role: str
    points: Sequence[tuple[float, float]]


_DASHES = ("", ' stroke-dasharray="7 4"', ' stroke-dasharray="2 4"', ' stroke-dasharray="9 3 2 3"')


def microseconds(value: float) -> str:
    return f"{number(value)} µs" if value < 1000 else f"{number(value / 1000)} ms"


def _apart(heights: Sequence[float], gap: float = 14.0) -> list[float]:
    """The same, but none so near to another that both could not be read."""
    found = [0.0] * len(heights)
    free = math.inf
    for index in sorted(range(len(heights)), key=lambda index: -heights[index]):
        found[index] = free = min(heights[index], free - gap)
    return found


def curve(
    paths: Sequence[Path],
    size_unit: str,
    title: str,
    show: Callable[[float], str] = microseconds,
    height: int = 210,
) -> str:
    """Value against size, both logarithmic; the scale of the values spans two decades at least.

    show: a value with its unit.
    """
    width, left, bottom = 360, 64, 34
    xs = [math.log10(size) for path in paths for size, _ in path.points]
    ys = [math.log10(max(value, 0.01)) for path in paths for _, value in path.points]
    low, high = math.floor(min(ys)), math.ceil(max(ys))
    high = max(high, low + 2)
    first, last = min(xs), max(xs)

    def place(size: float, value: float) -> tuple[float, float]:
        across = (math.log10(size) - first) / ((last - first) or 1.0)
        up = (math.log10(max(value, 0.01)) - low) / (high - low)
        return left + across * (width - left - 22), height - bottom - up * (height - bottom - 14)

    parts: list[str] = []
    for power in range(low, high + 1, math.ceil((high - low) / 5)):
        _, y = place(10**first, 10.0**power)
        parts.append(f'<path d="M{left} {y:.1f}H{width - 8}" stroke="{SOFT}" opacity=".25"/>')
        tick = show(10.0**power).replace(".00", "").replace(".0", "").replace(".10", ".1")
        parts.append(_text(left - 6, y + 4, tick, anchor="end", fill=SOFT))
    for index, path in enumerate(paths):
        spots = [place(size, value) for size, value in path.points]
        colour = f"var(--{path.role})"
        parts.append(
            f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in spots)}" fill="none"'
            f' stroke="{colour}" stroke-width="2.5"{_DASHES[index % len(_DASHES)]}/>'
        )
        for (size, value), (x, y) in zip(path.points, spots, strict=True):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>'
                f"{escape(path.name)}, {size:,.0f} {escape(size_unit)}: {escape(show(value))}"
                "</title></circle>"
            )
    if len(paths) > 1:
        lasts = [place(*path.points[-1]) for path in paths]
        ys = _apart([y - 9 for _, y in lasts])
        for path, (x, _), y in zip(paths, lasts, ys, strict=True):
            parts.append(_text(x, y, path.name, anchor="end"))
    parts.append(_text(left, height - 12, f"{10**first:,.0f}", fill=SOFT))
    parts.append(_text(width - 8, height - 12, f"{10**last:,.0f}", anchor="end", fill=SOFT))
    parts.append(_text((left + width) / 2, height - 12, size_unit, anchor="middle", fill=SOFT))
    return _svg(width, height, parts, title)


_PICTURE_STYLE = """<style>
.card{fill:#fff;stroke:#d9dee3}.ink{fill:#1c2530}.soft{fill:#5d6873}.floor{fill:#9aa5b1}
.ringwall{fill:#0f7b6c}.peer{fill:#c2703d}.whisker{stroke:#1c2530}.cut{stroke:none}
@media (prefers-color-scheme:dark){.card{fill:#161b22;stroke:#30363d}.ink{fill:#e8ecef}
.soft{fill:#98a3ae}.floor{fill:#6d7984}.ringwall{fill:#35b39f}.peer{fill:#dd8f5e}
.whisker{stroke:#e8ecef}.cut{stroke:none}}
</style>"""


def picture(groups: Sequence[tuple[str, Sequence[Bar]]], title: str, subtitle: str) -> str:
    """Groups of bars on a card, for a page that has no style of its own and may be dark."""
    width, label, line = 760, 190, 27
    ends = sorted(max(bar.value, bar.high) for _, bars in groups for bar in bars)
    # One bar that is longer than all others by far is cut off, and looks so.
    most = ends[-2] * 1.1 if len(ends) > 1 and ends[-1] > 1.5 * ends[-2] else ends[-1]
    scale = (width - label - 120) / most
    parts = [
        _classed(24, 34, title, "ink", ' font-size="17" font-weight="600"'),
        _classed(24, 54, subtitle, "soft"),
    ]
    top = 68
    for name, bars in groups:
        parts.append(_classed(24, top + 20, name, "ink", ' font-weight="600"'))
        top += 28
        for bar in bars:
            parts.append(_classed(label - 10, top + 17, bar.name, "ink", ' text-anchor="end"'))
            length = max(1.5, min(bar.value, most) * scale)
            parts.append(
                f'<rect x="{label}" y="{top + 3}" width="{length:.1f}" height="19" rx="3"'
                f' class="{bar.role}"/>'
            )
            if bar.value > most:
                cut = label + length - 34
                parts.append(f'<path d="M{cut} {top + 24}l10 -23h7l-10 23z" class="card cut"/>')
                end = label + length + 8
            else:
                low, high = (label + max(0.0, end) * scale for end in (bar.low, bar.high))
                high = min(high, label + most * scale)
                parts.append(
                    f'<path d="M{low:.1f} {top + 12.5}H{high:.1f}" class="whisker" opacity=".5"/>'
                )
                end = max(label + length, high) + 8
            parts.append(_classed(end, top + 17, f"{number(bar.value)} µs", "soft"))
            top += line
        top += 6
    height = top + 12
    card = f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="12" class="card"/>'
    return _svg(width, height, [card, *parts], title, _PICTURE_STYLE)


def _classed(x: float, y: float, text: str, kind: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{more}>{escape(text)}</text>'
