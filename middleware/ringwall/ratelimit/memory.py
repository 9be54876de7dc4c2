"""Counts in this process: exact under threads, and bounded whoever sends the keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import RLock

from .._fingerprint import Configured
from ._answers import validate
from ._lanes import Charge, lane, lanes
from ._table import OVERFLOW, Table
from .engine import GCRA, SECOND, Check, Limit, Quota, make_quota

_MOST_KEYS = 100_000_000


class MemoryStore(Configured):
    """Keeps counts in the memory of this process; several processes count apart.

    A lock makes each operation one step, also without the GIL. No background thread, no timer.

    Parameters:
        max_keys: most keys held for each limit, 1 to 10^8; about 200 bytes each.
        clock: seconds that never go back; injected by tests.

    Raises:
        ValueError: `max_keys` is out of range.

    >>> store = MemoryStore(clock=lambda: 0.0)
    >>> limit = GCRA("client", quota=1, window=60 * SECOND)
    >>> [quota.allowed for quota in store.acquire([Check(limit, "a")])]
    [True]
    >>> store.acquire([Check(limit, "a")])[0].wait
    60000000
    """

    colours: frozenset[str] = frozenset({"asgi", "wsgi"})

    def __init__(
        self, max_keys: int = 100_000, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not 1 <= max_keys <= _MOST_KEYS:
            raise ValueError("max_keys must be from 1 to 10^8")
        self._max_keys = max_keys
        self._clock = clock
        # Reentrant: the collector may end an exchange (a WSGI body that nobody closed) in the midst
        # of an operation, and what that gives back or charges must not wait for its own thread.
        self._lock = RLock()
        self._tables: dict[str, Table] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore max_keys={self._max_keys}>"

    def __len__(self) -> int:
        """How many keys are held, those included that say nothing any more."""
        with self._lock:
            return sum(map(len, self._tables.values()))

    @property
    def overflows(self) -> int:
        """How often a key found no place of its own and was counted in the shared bucket."""
        with self._lock:
            return sum(table.overflows for table in self._tables.values())

    def acquire(self, checks: Sequence[Check]) -> list[Quota]:
        """Charge all checks or none, as one step; one answer for each, in order.

        Raises:
            ValueError: a cost is negative or no int.
        """
        return self._judge(checks, keep=True)

    def peek(self, checks: Sequence[Check]) -> list[Quota]:
        """What `acquire` would answer, without charging."""
        return self._judge(checks, keep=False)

    def _judge(self, checks: Sequence[Check], keep: bool) -> list[Quota]:
        validate(checks)
        with self._lock:
            now = int(self._clock() * SECOND)
            # Charged one after the other, so that two checks of one key see each other, and taken
            # back where one of them fails.
            before: list[tuple[dict[str, int], str, int, bool]] = []
            for limit, key, cost in checks:
                table = self._tables.get(limit.id)
                if table is None:
                    table = self._table(limit)
                states, slot = table.maps[hash(key) & table.mask], key
                if key not in states:
                    states, slot = table.place(key, now)
                state = limit.at(states[slot], now)
                charged = limit.charge(state, now, cost)
                if charged is None:
                    states[slot] = state
                    keep = False
                else:
                    states[slot] = charged
                before.append((states, slot, state, charged is not None))
            if not keep:
                for states, slot, state, _ in reversed(before):
                    if slot in states:  # not where a later check took the place of a spent one
                        states[slot] = state
            quotas: list[Quota] = []
            for (limit, _, cost), (states, slot, _, allowed) in zip(checks, before, strict=True):
                state = states[slot] if slot in states else limit.at(0, now)
                remaining, wait = limit.standing(state, now, cost or 1)
                receipt = 0
                if keep and slot is not OVERFLOW:
                    receipt = limit.receipt(state, now, cost)
                quotas.append(make_quota((allowed, remaining, wait, receipt)))
            return quotas

    def debit(self, checks: Sequence[Check]) -> None:
        """Charge what must be paid: each check by itself, at most everything that is left.

        Raises:
            ValueError: a cost is negative or no int.
        """
        validate(checks)
        with self._lock:
            now = int(self._clock() * SECOND)
            for limit, key, cost in checks:
                states, slot = self._table(limit).place(key, now)
                states[slot] = limit.debit(limit.at(states[slot], now), now, cost)

    def refund(self, checks: Sequence[Check], quotas: Sequence[Quota]) -> None:
        """Give back what an `acquire` charged and time has not given back already."""
        with self._lock:
            now = int(self._clock() * SECOND)
            for (limit, key, cost), quota in zip(checks, quotas, strict=True):
                table = self._table(limit)
                states = table.maps[hash(key) & table.mask]
                if quota.receipt and key in states:
                    state = limit.at(states[key], now)
                    states[key] = limit.refund(state, quota.receipt, now, cost)

    def _table(self, limit: Limit) -> Table:
        table = self._tables.get(limit.id)
        if table is None:
            table = self._tables[limit.id] = Table(limit, self._max_keys)
        return table

    def lane(self, limit: GCRA) -> Callable[[str], int]:
        """`acquire` for one GCRA limit and one unit; see `lane`."""
        with self._lock:
            table = self._table(limit)
        return lane(limit, table, self._lock, self._clock)

    def lanes(self, limits: Sequence[GCRA], places: Sequence[int]) -> Charge:
        """`acquire` for several GCRA limits and one unit of each; see `lanes`."""
        with self._lock:
            tables = [self._table(limit) for limit in limits]
        return lanes(limits, places, tables, self._lock, self._clock)
