"""The arithmetic of rate limits: the limits, and what a store is asked and answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ._limit import MAX_QUOTA as MAX_QUOTA
from ._limit import SECOND as SECOND
from ._limit import Limit as Limit
from ._windows import FixedWindow as FixedWindow
from ._windows import SlidingWindow as SlidingWindow


class GCRA(Limit):
    """The generic cell rate algorithm (ITU-T I.371), a leaky bucket in one number.

    The state is the theoretical arrival time: when the key will have its whole quota again. At
    once a key may spend its quota; units come back evenly, one each `interval`.

    >>> limit = GCRA("client", quota=2, window=10 * SECOND)
    >>> first = limit.charge(limit.at(0, now=0), 0, 1)
    >>> second = limit.charge(first, 0, 1)
    >>> limit.charge(second, 0, 1), limit.wait(second, 0, 1)
    (None, 5000000)
    """

    __slots__ = ("burst", "interval")

    algorithm = "gcra"

    def __init__(self, name: str, quota: int, window: int) -> None:
        super().__init__(name, quota, window)
        # Rounded up: never faster than the rule says.
        self.interval: int = -(-window // quota)
        self.burst: int = self.interval * quota

    def at(self, state: int, now: int) -> int:
        if state <= now:
            return now
        fullest = now + self.burst
        return state if state <= fullest else fullest

    def charge(self, state: int, now: int, cost: int) -> int | None:
        state += cost * self.interval
        return state if state - now <= self.burst else None

    def remaining(self, state: int, now: int) -> int:
        return (self.burst - (state - now)) // self.interval

    def wait(self, state: int, now: int, cost: int) -> int:
        early = state + cost * self.interval - now - self.burst
        return early if early > 0 else 0

    def standing(self, state: int, now: int, cost: int) -> tuple[int, int]:
        free = self.burst - state + now
        early = cost * self.interval - free
        return free // self.interval, early if early > 0 else 0

    def judge(self, state: int, now: int, cost: int, keep: bool) -> tuple[bool, int, int, int]:
        interval, receipt = self.interval, 0
        free, price = self.burst - state + now, cost * interval
        allowed = price <= free
        if keep and allowed:
            free -= price
            receipt = now + price
        early = (price or interval) - free
        return allowed, free // interval, early if early > 0 else 0, receipt

    def receipt(self, state: int, now: int, cost: int) -> int:
        # When time will have given the charge back at the earliest: at once it begins to, where
        # what is ahead of it has been refunded. One number for a key cannot tell whether it was.
        return now + cost * self.interval

    def refund(self, state: int, receipt: int, now: int, cost: int) -> int:
        return state - min(cost * self.interval, max(0, receipt - now))

    def debit(self, state: int, now: int, cost: int) -> int:
        return min(state + cost * self.interval, now + self.burst)

    def is_spent(self, state: int, now: int) -> bool:
        return state <= now


class Check(NamedTuple):
    """One question to a store: may `key` spend `cost` units of `limit`? A cost of 0 only looks."""

    limit: Limit
    key: str
    cost: int = 1


class Quota(NamedTuple):
    """A store's answer to one check.

    allowed: whether this check alone would be admitted. Charged is only where all are.
    remaining: units left after the answer.
    wait: microseconds until the same check could be admitted next; 0: at once.
    receipt: what a refund needs; 0: there is nothing to give back.
    """

    allowed: bool
    remaining: int
    wait: int
    receipt: int


# Half the price of the constructors, whose keyword arguments take a call in Python.
make_check: Callable[[tuple[Limit, str, int]], Check] = partial(tuple.__new__, Check)
make_quota: Callable[[tuple[bool, int, int, int]], Quota] = partial(tuple.__new__, Quota)
