"""Access tokens and API keys, as users check them elsewhere: each verifies on every request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

from .. import requests as r
from .. import world
from ..lab import Made
from . import these

Verify = Callable[[str], dict[str, Any]]
"""A token's claims; raises where it is not good."""


def tokens(interface: str) -> list[Made]:
    """JSON Web Tokens, RS256."""
    if interface == "WSGI":
        return these(
            ("PyJWT in Flask", ("flask", "jwt"), _flask_pyjwt),
            ("flask-jwt-extended", ("flask_jwt_extended",), _flask_jwt_extended),
            ("Authlib ResourceProtector", ("flask", "authlib"), _resource_protector),
        )
    return these(
        ("PyJWT in Starlette", ("starlette", "jwt"), lambda: _starlette("PyJWT", with_pyjwt())),
        (
            "PyJWT, keys by kid, in Starlette",
            ("starlette", "jwt"),
            lambda: _starlette("PyJWT, keys by kid,", with_pyjwt_keys()),
        ),
        (
            "joserfc in Starlette",
            ("starlette", "joserfc"),
            lambda: _starlette("joserfc", with_joserfc()),
        ),
    )


def api_keys(interface: str, digest: bytes) -> list[Made]:
    """A key in a header, compared by its SHA-256 with the one that is known."""
    if interface == "WSGI":
        return []

    def verify(key: str) -> dict[str, Any]:
        found = hashlib.sha256(key.encode()).digest()
        if not hmac.compare_digest(found, digest):
            raise ValueError
        return {"sub": "alice", "scope": "orders:read"}

    name = "Starlette Authentication, SHA-256"
    return these((name, ("starlette",), lambda: [(name, "peer", backed(verify), "bare")]))


def backed(verify: Verify, app: Any = r.asgi_app) -> Any:
    """Starlette's AuthenticationMiddleware; a verified token's claims become its user."""
    from starlette.authentication import (
        AuthCredentials,
        AuthenticationBackend,
        AuthenticationError,
        SimpleUser,
    )
    from starlette.middleware.authentication import AuthenticationMiddleware

    class Backend(AuthenticationBackend):
        async def authenticate(self, conn: Any) -> Any:
            try:
                claims = verify(conn.headers["authorization"].partition(" ")[2])
            except Exception as error:
                raise AuthenticationError("invalid token") from error
            return AuthCredentials(claims["scope"].split()), SimpleUser(claims["sub"])

    return AuthenticationMiddleware(app, backend=Backend())


def with_pyjwt() -> Verify:
    """As an expert tunes it: the key at hand, not looked up by the token's `kid`."""
    import jwt

    def verify(credential: str) -> dict[str, Any]:
        return jwt.decode(  # type: ignore[no-any-return, unused-ignore]
            credential,
            world.PUBLIC,
            algorithms=["RS256"],
            audience=world.AUDIENCE,
            issuer=world.ISSUER,
        )

    return verify


def with_pyjwt_keys() -> Verify:
    """As its documentation writes it for the keys of an issuer: the key by the token's `kid`, from
    a JWK Set, which is at hand here."""
    import jwt

    keys = jwt.PyJWKSet.from_dict({"keys": [world.JWK]})

    class Client(jwt.PyJWKClient):
        def get_jwk_set(self, refresh: bool = False) -> Any:
            return keys

    client = Client("https://id.example.com/jwks.json")

    def verify(credential: str) -> dict[str, Any]:
        return jwt.decode(  # type: ignore[no-any-return, unused-ignore]
            credential,
            client.get_signing_key_from_jwt(credential),
            algorithms=["RS256"],
            audience=world.AUDIENCE,
            issuer=world.ISSUER,
        )

    return verify


def with_joserfc() -> Verify:
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    key = RSAKey.import_key(world.JWK)
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": world.ISSUER},
        aud={"essential": True, "value": world.AUDIENCE},
        exp={"essential": True},
    )

    def verify(credential: str) -> dict[str, Any]:
        claims = jwt.decode(credential, key, algorithms=["RS256"]).claims
        registry.validate(claims)
        return claims

    return verify


def _starlette(name: str, verify: Verify) -> Iterator[Made]:
    yield f"{name} in Starlette", "peer", backed(verify), "bare"


def _flask(protect: Callable[[Any], Any]) -> Any:
    from flask import Flask

    app = Flask("bench")

    def order(order_id: int) -> dict[str, Any]:
        return {}

    app.add_url_rule("/v1/orders/<int:order_id>", "order", protect(order))
    return app


def _flask_pyjwt() -> Iterator[Made]:
    from flask import g, request

    verify = with_pyjwt()

    def protect(view: Any) -> Any:
        def checked(**values: Any) -> Any:
            g.claims = verify(request.headers["Authorization"][7:])
            return view(**values)

        return checked

    yield "Flask, bare", "bare", _flask(lambda view: view), ""
    yield "PyJWT in Flask", "peer", _flask(protect), "Flask, bare"


def _flask_jwt_extended() -> Iterator[Made]:
    from flask_jwt_extended import JWTManager, jwt_required

    app = _flask(jwt_required())
    app.config |= {
        "JWT_ALGORITHM": "RS256",
        "JWT_PUBLIC_KEY": world.PUBLIC,
        "JWT_DECODE_AUDIENCE": world.AUDIENCE,
        "JWT_DECODE_ISSUER": world.ISSUER,
    }

    manager = JWTManager(app)
    # Its own tokens say "access" in a claim of their own; those of an OAuth server don't.
    manager.token_verification_loader(lambda header, claims: True)
    yield "flask-jwt-extended", "peer", app, "Flask, bare"


def _resource_protector() -> Iterator[Made]:
    from authlib.integrations.flask_oauth2 import ResourceProtector
    from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
    from joserfc.jwk import KeySet

    keys = KeySet.import_key_set({"keys": [world.JWK]})

    class Validator(JWTBearerTokenValidator):  # type: ignore[misc, unused-ignore]
        def get_jwks(self) -> Any:
            return keys

    protect = ResourceProtector()
    protect.register_token_validator(Validator(world.ISSUER, world.AUDIENCE))
    yield "Authlib ResourceProtector", "peer", _flask(protect("orders:read")), "Flask, bare"
