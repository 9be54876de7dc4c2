"""Paths that a router, a proxy and a rule could read differently are refused.

The decision path is the decoded path that the server hands to the router. The raw path only adds
refusals: it is optional in ASGI and not a standard in WSGI.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._errors import ConfigurationError, did_you_mean

# What a named option relaxes, for the few APIs that carry such characters in a path segment.
RELAXATIONS = frozenset(
    {
        "double-slash",
        "semicolon",
        "backslash",
        "encoded-slash",
        "encoded-backslash",
        "encoded-percent",
    }
)


class PathCheck:
    """Tells whether a path has one reading only.

    Parameters:
        relaxed: names of what to let through, of `RELAXATIONS`.

    Raises:
        ConfigurationError: a name is unknown.

    >>> check = PathCheck()
    >>> check("/v1/orders", b"/v1/orders"), check("/a//b", None), check("/a/b", b"/a%2fb")
    (True, False, False)
    """

    def __init__(self, relaxed: Iterable[str] = ()) -> None:
        allowed = frozenset(relaxed)
        for name in allowed - RELAXATIONS:
            raise ConfigurationError(
                f"unknown relaxation {name!r} in relax=" + did_you_mean(name, RELAXATIONS)
            )
        # C0 and C1 controls, and what a lenient decoder makes of bad UTF-8.
        refused = r"\x00-\x1f\x7f-\x9f\ufffd\ud800-\udfff"
        refused += "" if "semicolon" in allowed else ";"
        refused += "" if allowed & {"backslash", "encoded-backslash"} else r"\\"
        # A decoded path holds a percent sign only where one was encoded, or decoded to be decoded
        # again: the raw path would tell, where there is one.
        refused += "" if "encoded-percent" in allowed else "%"
        many = "*" if "double-slash" in allowed else "+"
        # "..;" and "..\\" are dot segments too, to those who read parameters and backslashes.
        self._path = re.compile(rf"/(?:(?!\.\.?(?:[/;\\]|\Z))[^/{refused}]{many}(?:/|\Z))*\Z")
        encoded = ["00"]
        encoded += [] if "encoded-slash" in allowed else ["2[fF]"]
        encoded += [] if "encoded-backslash" in allowed else ["5[cC]"]
        encoded += [] if "encoded-percent" in allowed else ["25"]
        self._raw = re.compile("(?:#|%(?:" + "|".join(encoded) + "))")

    def __call__(self, path: str, raw_path: bytes | None) -> bool:
        # As text, because to look for a byte in bytes costs ten times as much.
        raw = "" if raw_path is None else raw_path.decode("latin-1")
        if _is_plain(path) and "%" not in raw and "#" not in raw:
            return True  # nearly every path; the expressions below cost twice as much
        return self._path.match(path) is not None and self._raw.search(raw) is None


def _is_plain(path: str) -> bool:
    return (
        path.isascii()
        and path.isprintable()
        and path[:1] == "/"
        and "//" not in path
        and "/." not in path
        and ";" not in path
        and "\\" not in path
        and "%" not in path
    )
