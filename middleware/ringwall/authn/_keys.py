"""Verification keys: imported one by one, public signature keys only, weak ones refused.

One bad key never spoils the set.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_pem_x509_certificate

from ._jwk import PRIVATE, decode_member, narrow, public_key, unfit
from ._jws import Header
from ._signatures import Verify, hmac_verifiers, verifiers_of
from ._strength import UnusableKey, check_strength

# More keys than any issuer publishes; a longer set is not looked through.
MOST_KEYS = 100

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
        self.algorithms: frozenset[str] = algorithms
        self.memo: dict[bytes, tuple[Header, Verify]] = {}
        self.skipped: tuple[str, ...] = tuple(skipped)

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
            reason = unfit(jwk)
            if reason is not None:
                skipped.append(f"keys[{position}]: {reason}")
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
        keys.append(Key(None, narrow(verifiers_of(public), None, algorithms), material))
    if not keys:
        raise UnusableKey("no key in the PEM text: it begins with -----BEGIN PUBLIC KEY-----")
    return KeySet(keys, algorithms)


def _key_from_jwk(jwk: Mapping[str, Any], algorithms: frozenset[str], *, symmetric: bool) -> Key:
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise UnusableKey("its kid is not a string")
    if jwk["kty"] == "oct":
        if not symmetric:
            raise UnusableKey("a symmetric key does not belong into a public key set")
        secret = decode_member(jwk, "k")
        return Key(kid, narrow(hmac_verifiers(secret), jwk.get("alg"), algorithms), secret)
    if not PRIVATE.isdisjoint(jwk):
        raise UnusableKey("it is a private key; publish and configure the public part only")
    members, public = public_key(jwk)
    material = repr(sorted(members.items())).encode()
    return Key(kid, narrow(verifiers_of(public), jwk.get("alg"), algorithms), material)
