"""DPoP proofs (RFC 9449 section 4): a small JWS, signed with the key that it holds itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ._bound import digest_of
from ._cache import BoundedCache
from ._failure import Failure, Refused
from ._json import NotJSON, strict_json
from ._jwk import PRIVATE, verifiers_of_jwk
from ._jws import decode_segment, parse_header, split_compact
from ._signatures import Verify
from ._strength import UnusableKey

MALFORMED_PROOF: Final = Failure(
    "malformed-proof", "The DPoP proof is malformed.", error="invalid_dpop_proof"
)
BAD_PROOF_KEY: Final = Failure(
    "invalid-proof-key",
    "The DPoP proof must be signed with an algorithm named in the challenge, and hold the public"
    " key for it, of good strength.",
    error="invalid_dpop_proof",
)
WRONG_KEY: Final = Failure(
    "proof-key-mismatch", "The token is bound to another key than that of the DPoP proof."
)
BAD_PROOF_SIGNATURE: Final = Failure(
    "invalid-proof-signature",
    "The signature of the DPoP proof is not valid.",
    error="invalid_dpop_proof",
)
PROOF_FAILURES = (MALFORMED_PROOF, BAD_PROOF_KEY, WRONG_KEY, BAD_PROOF_SIGNATURE)

# The members that make a key, in the order of RFC 7638 section 3.3: that of their code points.
_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_PLAIN = re.compile(r"[A-Za-z0-9_-]+\Z")  # JSON writes such a string as it is


class Proof(NamedTuple):
    """A proof that was read, not verified.

    Attributes:
        alg: its algorithm.
        key: the members that make its public key.
        thumbprint: of that key (RFC 7638).
        payload: the claims, still encoded.
        signature, signed: what is to be verified.
    """

    alg: str
    key: Mapping[str, str]
    thumbprint: str
    payload: bytes
    signature: bytes
    signed: bytes


def thumbprint(key: Mapping[str, str]) -> str:
    """The SHA-256 thumbprint of a JWK (RFC 7638), given its required members in order.

    >>> thumbprint({"crv": "Ed25519", "kty": "OKP",
    ...             "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})  # RFC 8037 appendix A.3
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
    """
    members = ",".join(f'"{name}":"{value}"' for name, value in key.items())
    return digest_of(f"{{{members}}}".encode("ascii"))


def read_proof(value: bytes, algorithms: frozenset[str], max_length: int) -> Proof:
    """Read a proof as far as that needs no cryptography.

    Raises:
        Refused: malformed, of another type or algorithm, or without a plain public key.
    """
    try:
        head, payload, signature, signed = split_compact(value, max_length)
        header = parse_header(head)
    except Refused:
        raise Refused(MALFORMED_PROOF) from None
    if header.typ != "dpop+jwt":
        raise Refused(MALFORMED_PROOF)
    if header.alg not in algorithms:
        raise Refused(BAD_PROOF_KEY)
    jwk: Any = header.members.get("jwk")
    if type(jwk) is not dict:
        raise Refused(MALFORMED_PROOF)
    kty = jwk.get("kty")
    # Section 4.3, number 7: who sends a private key has lost it.
    if type(kty) is not str or kty not in _MEMBERS or not PRIVATE.isdisjoint(jwk):
        raise Refused(BAD_PROOF_KEY)
    # Only these: `use`, `alg`, `x5c` and the like are not part of what the token is bound to.
    key: dict[str, Any] = {name: jwk.get(name) for name in _MEMBERS[kty]}
    if not all(type(member) is str and _PLAIN.match(member) for member in key.values()):
        raise Refused(BAD_PROOF_KEY)
    return Proof(header.alg, key, thumbprint(key), payload, signature, signed)


class ProofVerifier:
    """Verifies signatures of proofs, and remembers the keys: importing one costs more than using
    it. Ask it only about keys that good tokens are bound to, or strangers fill the memory.

    Parameters:
        algorithms: the allow-list.
        size: how many keys are remembered.
    """

    def __init__(self, algorithms: frozenset[str], size: int) -> None:
        self._algorithms = algorithms
        self._keys: BoundedCache[dict[str, Verify]] = BoundedCache(size)

    def verify(self, proof: Proof) -> dict[str, Any]:
        """The claims of a proof.

        Raises:
            Refused: its key is weak or does not fit its algorithm, the signature is not valid, or
                the claims are no JSON object.
        """
        name = proof.thumbprint.encode("ascii")
        verifiers = self._keys.get(name)
        if verifiers is None:
            try:
                verifiers = verifiers_of_jwk(proof.key, self._algorithms)
            except UnusableKey:
                raise Refused(BAD_PROOF_KEY) from None
            self._keys.put(name, verifiers)
        verify = verifiers.get(proof.alg)
        if verify is None:
            raise Refused(BAD_PROOF_KEY)
        if not verify(proof.signature, proof.signed):
            raise Refused(BAD_PROOF_SIGNATURE)
        try:
            claims = strict_json(decode_segment(proof.payload))
        except (Refused, NotJSON):
            raise Refused(MALFORMED_PROOF) from None
        if type(claims) is not dict:
            raise Refused(MALFORMED_PROOF)
        return claims
