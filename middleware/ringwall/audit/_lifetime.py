"""What must be closed when the process ends, and begun anew when it forks."""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import signal
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

logger = logging.getLogger("ringwall.audit")


class Living(Protocol):
    """Something with threads, locks or open files."""

    def close(self) -> None: ...
    def renew(self) -> None: ...


class Speaking(Living, Protocol):
    """Something with a last word, which raises nothing."""

    def stop(self) -> None: ...


_ages = itertools.count()
_sinks: weakref.WeakValueDictionary[int, Living] = weakref.WeakValueDictionary()
_recorders: weakref.WeakSet[Speaking] = weakref.WeakSet()
# What is in the midst of a last word (or a first one), and the signals that wait for its end.
_speaking: set[object] = set()
_waiting: list[int] = []


def watch_sink(sink: Living) -> None:
    """Call `renew` in a forked child and `close` at exit. What was made last is closed first: it
    may hand on to what was made before it, as a queue does to its sink."""
    _sinks[next(_ages)] = sink


def watch_recorder(recorder: Speaking) -> None:
    """As above. It has its last word before, and closes what is left after all sinks: several
    recorders may share one."""
    _recorders.add(recorder)


def renew_all() -> None:
    """In a forked child: locks may be held by threads that are not there any more."""
    _speaking.clear()
    _waiting.clear()
    for thing in [*_recorders, *_sinks.values()]:
        thing.renew()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let `close_on_sigterm` wait. Servers signal workers that are ending already, and one that
    found the word "stop" begun but not written would end the process without it."""
    word = object()
    _speaking.add(word)
    try:
        yield
    finally:
        _speaking.discard(word)
        if not _speaking:
            numbers = _waiting[:]
            _waiting.clear()
            for number in numbers:
                signal.raise_signal(number)


@uninterrupted()
def close_all() -> None:
    """At exit, before the interpreter takes modules apart."""
    recorders = list(_recorders)
    for recorder in recorders:
        recorder.stop()
    for thing in [*(sink for _, sink in sorted(_sinks.items(), reverse=True)), *recorders]:
        try:
            thing.close()
        except Exception as error:  # noqa: BLE001  the others are to be closed, too
            logger.error("%r was not closed: %s", thing, type(error).__name__)


def close_on_sigterm() -> None:
    """Close what is open when the process is told to end by SIGTERM.

    A server that leaves the signal to the system, or raises it again after its own shutdown, as
    uvicorn does, ends without the hooks at exit: what a queue holds is lost, and no record "stop"
    and no last checkpoint is written. Call this in the main thread, when the app is imported.
    """
    before = signal.getsignal(signal.SIGTERM)

    def handler(number: int, frame: FrameType | None) -> None:
        # Noted before the look: the word may be that of another thread, which ends just now.
        _waiting.append(number)
        if _speaking:
            return
        _waiting.clear()
        close_all()
        signal.signal(number, before)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, handler)


if hasattr(os, "register_at_fork"):  # pragma: no branch  not on Windows
    os.register_at_fork(after_in_child=renew_all)
atexit.register(close_all)
