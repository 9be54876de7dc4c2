"""Requirements at endpoints."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from starlette.requests import HTTPConnection
from starlette.responses import Response

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Guard, Refused, Requirement, name_of
from ringwall.ratelimit import Rate

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
    return lambda endpoint: guarded_by(requirement, endpoint)


def limit(*rates: Rate, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """So many requests in so much time to one endpoint: a decorator like `require`.

    Parameters:
        rates, options: as for `ringwall.limit`. With `policy=`, all endpoints that share the name
            count together.

    Raises:
        ConfigurationError: an argument cannot work.
    """
    counted = ringwall.limit(*rates, **options)
    return lambda endpoint: guarded_by(counted.named(name_of(endpoint)), endpoint)


def guarded_by(guard: Guard, endpoint: Endpoint) -> Endpoint:
    """The endpoint behind a guard."""

    @functools.wraps(endpoint)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        connection = connection_of(endpoint, args, kwargs)
        refusal = await guard.acheck(connection)
        if refusal is not None:
            raise Refused(refusal)
        return add_headers(await endpoint(*args, **kwargs), guard.headers(connection))

    @functools.wraps(endpoint)
    def guarded_sync(*args: Any, **kwargs: Any) -> Any:
        connection = connection_of(endpoint, args, kwargs)
        refusal = guard.check(connection)
        if refusal is not None:
            raise Refused(refusal)
        return add_headers(endpoint(*args, **kwargs), guard.headers(connection))

    return cast("Endpoint", guarded if inspect.iscoroutinefunction(endpoint) else guarded_sync)


def add_headers(answer: Any, lines: Iterable[tuple[bytes, bytes]]) -> Any:
    """A response with further lines; a websocket endpoint has none."""
    if isinstance(answer, Response):
        answer.raw_headers.extend(lines)
    return answer


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
