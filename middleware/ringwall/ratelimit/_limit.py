"""What every limit is: pure functions over one integer per key, time in microseconds.

A store holds one integer per limit and key, 0 for a key it does not know. Each algorithm first
brings that integer up to date (`at`), then judges it. Nothing here reads a clock or waits, so that
every store, in whatever process, counts alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

SECOND = 1_000_000
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

    def judge(self, state: int, now: int, cost: int, keep: bool) -> tuple[bool, int, int, int]:
        """What a `Quota` says of a charge: the state before it is `state`, which is of now.

        keep: whether it is made where it is admitted.
        """
        charged = self.charge(state, now, cost)
        receipt = 0
        if keep and charged is not None:
            state = charged
            receipt = self.receipt(state, now, cost)
        remaining, wait = self.standing(state, now, cost or 1)
        return charged is not None, remaining, wait, receipt

    def receipt(self, state: int, now: int, cost: int) -> int:
        """What a refund of a charge needs. `state` is that right after the charge, which is made
        now."""
        return state

    @abstractmethod
    def refund(self, state: int, receipt: int, now: int, cost: int) -> int:
        """The state after giving back what is still held of an earlier charge, for certain.

        Time that has passed has given back its share already, and no refund may do so again: what
        is not refunded never exceeds the limit, in whichever order charges are made and refunded.
        `state` is of now.
        """

    @abstractmethod
    def debit(self, state: int, now: int, cost: int) -> int:
        """The state after a charge that must be paid: at most everything that is left.
        `state` is of now."""

    def is_spent(self, state: int, now: int) -> bool:
        """Whether the state says no more than no state at all: forgetting it loses nothing."""
        return self.at(state, now) == self.at(0, now)
