"""The results as one table of text, and any of them in all detail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .goals import Reached
from .growth import Curve
from .harness import Measured, Row, print_measured
from .layers import STACKED
from .load import Served
from .results import Results


def number(value: float) -> str:
    """Two or three figures that count, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def octets(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def costs_in_stack(results: Results, interface: str) -> dict[str, float]:
    """What each layer of the full stack costs there, by its name: what the stack without it
    saves."""
    measured = results.find(STACKED, interface)
    rows = measured.rows if measured is not None else ()
    prefix = "without "
    return {
        row.name.removeprefix(prefix): -row.cost
        for row in rows
        if row.role == "ringwall" and row.name.startswith(prefix)
    }


def by_title(found: Iterable[Measured]) -> list[Measured]:
    """In the order of the titles' first occurrence."""
    groups: dict[str, list[Measured]] = {}
    for measured in found:
        groups.setdefault(measured.title, []).append(measured)
    return [measured for group in groups.values() for measured in group]


def layer_lines(results: Results) -> Iterator[tuple[Measured, float | None, Row | None]]:
    """Each layer's comparison, its cost in the full stack, and its fastest peer; both interfaces
    of a layer together."""
    for measured in by_title(results.measured):
        if measured.layers:
            costs = costs_in_stack(results, measured.interface)
            known = all(name in costs for name in measured.layers)
            peers = [row for row in measured.rows if row.role == "peer"]
            yield (
                measured,
                sum(costs[name] for name in measured.layers) if known else None,
                min(peers, key=lambda row: row.cost) if peers else None,
            )


def _verdict(goals: list[Reached], where: str, goal: str) -> str:
    for each in goals:
        if each.where == where and each.goal == goal:
            return f"{number(each.ratio)}x {'met' if each.met else 'MISSED'}"
    return ""


def text(results: Results) -> str:
    """Everything that counts, in plain text."""
    goals = results.goals()
    lines = [*_stacks(results), *_layers(results, goals), *_served(results), *_curves(results)]
    return "\n".join([*lines, *_goals(goals)])


def _stacks(results: Results) -> Iterator[str]:
    found = [each for each in results.measured if each.title.startswith("Full stack")]
    if found:
        yield "\nTHE FULL STACK, microseconds of CPU for each request over the app alone"
        columns = ("floor", "Ringwall", "peers, tuned", "peers, as documented")
        yield f"{'':30s}" + "".join(f"{name:>22s}" for name in columns)
        for measured in found:
            line = f"{measured.title + ', ' + measured.interface:30s}"
            for name in columns:
                row = measured.row(name)
                line += f"{number(row.cost) if row else '-':>22s}"
            yield line


def _layers(results: Results, goals: list[Reached]) -> Iterator[str]:
    lines = list(layer_lines(results))
    if lines:
        yield "\nEACH LAYER, likewise; in stack: what the full stack saves without it"
        yield (
            f"{'':33s}{'':6s}{'bare':>6s}{'floor':>8s}{'Ringwall':>10s}{'in stack':>10s}"
            f"{'over floor':>15s}  {'fastest peer':36s}{'':>9s}{'over Ringwall':>16s}"
        )
    for measured, marginal, peer in lines:
        where = f"{measured.title}, {measured.interface}"
        bare, floor, ours = (measured.row(name) for name in ("bare", "floor", "Ringwall"))
        yield (
            f"{measured.title:33s}{measured.interface:6s}{number(bare.spent) if bare else '-':>6s}"
            f"{number(floor.cost) if floor else '-':>8s}{number(ours.cost) if ours else '-':>10s}"
            f"{number(marginal) if marginal is not None else '-':>10s}"
            f"{_verdict(goals, where, 'layer over its own floor'):>15s}"
            f"  {peer.name[:35] if peer else '(no peer of this interface)':36s}"
            f"{number(peer.cost) if peer else '':>9s}"
            f"{_verdict(goals, where, 'fastest peer over the layer'):>16s}"
        )
        others = [row for row in measured.rows if row.role in ("peer", "part") and row is not peer]
        for row in others:
            yield f"{'':90s}{row.name[:45]:46s}{number(row.cost):>9s}"


def _served(results: Results) -> Iterator[str]:
    for served in results.served:
        yield f"\n{served.title.upper()}, by {served.server}"
        yield f"{'':30s}{'requests/s':>12s}{'p50 us':>10s}{'p99 us':>10s}"
        for row in served.rows:
            wrong = f"   {row.failed:.1%} failed" if row.failed else ""
            yield f"{row.name:30s}{row.rate:12,.0f}{row.p50:10,.0f}{row.p99:10,.0f}{wrong}"


def _curves(results: Results) -> Iterator[str]:
    if results.curves:
        yield "\nHOW IT GROWS: microseconds for each request, and memory"
    for curve in results.curves:
        for line in curve.lines:
            title = curve.title if len(curve.lines) == 1 else f"{curve.title}: {line.name}"
            points = "   ".join(
                f"{point.size:,d}: {number(point.cost)} ({octets(point.memory)})"
                for point in line.points
            )
            yield f"{title:32s}{points}"


def _goals(goals: list[Reached]) -> Iterator[str]:
    missed = [goal for goal in goals if not goal.met]
    if goals:
        yield f"\nGOALS: {len(goals) - len(missed)} of {len(goals)} met"
    for goal in missed:
        bound = f"{'at most' if goal.at_most else 'at least'} {goal.bound:g}"
        yield f"  MISSED  {goal.where}: {goal.goal}: {number(goal.ratio)} (goal: {bound})"


def print_detail(found: Measured | Curve | Served) -> None:
    """Every row of one of them."""
    if isinstance(found, Measured):
        print_measured(found)
        return
    results = Results()
    results.add(found)
    print("\n".join([*_served(results), *_curves(results)]))


def print_goals(results: Results) -> None:
    print("\n".join(_goals(results.goals())))
