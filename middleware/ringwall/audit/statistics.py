"""Counts over records, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from .readable import _text, refusals

_MOST_NAMES = 10_000
_OTHER = "(others)"


class Statistics:
    """Counts what an auditor asks first."""

    def __init__(self) -> None:
        self.records: int = 0
        self.first: str | None = None
        self.last: str | None = None
        self.outcomes: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.refused_by: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.refused_clients: Counter[str] = Counter()
        self.routes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()

    def add(self, record: dict[str, Any]) -> None:
        """Count one record."""
        self.records += 1
        time = _text(record.get("time"))
        self.first = self.first or time
        self.last = time
        event = record.get("event")
        if event != "exchange":
            _count(self.events, _text(event))
            return
        _count(self.outcomes, _text(record.get("outcome")))
        _count(self.statuses, _text(record.get("status")))
        _count(self.routes, f"{_text(record.get('method'))} {_text(record.get('route'))}")
        refused = refusals(record)
        for decision in refused:
            layer = _text(decision.get("layer"))
            _count(self.refused_by, layer)
            rule, reason = _text(decision.get("rule")), _text(decision.get("reason"))
            _count(self.rules, f"{layer}: {rule}, {reason}")
        if refused:
            _count(self.refused_clients, _text(record.get("client")))

    def lines(self) -> Iterator[str]:
        """A table for a terminal."""
        yield f"{self.records} records from {self.first or '-'} to {self.last or '-'}"
        for title, counter in (
            ("outcome", self.outcomes),
            ("status", self.statuses),
            ("refused by", self.refused_by),
            ("rule and reason of refusals", self.rules),
            ("clients most often refused", self.refused_clients),
            ("routes", self.routes),
            ("other events", self.events),
        ):
            yield from [f"\n{title}"] if counter else []
            yield from (f"{count:10d}  {name}" for name, count in counter.most_common(10))


def _count(counter: Counter[str], name: str) -> None:
    """Clients choose addresses and methods: beyond a bound they are counted together."""
    counter[name if name in counter or len(counter) < _MOST_NAMES else _OTHER] += 1
