"""Dynamic references in OpenAPI 3.1: trees and containers that others extend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openapi_support import document, layer_of, operation
from ringwall import BodyValidation, ConfigurationError
from validation_support import ask, vectors

ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "wsgi.url_scheme": "https"}
interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


def passes(layer: BodyValidation, value: Any, interface: str = "wsgi") -> bool:
    answer = ask(layer, interface, json.dumps(value).encode(), path="/x")
    assert answer.called or answer.refused(422, "invalid-body"), answer
    return answer.called


def component(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_the_vectors_of_json_schema() -> None:
    suite = vectors("JSON-Schema-Test-Suite")
    remotes = {}
    for name in ("tree", "extendible-dynamic-ref", "detached-dynamicref"):
        text = (suite / "remotes/draft2020-12" / f"{name}.json").read_text("utf-8")
        own = f"http://localhost:1234/draft2020-12/{name}.json"
        remotes[name] = {**json.loads(text), "$id": own}
    cases = json.loads((suite / "tests/draft2020-12/dynamicRef.json").read_text("utf-8"))
    judged = 0
    for group in cases:
        schema = {"$id": "https://example.com/case", **group["schema"]}
        layer = layer_of(component("case"), schemas={"case": schema, **remotes})
        for case in group["tests"]:
            assert passes(layer, case["data"]) == case["valid"], (group["description"], case)
            judged += 1
    assert judged == 44


# JSON Schema 2020-12 core, appendix C: a tree, and one that takes no names that it does not know.
TREE = {
    "$id": "https://example.com/tree",
    "$dynamicAnchor": "node",
    "type": "object",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "secret": {"type": "string", "writeOnly": True},
        "data": True,
        "children": {"type": "array", "items": {"$dynamicRef": "#node"}},
    },
    "required": ["id"],
}
STRICT = {
    "$id": "https://example.com/strict-tree",
    "$dynamicAnchor": "node",
    "$ref": "tree",
    "unevaluatedProperties": False,
}
TREES = {"Tree": TREE, "Strict": STRICT}


@interfaces
def test_a_tree_that_is_extended_is_extended_at_every_level(interface: str) -> None:
    loose, strict = (layer_of(component(name), schemas=TREES) for name in TREES)
    good = {"children": [{"data": 1, "children": [{"data": 2}]}]}
    misspelled = {"children": [{"children": [{"daat": 2}]}]}
    assert passes(loose, good, interface)
    assert passes(loose, misspelled, interface)
    assert passes(strict, good, interface)
    assert not passes(strict, misspelled, interface)


@interfaces
@pytest.mark.parametrize("name", ["Tree", "Strict"])
def test_the_direction_counts_at_every_level(interface: str, name: str) -> None:
    layer = layer_of(component(name), schemas=TREES)
    assert not passes(layer, {"id": 1}, interface)
    assert not passes(layer, {"children": [{"children": [{"id": 1}]}]}, interface)
    assert passes(layer, {"children": [{"children": [{"secret": "x"}]}]}, interface)


@pytest.mark.parametrize("name", ["Tree", "Strict"])
def test_a_response_is_judged_in_its_direction(name: str) -> None:
    content = {"application/json": {"schema": component(name)}}
    given = document(
        paths={"/x": {"get": {"responses": {"200": {"description": "", "content": content}}}}},
        components={"schemas": TREES},
    )
    layer = BodyValidation(openapi=given, responses="enforce")
    for value, status in (
        ({"id": 1, "children": [{"id": 2}]}, 200),
        ({"id": 1, "children": [{}]}, 500),
        ({"id": 1, "children": [{"id": 2, "secret": "x"}]}, 500),
        ({"id": 1, "children": [{"id": 2, "other": "x"}]}, 200 if name == "Tree" else 500),
    ):
        body = json.dumps(value).encode()

        assert answered(layer, body).startswith(str(status)), value


def answered(layer: BodyValidation, body: bytes) -> str:
    """The status that an app's response becomes."""
    told: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]

    def start(status: str, headers: Any, exc_info: Any = None, /) -> Any:
        told.append(status)

    list(layer.wsgi(app)({**ENVIRON}, start))
    return told[0]


def test_closed_objects_are_closed_at_every_level() -> None:
    layer = layer_of(component("Tree"), schemas=TREES, closed=True)
    assert passes(layer, {"children": [{"data": 1}]})
    assert not passes(layer, {"children": [{"is_admin": True}]})
    alone = {"$id": "https://example.com/alone", "$dynamicRef": "tree#node"}
    layer = layer_of(component("Alone"), schemas={**TREES, "Alone": alone}, closed=True)
    assert passes(layer, {"children": [{"data": 1}]})
    assert not passes(layer, {"is_admin": True})
    assert not passes(layer, {"id": 1})


# OpenAPI 3.1.1 section 4.8.24.8: generic data structures.
GENERIC: dict[str, Any] = {
    "Generic": {
        "$id": "fully_generic_array",
        "type": "array",
        "items": {"$dynamicRef": "#generic-array"},
        "$defs": {"allowAll": {"$dynamicAnchor": "generic-array"}},
    },
    "Numbers": {
        "$id": "array_of_numbers",
        "$ref": "fully_generic_array",
        "$defs": {"numbersOnly": {"$dynamicAnchor": "generic-array", "type": "number"}},
    },
    "Strings": {
        "$id": "array_of_strings",
        "$ref": "fully_generic_array",
        "$defs": {"stringsOnly": {"$dynamicAnchor": "generic-array", "type": "string"}},
    },
    "Either": {
        "type": "object",
        "properties": {"numbers": component("Numbers"), "strings": {"$ref": "array_of_strings"}},
    },
}


@interfaces
def test_a_generic_container_holds_what_each_use_says(interface: str) -> None:
    numbers, strings, either, generic = (
        layer_of(component(name), schemas=GENERIC)
        for name in ("Numbers", "Strings", "Either", "Generic")
    )
    assert passes(generic, [1, "a"], interface)
    assert passes(numbers, [1, 2.5], interface)
    assert not passes(numbers, ["a"], interface)
    assert passes(strings, ["a"], interface)
    assert not passes(strings, [1], interface)
    assert passes(either, {"numbers": [1], "strings": ["a"]}, interface)
    assert not passes(either, {"numbers": ["a"]}, interface)
    assert not passes(either, {"strings": [1]}, interface)


def test_operations_share_a_container_but_not_what_it_holds() -> None:
    """Two bodies refer to the same schema, one of them from inside of another resource."""
    inner = {"$id": "inner", "properties": {"a": {"$ref": "fully_generic_array"}}}
    inner["$defs"] = {"n": {"$dynamicAnchor": "generic-array", "type": "null"}}
    schemas = {**GENERIC, "Inner": inner}
    paths = {
        f"/{name}": {
            "post": operation(requestBody={"content": {"application/json": {"schema": schema}}})
        }
        for name, schema in (
            ("one", component("Generic")),
            ("two", {**component("Inner"), "description": ""}),
        )
    }
    layer = BodyValidation(openapi=document(paths=paths, components={"schemas": schemas}))
    assert ask(layer, "wsgi", b"[1]", path="/one").called
    assert ask(layer, "wsgi", b'{"a": [null]}', path="/two").called
    assert ask(layer, "wsgi", b'{"a": [1]}', path="/two").refused(422, "invalid-body")


def test_it_may_stand_beside_other_words() -> None:
    schemas = {
        "Node": {"$dynamicAnchor": "node", "properties": {"next": {"$dynamicRef": "#node"}}},
        "Named": {
            "$ref": "#/components/schemas/Node",
            "$dynamicRef": "#node",
            "required": ["a"],
            "allOf": [{"properties": {"a": {"type": "integer"}}}],
            "unevaluatedProperties": False,
        },
        "Pointer": {"$dynamicRef": "#/components/schemas/Node", "type": "object"},
        "Plain": {
            "properties": {"x": {"$dynamicRef": "#plain"}},
            "$anchor": "plain",
            "type": "object",
        },
    }
    layer = layer_of(component("Named"), schemas=schemas)
    assert passes(layer, {"a": 1, "next": {"b": 1}})
    assert not passes(layer, {"a": 1, "b": 1})
    assert not passes(layer, {"next": {}})
    assert not passes(layer, {"a": "x"})
    assert not passes(layer_of(component("Pointer"), schemas=schemas), 1)
    plain = layer_of(component("Plain"), schemas=schemas)
    assert passes(plain, {"x": {"x": {}}})
    assert not passes(plain, {"x": {"x": 1}})


def test_what_a_part_with_a_name_of_its_own_extends_is_hidden_all_the_same() -> None:
    """What `required` beside the part asks for is only to be read: nobody can send it."""
    only_read = {"$dynamicAnchor": "x", "properties": {"id": {"readOnly": True}}}
    part = {"$id": "urn:part", "$ref": "urn:base", "$defs": {"x": only_read}}
    schemas = {
        "Base": {"$id": "urn:base", "$dynamicRef": "#x", "$defs": {"x": {"$dynamicAnchor": "x"}}},
        "Whole": {"allOf": [part], "required": ["id"]},
    }
    layer = layer_of(component("Whole"), schemas=schemas)
    assert passes(layer, {})
    assert not passes(layer, {"id": 1})


def test_a_parameter_may_have_one() -> None:
    given = {"name": "p", "in": "query", "schema": component("Numbers")}
    layer = layer_of(parameters=[given], schemas=GENERIC)
    for query, status in (("p=1&p=2", 200), ("p=a", 422)):
        assert ask(layer, "wsgi", b"", path="/x", query=query, headers=[]).status == status


def test_another_file_may_extend_a_tree(tmp_path: Path) -> None:
    strict = {**STRICT, "$ref": TREE["$id"]}
    given = document(
        paths={
            "/x": {
                "post": operation(
                    requestBody={
                        "content": {"application/json": {"schema": {"$ref": "strict.json"}}}
                    }
                )
            }
        },
        components={"schemas": {"Tree": TREE}},
    )
    (tmp_path / "strict.json").write_text(json.dumps(strict))
    (tmp_path / "openapi.json").write_text(json.dumps(given))
    layer = BodyValidation(openapi=tmp_path / "openapi.json")
    assert passes(layer, {"children": [{"data": 1}]})
    assert not passes(layer, {"children": [{"daat": 1}]})


UNNAMED = {key: value for key, value in TREE.items() if key != "$id"}
NODE = {"$dynamicAnchor": "node"}
UNNAMED_STRICT = {
    "$dynamicAnchor": "node", "unevaluatedProperties": False, **component("Tree")
}  # fmt: skip


def test_a_single_tree_needs_no_name_of_its_own() -> None:
    layer = layer_of(component("Tree"), schemas={"Tree": UNNAMED})
    assert passes(layer, {"children": [{"children": []}]})
    assert not passes(layer, {"children": [{"children": 1}]})


@pytest.mark.parametrize(
    "schemas",
    [
        # Two of a name in one document; one beside a resource with an `$id`; two in such a one.
        {"Tree": UNNAMED, "Strict": UNNAMED_STRICT},
        {"Tree": TREE, "Strict": UNNAMED_STRICT},
        {"Strict": {"$id": "urn:s", "$dynamicRef": "#node", "$defs": {"a": NODE, "b": NODE}}},
    ],
)
def test_what_two_readings_understand_differently_is_a_mistake(schemas: Any) -> None:
    with pytest.raises(ConfigurationError, match="could mean two schemas; give each"):
        layer_of(component("Strict"), schemas=schemas)


@pytest.mark.parametrize(
    ("schema", "version", "hint"),
    [
        ({"$dynamicRef": "#x"}, "3.1.0", "'#x' is no pointer and no anchor"),
        ({"$dynamicRef": 7}, "3.1.0", "write a text"),
        ({"$dynamicRef": "#/openapi"}, "3.1.0", "leads to no schema"),
        ({"$dynamicRef": "https://example.com/x#x"}, "3.1.0", "outside of the document"),
        ({"$recursiveRef": "#"}, "3.1.0", "write '\\$dynamicRef'"),
        ({"$dynamicRef": "#x"}, "3.0.3", "has no keyword '\\$dynamicRef'"),
    ],
)
def test_mistakes(schema: Any, version: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        layer_of(schema, version=version)
