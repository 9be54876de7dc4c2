"""Texts in JSON as the numbers and booleans that the schema wants, by option."""

from __future__ import annotations

import gzip
import json
from typing import Any

import msgspec
import pytest

from openapi_support import layer_of
from ringwall import BodyValidation
from validation_support import JSON, ask

interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
INTEGER, NUMBER, BOOLEAN = ({"type": kind} for kind in ("integer", "number", "boolean"))
ORDER = {
    "type": "object",
    "properties": {
        "size": INTEGER,
        "price": NUMBER,
        "paid": BOOLEAN,
        "name": {"type": "string"},
        "open": {},
        "both": {"type": ["string", "integer"]},
        "maybe": {"anyOf": [INTEGER, {"type": "null"}]},
        "nullable": {"type": ["integer", "null"]},
        "rated": {"enum": [1, 2, 3]},
        "fixed": {"const": True},
        "either": {"oneOf": [INTEGER, BOOLEAN]},
        "limited": {"allOf": [INTEGER, {"maximum": 9}]},
        "parts": {"oneOf": [{"$ref": "#/$defs/order"}, {"type": "null"}]},
        "alternatives": {"anyOf": [{"properties": {"x": INTEGER}}, {"properties": {"x": NUMBER}}]},
        "list": {"type": "array", "items": INTEGER},
        "pair": {"prefixItems": [INTEGER, BOOLEAN], "items": NUMBER},
        "map": {"properties": {"a": True}, "additionalProperties": NUMBER},
        "patterned": {"patternProperties": {"^x": True}, "additionalProperties": INTEGER},
        "tree": {"$ref": "#/$defs/tree"},
        "far": {"$ref": "urn:far"},
        "none": {"type": "null"},
    },
    "$defs": {
        "order": {"properties": {"size": INTEGER}},
        "tree": {"properties": {"n": INTEGER, "kids": {"items": {"$ref": "#/$defs/tree"}}}},
    },
}
LAYER = BodyValidation(
    {"POST /v1/orders": ORDER}, coerce=True, resources={"urn:far": {"type": "integer"}}
)


@interfaces
@pytest.mark.parametrize(
    ("sent", "handed"),
    [
        ({"size": "7"}, {"size": 7}),
        ({"size": "-7"}, {"size": -7}),
        ({"size": "9" * 300}, {"size": int("9" * 300)}),
        ({"price": "7"}, {"price": 7}),
        ({"price": "-1.5e3"}, {"price": -1500.0}),
        ({"paid": "true"}, {"paid": True}),
        ({"paid": "false", "size": 1}, {"paid": False, "size": 1}),
        ({"maybe": "7"}, {"maybe": 7}),
        ({"nullable": "7"}, {"nullable": 7}),
        ({"rated": "2"}, {"rated": 2}),
        ({"fixed": "true"}, {"fixed": True}),
        ({"either": "7"}, {"either": 7}),
        ({"either": "true"}, {"either": True}),
        ({"limited": "7"}, {"limited": 7}),
        ({"parts": {"size": "7"}}, {"parts": {"size": 7}}),
        ({"list": ["1", 2, "3"]}, {"list": [1, 2, 3]}),
        ({"pair": ["1", "true", "2.5"]}, {"pair": [1, True, 2.5]}),
        ({"map": {"a": "1", "b": "1"}}, {"map": {"a": "1", "b": 1}}),
        ({"tree": {"kids": [{"n": "1", "kids": []}]}}, {"tree": {"kids": [{"n": 1, "kids": []}]}}),
        ({"name": "7", "open": "7", "both": "7", "size": "7"},
         {"name": "7", "open": "7", "both": "7", "size": 7}),
    ],
)  # fmt: skip
def test_a_text_becomes_what_the_schema_wants(interface: str, sent: Any, handed: Any) -> None:
    """In the value that is handed over, and in the bytes that the app reads."""
    answer = ask(LAYER, interface, json.dumps(sent).encode())
    assert answer.called, answer
    assert answer.value == json.loads(answer.seen) == handed
    assert repr(answer.value) == repr(handed)  # 1 is not True


@interfaces
@pytest.mark.parametrize(
    "sent",
    [
        b'{"size": 7,  "name": "7", "price": 1.10}',
        b'{"name": "true", "open": "7", "both": "7"}',
        b'{"patterned": {"xa": "7"}}',
        b'{"unknown": "7", "size": 1.0}',
    ],
)
def test_where_nothing_changes_the_app_gets_the_same_bytes(interface: str, sent: bytes) -> None:
    assert ask(LAYER, interface, sent).seen == sent


@interfaces
@pytest.mark.parametrize(
    "sent",
    [
        *({"size": text} for text in ("+7", "07", " 7", "7 ", "7.0", "7e0", "", "0x7", "7_0")),
        *({"size": text} for text in ("\u0667", "\uff17", "7\n", "7\0")),
        *({"size": text} for text in ("true", "null", "-0", "9" * 400)),
        *({"price": text} for text in ("NaN", "Infinity", "1e999", ".5", "5.", "1,5", "1" * 500)),
        *({"paid": text} for text in ("True", "1", "0", "yes", "on", "")),
        *({"paid": 1}, {"size": True}, {"size": None}, {"name": 7}, {"name": True}),
        *({"none": "null"}, {"maybe": "null"}, {"nullable": "null"}, {"fixed": "false"}),
        *({"limited": "10"}, {"rated": "4"}, {"list": "1"}, {"list": ["a"]}, {"list": {"0": "1"}}),
        *({"alternatives": {"x": "1"}}, {"far": "1"}, {"patterned": {"a": "7"}}),
        *({"size": ["7"]}, {"size": {"7": "7"}}),
    ],
)  # fmt: skip
def test_what_is_spelled_otherwise_is_refused(interface: str, sent: Any) -> None:
    assert ask(LAYER, interface, json.dumps(sent).encode()).refused(422, "invalid-body")


@interfaces
def test_it_is_off_by_default(interface: str) -> None:
    layer = BodyValidation({"POST /v1/orders": {"properties": {"size": INTEGER}}})
    assert ask(layer, interface, b'{"size": "7"}').refused(422, "invalid-body")


@interfaces
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b'{"size": "7", "size": "8"}', 400),
        (b'{"size": "7"', 400),
        (b'{"price": NaN, "size": "7"}', 400),
        (b"[" * 70 + b'"7"' + b"]" * 70, 400),
        (b'{"a": "\xff", "size": "7"}', 400),
        (b"", 400),
    ],
)
def test_json_stays_strict(interface: str, sent: bytes, status: int) -> None:
    answer = ask(LAYER, interface, sent)
    assert (answer.status, answer.called) == (status, False)


@interfaces
def test_no_number_beside_it_loses_a_digit(interface: str) -> None:
    sent = (
        b'{"size":"7","price":0.1000000000000000055511151231257827,'
        b'"open":[1e2,1E-7,12345678901234567890123]}'
    )
    seen = ask(LAYER, interface, sent).seen
    assert seen == sent.replace(b'"7"', b"7").replace(b"1e2", b"1E+2")
    exact = b'{"price":"0.1000000000000000055511151231257827"}'
    assert ask(LAYER, interface, exact).seen == exact.replace(b':"', b":").replace(b'"}', b"}")


@interfaces
def test_other_rules_judge_the_number(interface: str) -> None:
    layer = BodyValidation({"POST /v1/orders": ORDER}, coerce=True, ijson_numbers=True,
                           resources={"urn:far": True})  # fmt: skip
    assert ask(layer, interface, b'{"size": "9007199254740993"}').refused(400, "inexact-number")
    assert ask(layer, interface, b'{"size": "9007199254740991"}').called


class Model(msgspec.Struct):
    size: int
    paid: bool = False


@interfaces
def test_a_model_gets_the_number(interface: str) -> None:
    layer = BodyValidation({"POST /v1/orders": Model}, coerce=True)
    assert ask(layer, interface, b'{"size": "7", "paid": "true"}').value == Model(7, True)


@interfaces
def test_from_a_document_behind_a_coding_and_with_defaults(interface: str) -> None:
    item = {"properties": {"n": INTEGER, "id": {**INTEGER, "readOnly": True}, "d": {"default": 1}}}
    layer = layer_of(
        {"$ref": "#/components/schemas/Item"},
        schemas={"Item": item},
        coerce=True,
        defaults=True,
        codings=["gzip"],
    )
    headers = [JSON, ("content-encoding", "gzip")]
    answer = ask(layer, interface, gzip.compress(b'{"n": "7"}'), path="/x", headers=headers)
    assert (answer.seen, answer.value) == (b'{"n":7}', {"n": 7, "d": 1})
    assert ask(layer, interface, b'{"id": "7"}', path="/x").refused(422, "invalid-body")


@interfaces
def test_first_items_of_an_older_dialect(interface: str) -> None:
    schema = {"items": [INTEGER], "additionalItems": BOOLEAN}
    layer = BodyValidation({"POST /v1/orders": schema}, coerce=True, dialect="draft-07")
    assert ask(layer, interface, b'["1", "true"]').value == [1, True]
    assert ask(layer, interface, b'["1", "2"]').refused(422, "invalid-body")


@interfaces
def test_a_text_alone(interface: str) -> None:
    layer = BodyValidation({"POST /v1/orders": INTEGER}, coerce=True)
    assert ask(layer, interface, b'"7"').seen == b"7"


@interfaces
def test_an_optional_body_may_be_missing(interface: str) -> None:
    layer = layer_of({"type": "integer"}, coerce=True, required=False)
    assert ask(layer, interface, b"", path="/x", headers=[]).called


@interfaces
def test_so_it_may_where_the_header_says_otherwise(interface: str) -> None:
    layer = layer_of({"type": "integer"}, coerce=True, required=False)
    kind = [("content-type", 'application/json; charset="utf-8"')]
    answer = ask(layer, interface, b"", path="/x", headers=kind)
    assert answer.called
    assert answer.seen == b""
