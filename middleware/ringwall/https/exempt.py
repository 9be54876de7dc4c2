"""Paths that are served as they come: health probes and ACME challenges speak plain HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._errors import ConfigurationError

_PATTERN = re.compile(r"/(?:(?!\.\.?(?:/|\Z))[^/*?#%\\;\s]+(?:/|\Z))*(?:(?<=/)\*\*)?\Z")


class Exempt:
    """Tells whether a path is exempt.

    Parameters:
        patterns: decoded paths as the app's router sees them: exact, or with `/**` at the end
            for everything below.

    Raises:
        ConfigurationError: a pattern is no such path.

    >>> exempt = Exempt(["/healthz", "/.well-known/acme-challenge/**"])
    >>> exempt("/healthz"), exempt("/healthz/x"), exempt("/.well-known/acme-challenge/x")
    (True, False, True)
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        if isinstance(patterns, (str, bytes)):
            raise ConfigurationError(f"exempt= takes a list: exempt=[{patterns!r}]")
        checked = [_checked(pattern) for pattern in patterns]
        self._paths = frozenset(p for p in checked if not p.endswith("/**"))
        self._prefixes = tuple(p[:-2] for p in checked if p.endswith("/**"))

    def __bool__(self) -> bool:
        return bool(self._paths or self._prefixes)

    def __call__(self, path: str) -> bool:
        return path in self._paths or path.startswith(self._prefixes)


def _checked(pattern: str) -> str:
    if not isinstance(pattern, str) or not _PATTERN.match(pattern):
        raise ConfigurationError(
            f"exempt= holds {pattern!r}; write a decoded path such as '/healthz', or with '/**' at"
            " the end such as '/.well-known/acme-challenge/**'"
        )
    return pattern
