"""What the layer answers and notes, made once: nothing in it comes from a request."""

from __future__ import annotations

from typing import NamedTuple

from .._exchange import Decision
from ..problem import Header, Response, problem

ALLOW_ORIGIN = b"access-control-allow-origin"
ALLOW_CREDENTIALS = b"access-control-allow-credentials"
EXPOSE_HEADERS = b"access-control-expose-headers"
ALLOW_METHODS = b"access-control-allow-methods"
ALLOW_HEADERS = b"access-control-allow-headers"
ALLOW_PRIVATE_NETWORK = b"access-control-allow-private-network"
MAX_AGE = b"access-control-max-age"
# All that a page can be granted; what the app says of it is taken away.
GRANTS = frozenset(
    {
        ALLOW_ORIGIN,
        ALLOW_CREDENTIALS,
        EXPOSE_HEADERS,
        ALLOW_METHODS,
        ALLOW_HEADERS,
        ALLOW_PRIVATE_NETWORK,
        MAX_AGE,
    }
)

# A cache must not answer one origin with what was said to another.
VARY: Header = (b"vary", b"Origin")
VARY_PREFLIGHT: Header = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
)


class Refusal(NamedTuple):
    response: Response
    decision: Decision


def _foreign(rule: str, detail: str, vary: Header) -> Refusal:
    return Refusal(
        problem(403, detail, code="foreign-origin", headers=(vary,)),
        Decision("cors", "deny", rule, "foreign-origin"),
    )


FOREIGN_PREFLIGHT = _foreign(
    "preflight", "Pages of this origin may not send this request.", VARY_PREFLIGHT
)
FOREIGN_WRITE = _foreign("writes", "Pages of this origin may not change anything here.", VARY)
FOREIGN_WEBSOCKET = _foreign(
    "websockets", "Pages of this origin may not open a websocket here.", VARY
)

NO_ORIGIN = Decision("cors", "allow", "origins", "no-origin")
ALLOWED = Decision("cors", "allow", "origins", "allowed-origin")
# It reaches the app, as it would from a form or an image, but no script reads the response.
FOREIGN = Decision("cors", "allow", "origins", "foreign-origin")
WEBSOCKET = Decision("cors", "allow", "websockets", "allowed-origin")
PREFLIGHT = Decision("cors", "allow", "preflight", "preflight-answered")
# The answer lists what is allowed, and the browser does not send the request.
WRONG_METHOD = Decision("cors", "deny", "preflight", "method-not-allowed")
WRONG_HEADER = Decision("cors", "deny", "preflight", "header-not-allowed")
PRIVATE_NETWORK = Decision("cors", "deny", "preflight", "private-network-not-allowed")
