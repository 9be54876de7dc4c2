"""Tokens that are bound to a key (RFC 7800): a thief of the token alone must not get in with it."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from ..principal import Principal
from ._failure import Failure, Refused

BOUND = Failure(
    "proof-required",
    "The token is bound to a key; it is not accepted without a proof that you hold that key.",
)

# A SHA-256 digest in base64url, without stray bits.
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")
_METHODS = {"jkt", "x5t#S256"}


def digest_of(data: bytes) -> str:
    """SHA-256 in base64url: thumbprints, and the `ath` of a proof.

    >>> digest_of(b"")
    '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
    """
    return urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode("ascii")


class Bound(NamedTuple):
    """Who a good token speaks for, if its presenter holds the keys it is bound to.

    It is no `Principal`: what is still to be proven cannot pass for proven.

    Attributes:
        principal: who it speaks for then.
        key: thumbprint of the key that a DPoP proof must be signed with (RFC 9449 section 6.1).
        certificate: thumbprint of the client's TLS certificate (RFC 8705 section 3.1).
    """

    principal: Principal
    key: str | None
    certificate: str | None

    def __repr__(self) -> str:
        return "<Bound>"

    def without_certificate(self) -> Principal | Bound:
        """What is left to prove once the certificate has been."""
        return self.principal if self.key is None else self._replace(certificate=None)


class Binding(NamedTuple):
    """The thumbprints of a token's `cnf`; at least one is there. See `Bound`."""

    key: str | None
    certificate: str | None


def binding_of(claims: Mapping[str, Any]) -> Binding | None:
    """What a token is bound to; None: to nothing.

    Raises:
        Refused: by a method other than these two, or by something that is no thumbprint.
    """
    if "cnf" not in claims:
        return None
    cnf = claims["cnf"]
    if type(cnf) is not dict or not cnf or not cnf.keys() <= _METHODS:
        raise Refused(BOUND)
    if not all(type(value) is str and _DIGEST.match(value) for value in cnf.values()):
        raise Refused(BOUND)
    return Binding(cnf.get("jkt"), cnf.get("x5t#S256"))


def bind(principal: Principal, binding: Binding | None) -> Principal | Bound:
    return principal if binding is None else Bound(principal, binding.key, binding.certificate)


def scheme_of(binding: Binding | None) -> str:
    """How a principal is proven: only with DPoP where the token is bound to such a key."""
    return "bearer" if binding is None or binding.key is None else "dpop"
