"""What a DPoP proof must say (RFC 9449 section 4.3): for which request and token, and when."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any, Final

from .._exchange import Exchange
from ._bound import digest_of
from ._claims import date
from ._failure import Failure, Refused
from ._target import Origins, read_url

BAD_PROOF_CLAIMS: Final = Failure(
    "invalid-proof-claims",
    "A claim of the DPoP proof is missing or has the wrong type.",
    error="invalid_dpop_proof",
)
OTHER_REQUEST: Final = Failure(
    "proof-for-another-request",
    "The DPoP proof was made for another method or URL.",
    error="invalid_dpop_proof",
)
OTHER_TOKEN: Final = Failure(
    "proof-for-another-token",
    "The DPoP proof was made for another token.",
    error="invalid_dpop_proof",
)
NOT_FRESH: Final = Failure(
    "proof-not-fresh",
    "The DPoP proof is too old, or comes from the future; make one for each request.",
    error="invalid_dpop_proof",
)
PROOF_CLAIM_FAILURES = (BAD_PROOF_CLAIMS, OTHER_REQUEST, OTHER_TOKEN, NOT_FRESH)

_LONGEST_ID = 256
_TEXTS = ("jti", "htm", "htu", "ath")


class ProofPolicy:
    """Judges the claims of a proof whose signature is valid.

    Parameters:
        origins: where clients reach the service.
        max_age, leeway: how old it may be, and how far in the future, in seconds.
    """

    def __init__(self, origins: Origins, max_age: float, leeway: float) -> None:
        self._origins = origins
        self._max_age = max_age
        self._leeway = leeway

    def check(self, claims: dict[str, Any], token: bytes, exchange: Exchange, now: float) -> None:
        """Check all but `nonce`.

        Raises:
            Refused: with the Failure that tells why.
        """
        if not all(type(claims.get(name)) is str for name in _TEXTS):
            raise Refused(BAD_PROOF_CLAIMS)
        if not 0 < len(claims["jti"]) <= _LONGEST_ID:
            raise Refused(BAD_PROOF_CLAIMS)
        url = read_url(claims["htu"])
        sent = "GET" if exchange.kind == "websocket" else exchange.method
        if claims["htm"] != sent or url is None or not self._origins.matches(url, exchange):
            raise Refused(OTHER_REQUEST)
        if not hmac.compare_digest(claims["ath"].encode(), digest_of(token).encode()):
            raise Refused(OTHER_TOKEN)
        issued = _date(claims, "iat")
        if issued is None:
            raise Refused(BAD_PROOF_CLAIMS)
        if not now - self._max_age <= issued <= now + self._leeway:
            raise Refused(NOT_FRESH)
        # RFC 9449 asks for neither, but who says so means it (RFC 7519 sections 4.1.4, 4.1.5).
        expires, begins = _date(claims, "exp"), _date(claims, "nbf")
        if (expires is not None and now >= expires + self._leeway) or (
            begins is not None and now < begins - self._leeway
        ):
            raise Refused(NOT_FRESH)


def name_of(thumbprint: str, claims: dict[str, Any]) -> str:
    """What tells a proof from all others: `jti` alone is unique for one client and URL only."""
    named = "\0".join((thumbprint, claims["htu"], claims["jti"]))
    return sha256(named.encode()).hexdigest()


def _date(claims: dict[str, Any], name: str) -> float | None:
    if name not in claims:
        return None
    try:
        return date(claims[name])
    except Refused:
        raise Refused(BAD_PROOF_CLAIMS) from None
