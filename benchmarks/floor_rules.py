"""What the floors share: each check by hand, for one configuration, with no generality.

They cut every corner that an expert could defend for one app: no second issuer, no error texts, no
limits on caches. They are yardsticks, not products.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from hashlib import sha256
from typing import Any

import jsonschema_rs
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from . import world
from .floor_audit import Trail as Trail


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
        self._known[digest] = claims["exp"], claims
        return claims


class Bucket:
    """GCRA for one rate, in integer nanoseconds."""

    def __init__(self, quota: int, seconds: int) -> None:
        self.quota, self.window = quota, seconds * 1_000_000_000
        self._step = self.window // quota
        self._states: dict[str, int] = {}

    def left(self, key: str) -> int:
        """Take one; returns how many are left."""
        now = time.monotonic_ns()
        state = self._states.get(key, now)
        if state < now:
            state = now
        if state + self._step - now > self.window:
            raise Refused
        self._states[key] = state = state + self._step
        return (self.window - state + now) // self._step


def authorized(method: str, path: str, principal: dict[str, Any]) -> None:
    """Two rules: the owner reads an order, whoever may write makes one."""
    if path.startswith("/v1/orders/") and method == "GET":
        text = path[11:]
        if not (text.isascii() and text.isdigit()) or text[0] == "0":
            raise Refused
        order = world.ORDERS.get(int(text))
        if "orders:read" not in principal["scopes"] or order is None:
            raise Refused
        if order["owner"] != principal["sub"]:
            raise Refused
    elif path != "/v1/orders" or "orders:write" not in principal["scopes"]:
        raise Refused


_decode = msgspec.json.Decoder().decode
_is_valid = jsonschema_rs.Draft202012Validator(world.ORDER_SCHEMA, validate_formats=True).is_valid


def body_valid(body: bytes) -> Any:
    value = _decode(body)
    if not _is_valid(value):
        raise Refused
    return value
