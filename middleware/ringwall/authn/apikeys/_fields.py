"""The fields of a record: checked, read from TOML and JSON, and written again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone

from ..._errors import ConfigurationError

TIMES = ("created", "expires", "not_before", "revoked", "last_used")
FIELDS = ("hash", "owner", "scopes", "roles", *TIMES, "replaced_by", "prefix")

_MOST_KNOWN = 1024
_known: dict[frozenset[str], frozenset[str]] = {}


def names(field: str, given: Iterable[str]) -> frozenset[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{field} is a list: write {field} = ['orders:read']")
    found = list(given)
    if not all(isinstance(name, str) and name for name in found):
        raise ConfigurationError(f"{field} holds something else than names")
    return _shared(frozenset(found))


def _shared(found: frozenset[str]) -> frozenset[str]:
    """An equal one that is there already: of many keys, most grant the same as others."""
    if len(_known) < _MOST_KNOWN:
        return _known.setdefault(found, found)
    return _known.get(found, found)


def moment(field: str, time: datetime | None) -> datetime | None:
    if time is not None and (not isinstance(time, datetime) or time.tzinfo is None):
        raise ConfigurationError(
            f"{field} needs a time with its zone, such as 2027-01-01T00:00:00Z: without one it"
            " would mean another moment on another machine"
        )
    return time


def read_time(field: str, value: object) -> datetime:
    """A time as it lies in TOML (a time of its own) or JSON (a string, RFC 3339)."""
    if isinstance(value, str):
        try:
            # Python 3.10 does not read the Z of RFC 3339.
            value = datetime.fromisoformat(re.sub(r"[Zz]\Z", "+00:00", value))
        except ValueError:
            value = None
    if not isinstance(value, datetime):
        raise ConfigurationError(f"{field} must be a time, such as 2027-01-01T00:00:00Z")
    return value


def write_time(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def toml_string(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(char):04x}" if ord(char) < 0x20 or ord(char) == 0x7F or char in '"\\' else char
        for char in text
    )
    return f'"{escaped}"'
