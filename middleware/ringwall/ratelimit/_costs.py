"""How many units a request costs: a number, what a function says, or what a header says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import ResponseHead
from .engine import MAX_QUOTA

Cost: TypeAlias = "int | str | Callable[[Exchange], int]"
Charge: TypeAlias = "str | Callable[[Exchange, ResponseHead], int]"

_NUMBER = re.compile(rb"[0-9]{1,9}\Z")
_FIELD = re.compile(r"header:([!#$%&'*+\-.^_`|~0-9a-z]{1,64})\Z")
# A cost that no quota admits.
_UNREADABLE = MAX_QUOTA + 1


class CompiledCost(NamedTuple):
    """fixed: the cost where it is always the same. of: that of a request. wants: what it reads."""

    fixed: int | None
    of: Callable[[Exchange], int]
    wants: frozenset[bytes]


def compile_cost(cost: Cost) -> CompiledCost:
    """What `cost=` stands for.

    Raises:
        ConfigurationError: it is no whole number from 0, no header, and no function.
    """
    if isinstance(cost, int) and not isinstance(cost, bool) and 0 <= cost <= MAX_QUOTA:
        number: int = cost
        return CompiledCost(number, lambda exchange: number, frozenset())
    field = _FIELD.match(cost.lower()) if isinstance(cost, str) else None
    if field:
        name = field.group(1).encode("ascii")
        return CompiledCost(None, _told_by(name), frozenset({name}))
    if callable(cost) and not inspect.iscoroutinefunction(cost):
        return CompiledCost(None, cost, frozenset())
    raise ConfigurationError(
        "cost= takes a whole number, 'header:x-cost', or a function (not a coroutine) of the"
        " exchange"
    )


def _told_by(name: bytes) -> Callable[[Exchange], int]:
    """A header counts only from a trusted proxy: else whoever sends `0` would go free."""

    def cost(exchange: Exchange) -> int:
        value = exchange.headers.get(name)
        proxies = exchange.boundary.proxies
        if value is None or proxies is None or not proxies.trusts(exchange.peer):
            return 1
        return int(value) if _NUMBER.match(value) else _UNREADABLE

    return cost


class CompiledCharge(NamedTuple):
    """of: how many units more a response costs. reads: the response header that it asks for."""

    of: Callable[[Exchange, ResponseHead], int]
    reads: frozenset[bytes]


def compile_charge(charge: Charge) -> CompiledCharge:
    """What `charge=` stands for.

    Raises:
        ConfigurationError: it is no header and no function.
    """
    field = _FIELD.match(charge.lower()) if isinstance(charge, str) else None
    if field:
        name = field.group(1).encode("ascii")

        def told(exchange: Exchange, head: ResponseHead) -> int:
            value = head.get(name)
            return int(value) if value is not None and _NUMBER.match(value) else 0

        return CompiledCharge(told, frozenset({name}))
    if callable(charge) and not inspect.iscoroutinefunction(charge):
        return CompiledCharge(charge, frozenset())
    raise ConfigurationError(
        "charge= takes 'header:x-cost', or a function (not a coroutine) of the exchange and the"
        " response head"
    )
