"""The arithmetic of rate limits, against models that remember everything."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringwall.ratelimit import GCRA, FixedWindow, Limit, SlidingWindow
from ringwall.ratelimit.engine import MAX_QUOTA, SECOND

ALGORITHMS = [GCRA, FixedWindow, SlidingWindow]
quotas = st.integers(1, 12)
windows = st.integers(1, 60 * SECOND)
steps = st.lists(
    st.tuples(st.integers(0, 20 * SECOND), st.integers(0, 14)), min_size=1, max_size=60
)


class LeakyBucket:
    """GCRA's model: a bucket of water that leaks; each unit is as much as leaks in an interval."""

    def __init__(self, quota: int, interval: int) -> None:
        self.level, self.then = 0, 0
        self.capacity, self.interval = quota * interval, interval

    def charge(self, now: int, cost: int) -> bool:
        self.level = max(0, self.level - (now - self.then))
        self.then = now
        if self.level + cost * self.interval > self.capacity:
            return False
        self.level += cost * self.interval
        return True


class Windows:
    """The window algorithms' model: every charge with its time."""

    def __init__(self, quota: int, window: int, sliding: bool) -> None:
        self.quota, self.window, self.sliding = quota, window, sliding
        self.charges: list[tuple[int, int]] = []

    def charge(self, now: int, cost: int) -> bool:
        index = now // self.window
        count = sum(c for t, c in self.charges if t // self.window == index)
        last = sum(c for t, c in self.charges if t // self.window == index - 1)
        weighed = last * (self.window - now % self.window) if self.sliding else 0
        if weighed + (count + cost) * self.window > self.quota * self.window:
            return False
        self.charges.append((now, cost))
        return True


def model(limit: Limit) -> LeakyBucket | Windows:
    if isinstance(limit, GCRA):
        return LeakyBucket(limit.quota, limit.interval)
    return Windows(limit.quota, limit.window, isinstance(limit, SlidingWindow))


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(quota=quotas, window=windows, steps=steps)
def test_it_admits_exactly_what_the_model_admits(kind, quota, window, steps):
    limit = kind("x", quota, window)
    reference = model(limit)
    state, now = 0, 0
    for passed, cost in steps:
        now += passed
        at = limit.at(state, now)
        after = limit.charge(at, now, cost)
        assert (after is not None) == reference.charge(now, cost)
        state = at if after is None else after


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(quota=quotas, window=windows, steps=steps, cost=st.integers(1, 12))
def test_wait_and_remaining_are_exact(kind, quota, window, steps, cost):
    """After the wait the charge is admitted, one microsecond earlier it is not; and exactly what
    remains can be charged."""
    limit = kind("x", quota, window)
    state, now = 0, 0
    for passed, spent in steps:
        now += passed
        at = limit.at(state, now)
        after = limit.charge(at, now, spent)
        state = at if after is None else after
    remaining = limit.remaining(state, now)
    assert 0 <= remaining <= quota
    assert limit.charge(state, now, remaining) is not None
    assert limit.charge(state, now, remaining + 1) is None
    cost = min(cost, quota)
    wait = limit.wait(state, now, cost)
    assert 0 <= wait <= 2 * limit.window + limit.quota
    assert limit.charge(limit.at(state, now + wait), now + wait, cost) is not None
    if wait:
        early = now + wait - 1
        assert limit.charge(limit.at(state, early), early, cost) is None


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(quota=quotas, window=windows, steps=steps, keep=st.booleans())
def test_to_judge_is_to_charge_and_to_look(kind, quota, window, steps, keep):
    limit = kind("x", quota, window)
    state, now = 0, 0
    for passed, cost in steps:
        now += passed
        state = limit.at(state, now)
        charged = limit.charge(state, now, cost)
        judged = limit.judge(state, now, cost, keep)
        if charged is not None and keep:
            state = charged
        remaining, wait = limit.remaining(state, now), limit.wait(state, now, cost or 1)
        receipt = limit.receipt(state, now, cost) if charged is not None and keep else 0
        assert judged == (charged is not None, remaining, wait, receipt)


@given(quota=quotas, window=windows, steps=steps)
def test_gcra_admits_at_most_a_burst_and_the_rate(quota, window, steps):
    """In any stretch of time t no more than quota + t * quota / window."""
    limit = GCRA("x", quota, window)
    state, now = 0, 0
    admitted: list[tuple[int, int]] = []
    for passed, cost in steps:
        now += passed
        at = limit.at(state, now)
        after = limit.charge(at, now, cost)
        state = at if after is None else after
        if after is not None:
            admitted.append((now, cost))
    for i, (start, _) in enumerate(admitted):
        spent = 0
        for end, cost in admitted[i:]:
            spent += cost
            assert spent * window <= quota * window + (end - start) * quota


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_cost_above_the_quota_is_never_admitted_and_charges_nothing(kind):
    limit = kind("x", 3, SECOND)
    state = limit.at(0, 5)
    assert limit.charge(state, 5, 4) is None
    assert limit.wait(state, 5, 4) > 0
    assert limit.remaining(state, 5) == 3


def test_a_fixed_window_admits_twice_its_quota_around_an_end_and_a_sliding_one_does_not():
    admitted = {}
    for kind in (FixedWindow, SlidingWindow):
        limit, state, count = kind("x", 10, SECOND), 0, 0
        for now in [SECOND - 1] * 20 + [SECOND] * 20:
            at = limit.at(state, now)
            after = limit.charge(at, now, 1)
            count += after is not None
            state = at if after is None else after
        admitted[kind] = count
    assert admitted == {FixedWindow: 20, SlidingWindow: 10}


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(
    quota=quotas,
    window=windows,
    start=st.integers(0, 10**9),
    back=st.integers(0, 10**9),
    costs=st.lists(st.integers(1, 5), max_size=10),
)
def test_a_clock_that_was_set_back_locks_nobody_out_for_longer_than_the_limit_does(
    kind, quota, window, start, back, costs
):
    limit = kind("x", quota, window)
    now = start + back
    state = limit.at(0, now)
    for cost in costs:
        state = limit.charge(state, now, cost) or state
    healed = limit.at(state, start)
    assert limit.remaining(healed, start) <= limit.quota
    wait = limit.wait(healed, start, quota)
    assert wait <= 2 * window + quota
    later = start + wait
    assert limit.charge(limit.at(healed, later), later, quota) is not None


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(quota=quotas, window=windows, now=st.integers(0, 10**9), spent=st.integers(0, 12),
       cost=st.integers(0, 10**6))  # fmt: skip
def test_a_debt_is_a_charge_of_at_most_what_is_left(kind, quota, window, now, spent, cost):
    limit = kind("x", quota, window)
    state = limit.charge(limit.at(0, now), now, min(spent, quota))
    after = limit.debit(state, now, cost)
    assert after == limit.charge(state, now, min(cost, limit.remaining(state, now)))
    assert limit.at(after, now) == after


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(quota=quotas, window=windows, now=st.integers(0, 10**9), cost=st.integers(0, 12))
def test_a_refund_at_once_undoes_a_charge(kind, quota, window, now, cost):
    limit = kind("x", quota, window)
    state = limit.at(0, now)
    after = limit.charge(state, now, min(cost, quota))
    receipt = limit.receipt(after, now, min(cost, quota))
    assert limit.refund(after, receipt, now, min(cost, quota)) == state


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(
    quota=quotas,
    window=windows,
    first=st.integers(0, 60 * SECOND),
    later=st.integers(0, 120 * SECOND),
    cost=st.integers(1, 6),
    others=st.integers(0, 6),
)
def test_a_refund_gives_back_no_more_than_is_still_held(
    kind, quota, window, first, later, cost, others
):
    """With the charge refunded, the key stands no better than if it had never been made."""
    limit = kind("x", quota, window)
    cost, others = min(cost, quota), min(others, quota)
    charged = limit.charge(limit.at(0, first), first, cost)
    receipt = limit.receipt(charged, first, cost)
    now = first + later
    both = limit.charge(limit.at(charged, now), now, others)
    if both is None:
        return
    never = limit.charge(limit.at(0, now), now, others)
    refunded = limit.at(limit.refund(both, receipt, now, cost), now)
    assert limit.remaining(refunded, now) == limit.remaining(never, now)


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(
    quota=quotas,
    window=windows,
    steps=st.lists(
        # After so much time a charge of so many units, or a refund of the n-th that is under way.
        st.tuples(st.integers(0, 20 * SECOND), st.integers(0, 4), st.none() | st.integers(0, 5)),
        min_size=1,
        max_size=40,
    ),
)
@example(2, 20 * SECOND, [(0, 1, None), (0, 1, None), (0, 0, 0), (10 * SECOND, 1, None), (0, 0, 0)])
def test_what_is_not_refunded_keeps_within_the_limit_however_charges_and_refunds_mix(
    kind, quota, window, steps
):
    """A key never stands better than if what was refunded had never been charged, and of what was
    not no stretch of time holds more than the limit."""
    limit = kind("x", quota, window)
    state, now = 0, 0
    held: list[tuple[int, int]] = []  # when, and how many
    under_way: list[tuple[tuple[int, int], int]] = []
    for passed, cost, refunded in steps:
        now += passed
        state = limit.at(state, now)
        if refunded is None:
            after = limit.charge(state, now, cost)
            if after is not None:
                held.append((now, cost))
                under_way.append((held[-1], limit.receipt(after, now, cost)))
                state = after
        elif refunded < len(under_way):
            charge, receipt = under_way.pop(refunded)
            held.remove(charge)
            state = limit.refund(state, receipt, now, charge[1])
        never = 0
        for at, units in held:
            never = limit.charge(limit.at(never, at), at, units)
            assert never is not None
        assert limit.remaining(state, now) <= limit.remaining(limit.at(never, now), now)


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(quota=quotas, window=windows, steps=steps, spent=st.integers(0, 12))
def test_what_is_refunded_one_after_the_other_leaves_nothing_behind(
    kind, quota, window, steps, spent
):
    """However long each takes. At most time that passes amid gives nothing else back."""
    limit = kind("x", quota, window)
    before = state = limit.charge(limit.at(0, 0), 0, min(spent, quota))
    now = 0
    for passed, cost in steps:
        after = limit.charge(limit.at(state, now), now, cost)
        if after is not None:
            receipt, now = limit.receipt(after, now, cost), now + passed
            state = limit.refund(limit.at(after, now), receipt, now, cost)
        assert limit.remaining(limit.at(state, now), now) >= limit.remaining(before, 0)


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(quota=quotas, window=windows, steps=steps)
def test_a_state_is_spent_only_where_forgetting_it_changes_nothing(kind, quota, window, steps):
    limit = kind("x", quota, window)
    state, now = 0, 0
    for passed, cost in steps:
        now += passed
        if limit.is_spent(state, now):
            assert limit.remaining(limit.at(state, now), now) == quota
            assert limit.at(state, now) == limit.at(0, now)
        at = limit.at(state, now)
        state = limit.charge(at, now, cost) or at


@pytest.mark.parametrize(("quota", "window"), [(0, 1), (-1, 1), (1, 0), (MAX_QUOTA + 1, 1)])
def test_a_limit_without_sense_is_refused(quota, window):
    with pytest.raises(ValueError, match="a limit needs a quota"):
        GCRA("x", quota, window)


def test_a_limit_has_an_id_of_all_that_makes_it():
    kinds = [
        kind(name, q, w) for kind in ALGORITHMS for name in "ab" for q in (1, 2) for w in (1, 2)
    ]
    assert len({limit.id for limit in kinds}) == len(kinds)
    assert repr(GCRA("a", 1, 2)) == "<GCRA a:gcra:1/2>"
