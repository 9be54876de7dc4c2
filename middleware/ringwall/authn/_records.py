"""API keys: how they look, and what is stored of them.

A key is `<prefix><id>_<secret><checksum>`, such as `rw_6iB0sDpXw4Ta_` and 51 characters more. The
prefix and the checksum let secret scanners recognise a leaked key with certainty and offline; the
id finds the record; the secret has 256 bits of randomness.

At rest lies one round of SHA-256 over the whole key. A slow password hash (PBKDF2, Argon2) makes
*guessable* secrets expensive to guess; nobody guesses 256 random bits, so it would add nothing but
its cost to every request, and with it a way to overload the service.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from zlib import crc32

from .._errors import ConfigurationError, did_you_mean
from ..principal import Principal

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 12
_SECRET_LENGTH = 43  # 43 * log2(62) = 256 bits
_CHECKSUM_LENGTH = 8

_ID = re.compile(r"[0-9A-Za-z]{12}\Z")
_PREFIX = re.compile(r"(?:[A-Za-z0-9]+_)+\Z")
_HASH = re.compile(r"sha256:[0-9a-f]{64}\Z")
_LONGEST = 256
_FOREVER = float("inf")

_FIELDS = ("hash", "owner", "scopes", "roles", "created", "expires", "not_before")


class APIKeyRecord:
    """What is stored of one API key: never the key itself. Immutable.

    Parameters:
        id: the part of the key that names it; no secret.
        hash: "sha256:" and the hexadecimal SHA-256 of the whole key.
        owner: who speaks with it; becomes the principal's subject.
        scopes, roles: what it grants.
        created, expires, not_before: times with a time zone; None: unknown, never, at once.

    Raises:
        ConfigurationError: a value cannot work.
    """

    __slots__ = (
        *("created", "digest", "expires", "id", "not_before", "owner", "principal"),
        *("roles", "scopes", "since", "until"),
    )

    def __init__(
        self,
        id: str,
        hash: str,
        owner: str,
        *,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        created: datetime | None = None,
        expires: datetime | None = None,
        not_before: datetime | None = None,
    ) -> None:
        if not isinstance(id, str) or not _ID.match(id):
            raise ConfigurationError("the id of an API key has 12 letters and digits")
        if not isinstance(hash, str) or not _HASH.match(hash):
            raise ConfigurationError(
                "hash must be 'sha256:' and 64 hexadecimal digits, as generate_api_key() makes it"
            )
        if not isinstance(owner, str) or not owner:
            raise ConfigurationError("owner must be a string that is not empty")
        put = object.__setattr__
        put(self, "id", id)
        put(self, "digest", bytes.fromhex(hash.removeprefix("sha256:")))
        put(self, "owner", owner)
        put(self, "scopes", _names("scopes", scopes))
        put(self, "roles", _names("roles", roles))
        put(self, "created", _time("created", created))
        put(self, "expires", _time("expires", expires))
        put(self, "not_before", _time("not_before", not_before))
        put(self, "since", not_before.timestamp() if not_before else 0.0)
        put(self, "until", expires.timestamp() if expires else _FOREVER)
        principal = Principal(
            owner, scheme="apikey", scopes=self.scopes, roles=self.roles, credential_id=id
        )
        put(self, "principal", principal)

    id: str
    digest: bytes
    owner: str
    scopes: frozenset[str]
    roles: frozenset[str]
    created: datetime | None
    expires: datetime | None
    not_before: datetime | None
    since: float
    until: float
    principal: Principal

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an APIKeyRecord cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an APIKeyRecord cannot be changed")

    def __repr__(self) -> str:
        return f"<APIKeyRecord {self.id}>"

    def as_dict(self) -> dict[str, Any]:
        """The record without its id, fit for JSON; `from_dict` reads it.

        >>> key, record = generate_api_key("alice", expires_in=None)
        >>> sorted(record.as_dict())
        ['created', 'hash', 'owner', 'roles', 'scopes']
        """
        times = {name: getattr(self, name) for name in ("created", "expires", "not_before")}
        return {
            "hash": "sha256:" + self.digest.hex(),
            "owner": self.owner,
            "scopes": sorted(self.scopes),
            "roles": sorted(self.roles),
            **{name: _write(time) for name, time in times.items() if time is not None},
        }

    def as_toml(self) -> str:
        """The record as a table to append to a TOML key file."""
        lines = [f"[keys.{self.id}]"]
        for name, value in self.as_dict().items():
            if name in ("created", "expires", "not_before"):
                text = value  # TOML has times of its own, spelt as in RFC 3339
            elif isinstance(value, list):
                text = "[" + ", ".join(map(_toml_string, value)) + "]"
            else:
                text = _toml_string(value)
            lines.append(f"{name} = {text}")
        return "\n".join(lines) + "\n"

    @classmethod
    def from_dict(cls, id: str, fields: Mapping[str, Any]) -> APIKeyRecord:
        """The record as it lies in a TOML or JSON file.

        Raises:
            ConfigurationError: a field is unknown, missing or of the wrong type.
        """
        if not isinstance(fields, Mapping):
            raise ConfigurationError(f"the entry of an API key is a table of {', '.join(_FIELDS)}")
        for name in fields:
            if name not in _FIELDS:
                raise ConfigurationError(
                    f"unknown field {name!r} of an API key" + did_you_mean(name, _FIELDS)
                )
        for name in ("hash", "owner"):
            if name not in fields:
                raise ConfigurationError(f"an API key lacks the field {name!r}")
        times = {
            name: _read(name, fields[name])
            for name in ("created", "expires", "not_before")
            if name in fields
        }
        return cls(
            id,
            fields["hash"],
            fields["owner"],
            scopes=fields.get("scopes", ()),
            roles=fields.get("roles", ()),
            **times,
        )


def generate_api_key(
    owner: str,
    *,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    expires_in: timedelta | None = timedelta(days=90),
    not_before: datetime | None = None,
    prefix: str = "rw_",
    now: datetime | None = None,
) -> tuple[str, APIKeyRecord]:
    """Make an API key: show the key to its owner once, store the record.

    Parameters:
        owner: who will speak with it.
        scopes, roles: what it grants.
        expires_in: for how long it is good from `not_before` or now on; None: for ever.
        not_before: from when on it is good; None: at once.
        prefix: how it begins; make it your own, so that scanners and people recognise it. Letters
            and digits, then an underscore.
        now: the time of creation.

    Returns:
        The key and its record.

    >>> key, record = generate_api_key("alice", scopes=["orders:read"])
    >>> key.startswith("rw_" + record.id + "_"), len(key)
    (True, 67)
    >>> record.owner, record.scopes
    ('alice', frozenset({'orders:read'}))
    """
    if not _PREFIX.match(prefix) or len(prefix) > 32:
        raise ConfigurationError(
            "prefix must be letters and digits and end with an underscore, such as 'acme_'"
        )
    created = (now or datetime.now(timezone.utc)).replace(microsecond=0)
    id = _random(_ID_LENGTH)
    body = f"{prefix}{id}_{_random(_SECRET_LENGTH)}"
    key = body + _checksum(body.encode("ascii")).decode("ascii")
    record = APIKeyRecord(
        id,
        "sha256:" + hashlib.sha256(key.encode("ascii")).hexdigest(),
        owner,
        scopes=scopes,
        roles=roles,
        created=created,
        expires=None if expires_in is None else (not_before or created) + expires_in,
        not_before=not_before,
    )
    return key, record


def key_id(key: bytes) -> str | None:
    """The id in a key, or None if this was never one: its shape or its checksum is wrong.

    The checksum is no secret: whoever has read this far can compute it.
    """
    parts = key.rsplit(b"_", 2)
    if len(key) > _LONGEST or len(parts) != 3:
        return None
    _, id, tail = parts
    if len(id) != _ID_LENGTH or len(tail) != _SECRET_LENGTH + _CHECKSUM_LENGTH:
        return None
    # For bytes, alphanumeric means ASCII.
    if (
        not id.isalnum()
        or not tail.isalnum()
        or _checksum(key[:-_CHECKSUM_LENGTH]) != key[-_CHECKSUM_LENGTH:]
    ):
        return None
    return id.decode("ascii")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: bytes) -> bytes:
    """CRC-32 in hexadecimal: any scanner can compute it."""
    return b"%08x" % crc32(body)


def _names(field: str, names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ConfigurationError(f"{field} is a list: write {field} = ['orders:read']")
    found = list(names)
    if not all(isinstance(name, str) and name for name in found):
        raise ConfigurationError(f"{field} holds something else than names")
    return frozenset(found)


def _time(field: str, time: datetime | None) -> datetime | None:
    if time is not None and (not isinstance(time, datetime) or time.tzinfo is None):
        raise ConfigurationError(
            f"{field} needs a time with its zone, such as 2027-01-01T00:00:00Z: without one it"
            " would mean another moment on another machine"
        )
    return time


def _read(field: str, value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            # Python 3.10 does not read the Z of RFC 3339.
            value = datetime.fromisoformat(re.sub(r"[Zz]\Z", "+00:00", value))
        except ValueError:
            raise ConfigurationError(
                f"{field} must be a time, such as 2027-01-01T00:00:00Z"
            ) from None
    if not isinstance(value, datetime):
        raise ConfigurationError(f"{field} must be a time, such as 2027-01-01T00:00:00Z")
    return value


def _write(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _toml_string(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(char):04x}" if ord(char) < 0x20 or ord(char) == 0x7F or char in '"\\' else char
        for char in text
    )
    return f'"{escaped}"'
