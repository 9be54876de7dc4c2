"""Verification keys: imported one by one, public signature keys only, weak ones refused.

A JWK comes through joserfc, and only with the members that make the key: that keeps its unsound
neighbours (`use: foo`, `x5c`, private parts) from deciding anything. One bad key never spoils the
set.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_pem_x509_certificate
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ._algorithms import KNOWN
from ._failure import Refused
from ._jws import Header, decode_segment
from ._signatures import Verify, hmac_verifiers, verifiers_of
from ._strength import UnusableKey, check_modulus, check_strength

# More keys than any issuer publishes; a longer set is not looked through.
MOST_KEYS = 100

_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth"))
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\Z")
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----")


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

    def renamed(self, kid: str) -> Key:
        """The same key under a name."""
        return Key(kid, self.verifiers, self.identity[2])


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
        public = check_strength(loaded)
        material = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        keys.append(Key(None, _allowed(verifiers_of(public), None, algorithms), material))
    if not keys:
        raise UnusableKey("no key in the PEM text: it begins with -----BEGIN PUBLIC KEY-----")
    return KeySet(keys, algorithms)


def _unfit(jwk: object) -> str | None:
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


def _key_from_jwk(jwk: Mapping[str, Any], algorithms: frozenset[str], *, symmetric: bool) -> Key:
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise UnusableKey("its kid is not a string")
    if jwk["kty"] == "oct":
        if not symmetric:
            raise UnusableKey("a symmetric key does not belong into a public key set")
        secret = _decode(jwk, "k")
        return Key(kid, _allowed(hmac_verifiers(secret), jwk.get("alg"), algorithms), secret)
    if not _PRIVATE.isdisjoint(jwk):
        raise UnusableKey("it is a private key; publish and configure the public part only")
    curve = jwk.get("crv") if jwk["kty"] != "RSA" else None
    names, load = _IMPORTS[jwk["kty"], curve]
    for name in names:
        _decode(jwk, name)  # joserfc's own decoder passes over stray characters
    members = {name: jwk[name] for name in ("kty", *(("crv",) if curve else ()), *names)}
    if jwk["kty"] == "RSA":
        # Before the import: a modulus without bound would cost it dearly.
        check_modulus(int.from_bytes(_decode(jwk, "n"), "big").bit_length())
    try:
        public = check_strength(load(members).public_key)
    except (JoseError, ValueError, KeyError, UnsupportedAlgorithm) as error:
        if isinstance(error, UnusableKey):
            raise
        raise UnusableKey("its numbers are no valid public key") from None
    material = repr(sorted(members.items())).encode()
    return Key(kid, _allowed(verifiers_of(public), jwk.get("alg"), algorithms), material)


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
