"""When a file of the log is full, and when an old one may go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._segments import first_of, old_segments


class Rotation:
    """The limits of the files of one log. due_at: when the file is old enough, by the clock.

    Parameters:
        size: octets. interval, retention: seconds, or None for ever.
    """

    def __init__(
        self,
        path: Path,
        size: int,
        interval: float | None,
        retention: float | None,
        clock: Callable[[], float],
    ) -> None:
        self._path = path
        self.size: float = size
        self._interval = float("inf") if interval is None else interval
        self._retention = float("inf") if retention is None else retention
        self._clock = clock
        self.began()

    def began(self) -> None:
        """A new file was begun."""
        self.due_at: float = self._clock() + self._interval

    def is_due(self, size: int) -> bool:
        """Whether the file is full, or old enough."""
        return size >= self.size or self._clock() >= self.due_at

    def expired(self, now: float) -> tuple[int, list[Path]]:
        """The oldest files, if their time is over, and the number of the last record in them."""
        old = old_segments(self._path)
        gone = 0
        # Only from the beginning: a log with a hole could not be told from one that was cut. The
        # newest of them says where the next file goes on.
        while gone < len(old) - 1 and old[gone].stat().st_mtime < now - self._retention:
            gone += 1
        return (first_of(old[gone]) - 1 if gone else -1), old[:gone]
