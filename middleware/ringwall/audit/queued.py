"""A bounded queue before a sink: requests do not wait for a disk or a network."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Literal, get_args

from .._errors import ConfigurationError, did_you_mean
from .._fingerprint import Configured
from ._lifetime import watch_sink
from ._serial import raise_if_closed
from .sink import Sink

logger: logging.Logger = logging.getLogger("ringwall.audit")

Policy = Literal["block", "drop", "fail_closed"]
_RETRY = 0.25
_IDLE = 1.0


class QueueFull(OSError):
    """The queue takes no record: it is full, or what is in it cannot be written."""


class QueuedSink(Configured):
    """Hands records to another sink in groups, from a thread of its own.

    What the other sink does not take is tried again, in order, until it is taken. A process that
    is killed loses what is in the queue: at most `interval` seconds, as long as the other sink
    keeps up.

    Parameters:
        sink: the other sink.
        size: how many records may wait.
        policy: what becomes of a record that finds the queue full. "drop": it is lost, counted,
            and told by a record "records-lost". "block": its request waits for a place up to
            `timeout` seconds (under ASGI all requests do), then as "drop". "fail_closed": as
            "drop", and `Audit` answers 503 until the queue takes records again; also as soon as
            the other sink fails.
        group: records that are written at once, at most.
        interval: seconds in which a group gathers.
        timeout: seconds that "block" waits, and that closing waits for what is left.

    Raises:
        ConfigurationError: the sink is none, the policy is unknown, or a number is not positive.

    >>> class Lines(list):
    ...     def write(self, record): self.append(record)
    ...     def close(self): ...
    >>> lines = Lines()
    >>> sink = QueuedSink(lines)
    >>> sink.write(b"{}"); sink.close(); lines
    [b'{}']
    """

    _thread: threading.Thread | None
    _hand: list[bytes]

    def __init__(
        self,
        sink: Sink,
        *,
        size: int = 10_000,
        policy: Policy = "drop",
        group: int = 512,
        interval: float = 0.05,
        timeout: float = 5.0,
    ) -> None:
        if not isinstance(sink, Sink):
            raise ConfigurationError(
                "QueuedSink(sink) takes a sink; write QueuedSink(JSONLinesSink(path))"
            )
        if policy not in get_args(Policy):
            raise ConfigurationError(
                f"unknown policy={policy!r}" + did_you_mean(str(policy), get_args(Policy))
            )
        for name, number in (("size", size), ("group", group), ("interval", interval)):
            if not number > 0:
                raise ConfigurationError(f"{name}={number!r} must be more than 0")
        self.fail_closed: bool = policy == "fail_closed"
        self._sink = sink
        self._write: Any = getattr(sink, "write_many", None) or self._one_by_one
        self._flush: Any = getattr(sink, "flush", None)
        self._size = size
        self._wait = timeout if policy == "block" else 0.0
        self._group = group
        self._interval = interval
        self._timeout = timeout
        self._closed = False
        self.renew()
        watch_sink(self)

    def __repr__(self) -> str:
        return f"<QueuedSink {self._sink!r}>"

    def write(self, record: bytes) -> None:
        """Put one record into the queue.

        Raises:
            QueueFull: it is lost. ValueError: the sink is closed.
        """
        raise_if_closed(self._closed)
        if self.fail_closed and self._failing:
            raise QueueFull("the sink fails")
        if len(self._queue) >= self._size and not self._wait_for_place():
            raise QueueFull("the queue is full")
        self._queue.append(record)
        if self._thread is None:
            self._start()
        if self._idle:
            self._wake_up()

    def commit(self) -> None:
        """Wait up to `timeout` until what is in the queue is written, and on disk."""
        with self._place:
            done = self._place.wait_for(lambda: not self._waiting(), self._timeout)
        if not done:
            logger.error("the audit sink is late; records wait: %d", self._waiting())
            return
        commit = getattr(self._sink, "commit", None)
        if commit is not None:
            commit()

    def close(self) -> None:
        """Write what is left, wait for it up to `timeout`, and close the other sink."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        self._wake_up()
        thread = self._thread
        if thread is not None:
            thread.join(self._timeout)
            if thread.is_alive():  # a sink that hangs must not hold up the end
                logger.error("the audit sink hangs; records are lost: %d", self._waiting())
                return
        left = self._waiting()
        if left:
            logger.error("the audit sink failed to the end; records are lost: %d", left)
        self._sink.close()

    def renew(self) -> None:
        """Begin as a process of its own: what waits is the parent's to write."""
        self._queue: deque[bytes] = deque()
        self._hand = []
        self._thread = None
        self._failing = False
        self._idle = True
        # A bare lock as a bell: an Event takes a lock that is not reentrant, and the collector may
        # end an exchange, and ring, in the midst of that.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._stop = threading.Event()
        self._place = threading.Condition()
        self._starting = threading.RLock()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="ringwall-audit", daemon=True
                )
                self._thread.start()

    def _wake_up(self) -> None:
        with contextlib.suppress(RuntimeError):  # it rings already
            self._bell.release()

    def _wait_for_place(self) -> bool:
        if not self._wait:
            return False
        with self._place:
            return self._place.wait_for(lambda: len(self._queue) < self._size, self._wait)

    def _waiting(self) -> int:
        return len(self._queue) + len(self._hand)

    def _run(self) -> None:
        while not (self._stop.is_set() and not self._waiting()):
            self._idle = True  # before the look: what comes after it rings the bell
            if not self._waiting():
                self._bell.acquire(timeout=_IDLE)
            self._idle = False
            if not self._waiting():
                self._calm()
                continue
            if len(self._queue) < self._group:
                self._stop.wait(self._interval)
            if self._hand_over():
                continue
            if self._stop.wait(_RETRY) and not self._hand_over():
                return  # it had its last chance

    def _hand_over(self) -> bool:
        """Write one group; False: it could not be, and is kept for the next try."""
        queue, hand = self._queue, self._hand
        while queue and len(hand) < self._group:
            hand.append(queue[0])
            queue.popleft()  # afterwards: between the two it is in both, never in neither
        try:
            self._write(hand)
        except Exception as error:  # noqa: BLE001  tried again; the layer tells what is lost
            if not self._failing:
                logger.error(
                    "the audit sink failed with %s; it is tried again", type(error).__name__
                )
            self._failing = True
            return False
        self._failing = False
        self._hand = []
        with self._place:
            self._place.notify_all()
        return True

    def _one_by_one(self, records: Sequence[bytes]) -> None:
        while self._hand:
            self._sink.write(self._hand[0])
            del self._hand[0]

    def _calm(self) -> None:
        """There is time for checkpoints and for the disk."""
        if self._flush is not None:
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001  there is no record to lose here
                logger.error("the audit sink failed with %s", type(error).__name__)
