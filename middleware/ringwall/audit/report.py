"""What a page about a log shows: counts over time, by layer and rule, in bounded memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .readable import _text
from .statistics import Statistics

# Beyond so many minutes, hours are counted; beyond so many hours, days.
_MOST_BUCKETS = 240
_WIDTHS = (len("2026-11-25T10:00"), len("2026-11-25T10"), len("2026-11-25"))
_KINDS = {"success": "passed", "denied": "refused"}
_LONGEST_TIME = 86_400_000_000  # microseconds
_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # milliseconds


class Report(Statistics):
    """Counts of a log, for `page`.

    timeline: by a time that is cut to minutes, hours or days: passed, refused and failed ones.
    layers: by layer: its decisions by outcome. durations: exchanges by the most milliseconds that
    they took; 0 stands for longer ones. timed: how many records tell how long layers took;
    spent: microseconds by layer in those.
    """

    def __init__(self) -> None:
        super().__init__()
        self.timeline: dict[str, Counter[str]] = {}
        self.layers: dict[str, Counter[str]] = {}
        self.durations: Counter[int] = Counter()
        self.timed: int = 0
        self.spent: Counter[str] = Counter()
        self._width = 0

    def add(self, record: dict[str, Any]) -> None:
        """Count one record."""
        super().add(record)
        if record.get("event") != "exchange":
            return
        kind = _KINDS.get(str(record.get("outcome")), "failed")
        bucket = _text(record.get("time"))[: _WIDTHS[self._width]]
        self.timeline.setdefault(bucket, Counter())[kind] += 1
        while len(self.timeline) > _MOST_BUCKETS and self._width + 1 < len(_WIDTHS):
            self._widen()
        if len(self.timeline) > _MOST_BUCKETS:
            self.timeline.pop(next(iter(self.timeline)))  # a log holds the oldest first
        micros = record.get("duration_us")
        if isinstance(micros, int):
            self.durations[next((b for b in _BOUNDS if micros <= b * 1000), 0)] += 1
        self._add_timings(record.get("timings"))
        decisions = record.get("decisions")
        for decision in decisions if isinstance(decisions, list) else ():
            self._add_decision(decision)

    def _add_decision(self, decision: Any) -> None:
        name = _text(decision.get("layer")) if isinstance(decision, dict) else ""
        if name and (name in self.layers or len(self.layers) < 50):
            outcome = str(decision.get("outcome"))
            known = outcome if outcome in ("allow", "deny") else "error"
            self.layers.setdefault(name, Counter())[known] += 1

    def _add_timings(self, timings: Any) -> None:
        if not isinstance(timings, dict):
            return
        self.timed += 1
        for given, micros in timings.items():
            name = _text(given)
            known = name in self.spent or len(self.spent) < 50
            if known and isinstance(micros, int) and 0 <= micros < _LONGEST_TIME:
                self.spent[name] += micros

    def _widen(self) -> None:
        self._width += 1
        merged: dict[str, Counter[str]] = {}
        for bucket, counts in self.timeline.items():
            merged.setdefault(bucket[: _WIDTHS[self._width]], Counter()).update(counts)
        self.timeline = merged

    def times(self) -> list[tuple[str, Counter[str]]]:
        """The timeline in order."""
        return sorted(self.timeline.items())

    def shares(self) -> list[tuple[str, float, int]]:
        """By layer, where the time went: its share, and microseconds for each timed exchange."""
        whole = sum(self.spent.values()) or 1
        return [
            (name, micros / whole, round(micros / self.timed))
            for name, micros in self.spent.most_common()
        ]

    def latencies(self) -> list[tuple[str, int]]:
        """How many exchanges took how long."""
        last = max((bound for bound in self.durations if bound), default=0)
        rows = [(f"≤ {bound} ms", self.durations[bound]) for bound in _BOUNDS if bound <= last]
        return rows + ([(f"> {_BOUNDS[-1]} ms", self.durations[0])] if self.durations[0] else [])
