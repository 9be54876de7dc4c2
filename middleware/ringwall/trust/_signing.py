"""Signing keys: one algorithm for each kind of key, and never a shared secret."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._errors import ConfigurationError, MissingDependency


class SigningKey:
    """A private key, its algorithm, and its public half. Its `repr` shows neither.

    Parameters:
        given: a private key in PEM (text or bytes), the path of one, or a key of `cryptography`:
            EC on P-256 (ES256), Ed25519 (EdDSA), or RSA of at least 2048 bits (PS256).

    Raises:
        ConfigurationError: it is no such key.
        MissingDependency: cryptography is not installed.
    """

    __slots__ = ("_sign", "algorithm", "kid", "public")

    def __init__(self, given: Any) -> None:
        try:
            from cryptography.hazmat.primitives import hashes, serialization
            from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
        except ModuleNotFoundError:
            raise MissingDependency("cryptography", "jwt", "InternalToken") from None
        key = given
        if isinstance(given, (str, bytes, os.PathLike)):
            try:
                key = serialization.load_pem_private_key(_pem(given), password=None)
            except (ValueError, TypeError, OSError):
                raise ConfigurationError(
                    "key= is no private key in PEM without a password, nor the path of one"
                ) from None
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            self.algorithm, point = "ES256", key.public_key().public_numbers()
            jwk = {
                "crv": "P-256",
                "kty": "EC",
                "x": _number(point.x, 32),
                "y": _number(point.y, 32),
            }
            algorithm, private = ec.ECDSA(hashes.SHA256()), key

            def sign(data: bytes) -> bytes:
                r, s = utils.decode_dss_signature(private.sign(data, algorithm))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")

            self._sign: Callable[[bytes], bytes] = sign
        elif isinstance(key, ed25519.Ed25519PrivateKey):
            raw = key.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw
            )
            self.algorithm, self._sign = "EdDSA", key.sign
            jwk = {"crv": "Ed25519", "kty": "OKP", "x": encoded(raw)}
        elif isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
            numbers, rsa_key = key.public_key().public_numbers(), key
            self.algorithm = "PS256"
            jwk = {
                "e": _number(numbers.e, (numbers.e.bit_length() + 7) // 8),
                "kty": "RSA",
                "n": _number(numbers.n, key.key_size // 8),
            }
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            self._sign = lambda data: rsa_key.sign(data, pss, hashes.SHA256())
        else:
            raise ConfigurationError(
                "key= takes a private key: EC on P-256, Ed25519, or RSA of at least 2048 bits"
            )
        # RFC 7638: the thumbprint of the required members, in order, without spaces.
        thumb = json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode("ascii")
        self.kid = encoded(hashlib.sha256(thumb).digest())
        self.public = {**jwk, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def __repr__(self) -> str:
        return f"<SigningKey {self.algorithm}>"

    def sign(self, data: bytes) -> bytes:
        return self._sign(data)


def encoded(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _number(value: int, size: int) -> str:
    return encoded(value.to_bytes(size, "big"))


def _pem(given: str | bytes | os.PathLike[str]) -> bytes:
    if isinstance(given, bytes):
        return given
    if isinstance(given, str) and "-----BEGIN" in given:
        return given.encode("ascii")
    return Path(given).read_bytes()
