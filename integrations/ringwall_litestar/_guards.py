"""Guards of route handlers, controllers and routers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import WebSocketException
from litestar.handlers.base import BaseRouteHandler

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Guard, Refused, Requirement, walled_exchange
from ringwall.ratelimit.rules import Rate

#: Where a guard leaves lines for the response, in the state of the exchange: that is one request's.
HEADERS = object()

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
LitestarGuard: TypeAlias = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


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
    requirement = Requirement(*conditions, path=path, hide=hide, roles=roles, interface="asgi")

    async def guard(connection: Connection, route_handler: BaseRouteHandler) -> None:
        await _ask(requirement, connection)

    return guard


def limit(*rates: Rate, **options: Any) -> LitestarGuard:
    """A guard that lets so many requests in so much time pass to each route handler.

    Parameters:
        rates, options: as for `ringwall.limit`. With `policy=`, all handlers that share the name
            count together.

    Raises:
        ConfigurationError: an argument cannot work.
    """
    counted = ringwall.limit(*rates, **options)
    of_handler: dict[str, ringwall.limit] = {}

    async def guard(connection: Connection, route_handler: BaseRouteHandler) -> None:
        # As many names as there are handlers.
        name = str(route_handler)
        if name not in of_handler:
            of_handler.setdefault(name, counted.named(name))
        await _ask(of_handler[name], connection)

    return guard


async def _ask(guard: Guard, connection: Connection) -> None:
    refusal = await guard.acheck(connection)
    if refusal is not None:
        if connection.scope["type"] == ScopeType.WEBSOCKET:
            raise WebSocketException(code=1008, detail="")
        raise Refused(refusal)
    state = walled_exchange(connection).state
    state[HEADERS] = (*state.get(HEADERS, ()), *guard.headers(connection))
