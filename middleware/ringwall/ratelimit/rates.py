"""Rates as people write them: "100/15 minutes", "10 per second", "5/m; 100/h"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._errors import ConfigurationError, MissingDependency, did_you_mean
from .engine import GCRA, MAX_QUOTA, SECOND, FixedWindow, Limit, SlidingWindow

ALGORITHMS: dict[str, type[Limit]] = {
    kind.algorithm: kind for kind in (GCRA, FixedWindow, SlidingWindow)
}

_LONGEST_RATE = 128
_MOST_RATES = 8
_LONGEST_WINDOW = 366 * 86_400
_SHORT = {"s": "second", "sec": "second", "secs": "seconds", "m": "minute", "min": "minute",
          "mins": "minutes", "h": "hour", "hr": "hour", "hrs": "hours", "d": "day"}  # fmt: skip
_UNIT = re.compile(r"(?<![a-z])(s|secs?|m|mins?|h|hrs?|d)(?![a-z])")
_VAGUE = re.compile(r"month|year")
# RFC 9651 section 3.3.3 allows printable ASCII in a String; quotes are left out of a name.
_IN_RATE = re.compile(r"[0-9a-z /,;|]+\Z")
_NAME = re.compile(r"[ !#-\[\]-~]{1,64}\Z")

_EXAMPLE = "write for example '100/15 minutes', '10/second' or '1000 per hour'"


def read_limits(rates: Sequence[str], policy: str, algorithm: str) -> tuple[Limit, ...]:
    """The limits that `rates` stand for, each with a name of its own.

    Parameters:
        rates: in the grammar of the package `limits`; a string may hold several.
        policy: the base of the names: one limit bears it as it is, of several each with its window
            added, as in "client-15m".
        algorithm: "gcra", "fixed-window" or "sliding-window".

    Raises:
        ConfigurationError: a rate, a name or an algorithm that cannot be used.
        MissingDependency: the package `limits` is missing.
    """
    if not isinstance(policy, str) or not _NAME.match(policy):
        raise ConfigurationError(
            "policy= takes a name of 1 to 64 printable ASCII characters without quotes or"
            " backslashes, such as 'client'"
        )
    kind = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if kind is None:
        raise ConfigurationError(
            f"unknown algorithm {algorithm!r}" + did_you_mean(str(algorithm), ALGORITHMS)
        )
    pairs = [pair for rate in rates for pair in _read(rate)]
    if not pairs:
        raise ConfigurationError(f"RateLimit needs at least one rate; {_EXAMPLE}")
    if len(pairs) > _MOST_RATES:
        raise ConfigurationError(f"more than {_MOST_RATES} rates in one RateLimit")
    windows = [window for _, window in pairs]
    if len(set(windows)) < len(windows):
        raise ConfigurationError(
            "two rates have the same window: the lower one alone decides; leave the other out"
        )
    limits = tuple(
        kind(policy if len(pairs) == 1 else f"{policy}-{_short(window)}", quota, window * SECOND)
        for quota, window in pairs
    )
    for limit in limits:
        if isinstance(limit, GCRA) and limit.burst * 100 > limit.window * 101:
            raise ConfigurationError(
                f"{limit.quota} in {limit.window // SECOND} seconds is too fast to be counted in"
                " microseconds; use algorithm='sliding-window'"
            )
    return limits


def read_seconds(parameter: str, text: str) -> int:
    """The seconds of a span such as "1 minute" or "2 hours".

    Raises:
        ConfigurationError: it is none. MissingDependency: the package `limits` is missing.
    """
    try:
        ((_, seconds),) = _read(f"1/{text}")
    except MissingDependency:
        raise
    except ValueError:
        raise ConfigurationError(
            f"{parameter}= takes a span such as '1 minute' or '2 hours'"
        ) from None
    return seconds


def _read(rate: object) -> list[tuple[int, int]]:
    """Quota and seconds of each rate in a string."""
    try:
        from limits import parse_many
    except ImportError:
        raise MissingDependency("limits", "ratelimit", "RateLimit") from None
    if not isinstance(rate, str):
        raise ConfigurationError(f"a rate is a string, not {type(rate).__name__!r}; {_EXAMPLE}")
    # The library's pattern takes quadratic time on spaces, and digits without end.
    text = " ".join(rate.lower().split())
    if len(text) > _LONGEST_RATE or not _IN_RATE.match(text):
        raise ConfigurationError(
            f"a rate is too long, or holds a character out of place; {_EXAMPLE}"
        )
    if _VAGUE.search(text):
        raise ConfigurationError(
            f"{rate!r}: months and years differ in length; write for example '1000/30 days'"
        )
    text = _UNIT.sub(lambda match: _SHORT[match.group()], text)
    try:
        items = parse_many(text)
    except ValueError:
        raise ConfigurationError(f"{rate!r} is not a rate; {_EXAMPLE}") from None
    if re.search(r"(?:/|per) ?0+(?![0-9])", text):
        # The library would read "1/0 second" as one second.
        raise ConfigurationError(f"{rate!r} has a window of 0; {_EXAMPLE}")
    pairs = [(int(item.amount), int(item.get_expiry())) for item in items]
    for quota, window in pairs:
        if not 1 <= quota <= MAX_QUOTA:
            raise ConfigurationError(
                f"{rate!r}: the quota must be from 1 to 10^9; to refuse everything, do not route it"
            )
        if window > _LONGEST_WINDOW:
            raise ConfigurationError(f"{rate!r}: the window is longer than a year")
    return pairs


def _short(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
