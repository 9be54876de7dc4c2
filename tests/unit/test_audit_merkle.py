"""Canonical JSON, Merkle trees and signatures, by vectors of others."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_support import vectors
from ringwall.audit.canonical import canonical, parse
from ringwall.audit.keys import is_signed
from ringwall.audit.merkle import (
    EMPTY,
    Frontier,
    inclusion_path,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(b"%d" % n) for n in range(70)]


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def test_rfc_8785_vectors() -> None:
    folder = vectors("merkle", "jcs-rfc8785", "testdata")
    files = sorted((folder / "input").glob("*.json"))
    assert len(files) >= 6
    for file in files:
        expected = (folder / "output" / file.name).read_bytes().rstrip(b"\n")
        assert canonical(json.loads(file.read_bytes())) == expected, file.name
        assert canonical(parse(expected)) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-5e-324, "-5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (1e21, "1e+21"),
        (999999999999999700000.0, "999999999999999700000"),
        (333333333.3333332, "333333333.3333332"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (100.0, "100"),
        (1424953923781206.2, "1424953923781206.2"),
        (-0.0000033333333333333333, "-0.0000033333333333333333"),
    ],
)
def test_numbers_are_spelled_as_in_rfc_8785_appendix_b(value: float, text: str) -> None:
    assert canonical(value).decode() == text


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 2**53 + 1, "\ud800", object(), {1: 2}, b"x"]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, AttributeError)):
        canonical(value)


def test_depth_is_bounded() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ValueError, match="levels"):
        canonical(deep)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1.0}', b'{"a":1,"a":1}', b'"\\u0061"', b"NaN",
     b"[" * 100_000, b"\xff", b'\xef\xbb\xbf{}', b"[1]\n", b"1e2", b"-0", b'"\\/"'],
)  # fmt: skip
def test_another_spelling_is_not_parsed(line: bytes) -> None:
    with pytest.raises(ValueError, match="not canonical JSON"):
        parse(line)


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_what_is_written_is_parsed(value: Any) -> None:
    try:
        line = canonical(value)
    except ValueError:
        return  # a float that is an integer beyond 2^53 is spelled as one
    try:
        assert parse(line) == value
    except ValueError:
        assert any(character.isdigit() for character in line.decode())


def test_rfc_6962_inclusion_vectors() -> None:
    files = sorted(vectors("merkle", "rfc6962-merkle", "testdata", "inclusion").rglob("*.json"))
    assert len(files) > 90
    for file in files:
        case = json.loads(file.read_bytes())
        valid = verify_inclusion(
            case["leafIdx"],
            case["treeSize"],
            b64decode(case["leafHash"] or ""),
            [b64decode(step) for step in case["proof"] or ()],
            b64decode(case["root"] or ""),
        )
        assert valid is not case["wantErr"], (file, case["desc"])


def test_rfc_6962_consistency_vectors() -> None:
    files = sorted(vectors("merkle", "rfc6962-merkle", "testdata", "consistency").rglob("*.json"))
    assert len(files) > 90
    for file in files:
        case = json.loads(file.read_bytes())
        valid = verify_consistency(
            case["size1"],
            case["size2"],
            [b64decode(step) for step in case["proof"] or ()],
            b64decode(case["root1"] or ""),
            b64decode(case["root2"] or ""),
        )
        if case["size1"] == case["size2"] == 0:
            continue  # two empty trees: nothing is proven, and we say so
        assert valid is not case["wantErr"], (file, case["desc"])


def test_a_path_that_is_too_long_is_refused() -> None:
    root = root_of(LEAVES[:4])
    assert not verify_inclusion(0, 1, LEAVES[0], [LEAVES[1]], root)
    path = [node_hash(LEAVES[2], LEAVES[3])]
    assert verify_consistency(2, 4, path, root_of(LEAVES[:2]), root)
    five = [LEAVES[4], LEAVES[5], root_of(LEAVES[:4])]
    assert verify_consistency(5, 6, five, root_of(LEAVES[:5]), root_of(LEAVES[:6]))
    assert not verify_consistency(3, 4, LEAVES[:9], root_of(LEAVES[:3]), root)
    assert not verify_consistency(2, 4, [*path, root], root_of(LEAVES[:2]), root)


def test_a_frontier_grows_as_the_tree_does() -> None:
    tree = Frontier()
    assert tree.root() == EMPTY
    for size, leaf in enumerate(LEAVES, 1):
        tree.push(leaf)
        assert tree.root() == root_of(LEAVES[:size])
        again = Frontier(size, tree.roots)
        assert again.root() == tree.root()


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="other subtrees"):
        Frontier(3, [b"x" * 32])
    with pytest.raises(ValueError, match="other subtrees"):
        Frontier(1, [b"short"])


@pytest.mark.parametrize("start", [0, 1, 5, 8, 31, 64])
def test_every_record_left_can_be_proven_after_pruning(start: int) -> None:
    before = Frontier()
    for leaf in LEAVES[:start]:
        before.push(leaf)
    for size in (start + 1, start + 4, len(LEAVES)):
        root = root_of(LEAVES[:size])
        for index in range(start, size):
            path = inclusion_path(index, size, LEAVES[start:], before)
            assert verify_inclusion(index, size, LEAVES[index], path, root)
            assert not verify_inclusion(index, size, LEAVES[index - 1], path, root)
    with pytest.raises(ValueError, match="not among those"):
        inclusion_path(start - 1, len(LEAVES), LEAVES[start:], before)


def test_without_pruning_no_frontier_is_needed() -> None:
    path = inclusion_path(2, 7, LEAVES)
    assert verify_inclusion(2, 7, LEAVES[2], path, root_of(LEAVES[:7]))


def test_checkpoints_of_others_are_canonical_hashed_and_signed_alike() -> None:
    document = json.loads(vectors("merkle", "audit-checkpoint-v1.json").read_bytes())
    public = document["public_key_hex"]
    for case in document["vectors"]:
        given = dict(case["input"])
        given["tips"] = sorted(given["tips"], key=lambda tip: tip["stream_id"])
        data = canonical(given)
        assert data.decode() == case["canonical"]
        assert sha256(data).hexdigest() == case["sha256"]
        assert is_signed(public, data, case["signature"])
    for case in document["negatives"]:
        data = canonical(case["input"])
        if case["expect"] == "signature":
            assert not is_signed(public, data, case["signature"])
        else:
            assert is_signed(public, data, case["signature"])
            assert case["input"]["prev_hash"] != case["prev_sha256"]


def test_a_signature_that_is_none_is_not_a_crash() -> None:
    for public, signature in (("00", "AA=="), ("zz", ""), ("00" * 32, "é"), ("00" * 32, "AA==")):
        assert not is_signed(public, b"", signature)
