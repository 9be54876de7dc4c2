"""A short-lived token of our own, which tells the next service who asks."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Layer, Verdict
from ..context import exchange_of
from ..principal import Principal
from ._signing import SigningKey, encoded

_LONGEST = 900
_KEY = object()


class InternalToken(Layer):
    """Lets the app call the next service in the name of the principal, without handing on the
    credentials that came in.

    `internal_token_of(request)` makes the token when the app asks for it: a JWT for one audience, a
    few minutes long, with the principal's subject, scopes and roles, and no other claims of it. It
    never outlives the token that came in. The next service verifies it with
    `JWT(issuer=..., audience=..., keys=layer.jwks())`, or from wherever you publish that.

    Parameters:
        key: the private key, in PEM, or its path: EC on P-256, Ed25519, or RSA.
        issuer: who we are, to the next service.
        audience: the next service, or several; the first is the default.
        lifetime: seconds, from 1 to 900.
        scopes: those that may be handed on, if the principal has them; None: all it has.
        clock: seconds since 1970.

    Raises:
        ConfigurationError: no such key, or names and numbers that cannot work.
        MissingDependency: cryptography is not installed.
    """

    name = "internal-token"
    inside: frozenset[str] = frozenset({"authentication"})

    def __init__(
        self,
        key: Any,
        *,
        issuer: str,
        audience: str | Iterable[str],
        lifetime: int = 300,
        scopes: Iterable[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = SigningKey(key)
        audiences = (audience,) if isinstance(audience, str) else tuple(audience)
        for name in (issuer, *audiences):
            if not isinstance(name, str) or not name:
                raise ConfigurationError(
                    "issuer= and audience= are names, such as 'https://orders'"
                )
        if not audiences:
            raise ConfigurationError("audience= names the next service")
        if type(lifetime) is not int or not 1 <= lifetime <= _LONGEST:
            raise ConfigurationError(f"lifetime={lifetime!r}: write seconds, from 1 to {_LONGEST}")
        if isinstance(scopes, str):
            raise ConfigurationError(f"scopes= takes a list: scopes=[{scopes!r}]")
        self._issuer = issuer
        self._audiences = audiences
        self._lifetime = lifetime
        self._scopes = None if scopes is None else frozenset(scopes)
        self._clock = clock
        head = {"alg": self._key.algorithm, "kid": self._key.kid, "typ": "JWT"}
        self._head = encoded(json.dumps(head, separators=(",", ":")).encode("ascii"))

    def __repr__(self) -> str:
        return f"<InternalToken {self._key.algorithm}>"

    def on_request(self, exchange: Exchange) -> Verdict:
        exchange.state[_KEY] = self
        return None

    def jwks(self) -> dict[str, Any]:
        """The public key, as a JWK Set (RFC 7517) to publish."""
        return {"keys": [dict(self._key.public)]}

    def mint(self, principal: Principal, audience: str | None = None) -> str:
        """A token that speaks for this principal.

        Raises:
            ValueError: the audience is none of those that were configured, or what came in has
                expired since.
        """
        audience = self._audiences[0] if audience is None else audience
        if audience not in self._audiences:
            raise ValueError("no such audience was configured")
        now = int(self._clock())
        until = now + self._lifetime
        expires = principal.claims.get("exp")
        if isinstance(expires, (int, float)) and expires < until:
            until = int(expires)
        if until <= now:
            raise ValueError("the credentials that came in have expired")
        scopes = principal.scopes if self._scopes is None else principal.scopes & self._scopes
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": principal.subject,
            "iat": now,
            "exp": until,
            "jti": secrets.token_urlsafe(16),
            "scope": " ".join(sorted(scopes)),
            "roles": sorted(principal.roles),
        }
        if principal.issuer is not None:
            claims["origin"] = principal.issuer  # subjects are unique within an issuer only
        text = f"{self._head}.{encoded(json.dumps(claims, separators=(',', ':')).encode('ascii'))}"
        return f"{text}.{encoded(self._key.sign(text.encode('ascii')))}"


def internal_token_of(x: Any, audience: str | None = None) -> str | None:
    """A token for the next service, in the name of whoever asks; None where nobody is
    authenticated, or no `InternalToken` is in the stack.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.
        audience: which service, if several were configured; None: the first.

    Raises:
        ValueError: as for `InternalToken.mint`.

    >>> internal_token_of({"type": "http"}) is None
    True
    """
    exchange = exchange_of(x)
    principal = None if exchange is None else exchange.principal
    while exchange is not None and principal is not None:
        layer = exchange.state.get(_KEY)
        if isinstance(layer, InternalToken):
            return layer.mint(principal, audience)
        exchange = exchange.parent
    return None
