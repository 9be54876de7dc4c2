"""What the floors share: each check by hand, for one configuration, with no generality.

They refuse what the layers refuse (a name twice in a body, a second Host, an expired token) and
their memory is bounded, or they would not do the same work. They cut every corner that an expert
could defend for one app: one issuer, one key, one rate, two routes, no error texts, nothing that is
configured. They are yardsticks, not products.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from hashlib import sha256
from hmac import compare_digest
from threading import Lock
from typing import Any

import jsonschema_rs
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from . import world

MOST = 100_000
"""Entries of a cache or a table of clients."""


class Refused(Exception):
    """The floors are only ever measured on requests that pass."""


def token_verified(credential: bytes) -> dict[str, Any]:
    """One issuer, one key, one algorithm, the claims that count."""
    if len(credential) > 8192:
        raise Refused
    head, payload, last = credential.split(b".")
    header = json.loads(urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    if header["alg"] != "RS256" or header["kid"] != "2026-11":
        raise Refused
    signature = urlsafe_b64decode(last + b"=" * (-len(last) % 4))
    signed = credential[: -len(last) - 1]
    world.PUBLIC.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    now = time.time()
    if claims["iss"] != world.ISSUER or claims["aud"] != world.AUDIENCE or claims["exp"] <= now:
        raise Refused
    claims["scopes"] = frozenset(claims["scope"].split())
    claims["credential"] = sha256(claims["jti"].encode()).hexdigest()[:32]
    return claims


class Tokens:
    """Verified tokens, remembered by their SHA-256."""

    def __init__(self, *, remember: bool = True) -> None:
        self._known: dict[bytes, tuple[float, dict[str, Any]]] = {}
        self._remember = remember

    def principal(self, credential: bytes) -> dict[str, Any]:
        if not self._remember:
            return token_verified(credential)
        digest = sha256(credential).digest()
        entry = self._known.get(digest)
        if entry is not None and time.time() < entry[0]:
            return entry[1]
        claims = token_verified(credential)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[digest] = claims["exp"], claims
        return claims


class Keys:
    """API keys by their id, which stands behind a prefix of three; of each the SHA-256 is known."""

    def __init__(self, digests: dict[str, bytes]) -> None:
        self._known = {id.encode(): (digest, {"sub": "alice"}) for id, digest in digests.items()}

    def principal(self, key: bytes) -> dict[str, str]:
        entry = self._known.get(key[3:15])
        if entry is None or not compare_digest(sha256(key).digest(), entry[0]):
            raise Refused
        return entry[1]


class Bucket:
    """GCRA for one rate, in integer nanoseconds; with a lock where threads may ask at once."""

    def __init__(self, quota: int, seconds: int, *, threads: bool) -> None:
        self.quota, self.window = quota, seconds * 1_000_000_000
        self._step = self.window // quota
        self._states: dict[str, int] = {}
        self._lock = Lock()
        self.left = self._locked if threads else self._left

    def _locked(self, key: str) -> int:
        with self._lock:
            return self._left(key)

    def _left(self, key: str) -> int:
        """Take one; returns how many are left."""
        now = time.monotonic_ns()
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= MOST:
                self._sweep(now)
            state = now
        elif state < now:
            state = now
        if state + self._step - now > self.window:
            raise Refused
        self._states[key] = state = state + self._step
        return (self.window - state + now) // self._step

    def _sweep(self, now: int) -> None:
        for key in [key for key, state in self._states.items() if state < now]:
            del self._states[key]
        if len(self._states) >= MOST:
            raise Refused


def authorized(method: str, path: str, principal: dict[str, Any]) -> str:
    """Two rules: the owner reads an order, whoever may write makes one. Returns the route."""
    if path.startswith("/v1/orders/") and method == "GET":
        text = path[11:]
        if not (text.isascii() and text.isdigit()) or text[0] == "0":
            raise Refused
        order = world.ORDERS.get(int(text))
        if "orders:read" not in principal["scopes"] or order is None:
            raise Refused
        if order["owner"] != principal["sub"]:
            raise Refused
        return "/v1/orders/{order_id}"
    if path != "/v1/orders" or method != "POST" or "orders:write" not in principal["scopes"]:
        raise Refused
    return "/v1/orders"


_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_is_valid = jsonschema_rs.Draft202012Validator(world.ORDER_SCHEMA, validate_formats=True).is_valid
_DEEPEST = 64


def body_typed(body: bytes) -> Any:
    """What the schema says, and no more: a name may stand twice, and the last one counts."""
    value = _decode(body)
    if not _is_valid(value):
        raise Refused
    return value


def body_valid(body: bytes) -> Any:
    """Strict JSON: not too deep, no name twice (two parsers would read it differently)."""
    # No deeper than it has brackets, and no name twice if all colons are there again.
    if b"\\" in body or body.count(b"{") + body.count(b"[") > _DEEPEST:
        raise Refused
    value = _decode(body)
    if _encode(value).count(b":") != body.count(b":") or not _is_valid(value):
        raise Refused
    return value
