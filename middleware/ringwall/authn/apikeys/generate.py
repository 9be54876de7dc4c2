"""New API keys, and keys that take the place of others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from ..._errors import ConfigurationError
from .key import DEFAULT_PREFIX, check_prefix, new_key
from .record import APIKeyRecord

_LIFETIME = timedelta(days=90)


def generate_api_key(
    owner: str,
    *,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    expires_in: timedelta | None = _LIFETIME,
    not_before: datetime | None = None,
    prefix: str = DEFAULT_PREFIX,
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
    check_prefix(prefix)
    created = (now or datetime.now(timezone.utc)).replace(microsecond=0)
    key, id = new_key(prefix)
    record = APIKeyRecord(
        id,
        "sha256:" + hashlib.sha256(key.encode("ascii")).hexdigest(),
        owner,
        scopes=scopes,
        roles=roles,
        created=created,
        expires=None if expires_in is None else (not_before or created) + expires_in,
        not_before=not_before,
        prefix=prefix,
    )
    return key, record


class Rotation(NamedTuple):
    """A key that takes the place of another one.

    key: the new one, to be shown once. successor: its record. predecessor: the record of the old
    one, which ends when the overlap does.
    """

    key: str
    successor: APIKeyRecord
    predecessor: APIKeyRecord

    def __repr__(self) -> str:
        return f"<Rotation {self.predecessor.id} to {self.successor.id}>"


def rotate_api_key(
    record: APIKeyRecord,
    *,
    overlap: timedelta = timedelta(days=7),
    expires_in: timedelta | None = None,
    now: datetime | None = None,
) -> Rotation:
    """Make the key that follows another one: same owner, scopes, roles and prefix. Both are good
    for as long as the overlap, so that nobody is locked out while the new one is rolled out.

    Parameters:
        record: the old key's. It must be in force and not yet replaced.
        overlap: for how long the old key stays good; never longer than it was.
        expires_in: for how long the new key is good; None: as long as the old one was made for.
        now: the time of the rotation.

    Raises:
        ConfigurationError: the old key is revoked, expired or replaced already.

    >>> from datetime import timedelta
    >>> _, old = generate_api_key("alice", scopes=["orders:read"])
    >>> key, new, old = rotate_api_key(old, overlap=timedelta(hours=1))
    >>> new.scopes == old.scopes, old.replaced_by == new.id, old.until < new.until
    (True, True, True)
    """
    at = (now or datetime.now(timezone.utc)).replace(microsecond=0)
    if record.revoked is not None or record.until <= at.timestamp():
        raise ConfigurationError(f"key {record.id} is revoked or expired; make a new one")
    if record.replaced_by is not None:
        raise ConfigurationError(f"key {record.id} was replaced already, by {record.replaced_by}")
    if overlap < timedelta(0):
        raise ConfigurationError("overlap= is a time of zero or more")
    if expires_in is None and record.expires is not None:
        begin = record.not_before or record.created
        expires_in = record.expires - begin if begin is not None else _LIFETIME
    key, successor = generate_api_key(
        record.owner,
        scopes=record.scopes,
        roles=record.roles,
        expires_in=expires_in,
        prefix=record.prefix,
        now=at,
    )
    end = at + overlap
    if record.expires is not None:
        end = min(end, record.expires)
    return Rotation(key, successor, record.replace(expires=end, replaced_by=successor.id))
