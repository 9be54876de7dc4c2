"""JSON Patch: operations that stay within what the resource declares."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ringwall import BodyValidation, ConfigurationError
from validation_support import ask, vectors

PATCH = ("content-type", "application/json-patch+json")
INTERFACES = ("asgi", "wsgi")
RESOURCE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "maxLength": 10},
        "nick": {"type": "string", "maxLength": 10},
        "password": {"type": "string", "writeOnly": True},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "pair": {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        "a/b": {"type": "integer"},
        "m~n": {"type": "integer"},
        "locked": {"readOnly": True, "properties": {"by": {"type": "string"}}},
        "login": {"writeOnly": True, "properties": {"pin": {"type": "string"}}},
        "marks": {"additionalProperties": {"type": "string", "readOnly": True}},
        "log": {"type": "array", "items": {"type": "string", "readOnly": True}},
        "labels": {"additionalProperties": {"type": "string"}},
        "open": {"additionalProperties": True},
        "elsewhere": {"$ref": "urn:x"},
        "either": {"oneOf": [{"properties": {"x": {"type": "integer"}}}, {"$ref": "#/$defs/y"}]},
    },
    "$defs": {"tag": {"type": "string", "maxLength": 5}, "y": {"properties": {"y": True}}},
    "required": ["name"],
    "additionalProperties": False,
}
LAYER = BodyValidation(
    {"PATCH /v1/orders": RESOURCE},
    media_types=[PATCH[1]],
    resources={"urn:x": {"properties": {"x": True}}},
)
NAME, NICK, TAG = "/name", "/nick", "/tags/0"


def send(operations: Any, interface: str = "asgi", layer: BodyValidation = LAYER) -> Any:
    body = json.dumps(operations).encode()
    return ask(layer, interface, body, method="PATCH", headers=[PATCH])


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": NAME, "value": "x"},
        {"op": "add", "path": "/tags/-", "value": "x"},
        {"op": "add", "path": TAG, "value": "x"},
        {"op": "remove", "path": NICK},
        {"op": "remove", "path": TAG},
        {"op": "test", "path": "/id", "value": 7},
        {"op": "test", "path": "/locked/by", "value": "me"},
        {"op": "copy", "from": "/tags/0", "path": "/tags/-"},
        {"op": "move", "from": "/tags/0", "path": "/tags/1"},
        {"op": "add", "path": "/a~1b", "value": 1},
        {"op": "add", "path": "/m~0n", "value": 1},
        {"op": "add", "path": "/pair/0", "value": 1},
        {"op": "add", "path": "/labels/anything", "value": "x"},
        {"op": "add", "path": "/either/x", "value": 1},
        {"op": "add", "path": "/either/y", "value": None},
        {"op": "add", "path": "/password", "value": "x"},
        {"op": "add", "path": "/login/pin", "value": "x"},
        {"op": "remove", "path": "/login/pin"},
        {"op": "add", "path": "/log", "value": []},
        {"op": "replace", "path": "", "value": {"name": "x"}},
        {"op": "replace", "path": NAME, "value": "x", "comment": "ignored, as RFC 6902 says"},
    ],
)
def test_an_operation_within_the_resource_passes(interface: str, operation: dict[str, Any]) -> None:
    answer = send([operation], interface)
    assert answer.status == 200, answer.body
    assert answer.value == [operation]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "add", "path": "/is_admin", "value": True}, "path"),
        ({"op": "add", "path": "/__proto__/x", "value": True}, "path"),
        ({"op": "add", "path": "/name/x", "value": True}, "path"),
        ({"op": "add", "path": "/open/x", "value": True}, "path"),
        ({"op": "add", "path": "/tags/01", "value": "x"}, "path"),
        ({"op": "add", "path": "/tags/+1", "value": "x"}, "path"),
        ({"op": "add", "path": "/tags/\u0661", "value": "x"}, "path"),
        ({"op": "add", "path": "/name/0", "value": "x"}, "path"),
        ({"op": "add", "path": "/pair/2", "value": "x"}, "path"),
        ({"op": "add", "path": "/a/b", "value": 1}, "path"),
        ({"op": "add", "path": "/" * 70, "value": 1}, "path"),
        ({"op": "replace", "path": "/id", "value": 1}, "read-only"),
        ({"op": "remove", "path": "/id"}, "read-only"),
        ({"op": "move", "from": "/id", "path": NICK}, "read-only"),
        ({"op": "copy", "from": NICK, "path": "/id"}, "read-only"),
        ({"op": "replace", "path": "/locked/by", "value": "me"}, "read-only"),
        ({"op": "remove", "path": NAME}, "required"),
        ({"op": "move", "from": NAME, "path": NICK}, "required"),
        ({"op": "remove", "path": ""}, "required"),
        ({"op": "test", "path": "/password", "value": "a guess"}, "write-only"),
        ({"op": "copy", "from": "/password", "path": NICK}, "write-only"),
        ({"op": "test", "path": "/login/pin", "value": "a guess"}, "write-only"),
        ({"op": "copy", "from": "/login/pin", "path": "/login/pin"}, "write-only"),
        ({"op": "replace", "path": "/marks/role", "value": "admin"}, "read-only"),
        ({"op": "replace", "path": "/marks", "value": {"role": "admin"}}, "schema"),
        ({"op": "add", "path": "/log/-", "value": "mine"}, "read-only"),
        ({"op": "replace", "path": "/log", "value": ["mine"]}, "schema"),
        ({"op": "copy", "from": NICK, "path": "/tags/-"}, "schema"),
        ({"op": "replace", "path": NAME, "value": "x" * 11}, "schema"),
        ({"op": "replace", "path": NAME, "value": None}, "schema"),
        ({"op": "add", "path": "/elsewhere/x", "value": 1}, "path"),
        ({"op": "replace", "path": "", "value": {"name": "x", "is_admin": True}}, "schema"),
        ({"op": "replace", "path": NAME}, "required"),
        ({"op": "copy", "path": NAME}, "required"),
        ({"op": "replace", "path": "name", "value": "x"}, "pointer"),
        ({"op": "replace", "path": "/na~2me", "value": "x"}, "pointer"),
        ({"op": "replace", "path": "/name~", "value": "x"}, "pointer"),
        ({"op": "replace", "path": 7, "value": "x"}, "pointer"),
        ({"op": "Replace", "path": NAME, "value": "x"}, "operation"),
        ({"op": ["replace"], "path": NAME, "value": "x"}, "operation"),
        ({"path": NAME, "value": "x"}, "operation"),
        ("replace", "operation"),
    ],
)
def test_an_operation_that_leaves_it_is_refused(interface: str, operation: Any, code: str) -> None:
    answer = send([{"op": "test", "path": NAME, "value": "a"}, operation], interface)
    assert answer.refused(422, "invalid-body")
    (error,) = answer.problem["errors"]
    assert error["code"] == code
    assert error["pointer"].startswith("#/1")
    assert b"is_admin" not in answer.body


def test_what_is_hidden_moves_only_where_it_is_hidden() -> None:
    """Where a schema refers to itself, the same one applies inside of it and outside."""
    node = {
        "properties": {
            "name": {"type": "string"},
            "shown": {"$ref": "#/$defs/node"},
            "hidden": {"$ref": "#/$defs/node", "writeOnly": True},
        }
    }
    schema = {"type": "object", "properties": {"node": {"$ref": "#/$defs/node"}}}
    layer = BodyValidation(
        {"PATCH /v1/orders": {**schema, "$defs": {"node": node}}}, media_types=[PATCH[1]]
    )
    for op, source, target, passes in (
        ("move", "/node/shown/name", "/node/name", True),
        ("move", "/node/hidden/name", "/node/hidden/shown/name", True),
        ("move", "/node/name", "/node/hidden/name", True),
        ("move", "/node/hidden/name", "/node/name", False),
        ("move", "/node/hidden/shown/name", "/node/shown/name", False),
        ("copy", "/node/hidden/name", "/node/name", False),
    ):
        answer = send([{"op": op, "from": source, "path": target}], layer=layer)
        assert answer.called is passes, (op, source, target)
        if not passes:
            assert answer.problem["errors"][0]["code"] == "write-only"
    into_itself = {"op": "move", "from": "/node/shown", "path": "/node/shown/shown"}
    answer = send([into_itself], layer=layer)
    assert not answer.called
    assert answer.problem["errors"][0]["code"] == "path"
    beside = {"op": "move", "from": "/node/shown", "path": "/node/shown2"}
    assert send([beside], layer=layer).problem["errors"][0]["detail"] != "Leads into what is moved."


def test_a_reference_that_leads_nowhere_is_told_at_once() -> None:
    schema = {"properties": {"name": {"$ref": "#/$defs/gone"}}}
    with pytest.raises(ConfigurationError, match="the schema for PATCH /v1/orders"):
        BodyValidation({"PATCH /v1/orders": schema}, media_types=[PATCH[1]])


def test_no_more_errors_than_can_be_read() -> None:
    answer = send([{"op": "remove", "path": "/id"}] * 50)
    assert len(answer.problem["errors"]) == 20


@pytest.mark.parametrize("schema", [True, {"type": "array", "maxItems": 1}])
def test_a_schema_of_the_document_judges_the_document(schema: Any) -> None:
    layer = BodyValidation({"PATCH /v1/orders": schema}, media_types=[PATCH[1]])
    assert send([{"op": "add", "path": "/x", "value": 1}], layer=layer).status == 200
    assert not send([{"op": "add", "path": "x", "value": 1}], layer=layer).called
    assert send([{"op": "add", "path": "/x" * 64, "value": 1}], layer=layer).status == 200
    assert not send([{"op": "add", "path": "/x" * 65, "value": 1}], layer=layer).called
    assert not send({"op": "add"}, layer=layer).called
    assert not send(7, layer=layer).called


def test_the_vectors_of_json_patch_are_well_formed_or_refused() -> None:
    layer = BodyValidation({"PATCH /v1/orders": True}, media_types=[PATCH[1]])
    malformed = passed = 0
    for name in ("tests.json", "spec_tests.json"):
        for case in json.loads((vectors("json-patch") / name).read_text("utf-8")):
            patch = case.get("patch")
            if not isinstance(patch, list):
                continue
            answer = send(patch, layer=layer)
            assert answer.status in (200, 422)
            if "expected" in case:
                assert answer.status == 200, case
                passed += 1
            malformed += answer.status == 422
    assert passed > 50
    assert malformed == 10


def test_a_path_is_followed_in_linear_time() -> None:
    """Both alternatives lead on: were they kept apart, each step would double them."""
    branch = {"properties": {"n": {"$ref": "#/$defs/t"}, "m": {"$ref": "#/$defs/t"}}}
    tree = {"anyOf": [branch, dict(branch)]}
    schema = {"type": "object", "properties": {"n": {"$ref": "#/$defs/t"}}, "$defs": {"t": tree}}
    layer = BodyValidation({"PATCH /v1/orders": schema}, media_types=[PATCH[1]])
    for path in ("/n" * 63, "/n" + "/m" * 62):
        assert send([{"op": "add", "path": path, "value": {}}], layer=layer).called
        assert send([{"op": "add", "path": path + "/x", "value": 1}], layer=layer).status == 422


def test_places_that_were_found_once_are_told_apart() -> None:
    items = {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "null"}}
    schema = {
        "type": "object",
        "properties": {
            "list": items,
            "map": {
                "properties": {"0": {"type": "integer"}},
                "required": ["a"],
                "additionalProperties": {"type": "string"},
            },
        },
    }
    layer = BodyValidation({"PATCH /v1/orders": schema}, media_types=[PATCH[1]])
    good = [("/list/0", 1), ("/list/1", "a"), ("/list/2", None), ("/list/77", None)]
    good += [("/list/-", None), ("/map/0", 1), ("/map/1", "a"), ("/map/a", "b"), ("/map/c", "d")]
    for path, value in [*good, *good[::-1]]:
        assert send([{"op": "add", "path": path, "value": value}], layer=layer).called
        wrong = {"op": "add", "path": path, "value": [value]}
        assert send([wrong], layer=layer).status == 422
    assert send([{"op": "remove", "path": "/map/c"}], layer=layer).called
    assert send([{"op": "remove", "path": "/map/a"}], layer=layer).status == 422
    assert send([{"op": "remove", "path": "/map/b"}], layer=layer).called


def test_a_path_deeper_than_any_value_leads_nowhere() -> None:
    assert send([{"op": "add", "path": "/open" * 65, "value": 1}]).status == 422


PARENT = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "account": {
            "type": "object",
            "properties": {
                "id": {"$ref": "#/$defs/id"},
                "name": {"type": "string"},
                "password": {"type": "string", "writeOnly": True},
            },
            "required": ["id", "name"],
        },
        "several": {"items": {"allOf": [{"properties": {"id": {"readOnly": True}}}]}},
    },
    "$defs": {"id": {"type": "integer", "readOnly": True}},
}


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("operation", "passes"),
    [
        ({"op": "replace", "path": "/account", "value": {"id": 7, "name": "a"}}, False),
        ({"op": "replace", "path": "/account", "value": {"name": "a"}}, True),
        ({"op": "replace", "path": "/account", "value": {"name": "a", "password": "b"}}, True),
        ({"op": "replace", "path": "/account", "value": {}}, False),
        ({"op": "replace", "path": "", "value": {"account": {"id": 7, "name": "a"}}}, False),
        ({"op": "add", "path": "", "value": {"several": [{"id": 7}]}}, False),
        ({"op": "add", "path": "/several/-", "value": {"id": 7}}, False),
        ({"op": "add", "path": "/several/-", "value": {"x": 7}}, True),
        ({"op": "test", "path": "/account", "value": {"id": 7, "name": "a"}}, True),
        (
            {"op": "test", "path": "/account", "value": {"id": 7, "name": "a", "password": ""}},
            False,
        ),
        ({"op": "test", "path": "", "value": {"account": {"id": 7, "password": ""}}}, False),
    ],
)
def test_what_holds_a_property_is_no_way_around_it(
    interface: str, operation: dict[str, Any], passes: bool
) -> None:
    """Neither to write what is only to be read, nor to guess at what is only to be written."""
    layer = BodyValidation({"PATCH /v1/orders": PARENT}, media_types=[PATCH[1]])
    answer = send([operation], interface, layer)
    assert answer.called if passes else answer.refused(422, "invalid-body")


ACCOUNT = {"type": "object", "properties": {"id": {"$ref": "#/$defs/id"}, "name": {}}}
TWINS = {
    "type": "object",
    "properties": {
        "one": {"$ref": "#/$defs/account"},
        "two": {"$ref": "#/$defs/account"},
        "list": {"type": "array", "items": {"$ref": "#/$defs/account"}},
        "map": {"additionalProperties": {"$ref": "#/$defs/account"}},
        "either": {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/$defs/account"}},
                {"additionalProperties": {"$ref": "#/$defs/account"}},
            ]
        },
        "far": {"type": "array", "items": {"$ref": "#/$defs/far"}},
        "bare": {"items": {"$ref": "#/$defs/tag"}},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
    },
    "$defs": {
        "id": {"type": "integer", "readOnly": True},
        "account": {"allOf": [ACCOUNT]},
        "far": {"properties": {"x": {"$ref": "urn:x"}, "y": {"$dynamicRef": "urn:x"}}},
        "tag": {"type": "object", "properties": {"sub": {"$ref": "#/$defs/tag"}}},
    },
}


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("source", "target", "copied", "moved"),
    [
        ("/one", "/two", False, False),
        ("/one/name", "/two/name", True, True),
        ("/one/id", "/two/id", False, False),
        ("/list/0", "/list/1", False, True),
        ("/list/0", "/list/-", False, True),
        ("/map/0", "/map/1", False, False),  # names, not indexes
        ("/either/0", "/either/1", False, False),  # perhaps names
        ("/list/0", "/one", False, False),
        ("/far/0", "/far/1", False, True),
        ("/tags/0", "/tags/1", True, True),
        ("/tags/0/sub", "/tags/1/sub", True, True),
        ("/bare/0", "/bare/1", True, True),
        ("", "", False, False),
    ],
)
def test_no_copy_writes_what_is_only_to_be_read(
    interface: str, source: str, target: str, copied: bool, moved: bool
) -> None:
    """`/two/id` would become that of `/one`; a copy in a list would have an id of the client's."""
    layer = BodyValidation(
        {"PATCH /v1/orders": TWINS}, media_types=[PATCH[1]], resources={"urn:x": {}}
    )
    for kind, passes in (("copy", copied), ("move", moved)):
        answer = send([{"op": kind, "from": source, "path": target}], interface, layer)
        assert answer.called if passes else answer.refused(422, "invalid-body"), kind
        if not passes:
            (error,) = answer.problem["errors"]
            assert error["code"] in ("read-only", "required", "schema")
