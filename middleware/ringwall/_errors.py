"""Errors for the people who configure Ringwall: each message says what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigurationError(ValueError):
    """A layer or stack was given arguments that cannot work. Raised only at construction.

    >>> from ringwall._errors import ConfigurationError, did_you_mean
    >>> raise ConfigurationError("unknown algorithm 'RS265'" + did_you_mean("RS265", ["RS256"]))
    Traceback (most recent call last):
    ringwall.ConfigurationError: unknown algorithm 'RS265'; did you mean 'RS256'?
    """


class MissingDependency(ConfigurationError, ImportError):
    """An optional dependency is not installed; the message holds the pip line that mends it."""

    def __init__(self, module: str, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package {module!r}; run: pip install 'ringwall[{extra}]'"
        )


# Users read these names in tracebacks: the place they import them from.
ConfigurationError.__module__ = MissingDependency.__module__ = "ringwall"


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """The end of an error message: the nearest option, or all of them.

    >>> did_you_mean("RS265", ["RS256", "ES256"])
    "; did you mean 'RS256'?"
    >>> did_you_mean("x", ["on", "off"])
    "; use one of 'off', 'on'"
    """
    known = sorted(options)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return "; use one of " + ", ".join(map(repr, known))
