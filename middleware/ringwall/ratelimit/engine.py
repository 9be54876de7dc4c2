"""The arithmetic of rate limits: pure functions over one integer per key, time in microseconds.

A store holds one integer per limit and key, 0 for a key it does not know. Each algorithm first
brings that integer up to date (`at`), then judges it. Nothing here reads a clock or waits, so that
every store, in whatever process, counts alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

SECOND = 1_000_000

# Counts of the window algorithms share one integer with the number of the window.
_COUNT_BITS = 32
_COUNT = (1 << _COUNT_BITS) - 1
MAX_QUOTA = 1_000_000_000


class Limit(ABC):
    """So many units in so much time. Immutable; equal limits have equal `id`.

    Parameters:
        name: the policy's name in headers, decisions and stores.
        quota: units, 1 to 10^9.
        window: microseconds.

    Attributes:
        id: names the limit in a store: policy, algorithm, quota and window.
    """

    __slots__ = ("id", "name", "quota", "window")

    algorithm = ""

    def __init__(self, name: str, quota: int, window: int) -> None:
        if not 1 <= quota <= MAX_QUOTA or window < 1:
            raise ValueError("a limit needs a quota from 1 to 10^9 and a window above 0")
        self.name: str = name
        self.quota: int = quota
        self.window: int = window
        self.id: str = f"{name}:{self.algorithm}:{quota}/{window}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    @abstractmethod
    def at(self, state: int, now: int) -> int:
        """The state brought up to date. A state from the future, left behind by a clock that was
        set back, is cut to the fullest state there can be, so that it heals within one window."""

    @abstractmethod
    def charge(self, state: int, now: int, cost: int) -> int | None:
        """The state after a charge, or None where it would exceed the limit. `state` is of now."""

    @abstractmethod
    def remaining(self, state: int, now: int) -> int:
        """How many units could be charged now. `state` is of now."""

    @abstractmethod
    def wait(self, state: int, now: int, cost: int) -> int:
        """Microseconds until `cost` could be charged. `state` is of now."""

    def standing(self, state: int, now: int, cost: int) -> tuple[int, int]:
        """`remaining` and `wait` at once."""
        return self.remaining(state, now), self.wait(state, now, cost)

    @abstractmethod
    def refund(self, state: int, receipt: int, now: int, cost: int) -> int:
        """The state after giving back what is still held of an earlier charge.

        receipt: the state right after that charge. Time that has passed has given back its share
        already, and no refund may do so again. `state` is of now.
        """

    @abstractmethod
    def debit(self, state: int, now: int, cost: int) -> int:
        """The state after a charge that must be paid: at most everything that is left.
        `state` is of now."""

    def is_spent(self, state: int, now: int) -> bool:
        """Whether the state says no more than no state at all: forgetting it loses nothing."""
        return self.at(state, now) == self.at(0, now)


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

    def refund(self, state: int, receipt: int, now: int, cost: int) -> int:
        return state - min(cost * self.interval, max(0, receipt - now))

    def debit(self, state: int, now: int, cost: int) -> int:
        return min(state + cost * self.interval, now + self.burst)

    def is_spent(self, state: int, now: int) -> bool:
        return state <= now


class FixedWindow(Limit):
    """A count that starts anew with each window. Around a window's end a key may spend twice its
    quota in a short time: that is the nature of this algorithm.

    The state is the number of the window and the count in it.
    """

    __slots__ = ()

    algorithm = "fixed-window"

    def at(self, state: int, now: int) -> int:
        index = now // self.window
        count = state & _COUNT if state >> _COUNT_BITS >= index else 0
        return index << _COUNT_BITS | count

    def charge(self, state: int, now: int, cost: int) -> int | None:
        return state + cost if (state & _COUNT) + cost <= self.quota else None

    def remaining(self, state: int, now: int) -> int:
        return self.quota - (state & _COUNT)

    def wait(self, state: int, now: int, cost: int) -> int:
        if (state & _COUNT) + cost <= self.quota:
            return 0
        return self.window - now % self.window

    def debit(self, state: int, now: int, cost: int) -> int:
        return state + min(cost, max(0, self.quota - (state & _COUNT)))

    def refund(self, state: int, receipt: int, now: int, cost: int) -> int:
        if receipt >> _COUNT_BITS != state >> _COUNT_BITS:
            return state
        return state - min(cost, state & _COUNT)


class SlidingWindow(Limit):
    """The count of this window plus the share of the last one that a window ending now covers.

    The state is the number of the window, the count of the last one, and the count in it.
    """

    __slots__ = ()

    algorithm = "sliding-window"

    def at(self, state: int, now: int) -> int:
        index = now // self.window
        held, count = state >> 2 * _COUNT_BITS, state & _COUNT
        if held >= index:
            last = state >> _COUNT_BITS & _COUNT
        else:
            last, count = (count if held == index - 1 else 0), 0
        return (index << _COUNT_BITS | last) << _COUNT_BITS | count

    def _free(self, state: int, now: int) -> int:
        """What is free, in units times the window, so that it is a whole number."""
        last, count = state >> _COUNT_BITS & _COUNT, state & _COUNT
        return (self.quota - count) * self.window - last * (self.window - now % self.window)

    def charge(self, state: int, now: int, cost: int) -> int | None:
        return state + cost if cost * self.window <= self._free(state, now) else None

    def remaining(self, state: int, now: int) -> int:
        return max(0, self._free(state, now) // self.window)

    def wait(self, state: int, now: int, cost: int) -> int:
        if cost * self.window <= self._free(state, now):
            return 0
        last, count = state >> _COUNT_BITS & _COUNT, state & _COUNT
        elapsed = now % self.window
        if count + cost <= self.quota:
            return self._faded(last, self.quota - count - cost) - elapsed
        # Not in this window: in the next one, this one's count is what fades.
        return self.window - elapsed + self._faded(count, max(0, self.quota - cost))

    def _faded(self, last: int, room: int) -> int:
        """Microseconds into a window until the last window's share is no more than `room`."""
        return max(0, self.window - room * self.window // last) if last else 0

    def debit(self, state: int, now: int, cost: int) -> int:
        return state + min(cost, max(0, self.quota - (state & _COUNT)))

    def refund(self, state: int, receipt: int, now: int, cost: int) -> int:
        age = (state >> 2 * _COUNT_BITS) - (receipt >> 2 * _COUNT_BITS)
        if age == 0:
            return state - min(cost, state & _COUNT)
        if age == 1:
            return state - (min(cost, state >> _COUNT_BITS & _COUNT) << _COUNT_BITS)
        return state


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
