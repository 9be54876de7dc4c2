"""Strings and times of records, in canonical JSON (RFC 8785) built by hand.

Whatever a client chose passes `clean`: no line feed, terminal escape or bidirectional control
survives it, also after the JSON is decoded.
"""

from __future__ import annotations

import time
from functools import lru_cache
from json.encoder import encode_basestring

VERSION = 2

_LONGEST_NAME = 256
_GONE = frozenset({"ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect"})

quote_clean = encode_basestring
"""Text that was cleaned, as a JSON string: `json.dumps` without its choices."""


def clean(text: str, limit: int) -> str:
    r"""Make text from outside safe to store and to print on a terminal.

    Characters that are not printable (controls, line separators, bidirectional marks, surrogates)
    and backslashes become Python escapes; what exceeds `limit` characters is cut and marked.

    >>> print(clean("a\r\n\x1b[31m\u2028\\", 80))
    a\r\n\x1b[31m\u2028\\
    >>> clean("abcdef", 3)
    'abc…'
    """
    if len(text) <= limit and text.isprintable() and "\\" not in text:
        return text
    escaped = "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii")
        for c in text[:limit]
    )
    return escaped if len(text) <= limit else escaped + "…"


def quote(text: str | None, limit: int = _LONGEST_NAME) -> str:
    """`clean` text as a JSON string; None as null."""
    if text is None:
        return "null"
    if len(text) <= limit and text.isprintable() and "\\" not in text:
        return quote_clean(text)
    return quote_clean(clean(text, limit))


def error_type(error: BaseException) -> str:
    """The qualified name of an exception's class. Its message may hold a secret: never used."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def is_gone(error: BaseException) -> bool:
    """Whether an exception says that the client went away. Frameworks and servers have their own,
    known by name alone: Starlette's `WebSocketDisconnect`, uvicorn's `ClientDisconnected`."""
    return type(error).__name__ in _GONE


@lru_cache(maxsize=2)
def second(second: int) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, without a zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the microsecond.

    >>> timestamp(1.5)
    '1970-01-01T00:00:01.500000Z'
    """
    micros = int(seconds * 1_000_000)
    return f"{second(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"
