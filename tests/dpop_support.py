"""DPoP proofs for tests: made by joserfc, and by hand where no decent library would."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from authn_support import AUDIENCE, CLAIMS, ISSUER, NOW, Clock, b64, compact, jwks, key, sign
from ringwall import JWT, Authentication, DPoP

URL = "https://api.example.com/"
ORIGIN = "https://api.example.com"
_numbers = itertools.count()


def jkt(name: str) -> str:
    return str(key(name).thumbprint())


def bound(name: str = "p256", **claims: Any) -> bytes:
    """A token that is bound to a key."""
    return sign({**CLAIMS, "cnf": {"jkt": jkt(name)}, **claims})


def claims_for(token: bytes, **changes: Any) -> dict[str, Any]:
    claims = {
        "jti": f"proof-{next(_numbers)}",
        "htm": "GET",
        "htu": URL,
        "iat": int(NOW),
        "ath": b64(hashlib.sha256(token).digest()).decode(),
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def prove(
    token: bytes,
    *,
    name: str = "p256",
    alg: str = "ES256",
    header: dict[str, Any] | None = None,
    raw: bytes | None = None,
    **changes: Any,
) -> bytes:
    """A proof; `changes` are to its claims, None takes one away; `raw` is the whole payload."""
    payload = compact(claims_for(token, **changes)) if raw is None else raw
    jwk = {n: value for n, value in key(name).as_dict(private=False).items() if n != "kid"}
    merged = {"typ": "dpop+jwt", "jwk": jwk, "kid": None, **(header or {})}
    return sign(payload, alg=alg, name=name, **merged)


def with_proof(token: bytes, *proofs: bytes, scheme: bytes = b"DPoP") -> list[tuple[bytes, bytes]]:
    return [(b"authorization", scheme + b" " + token), *((b"dpop", proof) for proof in proofs)]


def jwt(**options: Any) -> JWT:
    return JWT(ISSUER, AUDIENCE, **{"keys": jwks("rsa"), "clock": Clock(), **options})


def layer(scheme: JWT | None = None, **options: Any) -> Authentication:
    """Both kinds of tokens are accepted, each in its own way."""
    scheme = scheme or jwt()
    options = {"origin": ORIGIN, "clock": Clock(), **options}
    return Authentication(scheme, DPoP(scheme, **options))
