"""Checking signatures (RFC 7518 section 3.1, RFC 8037, RFC 9864) with `cryptography` itself."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ._algorithms import HMAC
from ._strength import PublicKey, UnusableKey

Verify: TypeAlias = Callable[[bytes, bytes], bool]

_HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
_CURVES = {
    "secp256r1": ("ES256", 256, 32),
    "secp384r1": ("ES384", 384, 48),
    "secp521r1": ("ES512", 512, 66),
}


def verifiers_of(key: PublicKey) -> dict[str, Verify]:
    """The checks a key can do, by algorithm name (RFC 7518 section 3.1, RFC 8037, RFC 9864)."""
    if isinstance(key, rsa.RSAPublicKey):
        checks = {}
        for bits, digest in _HASHES.items():
            # RFC 7518 section 3.5: the salt is as long as the hash, and the mask uses the same.
            pss = padding.PSS(padding.MGF1(digest), salt_length=digest.digest_size)
            checks[f"RS{bits}"] = _rsa(key, padding.PKCS1v15(), digest)
            checks[f"PS{bits}"] = _rsa(key, pss, digest)
        return checks
    if isinstance(key, ec.EllipticCurvePublicKey):
        name, bits, size = _CURVES[key.curve.name]
        return {name: _ecdsa(key, _HASHES[bits], size)}
    verify = _eddsa(key)
    specific = "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"
    return {"EdDSA": verify, specific: verify}


def _rsa(
    key: rsa.RSAPublicKey, pad: padding.AsymmetricPadding, digest: hashes.HashAlgorithm
) -> Verify:
    check = key.verify

    def verify(signature: bytes, signed: bytes) -> bool:
        try:
            check(signature, signed, pad, digest)
        except InvalidSignature:
            return False
        return True

    return verify


def _ecdsa(key: ec.EllipticCurvePublicKey, digest: hashes.HashAlgorithm, size: int) -> Verify:
    check = key.verify
    algorithm = ec.ECDSA(digest)

    def verify(signature: bytes, signed: bytes) -> bool:
        # RFC 7518 section 3.4: r and s, each of full length; DER is not accepted.
        if len(signature) != 2 * size:
            return False
        r = int.from_bytes(signature[:size], "big")
        s = int.from_bytes(signature[size:], "big")
        try:
            check(encode_dss_signature(r, s), signed, algorithm)
        except InvalidSignature:
            return False
        return True

    return verify


def _eddsa(key: ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) -> Verify:
    check = key.verify

    def verify(signature: bytes, signed: bytes) -> bool:
        try:
            check(signature, signed)
        except InvalidSignature:
            return False
        return True

    return verify


def hmac_verifiers(secret: bytes) -> dict[str, Verify]:
    # A public key as HMAC secret is the classic confusion: everyone knows that "secret".
    if secret.startswith((b"-----BEGIN", b"ssh-", b"ecdsa-")):
        raise UnusableKey("a public key cannot be an HMAC secret")
    # RFC 7518 section 3.2: at least as long as the hash.
    checks = {
        name: _hmac(secret, f"sha{bits}") for name, bits in HMAC.items() if len(secret) * 8 >= bits
    }
    if not checks:
        raise UnusableKey("an HMAC secret needs 32 bytes or more (RFC 7518 section 3.2)")
    return checks


def _hmac(secret: bytes, digest: str) -> Verify:
    def verify(signature: bytes, signed: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(secret, signed, digest), signature)

    return verify
