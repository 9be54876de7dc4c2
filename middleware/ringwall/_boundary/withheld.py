"""Proxy headers that no trusted proxy wrote: apps would believe them, so they do not see them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from ..problem import Header

# To an app that speaks CGI, `_` and `-` in a name are the same (HTTP_X_FORWARDED_FOR).
_ALL = rb"(?:(?:x[-_])?forwarded|client[-_]cert|ssl[-_]client)(?:[-_]|\Z)"
# What a proxy says of the client's certificate, but not in a spelling that proxies let through.
_TWINS = rb"|(?=[^_]*_)(?:client[-_]cert|ssl[-_]client)(?:[-_]|\Z)"
# Of the family that counts, other words for the scheme are never read: clients may have sent them.
_OF_PROXIES = {
    "x-forwarded": (
        rb"forwarded(?:[-_]|\Z)|(?=[^_]*_)x[-_]forwarded(?:[-_]|\Z)"
        rb"|x-forwarded-(?:ssl|protocol|scheme)\Z"
    ),
    "forwarded": rb"x[-_]forwarded(?:[-_]|\Z)|forwarded[-_]",
}
_HOST = rb"|x-forwarded-host\Z"


# Clients choose names: few are remembered, and none that is long.
_MOST_OTHERS = 512
_LONGEST_OTHER = 64


class Withheld:
    """The headers that the app shall not see in some requests.

    Names that are none of them are remembered as the server spells them, so that most requests cost
    one look-up a line.
    """

    def __init__(self, pattern: bytes) -> None:
        self._match = re.compile(pattern, re.IGNORECASE).match
        self._others: set[bytes | str] = set()

    def __contains__(self, name: bytes) -> bool:
        return self._match(name) is not None or self._is_other(name)

    def kept(self, lines: Sequence[Header]) -> Sequence[Header]:
        """The lines without those of these headers: the same object where there are none."""
        others = self._others
        for line in lines:
            if line[0] not in others and line[0] in self:
                return [line for line in lines if line[0] in others or line[0] not in self]
        return lines

    def variables(self, environ: Mapping[str, object]) -> list[str]:
        """The variables that hold these headers."""
        if self._others.issuperset(environ):
            return []
        return [key for key in environ if key not in self._others and self._is_variable(key)]

    def _is_variable(self, key: str) -> bool:
        name = key[5:].replace("_", "-").encode("latin-1", "replace")
        if key[:5] == "HTTP_" and self._match(name) is not None:
            return True
        return self._is_other(key)

    def _is_other(self, name: bytes | str) -> Literal[False]:
        if len(name) <= _LONGEST_OTHER:
            if len(self._others) >= _MOST_OTHERS:
                self._others.clear()
            self._others.add(name)
        return False


def withheld(family: str, host: bool) -> tuple[Withheld, Withheld]:
    """For a header family, and whether the proxies vouch for the host: what is withheld in a
    request of anybody, and in one of a trusted proxy.

    >>> strangers, proxies = withheld("x-forwarded", host=False)
    >>> [name in proxies for name in (b"x-forwarded-for", b"x_forwarded_for", b"forwarded")]
    [False, True, True]
    >>> b"x-forwarded-for" in strangers
    True
    """
    pattern = _OF_PROXIES[family] + _TWINS
    if family == "x-forwarded" and not host:
        pattern += _HOST
    return Withheld(_ALL), Withheld(pattern)
