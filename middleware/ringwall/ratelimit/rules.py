"""A rule: rates, whom they count, and what a request costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from .._errors import ConfigurationError
from .._fingerprint import Configured
from ._costs import Charge, CompiledCharge, CompiledCost, Cost, compile_charge, compile_cost
from ._sources import DynamicRates, Source, Tiers
from .keys import Key, compile_key

Rate: TypeAlias = "str | Tiers | DynamicRates"


class Rule(Configured):
    """One policy of a `RateLimit` that has several. All rules of a request are charged, or none.

    Parameters:
        rates: such as "100/15 minutes"; or one `Tiers`; or one function of the exchange that
            returns a rate, several, or for I/O a `Call` or `Pending` that ends with them.
        key: whose requests are counted together: "client", "principal", "credential" (the id of an
            API key), "claim:NAME" (such as the tenant), "route" (the path template that a layer
            outside has matched), "header:NAME", several of these, or a function of the exchange.
            A request without the thing counts by client.
        policy: the name in headers and decisions; by default that of the key.
        algorithm: "gcra", "sliding-window" or "fixed-window".
        cost: units of a request: a number, "header:NAME" (of a request that a trusted proxy hands
            on; from others it costs 1), or a function of the exchange. 0 asks without charging.
        charge: units to charge on top when the response is known: "header:NAME" of the response,
            or a function of the exchange and the response head. It may use up what is left, and
            is paid even where it exceeds that.

    Raises:
        ConfigurationError: an argument cannot work. MissingDependency: `limits` is missing.

    >>> Rule("5/minute", key=("principal", "route"))
    <Rule principal-route>
    """

    def __init__(
        self,
        *rates: Rate,
        key: Key = "client",
        policy: str | None = None,
        algorithm: str = "gcra",
        cost: Cost = 1,
        charge: Charge | None = None,
    ) -> None:
        self.rates = rates
        self.key: Key | tuple[str, ...] = tuple(key) if isinstance(key, list) else key
        self.algorithm = algorithm
        compiled = compile_key(key, 64)
        self.policy: str = compiled.policy if policy is None else policy
        self.cost: CompiledCost = compile_cost(cost)
        self.charge: CompiledCharge | None = None if charge is None else compile_charge(charge)
        if charge is not None and self.cost.fixed == 0:
            raise ConfigurationError(
                "with charge= a request costs at least 1: one that costs nothing is never refused"
            )
        self.source: Source = Source(rates, self.policy, algorithm)
        self.wants: frozenset[bytes] = compiled.wants | self.cost.wants
        self.identified: bool = compiled.identified or self.source.identified
        self.chosen: bool = compiled.chosen

    def __repr__(self) -> str:
        return f"<Rule {self.policy}>"


def check_rules(rules: Sequence[Rule]) -> None:
    """Raises ConfigurationError where rules that are charged together could not work."""
    names = [rule.policy for rule in rules]
    if len(set(names)) < len(names):
        raise ConfigurationError("two rules have the same name; give one another policy=")
    if all(rule.chosen for rule in rules):
        raise ConfigurationError(
            "whoever chooses the header chooses the bucket: beside a rule by header there must be"
            " another, such as Rule('1000/hour', key='client')"
        )
