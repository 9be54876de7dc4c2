"""Schemas of OpenAPI: version 3.0 in words of JSON Schema, directions, discriminators."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openapi_support import document, layer_of, operation
from ringwall import BodyValidation, ConfigurationError
from validation_support import ask


def passes(layer: BodyValidation, value: Any) -> bool:
    answer = ask(layer, "wsgi", json.dumps(value).encode(), path="/x")
    assert answer.called or answer.refused(422, "invalid-body"), answer
    return answer.called


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer", "nullable": True}, [1, None], ["1"]),
        ({"type": "integer", "nullable": False}, [1], [None]),
        ({"nullable": True}, [1, None], []),
        ({"type": "string", "nullable": True, "enum": ["a"]}, ["a"], [None]),
        ({"type": "string", "nullable": True, "enum": ["a", None]}, ["a", None], ["b"]),
        ({"allOf": [{"type": "integer"}], "nullable": True}, [1], [None]),
        ({"minimum": 1, "exclusiveMinimum": True}, [2, "x"], [1]),
        ({"minimum": 1, "exclusiveMinimum": False}, [1], [0]),
        ({"maximum": 1, "exclusiveMaximum": True}, [0], [1]),
        ({"exclusiveMaximum": True}, [1], []),
        ({"type": "integer", "format": "int32"}, [2**31 - 1], [2**31]),
        ({"type": "integer", "format": "int64"}, [-(2**63)], [2**63]),
        ({"type": "string", "format": "byte"}, ["YQ=="], ["?"]),
        ({"type": "string", "format": "date", "example": 7}, ["2020-01-01"], ["2020"]),
        ({"type": "string", "format": "password"}, ["x"], [1]),
        ({"type": "array", "items": {"type": "string", "nullable": True}}, [["a", None]], [[1]]),
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            [{"a": 1}],
            [{"b": 1}],
        ),
        ({"not": {"type": "string", "nullable": True}}, [1], ["a", None]),
        ({"$ref": "#/components/schemas/N", "type": "string"}, [1, None], ["a"]),
        ({"x-anything": 7, "deprecated": True, "xml": {}, "externalDocs": {"url": "x"}}, [1], []),
    ],
)
def test_schemas_of_version_3_0(schema: Any, good: list[Any], bad: list[Any]) -> None:
    schemas = {"N": {"type": "integer", "nullable": True}}
    layer = layer_of(schema, version="3.0.3", schemas=schemas)
    assert all(passes(layer, value) for value in good)
    assert not any(passes(layer, value) for value in bad)


@pytest.mark.parametrize(
    ("schema", "hint"),
    [
        ({"minLenght": 1}, "schema: OpenAPI 3.0 has no keyword 'minLenght'.*did you mean"),
        ({"const": 1}, r"no keyword 'const' \(3.1 may have\)$"),
        ({"type": ["string", "null"]}, "it is one text in 3.0"),
        ({"type": "int"}, "schema/type: unknown type 'int'; did you mean 'integer'"),
        ({"exclusiveMinimum": 5}, "beside 'minimum'"),
        ({"items": {"typ": "x"}}, "schema/items: "),
        ({"properties": {"a/b": {"typ": "x"}}}, "schema/properties/a~1b: "),
        ({"allOf": [7]}, "schema/allOf/0: a schema is an object"),
        ({"type": "string", "format": "dat"}, "unknown format 'dat'; did you mean 'date'"),
        ({"pattern": "(?=a)"}, "linear time"),
    ],
)
def test_mistakes_in_a_schema_of_version_3_0(schema: Any, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        layer_of(schema, version="3.0.3")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": ["integer", "null"]}, [1, None], ["1"]),
        ({"exclusiveMinimum": 1}, [2], [1]),
        ({"$ref": "#/components/schemas/N", "maximum": 5}, [1], [6, "a"]),
        ({"prefixItems": [{"type": "integer"}], "items": False}, [[1]], [["a"], [1, 2]]),
        ({"patternProperties": {"^a": {"type": "integer"}}}, [{"a": 1}], [{"ab": "x"}]),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, [{"a": 1, "b": 1}], [{"a": 1}]),
        (
            {"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"type": "null"}},
            ["a", None],
            ["ab", 1],
        ),
        ({"$ref": "#/components/schemas/Tree"}, [{"kids": [{"kids": []}]}], [{"kids": [{"k": 1}]}]),
        ({"$ref": "#/components/schemas/Tree/properties/kids"}, [[{}]], [{}]),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "const": 1}, [1], [2]),
        (True, [1], []),
        (False, [], [1]),
        ({"$ref": "#/components/schemas/T", "maximum": 5}, [1], [6]),
    ],
)
def test_schemas_of_version_3_1(schema: Any, good: list[Any], bad: list[Any]) -> None:
    schemas = {
        "N": {"type": "integer"},
        "T": True,
        "Tree": {
            "type": "object",
            "properties": {
                "kids": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}
            },
            "additionalProperties": False,
        },
    }
    layer = layer_of(schema, schemas=schemas)
    assert all(passes(layer, value) for value in good)
    assert not any(passes(layer, value) for value in bad)


@pytest.mark.parametrize(
    ("schema", "hint"),
    [
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "unknown dialect"),
        ({"type": "strin"}, "is not valid"),
        ({"discriminator": {}}, "write {'propertyName'"),
        ({"discriminator": []}, "write {'propertyName'"),
        ({"discriminator": {"propertyName": "t", "mapping": {"a": 7}}}, "mapping: write an object"),
        (
            {"discriminator": {"propertyName": "t", "mapping": {"a": "Nobody"}}, "oneOf": [{}]},
            "mapping/a: 'Nobody' is outside",
        ),
        ({"discriminator": {"propertyName": "t"}, "oneOf": [{}], "allOf": 7}, "is not valid"),
        ({"oneOf": 7, "properties": 7, "prefixItems": 7, "required": 7}, "is not valid"),
    ],
)
def test_mistakes_in_a_schema_of_version_3_1(schema: Any, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        layer_of(schema)


def test_another_dialect_is_told_where_a_schema_is_used() -> None:
    given = document(jsonSchemaDialect="https://example.com/own")
    BodyValidation(openapi=given)
    content = {"application/json": {"schema": {"type": "string"}}}
    given["paths"] = {"/x": {"post": operation(requestBody={"content": content})}}
    with pytest.raises(ConfigurationError, match="unknown dialect"):
        BodyValidation(openapi=given)


# Directions


ACCOUNT = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string"},
        "password": {"type": "string", "writeOnly": True},
    },
    "required": ["id", "name", "password"],
}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/Account"},
        ACCOUNT,
        {"allOf": [{"$ref": "#/components/schemas/Account"}, {"required": ["id", "name"]}]},
        {"allOf": [{"required": ["id"]}, {"allOf": [{"$ref": "#/components/schemas/Account"}]}]},
        {"allOf": [{"$ref": "#/components/schemas/Account"}, {"properties": {"id": {}}}]},
        {"anyOf": [{"$ref": "#/components/schemas/Account"}]},
        {"$ref": "#/components/schemas/Wrapped"},
    ],
)
def test_a_read_only_property_is_refused_and_not_needed(version: str, schema: Any) -> None:
    schemas = {"Account": ACCOUNT, "Wrapped": {"$ref": "#/components/schemas/Account"}}
    layer = layer_of(schema, version=version, schemas=schemas)
    assert passes(layer, {"name": "a", "password": "b"})
    assert not passes(layer, {"name": "a"})
    assert not passes(layer, {"id": 1, "name": "a", "password": "b"})


def test_a_read_only_property_that_a_sibling_of_the_reference_needs() -> None:
    """Version 3.1 reads what stands beside `$ref`."""
    schema = {"$ref": "#/components/schemas/Account", "required": ["id", "name"]}
    layer = layer_of(schema, schemas={"Account": ACCOUNT})
    assert passes(layer, {"name": "a", "password": "b"})
    assert not passes(layer, {"id": 1, "name": "a", "password": "b"})


def test_a_read_only_property_by_reference() -> None:
    schemas = {
        "Id": {"type": "integer", "readOnly": True},
        "A": {"properties": {"id": {"$ref": "#/components/schemas/Id"}}, "required": ["id"]},
        "Loop": {"$ref": "#/components/schemas/Loop"},
        "B": {"properties": {"x": {"$ref": "#/components/schemas/Loop"}, "y": True}},
        "Self": {"allOf": [{"$ref": "#/components/schemas/Self"}]},
    }
    layer = layer_of({"$ref": "#/components/schemas/A"}, schemas=schemas)
    assert passes(layer, {})
    assert not passes(layer, {"id": 1})
    assert passes(layer_of({"$ref": "#/components/schemas/B"}, schemas=schemas), {"x": 1})
    assert passes(layer_of({"$ref": "#/components/schemas/Self"}, schemas=schemas), {"x": 1})


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize(
    "role",
    [
        {"allOf": [{"$ref": "#/components/schemas/Told"}]},
        {"allOf": [{"$ref": "#/components/schemas/Role"}, {"readOnly": True}]},
        {"anyOf": [{"$ref": "#/components/schemas/Told"}, {"enum": [None]}]},
        {"oneOf": [{"maxLength": 3}, {"$ref": "#/components/schemas/Told", "minLength": 4}]},
        {"$ref": "#/components/schemas/Wrapped"},
    ],
)
def test_a_property_is_read_only_where_a_part_of_its_schema_says_so(
    version: str, role: Any
) -> None:
    """Generators wrap a reference in `allOf` to put something beside it."""
    schemas = {
        "Role": {"type": "string"},
        "Told": {"type": "string", "readOnly": True},
        "Wrapped": {"allOf": [{"allOf": [{"$ref": "#/components/schemas/Told"}]}]},
        "Loop": {"anyOf": [{"$ref": "#/components/schemas/Loop"}, {"type": "string"}]},
    }
    properties = {"role": role, "other": {"$ref": "#/components/schemas/Loop"}}
    schema = {"type": "object", "properties": properties, "required": ["role"]}
    layer = layer_of(schema, version=version, schemas=schemas)
    assert passes(layer, {"other": "x"})
    assert not passes(layer, {"role": "admin"})


def test_what_is_forbidden_in_a_test_is_not_allowed_by_it() -> None:
    """`not: {required: [id]}` with `id` taken out would refuse everything."""
    layer = layer_of(
        {
            "properties": {"id": {"readOnly": True}, "b": {}},
            "not": {"required": ["id"], "properties": {"id": {"type": "string", "readOnly": True}}},
        }
    )
    assert passes(layer, {"b": 1})
    assert not passes(layer, {"id": "1"})


# Closed objects

A, B = {"properties": {"a": {}}}, {"properties": {"b": {}}}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (A, [{}, {"a": 1}], [{"b": 1}, {"a": 1, "is_admin": 1}]),
        ({"type": "object"}, [{"b": 1}], []),
        ({}, [{"b": 1}], []),
        ({**A, "additionalProperties": True}, [{"b": 1}], []),
        ({**A, "additionalProperties": {"type": "integer"}}, [{"b": 1}], [{"b": "x"}]),
        ({**A, "additionalProperties": False}, [{"a": 1}], [{"b": 1}]),
        ({"allOf": [A, B]}, [{"a": 1, "b": 1}], [{"a": 1, "c": 1}]),
        ({"allOf": [A, {"allOf": [B]}]}, [{"a": 1, "b": 1}], [{"c": 1}]),
        ({"allOf": [A, {"additionalProperties": {}}]}, [{"a": 1, "c": 1}], []),
        ({"allOf": [{"$ref": "#/components/schemas/A"}, B]}, [{"a": 1, "b": 1}], [{"c": 1}]),
        ({"anyOf": [{**A, "required": ["a"]}, B]}, [{"a": 1}, {"b": 1}], [{"c": 1}]),
        ({"anyOf": [A, {"type": "string"}]}, [{"a": 1}, "x"], [{"b": 1}]),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, [{"b": 1}], []),
        ({"$ref": "#/components/schemas/A"}, [{"a": 1}], [{"b": 1}]),
        ({"$ref": "#/components/schemas/Both"}, [{"a": 1, "b": 1}], [{"c": 1}]),
        ({"$ref": "#/components/schemas/Around"}, [{"n": {"n": {}}}], [{"n": {"x": 1}}]),
        (
            {"items": {"properties": {"in": A}}},
            [[{"in": {"a": 1}}]],
            [[{"in": {"b": 1}}], [{"x": 1}]],
        ),
        (
            {"not": {"properties": {"a": {"type": "string"}}, "required": ["a"]}},
            [{"c": 1}],
            [{"a": "x", "c": 1}],
        ),
        (
            {"$ref": "#/components/schemas/Pet"},
            [{"kind": "Cat", "lives": 9}, {"kind": "pet"}],
            [{"kind": "pet", "x": 1}],
        ),
    ],
)
def test_closed_objects_have_what_they_name(
    version: str, schema: Any, good: list[Any], bad: list[Any]
) -> None:
    schemas = {
        **PETS,
        "A": A,
        "Both": {"allOf": [{"$ref": "#/components/schemas/A"}, B]},
        "Around": {
            "properties": {"n": {"$ref": "#/components/schemas/Around"}},
            "allOf": [{"oneOf": [{"$ref": "#/components/schemas/Void"}]}],
        },
        "Void": {"anyOf": [{"$ref": "#/components/schemas/Void2"}]},
        "Void2": {},
    }
    closed = layer_of(schema, version=version, schemas=schemas, closed=True)
    for value in good:
        assert passes(closed, value), value
    for value in bad:
        assert not passes(closed, value), value
    assert layer_of(schema, version=version, schemas=schemas)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"$ref": "#/components/schemas/A", **B}, {"a": 1, "b": 1}, {"c": 1}),
        ({"$ref": "#/components/schemas/A", "title": "x"}, {"a": 1}, {"b": 1}),
        ({**A, "if": {"required": ["a"]}, "then": B}, {"a": 1, "b": 1}, {"b": 1}),
        ({**A, "dependentSchemas": {"a": B}}, {"a": 1, "b": 1}, {"b": 1}),
        ({**A, "patternProperties": {"^x": {}}}, {"x1": 1}, {"y1": 1}),
        ({"$ref": "#/components/schemas/Loop"}, {"a": 1}, 7),
    ],
)
def test_closed_objects_of_version_3_1(schema: Any, good: Any, bad: Any) -> None:
    schemas = {"A": A, "Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}], "type": "object"}}
    layer = layer_of(schema, schemas=schemas, closed=True)
    assert passes(layer, good)
    assert not passes(layer, bad)


def test_closed_needs_a_document() -> None:
    with pytest.raises(ConfigurationError, match="closed=True needs an OpenAPI document"):
        BodyValidation({}, closed=True)


# Discriminators


PETS = {
    "Pet": {
        "type": "object",
        "properties": {"kind": {"type": "string"}},
        "required": ["kind"],
        "discriminator": {"propertyName": "kind", "mapping": {"kitten": "Cat", "pet": "Pet"}},
    },
    "Cat": {
        "allOf": [
            {"$ref": "#/components/schemas/Pet"},
            {"properties": {"lives": {"type": "integer"}}, "required": ["lives"]},
        ]
    },
    "Lion": {"allOf": [{"$ref": "#/components/schemas/Cat"}, {"required": ["mane"]}]},
    "Car": {"type": "object", "properties": {"kind": {}, "wheels": {}}, "required": ["wheels"]},
}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_discriminator_chooses_among_alternatives(version: str) -> None:
    ref = "#/components/schemas/"
    layer = layer_of(
        {
            "oneOf": [{"$ref": ref + "Cat"}, {"$ref": ref + "Car"}],
            "discriminator": {"propertyName": "kind", "mapping": {"auto": ref + "Car"}},
        },
        version=version,
        schemas=PETS,
    )
    assert passes(layer, {"kind": "Cat", "lives": 9})
    assert passes(layer, {"kind": "auto", "wheels": 4})
    assert passes(layer, {"kind": "Car", "wheels": 4})
    # Fits one alternative, but the app makes the object that `kind` names.
    assert not passes(layer, {"kind": "Cat", "wheels": 4})
    assert not passes(layer, {"kind": "Dog", "lives": 9})
    assert not passes(layer, {"lives": 9})


def test_a_discriminator_chooses_within_a_composition_too() -> None:
    ref = "#/components/schemas/"
    choice = {
        "oneOf": [{"$ref": ref + "Cat"}, {"$ref": ref + "Car"}],
        "discriminator": {"propertyName": "kind"},
    }
    layer = layer_of({"allOf": [choice, {"type": "object"}]}, schemas=PETS)
    assert passes(layer, {"kind": "Cat", "lives": 9})
    assert not passes(layer, {"kind": "Cat", "wheels": 4})


def test_a_base_that_lists_its_heirs_ends() -> None:
    ref = "#/components/schemas/"
    schemas = {
        "Pet": {
            "type": "object",
            "oneOf": [{"$ref": ref + "Cat"}],
            "discriminator": {"propertyName": "kind"},
        },
        "Cat": {"allOf": [{"$ref": ref + "Pet"}, {"required": ["lives"]}]},
    }
    layer = layer_of({"$ref": ref + "Pet"}, schemas=schemas)
    assert not passes(layer, {"kind": "Dog", "lives": 9})


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_discriminator_chooses_among_heirs(version: str) -> None:
    layer = layer_of({"$ref": "#/components/schemas/Pet"}, version=version, schemas=PETS)
    assert passes(layer, {"kind": "pet"})
    assert passes(layer, {"kind": "Cat", "lives": 9})
    assert passes(layer, {"kind": "kitten", "lives": 9})
    assert passes(layer, {"kind": "Lion", "lives": 9, "mane": 1})
    assert not passes(layer, {"kind": "Cat"})
    assert not passes(layer, {"kind": "kitten"})
    assert not passes(layer, {"kind": "Lion", "lives": 9})
    assert not passes(layer, {"kind": "Car", "wheels": 4})


def test_a_discriminator_with_nothing_to_choose_from_says_nothing() -> None:
    layer = layer_of({"discriminator": {"propertyName": "t"}, "oneOf": [{"type": "object"}]})
    assert passes(layer, {"t": "anything"})


def test_errors_name_what_the_document_names() -> None:
    layer = layer_of({"$ref": "#/components/schemas/Car"}, schemas=PETS)
    answer = ask(layer, "wsgi", b'{"kind": 1}', path="/x")
    assert answer.problem["errors"] == [
        {"pointer": "#", "code": "required", "detail": 'The property "wheels" is needed.'}
    ]
