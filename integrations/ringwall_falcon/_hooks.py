"""Hooks for `falcon.before`, at responders and resources, sync and async."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import falcon

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Guard, Requirement, name_of, walled_exchange
from ringwall.ratelimit import Rate

Hook: TypeAlias = Callable[[Any, Any, Any, "dict[str, Any]"], Any]


def require(
    *conditions: Condition | Callable[[Facts], bool],
    path: str | None = None,
    hide: bool = False,
    roles: Mapping[str, Iterable[str]] | None = None,
) -> Hook:
    """A hook that lets only those pass for whom the conditions hold.

    Parameters:
        conditions, path, hide, roles: as for `ringwall.handlers.Requirement`.

    Raises:
        ConfigurationError: a condition cannot work here.
    """
    requirement = Requirement(*conditions, path=path, hide=hide, roles=roles)

    def hook(request: Any, response: Any, resource: Any, params: dict[str, Any]) -> Any:
        return _ask(requirement, request, response)

    return hook


def limit(*rates: Rate, **options: Any) -> Hook:
    """A hook that lets so many requests in so much time pass to each resource and method.

    Parameters:
        rates, options: as for `ringwall.limit`. With `policy=`, all that share the name count
            together.

    Raises:
        ConfigurationError: an argument cannot work.
    """
    counted = ringwall.limit(*rates, **options)
    of_responder: dict[str, ringwall.limit] = {}

    def hook(request: Any, response: Any, resource: Any, params: dict[str, Any]) -> Any:
        # As many names as there are responders: only known methods get here.
        name = f"{name_of(type(resource))} {request.method}"
        if name not in of_responder:
            of_responder.setdefault(name, counted.named(name))
        return _ask(of_responder[name], request, response)

    return hook


def _ask(guard: Guard, request: Any, response: Any) -> Any:
    """On ASGI an awaitable, which Falcon awaits there."""
    if walled_exchange(request).interface == "asgi":
        return _wait(guard, request, response)
    _conclude(guard, guard.check(request), request, response)
    return None


async def _wait(guard: Guard, request: Any, response: Any) -> None:
    _conclude(guard, await guard.acheck(request), request, response)


def _conclude(guard: Guard, refusal: ringwall.Response | None, request: Any, response: Any) -> None:
    if refusal is not None:
        lines = [
            (name.decode("ascii"), value.decode("latin-1"))
            for name, value in refusal.headers
            if name != b"content-length"
        ]
        raise falcon.HTTPStatus(refusal.status, lines, refusal.body.decode("utf-8"))
    for name, value in guard.headers(request):
        response.append_header(name.decode("ascii"), value.decode("latin-1"))
