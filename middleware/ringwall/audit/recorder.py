"""Hands records to the sink, and counts and tells those that it did not take."""

from __future__ import annotations

import itertools
import logging
import os
import platform
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._version import __version__
from ._lifetime import uninterrupted, watch_recorder
from .canonical import canonical
from .queued import QueuedSink
from .record import VERSION, timestamp
from .sink import Sink

logger: logging.Logger = logging.getLogger("ringwall.audit")

_IDS_AT_ONCE = 128
_LONGEST_RECORD = 1 << 19  # a reader takes no line of more than twice as much


class Recorder:
    """The way of a record to its sink and to the copies.

    The first record of a process is "start", the last one "stop". No failure of a sink reaches
    the caller.

    Attributes:
        lost: how many records the sink did not take, in this process.
        missing: how many of those no record tells yet.
        uncopied: how many records some copy did not take.
        ids: of records, which count up within a writer, so that a reader notices one that is
            missing.
        request_ids: some that nobody has yet; where there is none, ask `fresh_request_id`.

    Parameters:
        about: further members of the record "start".
        wall_clock: seconds since the epoch.
    """

    lost: int
    missing: int
    uncopied: int
    ids: Iterator[str]
    request_ids: list[str]

    def __init__(
        self,
        sink: Sink | None,
        copies: Sequence[Sink],
        about: dict[str, Any],
        wall_clock: Callable[[], float],
    ) -> None:
        self.sink = sink
        self._copies = tuple(
            copy if isinstance(copy, QueuedSink) else QueuedSink(copy) for copy in copies
        )
        self._about = about
        self._configurations: list[dict[str, Any]] = []
        self._wall_clock = wall_clock
        self._closed = False
        self.renew()
        watch_recorder(self)

    def renew(self) -> None:
        """Begin as a process of its own: another writer, with no loss of its own yet, and a lock
        that no vanished thread holds. It is reentrant, for the collector may end an exchange (a
        WSGI body that nobody closed) in the middle of it."""
        self._begin()
        self._lock = threading.RLock()
        self._started = False
        self.request_ids = []
        self.lost = self.missing = self.uncopied = 0

    def fresh_request_id(self) -> str:
        """128 random bits in hexadecimal, which tell nothing of other requests. They are taken from
        the system for many at once, for a call of it costs more than all else here: the others
        are in `request_ids`."""
        digits = os.urandom(16 * _IDS_AT_ONCE).hex()
        first, *others = [digits[at : at + 32] for at in range(0, len(digits), 32)]
        self.request_ids = others
        return first

    def _begin(self) -> None:
        self._writer = writer = os.urandom(8).hex()
        self.ids = map((writer + "-%d").__mod__, itertools.count(1))

    def keep(self, record: bytes) -> None:
        """Keep one record, after what must come before it."""
        sink = self.sink
        if sink is None:
            return
        try:
            if not self._started:
                self._start(sink)
            if self.missing:
                self._tell_gap(sink)
            sink.write(record)
        except Exception as error:  # noqa: BLE001  a sink never breaks a request
            self.lose(error)
        if self._copies:
            self._copy(record)

    def event(self, name: str, fields: dict[str, Any]) -> None:
        """Keep the record of something that is no exchange.

        Raises:
            ValueError: a field is no JSON, or the record is longer than a line may be.
        """
        record = self._event(name, fields)
        if len(record) > _LONGEST_RECORD:
            raise ValueError("the record is too long")
        self.keep(record)

    def configure(self, configuration: dict[str, Any]) -> None:
        """Tell a stack's configuration: with the record "start", or after it in one of its own."""
        if configuration not in self._configurations:
            self._configurations.append(configuration)
            if self._started:
                self.event("configuration", configuration)

    def recover(self) -> bool:
        """Whether the sink takes records again, tried with the record that tells the gap."""
        try:
            if self.sink is not None:
                self._tell_gap(self.sink)
        except Exception:  # noqa: BLE001  it was reported when it began
            return False
        return True

    def lose(self, error: Exception) -> None:
        """Count a record that was not kept."""
        with self._lock:
            self.missing += 1
            self.lost += 1
            first = self.missing == 1
        if first:  # the message of the exception may hold a secret
            logger.error("the audit sink failed with %s; records are lost", type(error).__name__)

    def stop(self) -> None:
        """Say that this is the end, once."""
        if self.sink is None or not self._started:
            return
        self._started = False
        record = self._event("stop", {})
        self._begin()
        try:
            self.sink.write(record)
        except Exception as error:  # noqa: BLE001  nobody is left to tell
            logger.error("the end of the audit was not recorded: %s", type(error).__name__)
        self._copy(record)

    @uninterrupted()
    def pause(self) -> None:
        """Say that this is the end, for now, and have everything on disk."""
        self.stop()
        for sink in (self.sink, *self._copies):
            commit = getattr(sink, "commit", None)
            if commit is not None:
                commit()

    @uninterrupted()
    def close(self) -> None:
        """Say that this is the end, and close the sinks, once."""
        self.stop()
        if self._closed:
            return
        self._closed = True
        if self.sink is not None:
            self.sink.close()
        for copy in self._copies:
            copy.close()

    @uninterrupted()
    def _start(self, sink: Sink) -> None:
        with self._lock:
            if not self._started:
                about = {
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "python": platform.python_version(),
                    "ringwall": __version__,
                    **self._about,
                    **(self._configurations[0] if self._configurations else {}),
                }
                record = self._event("start", about, f"{self._writer}-0")
                sink.write(record)
                self._started = True
                self._copy(record)
                for another in self._configurations[1:]:
                    self.event("configuration", another)

    def _tell_gap(self, sink: Sink) -> None:
        with self._lock:
            count = self.missing
            if count:
                sink.write(self._event("records-lost", {"count": count}))
                self.missing = 0
                logger.warning("the audit sink takes records again; lost: %d", count)

    def _event(self, name: str, fields: dict[str, Any], record_id: str = "") -> bytes:
        time = timestamp(self._wall_clock())
        record_id = record_id or next(self.ids)
        return canonical({**fields, "event": name, "id": record_id, "time": time, "v": VERSION})

    def _copy(self, record: bytes) -> None:
        for copy in self._copies:
            try:
                copy.write(record)
            except Exception:  # noqa: BLE001  a copy is a copy
                with self._lock:
                    self.uncopied += 1
