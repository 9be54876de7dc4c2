"""The log in an SQLite database: the same chain, and SQL to ask it questions."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from .._errors import ConfigurationError, did_you_mean
from ._checkpoints import Checkpoints
from ._keyfile import KeyFile
from ._lifetime import watch_sink
from ._serial import SerialSink, raise_if_closed
from .chain import KEY_ROTATED, Chain, Damaged
from .keys import SigningKey

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY, line TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS openings (seq INTEGER PRIMARY KEY, at REAL NOT NULL);
CREATE VIEW IF NOT EXISTS exchanges AS SELECT seq,
    json_extract(line, '$.time') AS time,
    json_extract(line, '$.outcome') AS outcome,
    json_extract(line, '$.status') AS status,
    json_extract(line, '$.method') AS method,
    json_extract(line, '$.route') AS route,
    json_extract(line, '$.client') AS client,
    json_extract(line, '$.actor.subject') AS subject,
    json_extract(line, '$.id') AS id,
    line
FROM records WHERE json_extract(line, '$.event') = 'exchange';
"""
_OPEN_EVERY = 100_000
LONGEST_LINE = 1 << 20
"""Longer lines are none of ours; a reader takes no more of them."""
_IS_TABLE = (
    "SELECT 1 FROM sqlite_master WHERE name = 'records' AND type = 'table'"
    " AND sql LIKE 'CREATE TABLE%'"
)
_LINES = "SELECT substr(line, 1, ?) FROM records ORDER BY seq"


class SQLiteSink(SerialSink):
    """Keeps records in a database, chained and signed as `JSONLinesSink` does.

    Table `records` holds the lines, view `exchanges` their most asked-for members. Several
    processes may share the database. Each write is a transaction: put it behind a `QueuedSink`.

    Parameters:
        path: the database, on a local disk.
        fsync: "never": a record survives the death of the process, not of the machine. "always":
            it survives both.
        key, checkpoint_every, checkpoint_interval, witness: as those of `JSONLinesSink`.
        retention: seconds after which records are deleted, 100 000 at a time; None: never.
        timeout: seconds to wait for other processes.

    Raises:
        ConfigurationError: the database cannot be opened, or `fsync` is unknown.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fsync: Literal["never", "always"] = "never",
        key: str | os.PathLike[str] | SigningKey | None = None,
        checkpoint_every: int = 1000,
        checkpoint_interval: float = 60.0,
        witness: str | os.PathLike[str] | Callable[[bytes], object] | None = None,
        retention: float | None = None,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if fsync not in ("never", "always"):
            raise ConfigurationError(
                f"unknown fsync={fsync!r}" + did_you_mean(str(fsync), ("never", "always"))
            )
        self._path = Path(path).absolute()
        self._synchronous = "FULL" if fsync == "always" else "NORMAL"
        self._timeout = timeout
        self._retention = float("inf") if retention is None else retention
        self._checkpoints = Checkpoints(key, checkpoint_every, checkpoint_interval, clock, witness)
        self._wall_clock = wall_clock
        self._connection: sqlite3.Connection | None = None
        self._chain: Chain | None = None
        self._abandoned: list[sqlite3.Connection | None] = []
        super().__init__()
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connect()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"cannot open the audit database {str(self._path)!r} ({type(error).__name__})"
            ) from None
        watch_sink(self)

    def __repr__(self) -> str:
        return f"<SQLiteSink {str(self._path)!r}>"

    def flush(self) -> None:
        """Sign what is not signed, where it is time to."""
        with self._lock:
            chain = self._chain
            if not self._closed and chain is not None and self._checkpoints.is_due(chain):
                self._append(())

    def commit(self) -> None:
        """Sign what is left."""
        with self._lock:
            if not self._closed and self._chain is not None:
                self._checkpoints.hurry()
                self._append(())

    def close(self) -> None:
        """Sign what is left, and close the database."""
        with self._lock:
            if self._closed:
                return
            try:
                self.commit()
            finally:
                self._closed = True
                if self._connection is not None:
                    self._connection.close()

    def renew(self) -> None:
        """Begin as a process of its own. SQLite forbids even to close a parent's connection."""
        super().renew()
        self._abandoned.append(self._connection)
        self._connection = None
        self._chain = None

    def rotate_key(self, file: KeyFile, told: str | None) -> tuple[SigningKey, SigningKey]:
        """Record a change of keys (`KeyFile.begin`), and put the new one in its place. Returns the
        old one and the new."""
        keys: list[SigningKey] = []
        lines: list[bytes] = []

        def change(connection: sqlite3.Connection, chain: Chain) -> None:
            self._insert(connection, chain, ())
            keys[:] = file.begin(told)
            first = chain.tree.size
            lines[:] = chain.introduce(keys[1], keys[0], self._wall_clock())
            _put(connection, first, lines)

        def put(connection: sqlite3.Connection, chain: Chain) -> None:
            self._checkpoints.reload(lines[0])

        with self._lock:
            self._change(change)
            # Only a key that the database names for good takes its place; under its lock, too.
            self._change(put)
        return keys[0], keys[1]

    def _append(self, records: Sequence[bytes]) -> None:
        self._change(lambda connection, chain: self._insert(connection, chain, records))

    def _change(self, change: Callable[[sqlite3.Connection, Chain], None]) -> None:
        raise_if_closed(self._closed)
        connection = self._connection or self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                chain = self._caught_up(connection)
                change(connection, chain)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise OSError(f"the database failed with {type(error).__name__}") from None
        self._chain = chain
        self._checkpoints.witness()

    def _insert(
        self, connection: sqlite3.Connection, chain: Chain, records: Sequence[bytes]
    ) -> None:
        now, first = self._wall_clock(), chain.tree.size
        lines: list[bytes] = []
        newest = connection.execute("SELECT max(seq) FROM openings").fetchone()[0]
        if newest is None or first - newest >= _OPEN_EVERY:
            connection.execute("INSERT INTO openings VALUES (?, ?)", (first, now))
            lines.append(chain.opened(now))
            through = connection.execute(
                "SELECT max(seq) - 1 FROM openings WHERE at < ?", (now - self._retention,)
            ).fetchone()[0]
            if through is not None and through >= 0:
                line = self._checkpoints.event(chain, "pruned", now, files=[], through=through)
                lines.append(line)
                connection.execute("DELETE FROM records WHERE seq <= ?", (through,))
                connection.execute("DELETE FROM openings WHERE seq <= ?", (through,))
        lines += [chain.link(record) for record in records]
        lines += self._checkpoints.lines(chain, now)
        _put(connection, first, lines)

    def _caught_up(self, connection: sqlite3.Connection) -> Chain:
        """Where the log stands, lines of other processes included."""
        chain = None if self._chain is None else self._chain.copy()
        newest = connection.execute("SELECT max(seq) FROM openings").fetchone()[0]
        start = chain.tree.size if chain is not None else newest or 0
        rows = connection.execute("SELECT line FROM records WHERE seq >= ? ORDER BY seq", (start,))
        new_key = b""
        for (text,) in rows:
            line = str(text).encode()
            if chain is None:
                chain = Chain.resume(line)
                self._checkpoints.refresh()
            chain.follow(line)
            if KEY_ROTATED in line:
                new_key = line
        if new_key:
            self._checkpoints.reload(new_key)
        last = connection.execute("SELECT max(seq) FROM records").fetchone()[0]
        if chain is not None and last != chain.tree.size - 1:
            raise Damaged("records are missing from the database")
        return chain or Chain.new()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            connection.executescript(_SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        return connection


def _put(connection: sqlite3.Connection, first: int, lines: Sequence[bytes]) -> None:
    connection.executemany(
        "INSERT INTO records VALUES (?, ?)",
        [(seq, line.decode()) for seq, line in enumerate(lines, first)],
    )


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def read_database(path: Path) -> Iterator[bytes]:
    """The lines of a database, in order.

    Raises:
        OSError: it is none.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            connection.execute("PRAGMA trusted_schema=OFF")
            if connection.execute(_IS_TABLE).fetchone() is None:
                raise sqlite3.DatabaseError  # a view may go on for ever
            for (text,) in connection.execute(_LINES, (LONGEST_LINE,)):
                yield str(text).encode()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise OSError(errno.EIO, f"the database failed with {type(error).__name__}") from None
