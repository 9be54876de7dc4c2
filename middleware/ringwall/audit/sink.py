"""Where records go."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from .._errors import ConfigurationError, did_you_mean

logger = logging.getLogger("ringwall.audit")

FSync = Literal["never", "always"]
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOCTTY", 0)
_CHECK_EVERY = 1.0


@runtime_checkable
class Sink(Protocol):
    """Takes records. May be called from several threads, and in the event loop under ASGI: it
    must not block for long. Raising tells that the record was not kept."""

    def write(self, record: bytes) -> None:
        """Keep one record: a JSON object in UTF-8, without a line feed."""

    def close(self) -> None:
        """Release what the sink holds. Called once, at the end."""


class JSONLinesSink:
    """Appends each record as one line to a file, with one system call.

    Several processes may share the file, forked or not: the operating system appends each line as
    a whole (O_APPEND). A new file can be read by its owner only (0600). When the file is renamed
    or removed (logrotate, without `copytruncate` and without a signal), a new one is made within
    a second. A line that a crash or a full disk tore ends before the next record begins, so a
    reader loses that record and no other; it must skip lines that are empty or no JSON.

    Parameters:
        path: the file, or a device such as "/dev/stdout". Its directory must exist.
        fsync: "never": a record survives the death of the process, not of the machine.
            "always": it survives both; each record waits for the disk, in the event loop, too.
        clock: seconds, monotonic.

    Raises:
        ConfigurationError: the file cannot be opened, or `fsync` is unknown.

    >>> import pathlib, tempfile
    >>> directory = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(directory.name) / "audit.jsonl"
    >>> sink = JSONLinesSink(path)
    >>> sink.write(b'{"event":"exchange"}')
    >>> sink.close()
    >>> path.read_text()
    '{"event":"exchange"}\\n'
    >>> directory.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fsync: FSync = "never",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if fsync not in ("never", "always"):
            raise ConfigurationError(
                f"unknown fsync={fsync!r}" + did_you_mean(str(fsync), ("never", "always"))
            )
        # A worker may change its directory after this (daemons do).
        self._path = Path(path).absolute()
        self._fsync = fsync == "always"
        self._clock = clock
        try:
            self._file: _File | None = _File(self._path)
        except OSError as error:
            raise ConfigurationError(
                f"cannot open the audit file {str(self._path)!r} ({error.strerror}); make its"
                " directory and let the server's user write there"
            ) from error
        self._next_check = clock() + _CHECK_EVERY

    def __repr__(self) -> str:
        return f"<JSONLinesSink {str(self._path)!r}>"

    def write(self, record: bytes) -> None:
        """Append one record.

        Raises:
            OSError: it was not written, or not wholly.
            ValueError: the sink is closed.
        """
        if self._clock() >= self._next_check:
            self._follow_rotation()
        file = self._file
        if file is None:
            raise ValueError("the sink is closed")
        file.append(record + b"\n")
        if self._fsync:
            os.fsync(file.fd)

    def close(self) -> None:
        """Close the file. A write that is under way in another thread ends first."""
        self._file = None

    def _follow_rotation(self) -> None:
        self._next_check = self._clock() + _CHECK_EVERY
        file = self._file
        if file is None:
            return
        try:
            if not file.is_at(self._path):
                self._file = _File(self._path)
        except OSError as error:
            # The old file still takes records: better there than nowhere.
            logger.error("the audit file cannot be opened anew: %s", error.strerror)


class _File:
    """An open file. It is closed when the last user lets go, never under a writing thread, whose
    line could else reach whatever got the descriptor's number next."""

    __slots__ = ("_identity", "_torn", "fd")

    fd: int

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, _FLAGS, 0o600)
        found = os.fstat(self.fd)
        self._identity = (found.st_dev, found.st_ino)
        size = found.st_size if stat.S_ISREG(found.st_mode) else 0
        self._torn = size > 0 and _last_byte(self.fd, size) != b"\n"

    def __del__(self) -> None:
        fd = getattr(self, "fd", None)
        if fd is not None:
            os.close(fd)

    def is_at(self, path: Path) -> bool:
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def append(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        written = os.write(self.fd, line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError("the record was written in part")


def _last_byte(fd: int, size: int) -> bytes:
    os.lseek(fd, size - 1, os.SEEK_SET)  # appending ignores the position
    return os.read(fd, 1)
