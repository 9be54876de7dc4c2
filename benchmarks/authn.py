"""What `Authentication(JWT(...))` costs over a raw app: a remembered token, and a first RS256.

Beside it a hand-written floor (the same checks with no generality) and PyJWT in Starlette's
AuthenticationMiddleware (ASGI; there is no such peer for WSGI).

Run: python -m benchmarks.authn
"""

from __future__ import annotations

import itertools
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware

from ringwall import JWT, Authentication

from . import requests as r
from .harness import interleaved, overhead, report, run_to_end

ISSUER, AUDIENCE = "https://id.example.com", "https://api.example.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEY.public_key()
JWK = {**RSAKey.import_key(PUBLIC).as_dict(private=False), "kid": "2026-11", "use": "sig"}
TOKENS = 2000


def token(number: int) -> bytes:
    def part(value: Any) -> bytes:
        return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=")

    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 3600}
    claims |= {"jti": str(number), "scope": "orders:read orders:write"}
    signed = part({"alg": "RS256", "typ": "at+jwt", "kid": "2026-11"}) + b"." + part(claims)
    signature = KEY.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return signed + b"." + urlsafe_b64encode(signature).rstrip(b"=")


def verify_by_hand(credential: bytes) -> dict[str, Any]:
    """The floor: one key, one algorithm, the claims that count."""
    if len(credential) > 8192:
        raise ValueError
    head, payload, last = credential.split(b".")
    header = json.loads(urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    if header["alg"] != "RS256" or header["kid"] != "2026-11":
        raise ValueError
    signature = urlsafe_b64decode(last + b"=" * (-len(last) % 4))
    PUBLIC.verify(signature, credential[: -len(last) - 1], padding.PKCS1v15(), hashes.SHA256())
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    now = time.time()
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE or claims["exp"] <= now:
        raise ValueError
    return claims


def floor_asgi(app: Any, cache: dict[bytes, tuple[float, dict[str, Any]]] | None) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                scope["user"] = by_hand(value[7:], cache)
                return await app(scope, receive, send)
        raise ValueError

    return wrapped


def floor_wsgi(app: Any, cache: dict[bytes, tuple[float, dict[str, Any]]] | None) -> Any:
    def wrapped(environ: Any, start_response: Any) -> Any:
        environ["user"] = by_hand(environ["HTTP_AUTHORIZATION"][7:].encode("latin-1"), cache)
        return app(environ, start_response)

    return wrapped


def by_hand(
    credential: bytes, cache: dict[bytes, tuple[float, dict[str, Any]]] | None
) -> dict[str, Any]:
    if cache is None:
        return verify_by_hand(credential)
    digest = sha256(credential).digest()
    entry = cache.get(digest)
    if entry is not None and time.time() < entry[0]:
        return entry[1]
    claims = verify_by_hand(credential)
    cache[digest] = claims["exp"], claims
    return claims


class LocalKeys(pyjwt.PyJWKClient):
    """PyJWT's client for a JWK Set, with the set always at hand."""

    def get_jwk_set(self, refresh: bool = False) -> Any:
        return KEY_SET


KEY_SET = pyjwt.PyJWKSet.from_dict({"keys": [JWK]})


class PyJWTBackend(AuthenticationBackend):
    """As PyJWT's documentation writes it: the key by the token's `kid`, then all claims."""

    def __init__(self) -> None:
        self._keys = LocalKeys("https://id.example.com/jwks.json")

    async def authenticate(self, conn: Any) -> Any:
        credential = conn.headers["authorization"][7:]
        key = self._keys.get_signing_key_from_jwt(credential)
        claims = pyjwt.decode(
            credential, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER
        )
        return AuthCredentials(claims["scope"].split()), SimpleUser(claims["sub"])


def asgi(app: Any, credentials: list[bytes]) -> Any:
    turns = itertools.cycle(credentials)
    others = [pair for pair in r.HEADERS if pair[0] != b"authorization"]

    def work() -> None:
        scope = r.asgi_scope()
        scope["headers"] = [*others, (b"authorization", b"Bearer " + next(turns))]
        run_to_end(app(scope, r.receive, r.send))

    return work


def wsgi(app: Any, credentials: list[bytes]) -> Any:
    turns = itertools.cycle([f"Bearer {each.decode()}" for each in credentials])

    def work() -> None:
        environ = r.wsgi_environ()
        environ["HTTP_AUTHORIZATION"] = next(turns)
        app(environ, r.start_response)

    return work


def layer(**options: Any) -> Authentication:
    return Authentication(JWT(ISSUER, AUDIENCE, keys=JWK, **options))


def main() -> None:
    one, many = [token(0)], [token(number) for number in range(TOKENS)]
    several = Authentication(
        JWT(ISSUER, AUDIENCE, keys=JWK), JWT("https://other.example", AUDIENCE, keys=JWK)
    )
    peer = AuthenticationMiddleware(r.asgi_app, backend=PyJWTBackend())
    for label, drive, app, floor, further in (
        ("ASGI", asgi, r.asgi_app, floor_asgi, {"PyJWT in Starlette": asgi(peer, many)}),
        ("WSGI", wsgi, r.wsgi_app, floor_wsgi, {}),
    ):
        wrap = (lambda x: x.asgi(r.asgi_app)) if label == "ASGI" else (lambda x: x.wsgi(r.wsgi_app))
        samples = interleaved(
            {
                "raw app": drive(app, one),
                "remembered: floor": drive(floor(app, {}), one),
                "remembered: Ringwall": drive(wrap(layer()), one),
                "remembered: Ringwall, two issuers": drive(wrap(several), one),
                "first RS256: floor": drive(floor(app, None), many),
                "first RS256: Ringwall": drive(wrap(layer(cache_size=0)), many),
                **further,
            }
        )
        print(label)
        report(samples, "raw app")
        for kind, goal in (("remembered", 2.0), ("first RS256", 1.3)):
            ours = overhead(samples, f"{kind}: Ringwall", "raw app")
            ratio = ours / overhead(samples, f"{kind}: floor", "raw app")
            print(f"{kind} over its floor: {ratio:.2f} (goal: at most {goal})")
        if further:
            ratio = overhead(samples, "PyJWT in Starlette", "raw app") / overhead(
                samples, "first RS256: Ringwall", "raw app"
            )
            print(f"PyJWT in Starlette over a first RS256: {ratio:.2f} (goal: at least 2.5)")
        print()


if __name__ == "__main__":
    main()
