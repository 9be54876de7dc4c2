"""The two colours of a store that a user gives: plain methods for WSGI, async ones for ASGI."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from .._errors import ConfigurationError


class StorePort(NamedTuple):
    """A method of a store.

    Attributes:
        sync, aio: its two forms; one may be missing.
        immediate: it answers from memory, and its plain form serves both interfaces.
        colours: the interfaces it serves.
    """

    sync: Any
    aio: Any
    immediate: bool
    colours: frozenset[str]


def port_of(store: object, method: str, example: str) -> StorePort:
    """The method `method` of a store, and its twin with an `a` in front.

    Raises:
        ConfigurationError: it has neither, or is immediate without a plain one.
    """
    sync, aio = getattr(store, method, None), getattr(store, "a" + method, None)
    if inspect.iscoroutinefunction(sync):
        sync, aio = None, aio or sync
    if sync is None and aio is None:
        raise ConfigurationError(example)
    immediate = bool(getattr(store, "immediate", False))
    if immediate and sync is None:
        raise ConfigurationError(f"a store that is immediate needs a plain {method}(...)")
    ports = (("wsgi", sync), ("asgi", sync if immediate else aio))
    colours = frozenset(colour for colour, port in ports if port is not None)
    return StorePort(sync, aio, immediate, colours)
