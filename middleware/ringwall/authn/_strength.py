"""Which public keys are strong enough to be trusted."""

from __future__ import annotations

from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

PublicKey: TypeAlias = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)

_CURVES = frozenset(("secp256r1", "secp384r1", "secp521r1"))


class UnusableKey(ValueError):
    """This key cannot be trusted to verify signatures. The message holds no key material."""


def check_modulus(bits: int) -> None:
    # 2048 bits: RFC 7518 section 3.3. The upper bound keeps one verification cheap.
    if not 2048 <= bits <= 16384:
        raise UnusableKey("an RSA modulus must have 2048 to 16384 bits")


def check_strength(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey):
        check_modulus(key.key_size)
        numbers = key.public_numbers()
        # FIPS 186-5 section 5.1: 2^16 < e, odd. OpenSSL bounds e from above.
        if numbers.e < 65537 or numbers.e % 2 == 0 or numbers.n % 2 == 0:
            raise UnusableKey("an RSA exponent must be odd and at least 65537")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        _check_order(key)
        return key
    raise UnusableKey("only RSA, P-256, P-384, P-521, Ed25519 and Ed448 keys are accepted")


_P25519 = 2**255 - 19
_D25519 = -121665 * pow(121666, -1, _P25519) % _P25519
_P448 = 2**448 - 2**224 - 1


def _sqrt(value: int) -> int:
    """The square root modulo 2^255 - 19, by RFC 8032 section 5.1.3; nonsense if there is none."""
    p = _P25519
    root = pow(value, (p + 3) // 8, p)
    return root if root * root % p == value % p else root * pow(2, (p - 1) // 4, p) % p


# The points of small order have y = 1, -1, 0, or (order 8) d*y^4 + 2*y^2 - 1 = 0: doubling those
# gives y = 0 (RFC 8032 section 5.1.4). Of the two solutions for y^2 one is a square.
_Y8 = _sqrt((-1 - _sqrt(1 + _D25519)) * pow(_D25519, -1, _P25519) % _P25519)
_SMALL_25519 = frozenset({0, 1, _P25519 - 1, _Y8, _P25519 - _Y8})
_SMALL_448 = frozenset({0, 1, _P448 - 1})


def _check_order(key: ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) -> None:
    """Refuse points of small order: anyone can make signatures that they verify."""
    raw = key.public_bytes_raw()
    if isinstance(key, ed25519.Ed25519PublicKey):
        small = (int.from_bytes(raw, "little") & (2**255 - 1)) % _P25519 in _SMALL_25519
    else:
        small = int.from_bytes(raw[:56], "little") % _P448 in _SMALL_448
    if small:
        raise UnusableKey("its point has a small order")
