"""Hands the object that a rule loaded to the handler, so that it need not be read twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._exchange import Exchange
from ..context import exchange_of
from ._facts import NO_OBJECT, Facts, Sentinel
from ._load import Load
from ._loader import Loader

_KEY = Sentinel("resources")


def hand_over_one(exchange: Exchange, loader: object, facts: Facts) -> None:
    """`hand_over`, where one object at most was loaded, by this one."""
    (thing,) = facts.objects.values()
    if thing is not NO_OBJECT:
        exchange.state[_KEY] = {loader: thing}


def hand_over(exchange: Exchange, loads: tuple[Load, ...], facts: Facts) -> None:
    """Keep what was loaded where `resource_of` finds it."""
    # By key, as two conditions on one object are still one object.
    found: dict[Any, dict[Any, Any]] = {}
    for load in loads:
        for key in (load.is_object and load.loader.cache is None and load.keys(facts)) or ():
            thing = facts.objects.get(key, NO_OBJECT)
            if thing is not NO_OBJECT:
                found.setdefault(load.loader.identity, {})[key] = thing
    if found:
        arrays = {load.loader.identity for load in loads if load.is_object and load.many}
        exchange.state[_KEY] = {
            identity: list(by_key.values())
            if len(by_key) > 1 or identity in arrays
            else next(iter(by_key.values()))
            for identity, by_key in found.items()
        }


def resource_of(x: Any, load: Loader | Callable[..., Any] | None = None) -> Any:
    """The object that the authorization layer loaded for this request.

    None where it loaded none: no rule needed it (an alternative such as `role("admin")` held), its
    loader has a cache, or no stack is around the app. A list where the ids came from an array, or
    one loader was used for several ids.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.
        load: whose object, where the rule names several loaders.

    Raises:
        LookupError: objects of several loaders are there and `load` does not say which.

    >>> resource_of({"type": "http"}) is None
    True
    """
    exchange = exchange_of(x)
    while exchange is not None:
        found: dict[Any, Any] = exchange.state.get(_KEY) or {}
        if load is None and len(found) > 1:
            raise LookupError("several objects were loaded: name the loader as second argument")
        resource = next(iter(found.values()), None) if load is None else found.get(load)
        if resource is not None:
            return resource
        exchange = exchange.parent
    return None
