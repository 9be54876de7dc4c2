"""The world that all stacks are compared in: one issuer's token, one client's key, orders."""

from __future__ import annotations

import json
import os
import time
from base64 import urlsafe_b64encode
from typing import Any, cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey

ISSUER, AUDIENCE = "https://id.example.com", "https://api.example.com"
HOST = "api.example.com"
_PEM = os.environ.get("RINGWALL_BENCHMARK_KEY")
KEY = (
    cast("rsa.RSAPrivateKey", serialization.load_pem_private_key(_PEM.encode(), None))
    if _PEM
    else rsa.generate_private_key(public_exponent=65537, key_size=2048)
)
PUBLIC = KEY.public_key()
JWK = {**RSAKey.import_key(PUBLIC).as_dict(private=False), "kid": "2026-11", "use": "sig"}
HSTS = "max-age=63072000; includeSubDomains"
ORDERS = {1001: {"id": 1001, "owner": "alice"}, 1002: {"id": 1002, "owner": "bob"}}
ORDER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "customer": {"type": "string", "minLength": 1, "maxLength": 80},
        "email": {"type": "string", "maxLength": 120},
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "note": {"type": "string", "maxLength": 400},
        "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {
                "type": "object",
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z0-9-]{3,20}$"},
                    "name": {"type": "string", "maxLength": 80},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "price": {"type": "number", "minimum": 0},
                },
                "required": ["sku", "quantity", "price"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["customer", "currency", "items"],
    "additionalProperties": False,
}
ORDER = json.dumps(
    {
        "customer": "Alice Example",
        "email": "alice@example.com",
        "currency": "EUR",
        "note": "Please ring twice; the bell is quiet. " * 4,
        "items": [
            {"sku": f"TEA-{number:04d}", "name": "Darjeeling", "quantity": number, "price": 9.75}
            for number in range(1, 10)
        ],
    }
).encode()

# As browsers write JSON: without spaces. It has twice as many values in as many bytes.
COMPACT_ORDER = json.dumps(
    {
        "customer": "Alice Example",
        "email": "alice@example.com",
        "currency": "EUR",
        "items": [
            {"sku": f"TEA-{number:04d}", "quantity": number, "price": 9.75}
            for number in range(1, 22)
        ],
    },
    separators=(",", ":"),
).encode()


def token(number: int = 0, *, now: float | None = None) -> bytes:
    """A signed RS256 access token, valid for a day; each number gives another one."""
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "jti": str(number),
        "iat": issued,
        "exp": issued + 86400,
        "client_id": "shop",
        "scope": "orders:read orders:write",
        "roles": ["customer"],
    }
    signed = _part({"alg": "RS256", "typ": "at+jwt", "kid": "2026-11"}) + b"." + _part(claims)
    signature = KEY.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return signed + b"." + _base64(signature)


def key_as_pem() -> str:
    """The issuer's key, for the processes that serve: all must know the same one."""
    return KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _part(value: Any) -> bytes:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
