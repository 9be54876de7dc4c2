"""The commonest case, without tuples and lists: one GCRA limit in memory, one unit a request."""

from __future__ import annotations

from collections.abc import Callable
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
    """What the general way does for such a rule, through the store's `lane`.

    Attributes:
        judge, on_response: the hooks, with all that they need at hand.
    """

    __slots__ = ("judge", "on_response")

    judge: Callable[[Exchange], Verdict]
    on_response: Callable[[Exchange, ResponseHead], None]

    def __init__(self, owner: object, decide: Judge, rule: Rule, ipv6_prefix: int) -> None:
        limits: Any = rule.source.fixed
        store: Any = decide.store
        (limit,) = limits
        key_of = compile_key(rule.key, ipv6_prefix).of
        bundle = decide.make_bundle(limits, rule.policy)
        charge, interval = store.lane(limit), limit.interval
        allowed, (denied,), refusal = bundle.allowed, bundle.denied, bundle.refusal
        note, tell = bundle.manner.note_one, bundle.manner.tell

        def judge(exchange: Exchange) -> Verdict:
            left = charge(key_of(exchange))
            if left < 0:
                exchange.decisions.append(denied)
                return refusal((Standing(limit, 0, -left).rounded_up(),))
            exchange.state[owner] = note(left // interval, interval - left)
            exchange.decisions.append(allowed)
            return None

        def judge_client(exchange: Exchange) -> Verdict:
            # The same, without a call for what is nearly every client.
            client = exchange.client
            if client is None or ":" in client:
                client = key_of(exchange)
            left = charge(client)
            if left < 0:
                exchange.decisions.append(denied)
                return refusal((Standing(limit, 0, -left).rounded_up(),))
            exchange.state[owner] = note(left // interval, interval - left)
            exchange.decisions.append(allowed)
            return None

        def on_response(exchange: Exchange, head: ResponseHead) -> None:
            noted = exchange.state.get(owner)
            if noted is not None:
                tell(head, noted)

        self.judge = judge_client if rule.key == "client" else judge
        self.on_response = on_response
