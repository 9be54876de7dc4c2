"""The claims of a JWT (RFC 7519, RFC 8725, RFC 9068): what must hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .._errors import ConfigurationError
from ._bound import BOUND
from ._failure import Failure, Refused

BAD_CLAIMS = Failure("invalid-claims", "A claim of the token has the wrong type or value.")
MISSING_CLAIM = Failure("missing-claim", "The token lacks a claim that this service needs.")
BAD_TYPE = Failure("invalid-type", "The token is of another type than this service accepts.")
BAD_ISSUER = Failure("invalid-issuer", "The token comes from another issuer.")
BAD_AUDIENCE = Failure("invalid-audience", "The token is meant for another service.")
EXPIRED = Failure("token-expired", "The token has expired; get a new one.")
NOT_YET = Failure("token-not-yet-valid", "The token is not valid yet.")
TOO_LONG_LIVED = Failure("excessive-lifetime", "The token lives longer than is accepted here.")

CLAIM_FAILURES = (
    *(BAD_CLAIMS, MISSING_CLAIM, BAD_TYPE, BAD_ISSUER, BAD_AUDIENCE),
    *(EXPIRED, NOT_YET, TOO_LONG_LIVED, BOUND),
)

NOTHING: Mapping[str, str] = MappingProxyType({})

# NumericDate is a number of seconds. Beyond this it is no date; NaN and infinity fail the
# comparison too, and an integer of a thousand digits never meets float arithmetic.
_LATEST = 2**53


class ClaimsPolicy:
    """Judges the header's `typ` and the claims of a token whose signature is valid.

    Parameters: as of `JWT`. All are checked here.
    """

    __slots__ = (
        *("_audience_claim", "_audiences", "_lifetime", "_match", "_required", "_types"),
        *("issuers", "leeway"),
    )

    def __init__(
        self,
        issuer: str | Iterable[str],
        audience: str | Iterable[str],
        *,
        leeway: float = 10.0,
        typ: str | Iterable[str] | None = None,
        max_lifetime: float | None = None,
        audience_claim: str = "aud",
        required: Iterable[str] = (),
        match: Mapping[str, str] = NOTHING,
    ) -> None:
        issuers = [issuer] if isinstance(issuer, str) else list(issuer or ())
        if not issuers:
            raise ConfigurationError("issuer is missing: write it as the tokens name it in `iss`")
        self.issuers = frozenset(text("issuer", name) for name in issuers)
        audiences = [audience] if isinstance(audience, str) and audience else list(audience or ())
        if not audiences:
            raise ConfigurationError(
                "audience is missing: without it a token made for another service would open"
                " this one. Write audience='https://api.example.com', as the issuer knows it"
            )
        self._audiences = frozenset(text("audience", name) for name in audiences)
        if not 0 <= leeway <= 300:
            raise ConfigurationError("leeway is in seconds, from 0 to 300 (RFC 7519 section 4.1.4)")
        self.leeway = leeway
        if max_lifetime is not None and not max_lifetime > 0:
            raise ConfigurationError("max_lifetime is a number of seconds above 0, or None")
        self._lifetime = max_lifetime
        # Without `typ=` a JWT for another purpose (a logout token, a DPoP proof, a signed
        # request) must still not pass for an access token (RFC 8725 section 3.11).
        self._types: frozenset[str | None]
        if typ is None:
            self._types = frozenset((None, "jwt", "at+jwt"))
        else:
            names = [typ] if isinstance(typ, str) else list(typ)
            self._types = frozenset(_media_type(text("typ", name)) for name in names)
        self._audience_claim = text("audience_claim", audience_claim)
        self._match = tuple(
            (text("match", name), text("match", value)) for name, value in dict(match).items()
        )
        self._required = frozenset(text("required", name) for name in required)

    def check_type(self, typ: str | None) -> None:
        if (None if typ is None else _media_type(typ)) not in self._types:
            raise Refused(BAD_TYPE)

    def check(self, claims: object, now: float) -> tuple[float, float]:
        """Judge all claims; return the time from which and until which they hold, leeway included.

        Raises:
            Refused: with the Failure that tells why.
        """
        if type(claims) is not dict:
            raise Refused(BAD_CLAIMS)
        get = claims.get
        issuer = get("iss")
        if type(issuer) is not str or issuer not in self.issuers:
            raise Refused(MISSING_CLAIM if "iss" not in claims else BAD_ISSUER)
        audience = get(self._audience_claim)
        if type(audience) is str:
            if audience not in self._audiences:
                raise Refused(BAD_AUDIENCE)
        elif audience is None:
            raise Refused(MISSING_CLAIM)
        else:
            self._check_audiences(audience)

        expires = get("exp")
        if expires is None:
            raise Refused(MISSING_CLAIM)
        # "On or after" is too late (RFC 7519 section 4.1.4).
        until = date(expires) + self.leeway
        if now >= until:
            raise Refused(EXPIRED)
        since = 0.0
        issued = None
        if "nbf" in claims:
            since = date(claims["nbf"]) - self.leeway
        if "iat" in claims:
            issued = date(claims["iat"])
            since = max(since, issued - self.leeway)
        if now < since:
            raise Refused(NOT_YET)
        if self._lifetime is not None:
            if issued is None:
                raise Refused(MISSING_CLAIM)
            if date(expires) - issued > self._lifetime:
                raise Refused(TOO_LONG_LIVED)
        if not self._required <= claims.keys():
            raise Refused(MISSING_CLAIM)
        for name, expected in self._match:
            if name not in claims:
                raise Refused(MISSING_CLAIM)
            if claims[name] != expected:
                raise Refused(BAD_CLAIMS)
        return since, until

    def _check_audiences(self, audience: object) -> None:
        if type(audience) is not list or not audience:
            raise Refused(BAD_CLAIMS)
        if not all(type(name) is str for name in audience):
            raise Refused(BAD_CLAIMS)
        if self._audiences.isdisjoint(audience):
            raise Refused(BAD_AUDIENCE)


def date(value: object) -> float:
    if type(value) is not int and type(value) is not float:  # a bool is an int to isinstance
        raise Refused(BAD_CLAIMS)
    if not 0 <= value <= _LATEST:
        raise Refused(BAD_CLAIMS)
    return value


def _media_type(typ: str) -> str:
    """RFC 7515 section 4.1.9: compared without regard to case, "application/" may be left out."""
    return typ.lower().removeprefix("application/")


def text(name: str, value: object) -> str:
    """A text from the configuration, which may not be empty."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} must be a string that is not empty")
    return value
