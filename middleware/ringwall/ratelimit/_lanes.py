"""Short ways into the memory for the commonest limits: `acquire` without checks and quotas."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any, TypeAlias

from ._table import Table
from .engine import GCRA, SECOND

# By the keys: what is left of each limit (see `headers.left_of`); and of those that do not admit,
# by their places, how many microseconds to wait.
Charge: TypeAlias = Callable[[Sequence[str]], tuple[tuple[int, ...], dict[int, int]]]


def nanoseconds(clock: Callable[[], float]) -> Callable[[], int]:
    """A clock in whole numbers; the usual one has a form that needs no rounding."""
    if clock is time.monotonic:
        return time.monotonic_ns
    return lambda: int(clock() * SECOND) * 1000


def guard_of(lock: RLock) -> AbstractContextManager[object]:
    """`with lock` for two thirds of its price: the two methods are bound here, not each time. To
    call them instead would be cheaper, but a signal between two calls could leave it locked."""
    methods = {"__enter__": lock.acquire, "__exit__": lock.__exit__}
    guard: Any = type("Guard", (), methods)
    made: AbstractContextManager[object] = guard()
    return made


def lane(
    limit: GCRA, table: Table, lock: RLock, clock: Callable[[], float]
) -> Callable[[str], int]:
    """A function that charges one unit to a key.

    It returns how many microseconds of the burst the key has left after the charge. Where that is
    negative nothing was charged, and it is how long to wait.
    """
    maps, mask, place = table.maps, table.mask, table.place
    interval, burst = limit.interval, limit.burst
    most, ticks, guard = burst - interval, nanoseconds(clock), guard_of(lock)

    def charge(key: str) -> int:
        with guard:
            now = ticks() // 1000
            states = maps[hash(key) & mask]
            try:
                state = states[key]
            except KeyError:
                states, key = place(key, now)
                state = states[key]
            if state <= now:
                states[key] = now + interval
                return most
            left = most - state + now
            if left >= 0:
                states[key] = state + interval
            elif left < -interval:  # further ahead than any charge leads: a clock set back
                states[key] = now + burst
                left = -interval
            return left

    return charge


def lanes(
    limits: Sequence[GCRA],
    places: Sequence[int],
    tables: Sequence[Table],
    lock: RLock,
    clock: Callable[[], float],
) -> Charge:
    """A function that charges one unit of each limit, or nothing.

    Parameters:
        limits: different ones. places: which of the keys is for each.
    """
    each = [
        (place, table.maps, table.mask, table.place, one.interval, one.burst)
        for one, place, table in zip(limits, places, tables, strict=True)
    ]

    guard = guard_of(lock)

    def charge(keys: Sequence[str]) -> tuple[tuple[int, ...], dict[int, int]]:
        lefts: list[int] = []
        waits: dict[int, int] = {}
        charged: list[tuple[dict[str, int], str, int]] = []
        with guard:
            now = int(clock() * 1_000_000)
            for at, maps, mask, place, interval, burst in each:
                key = keys[at]
                states = maps[hash(key) & mask]
                state = states.get(key)
                if state is None:
                    states, key = place(key, now)
                    state = states[key]
                state = interval + (state if state > now else now)
                left = burst - state + now
                if left < 0:
                    if left < -interval:  # further ahead than any charge leads: a clock set back
                        states[key] = now + burst
                        left = -interval
                    waits[len(lefts)] = -left
                charged.append((states, key, state))
                lefts.append(left // interval or (left - interval) // SECOND)
            if not waits:
                for states, key, state in charged:
                    states[key] = state
        return tuple(lefts), waits

    return charge
