"""Law 5: an order that cannot work does not construct, and the message says what to change."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall import Layer
from ringwall.testing import check_order

NAMES = ["alpha", "beta", "gamma", "delta"]


def layer(name, inside):
    made = type(name.title(), (Layer,), {"name": name, "inside": frozenset(inside)})
    return made()


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES)), max_size=4))
def test_only_orders_that_can_work_construct(wishes):
    """Fused, and nested however deep: the two layers need not be neighbours."""
    check_order(lambda: [layer(name, inside - {name}) for name, inside in sorted(wishes.items())])
