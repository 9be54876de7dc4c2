"""API keys in a SQL database, through SQLAlchemy Core."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..._errors import ConfigurationError
from ..._fingerprint import Configured
from ._fields import FIELDS, TIMES
from .record import APIKeyRecord

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

_BATCH = 1000
_URL = "'sqlite:///keys.db', 'postgresql+psycopg://db.example.com/keys' or an Engine of SQLAlchemy"


class SQLKeyStore(Configured):
    """API keys in one table of a SQL database.

    Parameters:
        database: a URL for SQLAlchemy, an `Engine` (serves WSGI and the command line) or an
            `AsyncEngine` (serves ASGI). A URL opens both where its driver has both: SQLite (with
            aiosqlite) and psycopg. The password of a URL is shown nowhere.
        async_database: an `AsyncEngine` or URL beside it, for ASGI, where drivers differ.
        table: the name of the table; `create()` makes it.
        timeout: the most seconds an answer may take under ASGI, the wait for a connection of the
            pool and for SQLite's lock. Other blocking drivers have a limit of their own: set it in
            the URL (`?connect_timeout=2`).

    Raises:
        ConfigurationError: the URL is none. MissingDependency: SQLAlchemy or a driver is missing.
    """

    def __init__(
        self,
        database: str | Engine | AsyncEngine,
        *,
        async_database: str | AsyncEngine | None = None,
        table: str = "ringwall_api_keys",
        timeout: float = 2.0,
    ) -> None:
        from . import _sql

        self._timeout = timeout
        self._sql = _sql.Statements(table)
        self._engine, self._new_aengine = _sql.engines(database, async_database, timeout)
        # Connections of asyncio belong to the event loop that made them.
        self._aengines: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        ports = (("wsgi", self._engine), ("asgi", self._new_aengine))
        self.colours: frozenset[str] = frozenset(
            colour for colour, port in ports if port is not None
        )

    def __repr__(self) -> str:
        return "<SQLKeyStore>"

    def find(self, key_id: str) -> APIKeyRecord | None:
        with self._blocking.connect() as connection:
            row = connection.execute(self._sql.find, {"id": key_id}).first()
        return None if row is None else _record(row)

    async def afind(self, key_id: str) -> APIKeyRecord | None:
        row = await asyncio.wait_for(self._afetch(key_id), self._timeout)
        return None if row is None else _record(row)

    async def _afetch(self, key_id: str) -> Any:
        async with self._aengine().connect() as connection:
            return (await connection.execute(self._sql.find, {"id": key_id})).first()

    def touch(self, used: Mapping[str, float]) -> None:
        for rows in _batches(used):
            with self._blocking.begin() as connection:
                connection.execute(self._sql.touch, rows)

    async def atouch(self, used: Mapping[str, float]) -> None:
        for rows in _batches(used):
            async with self._aengine().begin() as connection:
                await connection.execute(self._sql.touch, rows)

    # Management

    def create(self) -> None:
        """Make the table unless it is there; the file of SQLite, too, for its owner alone."""
        url = self._blocking.url
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).touch(0o600)
        self._sql.metadata.create_all(self._blocking)

    def records(self) -> Iterator[APIKeyRecord]:
        with self._blocking.connect() as connection:
            for row in connection.execution_options(yield_per=_BATCH).execute(self._sql.all):
                yield _record(row)

    def add(self, record: APIKeyRecord) -> None:
        with self._blocking.begin() as connection:
            connection.execute(self._sql.insert, _row(record))

    def succeed(self, predecessor: APIKeyRecord, successor: APIKeyRecord) -> bool:
        row = _row(predecessor)
        change = {"key": row["id"], "until": row["expires"], "by": row["replaced_by"]}
        with self._blocking.begin() as connection:
            # One that somebody has replaced or revoked in the meantime is not found.
            if connection.execute(self._sql.succeed, change).rowcount != 1:
                return False
            connection.execute(self._sql.insert, _row(successor))
        return True

    def revoke(self, key_id: str, at: datetime) -> bool:
        with self._blocking.begin() as connection:
            change = {"key": key_id, "at": at.timestamp()}
            return connection.execute(self._sql.revoke, change).rowcount == 1

    def close(self) -> None:
        """Close the blocking connections."""
        self._blocking.dispose()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._aengine().dispose()

    @property
    def _blocking(self) -> Engine:
        if self._engine is None:
            raise ConfigurationError(f"this needs a blocking driver as well: {_URL}")
        return self._engine

    def _aengine(self) -> Any:
        loop = asyncio.get_running_loop()
        engine = self._aengines.get(loop)
        if engine is None:
            make = self._new_aengine
            if make is None:
                raise ConfigurationError("this needs an asynchronous driver as well")
            engine = self._aengines[loop] = make()
        return engine


def _batches(used: Mapping[str, float]) -> Iterator[list[dict[str, Any]]]:
    rows = [{"key": id, "at": at} for id, at in used.items()]
    for begin in range(0, len(rows), _BATCH):
        yield rows[begin : begin + _BATCH]


def _row(record: APIKeyRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"id": record.id, **{name: getattr(record, name) for name in FIELDS}}
    row |= {name: None if row[name] is None else row[name].timestamp() for name in TIMES}
    row |= {name: json.dumps(sorted(row[name])) for name in ("scopes", "roles")}
    return row


def _record(row: Any) -> APIKeyRecord:
    fields = dict(row._mapping)
    fields |= {
        name: datetime.fromtimestamp(fields[name], timezone.utc)
        for name in TIMES
        if fields[name] is not None
    }
    fields |= {name: json.loads(fields[name]) for name in ("scopes", "roles")}
    return APIKeyRecord(fields.pop("id"), fields.pop("hash"), fields.pop("owner"), **fields)
