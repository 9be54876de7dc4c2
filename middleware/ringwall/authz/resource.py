"""Hands the object that a rule loaded to the handler, so that it need not be read twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._exchange import Exchange
from ..context import exchange_of
from ._facts import NO_OBJECT, Facts, Sentinel
from ._load import Load
from ._loader import Loader

# Where the state of an exchange holds them: sorted by their loaders, or as they were loaded, where
# all are of one loader and for the handler. Few handlers ask, so what is left to do waits for them.
_KEY = Sentinel("resources")
OBJECTS = Sentinel("objects")


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
        found = _found(exchange.state)
        if load is None and len(found) > 1:
            raise LookupError("several objects were loaded: name the loader as second argument")
        resource = next(iter(found.values()), None) if load is None else found.get(load)
        if resource is not None:
            return resource
        exchange = exchange.parent
    return None


def _found(state: dict[object, Any]) -> dict[Any, Any]:
    """The objects, by their loader."""
    objects = state.get(OBJECTS)
    if objects is None:
        return state.get(_KEY) or {}
    things = [thing for thing in objects.values() if thing is not NO_OBJECT]
    identity = next(iter(objects))[0]
    return {identity: things[0] if len(things) == 1 else things} if things else {}
