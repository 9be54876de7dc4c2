"""SPIFFE: names of workloads, in JWT-SVIDs and X.509-SVIDs (the specifications of SPIFFE)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError
from ..principal import Principal
from ._claims import BAD_CLAIMS
from ._failure import Failure, Refused
from .client_certificate import Identify, principal_for
from .jwt import JWT

if TYPE_CHECKING:
    from ._jws import Header
    from ._sources import Keys
    from .certificate import Certificate

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
        self._domain = _domain(trust_domain)
        # JWT-SVID section 3: asymmetric algorithms, EdDSA not among them.
        allowed = [f"{kind}{bits}" for kind in ("RS", "ES", "PS") for bits in (256, 384, 512)]
        options = {"keys": keys, "algorithms": allowed} | options
        super().__init__(self._domain, audience, **options)
        self._verifier.claims_to_judge = self._claims_to_judge
        self.failures = (*self.failures, BAD_TRUST_DOMAIN)
        # Such a token need not name an issuer: it is chosen where no other scheme claims it.
        self.issuers = frozenset()

    def _claims_to_judge(self, header: Header, claims: Any) -> Any:
        if type(claims) is not dict:
            raise Refused(BAD_CLAIMS)
        subject = claims.get("sub")
        if type(subject) is not str:
            raise Refused(BAD_CLAIMS)
        if not _is_of(subject, self._domain):
            raise Refused(BAD_TRUST_DOMAIN)
        return {**claims, "iss": self._domain}


def workloads(trust_domain: str, scopes: frozenset[str]) -> Identify:
    """For `ClientCertificate`: every workload of a trust domain, by its X.509-SVID."""
    domain = _domain(trust_domain)

    def identify(certificate: Certificate) -> Principal | None:
        # X.509-SVID section 2: exactly one URI. Section 5.2: an authority is no workload.
        if certificate.authority or len(certificate.uris) != 1:
            return None
        subject = certificate.uris[0]
        if not _is_of(subject, domain):
            return None
        return principal_for(certificate, subject, issuer=domain, scopes=scopes)

    return identify


def _domain(trust_domain: str) -> str:
    if not isinstance(trust_domain, str) or not _TRUST_DOMAIN.match(trust_domain):
        raise ConfigurationError("trust_domain is such as 'example.org', without 'spiffe://'")
    return f"spiffe://{trust_domain}"


def _is_of(subject: str, domain: str) -> bool:
    path = subject.removeprefix(domain)
    return len(subject) <= _LONGEST and path != subject and _PATH.match(path) is not None
