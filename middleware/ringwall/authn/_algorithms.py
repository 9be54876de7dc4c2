"""The signature algorithms of JSON Web Algorithms (RFC 7518, RFC 8037, RFC 9864)."""

from __future__ import annotations

from collections.abc import Iterable

from .._errors import ConfigurationError, did_you_mean

HMAC = {"HS256": 256, "HS384": 384, "HS512": 512}
ASYMMETRIC = frozenset(
    (
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
    )
)
KNOWN = ASYMMETRIC | HMAC.keys()


def check_algorithms(algorithms: Iterable[str]) -> frozenset[str]:
    """The allow-list as a set.

    >>> sorted(check_algorithms(["RS256", "ES256"]))
    ['ES256', 'RS256']
    >>> check_algorithms(["RS265"])
    Traceback (most recent call last):
    ringwall.ConfigurationError: unknown algorithm 'RS265'; did you mean 'RS256'?
    """
    if isinstance(algorithms, str):
        raise ConfigurationError(f"algorithms is a list: write algorithms=[{algorithms!r}]")
    allowed = frozenset(algorithms)
    if not allowed:
        raise ConfigurationError("algorithms is empty: name at least one, such as 'RS256'")
    for name in sorted(allowed, key=str):
        if isinstance(name, str) and name.lower() == "none":
            raise ConfigurationError("the algorithm 'none' means no signature; it is never allowed")
        if name not in KNOWN:
            raise ConfigurationError(f"unknown algorithm {name!r}" + did_you_mean(str(name), KNOWN))
    return allowed
