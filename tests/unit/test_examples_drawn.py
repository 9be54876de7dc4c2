"""How many examples a property is tried with, and which: what tests/conftest.py promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"

PROPERTIES = """
import pytest
from hypothesis import given, settings, strategies as st

@pytest.mark.parametrize("way", "ab")
@given(st.integers())
def test_a_function(way, number):
    print("drawn", way, number)

class TestOne:
    @settings(max_examples=20, deadline=None)
    @given(st.binary())
    def test_a_method(self, data):
        print("drawn", data)
"""


def drawn(folder: Path, **variables: str) -> list[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "test_properties.py").write_text(PROPERTIES)
    left_out = {"CI", "RINGWALL_EXAMPLES"}
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "--rootdir", folder],
        cwd=folder,
        env=env | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [line[line.index("drawn") :] for line in done.stdout.splitlines() if "drawn" in line]


def test_a_gate_draws_the_same_examples_each_time_and_a_developer_others(tmp_path: Path) -> None:
    one = drawn(tmp_path, CI="true")
    assert len(one) == 2 * 100 + 20
    assert drawn(tmp_path, CI="true", PYTHONHASHSEED="8") == one
    assert not (tmp_path / ".hypothesis" / "examples").exists()
    assert drawn(tmp_path) != one


def test_examples_are_multiplied_whatever_a_test_says_itself(tmp_path: Path) -> None:
    assert len(drawn(tmp_path, CI="true", RINGWALL_EXAMPLES="3")) == 3 * (2 * 100 + 20)
