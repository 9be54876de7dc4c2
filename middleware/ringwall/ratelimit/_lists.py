"""Whom a rate limit does not count, and whom it does not let in at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from .._exchange import Decision, Exchange
from .._layer import Verdict
from ..problem import problem
from ._judge import overlooked
from ._networks import Networks

Hook: TypeAlias = Callable[[Exchange], Verdict]

_DENIED = problem(403, "Requests from this address are not accepted.", code="client-denied")


class Lists:
    """Exempt paths and networks, and denied networks. Denied wins.

    Raises:
        ConfigurationError: an entry is neither an exact path nor a network.
    """

    def __init__(
        self, exempt: str | Iterable[str], deny: str | Iterable[str], layer: str, *, shadow: bool
    ) -> None:
        exempts = [exempt] if isinstance(exempt, str) else [*exempt]
        denied_ones = [deny] if isinstance(deny, str) else [*deny]
        self.paths = frozenset(one for one in exempts if isinstance(one, str) and one[:1] == "/")
        networks = [one for one in exempts if not isinstance(one, str) or one[:1] != "/"]
        self._exempt = Networks(
            networks,
            "exempt= takes exact paths such as '/healthz', and networks such as '10.0.0.0/8'",
        )
        self._deny = Networks(denied_ones, "deny= takes networks such as '192.0.2.0/24'")
        self._allowed = Decision(layer, "allow", "exempt", "exempt")
        denied = Decision(layer, "deny", "deny", "client-denied")
        self._denied = overlooked(denied) if shadow else denied
        self._answer = None if shadow else _DENIED

    def __bool__(self) -> bool:
        return bool(self.paths or self._exempt or self._deny)

    def before(self, counted: Hook) -> Hook:
        """The hook that asks these lists, and then counts."""
        paths, exempt, deny = self.paths, self._exempt.hold, self._deny.hold

        def judge(exchange: Exchange) -> Verdict:
            client = exchange.client
            if deny(client):
                exchange.decisions.append(self._denied)
                if self._answer is not None:
                    return self._answer
            elif exempt(client) or exchange.path in paths:
                exchange.decisions.append(self._allowed)
                return None
            return counted(exchange)

        return judge
