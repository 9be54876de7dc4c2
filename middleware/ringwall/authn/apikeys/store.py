"""What a store of API keys must be able to do; and the one that holds them in memory."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

from ..._errors import ConfigurationError
from .record import APIKeyRecord


class KeyStore(Protocol):
    """A store that needs I/O to answer, under WSGI."""

    def find(self, key_id: str) -> APIKeyRecord | None:
        """The record of an id, or None. An exception means: not to be known now (503)."""


class AsyncKeyStore(Protocol):
    """A store that needs I/O to answer, under ASGI. One object may be both."""

    async def afind(self, key_id: str) -> APIKeyRecord | None:
        """The record of an id, or None. An exception means: not to be known now (503)."""


class KeyRegistry(KeyStore, Protocol):
    """A store that the command `ringwall keys` can manage. Each change is made wholly or not at
    all, also where two people make one at the same time."""

    def records(self) -> Iterator[APIKeyRecord]:
        """All of them, with `last_used` where it is noted."""
        ...

    def add(self, record: APIKeyRecord) -> None:
        """Keep a new one."""

    def succeed(self, predecessor: APIKeyRecord, successor: APIKeyRecord) -> bool:
        """Add the successor and let the predecessor end as its record now says. False, and nothing
        changed: it is gone, or somebody has replaced or revoked it."""
        ...

    def revoke(self, key_id: str, at: datetime) -> bool:
        """Refuse a key from now on. False: there is none of this id."""
        ...

    def touch(self, used: Mapping[str, float]) -> None:
        """Note when keys were last used: seconds since the epoch, by id."""


Find: TypeAlias = Callable[[str], "APIKeyRecord | None"]
AFind: TypeAlias = Callable[[str], "Awaitable[APIKeyRecord | None]"]


class MemoryStore:
    """Records given in the configuration."""

    immediate = True

    def __init__(self, records: Iterable[APIKeyRecord]) -> None:
        # By octets, as ids come in keys.
        self._records: dict[bytes, APIKeyRecord] = {}
        for record in records:
            if not isinstance(record, APIKeyRecord):
                raise ConfigurationError(
                    "the store holds something else than the records of generate_api_key()"
                )
            id = record.id.encode("ascii")
            if id in self._records:
                raise ConfigurationError(f"two API keys have the id {record.id}")
            self._records[id] = record
            _ = record.principal  # made now: no request waits for it
        self.find_octets: Callable[[bytes], APIKeyRecord | None] = self._records.get

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._records)}>"

    def find(self, key_id: str) -> APIKeyRecord | None:
        return self.find_octets(key_id.encode())


def ports(store: object) -> tuple[Find | None, AFind | None]:
    """The two colours of a store object; `find` may itself be a coroutine function.

    A store whose drivers lack a colour says so in an attribute `colours`.
    """
    find = getattr(store, "find", None)
    afind = getattr(store, "afind", None)
    if find is not None and inspect.iscoroutinefunction(find):
        find, afind = None, afind or find
    colours = getattr(store, "colours", ("wsgi", "asgi"))
    find = find if "wsgi" in colours else None
    afind = afind if "asgi" in colours else None
    if find is None and afind is None:
        raise ConfigurationError(
            "store must be the path of a .toml or .json file, a URL such as 'sqlite:///keys.db', a"
            " list of records, or an object with find(key_id) for WSGI or async afind(key_id) for"
            " ASGI"
        )
    return find, afind
