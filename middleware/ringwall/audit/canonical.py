"""Canonical JSON (RFC 8785, JCS): one value, one spelling, so that it can be hashed and signed."""

from __future__ import annotations

import json
import math
from typing import Any

_LARGEST = 2**53  # beyond it a double, which JCS serializes, no longer tells integers apart
_DEEPEST = 64

_quote = json.JSONEncoder(ensure_ascii=False).encode


def canonical(value: Any) -> bytes:
    """A value as canonical JSON in UTF-8.

    Raises:
        ValueError: it is not JSON, or holds what canonical JSON cannot: NaN, infinities, lone
            surrogates, integers beyond 2^53, more than 64 levels.

    >>> canonical({"b": [1.0, 1e21], "a": "é"}).decode()
    '{"a":"é","b":[1,1e+21]}'
    """
    try:
        return _write(value, _DEEPEST).encode()
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is no character") from None


def parse(line: bytes) -> Any:
    """The value of a canonical line.

    Raises:
        ValueError: it is no JSON, or spelled otherwise than canonically: whitespace, a name twice,
            another order. Two readers could understand it differently.

    >>> parse(b'{"a":1,"a":2}')
    Traceback (most recent call last):
    ValueError: not canonical JSON
    """
    try:
        value = json.loads(line)
        if canonical(value) == line:
            return value
    except (ValueError, RecursionError):
        pass  # told below, in the same words
    raise ValueError("not canonical JSON")


def _write(value: Any, levels: int) -> str:
    if value is None or value is True or value is False:
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise ValueError("an integer beyond 2^53 has no canonical form")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if not levels:
        raise ValueError("too many levels")
    if isinstance(value, dict):
        # RFC 8785 section 3.2.3: by UTF-16 code units.
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        members = (f"{_quote(name)}:{_write(value[name], levels - 1)}" for name in names)
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_write(item, levels - 1) for item in value) + "]"
    raise ValueError(f"{type(value).__name__} is no JSON")


def _number(value: float) -> str:
    """ECMAScript's shortest form (RFC 8785 section 3.2.2.3); the digits are Python's."""
    if not math.isfinite(value):
        raise ValueError("JSON has no NaN and no infinity")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) - (len(whole + fraction) - len(digits)) + int(exponent or 0)
    digits = digits.rstrip("0")
    if 0 < point <= 21:
        if len(digits) <= point:
            return sign + digits.ljust(point, "0")
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
