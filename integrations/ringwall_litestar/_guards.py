"""Guards of route handlers, controllers and routers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import WebSocketException
from litestar.handlers.base import BaseRouteHandler

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Guard, Refused, Requirement, walled_exchange
from ringwall.ratelimit import Rate

if TYPE_CHECKING:
    from typing_extensions import Self

#: Where a guard leaves lines for the response, in the state of the exchange: that is one request's.
HEADERS = object()

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
LitestarGuard: TypeAlias = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


class _Shared:
    """Litestar copies routers with all that they hold: a limit must stay the one that counts."""

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Required(_Shared):
    """A requirement as a guard."""

    def __init__(self, requirement: Requirement) -> None:
        self.requirement = requirement

    async def __call__(self, connection: Connection, route_handler: BaseRouteHandler) -> None:
        await _ask(self.requirement, connection)


class Limited(_Shared):
    """A rate limit as a guard, for each route handler that it stands at."""

    def __init__(self, counted: ringwall.limit) -> None:
        self._counted = counted
        self._of_handler: dict[str, ringwall.limit] = {}

    async def __call__(self, connection: Connection, route_handler: BaseRouteHandler) -> None:
        # As many names as there are handlers.
        name = str(route_handler)
        if name not in self._of_handler:
            self._of_handler.setdefault(name, self._counted.named(name))
        await _ask(self._of_handler[name], connection)


def require(
    *conditions: Condition | Callable[[Facts], bool],
    path: str | None = None,
    hide: bool = False,
    roles: Mapping[str, Iterable[str]] | None = None,
) -> LitestarGuard:
    """A guard that lets only those pass for whom the conditions hold.

    Parameters:
        conditions, path, hide, roles: as for `ringwall.handlers.Requirement`.

    Raises:
        ConfigurationError: a condition cannot work here.
    """
    return Required(Requirement(*conditions, path=path, hide=hide, roles=roles, interface="asgi"))


def limit(*rates: Rate, **options: Any) -> LitestarGuard:
    """A guard that lets so many requests in so much time pass to each route handler.

    Parameters:
        rates, options: as for `ringwall.limit`. With `policy=`, all handlers that share the name
            count together.

    Raises:
        ConfigurationError: an argument cannot work.
    """
    return Limited(ringwall.limit(*rates, **options))


async def _ask(guard: Guard, connection: Connection) -> None:
    refusal = await guard.acheck(connection)
    if refusal is not None:
        if connection.scope["type"] == ScopeType.WEBSOCKET:
            raise WebSocketException(code=1008, detail="")
        raise Refused(refusal)
    state = walled_exchange(connection).state
    state[HEADERS] = (*state.get(HEADERS, ()), *guard.headers(connection))
