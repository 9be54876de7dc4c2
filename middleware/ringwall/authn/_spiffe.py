"""SPIFFE JWT-SVIDs (the JWT-SVID specification of SPIFFE)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError
from ._claims import BAD_CLAIMS
from ._failure import Failure, Refused
from .jwt import JWT

if TYPE_CHECKING:
    from ._jws import Header
    from ._sources import Keys

BAD_TRUST_DOMAIN = Failure(
    "invalid-trust-domain", "The subject is no SPIFFE ID of the trust domain accepted here."
)

# SPIFFE-ID section 2: lower case, and no empty or dot segments.
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}\Z")
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+\Z")
_LONGEST = 2048


class JWTSVID(JWT):
    """See `presets.spiffe`."""

    def __init__(
        self,
        trust_domain: str,
        audience: str | Iterable[str],
        keys: Keys,
        options: dict[str, Any],
    ) -> None:
        if not isinstance(trust_domain, str) or not _TRUST_DOMAIN.match(trust_domain):
            raise ConfigurationError("trust_domain is such as 'example.org', without 'spiffe://'")
        self._domain = f"spiffe://{trust_domain}"
        # JWT-SVID section 3: asymmetric algorithms, EdDSA not among them.
        allowed = [f"{kind}{bits}" for kind in ("RS", "ES", "PS") for bits in (256, 384, 512)]
        options = {"keys": keys, "algorithms": allowed} | options
        super().__init__(self._domain, audience, **options)
        self.failures = (*self.failures, BAD_TRUST_DOMAIN)
        # Such a token need not name an issuer: it is chosen where no other scheme claims it.
        self.issuers = frozenset()

    def _claims_to_judge(self, header: Header, claims: Any) -> Any:
        if type(claims) is not dict:
            raise Refused(BAD_CLAIMS)
        subject = claims.get("sub")
        if type(subject) is not str or len(subject) > _LONGEST:
            raise Refused(BAD_CLAIMS)
        domain, path = subject[: len(self._domain)], subject[len(self._domain) :]
        if domain != self._domain or not _PATH.match(path):
            raise Refused(BAD_TRUST_DOMAIN)
        return {**claims, "iss": self._domain}
