"""One writer at a time within a process."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from .._fingerprint import Configured


class SerialSink(Configured, ABC):
    """A sink whose groups are appended one after the other.

    The lock is reentrant: the collector may end an exchange (a WSGI body that nobody closed) in
    the midst of a write, and its record then follows the group that is being written.
    """

    _lock: threading.RLock
    _late: list[bytes]
    _writing: bool
    _closed: bool

    def __init__(self, append_one: Callable[[bytes], object] = lambda record: None) -> None:
        """append_one: appends a record where nothing else is to be done, and returns what is true;
        else it leaves it to `_append`."""
        self._append_one = append_one
        self._closed = False
        SerialSink.renew(self)

    def write(self, record: bytes) -> None:
        """Append one record: an object in canonical JSON whose names begin with a letter.

        Raises:
            OSError: it was not written. ValueError: the sink is closed.
        """
        with self._lock:
            if self._writing:
                self._late.append(record)
                return
            self._writing = True
            try:
                if not self._append_one(record):
                    self._append((record,))
                if self._late:
                    self._append_late()
            finally:
                self._writing = False

    def write_many(self, records: Sequence[bytes]) -> None:
        """Append records as one group: all of them, or none.

        Raises:
            OSError: they were not written. ValueError: the sink is closed.
        """
        with self._lock:
            if self._writing:
                self._late.extend(records)
                return
            self._writing = True
            try:
                self._append(records)
                self._append_late()
            finally:
                self._writing = False

    def renew(self) -> None:
        """Begin as a process of its own."""
        self._lock = threading.RLock()
        self._writing = False
        self._late = []

    def _append_late(self) -> None:
        while self._late:
            late, self._late = self._late, []
            self._append(late)

    @abstractmethod
    def _append(self, records: Sequence[bytes]) -> None: ...


def raise_if_closed(closed: bool) -> None:
    """Raise ValueError, as files do."""
    if closed:
        raise ValueError("the sink is closed")
