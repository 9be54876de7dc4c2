"""What a response says of the limits, in one of three manners chosen at construction.

draft: `RateLimit` and `RateLimit-Policy`, draft-ietf-httpapi-ratelimit-headers-11. Both are lists,
    so that several layers each add a line.
legacy: `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970), of the limit that is
    nearest to its end, also where several layers write them.
off: nothing but `Retry-After` on a refusal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from .._exchange import Addition
from .._layer import ResponseHead
from ..problem import Header, Response, problem
from .engine import SECOND, Limit, Quota

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"

# Additions and items that are kept, for each policy.
_MOST_KNOWN = 1024

_LIMIT, _REMAINING, _RESET = b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"


class Standing(NamedTuple):
    """Where a key stands with one limit: units left, and microseconds to wait for the next."""

    limit: Limit
    remaining: int
    wait: int

    def rounded_up(self) -> Standing:
        return Standing(self.limit, self.remaining, whole_seconds(self.wait) * SECOND)

    @property
    def seconds(self) -> int:
        """The draft's effective window, in whole seconds, never too short.

        With nothing left: the wait. Else the time in which what is left lasts at the policy's own
        pace, so that a client which spreads `r` over `t` is never refused, and the ratio of the
        two never exceeds the policy's (section 8.5 of the draft asks for such a cap).
        """
        if self.remaining:
            return -(-self.remaining * self.limit.window // (self.limit.quota * SECOND))
        return whole_seconds(self.wait)


def whole_seconds(microseconds: int) -> int:
    """Rounded up, and 1 at least: who comes back then does not come too early.

    >>> whole_seconds(1), whole_seconds(1_000_000), whole_seconds(1_000_001)
    (1, 1, 2)
    """
    return max(1, -(-microseconds // SECOND))


def left_of(quota: Quota) -> int:
    """A standing in one number: units left, or, below zero, whole seconds to wait for one."""
    return quota.remaining or -whole_seconds(quota.wait)


class Manner(Protocol):
    """One manner of telling. `note` runs with the request.

    names: the headers it writes. timeless: they do not depend on the time of day. adds: what `note`
    returns is an `Addition`; else `tell` runs with the response.
    """

    names: frozenset[bytes]
    timeless: bool
    adds: bool

    def note(self, lefts: tuple[int, ...]) -> Any:
        """What to tell of an admitted request; `lefts`: what is left of each limit, in order."""
        ...

    def tell(self, head: ResponseHead, noted: Any) -> None: ...

    def lines(self, standings: Sequence[Standing]) -> tuple[Header, ...]:
        """The header lines of a refusal."""
        ...


class Draft:
    """RateLimit and RateLimit-Policy, as the IETF draft has them.

    Attributes:
        known, known_one: the last few additions, by what is left of each limit, or of the only one.
    """

    names: frozenset[bytes] = frozenset({b"ratelimit", b"ratelimit-policy"})
    timeless = adds = True

    def __init__(self, owner: object, limits: Sequence[Limit]) -> None:
        self._owner = owner
        self._policy = b", ".join(
            f'"{limit.name}";q={limit.quota};w={limit.window // SECOND}'.encode("ascii")
            for limit in limits
        )
        self._items = [_items_of(limit) for limit in limits]
        self.known: dict[tuple[int, ...], Addition] = {}
        self.known_one: dict[int, Addition] = {}

    def note_one(self, left: int) -> Addition:
        """`note` for the only limit there is."""
        if len(self.known_one) >= _MOST_KNOWN:
            self.known_one.clear()
        addition = self.known_one[left] = self.note((left,))
        return addition

    def note(self, lefts: tuple[int, ...]) -> Addition:
        addition = self.known.get(lefts)
        if addition is None:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            # Names that were checked and numbers: nothing in them could split a response.
            items = b", ".join([item(left) for item, left in zip(self._items, lefts, strict=True)])
            lines = ((b"ratelimit-policy", self._policy), (b"ratelimit", items))
            addition = self.known[lefts] = Addition(self._owner, lines)
        return addition

    def tell(self, head: ResponseHead, noted: object) -> None:
        return None

    def lines(self, standings: Sequence[Standing]) -> tuple[Header, ...]:
        items = b", ".join(map(_item, standings))
        return ((b"ratelimit-policy", self._policy), (b"ratelimit", items))


def _item(standing: Standing) -> bytes:
    limit, remaining, _ = standing
    return f'"{limit.name}";r={remaining};t={standing.seconds}'.encode("ascii")


def _items_of(limit: Limit) -> Callable[[int], bytes]:
    """The item by what is left: a key stands at few different numbers."""

    @lru_cache(maxsize=_MOST_KNOWN)
    def item(left: int) -> bytes:
        return _item(_standing(limit, left))

    return item


def _standing(limit: Limit, left: int) -> Standing:
    return Standing(limit, left, 0) if left > 0 else Standing(limit, 0, -left * SECOND)


class Legacy:
    """X-RateLimit-Limit, -Remaining and -Reset, as older clients read them."""

    names: frozenset[bytes] = frozenset({_LIMIT, _REMAINING, _RESET})
    timeless = adds = False

    wall_clock: Callable[[], float] = staticmethod(time.time)

    def __init__(self, owner: object, limits: Sequence[Limit]) -> None:
        self._limits = limits

    def note(self, lefts: tuple[int, ...]) -> Standing:
        return _nearest_to_end(map(_standing, self._limits, lefts))

    def tell(self, head: ResponseHead, noted: Standing) -> None:
        there = head.get(_REMAINING)
        if there is not None and there.isdigit() and int(there[:18]) <= noted.remaining:
            return  # a layer inside this one is nearer to its end
        for name, value in self.lines((noted,)):
            head.set(name, value)

    def lines(self, standings: Sequence[Standing]) -> tuple[Header, ...]:
        standing = _nearest_to_end(standings)
        reset = int(self.wall_clock()) + standing.seconds
        return (
            (_LIMIT, b"%d" % standing.limit.quota),
            (_REMAINING, b"%d" % standing.remaining),
            (_RESET, b"%d" % reset),
        )


def _nearest_to_end(standings: Iterable[Standing]) -> Standing:
    return min(standings, key=lambda standing: (standing.remaining, -standing.seconds))


class Off:
    names: frozenset[bytes] = frozenset()
    timeless = True
    adds = False

    def __init__(self, owner: object, limits: Sequence[Limit]) -> None:
        """It says nothing of them."""

    def note(self, lefts: tuple[int, ...]) -> None:
        return None

    def tell(self, head: ResponseHead, noted: object) -> None:
        return None

    def lines(self, standings: Sequence[Standing]) -> tuple[Header, ...]:
        return ()


def refusal(manner: Manner, violated: Sequence[Standing]) -> Response:
    """429, with the policies that were violated and when to come back, never too early."""
    # The draft: Retry-After is not earlier than the end of any effective window beside it.
    retry_after = max(max(whole_seconds(one.wait), one.seconds) for one in violated)
    return problem(
        429,
        f"Too many requests. Wait {retry_after} seconds.",
        code="quota-exceeded",
        type=QUOTA_EXCEEDED,
        title="Request cannot be satisfied as assigned quota has been exceeded",
        headers=(*manner.lines(violated), (b"retry-after", b"%d" % retry_after)),
        **_violated(one.limit.name for one in violated),
    )


def out_of_service() -> Response:
    """503, where the store is down and the rule is to refuse then."""
    return problem(
        503,
        "The request cannot be counted at present. Try again soon.",
        code="store-unavailable",
        type=REDUCED_CAPACITY,
        headers=((b"retry-after", b"1"),),
        **_violated(()),
    )


def _violated(names: Iterable[str]) -> dict[str, Any]:
    return {"violated-policies": list(names)}
