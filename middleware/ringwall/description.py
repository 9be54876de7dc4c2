"""What a stack asks of its clients, read from its layers: for challenges and OpenAPI documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ._boundary import Boundary
from ._exchange import Exchange
from ._layer import Layer
from .authn import Authentication, Introspection, Scheme
from .authz import Authorization
from .https import HTTPS
from .ratelimit import RateLimit
from .stack import Stack
from .validation import BodyValidation

__all__ = ["Access", "access", "challenge_of", "hosts_of", "layers_of", "security_schemes"]


class Access(NamedTuple):
    """What one operation asks of its clients.

    credentials: "required", "optional" or "none". scopes: what its rule names. statuses: the
    refusals to expect beside those of the app.
    """

    credentials: str
    scopes: tuple[str, ...]
    statuses: tuple[int, ...]


def layers_around(exchange: Exchange | None) -> Iterator[Layer]:
    """The layers of every stack that a request passed, the innermost stack first."""
    while exchange is not None:
        yield from exchange.boundary.layers
        exchange = exchange.parent


def challenge_of(exchange: Exchange) -> str | None:
    """The challenge of the schemes around the app; "Bearer" where there are none.

    Source: RFC 9110 section 11.6.1.
    """
    for layer in layers_around(exchange):
        if isinstance(layer, Authentication):
            # The layer makes it even where credentials are optional.
            return layer.challenges.missing[1].decode("ascii")
    return "Bearer"


def layers_of(stack: Stack, name: str) -> tuple[Layer, ...]:
    """The layers of a stack that bear a name, such as "https"."""
    return tuple(layer for layer in stack.layers if layer.name == name)


def hosts_of(stack: Stack) -> frozenset[str]:
    """The hosts that the stack's HTTPS layers name; a wildcard as `*.example.com`."""
    found: set[str] = set()
    for layer in stack.layers:
        if isinstance(layer, HTTPS):
            found |= layer.hosts
    return frozenset(found)


def schemes_of(stack: Stack) -> tuple[Scheme, ...]:
    """The schemes of a stack's authentication, those of one name taken together."""
    found: dict[Scheme, None] = {}
    for layer in stack.layers:
        if isinstance(layer, Authentication):
            found |= dict.fromkeys(layer.schemes)
    return tuple(found)


def security_schemes(stack: Stack) -> dict[str, dict[str, Any]]:
    """The stack's schemes as Security Scheme Objects of OpenAPI 3.1, by name.

    >>> from ringwall import APIKey, generate_api_key
    >>> _, record = generate_api_key("alice")
    >>> security_schemes(Stack(Authentication(APIKey([record], header="x-api-key"))))
    {'x-api-key': {'type': 'apiKey', 'in': 'header', 'name': 'x-api-key'}}
    """
    return dict(_security_scheme(scheme) for scheme in schemes_of(stack))


def _security_scheme(scheme: Scheme) -> tuple[str, dict[str, Any]]:
    name = scheme.name.lower()
    if scheme.ambient:
        return "mutualTLS", {"type": "mutualTLS"}
    header = None if scheme.header is None else scheme.header.decode("ascii")
    for place, key in (("header", header), ("query", scheme.query), ("cookie", scheme.cookie)):
        if key is not None:
            return key, {"type": "apiKey", "in": place, "name": key}
    if name == "apikey":
        # `http` would be truer, but tools know to send only registered schemes (RFC 9110 16.4).
        return name, {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`ApiKey`, a space, and the key.",
        }
    # Keys that are found through the issuer's metadata: so can the client find how to log in.
    issuer = getattr(getattr(scheme, "_source", None), "_issuer", None)
    if isinstance(issuer, str):
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        return "oidc", {"type": "openIdConnect", "openIdConnectUrl": url}
    described: dict[str, Any] = {"type": "http", "scheme": name}
    if name == "bearer" and not isinstance(scheme, Introspection):
        described["bearerFormat"] = "JWT"
        if scheme.issuers:
            described["description"] = "Tokens of " + ", ".join(sorted(scheme.issuers)) + "."
    return name, described


def access(stack: Stack, method: str, path: str) -> Access:
    """What the stack asks of clients of one operation.

    Parameters:
        stack: the stack around the app.
        method: in capitals.
        path: one that the operation serves, with example values in place of its parameters.
    """
    credentials, statuses = "none", set[int]()
    scopes: tuple[str, ...] = ()
    for layer in stack.layers:
        if isinstance(layer, Authentication):
            credentials = _asked(layer, path)
            if credentials != "none":
                statuses.add(401)
        elif isinstance(layer, Authorization):
            rule = layer.policy.match(method, path).rule
            if rule is None or not rule.public:
                credentials = "required"
                statuses |= {401, 403}
                if rule is not None and rule.source.condition is not None:
                    hints = (part.hint for part in rule.source.condition.walk())
                    scopes = tuple(dict.fromkeys(h.scope for h in hints if h and h.scope))
        elif isinstance(layer, RateLimit):
            statuses.add(429)
        elif isinstance(layer, BodyValidation) and method in ("POST", "PUT", "PATCH"):
            statuses |= {400, 413, 415, 422}
    return Access(credentials, scopes, tuple(sorted(statuses)))


def _asked(layer: Authentication, path: str) -> str:
    """Asked as a client without credentials would."""
    probe = Exchange("asgi", "GET", "https", "", path, None, b"", {}, None, Boundary())
    if layer.on_request(probe) is not None:
        return "required"
    return "none" if probe.decisions[-1].rule == "exempt" else "optional"
