"""The commonest case, without checks and quotas: GCRA limits in memory, one unit a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._exchange import Exchange
from .._layer import Verdict
from ._bundle import Bundle, Noted
from ._by_route import Hook
from ._judge import Judge
from .engine import GCRA, SECOND
from .headers import Draft, Legacy, Standing
from .keys import KeyFunction, compile_key
from .memory import MemoryStore
from .rules import Rule


def serves(store: object, rules: Sequence[Rule]) -> bool:
    """Whether `quick` can serve rules."""
    return isinstance(store, MemoryStore) and all(
        rule.source.fixed is not None
        and all(isinstance(limit, GCRA) for limit in rule.source.fixed)
        and rule.cost.fixed == 1
        and rule.charge is None
        for rule in rules
    )


def quick(
    owner: object, decide: Judge, rules: Sequence[Rule], policy: str, ipv6_prefix: int
) -> Hook:
    """What a `Selection` does for such rules, through the store's lanes, with all that is needed at
    hand. What is left of a limit is `left_of`, in one number.

    Parameters:
        owner: the layer. policy: the name in the decision where all admit.
    """
    limits: Any = tuple(limit for rule in rules for limit in rule.source.all)
    store: Any = decide.store
    bundle = decide.make_bundle(limits, policy)
    manner = bundle.manner
    if len(limits) > 1 or isinstance(manner, Legacy):
        return _quick_by_several(owner, store, rules, limits, bundle, ipv6_prefix)
    by_client = rules[0].key == "client"
    key_of = compile_key(rules[0].key, ipv6_prefix).of
    (limit,) = limits
    charge, interval = store.lane(limit), limit.interval
    allowed, (denied,), refusal = bundle.allowed, bundle.denied, bundle.refusal

    def judge_in_silence(exchange: Exchange) -> Verdict:
        left = charge(key_of(exchange))
        if left < 0:
            exchange.decisions.append(denied)
            return refusal((Standing(limit, 0, -left).rounded_up(),))
        exchange.decisions.append(allowed)
        return None

    if not isinstance(manner, Draft):
        return judge_in_silence
    known, note = manner.known_one, manner.note_one

    def judge(exchange: Exchange) -> Verdict:
        key = exchange.client if by_client else None
        if key is None or ":" in key:
            key = key_of(exchange)  # nearly every client is its own key, without a call
        left = charge(key)
        if left < 0:
            exchange.decisions.append(denied)
            return refusal((Standing(limit, 0, -left).rounded_up(),))
        left = left // interval or (left - interval) // SECOND
        try:
            addition = known[left]
        except KeyError:
            addition = note(left)
        exchange.additions.append(addition)
        exchange.decisions.append(allowed)
        return None

    return judge


def _quick_by_several(
    owner: object,
    store: MemoryStore,
    rules: Sequence[Rule],
    limits: Sequence[GCRA],
    bundle: Bundle,
    ipv6_prefix: int,
) -> Hook:
    functions: dict[object, KeyFunction] = {}
    places: list[int] = []
    for rule in rules:
        name = id(rule.key) if callable(rule.key) else rule.key
        functions.setdefault(name, compile_key(rule.key, ipv6_prefix).of)
        places += [[*functions].index(name)] * len(rule.source.all)
    keys_of = tuple(functions.values())
    charge = store.lanes(limits, places)
    allowed, denied, refusal, manner = bundle.allowed, bundle.denied, bundle.refusal, bundle.manner
    adds, note = manner.adds, manner.note

    def judge(exchange: Exchange) -> Verdict:
        lefts, waits = charge([key_of(exchange) for key_of in keys_of])
        if waits:
            exchange.decisions.append(denied[min(waits)])
            return refusal(
                tuple([Standing(limits[at], 0, wait).rounded_up() for at, wait in waits.items()])
            )
        noted = note(lefts)
        if adds:
            exchange.additions.append(noted)
        else:
            exchange.state[owner] = Noted(manner, noted)
        exchange.decisions.append(allowed)
        return None

    return judge
