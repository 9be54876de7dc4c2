"""The parsed body, for handlers: they need not parse it again."""

from __future__ import annotations

from typing import Any

from .._exchange import Exchange
from ..context import exchange_of

# The key of the parsed body in `Exchange.state`, shared by all instances: the innermost counts.
VALIDATED = object()


def validated_body_of(x: Any, default: Any = None) -> Any:
    """The body that a `BodyValidation` layer found valid: the parsed JSON value, or the instance
    where the route was given a model.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.
        default: what to return where no body was validated. JSON's `null` is None, too.

    >>> validated_body_of({"type": "http"}, default="nothing")
    'nothing'
    """
    exchange: Exchange | None = exchange_of(x)
    while exchange is not None:
        if VALIDATED in exchange.state:
            return exchange.state[VALIDATED]
        exchange = exchange.parent
    return default
