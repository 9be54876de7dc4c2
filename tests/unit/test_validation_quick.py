"""What makes strict JSON quick never changes a verdict: the short way and the long way agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall import ConfigurationError
from ringwall.validation import _json
from ringwall.validation._json import StrictJSON
from ringwall.validation._members import counts_of
from ringwall.validation._refusal import DUPLICATE, INVALID, TOO_DEEP, TOO_MANY, Reason, Refused
from ringwall.validation._schema import Schema

ITEM = {"type": "object", "properties": {"sku": {"type": "string"}, "tags": {"type": "array"}}}
ORDER: dict[str, Any] = {
    "properties": {
        "customer": {"$ref": "#/$defs/customer"},
        "items": {"type": "array", "items": {"anyOf": [ITEM, {"type": "null"}]}},
        "a": {"type": ["object", "array", "null"], "items": {"type": "object"}},
        "when": {"type": "string", "format": "date-time"},
    },
    "$defs": {"customer": {"type": "object", "allOf": [{"properties": {"a": {"$ref": "#"}}}]}},
}
OBJECTS = {"type": "array", "items": {"type": "object"}}
# Where there is nothing but what must be there, nothing is counted; unless it is not certain.
REQUIRED = {"type": "object", "required": ["a", "b"]}
LEAST: list[Any] = [
    {"type": "object", "properties": {"items": {"type": "array", "items": items}}}
    for items in (
        REQUIRED,
        {"type": "object", "anyOf": [REQUIRED, {}]},
        {"type": "object", "anyOf": [{"required": ["a", "b"]}, {}]},
        {"type": "object", "if": {"required": ["sku"]}, "then": {"required": ["a", "b"]}},
        {"type": ["object", "null"], "required": ["a", "b"]},
        {"required": ["a", "b"]},
        {**REQUIRED, "properties": {"tags": {"type": "array", "items": REQUIRED}}},
    )
]
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
# What may be taken for "all items are objects", and is not.
NO_OBJECTS: list[Any] = [
    {"anyOf": [OBJECTS, {"type": "array"}]},
    {"anyOf": [{"properties": {"items": OBJECTS}}, True]},
    {"items": {"anyOf": [{"type": "object"}, {"type": "string"}]}},
    {"items": {"type": ["object", "string"]}},
    {"items": {"properties": {"a": {}}}},
    {"items": {"type": "object"}, "prefixItems": [{}, {}]},
    {"if": {"type": "object"}, "then": OBJECTS, "else": {"items": {}}},
    {
        "$schema": DRAFT_7,
        "items": {"$ref": "#/definitions/any", "type": "object"},
        "definitions": {"any": {}},
    },
    {
        "$schema": DRAFT_7,
        "$ref": "#/definitions/any",
        "items": {"type": "object"},
        "definitions": {"any": {}},
    },
    {
        "$schema": DRAFT_7,
        "items": {"items": {"$ref": "#/definitions/any", "items": {"type": "object"}}},
        "definitions": {"any": {}},
    },
    {"not": OBJECTS, "properties": {"items": {"not": OBJECTS}}},
]
SCHEMAS: list[Any] = [
    True,
    ORDER,
    OBJECTS,
    {**OBJECTS, "$schema": DRAFT_7},
    {"properties": {"items": OBJECTS, "a": {"properties": {"a": OBJECTS}, "items": OBJECTS}}},
    *NO_OBJECTS,
    *LEAST,
    {"type": "object"},
    {"type": "array", "items": ITEM},
    {"items": {"items": {"$ref": "#"}}},
    {"properties": {"a": {"properties": {"a": {"$ref": "#"}, "b": {"items": {}}}}}},
    {"if": {}, "then": {"type": "object"}, "else": {"items": {"type": "object"}}},
    {"$ref": "#/nowhere", "properties": ["a"], "items": [ITEM], "anyOf": 3, "type": 7},
]
# So small that the limits are met, too.
PLAIN = StrictJSON(max_depth=4, max_values=24)


def judge_of(schema: Any) -> Callable[[Any], bool]:
    try:
        return Schema(schema, "here").is_valid
    except ConfigurationError:  # the last one
        return lambda value: False


JUDGES = [(judge_of(schema), counts_of(schema)) for schema in SCHEMAS]
QUICK = [
    (PLAIN.knowing(schema, is_valid, lambda value, body: ()), is_valid)
    for schema, (is_valid, _) in zip(SCHEMAS, JUDGES, strict=True)
]

TEXTS = [
    '{"customer":{"a":"Alice, of: Berlin"},"items":[{"sku":"T-1","tags":["x","y"]}],"n":1}',
    '{"when": "2026-01-01T10:00:00Z", "items": [{"sku": "a"}, null, {"sku": "b"}], "a": {}}',
    '[{"sku":"\\u003a","tags":[]},{"sku":"\\\\","tags":[{"a":1,"b":2}]}]',
    '{"a":{"a":{"a":{"b":[]}}},"b":[[[]]]}',
    '"a string, with: {all} [of] it"',
    "[1,2.5e3,true,null,123456789012345678901234567890]",
]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|\s+')
PIECES = [
    *'{}[],:"',
    *('"a"', '"\\u0061"', '"sku"', '":"', '"\\u003A"', '","', "{}", "[]", '"a":1,', '"b":{},'),
    *("1", "null", "NaN", '"\\ud800"', "\\", " ", "\n", "\0", "\ufeff", "1e999", "[" * 6, "]" * 6),
]


@st.composite
def mutated(draw: Any) -> bytes:
    """A text whose tokens were taken out, doubled, exchanged, or joined by others."""
    tokens = TOKEN.findall(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(tokens)))
        end = at + draw(st.integers(0, 8))
        change = draw(st.integers(0, 3))
        if change == 0:
            tokens[at:at] = tokens[at:end]
        elif change == 1:
            tokens[at:end] = []
        elif change == 2:
            tokens[at:end] = [draw(st.sampled_from(PIECES))]
        else:
            other = draw(st.integers(0, len(tokens)))
            tokens[at:at] = [*tokens[other : other + 4], ","]
    return "".join(tokens).encode("utf-8", "surrogatepass")


def verdict(parse: StrictJSON, body: bytes) -> Any:
    try:
        return parse(body)
    except Refused as refused:
        return refused.reason


class Twice(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Twice
    return members


def the_long_way(body: bytes) -> Any:
    """The exact count, a parser, and a parser with a hook: what must come out."""
    try:
        PLAIN.check_shape(body)
        value = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=_unique)
    except Refused as refused:
        return refused.reason
    except Twice:
        return DUPLICATE
    except ValueError:
        return None
    return value


@settings(max_examples=600, deadline=None)
@given(mutated() | st.binary(max_size=40))
def test_the_short_way_and_the_long_way_agree(body: bytes) -> None:
    expected = the_long_way(body)
    for parse, is_valid in ((PLAIN, judge_of(True)), *QUICK):
        found = verdict(parse, body)
        if found is INVALID:
            assert msgspec.json.decode(body) == expected
            assert not is_valid(expected)
        elif isinstance(found, Reason):
            assert found.status == 400
            assert (found is DUPLICATE) == (expected is DUPLICATE)
            assert expected is None or isinstance(expected, Reason)
        else:
            assert found == expected
            assert type(found) is type(expected)


def depth_of(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth_of, below), default=0) if isinstance(value, (dict, list)) else 0


def signs_of(value: Any) -> int:
    """Opening brackets, and commas."""
    if not isinstance(value, (dict, list)):
        return 0
    below = list(value.values()) if isinstance(value, dict) else value
    return 1 + max(0, len(below) - 1) + sum(map(signs_of, below))


@settings(max_examples=600, deadline=None)
@given(mutated(), st.integers(1, 7), st.integers(1, 20))
def test_the_shape_of_what_is_well_formed_is_told_exactly(
    body: bytes, depth: int, most: int
) -> None:
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, Twice):
        return
    expected = signs_of(value) < most and depth_of(value) <= depth
    try:
        StrictJSON(depth, most).check_shape(body)
    except Refused as refused:
        assert not expected
        assert refused.reason in (TOO_DEEP, TOO_MANY)
    else:
        assert expected


@pytest.mark.parametrize("inside", [b"", b"[]", b"{}", b'"]]]]"', b'"{", "[", ","', b'{"a":[{}]}'])
@pytest.mark.parametrize("before", [b"", b"[],", b'"\\"]", ', b'[[[]]],{"}":1},'])
@pytest.mark.parametrize("depth", range(1, 12))
def test_depth_is_exact_whatever_stands_beside(inside: bytes, before: bytes, depth: int) -> None:
    body = (b"[" + before) * depth + inside + b"]" * depth
    body = re.sub(rb",\s*\]", b"]", body)  # where nothing is inside
    deep = depth_of(json.loads(body))
    StrictJSON(deep, 1000).check_shape(body)
    with pytest.raises(Refused) as refused:
        StrictJSON(deep - 1, 1000).check_shape(body)
    assert refused.value.reason is TOO_DEEP


def members_of(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(members_of, value.values()))
    return sum(map(members_of, value)) if isinstance(value, list) else 0


def values_of(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(values_of, value.values()))
    return len(value) + sum(map(values_of, value)) if isinstance(value, list) else 0


names = st.sampled_from(["a", "b", "items", "customer", "sku", "tags", "when"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)
lists_of_objects = st.fixed_dictionaries(
    {"items": st.lists(st.dictionaries(names, st.just(1), max_size=4), max_size=4)},
    optional={"a": st.just(1), "b": st.just([])},
)


@settings(max_examples=300, deadline=None)
@given(values)
def test_a_schema_never_counts_more_than_there_is(value: Any) -> None:
    """Else a lost member could be made up for by something else."""
    for schema in SCHEMAS:
        counts = counts_of(schema)
        assert counts.members(value) <= members_of(value)
        assert counts.values(value) <= values_of(value)


@settings(max_examples=1000, deadline=None)
@given(values | st.lists(values, max_size=4) | lists_of_objects, st.integers(0, 4))
def test_nor_does_it_of_what_is_valid(value: Any, lost: int) -> None:
    """As many as were written there are only where none was lost."""
    written = members_of(value) + lost
    for is_valid, counts in JUDGES:
        if is_valid(value):
            found = counts.members_if_valid(value, written)
            assert found <= written and (found < written or not lost)


@pytest.mark.parametrize("schema", NO_OBJECTS)
def test_what_may_be_something_else_is_looked_at(schema: Any) -> None:
    """A text of four letters makes up for four lost members."""
    items = [{"a": 1}, "four", [1, 2]]
    for value in (items, {"items": items}, [items], [[items]]):
        assert counts_of(schema).members_if_valid(value, 99) <= members_of(value)


@pytest.mark.parametrize(
    "change",
    [
        {"$schema": "https://example.com/a-dialect-without-types"},
        {"items": {"type": "object", "$schema": "https://example.com/another"}},
    ],
)
def test_a_dialect_of_ones_own_may_have_no_types(change: Any) -> None:
    assert counts_of(OBJECTS).members_if_valid(["four"], 4) == 4  # not asked: it is not valid
    assert counts_of({**OBJECTS, **change}).members_if_valid(["four"], 4) == 0


def test_what_has_what_it_must_and_no_more_is_not_counted() -> None:
    class Uncounted(dict):  # type: ignore[type-arg]
        def __len__(self) -> int:
            raise AssertionError("counted")

    counts = counts_of(LEAST[0])
    whole = {"items": [Uncounted(a=1, b=2), Uncounted(a=3, b=4)]}
    assert counts.members_if_valid(whole, 5) == 5
    for schema, item in zip(LEAST[1:6], [{}, {}, {}, None, 1], strict=True):
        value = {"items": [item, item]}
        assert judge_of(schema)(value)
        assert counts_of(schema).members_if_valid(value, 5) == 1


def test_what_follows_its_schema_is_counted_whole() -> None:
    value = {
        "customer": {"a": {"items": [{"sku": "a", "tags": ["b"]}, None]}},
        "items": [{"sku": "a"}, {"sku": "b", "tags": [1, 2]}],
        "a": [{"b": 1}],
        "when": "now",
    }
    counts = counts_of(ORDER)
    assert counts.members(value) == members_of(value) == 12
    assert counts.values(value) == values_of(value) == 20


@pytest.mark.parametrize(
    "body",
    [
        b'{"items":[{"sku":"a"},{"sku":"b"}],"n":"a, b"}',
        b'{"when":"2026-01-01T10:00:00Z","items":[{"sku":"a"}]}',
        b'{"customer" : {"a": {}}}',
    ],
)
def test_a_body_that_is_as_expected_is_not_written_out_again(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: Any) -> None:
        raise AssertionError("the long way")

    monkeypatch.setattr(_json, "has_all_names", never)
    assert PLAIN.knowing(ORDER, judge_of(ORDER), lambda value, body: ())(body) == json.loads(body)


def test_alternatives_without_end_are_no_hint() -> None:
    """Two references in each of twenty definitions would be a million places."""
    several = {
        f"d{n}": {
            "properties": {
                "a": {"$ref": f"#/$defs/d{n + 1}"},
                "b": {"$ref": f"#/$defs/d{n + 1}"},
            }
        }
        for n in range(20)
    }
    counts = counts_of({"$ref": "#/$defs/d0", "$defs": several})
    assert counts.members({"a": {"a": 1}, "b": 2}) <= 3


def test_what_is_deeper_than_any_stack_allows_is_no_hint() -> None:
    """Each level is a call: a thread under musl has 128 KiB."""
    counts = counts_of({"properties": {"a": {"$ref": "#"}}})
    value: Any = {}
    for _ in range(10_000):
        value = {"a": value}
    assert counts.members(value) == 17
    while value:  # CPython would recurse to free it at once
        value = value.pop("a")
