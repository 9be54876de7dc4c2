"""From a request to the checks that its rules make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._exchange import Exchange
from .._layer import Verdict
from .._pending import Pending
from ..problem import Response
from ._after import After, Span
from ._judge import Judge
from ._sources import Limits
from .engine import Check, Limit, make_check
from .keys import KeyFunction, compile_key
from .rules import Rule


class _Part:
    """A rule as one layer uses it."""

    __slots__ = ("charge", "cost", "key", "later", "now")

    def __init__(self, rule: Rule, ipv6_prefix: int) -> None:
        self.key = compile_key(rule.key, ipv6_prefix).of
        self.cost = rule.cost.of
        self.charge = rule.charge
        source, fixed = rule.source, rule.source.fixed
        self.now: Callable[[Exchange], Limits] | None = source.now
        self.later = source.later
        if fixed is not None:
            self.now = lambda exchange: fixed


class Selection:
    """The rules that one kind of request is judged by, compiled to one function of the exchange.

    Parameters:
        rules: in order. policy: the name in the decision where all admit. after: takes what a
            response costs on top.

    Attributes:
        judge: the verdict on an exchange.
    """

    __slots__ = ("_after", "_decide", "_parts", "_policy", "judge", "rules")

    judge: Callable[[Exchange], Verdict]

    def __init__(
        self,
        decide: Judge,
        rules: Sequence[Rule],
        policy: str,
        *,
        after: After,
        ipv6_prefix: int,
    ) -> None:
        self._after = after
        self._decide = decide
        self._policy = policy
        self._parts = [_Part(rule, ipv6_prefix) for rule in rules]
        self.rules = tuple(rules)
        fixed = all(
            rule.source.fixed is not None and rule.cost.fixed is not None and rule.charge is None
            for rule in rules
        )
        if any(part.later is not None for part in self._parts):
            self.judge = self._judge_later
        else:
            self.judge = self._judge_fixed() if fixed else self._judge_now

    def _judge_fixed(self) -> Callable[[Exchange], Verdict]:
        """Rules whose limits and costs never change: only the keys are asked for."""
        functions: dict[object, KeyFunction] = {}
        plan: list[tuple[Limit, int, int]] = []
        for rule, part in zip(self.rules, self._parts, strict=True):
            name = id(rule.key) if callable(rule.key) else rule.key
            functions.setdefault(name, part.key)
            place = [*functions].index(name)
            plan += [(limit, place, rule.cost.fixed or 0) for limit in rule.source.all]
        decide, keys_of = self._decide, tuple(functions.values())
        bundle = decide.make_bundle(tuple(limit for limit, _, _ in plan), self._policy)

        def judge(exchange: Exchange) -> Verdict:
            keys = [key_of(exchange) for key_of in keys_of]
            return decide(
                exchange, bundle, [make_check((limit, keys[i], cost)) for limit, i, cost in plan]
            )

        return judge

    def _judge_now(self, exchange: Exchange) -> Verdict:
        return self._decided(exchange, [part.now(exchange) for part in self._parts])  # type: ignore[misc]

    def _judge_later(self, exchange: Exchange) -> Pending[Response | None]:
        limits: list[Limits] = []
        for part in self._parts:
            if part.now is not None:
                limits.append(part.now(exchange))
            else:
                limits.append((yield from part.later(exchange)))  # type: ignore[misc]
        verdict = self._decided(exchange, limits)
        if verdict is None or isinstance(verdict, Response):
            return verdict
        return (yield from verdict)

    def _decided(self, exchange: Exchange, limits: Sequence[Limits]) -> Verdict:
        checks: list[Check] = []
        spans: list[Span] = []
        for part, its in zip(self._parts, limits, strict=True):
            key, cost = part.key(exchange), part.cost(exchange)
            if part.charge is not None:
                spans.append((len(checks), len(checks) + len(its), part.charge))
            checks += [Check(limit, key, cost) for limit in its]
        if spans:
            self._after.note(exchange, spans)
        bundle = self._decide.bundle(tuple([check.limit for check in checks]), self._policy)
        return self._decide(exchange, bundle, checks)
