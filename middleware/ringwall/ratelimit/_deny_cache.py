"""Who was denied is denied without asking again, until the time it was told to come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from threading import RLock

from .engine import GCRA, SECOND, Check, Limit, Quota


class DenyCache:
    """Remembers denials of a remote store, in this process, at most `size` of them.

    It can only be stricter than the store, never laxer: a refund in another process shows when the
    denial has lapsed. Forgetting costs no more than a round trip, so the oldest leave first.

    >>> cache = DenyCache(clock=lambda: 0.0)
    """

    __slots__ = ("_clock", "_entries", "_lock", "_size")

    def __init__(self, size: int = 10_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._lock = RLock()  # the collector may end an exchange, which forgets, amid a change
        # By limit and key: until when, for which cost, and what remained.
        self._entries: dict[tuple[str, str], tuple[float, int, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, checks: Sequence[Check]) -> list[Quota] | None:
        """The denial of these checks, or None where the store must be asked.

        Of the checks that are not known to be denied it tells nothing: admitted, none left.
        """
        entries = self._entries
        if not entries:
            return None
        for limit, key, cost in checks:
            entry = entries.get((limit.id, key))
            if entry is not None and _tells(limit, entry[1], cost):
                now = self._clock()
                if now < entry[0]:
                    quotas = [self._quota(check, now) for check in checks]
                    # Another thread may have forgotten it since: then nothing denies any more.
                    return None if quotas.count(_UNKNOWN) == len(quotas) else quotas
        return None

    def _quota(self, check: Check, now: float) -> Quota:
        limit, key, cost = check
        entry = self._entries.get((limit.id, key))
        if entry is None or not _tells(limit, entry[1], cost) or now >= entry[0]:
            return _UNKNOWN
        wait = int((entry[0] - now) * SECOND) + 1
        if isinstance(limit, GCRA):
            wait += (cost - entry[1]) * limit.interval
        return Quota(False, entry[2], wait, 0)

    def note(self, checks: Sequence[Check], quotas: Sequence[Quota], asked: float) -> None:
        """Remember what of this answer is a denial. `asked`: when the store was asked, so that
        the cache never holds on longer than the store does."""
        for (limit, key, cost), quota in zip(checks, quotas, strict=True):
            if quota.allowed:
                continue
            with self._lock:
                entries = self._entries
                entries.pop((limit.id, key), None)
                if len(entries) >= self._size:
                    entries.pop(next(iter(entries)), None)
                entries[limit.id, key] = asked + quota.wait / SECOND, cost, quota.remaining

    def forget(self, checks: Iterable[Check]) -> None:
        """A refund or a reset: the store has news of these."""
        with self._lock:
            for limit, key, _ in checks:
                self._entries.pop((limit.id, key), None)


def _tells(limit: Limit, denied: int, cost: int) -> bool:
    """Whether the denial of one cost tells of this one, and for how long."""
    return cost == denied or (cost > denied and isinstance(limit, GCRA))


_UNKNOWN = Quota(True, 0, 0, 0)
