"""Which limits a rule applies to a request: always the same, by tier, or what a function says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import GeneratorType
from typing import Any, TypeAlias, cast

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange
from .._fingerprint import Configured
from .._pending import Call, Pending
from .engine import Limit
from .rates import read_limits

Limits: TypeAlias = tuple[Limit, ...]
# What a function of the user may return: a rate, several, or I/O that ends with one.
Rates: TypeAlias = "str | Sequence[str]"
DynamicRates: TypeAlias = Callable[[Exchange], "Rates | Call[Rates] | Pending[Rates]"]

# Each different rate has a table of its own in a store, and a place in caches.
_MOST_DYNAMIC = 256


class Tiers(Configured):
    """Rates by what the principal's claims say, such as its plan.

    Parameters:
        claim: the name of a claim that holds a tier's name, or a list of them: then the first tier
            below that is in it. "roles" and "scopes" ask those of the principal. Or a function of
            the exchange that returns a tier's name.
        rates: the rates of each tier, by its name.
        default: the tier of everybody else, those included who are not authenticated.

    Raises:
        ConfigurationError: there is no such tier.

    >>> Tiers("plan", {"free": "100/hour", "pro": ["50/second", "9000/hour"]}, default="free")
    <Tiers free, pro>
    """

    def __init__(
        self,
        claim: str | Callable[[Exchange], str | None],
        rates: Mapping[str, Rates],
        *,
        default: str,
    ) -> None:
        if not rates or not all(isinstance(name, str) for name in rates):
            raise ConfigurationError("Tiers takes the rates of each tier by its name")
        if default not in rates:
            raise ConfigurationError(f"there is no tier {default!r}" + did_you_mean(default, rates))
        if not (isinstance(claim, str) or (callable(claim) and not _is_async(claim))):
            raise ConfigurationError("Tiers takes a claim's name, or a function (not a coroutine)")
        self.by_claim: bool = isinstance(claim, str)
        self._names = tuple(rates)
        self._default = default
        self.rates: dict[str, Sequence[str]] = {
            name: (one,) if isinstance(one, str) else one for name, one in rates.items()
        }
        self._value: Callable[[Exchange], Any] = _claim(claim) if isinstance(claim, str) else claim

    def __repr__(self) -> str:
        return f"<Tiers {', '.join(self._names)}>"

    def tier(self, exchange: Exchange) -> str:
        """The name of the tier of a request."""
        value = self._value(exchange)
        if isinstance(value, str):
            return value if value in self.rates else self._default
        if isinstance(value, (list, tuple, frozenset)):
            for name in self._names:
                if name in value:
                    return name
        return self._default


def _claim(name: str) -> Callable[[Exchange], Any]:
    def value(exchange: Exchange) -> Any:
        principal = exchange.principal
        if principal is None:
            return None
        if name == "roles":
            return principal.roles
        if name == "scopes":
            return principal.scopes
        return principal.claims.get(name)

    return value


class Source:
    """What compiles the rates of a rule.

    Attributes:
        fixed: the limits, where they are always the same. now: the limits of a request, where they
        are known without I/O. later: the same as a `Pending`, for functions of the user.
        identified: it asks who was authenticated. all: every limit that is known beforehand.
    """

    __slots__ = ("all", "fixed", "identified", "later", "now")

    def __init__(self, rates: Sequence[object], policy: str, algorithm: str) -> None:
        self.fixed: Limits | None = None
        self.now: Callable[[Exchange], Limits] | None = None
        self.later: Callable[[Exchange], Pending[Limits]] | None = None
        self.identified: bool = False
        self.all: Limits = ()
        first = rates[0] if rates else None
        if not isinstance(first, Tiers) and not callable(first):
            self.all = self.fixed = read_limits([*rates], policy, algorithm)  # type: ignore[list-item]
            return
        if len(rates) > 1:
            raise ConfigurationError("Tiers, or a function, stands alone; write another Rule")
        if isinstance(first, Tiers):
            tiers = first
            by_tier = {
                name: read_limits([*its], policy, algorithm) for name, its in tiers.rates.items()
            }
            self.all = tuple(limit for its in by_tier.values() for limit in its)
            self.now = lambda exchange: by_tier[tiers.tier(exchange)]
            self.identified = tiers.by_claim
            return
        if _is_async(first):
            raise ConfigurationError(
                "a function of rates is no coroutine; for I/O it returns Call(sync, async, ...)"
            )
        self.later = _dynamic(cast("DynamicRates", first), policy, algorithm)


def _dynamic(
    function: DynamicRates, policy: str, algorithm: str
) -> Callable[[Exchange], Pending[Limits]]:
    read_limits(["1/second"], policy, algorithm)  # the names are checked now
    known: dict[tuple[str, ...], Limits] = {}

    def limits(exchange: Exchange) -> Pending[Limits]:
        found: Any = function(exchange)
        if isinstance(found, Call):
            found = yield found
        elif isinstance(found, GeneratorType):
            found = yield from found
        rates = (found,) if isinstance(found, str) else tuple(found)
        there = known.get(rates)
        if there is None:
            if len(known) >= _MOST_DYNAMIC:
                raise ConfigurationError(
                    f"a function gave more than {_MOST_DYNAMIC} different rates; round them"
                )
            there = known[rates] = read_limits(rates, policy, algorithm)
        return there

    return limits


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  the method itself is asked for
    )
