"""The store in memory: exact under threads, bounded under a flood, all or nothing."""

from __future__ import annotations

import logging
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit_support import Clock
from ringwall.ratelimit import GCRA, Check, FixedWindow, MemoryStore, SlidingWindow
from ringwall.ratelimit._lanes import guard_of
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.headers import Draft, left_of

ALGORITHMS = [GCRA, FixedWindow, SlidingWindow]


class Yielding(str):
    """A key that lets another thread run between each read and write of its state."""

    __slots__ = ()

    def __hash__(self) -> int:
        time.sleep(0)
        return super().__hash__()

    __eq__ = str.__eq__


def in_parallel(count, work):
    barrier = threading.Barrier(count)
    admitted = []

    def run():
        barrier.wait()
        admitted.extend(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(admitted)


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_parallel_threads_are_admitted_exactly_up_to_the_limit(kind):
    store = MemoryStore(clock=Clock())
    check = [Check(kind("x", 50, 3600 * SECOND), Yielding("k"))]
    assert in_parallel(8, lambda: [store.acquire(check)[0].allowed for _ in range(30)]) == 50


def test_parallel_threads_in_the_lane_are_admitted_exactly_up_to_the_limit():
    charge = MemoryStore(clock=Clock()).lane(GCRA("x", 50, 3600 * SECOND))
    key = Yielding("k")
    assert in_parallel(8, lambda: [charge(key) >= 0 for _ in range(30)]) == 50


def test_the_lanes_guard_is_the_lock():
    lock = threading.Lock()
    guard = guard_of(lock)
    with guard:
        assert lock.locked()
    with pytest.raises(KeyboardInterrupt), guard:
        raise KeyboardInterrupt
    assert not lock.locked()


@given(
    quota=st.integers(1, 5),
    window=st.integers(1, 30),
    steps=st.lists(st.tuples(st.integers(-5, 20), st.sampled_from("abcd")), max_size=60),
)
def test_the_lane_is_acquire_in_short(quota, window, steps):
    """Whatever the clock does and whoever comes, also where two of four keys find no place."""
    clock = Clock()
    limit = GCRA("x", quota, window * SECOND)
    store, fast = MemoryStore(2, clock=clock), MemoryStore(2, clock=clock)
    charge = fast.lane(limit)
    for passed, key in steps:
        clock.forward(passed)
        (answer,) = store.acquire([Check(limit, key)])
        left = charge(key)
        assert answer.allowed == (left >= 0)
        if answer.allowed:
            assert answer.remaining == left // limit.interval
            assert answer.wait == max(0, limit.interval - left)
        else:
            assert answer.wait == -left
    assert store.overflows == fast.overflows


def test_of_several_limits_all_are_charged_or_none():
    clock = Clock()
    store = MemoryStore(clock=clock)
    wide, narrow = GCRA("wide", 100, 60 * SECOND), GCRA("narrow", 2, 60 * SECOND)
    checks = [Check(wide, "k"), Check(narrow, "k")]
    assert [q.remaining for q in store.acquire(checks)] == [99, 1]
    assert [q.remaining for q in store.acquire(checks)] == [98, 0]
    for _ in range(10):
        first, second = store.acquire(checks)
        assert (first.allowed, first.remaining, first.receipt) == (True, 98, 0)
        assert (second.allowed, second.remaining) == (False, 0)
    assert [q.remaining for q in store.peek(checks)] == [98, 0]


def test_two_checks_of_one_key_see_each_other():
    store = MemoryStore(clock=Clock())
    limit = GCRA("x", 3, 60 * SECOND)
    twice = [Check(limit, "k", 2), Check(limit, "k", 2)]
    assert [q.allowed for q in store.acquire(twice)] == [True, False]
    assert store.peek([Check(limit, "k")])[0].remaining == 3


def test_peek_and_a_cost_of_nothing_charge_nothing():
    store = MemoryStore(clock=Clock())
    limit = GCRA("x", 1, 60 * SECOND)
    for _ in range(3):
        assert store.peek([Check(limit, "k")])[0].allowed
        assert store.acquire([Check(limit, "k", 0)])[0].remaining == 1
    assert store.acquire([Check(limit, "k")])[0].allowed
    assert not store.peek([Check(limit, "k")])[0].allowed
    assert store.acquire([Check(limit, "k", 0)])[0][:3] == (True, 0, 60 * SECOND)


@pytest.mark.parametrize("cost", [-1, 1.5, True, "1"])
def test_a_cost_that_is_no_natural_number_is_an_error(cost):
    store = MemoryStore(clock=Clock())
    limit = GCRA("x", 1, SECOND)
    with pytest.raises(ValueError, match="whole number"):
        store.acquire([Check(limit, "k"), Check(limit, "k", cost)])
    assert store.peek([Check(limit, "k")])[0].remaining == 1


def test_a_refund_gives_back_and_a_denied_or_unknown_check_gets_nothing():
    clock = Clock()
    store = MemoryStore(clock=clock)
    limit = GCRA("x", 2, 60 * SECOND)
    check = [Check(limit, "k", 2)]
    charged = store.acquire(check)
    denied = store.acquire(check)
    store.refund(check, denied)
    assert store.peek(check)[0].remaining == 0
    store.refund(check, charged)
    assert store.peek(check)[0].remaining == 2
    store.refund([Check(limit, "stranger", 2)], charged)
    assert len(store) == 1


def test_a_refund_of_what_was_counted_in_the_shared_bucket_gives_nothing():
    store = MemoryStore(1, clock=Clock())
    limit = GCRA("x", 2, 60 * SECOND)
    store.acquire([Check(limit, "a")])
    shared = [Check(limit, "b")]
    store.refund(shared, store.acquire(shared))
    assert store.peek(shared)[0].remaining == 1


def test_a_refund_of_the_shared_bucket_gives_nothing_to_the_key_that_has_a_place_since():
    clock = Clock()
    store = MemoryStore(1, clock=clock)
    limit = GCRA("x", 2, 60 * SECOND)
    store.acquire([Check(limit, "a")])
    check = [Check(limit, "b", 2)]
    shared = store.acquire(check)
    clock.forward(30)  # what is held of it is exactly one unit
    assert store.acquire([Check(limit, "b")])[0].remaining == 1
    assert (store.overflows, len(store)) == (1, 1)
    store.refund(check, shared)
    assert store.peek([Check(limit, "b")])[0].remaining == 1


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_flood_of_keys_stays_within_the_cap_and_no_denial_is_forgotten(kind):
    clock = Clock()
    store = MemoryStore(2000, clock=clock)
    limit = kind("x", 2, 3600 * SECOND)
    victims = [f"victim-{i}" for i in range(50)]
    for victim in victims * 2:
        assert store.acquire([Check(limit, victim)])[0].allowed
    for i in range(20_000):
        store.acquire([Check(limit, f"flood-{i}")])
    assert len(store) <= 2000
    assert store.overflows >= 18_000
    assert not any(store.acquire([Check(limit, victim)])[0].allowed for victim in victims)


def test_a_key_cannot_wash_itself_clean_by_a_flood():
    """Nor is a key that has only spent a part of its quota forgotten."""
    store = MemoryStore(10, clock=Clock())
    limit = GCRA("x", 100, 3600 * SECOND)
    for _ in range(99):
        store.acquire([Check(limit, "attacker")])
    for i in range(1000):
        store.acquire([Check(limit, f"throwaway-{i}")])
    assert store.acquire([Check(limit, "attacker")])[0].allowed
    assert not store.acquire([Check(limit, "attacker")])[0].allowed


def test_keys_without_a_place_share_one_bucket_and_say_so_once(caplog):
    store = MemoryStore(2, clock=Clock())
    limit = GCRA("x", 3, 3600 * SECOND)
    store.acquire([Check(limit, "a")])
    store.acquire([Check(limit, "b")])
    with caplog.at_level(logging.WARNING, "ringwall"):
        allowed = [store.acquire([Check(limit, f"new-{i}")])[0].allowed for i in range(5)]
    assert allowed == [True, True, True, False, False]
    assert store.overflows == 5
    assert [record.getMessage() for record in caplog.records] == [
        "the rate limit 'x' has no room beside the keys it holds (at most 2):"
        " further ones share one bucket"
    ]


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_lapsed_entries_give_up_their_place_before_anybody_shares(kind):
    clock = Clock(0.0)
    store = MemoryStore(100, clock=clock)
    limit = kind("x", 1, 10 * SECOND)
    for i in range(100):
        store.acquire([Check(limit, f"old-{i}")])
    clock.forward(20)
    store.acquire([Check(limit, "denied")])
    for i in range(99):
        assert store.acquire([Check(limit, f"new-{i}")])[0].allowed
    assert store.overflows == 0
    assert not store.acquire([Check(limit, "denied")])[0].allowed
    assert len(store) == 100


@pytest.mark.parametrize("kind", ALGORITHMS)
@pytest.mark.parametrize("ask", [MemoryStore.acquire, MemoryStore.peek])
def test_a_key_that_says_nothing_may_lose_its_place_within_one_call(kind, ask):
    store = MemoryStore(2, clock=Clock())
    limit = kind("x", 3, 60 * SECOND)
    checks = [Check(limit, key, 0) for key in "abca"]
    quotas = ask(store, checks)
    assert [(quota.allowed, quota.remaining, quota.wait) for quota in quotas] == [(True, 3, 0)] * 4
    assert len(store) <= 2


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_refusal_brings_back_no_key_that_lost_its_place(kind):
    """It would lie there for ever, where no search finds it: memory for everybody who asks."""
    store = MemoryStore(4, clock=Clock())
    limit = kind("x", 3, 60 * SECOND)
    for i in range(50):
        more_than_the_quota = [Check(limit, f"{i}-{key}", 4) for key in "abc"]
        assert not any(quota.allowed for quota in store.acquire(more_than_the_quota))
    [table] = store._tables.values()
    for shard in table._shards:
        assert sorted(shard.states) == sorted(shard.ring)
    assert store.overflows == 0


def test_new_keys_take_over_lapsed_places_before_the_table_is_full():
    clock = Clock()
    store = MemoryStore(1000, clock=clock)
    limit = GCRA("x", 1, SECOND)
    for i in range(5000):
        store.acquire([Check(limit, f"k-{i}")])
        clock.forward(0.1)
    assert len(store) < 30


def test_places_held_in_a_row_do_not_hide_the_lapsed_ones():
    clock = Clock(0.0)
    store = MemoryStore(400, clock=clock)
    limit = GCRA("x", 2, 10 * SECOND)
    for i in range(200):
        store.acquire([Check(limit, f"short-{i}")])
    for i in range(200):
        store.acquire([Check(limit, f"long-{i}", 2)])
    clock.forward(6)
    for i in range(190):
        assert store.acquire([Check(limit, f"new-{i}")])[0].allowed
    assert store.overflows == 0


def test_the_work_for_a_key_does_not_grow_with_the_number_of_keys():
    """Counted, not timed: entries looked at for one request, and the largest dict, which is what
    is copied when it grows."""
    looked = 0

    class Counting(GCRA):
        def is_spent(self, state, now):
            nonlocal looked
            looked += 1
            return super().is_spent(state, now)

    limit = Counting("x", 5, 3600 * SECOND)
    for cap in (1_000, 20_000):
        store = MemoryStore(cap, clock=Clock())
        charge = store.lane(limit)
        most = 0
        for i in range(2 * cap):
            looked = 0
            charge(f"k-{i}")
            most = max(most, looked)
        assert 0 < most <= 16
        assert max(map(len, store._tables[limit.id].maps)) <= 512
        assert sum(map(len, store._tables[limit.id].maps)) <= cap
        looked = 0
        charge("k-0")
        assert looked == 0, "a known key costs no search"


def test_what_was_just_found_full_is_not_searched_thoroughly_at_once():
    """A flood pays sixteen looks now and then, one each time; what has lapsed is found all the same
    soon after. A clock that is set back does not put that off."""
    looked = 0

    class Counting(GCRA):
        def is_spent(self, state, now):
            nonlocal looked
            looked += 1
            return super().is_spent(state, now)

    clock = Clock(1000)
    store = MemoryStore(100, clock=clock)
    charge = store.lane(Counting("x", 5, 3600 * SECOND))

    def looks(key):
        nonlocal looked
        looked = 0
        charge(key)
        return looked

    for i in range(100):
        charge(f"old-{i}")
    assert [looks(f"new-{i}") for i in range(4)] == [16, 1, 1, 1]
    clock.forward(0.099)
    assert looks("soon") == 1
    clock.forward(0.002)
    assert [looks("later"), looks("again")] == [16, 1]
    clock.forward(-500)
    assert looks("back") == 16
    assert store.overflows == 8
    clock.forward(500 + 3600)
    assert [looks("free"), looks("freed")] == [1, 1]
    assert store.overflows == 8
    assert len(store) == 100


def test_the_time_of_day_does_not_matter(monkeypatch):
    store = MemoryStore()
    limit = GCRA("x", 2, 3600 * SECOND)
    admitted = []
    for hour in (0, 3600, -3600, 7200):
        monkeypatch.setattr(time, "time", lambda hour=hour: 1_800_000_000 + hour)
        admitted.append(store.acquire([Check(limit, "k")])[0].allowed)
    assert admitted == [True, True, False, False]


@pytest.mark.parametrize("lane", [True, False])
def test_a_clock_set_back_heals_within_one_window(lane):
    clock = Clock(10_000)
    store = MemoryStore(clock=clock)
    limit = GCRA("x", 2, 60 * SECOND)
    fast = store.lane(limit)
    charge = (
        (lambda: fast("k") >= 0)
        if lane
        else (lambda: store.acquire([Check(limit, "k")])[0].allowed)
    )
    assert [charge(), charge(), charge()] == [True, True, False]
    clock.forward(-3600)
    assert not charge()
    clock.forward(30)
    assert charge()
    assert not charge()


@pytest.mark.parametrize("cap", [0, -1, 10**9])
def test_a_cap_out_of_range_is_refused(cap):
    with pytest.raises(ValueError, match="max_keys"):
        MemoryStore(cap)


def test_the_repr_names_no_key():
    store = MemoryStore(7, clock=Clock())
    store.acquire([Check(GCRA("x", 1, 1), "secret")])
    assert repr(store) == "<MemoryStore max_keys=7>"


@given(
    quotas=st.lists(st.integers(1, 4), min_size=2, max_size=3),
    window=st.integers(1, 30),
    steps=st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcd")), max_size=40),
)
def test_the_lanes_are_acquire_in_short(quotas, window, steps):
    """All limits or none, whoever comes."""
    clock = Clock()
    limits = [GCRA(f"x{at}", quota, window * SECOND) for at, quota in enumerate(quotas)]
    store, fast = MemoryStore(2, clock=clock), MemoryStore(2, clock=clock)
    charge = fast.lanes(limits, [at % 2 for at in range(len(limits))])
    for passed, key in steps:
        clock.forward(passed)
        keys = key, "all"
        answers = store.acquire([Check(limit, keys[at % 2]) for at, limit in enumerate(limits)])
        lefts, waits = charge(keys)
        refused = {at: one.wait for at, one in enumerate(answers) if not one.allowed}
        assert waits == refused
        if not refused:
            assert list(lefts) == [left_of(one) for one in answers]


def test_what_is_told_is_remembered_within_bounds():
    limit = GCRA("x", 10_000, SECOND)
    alone, together = Draft(None, [limit]), Draft(None, [limit, limit])
    for left in range(1, 3000):
        lines = alone.note_one(left).lines
        assert lines == ((b"ratelimit-policy", b'"x";q=10000;w=1'), (b"ratelimit", lines[1][1]))
        assert lines[1][1].startswith(b'"x";r=%d;' % left)
        assert together.note((left, -left)).lines[1][1].endswith(b'"x";r=0;t=%d' % left)
        sizes = len(alone.known_one), len(alone.known), len(together.known)
        assert max(sizes) <= 1024


def test_a_clock_set_back_heals_in_the_lanes_too():
    clock = Clock(10_000)
    limits = [GCRA("x", 2, 60 * SECOND), GCRA("y", 3, 60 * SECOND)]
    charge = MemoryStore(clock=clock).lanes(limits, [0, 0])
    assert [charge(["k"])[1] for _ in range(3)] == [{}, {}, {0: 30 * SECOND}]
    clock.forward(-3600)
    assert charge(["k"])[1] == {0: 30 * SECOND, 1: 20 * SECOND}
    clock.forward(30)
    assert [charge(["k"])[1] for _ in range(2)] == [{}, {0: 30 * SECOND, 1: 10 * SECOND}]
