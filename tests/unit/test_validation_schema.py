"""JSON Schema: what the engine must decide, what it must never fetch, what it may say."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall import BodyValidation, ConfigurationError
from ringwall.validation._explain import MOST_ERRORS, UNEXPLAINED, explain, pointer
from ringwall.validation._schema import Schema
from ringwall.validation._walk import is_recursive, known_names, subschemas
from validation_support import ORDER, ask, vectors


def errors_of(schema: Any, value: Any, **options: Any) -> tuple[dict[str, str], ...]:
    compiled = Schema(schema, "POST /", **options)
    assert not compiled.is_valid(value)
    return compiled.errors(value, json.dumps(value).encode())


# The official suite

SUITE = {"draft2020-12": "2020-12", "draft7": "draft-07"}


def remotes(draft: str) -> dict[str, Any]:
    """The suite's remote documents, as it wants them: as if at http://localhost:1234/."""
    root = vectors("JSON-Schema-Test-Suite") / "remotes"
    others = {"draft2019-09", "draft2020-12", "draft3", "draft4", "draft6", "draft7", "v1"} - {
        draft,
        "draft2019-09" if draft == "draft2020-12" else draft,
    }
    found = {}
    for file in sorted(root.rglob("*.json")):
        name = file.relative_to(root)
        if name.parts[0] not in others:
            found[f"http://localhost:1234/{name.as_posix()}"] = json.loads(file.read_text("utf-8"))
    return found


def cases(draft: str, folder: str = "") -> Iterator[tuple[str, Any, Any, bool]]:
    root = vectors("JSON-Schema-Test-Suite") / "tests" / draft / folder
    for file in sorted(root.glob("*.json")):
        for group in json.loads(file.read_text("utf-8")):
            for test in group["tests"]:
                name = f"{file.stem}: {group['description']}: {test['description']}"
                yield name, group["schema"], test["data"], test["valid"]


def judge_suite(draft: str, folder: str, formats: bool) -> tuple[int, list[str]]:
    documents, compiled = remotes(draft), {}
    right, wrong = 0, []
    for name, schema, data, valid in cases(draft, folder):
        key = json.dumps(schema)
        if key not in compiled:
            compiled[key] = Schema(
                schema,
                "POST /",
                dialect=SUITE[draft],
                resources=documents,
                formats=formats,
                lenient=True,  # the suite tests that unknown formats are ignored
            )
        if compiled[key].is_valid(data) == valid:
            right += 1
        else:
            wrong.append(name)
        if not compiled[key].is_valid(data):
            assert compiled[key].errors(data, json.dumps(data).encode())
    return right, wrong


@pytest.mark.parametrize(("draft", "most"), [("draft2020-12", 1299), ("draft7", 927)])
def test_every_required_test_of_the_official_suite(draft: str, most: int) -> None:
    right, wrong = judge_suite(draft, "", formats=False)
    assert wrong == []
    assert right >= most


@pytest.mark.parametrize(("draft", "most"), [("draft2020-12", 764), ("draft7", 600)])
def test_every_format_test_of_the_official_suite(draft: str, most: int) -> None:
    right, wrong = judge_suite(draft, "optional/format", formats=True)
    assert wrong == []
    assert right >= most


def test_required_tests_through_the_layer_and_its_parser() -> None:
    """The same verdicts for the bytes of a body, 415 and 400 apart."""
    documents = remotes("draft2020-12")
    layers: dict[str, BodyValidation] = {}
    for name, schema, data, valid in cases("draft2020-12"):
        key = json.dumps(schema)
        if key not in layers:
            layers[key] = BodyValidation(
                {"POST /v1/orders": schema}, resources=documents, formats=False
            )
        answer = ask(layers[key], "wsgi", json.dumps(data).encode())
        assert answer.status == (200 if valid else 422), name
        assert answer.called is valid


scalars = st.none() | st.booleans() | st.integers(-3, 120) | st.sampled_from(["", "a", "kettle"])
values = st.recursive(
    scalars,
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["item", "quantity", "note", "x"]), children, max_size=4)
    ),
    max_leaves=6,
)
orders = st.fixed_dictionaries(
    {"item": values, "quantity": values}, optional={"note": values, "x": values}
)


@settings(max_examples=400, deadline=None)
@given(values | orders)
def test_a_second_engine_agrees(value: Any) -> None:
    reference = jsonschema.Draft202012Validator(ORDER)
    assert Schema(ORDER, "POST /").is_valid(value) == reference.is_valid(value)


# Nothing is fetched


def test_references_to_elsewhere_are_a_start_up_error_and_open_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)
        here = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        documents: list[tuple[Any, Any]] = [
            ({"$ref": here}, None),
            ({"$schema": here}, None),
            ({"$ref": "http://a.example/b"}, {"http://a.example/b": {"$ref": here}}),
            ({"$id": here, "$ref": "y"}, None),
            ({"$dynamicRef": here}, None),
        ]
        for schema, resources in documents:
            with pytest.raises(ConfigurationError):
                BodyValidation({"POST /": schema}, resources=resources)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize("reference", ["file:///etc/hostname", "../x", "/etc/hostname", "x.json"])
def test_references_to_files_are_a_start_up_error(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="resources="):
        BodyValidation({"POST /": {"$ref": reference}})


def test_resources_can_be_referred_to() -> None:
    layer = BodyValidation(
        {"POST /v1/orders": {"$ref": "https://example.com/money.json"}},
        resources={"https://example.com/money.json": {"properties": {"cents": {"minimum": 0}}}},
    )
    assert ask(layer, "asgi", b'{"cents":1}').called
    answer = ask(layer, "asgi", b'{"cents":-1}')
    assert answer.problem["errors"][0]["pointer"] == "#/cents"


# Configuration

CIRCULAR: dict[str, Any] = {}
CIRCULAR["not"] = CIRCULAR


@pytest.mark.parametrize(
    ("schema", "hint"),
    [
        (5, "has no JSON Schema|give a dict"),
        ({"type": "strng"}, "at #/type: 'strng' is not valid"),
        ({"properties": {"a": {"minLength": -1}}}, "POST /x.* at #/properties/a/minLength"),
        ({"pattern": "("}, "linear time"),
        ({"pattern": "(?=a)"}, "without look-around"),
        ({"pattern": r"(a)\1"}, "without look-around"),
        ({"format": "emial"}, "unknown format 'emial'; did you mean 'email'"),
        ({"type": "x" * 1000}, r"'xxxxxxxxxxxx\.\.\.x+' is not"),
        ({"format": "sku"}, "formats={name: check}"),
        ({"$ref": "#/$defs/nowhere"}, "does not exist"),
        ({"$schema": "http://nowhere.example/"}, "nothing is fetched"),
        ({"const": {1, 2}}, "cannot be used"),
        ({"format": "int32", "allOf": 5}, "at #/allOf: 5 is not"),
        (CIRCULAR, "cannot be used"),
        ({"properties": {1: True}}, "cannot be used"),
    ],
)
def test_bad_schemas_are_a_start_up_error_that_teaches(schema: Any, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        BodyValidation({"POST /x": schema})


def test_bad_resources_and_dialects_teach() -> None:
    with pytest.raises(ConfigurationError, match="give a dict, True or False"):
        BodyValidation({"POST /": True}, resources={"https://a.example/": "x"})  # type: ignore[dict-item]
    with pytest.raises(ConfigurationError, match="did you mean '2020-12'"):
        BodyValidation({"POST /": True}, dialect="2020-21")


def test_the_dialect_of_a_schema_wins_over_the_argument() -> None:
    tuples = {"items": [{"type": "integer"}], "additionalItems": False}
    assert not Schema(tuples, "POST /", dialect="draft-07").is_valid([1, 2])
    named = {"$schema": "http://json-schema.org/draft-07/schema#", **tuples}
    assert not Schema(named, "POST /").is_valid([1, 2])
    assert Schema(True, "POST /", dialect="draft-04").is_valid([1, 2])


def test_a_schema_is_not_changed_and_later_changes_do_not_count() -> None:
    schema: dict[str, Any] = {"type": "integer", "format": "int32"}
    compiled = Schema(schema, "POST /")
    assert schema == {"type": "integer", "format": "int32"}
    schema["type"] = "string"
    assert compiled.is_valid(1)


# Formats


def test_formats_are_checked_unless_they_are_switched_off() -> None:
    assert not Schema({"format": "email"}, "POST /").is_valid("nobody")
    assert Schema({"format": "email"}, "POST /", formats=False).is_valid("nobody")
    assert Schema({"format": "emial"}, "POST /", formats=False).is_valid("nobody")


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("int32", 2**31 - 1, 2**31),
        ("int32", -(2**31), -(2**31) - 1),
        ("int64", 2**63 - 1, 2**63),
        ("int64", "text", -(2**63) - 1),
        ("byte", "aGk=", "a"),
        ("byte", "", "é"),
    ],
)
def test_formats_of_openapi_are_checked(name: str, valid: Any, invalid: Any) -> None:
    schema = Schema({"properties": {"x": {"format": name}}}, "POST /")
    assert schema.is_valid({"x": valid})
    assert not schema.is_valid({"x": invalid})


@pytest.mark.parametrize("name", ["float", "double", "password", "binary"])
def test_formats_that_say_nothing_about_validity_are_known(name: str) -> None:
    assert Schema({"format": name}, "POST /").is_valid("anything")


def test_formats_of_ones_own() -> None:
    own = {"sku": lambda text: text.startswith("SKU-"), "int32": lambda text: text == "x"}
    schema = Schema({"items": {"format": "sku"}}, "POST /", formats=own)
    assert schema.is_valid(["SKU-1"])
    assert not schema.is_valid(["1"])
    assert not Schema({"format": "int32"}, "POST /", formats=own).is_valid("y")
    with pytest.raises(ConfigurationError, match="did you mean 'sku'"):
        Schema({"format": "skuu"}, "POST /", formats=own)


def test_a_pattern_is_matched_in_linear_time() -> None:
    schema = Schema({"pattern": "^(a+)+$"}, "POST /")
    start = time.process_time()
    assert not schema.is_valid("a" * 1_000_000 + "!")
    assert time.process_time() - start < 0.5


# Errors


def test_a_thousand_errors_are_told_as_twenty() -> None:
    found = errors_of({"items": {"type": "integer"}}, ["x"] * 500)
    assert len(found) == MOST_ERRORS
    assert found[0] == {"pointer": "#/0", "code": "type", "detail": "Must be of type integer."}


def test_a_large_invalid_body_is_told_quickly_with_its_first_error() -> None:
    body = json.dumps(["x"] * 200_000).encode()
    layer = BodyValidation(
        {"POST /v1/orders": {"items": {"type": "integer"}}}, max_values=10**6, limit="2 MiB"
    )
    start = time.process_time()
    answer = ask(layer, "wsgi", body)
    assert time.process_time() - start < 0.5
    assert [error["pointer"] for error in answer.problem["errors"]] == ["#/0"]


NODE = {
    "anyOf": [
        {"type": "integer"},
        {"properties": {"a": {"$ref": "#/$defs/node"}}, "additionalProperties": False},
        {"properties": {"a": {"$ref": "#/$defs/node"}}, "required": ["b"]},
    ]
}
TREE = {"$ref": "#/$defs/node", "$defs": {"node": {"type": ["object", "integer"], **NODE}}}
DYNAMIC = {
    "$dynamicAnchor": "node",
    "type": ["object", "integer"],
    "anyOf": [
        {"properties": {"a": {"$dynamicRef": "#node"}}, "required": ["b"]},
        {"properties": {"a": {"$dynamicRef": "#node"}}, "additionalProperties": False},
    ],
}


@pytest.mark.parametrize("schema", [TREE, DYNAMIC], ids=["ref", "dynamic"])
@pytest.mark.parametrize("depth", [5, 10, 20, 60])
def test_alternatives_within_alternatives_do_not_explode(schema: Any, depth: int) -> None:
    """Collecting errors doubles with each level: a depth of 12 took 0.5 s, 60 would take years."""
    value: Any = "no integer"
    for _ in range(depth):
        value = {"a": value}
    start = time.process_time()
    assert errors_of(schema, value) == (UNEXPLAINED,)
    assert time.process_time() - start < 0.5


def test_a_shallow_recursive_value_is_explained() -> None:
    found = errors_of(TREE, {"a": 1.5})
    assert {error["code"] for error in found} == {"anyOf"}


def test_a_recursive_schema_without_alternatives_is_explained_at_any_depth() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#"}}}
    value: Any = 1
    for _ in range(60):
        value = {"a": value}
    assert errors_of(schema, value)[0]["pointer"] == "#" + "/a" * 60


def test_a_body_over_64_kib_is_told_with_its_first_error() -> None:
    schema = {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
    assert len(errors_of(schema, {"a": "x", "b": "x"})) == 2
    assert len(errors_of(schema, {"a": "x" * 65_536, "b": "x"})) == 1


def test_many_alternatives_in_a_large_string_are_told_quickly() -> None:
    start = time.process_time()
    found = errors_of({"anyOf": [{"type": "integer"}] * 50}, "x" * 1_000_000)
    assert time.process_time() - start < 0.5
    assert [error["code"] for error in found] == ["anyOf"]


@pytest.mark.parametrize(
    ("schema", "value", "code", "detail"),
    [
        ({"type": ["string", "null"]}, 1, "type", "Must be of type null or string."),
        ({"required": ["a"]}, {}, "required", 'The property "a" is needed.'),
        ({"enum": [1, "b"]}, 2, "enum", 'Must be one of [1, "b"].'),
        ({"enum": ["long" * 100]}, 2, "enum", "Must be one of what the schema says."),
        ({"const": None}, 2, "const", "Must be null."),
        ({"minimum": 1}, 0, "minimum", "Must be at least 1."),
        ({"maximum": 1}, 2, "maximum", "Must be at most 1."),
        ({"exclusiveMinimum": 1}, 1, "exclusiveMinimum", "Must be more than 1."),
        ({"exclusiveMaximum": 1}, 1, "exclusiveMaximum", "Must be less than 1."),
        ({"multipleOf": 2}, 1, "multipleOf", "Must be a multiple of 2."),
        ({"minLength": 2}, "a", "minLength", "Must have at least 2 characters."),
        ({"maxLength": 0}, "a", "maxLength", "Must have at most 0 characters."),
        ({"minItems": 2}, [], "minItems", "Must have at least 2 items."),
        ({"maxItems": 0}, [1], "maxItems", "Must have at most 0 items."),
        ({"minProperties": 1}, {}, "minProperties", "Must have at least 1 properties."),
        ({"maxProperties": 0}, {"a": 1}, "maxProperties", "Must have at most 0 properties."),
        ({"pattern": "^x"}, "a", "pattern", 'Must match the pattern "^x".'),
        ({"format": "date"}, "a", "format", 'Must have the format "date".'),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "propertyNames", "name is not allowed"),
        ({"unevaluatedProperties": False}, {"ab": 1}, "unevaluatedProperties", "not allowed"),
        ({"prefixItems": [True], "items": False}, [1, 2], "items", "schema"),
        ({"unevaluatedItems": False}, [1], "unevaluatedItems", "more items"),
        ({"uniqueItems": True}, [1, 1], "uniqueItems", "equal items"),
        ({"contains": {"const": 1}}, [2], "contains", "too few or too many"),
        ({"oneOf": [True, True]}, 1, "oneOf", "exactly one"),
        ({"not": True}, 1, "not", "Must not be what it is."),
        (False, 1, "falseSchema", "Must not be present."),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "required", 'The property "b" is needed.'),
    ],
)
def test_each_keyword_has_its_words(schema: Any, value: Any, code: str, detail: str) -> None:
    (error,) = errors_of(schema, value)
    if code != "items":  # engines differ in whether this is `items` or a false schema
        assert error["code"] == code
    else:
        assert error["code"] in ("items", "falseSchema")
        return
    assert detail in error["detail"]


def test_an_error_of_an_unknown_kind_is_told_without_its_message() -> None:
    class Kind:
        name = "brandNew"

    class Error:
        kind = Kind()
        instance_path = ("secret",)
        message = "secret"

    assert explain(Error(), frozenset()) == {
        "pointer": "#",
        "code": "brandNew",
        "detail": "Does not follow the schema.",
    }


def test_a_pointer_ends_where_the_schema_knows_no_name() -> None:
    known = frozenset({"a", "b/c", "d~e", "f g", 'h"<>'})
    assert pointer([], known) == "#"
    assert pointer(["a", 0, "b/c", "d~e"], known) == "#/a/0/b~1c/d~0e"
    assert pointer(["f g", 'h"<>'], known) == "#/f%20g/h%22%3C%3E"
    assert pointer(["a", "secret", "a"], known) == "#/a"


# What is known of a schema


def test_all_subschemas_are_found() -> None:
    schema = {
        "$defs": {"a": {"n": 1}, "b": True},
        "properties": {"properties": {"n": 2, "not": {"n": 3}}},
        "items": [{"n": 4}, False],
        "anyOf": [{"n": 5}],
        "if": {"then": {"n": 6}},
        "enum": [{"not": {"n": 7}}],
        "const": {"not": {"n": 8}},
    }
    assert {part["n"] for part in subschemas(schema) if "n" in part} == {1, 2, 3, 4, 5, 6}
    assert list(subschemas(True)) == []


def test_names_in_a_schema_are_known_and_values_are_not() -> None:
    schema = {
        "properties": {"a": {"required": ["b", 7]}},
        "dependentRequired": {"c": ["d"], "e": "f"},
        "enum": ["g"],
        "required": "h",
        "patternProperties": {"^i": True},
    }
    assert known_names(schema) == {"a", "b", "c", "d", "e"}


@pytest.mark.parametrize(
    ("schema", "recursive"),
    [
        (True, False),
        ({}, False),
        ({"$ref": "#"}, True),
        ({"properties": {"a": {"$ref": "#"}}}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, False),
        (
            {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"items": {"$ref": "#/$defs/c"}}, "c": {}}},
            False,
        ),
        (TREE, True),
        (DYNAMIC, True),
        ({"$recursiveRef": "#"}, True),
        ({"$ref": "#anchor"}, True),
        ({"$ref": "#/$defs/a%25", "$defs": {"a%": {}}}, True),
        ({"$ref": "https://example.com/x"}, True),
        ({"$ref": "#/$defs/nowhere"}, True),
        ({"$ref": "#/$defs/a/0", "$defs": {"a": 1}}, True),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}}, False),
        (
            {
                "items": {"$ref": "#/definitions/a"},
                "definitions": {
                    "a": {"not": {"$ref": "#/definitions/b"}},
                    "b": {"not": {"$ref": "#/definitions/a"}},
                },
            },
            True,
        ),
    ],
)
def test_recursion_is_found_and_assumed_where_it_cannot_be_ruled_out(
    schema: Any, recursive: bool
) -> None:
    assert is_recursive(schema) is recursive


def test_the_engine_judges_recursive_alternatives_in_linear_time() -> None:
    """Run apart: without memory of what was judged, this would never end."""
    code = f"""
from ringwall.validation._schema import Schema
value = "x"
for _ in range(60):
    value = {{"a": value}}
for schema in ({TREE!r}, {DYNAMIC!r}):
    print(Schema(schema, "POST /").is_valid(value))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout.split() == ["False", "False"], done.stderr
