"""Where the records of API keys lie: in memory, in a file, or behind a port of the user's own."""

from __future__ import annotations

import inspect
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from .._errors import ConfigurationError, MissingDependency
from ._files import FileUnusable, WatchedFile
from ._records import APIKeyRecord


class KeyStore(Protocol):
    """A store that needs I/O to answer, under WSGI."""

    def find(self, key_id: str) -> APIKeyRecord | None:
        """The record of an id, or None. An exception means: not to be known now (503)."""


class AsyncKeyStore(Protocol):
    """A store that needs I/O to answer, under ASGI. One object may be both."""

    async def afind(self, key_id: str) -> APIKeyRecord | None:
        """The record of an id, or None. An exception means: not to be known now (503)."""


Find: TypeAlias = Callable[[str], "APIKeyRecord | None"]
AFind: TypeAlias = Callable[[str], "Awaitable[APIKeyRecord | None]"]


class MemoryStore:
    """Records given in the configuration."""

    def __init__(self, records: Iterable[APIKeyRecord]) -> None:
        self._records: dict[str, APIKeyRecord] = {}
        for record in records:
            if not isinstance(record, APIKeyRecord):
                raise ConfigurationError(
                    "the store holds something else than the records of generate_api_key()"
                )
            if record.id in self._records:
                raise ConfigurationError(f"two API keys have the id {record.id}")
            self._records[record.id] = record
        self.find = self._records.get

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._records)}>"


class FileStore:
    """Records in a TOML or JSON file: a table `keys` with one entry per id. Read when it changes.

    Parameters:
        path: ends with .toml or .json. Others must not be able to write it.
        clock: monotonic seconds.

    Raises:
        ConfigurationError: the file cannot be read or holds something else.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        name = os.fspath(path)
        if name.endswith(".toml"):
            parse = _toml()
        elif name.endswith(".json"):
            parse = _json
        else:
            raise ConfigurationError(
                f"store {name!r}: the name of a key file ends with .toml or .json"
            )
        self._file = WatchedFile(path, lambda data: _records(parse(data)), clock=clock)
        try:
            self._file.get()
        except FileUnusable as error:
            raise ConfigurationError(f"store: {error}") from None

    def find(self, key_id: str) -> APIKeyRecord | None:
        return self._file.get().get(key_id)

    def __repr__(self) -> str:
        return "<FileStore>"


def ports(store: object) -> tuple[Find | None, AFind | None]:
    """The two colours of a store object; `find` may itself be a coroutine function."""
    find = getattr(store, "find", None)
    afind = getattr(store, "afind", None)
    if find is not None and inspect.iscoroutinefunction(find):
        find, afind = None, afind or find
    if find is None and afind is None:
        raise ConfigurationError(
            "store must be the path of a .toml or .json file, a list of records, or an object with"
            " find(key_id) for WSGI or async afind(key_id) for ASGI"
        )
    return find, afind


def _records(document: Mapping[str, Any]) -> dict[str, APIKeyRecord]:
    keys = document.get("keys")
    if not isinstance(keys, Mapping) or len(document) != 1:
        raise ConfigurationError("a key file holds one table 'keys', with an entry for each id")
    records = {}
    for number, (id, fields) in enumerate(keys.items(), 1):
        try:
            records[id] = APIKeyRecord.from_dict(id, fields)
        except ConfigurationError as error:
            raise ConfigurationError(f"entry {number} of keys: {error}") from None
    return records


def _toml() -> Callable[[bytes], Mapping[str, Any]]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:  # pragma: no cover - Python 3.10 alone comes here
        try:
            import tomli as tomllib
        except ModuleNotFoundError:
            raise MissingDependency("tomli", "apikey", "a TOML key file") from None

    def parse(data: bytes) -> Mapping[str, Any]:
        return tomllib.loads(data.decode())

    return parse


def _json(data: bytes) -> Mapping[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a name occurs twice")
        return members

    try:
        document = json.loads(data.decode(), object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ConfigurationError("a key file holds one table 'keys', with an entry for each id")
    return document
