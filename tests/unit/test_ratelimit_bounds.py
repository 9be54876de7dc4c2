"""The bounded memory against one that forgets nothing: whoever comes, in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ratelimit_support import Clock
from ringwall.ratelimit import GCRA, Check, FixedWindow, MemoryStore, SlidingWindow
from ringwall.ratelimit.engine import SECOND

limits = st.lists(
    st.tuples(
        st.sampled_from([GCRA, FixedWindow, SlidingWindow]), st.integers(1, 4), st.integers(1, 9)
    ),
    min_size=1,
    max_size=3,
)
# Costs of nothing, and more than any quota, too.
checks = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("abcde"), st.integers(0, 5)),
    min_size=1,
    max_size=5,
)
steps = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from(["acquire", "acquire", "peek", "debit", "refund"]),
        checks,
    ),
    max_size=25,
)


class Twin:
    """A store with few places, and beside it one with a place for each key. The second is told what
    the first has counted, and where: what it counted in the bucket of those without a place, the
    second counts under a key of its own, and what has found a place since begins anew there."""

    def __init__(self, places: int) -> None:
        self.clock = Clock()
        self.few = MemoryStore(places, clock=self.clock)
        self.all = MemoryStore(clock=self.clock)
        self.places = places
        self.charged: list[tuple[list[Check], list, list[Check], list]] = []

    def named(self, checks: list[Check]) -> list[Check]:
        """The checks by where the first store has counted them."""
        return [
            check
            if any(check.key in states for states in self.few._tables[check.limit.id].maps)
            else check._replace(key="without a place")
            for check in checks
        ]

    def live(self, check: Check) -> int:
        """How many places are held by keys whose states say something."""
        now = int(self.clock() * SECOND)
        return sum(
            not check.limit.is_spent(state, now)
            for states in self.few._tables[check.limit.id].maps
            for state in states.values()
        )

    def acquire(self, checks: list[Check]) -> None:
        overflows = self.few.overflows
        answers = self.few.acquire(checks)
        if self.few.overflows == overflows:
            assert self.all.acquire(checks) == answers
            self.charged.append((checks, answers, checks, answers))
        elif all(answer.allowed for answer in answers):
            named = self.named(checks)
            others = self.all.acquire(named)
            assert all(answer.allowed for answer in others)
            for check, by in zip(checks, named, strict=True):
                if check.cost and by is not check:  # nobody shares while a place could be had
                    assert self.live(check) == self.places
            # What was counted together is never given back.
            mine = [i for i, check in enumerate(named) if check is checks[i]]
            for i, check in enumerate(checks):
                if check.cost:
                    assert answers[i].receipt == (others[i].receipt if i in mine else 0)
            self.charged.append(
                (checks, answers, [checks[i] for i in mine], [others[i] for i in mine])
            )

    def peek(self, checks: list[Check]) -> None:
        overflows = self.few.overflows
        answers = self.few.peek(checks)
        if self.few.overflows == overflows:
            assert self.all.peek(checks) == answers

    def debit(self, checks: list[Check]) -> None:
        self.few.debit(checks)
        self.all.debit(self.named(checks))

    def refund(self, _: list[Check]) -> None:
        if self.charged:
            few, answers, every, others = self.charged.pop()
            self.few.refund(few, answers)
            self.all.refund(every, others)

    def check(self) -> None:
        for table in self.few._tables.values():
            assert len(table) <= self.places
            for shard in table._shards:
                assert sorted(shard.ring) == sorted(shard.states)
                assert len(shard.ring) <= shard.cap


@given(places=st.integers(1, 3), limits=limits, steps=steps)
def test_few_places_are_never_laxer_than_a_place_for_each_key(places, limits, steps):
    """And no stricter for whoever has one."""
    limits = [kind(f"x{i}", *numbers) for i, (kind, *numbers) in enumerate(limits)]
    limits = [type(one)(one.name, one.quota, one.window * SECOND) for one in limits]
    twin = Twin(places)
    for passed, what, asked in steps:
        twin.clock.forward(passed)
        getattr(twin, what)([Check(limits[i % len(limits)], key, cost) for i, key, cost in asked])
        twin.check()
