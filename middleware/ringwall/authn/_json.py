"""Strict JSON: RFC 8259 by msgspec, and RFC 7519 section 4: no name may occur twice.

msgspec refuses what Python's own parser lets through (NaN, a byte order mark, UTF-16, invalid
UTF-8, lone surrogates, numbers that do not fit a float), but keeps the last of two equal names.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


# Parsers recurse, and so does what walks the result: depth that a client may choose ends in an
# exception or, on a small stack, in a crash. It is measured on the bytes, before anything parses.
_DEEPEST = 64
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\Z)', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class NotJSON(ValueError):
    """The bytes are not strict JSON. The message never holds a part of them."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJSON("a name occurs twice")
    return members


_check_names = json.JSONDecoder(object_pairs_hook=_unique).decode


def strict_json(data: bytes) -> Any:
    """Parse one JSON text.

    Raises:
        NotJSON: malformed, nested too deeply, or a name occurs twice in an object.

    >>> strict_json(b'{"sub": "alice"}')
    {'sub': 'alice'}
    >>> strict_json(b'{"sub": "alice", "sub": "root"}')
    Traceback (most recent call last):
    ringwall.authn._json.NotJSON: a name occurs twice
    """
    if _is_too_deep(data):
        raise NotJSON("nested too deeply")
    try:
        value = _decode(data)
        # What encodes back to the same bytes cannot have lost a name on the way: this shows the
        # compact JSON that issuers write to be free of duplicates, ten times as fast as a second
        # parse with a hook. An integer that msgspec cannot encode takes the second parse.
        if _encode(value) != data:
            _check_names(data.decode())
    except NotJSON:
        raise
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        raise NotJSON("malformed JSON") from None
    return value


def _is_too_deep(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") <= _DEEPEST:
        return False  # nearly every text
    depth = 0
    for bracket in _STRINGS.sub(b"", data).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > _DEEPEST:
            return True
    return False
