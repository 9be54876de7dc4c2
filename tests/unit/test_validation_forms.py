"""Forms and JSON Lines: one reading for each, and the schema in force."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall import BodyValidation
from validation_support import ORDER, ask

FORM = ("content-type", "application/x-www-form-urlencoded")
LINES = ("content-type", "application/jsonl")
INTERFACES = ("asgi", "wsgi")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "minLength": 1},
        "quantity": {"type": "integer"},
        "price": {"type": "number"},
        "gift": {"type": "boolean"},
        "code": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "flags": {"$ref": "#/$defs/flags"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
    "$defs": {
        "line": {"type": "object", "required": ["sku"]},
        "flags": {"type": "array", "items": {"type": ["integer", "string"]}},
    },
    "required": ["item"],
    "additionalProperties": False,
}
LAYER = BodyValidation({"POST /v1/orders": SCHEMA}, media_types=[FORM[1]])


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_form_becomes_what_its_schema_expects(interface: str) -> None:
    body = urlencode(
        [
            ("item", "grüner tee & mehr"),
            ("quantity", "3"),
            ("price", "1.5"),
            ("gift", "true"),
            ("code", "07"),
            ("flags", "1"),
            ("flags", "x"),
            ("tags", "a"),
            ("tags", "b"),
            ("lines", '{"sku": "x"}'),
            ("address", '{"city": "Ulm"}'),
        ]
    ).encode()
    answer = ask(LAYER, interface, body, headers=[FORM])
    assert answer.seen == body
    assert answer.value == {
        "item": "grüner tee & mehr",
        "quantity": 3,
        "price": 1.5,
        "gift": True,
        "code": "07",
        "flags": [1, "x"],
        "tags": ["a", "b"],
        "lines": [{"sku": "x"}],
        "address": {"city": "Ulm"},
    }


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"item=a&item=b", 400, "duplicate-field"),
        (b"item=a&%69tem=b", 400, "duplicate-field"),
        (b"item=a&_charset_=utf-7", 400, "bad-field"),
        (b"item", 400, "malformed-form"),
        (b"item=a&", 400, "malformed-form"),
        (b"item=%", 400, "malformed-form"),
        (b"item=%zz", 400, "malformed-form"),
        (b"item=%ff", 400, "malformed-form"),
        (b"item=%c0%af", 400, "malformed-form"),
        (b"item=%00", 400, "malformed-form"),
        (b"item=\xc3\xa4", 400, "malformed-form"),
        (b"&".join([b"a=1"] * 1001), 400, "too-many-fields"),
        (b"", 422, "invalid-body"),
        (b"item=", 422, "invalid-body"),
        (b"item=a&quantity=%2B7", 422, "invalid-body"),
        (b"item=a&quantity=07", 422, "invalid-body"),
        (b"item=a&quantity=1_0", 422, "invalid-body"),
        (b"item=a&gift=1", 422, "invalid-body"),
        (b"item=a&price=NaN", 422, "invalid-body"),
        (b"item=a&tags=c", 422, "invalid-body"),
        (b"item=a&lines=x", 422, "invalid-body"),
        (b"item=a&lines=%7B%7D", 422, "invalid-body"),
        (b"item=a&address=%7B%22city%22%3A1%2C%22city%22%3A%22b%22%7D", 422, "invalid-body"),
        (b"item=a&is_admin=true", 422, "invalid-body"),
        (b"item=a&__proto__=x", 422, "invalid-body"),
        (b"item=a;b=c&b=d", 400, "malformed-form"),
    ],
)
def test_a_form_is_refused(interface: str, body: bytes, status: int, code: str) -> None:
    answer = ask(LAYER, interface, body, headers=[FORM])
    assert answer.refused(status, code)
    assert b"is_admin" not in answer.body


def test_json_in_a_form_is_no_form() -> None:
    answer = ask(LAYER, "asgi", b'{"item": "a"}', headers=[FORM])
    assert answer.refused(400, "malformed-form")


def test_a_form_where_json_is_declared_is_415() -> None:
    layer = BodyValidation({"POST /v1/orders": SCHEMA})
    assert ask(layer, "wsgi", b"item=a", headers=[FORM]).refused(415, "unsupported-media-type")


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
)
def test_what_a_browser_writes_is_what_is_read(fields: dict[str, str]) -> None:
    layer = BodyValidation({"POST /v1/orders": {"type": "object"}}, media_types=[FORM[1]])
    answer = ask(layer, "wsgi", urlencode(fields).encode(), headers=[FORM])
    if any("\0" in text for pair in fields.items() for text in pair) or "_charset_" in fields:
        assert answer.status == 400
    else:
        assert answer.value == fields


@given(st.binary(max_size=60))
def test_no_bytes_crash_a_form(body: bytes) -> None:
    assert ask(LAYER, "wsgi", body, headers=[FORM]).status in (200, 400, 422)


LINES_LAYER = BodyValidation(
    {"POST /v1/orders": ORDER}, media_types=["application/jsonl", "application/x-ndjson"],
    max_values=30, max_depth=5,
)  # fmt: skip
LINE = b'{"item": "kettle", "quantity": 1}'


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("body", [LINE, LINE + b"\n", LINE + b"\r\n" + LINE, LINE + b"\n" + LINE])
def test_each_line_is_judged(interface: str, body: bytes) -> None:
    answer = ask(LINES_LAYER, interface, body, headers=[LINES])
    assert answer.value == [{"item": "kettle", "quantity": 1}] * body.count(b"kettle")
    assert answer.seen == body


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty-body"),
        (b"\n\n", 400, "empty-body"),
        (LINE + b"\n\n" + LINE, 400, "malformed-json"),
        (b"[1\n2]", 400, "malformed-json"),
        (b"1,2\n3", 400, "malformed-json"),
        (b"]\n[", 400, "malformed-json"),
        (LINE + b' {"item": "x"}', 400, "malformed-json"),
        (b'{"item": "a", "item": "b", "quantity": 1}', 400, "duplicate-name"),
        (b"[" * 6 + b"]" * 6, 400, "too-deep"),
        (b"\n".join([b"1"] * 40), 400, "too-many-values"),
        (b"\n".join([b"[[],[],[],[]]"] * 9), 400, "too-many-values"),
        (b"\xff\xfe1\0", 400, "malformed-json"),
        (LINE + b'\n{"item": "x"}', 422, "invalid-body"),
        (b"\n".join([b"0"] * 25), 422, "invalid-body"),
    ],
)
def test_lines_are_refused(interface: str, body: bytes, status: int, code: str) -> None:
    answer = ask(LINES_LAYER, interface, body, headers=[LINES])
    assert answer.refused(status, code)
    if status == 422:
        errors = answer.problem["errors"]
        assert len(errors) <= 20
        assert errors[0]["pointer"] == ("#/1" if b"kettle" in body else "#/0")
