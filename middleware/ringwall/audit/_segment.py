"""The file of a log that takes lines now, shared with other processes by a lock on it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .chain import KEY_ROTATED, ROTATED, Chain, Damaged

try:
    import fcntl
except ModuleNotFoundError:  # pragma: no cover  Windows: one process for each log
    fcntl = None  # type: ignore[assignment]

_flock: Callable[[int, int], object] = getattr(fcntl, "flock", lambda fd, operation: None)
_EXCLUSIVE, _FREE = getattr(fcntl, "LOCK_EX", 0), getattr(fcntl, "LOCK_UN", 0)
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOCTTY", 0)
_CHUNK = 1 << 20


class Segment:
    """An open file. It is closed when the last user lets go.

    chain: where the log stands after the lines that are known; None: the file is empty.
    size: octets of those lines. first: the number of the first. torn: what a crash left of a line.
    rotated: the file takes no more lines. new_key: the line by which another process
    changed the key.
    """

    __slots__ = ("_fd", "_identity", "chain", "first", "new_key", "rotated", "size", "torn")

    _fd: int

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, _FLAGS, 0o600)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        self._identity = (found.st_dev, found.st_ino)
        self.chain: Chain | None = None
        self.size = self.first = 0
        self.torn = b""
        self.rotated = False
        self.new_key = b""

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and forget about a lock that a parent process holds on it."""
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            os.close(fd)

    def fork(self) -> Chain:
        """The chain as it stands, to be taken on.

        Raises:
            Damaged: the file is empty, though it was begun.
        """
        if self.chain is None:
            raise Damaged("the file is empty")
        return self.chain.copy()

    def is_at(self, path: Path) -> bool:
        """Whether this is still the file of that name."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def is_deleted(self) -> bool:
        """Whether the file has no name any more: what is written to it is gone with the process."""
        return os.fstat(self._fd).st_nlink == 0

    def lock(self) -> None:
        """Wait until no other process writes. The kernel frees the lock of one that dies."""
        _flock(self._fd, _EXCLUSIVE)

    def unlock(self) -> None:
        """Let others write."""
        _flock(self._fd, _FREE)

    def catch_up(self) -> None:
        """Follow the lines that other processes wrote, and take a torn one off the end.

        Raises:
            Damaged: the file is shorter than it was, or its lines do not follow each other.
        """
        size = os.fstat(self._fd).st_size
        if size == self.size:
            return
        if size < self.size:
            raise Damaged("the file is shorter than it was")
        for line in self._lines(size):
            if self.chain is None:
                self.chain = Chain.resume(line)
                self.first = self.chain.tree.size
            self.chain.follow(line)
            self.rotated = ROTATED in line
            if KEY_ROTATED in line:
                self.new_key = line
        if self.torn:  # it was never a record; what it was goes into one
            os.ftruncate(self._fd, self.size)

    def append(self, lines: Sequence[bytes], chain: Chain) -> None:
        """Add lines, after which the log stands at `chain`: all of them, or none.

        Raises:
            OSError: they were not written.
        """
        try:
            self._write(b"\n".join(lines) + b"\n")
            self.chain = chain
        except OSError:
            raise
        except BaseException:
            self._forget()
            raise

    def append_one(self, record: bytes, chain: Chain) -> bool:
        """Add one record under the lock, if no other process has written since and the file takes
        records. The chain, which is this file's, goes on only once the record is written.

        Raises:
            OSError: it was not written.
        """
        fd = self._fd
        _flock(fd, _EXCLUSIVE)
        try:
            if self.rotated or os.lseek(fd, 0, os.SEEK_END) != self.size:
                return False
            line = chain.line(record)
            data = line + b"\n"
            if os.write(fd, data) < len(data):
                raise OSError("the record was written in part")
            self.size += len(data)
            chain.take(line)
        except OSError:
            os.ftruncate(fd, self.size)
            raise
        except BaseException:
            self._forget()
            raise
        finally:
            _flock(fd, _FREE)
        return True

    def sync(self) -> None:
        """Wait for the disk."""
        os.fsync(self._fd)

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                raise OSError("the record was written in part")
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)

    def _forget(self) -> None:
        """After a signal in the midst of a write: the file tells where it stands."""
        self.chain, self.size = None, 0

    def _lines(self, size: int) -> Iterator[bytes]:
        rest = b""
        position = self.size
        while position < size:
            data = os.pread(self._fd, min(_CHUNK, size - position), position)
            if not data:
                raise Damaged("the file is shorter than it was")
            position += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield line
                self.size += len(line) + 1
        # A machine that lost power may leave zeros where a line should be.
        self.torn = rest
