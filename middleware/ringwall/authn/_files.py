"""A file that is read again when it changes."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

_log = logging.getLogger("ringwall.authn")

# No configuration is larger, and a file that grows without bound must not fill the memory.
_LARGEST = 64 * 1024 * 1024


class FileUnusable(Exception):
    """The file cannot be read or holds something else. The message never holds its content."""


class WatchedFile(Generic[T]):
    """What `parse` makes of a file, current within `check_every` seconds.

    A file that is gone or spoilt makes `get` raise until it is mended: a key that somebody meant
    to revoke must not live on because of a typing error in the same edit. Replace the file in one
    step (write another, then rename) to keep requests from seeing half of it.

    Parameters:
        path: the file. Others must not be able to write it.
        parse: makes a value of the content; raises ValueError.
        check_every: how often the file is looked at, in seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        parse: Callable[[bytes], T],
        *,
        check_every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(path)
        self._parse = parse
        self._check_every = check_every
        self._clock = clock
        self._lock = threading.Lock()
        self._next_check = float("-inf")
        self._seen: tuple[int, ...] | None = None
        self._value: T | None = None
        self._problem: str | None = None

    def get(self) -> T:
        """The current value.

        Raises:
            FileUnusable: there is none.
        """
        if self._clock() >= self._next_check:
            # One thread looks and the others wait: two that read different versions of the file at
            # once could leave the older one in force.
            with self._lock:
                now = self._clock()
                if now >= self._next_check:
                    self._look()
                    self._next_check = now + self._check_every
        value = self._value
        if value is None:
            raise FileUnusable(self._problem)
        return value

    def _look(self) -> None:
        value = None
        try:
            status = self.path.stat()
            seen = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            if seen == self._seen:
                value = self._value
                return
            self._seen = seen
            value = self._parse(self._read(status))
        except (OSError, ValueError) as error:
            # An OSError may pass; it is tried again at the next look.
            self._seen = None if isinstance(error, OSError) else self._seen
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._problem = f"{self.path}: {reason}"
            _log.error("%s", self._problem)
        finally:
            self._value = value  # at the end: until then the last one serves other threads

    def _read(self, status: os.stat_result) -> bytes:
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("this is not a regular file")
        if status.st_mode & stat.S_IWOTH:
            raise ValueError("everybody on this machine can write it; run: chmod o-w")
        if status.st_size > _LARGEST:
            raise ValueError(f"larger than {_LARGEST} bytes")
        return self.path.read_bytes()
