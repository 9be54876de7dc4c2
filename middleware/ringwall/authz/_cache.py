"""A short cache of loaded objects, for deciding only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from .._errors import ConfigurationError
from .._fingerprint import Configured
from ._facts import ABSENT

_LONGEST = 60.0


class ObjectCache(Configured):
    """Keeps objects for seconds, so that a burst of requests for one costs one read.

    Objects are cached, decisions never: a role or scope that is withdrawn counts at once. A change
    of the object itself, of its owner say, counts after `seconds` at the latest (ASVS 8.3.2). That
    there is no such object is not cached, so guessed ids fill nothing.

    Parameters:
        seconds: how long, at most 60.
        entries: how many; the oldest leaves first.
        clock: seconds from any start.

    Raises:
        ConfigurationError: a figure out of range.

    >>> cache = ObjectCache(seconds=2)
    """

    __slots__ = ("_clock", "_entries", "_lock", "_objects", "_seconds")

    def __init__(
        self,
        *,
        seconds: float,
        entries: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < seconds <= _LONGEST:
            raise ConfigurationError(
                f"seconds={seconds!r}: an object may be cached for up to {_LONGEST:g} seconds, as"
                " its old owner counts that long"
            )
        if entries < 1:
            raise ConfigurationError(f"entries={entries!r}: write how many objects to keep")
        self._seconds = seconds
        self._entries = entries
        self._clock = clock
        self._objects: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<ObjectCache {self._seconds:g} s>"

    def get(self, key: Hashable) -> Any:
        """The object, or ABSENT."""
        until, found = self._objects.get(key, (0.0, ABSENT))
        return found if found is ABSENT or self._clock() < until else ABSENT

    def put(self, key: Hashable, found: Any) -> None:
        """Keep an object."""
        with self._lock:
            self._objects.pop(key, None)
            while len(self._objects) >= self._entries:
                del self._objects[next(iter(self._objects))]
            self._objects[key] = (self._clock() + self._seconds, found)

    def clear(self) -> None:
        """Forget everything, after a write that changed who owns what."""
        with self._lock:
            self._objects.clear()
