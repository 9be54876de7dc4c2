"""Limits that count in windows: a count, and the number of its window, in one integer."""

from __future__ import annotations

from ._limit import Limit

# Counts of the window algorithms share one integer with the number of the window.
_COUNT_BITS = 32
_COUNT = (1 << _COUNT_BITS) - 1


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
