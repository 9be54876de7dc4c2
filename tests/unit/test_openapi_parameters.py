"""Parameters: one spelling for each value, in every style, through both interfaces."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openapi_support import document, layer_of, operation, parameter
from ringwall import BodyValidation, ConfigurationError, Decision
from ringwall.validation.parameters import Malformed, unquote
from validation_support import Answer, ask

interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
INTEGER = {"type": "integer"}
TEXTS = {"type": "array", "items": {"type": "string"}}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
COLOUR = {
    "type": "object",
    "properties": {"R": INTEGER, "G": INTEGER, "name": {"type": "string"}},
    "additionalProperties": False,
}

SCHEMAS = {
    "N": INTEGER,
    "Loop": {"type": "integer", "allOf": [{"$ref": "#/components/schemas/Loop"}]},
    "Tree": {"anyOf": [INTEGER, {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}]},
}


def send(layer: BodyValidation, interface: str = "wsgi", **request: Any) -> Answer:
    return ask(layer, interface, **{"path": "/x", "headers": [], **request})


def errors(answer: Answer) -> list[tuple[Any, ...]]:
    assert answer.refused(422, "invalid-parameters"), answer
    found = answer.problem["errors"]
    return [(e["in"], e.get("name"), e["pointer"], e["code"]) for e in found]


# Values


@interfaces
@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "string"}, "caf%C3%A9+%2B%26", "café +&"),
        ({"type": "string"}, "", ""),
        ({}, "7", "7"),
        (True, "7", "7"),
        ({"type": "integer"}, "0", 0),
        ({"type": "integer"}, "-12", -12),
        ({"type": "integer"}, "123456789012345678901234567890", 123456789012345678901234567890),
        ({"type": "number"}, "-1.5e-3", -0.0015),
        ({"type": "number"}, "7", 7),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"enum": [1, 2]}, "2", 2),
        ({"const": True}, "true", True),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "7", 7),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "7", 7),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "07", "07"),
        ({"type": ["integer", "string"], "maxLength": 1, "maximum": 5}, "7", "7"),
        ({"type": ["boolean", "integer"]}, "true", True),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, "7", 7),
        ({"$ref": "#/components/schemas/N"}, "7", 7),
        ({"type": "string", "format": "date"}, "2020-02-29", "2020-02-29"),
        ({"oneOf": [{"minimum": 3}]}, "x", "x"),
        ({"anyOf": [True, {"type": "integer"}]}, "7", "7"),
        ({"$ref": "#/components/schemas/Loop"}, "7", 7),
    ],
)
def test_a_value_has_the_type_of_its_schema(
    interface: str, schema: Any, text: str, value: Any
) -> None:
    layer = layer_of(parameters=[parameter(schema)], schemas=SCHEMAS)
    answer = send(layer, interface, query="p=" + text)
    assert answer.status == 200, answer.body
    found = answer.parameters.query["p"]
    assert (found, type(found)) == (value, type(value))


@interfaces
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *[
            ("integer", text)
            for text in "+7 %2B7 07 7.0 7e0 7_0 0x7 -0 ٧ ７ 1%20 %207 7%0a".split()
        ],
        *[("integer", text) for text in ("", "true", "null", "9" * 400, "٧".encode().hex())],
        *[("number", text) for text in "NaN nan Infinity -inf 1e999 .5 5. +5 1_0 0x1 01".split()],
        ("number", "1" * 500 + ".0"),
        *[("boolean", text) for text in ("True", "TRUE", "1", "0", "yes", "on", "", "t")],
        *[("null", text) for text in ("", "null")],
    ],
)
def test_another_spelling_is_no_value(interface: str, kind: str, text: str) -> None:
    layer = layer_of(parameters=[parameter({"type": kind})])
    encoded = "".join(c if c.isascii() else "".join(f"%{b:02x}" for b in c.encode()) for c in text)
    assert errors(send(layer, interface, query="p=" + encoded)) == [("query", "p", "#", "type")]


@interfaces
@pytest.mark.parametrize(
    "query",
    [
        "p=%", "p=%zz", "p=%e", "p=%ff", "p=%c0%80", "p=%ed%a0%80", "p=%00", "%00=1", "p=\xe9",
        "%zz=1", "other=%zz", "p=a%00b", "p=%F8%88%80%80%80",
    ],
)  # fmt: skip
def test_a_malformed_query_is_400(interface: str, query: str) -> None:
    layer = layer_of(parameters=[parameter({"type": "string"})])
    assert send(layer, interface, query=query).refused(400, "malformed-query")


@interfaces
def test_a_query_is_bounded_before_it_is_read(interface: str) -> None:
    layer = layer_of(parameters=[parameter(TEXTS)])
    assert send(layer, interface, query="p=" + "a" * 8190).called
    assert send(layer, interface, query="p=" + "a" * 8191).refused(414, "query-too-long")
    assert send(layer, interface, query="&".join(["p=a"] * 256)).called
    assert send(layer, interface, query="&".join(["p=a"] * 257)).refused(400, "too-many-parameters")


@interfaces
def test_what_is_missing_or_not_declared_is_told_all_at_once(interface: str) -> None:
    layer = layer_of(
        parameters=[
            parameter(INTEGER, "limit", required=True),
            parameter({"type": "string", "maxLength": 1}, "q"),
            parameter(INTEGER, "X-Id", "header", required=True),
            parameter(INTEGER, "c", "cookie", required=True),
        ]
    )
    answer = send(layer, interface, query="q=secret&is_admin=1&debug=secret")
    assert sorted(errors(answer), key=str) == [
        ("cookie", "c", "#", "required"),
        ("header", "X-Id", "#", "required"),
        ("query", "limit", "#", "required"),
        ("query", "q", "#", "maxLength"),
        ("query", None, "#", "undeclared"),
    ]
    for word in (b"secret", b"is_admin", b"debug"):
        assert word not in answer.body
    assert answer.decisions[-1] == Decision("validation", "deny", "POST /x", "invalid-parameters")


@interfaces
def test_unknown_query_parameters_by_option(interface: str) -> None:
    layer = layer_of(parameters=[parameter(INTEGER)], unknown_query="pass")
    answer = send(layer, interface, query="utm_source=x&p=1&&=")
    assert answer.parameters.query == {"p": 1}
    assert send(layer, interface, query="utm=%ff").refused(400, "malformed-query")


@interfaces
@pytest.mark.parametrize("query", ["p=1&p=2", "p=1&p=1", "p=&p=1", "%70=1&p=2"])
def test_a_repeated_value_is_refused(interface: str, query: str) -> None:
    layer = layer_of(parameters=[parameter(INTEGER)])
    assert errors(send(layer, interface, query=query)) == [("query", "p", "#", "repeated")]


@pytest.mark.parametrize("name", ["P", "p[]", "p[0]", " p", "p%20", "p.x"])
def test_names_are_exact(name: str) -> None:
    layer = layer_of(parameters=[parameter(INTEGER)])
    assert errors(send(layer, query=name + "=1")) == [("query", None, "#", "undeclared")]


def test_an_empty_value_by_option() -> None:
    layer = layer_of(parameters=[parameter(INTEGER, allowEmptyValue=True)])
    for query, value in (("p", ""), ("p=", ""), ("p=7", 7)):
        assert send(layer, query=query).parameters.query == {"p": value}
    assert not send(layer, query="p=x").called
    assert errors(send(layer, query="p=&p=")) == [("query", "p", "#", "repeated")]
    assert not send(layer_of(parameters=[parameter(INTEGER)]), query="p").called


def test_an_api_key_in_the_query_is_not_judged_here() -> None:
    schemes = {
        "key": {"type": "apiKey", "in": "query", "name": "api_key"},
        "token": {"type": "http", "scheme": "bearer"},
        "away": {"$ref": "https://example.com/other.json"},
        "same": {"$ref": "#/components/securitySchemes/key"},
    }
    given = document(components={"securitySchemes": schemes}, paths={"/x": {"post": operation()}})
    layer = BodyValidation(openapi=given)
    assert send(layer, query="api_key=k").parameters.query == {}
    assert not send(layer, query="apikey=k").called


# Styles


@interfaces
@pytest.mark.parametrize(
    ("fields", "schema", "query", "value"),
    [
        ({}, NUMBERS, "p=1", [1]),
        ({}, NUMBERS, "p=1&p=2", [1, 2]),
        ({}, {**NUMBERS, "allOf": [True]}, "p=1", [1]),
        ({}, TEXTS, "p=a,b&p=c%2Cd", ["a,b", "c,d"]),
        ({"explode": False}, NUMBERS, "p=1,2", [1, 2]),
        ({"explode": False}, TEXTS, "p=a,b%2Cc", ["a", "b,c"]),
        ({"explode": False}, TEXTS, "p=", []),
        ({"style": "spaceDelimited", "explode": False}, TEXTS, "p=a%20b+c", ["a", "b", "c"]),
        ({"style": "spaceDelimited"}, TEXTS, "p=a%20b", ["a", "b"]),
        ({"style": "pipeDelimited", "explode": False}, NUMBERS, "p=1|2%7C3%7c4", [1, 2, 3, 4]),
        ({"style": "pipeDelimited"}, TEXTS, "p=", []),
        ({}, COLOUR, "R=1&G=2&name=a%20b", {"R": 1, "G": 2, "name": "a b"}),
        ({"explode": False}, COLOUR, "p=R,1,G,2", {"R": 1, "G": 2}),
        ({"style": "spaceDelimited", "explode": False}, COLOUR, "p=R%201", {"R": 1}),
        ({"style": "deepObject"}, COLOUR, "p[R]=1&p%5BG%5D=2", {"R": 1, "G": 2}),
        ({"style": "deepObject", "explode": False}, COLOUR, "p[R]=1", {"R": 1}),
        (
            {"style": "deepObject"},
            {"type": "object", "properties": {"ids": NUMBERS}},
            "p[ids]=1&p[ids]=2&p[more]=x",
            {"ids": [1, 2], "more": "x"},
        ),
        (
            {},
            {"type": "object", "additionalProperties": INTEGER},
            "a=1&b=2",
            {"a": 1, "b": 2},
        ),
        (
            {"explode": False},
            {"type": "array", "prefixItems": [INTEGER, {"type": "string"}], "items": INTEGER},
            "p=1,2,3",
            [1, "2", 3],
        ),
        ({"allowReserved": True}, {"type": "string"}, "p=/a:b?c@d", "/a:b?c@d"),
    ],
)
def test_styles_of_a_query(
    interface: str, fields: dict[str, Any], schema: Any, query: str, value: Any
) -> None:
    layer = layer_of(parameters=[parameter(schema, **fields)])
    answer = send(layer, interface, query=query)
    assert answer.status == 200, answer.body
    assert answer.parameters.query == {"p": value}


@pytest.mark.parametrize(
    ("fields", "schema", "query", "error"),
    [
        ({}, NUMBERS, "p=1,2", ("p", "#/0", "type")),
        ({}, {"type": ["boolean", "integer"]}, "p=x", ("p", "#", "type")),
        ({"explode": False}, NUMBERS, "p=1&p=2", ("p", "#", "repeated")),
        ({"explode": False}, NUMBERS, "p=1,,2", ("p", "#/1", "type")),
        ({"explode": False}, COLOUR, "p=R,1,G", ("p", "#", "style")),
        ({"explode": False}, COLOUR, "p=R,1,R,2", ("p", "#", "repeated")),
        ({"explode": False}, COLOUR, "p=R,x", ("p", "#/R", "type")),
        ({}, COLOUR, "R=1&R=2", ("p", "#", "repeated")),
        ({}, COLOUR, "R=1&admin=1", (None, "#", "undeclared")),
        ({"style": "deepObject"}, COLOUR, "p[R]=1&p[R]=2", ("p", "#", "repeated")),
        ({"style": "deepObject"}, COLOUR, "p[admin]=1", ("p", "#", "additionalProperties")),
        ({"style": "deepObject"}, COLOUR, "p[]=1", ("p", "#", "additionalProperties")),
        ({"style": "deepObject"}, COLOUR, "p[R][x]=1", (None, "#", "undeclared")),
        ({"style": "deepObject"}, COLOUR, "q[R]=1", (None, "#", "undeclared")),
        ({"style": "deepObject"}, COLOUR, "p=1", (None, "#", "undeclared")),
    ],
)
def test_what_is_not_in_the_style_is_refused(
    fields: dict[str, Any], schema: Any, query: str, error: tuple[Any, ...]
) -> None:
    layer = layer_of(parameters=[parameter(schema, **fields)])
    assert errors(send(layer, query=query)) == [("query", *error)]


@interfaces
@pytest.mark.parametrize(
    ("fields", "schema", "segment", "value"),
    [
        ({}, INTEGER, "7", 7),
        ({}, {"type": "string"}, "a b,c", "a b,c"),
        ({}, NUMBERS, "1,2", [1, 2]),
        ({}, COLOUR, "R,1,G,2", {"R": 1, "G": 2}),
        ({"explode": True}, COLOUR, "R=1,G=2", {"R": 1, "G": 2}),
        ({"style": "label"}, INTEGER, ".7", 7),
        ({"style": "label"}, NUMBERS, ".1,2", [1, 2]),
        ({"style": "label"}, NUMBERS, ".", []),
        ({"style": "label", "explode": True}, NUMBERS, ".1.2", [1, 2]),
        ({"style": "label"}, COLOUR, ".R,1", {"R": 1}),
        ({"style": "label", "explode": True}, COLOUR, ".R=1.G=2", {"R": 1, "G": 2}),
        ({"content": {"application/json": {"schema": NUMBERS}}}, None, "[1,2]", [1, 2]),
    ],
)
def test_styles_of_a_path(
    interface: str, fields: dict[str, Any], schema: Any, segment: str, value: Any
) -> None:
    given = parameter(schema, "a-b", "path", **fields)
    if schema is None:
        del given["schema"]
    layer = layer_of(parameters=[given], path="/x/{a-b}")
    answer = send(layer, interface, path="/x/" + segment)
    if "." in (segment, segment.replace("..", ".")):
        assert answer.status == 400  # a dot segment, for the boundary
        return
    assert answer.status == 200, answer.body
    assert answer.parameters.path == {"a-b": value}


@pytest.mark.parametrize(
    ("fields", "schema", "segment", "code"),
    [
        ({}, INTEGER, "07", "type"),
        ({}, INTEGER, "+7", "type"),
        ({}, INTEGER, "٧", "type"),
        ({}, NUMBERS, "1,x", "type"),
        ({}, COLOUR, "R", "style"),
        ({"explode": True}, COLOUR, "R", "style"),
        ({"explode": True}, COLOUR, "R=1,R=2", "repeated"),
        ({"style": "label"}, INTEGER, "7", "style"),
        ({"style": "matrix"}, INTEGER, "7", "style"),
    ],
)
def test_a_path_that_is_not_as_declared_is_refused(
    fields: dict[str, Any], schema: Any, segment: str, code: str
) -> None:
    layer = layer_of(parameters=[parameter(schema, "a", "path", **fields)], path="/x/{a}")
    found = errors(send(layer, path="/x/" + segment))
    assert [(location, name, last) for location, name, _, last in found] == [("path", "a", code)]


@pytest.mark.parametrize(
    ("fields", "schema", "text", "value"),
    [
        ({}, INTEGER, ";a=7", 7),
        ({}, NUMBERS, ";a=1,2", [1, 2]),
        ({"explode": True}, NUMBERS, ";a=1;a=2", [1, 2]),
        ({}, COLOUR, ";a=R,1", {"R": 1}),
        ({"explode": True}, COLOUR, ";R=1;G=2", {"R": 1, "G": 2}),
        ({}, INTEGER, ";b=7", None),
        ({}, INTEGER, ";a=7;a=8", None),
    ],
)
def test_the_style_matrix_where_the_boundary_allows_semicolons(
    fields: dict[str, Any], schema: Any, text: str, value: Any
) -> None:
    given = parameter(schema, "a", "path", style="matrix", **fields)
    layer = layer_of(parameters=[given], path="/x/{a}")
    assert send(layer, path="/x/" + text).status == 400
    answer = send(layer, path="/x/" + text, relax=["semicolon"])
    assert answer.called is (value is not None)
    assert value is None or answer.parameters.path == {"a": value}


@interfaces
@pytest.mark.parametrize(
    ("fields", "schema", "text", "value"),
    [
        ({}, INTEGER, "7", 7),
        ({}, INTEGER, " 7\t", 7),
        ({}, {"type": "string"}, "a, b", "a, b"),
        ({}, NUMBERS, "1, 2,3", [1, 2, 3]),
        ({}, COLOUR, "R,1", {"R": 1}),
        ({"explode": True}, COLOUR, "R=1, G=2", {"R": 1, "G": 2}),
        ({}, INTEGER, "+7", None),
        ({}, {"type": "string"}, "caf\xe9", None),
        ({}, {"type": "string"}, "a\x00", None),
    ],
)
def test_headers(
    interface: str, fields: dict[str, Any], schema: Any, text: str, value: Any
) -> None:
    layer = layer_of(parameters=[parameter(schema, "X-Value", "header", **fields)])
    answer = send(layer, interface, headers=[("x-value", text)])
    assert answer.called is (value is not None)
    assert value is None or answer.parameters.header == {"X-Value": value}


def test_a_repeated_header_is_one_list() -> None:
    layer = layer_of(parameters=[parameter(NUMBERS, "X-Ids", "header")])
    answer = send(layer, "asgi", headers=[("x-ids", "1"), ("x-ids", "2")])
    assert answer.parameters.header == {"X-Ids": [1, 2]}
    layer = layer_of(parameters=[parameter(INTEGER, "X-Id", "header")])
    assert not send(layer, "asgi", headers=[("x-id", "1"), ("x-id", "2")]).called


def test_some_headers_are_not_the_documents_to_describe() -> None:
    names = ("Accept", "content-type", "Authorization")
    layer = layer_of(parameters=[parameter(INTEGER, name, "header") for name in names])
    answer = send(layer, headers=[("accept", "text/html"), ("authorization", "x")])
    assert answer.parameters.header == {}


@interfaces
@pytest.mark.parametrize(
    ("fields", "schema", "text", "value"),
    [
        ({}, INTEGER, "c=7", 7),
        ({}, INTEGER, "other=a,b; c=7 ; x", 7),
        ({}, INTEGER, "C=7", "absent"),
        ({}, INTEGER, "c", "absent"),
        ({}, NUMBERS, "c=1; c=2", [1, 2]),
        ({"explode": False}, NUMBERS, "c=1,2", [1, 2]),
        ({"explode": False}, COLOUR, "c=R,1", {"R": 1}),
        ({}, INTEGER, "c=7; c=8", None),
        ({}, INTEGER, 'c="7"', None),
        ({}, INTEGER, "a=1, c=7", None),
        ({}, INTEGER, "c=7, c=8", None),
        ({}, {"type": "string"}, "c=caf\xe9", None),
        ({}, {"type": "string"}, "c=a\\b", None),
        ({}, INTEGER, "c=%37", None),
        ({}, INTEGER, "a=1;\xa0c=7", None),
        ({}, INTEGER, "a=1; c\x85=7", None),
    ],
)
def test_cookies(
    interface: str, fields: dict[str, Any], schema: Any, text: str, value: Any
) -> None:
    layer = layer_of(parameters=[parameter(schema, "c", "cookie", **fields)])
    answer = send(layer, interface, headers=[("cookie", text)])
    assert answer.called is (value is not None)
    expected = {} if value == "absent" else {"c": value}
    assert value is None or answer.parameters.cookie == expected


@interfaces
@pytest.mark.parametrize("location", ["query", "header", "cookie"])
def test_parameters_as_json(interface: str, location: str) -> None:
    given = parameter(None, "p", location, content={"application/json": {"schema": COLOUR}})
    del given["schema"]
    layer = layer_of(parameters=[given])

    def ask_with(text: str) -> Answer:
        if location == "query":
            return send(layer, interface, query="p=" + text.replace('"', "%22"))
        line = ("p", text) if location == "header" else ("cookie", "p=" + text)
        return send(layer, interface, headers=[line])

    assert ask_with('{"R":1}').called
    for text in ('{"R":1,"R":2}', "{", "", "NaN", "[" * 100, '{"R":1}{}'):
        answer = ask_with(text)
        assert [error[1:] for error in errors(answer)] == [("p", "#", "json")]
    assert errors(ask_with('{"admin":1}')) == [(location, "p", "#", "additionalProperties")]


def test_a_value_that_is_too_deep_to_explain_is_refused_all_the_same() -> None:
    given = parameter(
        None, content={"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}
    )
    del given["schema"]
    layer = layer_of(parameters=[given], schemas=SCHEMAS)
    assert send(layer, query="p=[[[1]]]").called
    answer = send(layer, query="p=" + "[" * 20 + "%22x%22" + "]" * 20)
    assert answer.refused(422, "invalid-parameters")
    assert [error["code"] for error in answer.problem["errors"]] == ["schema"]


def test_parameters_as_text_of_another_type() -> None:
    given = parameter(None, content={"text/plain": {"schema": {"type": "string"}}})
    del given["schema"]
    assert send(layer_of(parameters=[given]), query="p={").parameters.query == {"p": "{"}


# Declarations


def test_an_operation_replaces_the_parameters_of_its_path() -> None:
    given = document(
        components={"parameters": {"P": parameter({"type": "string"})}},
        paths={
            "/x": {
                "parameters": [
                    {"$ref": "#/components/parameters/P"},
                    parameter(INTEGER, "X-A", "header"),
                    parameter(INTEGER, "q"),
                ],
                "post": operation(
                    parameters=[parameter(INTEGER), parameter(NUMBERS, "x-a", "header")]
                ),
            }
        },
    )
    answer = send(BodyValidation(openapi=given), query="p=7&q=1", headers=[("X-A", "1,2")])
    assert answer.parameters == ({}, {"p": 7, "q": 1}, {"x-a": [1, 2]}, {})


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ([parameter({}, location="qurey")], "unknown place 'qurey'; did you mean 'query'"),
        ([parameter({}, style="simple")], "unknown style 'simple' of a query parameter"),
        ([parameter({}, location="path", style="form")], "unknown style 'form'"),
        ([parameter({}), parameter({})], "the query parameter 'p' is declared twice"),
        ([{"name": "p", "in": "query"}], "one of 'schema' and 'content'"),
        ([parameter({}, content={"a/b": {}})], "one of 'schema' and 'content'"),
        ([{"name": "p", "in": "query", "content": {}}], "write one media type"),
        ([parameter({}, location="path", required=False)], "needs 'required': true"),
        ([parameter({}, location="path")], "'p' is not both in the path"),
        ([{"$ref": "#/info"}], "this is no parameter"),
        ([parameter({"type": "strin"})], "is not valid"),
    ],
)
def test_mistakes_in_a_declaration(given: list[Any], hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        layer_of(parameters=given)


def test_a_mistake_in_the_components_is_told_too() -> None:
    given = document(components={"parameters": {"P": parameter({}, location=None)}})
    with pytest.raises(ConfigurationError, match="P/in: write a text"):
        BodyValidation(openapi=given)


# Fuzz


EVERYTHING = layer_of(
    parameters=[
        parameter(INTEGER, "i"),
        parameter({"type": ["number", "boolean", "string"]}, "u"),
        parameter(NUMBERS, "n", explode=False),
        parameter(TEXTS, "t", style="pipeDelimited"),
        parameter(COLOUR, "d", style="deepObject"),
        parameter({"type": "object", "additionalProperties": {"type": "string"}}, "o"),
        parameter(COLOUR, "h", "header"),
        parameter(NUMBERS, "c", "cookie", explode=False),
        parameter(COLOUR, "s", "path"),
        {"name": "j", "in": "query", "content": {"application/json": {"schema": COLOUR}}},
    ],
    path="/x/{s}",
)
_TEXT = st.text(alphabet='iuntdohcsjRG[]=&,%|;+0123456789. -{}":aA', max_size=30)


@interfaces
@settings(max_examples=200, deadline=None)
@given(
    query=_TEXT | st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")),
    header=_TEXT | st.text(alphabet=st.characters(max_codepoint=255), max_size=20),
    cookie=_TEXT | st.text(alphabet=st.characters(max_codepoint=255), max_size=20),
    segment=st.sampled_from(["R,1", "R,1,G", "x", "é,1"]),
)
def test_any_parameters_are_valid_or_refused_with_4xx(
    interface: str, query: str, header: str, cookie: str, segment: str
) -> None:
    headers = [("h", header), ("cookie", cookie)]
    answer = send(EVERYTHING, interface, path="/x/" + segment, query=query, headers=headers)
    if answer.called:
        assert answer.status == 200
        assert isinstance(answer.parameters.query.get("i", 0), int)
    else:
        assert answer.status in (400, 414, 422)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="%4041aFf=+\r\n \t_.&\0é", max_size=12))
def test_percent_decoding_is_that_of_urllib_or_none(text: str) -> None:
    try:
        found = unquote(text)
    except Malformed:
        return
    assert found == unquote_to_bytes(text.replace("+", " ")).decode()


def test_a_megabyte_of_escapes_is_decoded_without_a_loop() -> None:
    assert unquote("%41%3D=" * 100_000) == "A==" * 100_000
