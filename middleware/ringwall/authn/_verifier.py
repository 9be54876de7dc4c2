"""A token is verified once: its signature, its claims, and whom it speaks for."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeAlias

from ..principal import Principal
from ._bound import Bound, bind, binding_of, scheme_of
from ._claims import BAD_CLAIMS, ClaimsPolicy
from ._failure import Refused
from ._grants import Grants
from ._json import NotJSON, strict_json
from ._jws import Header, verify_compact
from ._keys import KeySet

Compact: TypeAlias = Callable[[bytes, KeySet, int], "tuple[Header, bytes]"]


class TokenVerifier:
    """Verifies tokens of one kind.

    Parameters:
        policy: judges the claims. grants: reads whom they speak for.
        max_length: the longest accepted token, in bytes.

    Attributes:
        verify_compact: checks the serialisation and the signature.
        claims_to_judge: the claims as the policy shall see them; presets supply what lies
            elsewhere.
    """

    def __init__(self, policy: ClaimsPolicy, grants: Grants, max_length: int) -> None:
        self._policy = policy
        self._grants = grants
        self._max_length = max_length
        self.verify_compact: Compact = verify_compact
        self.claims_to_judge: Callable[[Header, Any], Any] = _as_they_are

    def verify(
        self, token: bytes, keys: KeySet, now: float
    ) -> tuple[float, float, Principal | Bound]:
        """From when and until when the token is good, in epoch seconds, and whom it speaks for.

        Raises:
            Refused: it is no good, with the Failure that tells why.
        """
        header, payload = self.verify_compact(token, keys, self._max_length)
        self._policy.check_type(header.typ)
        try:
            claims = strict_json(payload)
        except NotJSON:
            raise Refused(BAD_CLAIMS) from None
        judged = self.claims_to_judge(header, claims)
        since, until = self._policy.check(judged, now)
        binding = binding_of(claims)
        principal = self._grants.principal(
            claims,
            scheme=scheme_of(binding),
            issuer=judged["iss"],
            # Names the token for audit; `jti` is a claim, and claims stay out of logs. Without the
            # signature: anyone can make a second one that fits from an ECDSA signature, and so
            # pass for another token where this one is denied.
            credential_id=sha256(token[: token.rindex(b".")]).digest()[:16].hex(),
        )
        return since, until, bind(principal, binding)


def _as_they_are(header: Header, claims: Any) -> Any:
    return claims
