"""What was found valid, for handlers: they need not parse it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._exchange import Exchange
from ..context import exchange_of

if TYPE_CHECKING:
    from .parameters import Parameters

# The keys in `Exchange.state`, shared by all instances: the innermost counts. Where a request has
# no parameters, what makes them lies there: few apps ask.
VALIDATED = object()
PARAMETERS = object()


def validated_body_of(x: Any, default: Any = None) -> Any:
    """The body that a `BodyValidation` layer found valid: the parsed JSON value, or the instance
    where the route was given a model.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.
        default: what to return where no body was validated. JSON's `null` is None, too.

    >>> validated_body_of({"type": "http"}, default="nothing")
    'nothing'
    """
    return _find(x, VALIDATED, default)


def validated_parameters_of(x: Any) -> Parameters | None:
    """The parameters that a `BodyValidation(openapi=...)` layer found valid: their typed values by
    name, in `path`, `query`, `header` and `cookie`. None where none were validated.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.

    >>> validated_parameters_of({"type": "http"}) is None
    True
    """
    found: Parameters | Callable[[], Parameters] | None = _find(x, PARAMETERS, None)
    return found() if callable(found) else found


def _find(x: Any, key: object, default: Any) -> Any:
    exchange: Exchange | None = exchange_of(x)
    while exchange is not None:
        if key in exchange.state:
            return exchange.state[key]
        exchange = exchange.parent
    return default
