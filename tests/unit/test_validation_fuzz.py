"""A few hundred cases of the fuzzer of bodies; `tests/fuzz/bodies.py` runs as many as one likes."""

from __future__ import annotations

import pytest

from fuzz import bodies


def test_fuzzed_bodies_are_answered_with_4xx_or_reach_the_app_as_they_were_sent() -> None:
    statuses, _ = bodies.run(400, seed=7)
    assert statuses.keys() >= {200, 400, 413, 415, 422}
    assert sum(statuses.values()) == 800


def test_a_case_follows_from_its_seed_and_number() -> None:
    assert bodies.make(1, 5) == bodies.make(1, 5) != bodies.make(2, 5)


def test_the_fuzzer_finds_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(body: bytes) -> object:
        raise LookupError

    monkeypatch.setattr("ringwall.validation._json._decode", fails)
    with pytest.raises(bodies.Broken, match=r"--seed 7 --first .*status 500"):
        bodies.run(50, seed=7)
