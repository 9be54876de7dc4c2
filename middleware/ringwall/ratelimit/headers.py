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

from .._layer import ResponseHead
from ..problem import Header, Response, problem
from .engine import SECOND, Limit, Quota

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
REDUCED_CAPACITY = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"

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


class Manner(Protocol):
    """One manner of telling. `note` runs with the request, `tell` with the response.

    names: the headers it writes. timeless: they do not depend on the time of day.
    """

    names: frozenset[bytes]
    timeless: bool

    def note(self, quotas: Sequence[Quota]) -> object:
        """What to tell of an admitted request: one quota for each limit, in order."""
        ...

    def note_one(self, remaining: int, wait: int) -> object:
        """`note` for the only limit there is."""
        ...

    def tell(self, head: ResponseHead, noted: Any) -> None: ...

    def lines(self, standings: Sequence[Standing]) -> tuple[Header, ...]:
        """The header lines of a refusal."""
        ...


class Draft:
    """RateLimit and RateLimit-Policy, as the IETF draft has them."""

    names: frozenset[bytes] = frozenset({b"ratelimit", b"ratelimit-policy"})
    timeless = True

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._policy = b", ".join(
            f'"{limit.name}";q={limit.quota};w={limit.window // SECOND}'.encode("ascii")
            for limit in limits
        )
        self._items = [_items_of(limit) for limit in limits]
        self._item = self._items[0]

    def note(self, quotas: Sequence[Quota]) -> bytes:
        return b", ".join(
            [
                item(remaining, 0 if remaining else whole_seconds(wait))
                for item, (_, remaining, wait, _) in zip(self._items, quotas, strict=True)
            ]
        )

    def note_one(self, remaining: int, wait: int) -> bytes:
        return self._item(remaining, 0 if remaining else whole_seconds(wait))

    def tell(self, head: ResponseHead, noted: bytes) -> None:
        # Names that were checked and numbers: nothing in them could split a response.
        head.extend(((b"ratelimit-policy", self._policy), (b"ratelimit", noted)))

    def lines(self, standings: Sequence[Standing]) -> tuple[Header, ...]:
        items = b", ".join(map(_item, standings))
        return ((b"ratelimit-policy", self._policy), (b"ratelimit", items))


def _item(standing: Standing) -> bytes:
    limit, remaining, _ = standing
    return f'"{limit.name}";r={remaining};t={standing.seconds}'.encode("ascii")


def _items_of(limit: Limit) -> Callable[[int, int], bytes]:
    """The item by units left and, where there are none, by whole seconds to wait: few enough."""

    @lru_cache(maxsize=1024)
    def item(remaining: int, seconds: int) -> bytes:
        return _item(Standing(limit, remaining, seconds * SECOND))

    return item


class Legacy:
    """X-RateLimit-Limit, -Remaining and -Reset, as older clients read them."""

    names: frozenset[bytes] = frozenset({_LIMIT, _REMAINING, _RESET})
    timeless = False

    wall_clock: Callable[[], float] = staticmethod(time.time)

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._limits = limits

    def note(self, quotas: Sequence[Quota]) -> Standing:
        return _nearest_to_end(
            Standing(limit, quota.remaining, quota.wait)
            for limit, quota in zip(self._limits, quotas, strict=True)
        )

    def note_one(self, remaining: int, wait: int) -> Standing:
        return Standing(self._limits[0], remaining, wait)

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

    def __init__(self, limits: Sequence[Limit]) -> None:
        """It says nothing of them."""

    def note(self, quotas: Sequence[Quota]) -> None:
        return None

    def note_one(self, remaining: int, wait: int) -> None:
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
