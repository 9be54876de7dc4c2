"""Who a request speaks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


class Principal:
    """The identity that an authentication layer established for one request. Immutable.

    It satisfies what Starlette expects of `request.user` (`is_authenticated`, `display_name`,
    `identity`) and of `request.auth` (`scopes`). Its `repr` shows no claim value.

    Parameters:
        subject: who, unique within the issuer (RFC 7519 `sub`, or the owner of an API key).
        scheme: how it was proven: "bearer", "apikey", ...
        issuer: who vouches for it (RFC 7519 `iss`); None for local credentials.
        scopes: granted OAuth 2.0 scopes (RFC 6749 section 3.3).
        roles: granted roles.
        claims: every verified claim; read-only.
        credential_id: names the credential without revealing it (key id, hash), for audit.

    >>> alice = Principal("alice", scheme="bearer", scopes={"orders:read"})
    >>> alice.subject, alice.has_scope("orders:read"), alice.is_authenticated
    ('alice', True, True)
    >>> alice
    <Principal scheme='bearer'>
    """

    __slots__ = ("claims", "credential_id", "issuer", "roles", "scheme", "scopes", "subject")

    subject: str
    scheme: str
    issuer: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    claims: Mapping[str, Any]
    credential_id: str | None

    def __init__(
        self,
        subject: str,
        *,
        scheme: str,
        issuer: str | None = None,
        scopes: frozenset[str] | set[str] = frozenset(),
        roles: frozenset[str] | set[str] = frozenset(),
        claims: Mapping[str, Any] = _NO_CLAIMS,
        credential_id: str | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "subject", subject)
        put(self, "scheme", scheme)
        put(self, "issuer", issuer)
        put(self, "scopes", frozenset(scopes))
        put(self, "roles", frozenset(roles))
        put(self, "claims", MappingProxyType(dict(claims)) if claims else _NO_CLAIMS)
        put(self, "credential_id", credential_id)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Principal cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Principal cannot be changed")

    def __repr__(self) -> str:
        return f"<Principal scheme={self.scheme!r}>"

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes

    def has_role(self, role: str) -> bool:
        return role in self.roles

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.subject

    @property
    def identity(self) -> str:
        return self.subject


class Anonymous:
    """What `request.user` and `request.auth` hold in Starlette when nobody is authenticated."""

    __slots__ = ()
    is_authenticated = False
    display_name = ""
    identity = ""
    scopes: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "<Anonymous>"


ANONYMOUS = Anonymous()
