"""What the layers found out, for handlers: from a scope, an environ, or a framework's request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._exchange import KEY, Decision, Exchange
from .principal import Principal

# Where frameworks keep the scope or environ: Starlette, FastAPI, Litestar, Quart, Falcon ASGI and
# Django ASGI; Flask, Pyramid and Bottle; Falcon WSGI; Django WSGI.
_ATTRIBUTES = ("scope", "environ", "env", "META")


def exchange_of(x: Any) -> Exchange | None:
    """The exchange of the innermost stack around the app, or None."""
    if isinstance(x, Exchange):
        return x
    if isinstance(x, Mapping):
        found = x.get(KEY)
        return found if isinstance(found, Exchange) else None
    for attribute in _ATTRIBUTES:
        mapping = getattr(x, attribute, None)
        if isinstance(mapping, Mapping) and KEY in mapping:
            return exchange_of(mapping)
    return None


def principal_of(x: Any) -> Principal | None:
    """The principal of a request, or None where there is none.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.

    >>> principal_of({"type": "http"}) is None
    True
    """
    exchange = exchange_of(x)
    return None if exchange is None else exchange.principal


def decisions_of(x: Any) -> tuple[Decision, ...]:
    """What the layers decided so far, outermost first.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.

    >>> decisions_of({"type": "http"})
    ()
    """
    exchange = exchange_of(x)
    return () if exchange is None else tuple(exchange.decisions)
