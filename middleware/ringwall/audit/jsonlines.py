"""The log in a file: JSON Lines that prove themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from .._errors import ConfigurationError, did_you_mean
from ._checkpoints import Checkpoints
from ._lifetime import watch_sink
from ._logfile import LogFile
from ._retention import Rotation
from ._segment import Segment
from ._serial import SerialSink, raise_if_closed
from .keys import SigningKey

FSync = Literal["never", "interval", "always"]


class JSONLinesSink(SerialSink):
    """Appends records to a file as a hash chain, one line each.

    Every line names the hash of the line before, so that none can be changed, removed, inserted
    or moved unnoticed (`ringwall audit verify`). With a key, checkpoints sign what is there so far.

    Several processes may share the file, forked or not: each takes a lock for as long as it
    appends. A new file can be read by its owner only (0600). A line that a crash tore is taken off
    the end and told in a record of its own. A file that was renamed (logrotate, without
    `copytruncate`) is left within a second.

    Parameters:
        path: the file. Its directory must exist, on a local disk.
        fsync: "never": a record survives the death of the process, not of the machine.
            "interval": the machine's, too, but for the last `fsync_interval` seconds. "always":
            each write waits for the disk; behind a `QueuedSink` one write is a whole group.
        key: a PEM file (`ringwall audit keygen`) or a `SigningKey`; None: no checkpoints.
        checkpoint_every: records. checkpoint_interval: seconds. Whatever comes first.
        witness: takes a copy of each checkpoint, out of reach of whoever may change the log: a
            function, or the path of a file on another disk. It tells a log that was cut off.
        rotate_size: octets after which a new file is begun; the old one is renamed to `PATH.N`,
            N being the number of its first record. rotate_interval: seconds; None: by size only.
        retention: seconds after which an old file is deleted, which is a record, too; None: never.
        clock: seconds, monotonic. wall_clock: seconds since the epoch.

    Raises:
        ConfigurationError: the file or the key cannot be opened, or a number is not positive.
        MissingDependency: a key was given and `cryptography` is not installed.

    >>> import pathlib, tempfile
    >>> directory = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(directory.name) / "audit.jsonl"
    >>> sink = JSONLinesSink(path)
    >>> sink.write(b'{"event":"exchange"}')
    >>> sink.close()
    >>> path.read_bytes().endswith(b',"event":"exchange"}\\n')
    True
    >>> directory.cleanup()
    """

    _unsynced: Segment | None
    _log: LogFile

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fsync: FSync = "never",
        fsync_interval: float = 1.0,
        key: str | os.PathLike[str] | SigningKey | None = None,
        checkpoint_every: int = 1000,
        checkpoint_interval: float = 60.0,
        witness: str | os.PathLike[str] | Callable[[bytes], object] | None = None,
        rotate_size: int = 64 << 20,
        rotate_interval: float | None = None,
        retention: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if fsync not in get_args(FSync):
            raise ConfigurationError(
                f"unknown fsync={fsync!r}" + did_you_mean(str(fsync), get_args(FSync))
            )
        _check_positive(
            fsync_interval=fsync_interval, checkpoint_every=checkpoint_every,
            checkpoint_interval=checkpoint_interval, rotate_size=rotate_size,
            rotate_interval=rotate_interval, retention=retention,
        )  # fmt: skip
        # A worker may change its directory after this (daemons do).
        self._path = Path(path).absolute()
        self._checkpoints = Checkpoints(key, checkpoint_every, checkpoint_interval, clock, witness)
        rotation = Rotation(self._path, rotate_size, rotate_interval, retention, clock)
        self._sync_every = {"never": float("inf"), "interval": fsync_interval, "always": 0}[fsync]
        self._syncs = fsync != "never"
        self._clock = clock
        self._next_sync = 0.0
        try:
            self._log = LogFile(self._path, self._checkpoints, rotation, clock, wall_clock)
        except OSError as error:
            raise ConfigurationError(
                f"cannot open the audit file {str(self._path)!r} ({error.strerror}); make its"
                " directory and let the server's user write there"
            ) from None
        self._unsynced = None
        # A log that was closed is detached: what follows tells it.
        super().__init__(self._append_and_sync if self._syncs else self._log.append_one)
        watch_sink(self)

    def __repr__(self) -> str:
        return f"<JSONLinesSink {str(self._path)!r}>"

    def flush(self) -> None:
        """Sign what is not signed and write to disk what is not there, where it is time to."""
        with self._lock:
            log = self._log
            if self._closed:
                return
            if log.chain is not None and self._checkpoints.is_due(log.chain):
                self._append(())
            elif self._unsynced is not None:
                self._sync(self._unsynced)

    def commit(self) -> None:
        """Sign and sync what is left."""
        with self._lock:
            if self._closed:
                return
            self._checkpoints.hurry()
            self._next_sync = 0.0
            if self._checkpoints.sign and self._log.chain is not None:
                self._append(())  # lines of processes that were killed, too
            elif self._unsynced is not None:
                self._sync(self._unsynced)

    def close(self) -> None:
        """Sign and sync what is left. A write that is under way in another thread ends first."""
        with self._lock:
            if self._closed:
                return
            try:
                self.commit()
            finally:
                self._closed = True
                self._log.detach()

    def _append(self, records: Sequence[bytes]) -> None:
        raise_if_closed(self._closed)
        self._unsynced = segment = self._log.append(records)
        self._sync(segment)

    def _append_and_sync(self, record: bytes) -> bool:
        segment = self._log.append_one(record)
        if segment is None:
            return False
        self._unsynced = segment
        self._sync(segment)
        return True

    def _sync(self, segment: Segment) -> None:
        if self._syncs and self._clock() >= self._next_sync:
            segment.sync()
            self._unsynced = None
            self._next_sync = self._clock() + self._sync_every

    def renew(self) -> None:
        """Begin as a process of its own: a forked one shares its parent's lock with the file."""
        super().renew()
        self._unsynced = None
        self._log.detach()


def _check_positive(**numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not number > 0:
            raise ConfigurationError(f"{name}={number!r} must be more than 0")
