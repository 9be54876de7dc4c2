"""The commonest case, without tuples and lists: one GCRA limit in memory, one unit a request."""

from __future__ import annotations

from typing import Any

from .._exchange import Exchange
from .._layer import ResponseHead, Verdict
from ._judge import Judge
from .engine import GCRA
from .headers import Standing
from .keys import compile_key
from .memory import MemoryStore
from .rules import Rule


def serves(store: object, rule: Rule) -> bool:
    """Whether `Quick` can serve a rule."""
    fixed = rule.source.fixed
    return (
        isinstance(store, MemoryStore)
        and fixed is not None
        and len(fixed) == 1
        and isinstance(fixed[0], GCRA)
        and rule.cost.fixed == 1
        and rule.charge is None
    )


class Quick:
    """What the general way does for such a rule, through the store's `lane`."""

    def __init__(self, owner: object, judge: Judge, rule: Rule, ipv6_prefix: int) -> None:
        limits: Any = rule.source.fixed
        store: Any = judge.store
        self._owner = owner
        self._key = compile_key(rule.key, ipv6_prefix).of
        self._bundle = judge.make_bundle(limits, rule.policy)
        self._limit: GCRA = limits[0]
        self._interval = self._limit.interval
        self._charge = store.lane(self._limit)
        self._allowed = self._bundle.allowed
        manner = self._bundle.manner
        self._note, self._tell = manner.note_one, manner.tell

    def judge(self, exchange: Exchange) -> Verdict:
        left = self._charge(self._key(exchange))
        if left < 0:
            exchange.decisions.append(self._bundle.denied[0])
            return self._bundle.refusal((Standing(self._limit, 0, -left).rounded_up(),))
        interval = self._interval
        exchange.state[self._owner] = self._note(left // interval, interval - left)
        exchange.decisions.append(self._allowed)
        return None

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        noted = exchange.state.get(self._owner)
        if noted is not None:
            self._tell(head, noted)
