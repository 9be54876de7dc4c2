"""Strict JSON: what is no I-JSON text is refused, in linear time and without a crash."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringwall.validation._json import StrictJSON
from ringwall.validation._refusal import (
    DUPLICATE,
    EMPTY,
    NOT_JSON,
    TOO_DEEP,
    TOO_MANY,
    Reason,
    Refused,
)
from validation_support import vectors

parse = StrictJSON(max_depth=64, max_values=20_000)


def reason_for(body: bytes) -> Reason | None:
    try:
        parse(body)
    except Refused as refused:
        assert refused.errors == ()
        return refused.reason
    return None


class Twice(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Twice
    return members


def has_a_name_twice(body: bytes) -> bool:
    """The reference: Python's own parser with a hook."""
    try:
        json.loads(body, object_pairs_hook=_unique)
    except Twice:
        return True
    return False


# Duplicate names


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1, "\\u0061":1}',
        b'{":":1,"\\u003a":1}',
        b'{"\\u003A":1,":":"\\u003a"}',
        b'[{"x":{"a":1,"b":{},"a":{}}}]',
        b'{"":1,"":2}',
        b'{"a":":","a":"::::"}',
        b'{"\\\\u003a":1,"\\\\u003a":2}',
    ],
)
def test_a_name_twice_is_refused_however_it_is_escaped(body: bytes) -> None:
    assert reason_for(body) is DUPLICATE


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"b":{"a":1}}',
        b'[{"a":1},{"a":1}]',
        b'{"a":":::","b":"\\u003a","\\u003A":"\\\\u003a"}',
        b'{"a":"\\\\\\u003a","b":"\\\\\\\\u003a"}',
        b'"\\u003a"',
        b'{"a":"\\"a\\":1,\\"a\\":2"}',
        b'{"n": 123456789012345678901234567890, "m": -1e-7, "f": 1.50}',
    ],
)
def test_equal_names_in_different_objects_and_colons_in_strings_pass(body: bytes) -> None:
    assert reason_for(body) is None
    assert parse(body) == json.loads(body)


names = st.sampled_from(["a", "b", ":", "\\u003a", "\\u0061", "a:", '\\"', "\\\\", "\\\\u003a", ""])
strings = names.map(lambda name: f'"{name}"')
spaces = st.sampled_from(["", " ", "\n\t"])


@st.composite
def objects(draw: Any, values: Any) -> str:
    members = draw(st.lists(st.tuples(strings, spaces, spaces, values), max_size=4))
    return "{" + ",".join(f"{name}{a}:{b}{value}" for name, a, b, value in members) + "}"


texts = st.recursive(
    strings | st.sampled_from(["1", "-0.5e3", "null", "true", "1" * 40]),
    lambda values: (
        objects(values) | st.lists(values, max_size=3).map(lambda found: f"[{','.join(found)}]")
    ),
    max_leaves=12,
)


@settings(max_examples=1500, deadline=None)
@given(texts)
@example('{"a":{"b":1},"a":{"b":1,"c":2}}')
def test_counting_colons_finds_what_a_hook_finds(text: str) -> None:
    body = text.encode()
    assert (reason_for(body) is DUPLICATE) == has_a_name_twice(body)


# Shape


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "body",
    [
        nested(65),
        nested(1000),
        nested(100_000),
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 1_000_000,
        b'[{"a":' * 200_000,
        b'["' + b'\\"' * 300 + b'",' + nested(64) + b"]",
        b'["\\\\",' + nested(64) + b"]",
        nested(65)[:-1] + b"}",
    ],
    ids=lambda body: f"{len(body)}",
)
def test_deep_bodies_are_refused_before_they_are_parsed(body: bytes) -> None:
    assert reason_for(body) in (TOO_DEEP, TOO_MANY)


@pytest.mark.parametrize(
    "body",
    [b"{" * 100_000, b'{"a"{' * 50_000, b'{"a":1{' * 10_000, b'{"a",{' * 10_000, b"{[" * 50_000],
)
def test_what_nests_without_colons_is_malformed_before_it_is_deep(body: bytes) -> None:
    """Colons and brackets bound the depth: without them a parser goes no further down."""
    assert reason_for(body) is not None


@pytest.mark.parametrize(
    "body",
    [
        nested(64),
        b"[" + b"[]," * 500 + b"[]]",
        b'["' + b"[" * 1000 + b'"]',
        b'["\\"' + b"[" * 1000 + b'"]',
        b'["\\\\","' + b"[" * 1000 + b'"]',
        b'["' + b"," * 30_000 + b'"]',
    ],
    ids=lambda body: f"{len(body)}",
)
def test_wide_bodies_and_brackets_in_strings_pass(body: bytes) -> None:
    assert reason_for(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 50_000 + b"[]]",
        b"[" + b"{}," * 50_000 + b"{}]",
        b"{" + b",".join(b'"k%d":1' % at for at in range(100_000)) + b"}",
        b"[" + b"1," * 20_000 + b"1]",
        b'["' + b'","' * 90_000 + b'"]',
    ],
    ids=["arrays", "objects", "names", "numbers", "strings"],
)
def test_bodies_of_too_many_values_are_refused_before_they_are_parsed(body: bytes) -> None:
    assert reason_for(body) is TOO_MANY


def test_too_many_quotation_marks_are_refused_before_the_body_is_split() -> None:
    assert reason_for(b"[" * 65 + b'"' * 80_001) is TOO_MANY
    assert reason_for(b"[" * 65 + b'"' * 79_999) is TOO_DEEP


def test_values_up_to_the_limit_pass() -> None:
    assert len(parse(b"[" + b"1," * 19_997 + b"1]")) == 19_998


def test_more_closing_than_opening_brackets_is_malformed() -> None:
    assert reason_for(b"]" * 1_000_000) is NOT_JSON
    assert reason_for(b"[" * 65 + b"]" * 66 + b"[") in (NOT_JSON, TOO_DEEP)
    assert reason_for(nested(60) + b"]" + nested(60)) is NOT_JSON


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 500_000,
        b'"' + b'\\"' * 500_000 + b'"',
        b'"' + b"\\" * 1_000_000,
        b'["' * 500_000,
        b'"' * 1_000_000,
        b"[" * 65 + b'"' + b"\\" * 1_000_000,
        b'{"' + b"a" * 1_000_000,
        b"[" * 65 + b"1" * 1_000_000,
        b"1" * 1_000_000,
        b'"' + b"\\u003a" * 170_000 + b'"',
        b" " * 1_000_000,
        b"-" * 1_000_000,
        b"[" * 65 + b'"a' * 300_000,
    ],
    ids=lambda body: repr(body[:8]),
)
def test_the_worst_megabyte_is_judged_in_linear_time_and_memory(body: bytes) -> None:
    tracemalloc.start()
    start = time.process_time()
    try:
        reason_for(body)
        spent = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert spent < 0.5
    assert peak < 32 * 2**20


# Grammar


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t "])
def test_nothing_is_told_from_something_malformed(body: bytes) -> None:
    assert reason_for(body) is EMPTY


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"1" * 6000,
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"\xf4\x90\x80\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-16-le"),
        "{}".encode("utf-32"),
        b"{} x",
        b"{}{}",
        b"{}\x00",
        b"\x00",
        b"{} // c",
        b"{/**/}",
        b"{'a':1}",
        b"{a:1}",
        b"[1,]",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b'"\x01"',
        b'"\n"',
        b"True",
        b'"\\x41"',
        b'{"a"',
        b"undefined",
        b"\x0c{}",
        b"\xa0{}",
    ],
    ids=repr,
)
def test_what_is_no_json_text_is_refused(body: bytes) -> None:
    assert reason_for(body) is NOT_JSON


def test_large_integers_stay_exact() -> None:
    assert parse(b"[9007199254740993, 123456789012345678901234567890]") == [
        9007199254740993,
        123456789012345678901234567890,
    ]
    assert parse(b"1" * 4000) == int("1" * 4000)


def test_nul_and_markup_in_strings_are_data() -> None:
    assert parse(b'"\\u0000<script>\\r\\n"') == "\x00<script>\r\n"


# Vectors


def suite_files() -> list[Path]:
    return sorted((vectors("JSONTestSuite") / "test_parsing").glob("*.json"))


def test_json_test_suite() -> None:
    """Every y_ accepted, every n_ refused, every i_ one or the other."""
    counts = {"y": 0, "n": 0, "i": 0}
    for file in suite_files():
        body = file.read_bytes()
        reason = reason_for(body)
        kind = file.name[0]
        counts[kind] += 1
        if kind == "y":
            # The suite accepts equal names, as RFC 8259 does; RFC 7493 does not.
            twice = "duplicated_key" in file.name
            assert reason is (DUPLICATE if twice else None), file.name
        if kind == "n":
            assert reason is not None, file.name
            assert reason.status == 400
    assert counts["y"] >= 95
    assert counts["n"] >= 188
    assert counts["i"] >= 35


def test_utf8_vectors() -> None:
    """Each line of the vectors, valid or not, inside a JSON string."""
    lines = (vectors("utf8tests") / "utf8tests.bin").read_bytes().split(b"\n")
    seen = {b"valid": 0, b"invalid": 0}
    for line in filter(None, lines):
        number, verdict, given = line.split(b":", 2)
        text = given.replace(b"\\", b"").replace(b'"', b"").translate(None, bytes(range(32)))
        body = b'["' + text + b'"]'
        seen[verdict] += 1
        if verdict == b"valid":
            assert parse(body) == [text.decode()], number
        else:
            assert reason_for(body) is NOT_JSON, number
    assert seen[b"valid"] >= 40
    assert seen[b"invalid"] >= 80


@settings(max_examples=800, deadline=None)
@given(
    st.binary(max_size=80) | st.text(alphabet='[]{},:"\\u03a1e+-. \n', max_size=80).map(str.encode)
)
def test_any_bytes_give_a_value_or_a_reason(body: bytes) -> None:
    reason = reason_for(body)
    if reason is None:
        json.loads(body)
    elif reason is not DUPLICATE:
        assert reason.status == 400


_SMALL_STACK = """
import threading
from ringwall.validation._json import StrictJSON
from ringwall.validation._refusal import Refused
from ringwall.validation._schema import Schema

nesting = {"allOf": [{"anyOf": [{"oneOf": [{"not": {"not": {"if": True, "then":
    {"$ref": "#/$defs/inner"}}}}]}]}]}
document = {"$ref": "#/$defs/node", "$defs": {"node": nesting, "inner": {
    "type": ["object", "array"], "properties": {"a": {"$ref": "#/$defs/node"}},
    "items": {"$ref": "#/$defs/node"}, "unevaluatedProperties": False}}}
schema = Schema(document, "POST /")
parse = StrictJSON(128, 20_000).knowing(document, schema.is_valid, schema.errors)
refused = []

def judge():
    for depth in (1000, 100_000, 500_000):
        for start in (b"[", b'{"a":', b"{", b'{"a"{'):
            try:
                parse(start * depth)
            except Refused as reason:
                refused.append(reason.reason.code)
    for end in (b"{}", b'{"b":1}'):
        body = b'{"a":' * 127 + end + b"}" * 127
        try:
            parse(body)
        except Refused as reason:
            refused.append(reason.errors[0]["code"])

threading.stack_size(128 * 1024)
thread = threading.Thread(target=judge)
thread.start()
thread.join()
print(*refused)
"""


def test_deep_bodies_do_not_crash_a_thread_with_a_small_stack() -> None:
    """128 KiB is what a thread gets under musl; the schema nests ten keywords for each level."""
    done = subprocess.run(  # a crash would end the tests
        [sys.executable, "-c", _SMALL_STACK], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    deep, many, malformed = ["too-deep"] * 2, ["too-many-values"] * 2, ["malformed-json"] * 2
    assert done.stdout.split() == [*deep, *malformed, *(many + many) * 2, "schema"]
