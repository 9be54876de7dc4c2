"""From the claims of a good token to who it speaks for, and what that may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from .._errors import ConfigurationError
from ..principal import Principal
from ._claims import BAD_CLAIMS, MISSING_CLAIM, text
from ._failure import Refused

# A claim's name, or the path to one inside objects: ("realm_access", "roles").
Claim: TypeAlias = "str | tuple[str, ...]"


class Grants:
    """Reads the subject, the scopes and the roles.

    Parameters: as of `JWT`. All are checked here.
    """

    __slots__ = ("_roles", "_scopes", "_subject")

    def __init__(
        self, subject: str, scopes: Claim | list[Claim], roles: Claim | list[Claim]
    ) -> None:
        self._subject = text("subject", subject)
        self._scopes = _claims("scopes", scopes)
        self._roles = _claims("roles", roles)

    def principal(
        self, claims: Mapping[str, Any], *, scheme: str, issuer: str | None, credential_id: str
    ) -> Principal:
        """Who a token with these claims speaks for.

        Raises:
            Refused: they name nobody.
        """
        subject = claims.get(self._subject)
        if subject is None:
            raise Refused(MISSING_CLAIM)
        if type(subject) is not str or not subject:
            raise Refused(BAD_CLAIMS)
        return Principal(
            subject,
            scheme=scheme,
            issuer=issuer,
            # A string separated by spaces (RFC 8693 section 4.2), or a list.
            scopes=_names(claims, self._scopes, split=True),
            # A list; a string is one role, whatever spaces it holds.
            roles=_names(claims, self._roles, split=False),
            claims={name: freeze(value) for name, value in claims.items()},
            credential_id=credential_id,
        )


def freeze(value: Any) -> Any:
    """The same JSON value, unchangeable: a verified token is shared by many requests.

    >>> freeze({"roles": ["a"]})
    mappingproxy({'roles': ('a',)})
    """
    if type(value) is dict:
        return MappingProxyType({name: freeze(member) for name, member in value.items()})
    if type(value) is list:
        return tuple([freeze(member) for member in value])
    return value


def _names(
    claims: Mapping[str, Any], sources: tuple[tuple[str, ...], ...], *, split: bool
) -> frozenset[str]:
    granted: set[str] = set()
    for path in sources:
        value: Any = claims.get(path[0])
        for name in path[1:]:
            value = value.get(name) if isinstance(value, Mapping) else None
        if type(value) is str:
            granted.update(value.split(" ") if split else (value,))
        elif type(value) is list:
            # What is no name grants nothing.
            granted.update([name for name in value if type(name) is str])
    granted.discard("")
    return frozenset(granted)


def _claims(name: str, value: Claim | list[Claim]) -> tuple[tuple[str, ...], ...]:
    sources = value if isinstance(value, list) else [value]
    paths = [(source,) if isinstance(source, str) else tuple(source) for source in sources]
    for path in paths:
        for part in path:
            text(name, part)
        if not path:
            raise ConfigurationError(f"{name} holds an empty path")
    return tuple(paths)
