"""The files of one log under one lock: which of them takes records, and where the chain stands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from ._checkpoints import Checkpoints
from ._keyfile import KeyFile
from ._retention import Rotation
from ._segment import Segment
from ._segments import first_of, old_segments, set_aside
from .chain import LONGEST_LINK, Chain, Damaged
from .keys import SigningKey
from .record import clean

logger = logging.getLogger("ringwall.audit")

_CHECK_EVERY = 1.0
_MOST_TRIES = 16
_LONGEST_FRAGMENT = 2048


class LogFile:
    """Appends to the log. One thread at a time; other processes wait for the lock on the file.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        checkpoints: Checkpoints,
        rotation: Rotation,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._path = path
        self._checkpoints = checkpoints
        self._rotation = rotation
        self._clock = clock
        self._wall_clock = wall_clock
        self._next_check = self._quick_until = 0.0
        self._quick_size = rotation.size - LONGEST_LINK
        self._quick_count = checkpoints.every - 1
        self._segment: Segment | None = Segment(path)

    def detach(self) -> None:
        """Let go of the file in a forked process: it shares the lock of its parent."""
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.close()

    @property
    def chain(self) -> Chain | None:
        """Where the log stands as far as this process knows; None: nothing was written yet."""
        return None if self._segment is None else self._segment.chain

    def append(self, records: Sequence[bytes]) -> Segment:
        """Add records as one group, and a checkpoint if one is due; returns the file they are in.

        Raises:
            OSError: they were not written.
        """
        segment = self._enter()
        try:
            chain = segment.fork()
            lines = [chain.link(record) for record in records]
            now = self._wall_clock()
            lines += self._checkpoints.lines(chain, now)
            if lines:
                segment.append(lines, chain)
                self._checkpoints.witness()
            if records and self._rotation.is_due(segment.size):
                self._try_to_rotate(segment)
            self._quick_until = min(
                self._next_check, self._rotation.due_at, self._checkpoints.due_at
            )
        finally:
            segment.unlock()
        return segment

    def append_one(self, record: bytes) -> Segment | None:
        """Add a record where nothing else is to be done: no other process has written, and nothing
        is due. Else None, and `append` is for it. Most records pass here, at half the cost.

        Raises:
            OSError: it was not written.
        """
        segment = self._segment
        if segment is None or self._clock() >= self._quick_until:
            return None
        chain = segment.chain
        if (
            chain is None
            or segment.size + len(record) >= self._quick_size
            or chain.unsigned >= self._quick_count
        ):
            return None
        return segment if segment.append_one(record, chain) else None

    def rotate_key(self, file: KeyFile, told: str | None) -> tuple[SigningKey, SigningKey]:
        """Record a change of keys (`KeyFile.begin`), and put the new one in its place. Returns the
        old one and the new."""
        segment = self._enter()
        try:
            old, new = file.begin(told)
            chain = segment.fork()
            lines = chain.introduce(new, old, self._wall_clock())
            segment.append(lines, chain)
            segment.sync()
            self._checkpoints.reload(lines[0])
        finally:
            segment.unlock()
        return old, new

    def _enter(self) -> Segment:
        """The file that takes records, locked, and its chain up to date."""
        chain: Chain | None = None
        for _ in range(_MOST_TRIES):
            fresh = self._segment is None or self._segment.chain is None
            segment = self._segment = self._segment or Segment(self._path)
            look = fresh or self._clock() >= self._next_check
            segment.lock()
            try:
                here = not look or segment.is_at(self._path) or self._must_stay(segment, fresh)
                if fresh:
                    self._checkpoints.refresh()
                self._catch_up(segment)
                if here and not segment.rotated:
                    if segment.chain is None:
                        self._begin(segment, chain)
                    if look:
                        self._next_check = self._clock() + _CHECK_EVERY
                    return segment
                self._leave(segment)
                chain = segment.chain or chain
            except Damaged as error:
                chain = segment.chain or chain
                self._give_up(segment, error)
            except BaseException:
                segment.unlock()
                raise
            segment.unlock()
            self._segment = None
        raise OSError("the audit file is replaced again and again")

    def _must_stay(self, segment: Segment, fresh: bool) -> bool:
        """Whether no new file can take the place of one that was moved away.

        Raises:
            OSError: nor does anybody find the old one any more.
        """
        if not fresh:
            try:
                Segment(self._path)
            except OSError as error:
                if segment.is_deleted():
                    raise
                # The old file still takes records: better there than nowhere.
                logger.error("the audit file cannot be opened anew: %s", error.strerror)
                return True
        return False

    def _catch_up(self, segment: Segment) -> None:
        segment.catch_up()
        if segment.new_key:
            self._checkpoints.reload(segment.new_key)
            segment.new_key = b""
        if segment.torn and segment.chain is not None:
            chain = segment.fork()
            fragment = clean(segment.torn.decode("utf-8", "replace"), _LONGEST_FRAGMENT)
            line = chain.event(
                "recovered", self._wall_clock(), fragment=fragment, octets=len(segment.torn)
            )
            segment.append([line], chain)
        segment.torn = b""

    def _begin(self, segment: Segment, chain: Chain | None) -> None:
        """Write the first line of a new file, going on where the last one ended."""
        chain = self._newest(chain).copy()
        segment.first = chain.tree.size
        now = self._wall_clock()
        lines = [chain.opened(now), *self._checkpoints.lines(chain, now)]
        segment.append(lines, chain)
        self._checkpoints.witness()

    def _newest(self, known: Chain | None) -> Chain:
        """Where the log stands. Other processes may have filled whole files since this one has
        looked: going on from what it knows would fork the log."""
        old = old_segments(self._path)
        if known is not None and (not old or first_of(old[-1]) < known.tree.size):
            return known
        last = self._last_chain()
        if known is not None and (last is None or last.log != known.log):
            return known  # it is no file of this log, or none any more
        return last or Chain.new()

    def _last_chain(self) -> Chain | None:
        for path in reversed(old_segments(self._path)):
            last = Segment(path)
            try:
                last.catch_up()
            except Damaged:
                return None  # a log of its own begins; the old file stays, to be looked at
            return last.chain
        return None

    def _try_to_rotate(self, segment: Segment) -> None:
        """The records are written: that the next file cannot be begun must not make them count as
        lost, and be written twice by those who try again."""
        try:
            self._rotate(segment)
        except OSError as error:
            logger.error("the audit file cannot be rotated: %s", type(error).__name__)

    def _rotate(self, segment: Segment) -> None:
        """End a full file, and begin the next."""
        self._leave(segment)
        self._segment = None
        following = self._enter()
        try:
            self._rotation.began()
            now = self._wall_clock()
            through, paths = self._rotation.expired(now)
            if paths:
                chain = following.fork()
                names = [path.name for path in paths]
                line = self._checkpoints.event(chain, "pruned", now, files=names, through=through)
                following.append([line], chain)
                for path in paths:
                    path.unlink(missing_ok=True)
        finally:
            following.unlock()

    def _leave(self, segment: Segment) -> None:
        """Say in a file that it takes no more records, and give it the name of an old one."""
        if segment.chain is None:
            return
        if not segment.rotated:
            chain = segment.fork()
            self._checkpoints.hurry()
            now = self._wall_clock()
            lines = self._checkpoints.lines(chain, now)
            segment.append([*lines, chain.event("rotated", now)], chain)
            segment.rotated = True
            self._checkpoints.witness()
        if segment.is_at(self._path):
            set_aside(self._path, segment.first, segment.chain.log)

    def _give_up(self, segment: Segment, error: Damaged) -> None:
        """Keep a damaged file for those who find out, and go on in a new one."""
        logger.error("the audit file was tampered with or damaged: %s", error)
        if segment.is_at(self._path):
            stamp = f"{self._wall_clock():.6f}".replace(".", "")
            self._path.rename(self._path.with_name(f"{self._path.name}.damaged-{stamp}"))
