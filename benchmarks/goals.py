"""What Ringwall is meant to cost: every goal in one list, and how one run stands to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .harness import Goal

if TYPE_CHECKING:
    from .results import Results

GOALS = (
    Goal("full stack over the floor stack", "Ringwall", "floor", 1.5, where="Full stack*"),
    Goal(
        "tuned peers over the full stack",
        "peers, tuned",
        "Ringwall",
        10,
        at_most=False,
        where="Full stack*",
    ),
    Goal(
        "peers as documented over the full stack",
        "peers, as documented",
        "Ringwall",
        18,
        at_most=False,
        where="Full stack*",
    ),
    Goal("layer over its own floor", "Ringwall", "floor", 2, where="layers"),
    Goal(
        "fastest peer over the layer", "fastest peer", "Ringwall", 3, at_most=False, where="layers"
    ),
    Goal("fused over nested", "fused", "nested", 0.5, where="Fused*"),
    Goal(
        "requests per second over those of the floor",
        "Ringwall",
        "floor",
        0.9,
        at_most=False,
        where="Served*",
    ),
    Goal(
        "requests per second over those of the tuned peers",
        "Ringwall",
        "peers, tuned",
        4,
        at_most=False,
        where="Served*",
    ),
    Goal("the most over the least", "last", "first", 1.5, where="Growth: rules"),
    Goal("the most over the least", "last", "first", 1.5, where="Growth: API keys"),
    Goal("the most over the least", "last", "first", 1.5, where="Growth: clients"),
    Goal("the most over the least", "last", "first", 1.5, where="Growth: keys of an issuer"),
)


_MOST_FAILED = 0.01


@dataclass(frozen=True)
class Reached:
    """A goal with the ratio that was measured. where: title and interface."""

    where: str
    goal: str
    ratio: float
    bound: float
    at_most: bool

    @property
    def met(self) -> bool:
        # A ratio that is no number, or that noise made negative, has reached nothing.
        return self.ratio > 0 and (
            self.ratio <= self.bound if self.at_most else self.ratio >= self.bound
        )


def reached(results: Results) -> list[Reached]:
    """Every goal that this run says something about, in the order of the list."""
    subjects = list(_subjects(results))
    found = [
        _reached(goal, where, values)
        for goal in GOALS
        for where, title, is_layer, values in subjects
        if (is_layer if goal.where == "layers" else fnmatchcase(title, goal.where))
        and goal.over in values
        and goal.under in values
    ]
    for measured in results.measured:
        costs, where = measured.costs(), f"{measured.title}, {measured.interface}".rstrip(", ")
        found += [
            _reached(goal, where, costs)
            for goal in measured.goals
            if goal.over in costs and goal.under in costs
        ]
    return found


def _reached(goal: Goal, where: str, values: dict[str, float]) -> Reached:
    under = values[goal.under]
    ratio = values[goal.over] / under if under else float("nan")
    return Reached(where, goal.name, ratio, goal.bound, goal.at_most)


def _subjects(results: Results) -> Iterator[tuple[str, str, bool, dict[str, float]]]:
    """Where, title, whether it is a layer, and values by name."""
    for measured in results.measured:
        where = f"{measured.title}, {measured.interface}".rstrip(", ")
        yield where, measured.title, bool(measured.layers), measured.costs()
    for served in results.served:
        # Who fails many requests has no rate that would count.
        rates = {row.name: row.rate for row in served.rows if row.failed <= _MOST_FAILED}
        yield f"{served.title}, {served.server}", served.title, False, rates
    for curve in results.curves:
        ends = {"first": curve.points[0].cost, "last": curve.points[-1].cost}
        title = f"Growth: {curve.title}"
        yield title, title, False, ends
