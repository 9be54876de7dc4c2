"""References: to files beside the document, to schemas with names, and nowhere else."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from openapi_support import document, layer_of, operation, parameter
from ringwall import BodyValidation, ConfigurationError
from validation_support import ask

ITEM = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def body(schema: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def write(folder: Path, **files: Any) -> Path:
    """Files by name, with `__` for a slash; the document comes first."""
    for name, content in files.items():
        path = folder / (name.replace("__", "/") + ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder / f"{next(iter(files))}.json"


def status(layer: BodyValidation, value: Any, path: str = "/x", query: str = "") -> int | None:
    return ask(layer, "wsgi", json.dumps(value).encode(), path=path, query=query).status


def test_files_beside_the_document_are_read_once_at_start_up(tmp_path: Path) -> None:
    given = document(
        paths={
            "/x": {"$ref": "paths/x.json"},
            "/y": {"post": operation(**body({"$ref": "schemas/order.json#/Order"}))},
            "/z": {"post": operation(requestBody={"$ref": "./paths/bodies.json#/z"})},
        },
        components={"schemas": {"Tag": {"type": "string", "maxLength": 3}}},
    )
    order = {
        "Order": {
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"$ref": "#/Item"}}},
            "required": ["items"],
        },
        "Item": {**ITEM, "properties": {**ITEM["properties"], "tag": {"$ref": "tags/tag.json"}}},
    }
    path = write(
        tmp_path,
        openapi=given,
        paths__x={
            "parameters": [{"$ref": "../parameters.json#/limit"}],
            "post": operation(**body({"$ref": "../schemas/order.json#/Item"})),
        },
        paths__bodies={"z": body({"$ref": "#/y"})["requestBody"], "y": {"type": "boolean"}},
        parameters={"limit": parameter({"type": "integer"}, "limit")},
        schemas__order=order,
        schemas__tags__tag={"$ref": "../../openapi.json#/components/schemas/Tag"},
    )
    layer = BodyValidation(openapi=path)
    for each in tmp_path.rglob("*.json"):
        each.unlink()
    assert status(layer, {"n": 1}) == 200
    assert status(layer, {"n": "1"}) == 422
    assert status(layer, {"n": 1}, query="limit=x") == 422
    assert status(layer, {"n": 1, "tag": "abcd"}) == 422
    assert status(layer, {"items": [{"n": 1, "tag": "abc"}]}, "/y") == 200
    assert status(layer, {"items": [{"n": 1, "tag": "abcd"}]}, "/y") == 422
    assert status(layer, True, "/z") == 200
    assert status(layer, 1, "/z") == 422


def test_the_same_words_mean_another_schema_in_another_file(tmp_path: Path) -> None:
    def item(kind: str) -> dict[str, Any]:
        return {"x": {"post": operation(**body({"$ref": "#/A"}))}, "A": {"type": kind}}

    given = document(paths={"/x": {"$ref": "a.json#/x"}, "/y": {"$ref": "b.json#/x"}})
    path = write(tmp_path, openapi=given, a=item("integer"), b=item("string"))
    layer = BodyValidation(openapi=path)
    assert [status(layer, 1), status(layer, "1")] == [200, 422]
    assert [status(layer, 1, "/y"), status(layer, "1", "/y")] == [422, 200]


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("../secret.json", "outside of the folder"),
        ("sub/../../secret.json", "outside of the folder"),
        ("%2e%2e/secret.json", "outside of the folder"),
        ("link.json", "outside of the folder"),
        ("sub\\secret.json", "outside of the folder"),
        ("/etc/passwd", "outside of the folder"),
        ("/secret.json", "outside of the folder"),
        ("passwd", "no JSON or YAML"),
        ("nothing.json", "cannot be read"),
        ("good.json#/nothing", "leads to nothing"),
        ("good.json#nothing", "no pointer and no anchor"),
        ("bad.json", "no strict JSON"),
        ("http://127.0.0.1:{port}/good.json", "nothing is fetched"),
        ("//127.0.0.1:{port}/good.json", "nothing is fetched"),
        ("file://{folder}/api/good.json", "nothing is fetched"),
        ("file:good.json", "nothing is fetched"),
        ("data:application/json,true", "nothing is fetched"),
    ],
)
@pytest.mark.parametrize("place", ["schema", "parameter", "body", "path"])
def test_no_reference_leads_out_of_the_folder(
    tmp_path: Path, reference: str, hint: str, place: str
) -> None:
    (tmp_path / "secret.json").write_text("{}")
    folder = tmp_path / "api"
    (folder / "sub").mkdir(parents=True)
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    (folder / "good.json").write_text("{}")
    (folder / "bad.json").write_text('{"a": 1, "a": 2}')
    (folder / "passwd").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        to = {"$ref": reference.replace("{port}", str(port)).replace("{folder}", str(tmp_path))}
        post = {
            "schema": operation(**body(to)),
            "parameter": operation(parameters=[to]),
            "body": operation(requestBody=to),
            "path": None,
        }[place]
        given = document(paths={"/x": to if post is None else {"post": post}})
        with pytest.raises(ConfigurationError, match=hint):
            BodyValidation(openapi=write(folder, openapi=given))
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_mistake_in_another_file_is_told_with_its_place(tmp_path: Path) -> None:
    """Else every body would pass unseen."""
    given = document(paths={"/x": {"$ref": "x.json"}})
    path = write(tmp_path, openapi=given, x={"post": operation(requestbody={})})
    with pytest.raises(ConfigurationError, match=r"at x.json#/post: unknown field 'requestbody'"):
        BodyValidation(openapi=path)
    given = document(paths={"/x": {"post": operation(requestBody={"$ref": "x.json"})}})
    path = write(tmp_path, openapi=given, x={"contents": {}})
    with pytest.raises(ConfigurationError, match=r"at x.json#: unknown field 'contents'"):
        BodyValidation(openapi=path)


def test_files_that_refer_to_each_other_end(tmp_path: Path) -> None:
    given = document(paths={"/x": {"post": operation(**body({"$ref": "a.json"}))}})
    a = {"properties": {"b": {"$ref": "b.json"}}, "type": "object"}
    b = {"properties": {"a": {"$ref": "a.json#"}}, "type": "object"}
    layer = BodyValidation(openapi=write(tmp_path, openapi=given, a=a, b=b))
    assert status(layer, {"b": {"a": {"b": {}}}}) == 200
    assert status(layer, {"b": {"a": {"b": 1}}}) == 422
    loop = document(paths={"/x": {"post": operation(parameters=[{"$ref": "c.json"}])}})
    path = write(tmp_path, openapi=loop, c={"$ref": "d.json"}, d={"$ref": "c.json"})
    with pytest.raises(ConfigurationError, match="leads back to itself"):
        BodyValidation(openapi=path)


def test_no_more_files_than_anybody_writes(tmp_path: Path) -> None:
    parts = [{"$ref": f"{number}.json"} for number in range(257)]
    given = document(paths={"/x": {"post": operation(**body({"allOf": parts}))}})
    files = {str(number): {} for number in range(257)}
    with pytest.raises(ConfigurationError, match="one file too many"):
        BodyValidation(openapi=write(tmp_path, openapi=given, **files))


def test_yaml_beside_json(tmp_path: Path) -> None:
    given = document(paths={"/x": {"post": operation(**body({"$ref": "my%20type.yaml#/a/0"}))}})
    (tmp_path / "my type.yaml").write_text("a: [{type: integer}]")
    layer = BodyValidation(openapi=write(tmp_path, openapi=given))
    assert [status(layer, 1), status(layer, "1")] == [200, 422]


NAMED = {
    "Order": {
        "$id": "https://example.com/order",
        "type": "object",
        "properties": {
            "item": {"$ref": "item"},
            "tag": {"$ref": "#tag"},
            "size": {"$ref": "#/$defs/size"},
        },
        "$defs": {
            "size": {"type": "integer"},
            "tag": {"$anchor": "tag", "type": "string", "maxLength": 3},
        },
        "examples": [{"$anchor": "tag", "$id": "item"}],
    },
    "Item": {"$id": "https://example.com/item", "$anchor": "it", "type": "boolean"},
    "size": {"type": "string"},
}


@pytest.mark.parametrize(
    ("reference", "good", "bad"),
    [
        ("#/components/schemas/Order", {"item": True, "tag": "abc", "size": 1}, {"size": "1"}),
        ("#/components/schemas/Order", {}, {"tag": "abcd"}),
        ("#/components/schemas/Order", {}, {"item": 1}),
        ("https://example.com/order", {}, {"size": "1"}),
        ("https://example.com/order#tag", "abc", "abcd"),
        ("https://example.com/order#/$defs/size", 1, "1"),
        ("#it", True, 1),
        ("#tag", "abc", "abcd"),
    ],
)
def test_schemas_with_names_of_their_own(reference: str, good: Any, bad: Any) -> None:
    """A schema with `$id` is what the references inside it go by."""
    layer = layer_of({"$ref": reference}, schemas=NAMED)
    assert [status(layer, good), status(layer, bad)] == [200, 422]


@pytest.mark.parametrize("reference", ["https://example.com/other", "item", "#nothing"])
def test_a_name_that_no_schema_has(reference: str) -> None:
    with pytest.raises(ConfigurationError, match=r"outside of the document|no pointer and no"):
        layer_of({"$ref": reference}, schemas=NAMED)
    order = {"$id": "https://example.com/order", "properties": {"a": {"$ref": reference}}}
    if reference != "item":
        with pytest.raises(ConfigurationError, match=r"outside of the document|no pointer and no"):
            layer_of({"$ref": "#/components/schemas/O"}, schemas={"O": order})


def test_a_reference_with_keywords_beside_it() -> None:
    """They count in 3.1, and are ignored in 3.0."""
    schema = {"$ref": "#/components/schemas/A", "maxLength": 2}
    schemas = {"A": {"type": "string"}}
    assert status(layer_of(schema, schemas=schemas), "abc") == 422
    assert status(layer_of(schema, schemas=schemas, version="3.0.3"), "abc") == 200


def test_what_is_not_about_requests_does_no_harm() -> None:
    """Webhooks, callbacks and links are calls that somebody else receives or makes."""
    away = {"$ref": "https://example.com/x"}
    post = operation(**body({"type": "integer"}))
    post["callbacks"] = {"done": {"{$request.body#/url}": {"post": operation(**body(away))}}}
    post["responses"]["200"]["links"] = {"next": {"operationId": "nobody", "parameters": {"a": 1}}}
    given = document(
        paths={"/x": {"post": post}}, webhooks={"w": {"post": operation(**body(away))}}
    )
    layer = BodyValidation(openapi=given)
    assert [status(layer, 1), status(layer, "1")] == [200, 422]
    assert status(layer, 1, "/w") == 404
