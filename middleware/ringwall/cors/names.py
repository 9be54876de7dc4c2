"""Methods and header names that the layer is configured with."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._errors import ConfigurationError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110 section 5.6.2
_FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})  # Fetch Standard


def listed(entries: Iterable[str], parameter: str) -> list[str]:
    """The entries as a list, where they are one.

    Raises:
        ConfigurationError: they are a string, which is a list of letters, or no list of strings.
    """
    if isinstance(entries, (str, bytes)):
        raise ConfigurationError(f"CORS: {parameter}= takes a list: {parameter}=[{entries!r}]")
    try:
        found = list(entries)
    except TypeError:
        raise ConfigurationError(f"CORS: {parameter}= takes a list of strings") from None
    for entry in found:
        if not isinstance(entry, str):
            raise ConfigurationError(
                f"CORS: {parameter}= takes strings, not {type(entry).__name__!r}"
            )
    return found


def tokens(names: Iterable[str], parameter: str) -> tuple[str, ...]:
    """Names as HTTP has them.

    Raises:
        ConfigurationError: one of them is none, or `*`.
    """
    found = listed(names, parameter)
    for name in found:
        if name == "*":
            raise ConfigurationError(
                f"CORS: {parameter}=['*'] does not mean what it says: with credentials browsers"
                " take it for a name, and it never covers Authorization; name them"
            )
        if not _TOKEN.match(name):
            raise ConfigurationError(f"CORS: {parameter}= holds {name!r}, which is no name")
    return tuple(found)


def methods(names: Iterable[str]) -> tuple[str, ...]:
    """Methods that a page may be allowed to send.

    Raises:
        ConfigurationError: one of them is no method, or none that a browser sends.
    """
    found = tokens(names, "methods")
    for name in found:
        if name != name.upper():
            raise ConfigurationError(
                f"CORS: methods= holds {name!r}; methods are case-sensitive: write {name.upper()!r}"
            )
        if name in _FORBIDDEN_METHODS:
            raise ConfigurationError(f"CORS: methods= holds {name!r}, which no browser sends")
    return found
