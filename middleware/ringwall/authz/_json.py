"""Strict JSON by the standard library: what two parsers could read differently is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# Parsers recurse, and depth that a client may choose ends in an exception or, on a small stack, in
# a crash. It is measured on the bytes, before anything parses.
_DEEPEST = 64
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\Z)', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class AmbiguousBody(ValueError):
    """A body that two parsers could read differently, or that is no JSON."""


def parse_body(data: bytes) -> Any:
    """Parse JSON strictly: UTF-8 without a byte order mark, no duplicate names (RFC 8259 section
    4), no NaN, no number beyond a double, at most 64 levels deep.

    Raises:
        AmbiguousBody: it is not such JSON.

    >>> parse_body(b'{"id": 1, "id": 2}')
    Traceback (most recent call last):
    ringwall.authz._json.AmbiguousBody
    """
    if _is_too_deep(data):
        raise AmbiguousBody
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except ValueError:
        raise AmbiguousBody from None


def write_body(value: Any) -> bytes:
    """JSON in ASCII, so that no string needs care (lone surrogates, U+2028)."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _is_too_deep(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") <= _DEEPEST:
        return False  # nearly every text
    depth = 0
    for bracket in _STRINGS.sub(b"", data).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise AmbiguousBody
    return members


def _no_constant(name: str) -> Any:
    raise AmbiguousBody


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise AmbiguousBody
    return value
