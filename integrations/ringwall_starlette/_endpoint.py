"""Requirements at endpoints."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from starlette.requests import HTTPConnection

from ringwall.authz import Condition, Facts
from ringwall.handlers import Refused, Requirement

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def require(
    *conditions: Condition | Callable[[Facts], bool],
    path: str | None = None,
    hide: bool = False,
    roles: Mapping[str, Iterable[str]] | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Let only those pass for whom the conditions hold: a decorator for endpoints, methods of an
    `HTTPEndpoint`, and websocket endpoints.

    Parameters:
        conditions, path, hide, roles: as for `ringwall.handlers.Requirement`.

    Raises:
        ConfigurationError: a condition cannot work here.
    """
    requirement = Requirement(*conditions, path=path, hide=hide, roles=roles)

    def decorate(endpoint: Endpoint) -> Endpoint:
        @functools.wraps(endpoint)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            refusal = await requirement.acheck(connection_of(endpoint, args, kwargs))
            if refusal is not None:
                raise Refused(refusal)
            return await endpoint(*args, **kwargs)

        @functools.wraps(endpoint)
        def guarded_sync(*args: Any, **kwargs: Any) -> Any:
            refusal = requirement.check(connection_of(endpoint, args, kwargs))
            if refusal is not None:
                raise Refused(refusal)
            return endpoint(*args, **kwargs)

        wrapper = guarded if inspect.iscoroutinefunction(endpoint) else guarded_sync
        return cast("Endpoint", wrapper)

    return decorate


def connection_of(
    endpoint: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> HTTPConnection:
    """The request or websocket among an endpoint's arguments.

    Raises:
        TypeError: there is none.
    """
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, HTTPConnection):
            return argument
    raise TypeError(f"{endpoint.__qualname__} got no request or websocket")
