"""One JSON Web Key (RFC 7517): what it is for, and its public key.

It comes through joserfc, and only with the members that make the key: that keeps its unsound
neighbours (`use: foo`, `x5c`, private parts) from deciding anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ._algorithms import KNOWN
from ._failure import Refused
from ._jws import decode_segment
from ._signatures import Verify, verifiers_of
from ._strength import PublicKey, UnusableKey, check_modulus, check_strength

PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth"))
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\Z")


def unfit(jwk: object) -> str | None:
    """Why a key is none of ours: not wrong, but for another purpose. None if it is ours."""
    if not isinstance(jwk, Mapping):
        return "not an object"
    if jwk.get("use", "sig") not in ("sig", "jwt-svid"):  # the second: SPIFFE trust bundles
        return "not for signatures"
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, (list, tuple)) or "verify" not in operations:
        return "not for verification"
    alg = jwk.get("alg", "RS256")
    if not isinstance(alg, str) or alg not in KNOWN:
        return "for another algorithm"
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if kty == "RSA" or kty == "oct":
        return None
    if isinstance(kty, str) and isinstance(crv, str) and (kty, crv) in _IMPORTS:
        return None
    return "of another type"


def verifiers_of_jwk(jwk: Mapping[str, Any], algorithms: frozenset[str]) -> dict[str, Verify]:
    """What a public JWK, whoever sent it, can verify.

    Raises:
        UnusableKey: malformed or weak, of another type, or it fits none of the algorithms.
    """
    if unfit(jwk) is not None or jwk.get("kty") == "oct":
        raise UnusableKey("of another type")
    return narrow(verifiers_of(public_key(jwk)[1]), None, algorithms)


def public_key(jwk: Mapping[str, Any]) -> tuple[dict[str, Any], PublicKey]:
    """The members that make a key that is `unfit` for nothing, and the key.

    Raises:
        UnusableKey: malformed or weak.
    """
    curve = jwk.get("crv") if jwk["kty"] != "RSA" else None
    names, load = _IMPORTS[jwk["kty"], curve]
    for name in names:
        decode_member(jwk, name)  # joserfc's own decoder passes over stray characters
    members = {name: jwk[name] for name in ("kty", *(("crv",) if curve else ()), *names)}
    if jwk["kty"] == "RSA":
        # Before the import: a modulus without bound would cost it dearly.
        check_modulus(int.from_bytes(decode_member(jwk, "n"), "big").bit_length())
    try:
        public = check_strength(load(members).public_key)
    except (JoseError, ValueError, KeyError, UnsupportedAlgorithm) as error:
        if isinstance(error, UnusableKey):
            raise
        raise UnusableKey("its numbers are no valid public key") from None
    return members, public


def decode_member(jwk: Mapping[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str) or not _BASE64URL.match(value):
        raise UnusableKey(f"its member {name!r} is missing or not base64url")
    try:
        return decode_segment(value.encode("ascii"))
    except Refused:
        raise UnusableKey(f"its member {name!r} is missing or not base64url") from None


_IMPORTS: dict[tuple[str, str | None], tuple[tuple[str, ...], Callable[[Any], Any]]] = {
    ("RSA", None): (("n", "e"), RSAKey.import_key),
    ("EC", "P-256"): (("x", "y"), ECKey.import_key),
    ("EC", "P-384"): (("x", "y"), ECKey.import_key),
    ("EC", "P-521"): (("x", "y"), ECKey.import_key),
    ("OKP", "Ed25519"): (("x",), OKPKey.import_key),
    ("OKP", "Ed448"): (("x",), OKPKey.import_key),
}


def narrow(
    verifiers: dict[str, Verify], alg: str | None, algorithms: frozenset[str]
) -> dict[str, Verify]:
    """Narrow a key to its own `alg` and to the allow-list."""
    if alg is not None and alg not in verifiers:
        raise UnusableKey(f"its type and its alg {alg!r} do not go together")
    # An Ed25519 key marked with the general name may sign under the specific one, and the other
    # way round: they are one algorithm (RFC 9864).
    same = {"EdDSA", "Ed25519", "Ed448"}
    kept = {
        name: verify
        for name, verify in verifiers.items()
        if name in algorithms and (alg in (None, name) or (alg in same and name in same))
    }
    if not kept:
        raise UnusableKey("it fits none of the allowed algorithms")
    return kept
