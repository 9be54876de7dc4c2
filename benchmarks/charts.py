"""Figures as SVG, by hand: bars beside each other, rings around each other, curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

INK = "var(--ink, #1c2530)"
SOFT = "var(--soft, #66707c)"
COLOURS = {
    "floor": "var(--floor, #9aa5b1)",
    "ringwall": "var(--ringwall, #0f7b6c)",
    "peer": "var(--peer, #c2703d)",
    "bare": "var(--bare, #ccd3da)",
}
RINGS = ("#0b4f6c", "#0f7b6c", "#4f9d69", "#9bb65c", "#d9b44a", "#d98c3f", "#c2593f", "#8c3b52")


def svg(width: int, height: int, parts: Sequence[str], title: str) -> str:
    """A picture with a name for people who can't see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(title, quote=True)}" font-family="system-ui, sans-serif"'
        f' font-size="13">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )


def number(value: float) -> str:
    """Two figures that count, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def bars(rows: Sequence[tuple[str, str, float, float, float]], title: str) -> str:
    """Horizontal bars: label, role, value, and the quartiles as a whisker; microseconds."""
    width, label, line = 720, 230, 30
    most = max((row[4] for row in rows), default=1.0) or 1.0
    scale = (width - label - 90) / most
    parts: list[str] = []
    for index, (name, role, value, low, high) in enumerate(rows):
        top = index * line
        length = max(1.0, value * scale)
        parts.append(_text(label - 10, top + 19, name, anchor="end"))
        parts.append(
            f'<rect x="{label}" y="{top + 5}" width="{length:.1f}" height="20" rx="3"'
            f' fill="{COLOURS[role]}"/>'
        )
        parts.append(
            f'<path d="M{label + max(0.0, low) * scale:.1f} {top + 15}H{label + high * scale:.1f}"'
            f' stroke="{INK}" stroke-width="1.5" opacity=".55"/>'
        )
        end = label + max(length, high * scale) + 8
        parts.append(_text(end, top + 19, f"{number(value)} µs", fill=SOFT))
    return svg(width, len(rows) * line + 6, parts, title)


def rings(shares: Sequence[tuple[str, float]], title: str, centre: str) -> str:
    """Concentric rings, the outermost layer outside; the area of each is its share of the cost."""
    size, inner = 340, 44.0
    total = sum(max(0.0, share) for _, share in shares) or 1.0
    outer = size / 2 - 4
    area = (outer**2 - inner**2) / total
    parts: list[str] = []
    radius = outer
    for index, (_, share) in enumerate(shares):
        smaller = math.sqrt(max(inner**2, radius**2 - max(0.0, share) * area))
        middle, stroke = (radius + smaller) / 2, radius - smaller
        parts.append(
            f'<circle cx="{size / 2}" cy="{size / 2}" r="{middle:.2f}" fill="none"'
            f' stroke="{RINGS[index % len(RINGS)]}" stroke-width="{max(0.0, stroke - 1):.2f}"/>'
        )
        radius = smaller
    parts.append(_text(size / 2, size / 2 - 2, centre, anchor="middle"))
    parts.append(_text(size / 2, size / 2 + 15, "your app", anchor="middle", fill=SOFT))
    for index, (name, share) in enumerate(shares):
        y = 34 + index * 30
        colour = RINGS[index % len(RINGS)]
        parts.append(
            f'<rect x="{size + 24}" y="{y - 12}" width="14" height="14" rx="3" fill="{colour}"/>'
        )
        parts.append(_text(size + 46, y, name))
        parts.append(_text(710, y, f"{number(max(0.0, share))} µs", anchor="end", fill=SOFT))
    return svg(720, size, parts, title)


def curve(points: Sequence[tuple[float, float]], unit: str, title: str) -> str:
    """Cost against size, both logarithmic, from zero upwards."""
    width, height, left, bottom = 340, 220, 56, 34
    xs = [math.log10(size) for size, _ in points]
    ys = [math.log10(max(cost, 0.01)) for _, cost in points]
    low, high = math.floor(min(ys)), math.ceil(max(ys)) or 1
    high = max(high, low + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        span = (xs[-1] - xs[0]) or 1.0
        across = left + (x - xs[0]) / span * (width - left - 16)
        return across, (height - bottom) - (y - low) / (high - low) * (height - bottom - 14)

    parts: list[str] = []
    for power in range(low, high + 1):
        _, y = place(xs[0], power)
        parts.append(f'<path d="M{left} {y:.1f}H{width - 10}" stroke="{SOFT}" opacity=".25"/>')
        parts.append(_text(left - 6, y + 4, f"{10.0**power:g}", anchor="end", fill=SOFT))
    spots = [place(x, y) for x, y in zip(xs, ys, strict=True)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
    parts.append(
        f'<path d="{path}" fill="none" stroke="{COLOURS["ringwall"]}" stroke-width="2.5"/>'
    )
    for (size, cost), (x, y) in zip(points, spots, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS["ringwall"]}">')
        parts.append(f"<title>{size:,.0f} {escape(unit)}: {number(cost)} µs</title></circle>")
    for x, size in ((spots[0][0], points[0][0]), (spots[-1][0], points[-1][0])):
        anchor = "start" if x == spots[0][0] else "end"
        parts.append(_text(x, height - 12, f"{size:,.0f}", anchor=anchor, fill=SOFT))
    parts.append(_text((left + width) / 2, height - 12, unit, anchor="middle", fill=SOFT))
    return svg(width, height, parts, title)
