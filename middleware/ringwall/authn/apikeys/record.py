"""What is stored of one API key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..._errors import ConfigurationError, did_you_mean
from ...principal import Principal
from ._fields import FIELDS, TIMES, moment, names, read_time, toml_string, write_time
from .key import DEFAULT_PREFIX, check_prefix

_ID = re.compile(r"[0-9A-Za-z]{12}\Z")
_HASH = re.compile(r"sha256:[0-9a-f]{64}\Z")
_FOREVER, _NEVER = float("inf"), float("-inf")


class APIKeyRecord:
    """What is stored of one API key: never the key itself. Immutable.

    Parameters:
        id: the part of the key that names it; no secret.
        hash: "sha256:" and the hexadecimal SHA-256 of the whole key.
        owner: who speaks with it; becomes the principal's subject.
        scopes, roles: what it grants.
        created, expires, not_before: times with a time zone; None: unknown, never, at once.
        revoked: since when it is refused; None: it is not.
        last_used: when it was last seen, roughly; None: never, or not noted.
        replaced_by: the id of the key that came after it, once it was rotated.
        prefix: how the key begins.

    Raises:
        ConfigurationError: a value cannot work.
    """

    # The order in memory is that of the names; what each request reads comes first.
    __slots__ = (
        *("_principal", "begins", "created", "digest", "ends", "expires", "id", "last_used"),
        *("not_before", "owner", "prefix", "replaced_by", "revoked", "roles", "scopes", "since"),
        "until",
    )

    id: str
    digest: bytes
    owner: str
    scopes: frozenset[str]
    roles: frozenset[str]
    created: datetime | None
    expires: datetime | None
    not_before: datetime | None
    revoked: datetime | None
    last_used: datetime | None
    replaced_by: str | None
    prefix: str
    since: float
    until: float
    begins: float
    ends: float
    _principal: Principal | None

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
        revoked: datetime | None = None,
        last_used: datetime | None = None,
        replaced_by: str | None = None,
        prefix: str = DEFAULT_PREFIX,
    ) -> None:
        for name in (id,) if replaced_by is None else (id, replaced_by):
            if not isinstance(name, str) or not _ID.match(name):
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
        put(self, "scopes", names("scopes", scopes))
        put(self, "roles", names("roles", roles))
        put(self, "created", moment("created", created))
        put(self, "expires", moment("expires", expires))
        put(self, "not_before", moment("not_before", not_before))
        put(self, "revoked", moment("revoked", revoked))
        put(self, "last_used", moment("last_used", last_used))
        put(self, "replaced_by", replaced_by)
        put(self, "prefix", check_prefix(prefix))
        put(self, "since", not_before.timestamp() if not_before else 0.0)
        put(self, "until", expires.timestamp() if expires else _FOREVER)
        # When it is in force: never, where it is revoked.
        put(self, "begins", self.since)
        put(self, "ends", _NEVER if revoked else self.until)
        put(self, "_principal", None)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an APIKeyRecord cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an APIKeyRecord cannot be changed")

    def __repr__(self) -> str:
        return f"<APIKeyRecord {self.id}>"

    @property
    def principal(self) -> Principal:
        """Who speaks with the key. Made when first asked for: of many keys, few are in use."""
        principal = self._principal
        if principal is None:
            principal = Principal(
                self.owner,
                scheme="apikey",
                scopes=self.scopes,
                roles=self.roles,
                credential_id=self.id,
            )
            object.__setattr__(self, "_principal", principal)
        return principal

    def replace(self, **changes: Any) -> APIKeyRecord:
        """The same record with other values.

        >>> from ringwall import generate_api_key
        >>> generate_api_key("alice")[1].replace(owner="bob").owner
        'bob'
        """
        values = {name: getattr(self, name) for name in FIELDS if name != "hash"}
        return APIKeyRecord(self.id, **{"hash": self.hash, **values, **changes})

    @property
    def hash(self) -> str:
        return "sha256:" + self.digest.hex()

    def as_dict(self) -> dict[str, Any]:
        """The record without its id, fit for JSON; `from_dict` reads it.

        >>> from ringwall import generate_api_key
        >>> sorted(generate_api_key("alice", expires_in=None)[1].as_dict())
        ['created', 'hash', 'owner', 'roles', 'scopes']
        """
        times = {name: getattr(self, name) for name in TIMES}
        fields: dict[str, Any] = {
            "hash": self.hash,
            "owner": self.owner,
            "scopes": sorted(self.scopes),
            "roles": sorted(self.roles),
            **{name: write_time(time) for name, time in times.items() if time is not None},
        }
        if self.replaced_by is not None:
            fields["replaced_by"] = self.replaced_by
        if self.prefix != DEFAULT_PREFIX:
            fields["prefix"] = self.prefix
        return fields

    def as_toml(self) -> str:
        """The record as a table to append to a TOML key file."""
        lines = [f"[keys.{self.id}]"]
        for name, value in self.as_dict().items():
            if name in TIMES:
                text = value  # TOML has times of its own, spelt as in RFC 3339
            elif isinstance(value, list):
                text = "[" + ", ".join(map(toml_string, value)) + "]"
            else:
                text = toml_string(value)
            lines.append(f"{name} = {text}")
        return "\n".join(lines) + "\n"

    @classmethod
    def from_dict(cls, id: str, fields: Mapping[str, Any]) -> APIKeyRecord:
        """The record as it lies in a TOML or JSON file.

        Raises:
            ConfigurationError: a field is unknown, missing or of the wrong type.
        """
        if not isinstance(fields, Mapping):
            raise ConfigurationError(f"the entry of an API key is a table of {', '.join(FIELDS)}")
        for name in fields:
            if name not in FIELDS:
                raise ConfigurationError(
                    f"unknown field {name!r} of an API key" + did_you_mean(name, FIELDS)
                )
        for name in ("hash", "owner"):
            if name not in fields:
                raise ConfigurationError(f"an API key lacks the field {name!r}")
        given: dict[str, Any] = {
            name: read_time(name, value) if name in TIMES else value
            for name, value in fields.items()
        }
        return cls(id, given.pop("hash"), given.pop("owner"), **given)
