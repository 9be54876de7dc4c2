"""The hook of a rate limit that goes by the path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from .._errors import ConfigurationError
from .._exchange import Decision, Exchange
from .._layer import Verdict
from .._pending import Pending
from ..problem import Response
from ._routes import Routes, read_route
from .rules import Rule, check_rules

RouteRule: TypeAlias = "str | Sequence[str] | Rule | None"
Hook: TypeAlias = Callable[[Exchange], Verdict]
EVERYTHING = "* /**"


def route_rules(routes: Mapping[str, RouteRule], algorithm: str) -> dict[str, Rule | None]:
    """The rules that `routes=` stands for.

    Raises:
        ConfigurationError: a route or a rate cannot work.
    """
    if not isinstance(routes, Mapping):
        raise ConfigurationError("routes= takes rates by route: {'POST /login': '5/minute'}")
    rules: dict[str, Rule | None] = {}
    for route, rates in routes.items():
        read_route(route)  # before the name of the rule, whose error would not help
        if rates is None or isinstance(rates, Rule):
            rules[route] = rates
        else:
            some = [rates] if isinstance(rates, str) or callable(rates) else [*rates]
            rules[route] = Rule(*some, policy=route, algorithm=algorithm)
    return rules


def by_route(
    select: Callable[[Sequence[Rule], str], Hook],
    rules: Sequence[Rule],
    routes: Mapping[str, Rule | None],
    layer: str,
) -> tuple[Hook, Hook]:
    """Two hooks: one by route, and one for requests that are under no route.

    Parameters:
        select: makes a hook of rules, with the name in its decisions. rules: of every
            request. routes: more, by route. layer: the layer's name in decisions.
    """
    unlimited = Decision(layer, "allow", "exempt", "exempt")

    def exempt(exchange: Exchange) -> Verdict:
        exchange.decisions.append(unlimited)
        return None

    def hook(rule: Rule | None) -> Hook:
        charged = [*rules, rule] if rule is not None else rules
        if not charged:
            return exempt
        check_rules(charged)
        return select(charged, (rule or rules[0]).policy)

    hooks = {route: hook(rule) for route, rule in routes.items()}
    others = hook(None) if rules else hooks[EVERYTHING]
    index = Routes(hooks)

    def judge(exchange: Exchange) -> Verdict:
        return (index.find(exchange) or others)(exchange)

    return judge, others


def canonical_only(judge: Hook, others: Hook) -> Hook:
    """Refuse what a router and a rule could read differently, as the boundary does, but count it
    first: a flood of such paths is a flood."""

    def hook(exchange: Exchange) -> Verdict:
        refusal = exchange.boundary.judge_path(exchange)
        if refusal is None:
            return judge(exchange)
        verdict = others(exchange)
        if verdict is None:
            return refusal
        return verdict if isinstance(verdict, Response) else _or_else(verdict, refusal)

    return hook


def _or_else(pending: Pending[Response | None], refusal: Response) -> Pending[Response]:
    return (yield from pending) or refusal
