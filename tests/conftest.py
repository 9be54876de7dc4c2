"""What holds for the whole suite."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

# No test here is a timed one: how long an example takes is the machine's affair. The parent is
# named, because Hypothesis looks for signs of a gate itself, and sees those that tox leaves.
settings.register_profile("ringwall", settings.get_profile("default"), deadline=None)
# A gate gives one commit one answer: the same examples each time.
settings.register_profile("gate", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("gate" if os.environ.get("CI") else "ringwall")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `RINGWALL_EXAMPLES=20` each property is tried with twenty times its examples."""
    times = int(os.environ.get("RINGWALL_EXAMPLES", "1"))
    found: list[Any] = [getattr(item, "obj", None) for item in items]
    for test in {getattr(one, "__func__", one) for one in found}:
        if times > 1 and is_hypothesis_test(test):
            own = test._hypothesis_internal_use_settings
            test._hypothesis_internal_use_settings = settings(
                own, max_examples=times * own.max_examples
            )
