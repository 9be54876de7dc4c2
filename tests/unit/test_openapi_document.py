"""OpenAPI documents: what is a mistake is told at start-up, with its place."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ringwall import BodyValidation, ConfigurationError
from ringwall._errors import MissingDependency
from ringwall.validation.openapi._document import Document
from ringwall.validation.openapi._yaml import parse_yaml
from validation_support import ask, vectors


def document(version: str = "3.1.0", /, **fields: Any) -> dict[str, Any]:
    return {"openapi": version, "info": {"title": "t", "version": "1"}, "paths": {}, **fields}


def operation(**fields: Any) -> dict[str, Any]:
    return {"/x": {"post": {"responses": {"200": {"description": ""}}, **fields}}}


# Vectors

# One says in prose what the others leave to a schema: this document breaks the specification.
_BROKEN = {"operation-object-example.yaml": "'id' is not both in the path and declared"}


def test_the_documents_of_the_specification() -> None:
    root = vectors("oai")
    good = [
        *(root / "v3.1-dev/tests/schema/pass").glob("*.yaml"),
        *(root / "_archive_/schemas/v3.0/pass").glob("*.yaml"),
    ]
    bad = list((root / "v3.1-dev/tests/schema/fail").glob("*.yaml"))
    assert (len(good), len(bad)) == (41, 11)
    for path in good:
        if path.name in _BROKEN:
            with pytest.raises(ConfigurationError, match=_BROKEN[path.name]):
                BodyValidation(openapi=path)
        else:
            BodyValidation(openapi=str(path))
    for path in bad:
        with pytest.raises(ConfigurationError, match="not valid at #"):
            BodyValidation(openapi=path)


# Mistakes


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"swagger": "2.0"}, "convert Swagger 2.0"),
        ({"openapi": 3.1}, "write '3.1.0'"),
        ({"openapi": "3.2.0"}, "write '3.1.0'"),
        ({"openapi": "3.1.0"}, "at #: the field 'info' is needed"),
        (document(paths=None), "at #/paths: write an object"),
        (document(pathz={}), "unknown field 'pathz'; did you mean 'paths'"),
        (document("3.0.3", webhooks={}), "unknown field 'webhooks'"),
        (document(paths={"x": {}}), "a path begins with '/'"),
        (document(paths={"/x": {"psot": {}}}), "at #/paths/~1x: .*did you mean 'post'"),
        (document(paths=operation(requestbody={})), "did you mean 'requestBody'"),
        (document(paths=operation(requestBody={})), "the field 'content' is needed"),
        (document(paths=operation(requestBody={"content": []})), "content: write an object"),
        (document(paths=operation(deprecated="yes")), "deprecated: write true or false"),
        (document(paths=operation(responses={"600": {}})), "'600' cannot stand here"),
        (document("3.0.3", paths={"/x": {"post": {}}}), "the field 'responses' is needed"),
        (document(tags={}), "at #/tags: write a list"),
        (document(tags=[{}]), "at #/tags/0: the field 'name' is needed"),
        (document(components={"schemas": {"X": 7}}), "schemas/X: a schema is an object"),
        (document(components={"parameters": {"X": {"$ref": 7}}}), "X/.ref: write a text"),
        (
            document(servers=[{"url": "/", "variables": {"a": {"default": "", "enum": []}}}]),
            "enum: it is empty",
        ),
        (document(paths={"/{a}/{a}": {"get": {}}}), "two parameters of the path"),
        (document(paths={"/a{b}": {"get": {}}}), "'b' is not both in the path and declared"),
        (document(paths={"/{a}{b}": {"get": {}}}), "nothing tells where one parameter ends"),
        (document(paths={"/{a}": {"get": {}}}), "'a' is not both in the path and declared"),
        (document(paths={"/a": {"get": {}}, "/a ": {"get": {}}}), "can never match"),
        (
            document(servers=[{"url": "/{v}"}], paths=operation()),
            "the variable 'v' of the URL is not declared",
        ),
        (document(paths=operation(requestBody={"$ref": "#/info"})), "this is no request body"),
        (
            document(paths=operation(requestBody={"content": {"text": {}}})),
            "'text' is no media type",
        ),
        (
            document(
                paths={
                    f"/{{{name}}}": {
                        "get": {
                            "parameters": [
                                {"name": name, "in": "path", "required": True, "schema": {}}
                            ]
                        }
                    }
                    for name in "ab"
                }
            ),
            "match the same paths",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(given: Any, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        BodyValidation(openapi=given)


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("https://example.com/x.json#/a", "nothing is fetched"),
        ("other.yaml#/a", "nothing is fetched"),
        ("../secret", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("#/components/schemas/Nobody", "leads to nothing"),
        ("#/components/schemas/A/allOf/9", "leads to nothing"),
        ("#/info/title", "leads to no schema"),
        ("#/info/title/x", "leads to nothing"),
        ("#anchor", "is no pointer"),
        ("#/%ff", "is not in UTF-8"),
        (7, "write a text"),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_a_reference_that_leads_nowhere_is_told_with_its_place(
    reference: Any, hint: str, deep: bool
) -> None:
    schema = {"$ref": reference}
    content = {"application/json": {"schema": {"items": schema} if deep else schema}}
    given = document(
        paths=operation(requestBody={"content": content}),
        components={"schemas": {"A": {"allOf": [{}]}}},
    )
    place = "/schema/items/" if deep else "/schema/"
    with pytest.raises(ConfigurationError, match=place + r"\$ref: .*" + hint):
        BodyValidation(openapi=given)


def test_references_of_objects_lead_somewhere_too() -> None:
    around = document(
        components={"requestBodies": {"A": {"$ref": "#/components/requestBodies/A"}}},
        paths=operation(requestBody={"$ref": "#/components/requestBodies/A"}),
    )
    with pytest.raises(ConfigurationError, match="leads back to itself"):
        BodyValidation(openapi=around)
    away = document(paths={"/x": {"$ref": "paths.yaml"}})
    with pytest.raises(ConfigurationError, match=r"#/paths/~1x/\$ref: .*nothing is fetched"):
        BodyValidation(openapi=away)


def test_a_list_is_reached_by_a_pointer() -> None:
    found = Document(document(tags=[{"name": "a"}, {"name": "b~/"}])).find("#/tags/1/name", "#")
    assert found == ("b~/", "#/tags/1/name")


@pytest.mark.parametrize("source", [7, [], object()])
def test_other_sources_are_none(source: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a path"):
        BodyValidation(openapi=source)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"schemas": {}, "openapi": {}}, "exclude each other"),
        ({"openapi": document(), "undeclared": "allow"}, "use 'refuse' or 'pass'"),
        ({"openapi": document(), "unknown_query": True}, "use 'refuse' or 'pass'"),
        ({"openapi": document(), "exempt": "/docs"}, "exempt is a list"),
        ({"openapi": document(), "exempt": ["docs"]}, "begin with '/'"),
        ({"openapi": document(paths=operation()), "base_path": "v1"}, "begins with '/'"),
    ],
)
def test_options_that_cannot_work_teach(arguments: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        BodyValidation(**arguments)


# Files


def test_a_document_is_read_from_json_and_yaml(tmp_path: Path) -> None:
    given = document(paths=operation())
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(given))
    assert ask(BodyValidation(openapi=path), "wsgi", path="/x", headers=[]).status == 200
    path = tmp_path / "openapi.yml"
    path.write_text("openapi: 3.0.3\ninfo: {title: t, version: 1.0.0}\npaths: {}\n")
    assert ask(BodyValidation(openapi=path), "wsgi", path="/x", headers=[]).status == 404


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("a.json", b'{"a": 1, "a": 2}', "no strict JSON .duplicate-name"),
        ("a.json", b"openapi: 3.0.0", "end its name in .yaml"),
        ("a.json", b"[]", "is an object"),
        ("a.yaml", b"", "is empty"),
        ("a.yaml", b"a: [", "is no YAML"),
        ("a.yaml", b"- a", "is an object"),
        ("a.yaml", b"a: 1\nb: 2\na: 3\n", "the name 'a' twice, line 3"),
        ("a.yaml", b"[a]: 1", "no text, line 1"),
        ("a.yaml", b"a: !!python/object/apply:os.system ['id']", "is no YAML"),
        ("a.yaml", b"a: &x [*x]", "in itself"),
        ("a.yaml", b"[" * 60_000, "nests too deeply"),
        ("a.yaml", b"[" * 150 + b"]" * 150, "nests too deeply"),
        ("a.yaml", b"a: \xff", "is no YAML"),
        ("a.yaml", b"a: !!timestamp 2020-01-01", "is no YAML"),
        ("a.yaml", b"a: !!binary aGk=", "is no YAML"),
    ],
)
def test_a_bad_file_is_told(tmp_path: Path, name: str, text: bytes, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=hint):
        BodyValidation(openapi=path)


def test_a_file_that_is_not_there_or_too_large_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        BodyValidation(openapi=tmp_path / "nothing.json")
    path = tmp_path / "large.json"
    path.write_bytes(b"{}")
    monkeypatch.setattr("ringwall.validation.openapi._load._LARGEST", 1)
    with pytest.raises(ConfigurationError, match="larger than"):
        BodyValidation(openapi=path)


def test_aliases_cannot_stand_for_more_than_memory_holds() -> None:
    lines = ["a0: &a0 [" + ",".join("x" * 10) + "]"]
    for level in range(1, 10):
        lines.append(f"a{level}: &a{level} [" + ",".join([f"*a{level - 1}"] * 10) + "]")
    with pytest.raises(ConfigurationError, match="stands for more than"):
        parse_yaml("\n".join(lines).encode(), "bomb.yaml")
    assert parse_yaml(b"a: &x [1]\nb: *x\n", "fine.yaml") == {"a": [1], "b": [1]}


def test_yaml_is_read_as_json() -> None:
    """The schema of YAML 1.2: `no` is a text, and so is a date."""
    text = (
        b"no: yes\non: off\ntime: 1:30\ndate: 2020-01-01\noctal: 010\nhex: 0x1F\n200: ok\n"
        b"t: true\nf: false\nn: null\nempty:\nint: -7\nfloat: 1.5e3\nquoted: '7'\nmerge: {<<: 1}\n"
    )
    assert parse_yaml(text, "a.yaml") == {
        "no": "yes",
        "on": "off",
        "time": "1:30",
        "date": "2020-01-01",
        "octal": 10,
        "hex": "0x1F",
        "200": "ok",
        "t": True,
        "f": False,
        "n": None,
        "empty": None,
        "int": -7,
        "float": 1500.0,
        "quoted": "7",
        "merge": {"<<": 1},
    }


def test_yaml_needs_pyyaml() -> None:
    code = """
import sys
sys.modules["yaml"] = None
from ringwall import BodyValidation
try:
    BodyValidation(openapi="pyproject.toml".replace(".toml", ".yaml"))
except ValueError as error:
    print(error)
from ringwall.validation.openapi._yaml import parse_yaml
try:
    parse_yaml(b"", "a.yaml")
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "ringwall[yaml]" in done.stdout and MissingDependency.__name__ in done.stdout, done


def test_a_document_that_a_yaml_parser_made() -> None:
    """PyYAML reads the status `200:` as a number, and what looks like a date as one."""
    import datetime

    given = document(paths={"/x": {"post": {"responses": {200: {"description": ""}}}}})
    assert ask(BodyValidation(openapi=given), "wsgi", path="/x", headers=[]).called
    given["info"]["version"] = datetime.date(2020, 1, 1)
    with pytest.raises(ConfigurationError, match="#/info/version: a date is no JSON"):
        BodyValidation(openapi=given)
    with pytest.raises(ConfigurationError, match="the name True is no text"):
        BodyValidation(openapi=document(paths={True: {}}))
    around: dict[str, Any] = document()
    around["x-me"] = (around,)
    with pytest.raises(ConfigurationError, match="nests too deeply, or in itself"):
        BodyValidation(openapi=around)


def test_the_document_may_change_afterwards() -> None:
    given = document(paths=operation())
    before = copy.deepcopy(given)
    layer = BodyValidation(openapi=given)
    assert given == before
    given["paths"].clear()
    assert ask(layer, "wsgi", path="/x", headers=[]).called
