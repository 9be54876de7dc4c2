"""Verification keys: imported one by one, public signature keys only, weak ones refused.

A JWK comes through joserfc, and only with the members that make the key: that keeps its unsound
neighbours (`use: foo`, `x5c`, private parts) from deciding anything. One bad key never spoils the
set. Signatures are then checked by `cryptography` itself.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import load_pem_x509_certificate
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ._algorithms import HMAC, KNOWN
from ._failure import Refused
from ._jws import Header, decode_segment

Verify: TypeAlias = Callable[[bytes, bytes], bool]
PublicKey: TypeAlias = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)

# More keys than any issuer publishes; a longer set is not looked through.
MOST_KEYS = 100

_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth"))
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\Z")
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----")
_HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
_CURVES = {"secp256r1": ("ES256", 256, 32), "secp384r1": ("ES384", 384, 48)}
_CURVES["secp521r1"] = ("ES512", 512, 66)


class UnusableKey(ValueError):
    """This key cannot be trusted to verify signatures. The message holds no key material."""


class Key:
    """One imported key.

    Attributes:
        kid: its name, or None.
        verifiers: a check `(signature, signed) -> bool` for each algorithm it may be used with.
        identity: equal for equal keys, so that a refetch without change is seen as none.
    """

    __slots__ = ("identity", "kid", "verifiers")

    def __init__(self, kid: str | None, verifiers: dict[str, Verify], material: bytes) -> None:
        self.kid = kid
        self.verifiers = verifiers
        self.identity = (kid, tuple(verifiers), hashlib.sha256(material).digest())

    def __repr__(self) -> str:
        return f"<Key {'/'.join(self.verifiers)}>"


class KeySet:
    """The keys trusted at one time: a generation. Immutable but for its memo.

    Attributes:
        algorithms: the allow-list.
        memo: headers that led to a valid signature, with the check that said so.
        skipped: why keys of the source were left out, in words that hold no key material.
    """

    __slots__ = ("_all", "_by_kid", "_nameless", "algorithms", "memo", "skipped")

    def __init__(
        self, keys: Iterable[Key], algorithms: frozenset[str], skipped: Sequence[str] = ()
    ) -> None:
        self._all = tuple(keys)
        self._nameless = tuple(key for key in self._all if key.kid is None)
        by_kid: dict[str, tuple[Key, ...]] = {}
        for key in self._all:
            if key.kid is not None:
                by_kid[key.kid] = (*by_kid.get(key.kid, ()), key)
        self._by_kid = by_kid
        self.algorithms = algorithms
        self.memo: dict[bytes, tuple[Header, Verify]] = {}
        self.skipped = tuple(skipped)

    def __repr__(self) -> str:
        return f"<KeySet of {len(self._all)}>"

    def __len__(self) -> int:
        return len(self._all)

    def candidates(self, kid: str | None) -> tuple[Key, ...]:
        """The keys that a header's `kid` can mean: an exact lookup, and keys without a name."""
        if kid is None:
            return self._all
        return self._by_kid.get(kid, self._nameless)

    def same_as(self, other: KeySet | None) -> bool:
        """Whether the other holds the same keys: then verified tokens stay verified."""
        if other is None:
            return False
        return {key.identity for key in self._all} == {key.identity for key in other._all}


def keys_from_jwks(document: object, algorithms: frozenset[str], *, trusted: bool) -> KeySet:
    """Import a JWK Set (RFC 7517 section 5), or a single JWK, key by key.

    Parameters:
        document: the parsed JSON.
        algorithms: the allow-list; no key verifies anything else.
        trusted: True for the user's own configuration, where a symmetric key may stand and a
            private or weak key is an error to be mended; False for what came over the network,
            where such keys are left out.

    Raises:
        UnusableKey: not a JWK Set; holds keys, but none that is usable; or, if trusted, is empty
            or holds a private, weak or malformed signature key.
    """
    if isinstance(document, Mapping) and "kty" in document:
        document = {"keys": [document]}
    if not isinstance(document, Mapping) or not isinstance(document.get("keys"), (list, tuple)):
        raise UnusableKey("this is no JWK Set: write {'keys': [...]}")
    if len(document["keys"]) > MOST_KEYS:
        raise UnusableKey(f"the JWK Set holds more than {MOST_KEYS} keys")
    keys: list[Key] = []
    skipped: list[str] = []
    for position, jwk in enumerate(document["keys"]):
        try:
            unfit = _unfit(jwk)
            if unfit is not None:
                skipped.append(f"keys[{position}]: {unfit}")
            else:
                keys.append(_key_from_jwk(jwk, algorithms, symmetric=trusted))
        except UnusableKey as error:
            if trusted:
                raise UnusableKey(f"keys[{position}]: {error}") from None
            skipped.append(f"keys[{position}]: {error}")
    if not keys and (trusted or document["keys"]):
        reasons = "; ".join(skipped) or "the set is empty"
        raise UnusableKey(f"no usable public signature key ({reasons})")
    return KeySet(keys, algorithms, skipped)


def keys_from_pem(text: bytes, algorithms: frozenset[str]) -> KeySet:
    """Import every public key and certificate of a PEM text (RFC 7468). They have no `kid`.

    Raises:
        UnusableKey: no key in it, or a private, weak or malformed one.
    """
    keys = []
    for block in _PEM_BLOCK.finditer(text):
        label = block[1]
        if b"PRIVATE KEY" in label:
            raise UnusableKey(
                "this is a private key; give the public part: openssl pkey -in key.pem -pubout"
            )
        try:
            loaded: object
            if label == b"CERTIFICATE":
                loaded = load_pem_x509_certificate(block[0]).public_key()
            else:
                loaded = serialization.load_pem_public_key(block[0])
        except (ValueError, UnsupportedAlgorithm):
            raise UnusableKey("the PEM text holds a block that is no public key") from None
        public = _check_strength(loaded)
        material = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        keys.append(Key(None, _allowed(_verifiers(public), None, algorithms), material))
    if not keys:
        raise UnusableKey("no key in the PEM text: it begins with -----BEGIN PUBLIC KEY-----")
    return KeySet(keys, algorithms)


def _unfit(jwk: object) -> str | None:
    """Why a key is none of ours: not wrong, but for another purpose. None if it is ours."""
    if not isinstance(jwk, Mapping):
        return "not an object"
    if jwk.get("use", "sig") != "sig":
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


def _key_from_jwk(jwk: Mapping[str, Any], algorithms: frozenset[str], *, symmetric: bool) -> Key:
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise UnusableKey("its kid is not a string")
    if jwk["kty"] == "oct":
        if not symmetric:
            raise UnusableKey("a symmetric key does not belong into a public key set")
        secret = _decode(jwk, "k")
        return Key(kid, _allowed(_hmac_verifiers(secret), jwk.get("alg"), algorithms), secret)
    if not _PRIVATE.isdisjoint(jwk):
        raise UnusableKey("it is a private key; publish and configure the public part only")
    curve = jwk.get("crv") if jwk["kty"] != "RSA" else None
    names, load = _IMPORTS[jwk["kty"], curve]
    for name in names:
        _decode(jwk, name)  # joserfc's own decoder passes over stray characters
    members = {name: jwk[name] for name in ("kty", *(("crv",) if curve else ()), *names)}
    if jwk["kty"] == "RSA":
        # Before the import: a modulus without bound would cost it dearly.
        _check_modulus(int.from_bytes(_decode(jwk, "n"), "big").bit_length())
    try:
        public = _check_strength(load(members).public_key)
    except (JoseError, ValueError, KeyError, UnsupportedAlgorithm) as error:
        if isinstance(error, UnusableKey):
            raise
        raise UnusableKey("its numbers are no valid public key") from None
    material = repr(sorted(members.items())).encode()
    return Key(kid, _allowed(_verifiers(public), jwk.get("alg"), algorithms), material)


def _decode(jwk: Mapping[str, Any], name: str) -> bytes:
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


def _allowed(
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


# Strength


def _check_modulus(bits: int) -> None:
    # 2048 bits: RFC 7518 section 3.3. The upper bound keeps one verification cheap.
    if not 2048 <= bits <= 16384:
        raise UnusableKey("an RSA modulus must have 2048 to 16384 bits")


def _check_strength(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey):
        _check_modulus(key.key_size)
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


def _small_order_y() -> frozenset[int]:
    """The y-coordinates of Ed25519's eight points of small order.

    y = 1, -1 and 0 have order 1, 2 and 4; doubling the points of order 8 gives y = 0, which
    happens where d*y^4 + 2*y^2 - 1 = 0 (RFC 8032 section 5.1.4).
    """
    p = _P25519
    ys = {0, 1, p - 1}
    # y^2 = (-1 +- sqrt(1 + d)) / d
    root = _sqrt(1 + _D25519)
    for square in ((-1 + root) * pow(_D25519, -1, p) % p, (-1 - root) * pow(_D25519, -1, p) % p):
        if pow(square, (p - 1) // 2, p) == 1:
            y = _sqrt(square)
            ys |= {y, p - y}
    return frozenset(ys)


def _sqrt(value: int) -> int:
    """A square root modulo 2^255 - 19 of a value that has one (RFC 8032 section 5.1.3)."""
    p = _P25519
    root = pow(value, (p + 3) // 8, p)
    if root * root % p != value % p:
        root = root * pow(2, (p - 1) // 4, p) % p
    return root


_SMALL_25519 = _small_order_y()
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


# Signatures


def _verifiers(key: PublicKey) -> dict[str, Verify]:
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


def _hmac_verifiers(secret: bytes) -> dict[str, Verify]:
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
