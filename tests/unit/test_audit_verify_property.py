"""Whatever is done to a log, in any combination, is found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_support import Clock
from ringwall.audit import JSONLinesSink, SigningKey
from ringwall.audit.canonical import canonical
from ringwall.audit.merkle import leaf_hash
from ringwall.audit.verify import Line, verify

KEY = SigningKey.generate()


def rechained(lines: list[bytes]) -> list[bytes]:
    """As somebody without the key would make a log fit together again."""
    prev, made = "0" * 64, []
    for seq, line in enumerate(lines):
        record = {**json.loads(line), "_prev": prev, "_seq": seq}
        made.append(canonical(record))
        prev = leaf_hash(made[-1]).hex()
    return made


places = st.integers(min_value=0, max_value=200)
changes = st.one_of(
    st.tuples(st.just("edit"), places, places, st.integers(min_value=1, max_value=255)),
    st.tuples(st.just("delete"), places),
    st.tuples(st.just("move"), places, places),
    st.tuples(st.just("copy"), places, places),
    st.tuples(st.just("cut"), places),
    st.tuples(st.just("member"), places, st.sampled_from(["n", "event", "time", "_prev", "sig"])),
    st.tuples(st.just("rechain")),
)


def changed(lines: list[bytes], change: tuple[Any, ...]) -> list[bytes]:
    kind, *where = change
    if not lines:
        return lines
    at = where[0] % len(lines) if where else 0
    made = [*lines]
    if kind == "edit":
        octets = bytearray(made[at])
        octets[where[1] % len(octets)] ^= where[2]
        made[at] = bytes(octets)
    elif kind == "delete":
        del made[at]
    elif kind == "move":
        made.insert(where[1] % len(made), made.pop(at))
    elif kind == "copy":
        made.insert(where[1] % (len(made) + 1), made[at])
    elif kind == "cut":
        del made[at:]
    else:
        try:
            if kind == "rechain":
                return rechained(made)
            made[at] = canonical({**json.loads(made[at]), where[1]: "forged"})
        except (ValueError, TypeError):
            return lines  # a line that is no JSON any more: changed it is
    return made


@settings(max_examples=150, deadline=None)
@given(st.lists(changes, min_size=1, max_size=6))
def test_whatever_is_done_to_a_log_is_found(original: list[bytes], done: Any) -> None:
    """Edits, deletions, moves, insertions, cuts, and chains computed anew, in any combination; by
    somebody without the key, and with a witness of the last checkpoint."""
    lines = original
    for change in done:
        lines = changed(lines, change)
    heads = {len(original) - 1: leaf_hash(original[-1]).hex()}
    numbered = (Line("a", n, line) for n, line in enumerate(lines, 1))
    result = verify(numbered, [KEY.public], heads)
    if result.ok and lines[: len(original)] == original:
        # Appended after the last signature, as a writer does: told as what nobody has signed.
        assert result.unsigned == len(lines) - len(original)
        assert bool(result.notes) is (lines != original)
    else:
        assert not result.ok
        assert lines != original


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    path = tmp_path_factory.mktemp("log") / "audit.jsonl"
    sink = JSONLinesSink(path, key=KEY, checkpoint_every=4, clock=Clock())
    for n in range(10):
        sink.write(b'{"id":"r-%d","n":%d}' % (n, n))
    sink.close()
    return path.read_bytes().splitlines()
