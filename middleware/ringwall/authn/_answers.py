"""What an authorization server says of a token (RFC 7662 section 2.2, RFC 9701), judged."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .._exchange import Exchange
from .._pending import Pending
from ..principal import Principal
from ._bound import Bound, bind, binding_of, scheme_of
from ._claims import BAD_TYPE, ClaimsPolicy
from ._failure import Failure, Refused
from ._grants import Grants
from ._introspector import JSON, JWT, Answer, NotAnswered
from ._json import NotJSON, strict_json
from ._signed import SignedAnswers

INACTIVE: Final = Failure(
    "token-inactive", "The token is not active: expired, revoked, or unknown."
)

# A refresh token or an ID token may be just as "active" as an access token. Where the server tells
# the kind, it must be the right one.
_KINDS = {
    "token_type": frozenset({"bearer"}),
    "token_use": frozenset({"access_token", "access"}),
    "typ": frozenset({"bearer", "jwt", "at+jwt"}),
}


_KINDS_BOUND = {  # RFC 9449 section 5: so is one called that is bound to a key
    **_KINDS,
    "token_type": frozenset({"bearer", "dpop"}),
    "typ": frozenset({"bearer", "dpop", "jwt", "at+jwt"}),
}


class Active(NamedTuple):
    """An active token: from `since` until `until` (epoch seconds)."""

    since: float
    until: float
    found: Principal | Bound


class Answers:
    """Reads and judges the answers of one server.

    Parameters:
        policy: judges the claims. grants: reads whom they speak for.
        issuer: the server, where it is known.
        any_audience: True: the server names none.
        signed: reads signed answers; None: they are plain JSON.
        ttl: for how many seconds an answer counts at most.
    """

    def __init__(
        self,
        policy: ClaimsPolicy,
        grants: Grants,
        issuer: str | None,
        *,
        any_audience: bool,
        signed: SignedAnswers | None,
        ttl: float,
    ) -> None:
        self._policy = policy
        self._grants = grants
        self._issuer = issuer
        self._any_audience = any_audience
        self._signed = signed
        both = frozenset({"asgi", "wsgi"})
        self.colours: frozenset[str] = both if signed is None else signed.colours
        self._media_type = JSON if signed is None else JWT
        self._ttl = ttl

    def read(self, answer: Answer, exchange: Exchange, now: float) -> Pending[dict[str, Any]]:
        """The claims about the token.

        Raises:
            NotAnswered: the answer is none.
        """
        claims: object
        if answer.media_type != self._media_type:
            raise NotAnswered
        if self._signed is None:
            try:
                claims = strict_json(answer.body)
            except NotJSON:
                raise NotAnswered from None
        else:
            claims = yield from self._signed.read(answer.body, exchange, now)
        if type(claims) is not dict or type(claims.get("active")) is not bool:
            raise NotAnswered
        return claims

    def judge(self, claims: dict[str, Any], digest: bytes, now: float) -> Active:
        """Whom the token speaks for, and for how long that may be believed.

        Raises:
            Refused: it is no good here.
        """
        if not claims["active"]:
            raise Refused(INACTIVE)
        binding = binding_of(claims)
        scheme = scheme_of(binding)
        for name, kinds in (_KINDS_BOUND if scheme == "dpop" else _KINDS).items():
            kind = claims.get(name)
            if kind is not None and (type(kind) is not str or kind.lower() not in kinds):
                raise Refused(BAD_TYPE)
        since, until = self._policy.check(self._completed(claims, now), now)
        issuer = claims.get("iss")
        principal = self._grants.principal(
            claims,
            scheme=scheme,
            issuer=self._issuer or (issuer if type(issuer) is str else None),
            credential_id=digest[:16].hex(),
        )
        return Active(since, min(until, now + self._ttl), bind(principal, binding))

    def _completed(self, claims: dict[str, Any], now: float) -> dict[str, Any]:
        """The answer with what RFC 7662 section 2.2 leaves optional and the policy asks for."""
        whole = {"iss": self._issuer, "exp": now + self._ttl + 1, **claims}
        if self._issuer is None:
            whole["iss"] = "any"
        if self._any_audience:
            whole["aud"] = "any"
        return whole
