"""Bodies that are parsed and judged in one pass: never another answer than without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ringwall import BodyValidation
from ringwall.validation._json import StrictJSON
from ringwall.validation._refusal import Refused
from ringwall.validation._schema import Schema
from ringwall.validation._typed import Typed, typed
from validation_support import ORDER, ask, vectors

Parse = Callable[[bytes], Any]
DRAFTS = {
    "draft2020-12": "2020-12",
    "draft2019-09": "2019-09",
    "draft7": "draft-07",
    "draft6": "draft-06",
    "draft4": "draft-04",
}


def parsers(schema: Any, dialect: str = "2020-12", formats: bool = True) -> tuple[Parse, Parse]:
    """One that asks the engine alone, and one that asks it where no type has accepted a body."""
    compiled = Schema(schema, "here", dialect=dialect, formats=formats)
    strict = StrictJSON(16, 400).knowing(schema, compiled.is_valid, compiled.errors)
    kept = typed(schema, formats)
    assert kept is not None, schema
    rest = Schema(kept.rest, "here", dialect=dialect, formats=formats).is_valid
    return strict, strict.typed(kept.decode, None if kept.rest is True else rest)


def outcome(parse: Parse, body: bytes) -> Any:
    """What comes out, with its types and the order of its names: as a text."""
    try:
        return repr(parse(body))
    except Refused as refused:
        return refused.reason, refused.errors


def accepts(kept: Typed, body: bytes) -> bool:
    try:
        kept.decode(body)
    except ValueError:
        return False
    return True


# Schemas, what is valid by them, and what nearly is

NAMES = ["a", "b", "id", "x-y", "é", "a:b", "$ref", "class", ""]
TEXTS = [
    "",
    "a",
    "AB",
    "a\n",
    "ab:c",
    "x, y",
    "é",
    "\U0001f600",
    "\U0001f600\U0001f600",
    "{[",
    "\\",
]
NUMBERS = [
    *(0, 1, -1, 2, 3, 7, 0.5, 1.0, 2.0, -0.0, 1e2, 2.5, 1e300, 1e301, 1e-7),
    *(2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30),
]
BOUNDS = [0, 1, 2, -1, 0.5, 1.5, 2.0, 2**53 - 1, 2**53, 2**63, 1e300]
LENGTHS = st.sampled_from([0, 1, 2, 3, 10**6])
PATTERNS = ["^a$", "^[A-Z]+$", "b", r"^\w*$"]
values = st.recursive(
    st.none() | st.booleans() | st.sampled_from(TEXTS) | st.sampled_from(NUMBERS),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inside, max_size=3)
    ),
    max_leaves=6,
)
Shaped = tuple[dict[str, Any], "st.SearchStrategy[Any]"]


def _some(draw: Any, words: dict[str, Any]) -> dict[str, Any]:
    return {word: draw(of) for word, of in words.items() if draw(st.integers(0, 3)) == 0}


def _text(draw: Any) -> Shaped:
    said = {"minLength": LENGTHS, "maxLength": LENGTHS, "pattern": st.sampled_from(PATTERNS)}
    said["format"] = st.sampled_from(["password", "date", "int32", "byte"])
    return {"type": "string", **_some(draw, said)}, st.sampled_from(TEXTS)


def _number(draw: Any) -> Shaped:
    bounds = st.sampled_from(BOUNDS)
    said: dict[str, Any] = dict.fromkeys(["minimum", "maximum"], bounds)
    said |= dict.fromkeys(["exclusiveMinimum", "exclusiveMaximum"], bounds)
    said |= {"multipleOf": st.sampled_from([1, 2, 0.5])}
    said |= {"format": st.sampled_from(["int32", "int64", "float", "double"])}
    kind = draw(st.sampled_from(["integer", "number"]))
    return {"type": kind, **_some(draw, said)}, st.sampled_from(NUMBERS)


def _enum(draw: Any) -> Shaped:
    found = draw(st.lists(st.sampled_from([*TEXTS, 1, 2, 2**60, None]), min_size=1, unique=True))
    if draw(st.booleans()):
        return {"const": found[0]}, st.just(found[0])
    kinds = {"type": ["string", "integer", "null"]} if draw(st.booleans()) else {}
    return {"enum": found, **kinds}, st.sampled_from(found)


def _array(draw: Any, depth: int) -> Shaped:
    items, inside = draw(shaped(depth - 1))
    said = {"minItems": LENGTHS, "maxItems": LENGTHS, "uniqueItems": st.booleans()}
    given = {"items": items} if draw(st.booleans()) else {}
    return {"type": "array", **given, **_some(draw, said)}, st.lists(inside, max_size=3)


def _object(draw: Any, depth: int) -> Shaped:
    parts = {
        name: draw(shaped(depth - 1))
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    }
    required = [name for name in parts if draw(st.booleans())]
    said = {"minProperties": st.integers(0, 3), "maxProperties": st.integers(0, 3)}
    schema = {
        "type": "object",
        "properties": {name: part for name, (part, _) in parts.items()},
        "additionalProperties": False,
        "required": required,
        **_some(draw, said),
    }
    if draw(st.integers(0, 9)) == 0:
        schema["additionalProperties"] = draw(shaped(depth - 1))[0]
    inside = {name: value for name, (_, value) in parts.items()}
    return schema, st.fixed_dictionaries(
        {name: inside[name] for name in required},
        optional={name: inside[name] for name in parts if name not in required},
    )


def _alternatives(draw: Any, depth: int) -> Shaped:
    parts = [draw(shaped(depth - 1)) for _ in range(draw(st.integers(1, 2)))]
    word = draw(st.sampled_from(["anyOf", "oneOf"]))
    schemas = [part for part, _ in parts] + [{"type": "null"}] * draw(st.booleans())
    return {word: schemas}, st.one_of(*(value for _, value in parts), st.none())


@st.composite
def shaped(draw: Any, depth: int = 3) -> Shaped:
    """A schema, most of whose words have types, and values that are much like it."""
    makers: list[Callable[[Any], Shaped]] = [_text, _number, _enum]
    makers.append(lambda draw: ({"type": "boolean"}, st.booleans()))
    makers.append(lambda draw: (draw(st.sampled_from([True, {}, {"minimum": 1}])), values))
    if depth:
        makers += [lambda draw: _array(draw, depth), lambda draw: _alternatives(draw, depth)]
        makers += [lambda draw: _object(draw, depth)] * 3
    schema, valid = draw(st.sampled_from(makers))(draw)
    if isinstance(schema, dict):
        schema = {**schema, **_some(draw, {"title": st.just("t"), "x-of": st.just(1)})}
        if isinstance(schema.get("type"), str) and draw(st.integers(0, 5)) == 0:
            schema["type"] = [schema["type"], "null"]
            valid |= st.none()
    return schema, valid


@st.composite
def written(draw: Any, value: Any) -> str:
    """A value as JSON, in one of the many ways to write it, at times with something amiss."""

    def odd() -> bool:
        return draw(st.integers(0, 24)) == 0

    def space() -> str:
        return draw(st.sampled_from(["", "", "", " ", "\n", "\t "]))

    if odd():
        value = draw(values)
    if isinstance(value, dict):
        members = [(name, draw(written(one))) for name, one in value.items()]
        if members and odd():
            members.append(draw(st.sampled_from(members)))  # a name that stands twice
        if odd():
            members.append((draw(st.sampled_from(NAMES)), draw(written(draw(values)))))
        if odd():
            members = draw(st.permutations(members))
        inside = [f"{draw(written(name))}{space()}:{space()}{one}" for name, one in members]
        return "{" + f"{space()},".join(inside) + "}"
    if isinstance(value, list):
        return "[" + f",{space()}".join(draw(written(one)) for one in value) + "]"
    if isinstance(value, str):
        escaped = [f"\\u{ord(sign):04x}" if odd() and sign < "~" else sign for sign in value]
        plain = [json.dumps(sign, ensure_ascii=odd())[1:-1] for sign in value]
        return (
            '"'
            + "".join(
                two if len(two) == 6 else one for one, two in zip(plain, escaped, strict=True)
            )
            + '"'
        )
    if isinstance(value, int) and not isinstance(value, bool) and odd():
        return f"{value}" + draw(st.sampled_from([".0", "e0", "E1", "e-1", "0", ".50"]))
    return json.dumps(value)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_no_answer_is_another_than_that_of_the_engine_alone(data: Any) -> None:
    schema, valid = data.draw(shaped())
    if typed(schema) is None:
        event("no type")
        return
    alone, first = parsers(schema)
    for _ in range(6):
        text = data.draw(written(data.draw(valid)))
        body = (text + data.draw(st.sampled_from(["", "", "", "\n", "x", "}"]))).encode()
        expected = outcome(alone, body)
        assert outcome(first, body) == expected, (schema, body)
        event("valid" if isinstance(expected, str) else "refused")


# One word at a time, with all that may be near its bound

WORDS: list[dict[str, Any]] = [
    *(
        {"type": kind, word: bound}
        for kind in ("integer", "number", ["integer", "null"])
        for word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        for bound in BOUNDS
    ),
    *({"type": "integer", "format": name} for name in ("int32", "int64")),
    {"type": "integer", "format": "int32", "minimum": 5, "maximum": 2**40},
    {"type": "number", "format": "int32"},
    {"type": "number", "minimum": 1, "exclusiveMinimum": 2},
    {"type": "number", "maximum": 2, "exclusiveMaximum": 1},
    {"type": "integer", "multipleOf": 2},
    {"type": "string", "minLength": 1, "maxLength": 2},
    {"type": "string", "maxLength": 1.0},
    {"type": "string", "pattern": "^a$"},
    {"type": "array", "minItems": 1, "maxItems": 2},
    {"type": "array", "items": {"type": "string", "pattern": "^a"}},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    {"type": "object", "additionalProperties": {"type": "string", "pattern": "^a"}},
    {"type": "object", "additionalProperties": {"type": "integer"}, "required": ["a"]},
    {"type": "object", "additionalProperties": False},
    {"type": ["string", "object"], "pattern": "^a", "required": ["a"]},
    {"type": ["integer", "number"], "minimum": 1},
    {"enum": ["a", "AB", 1, None]},
    {"enum": ["a", 1], "type": ["string", "number"]},
    {"const": "a\n", "type": "string"},
    {"anyOf": [{"type": "string", "pattern": "^a$"}, {"enum": [1, None]}]},
    {"oneOf": [{"type": "array", "items": {"type": "string", "format": "date"}}, {"const": "a"}]},
    {"anyOf": [{"type": "array", "uniqueItems": True}, {"type": "integer", "maximum": 2}]},
    {"allOf": [{"type": "string", "maxLength": 1}], "description": "one part"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": ["boolean", "null"]}}},
    {"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}, "default": 7},
]
MORE = ['["a","a"]', '["a","b"]', '["b"]', "[1,1]", "[1,1.0]", "[1,2,3]", '{"a":"a"}', '{"a":1}']
MORE += ['{"b":"b"}', '{"b":1}', "{}", '{"a":1,"a":1}', "1.5e0", "10e-1", "2147483648.0", "[]", "["]


@pytest.mark.parametrize("schema", WORDS, ids=str)
def test_each_word_means_what_it_means_to_the_engine(schema: dict[str, Any]) -> None:
    alone, first = parsers(schema)
    bodies = [json.dumps(value) for value in (*TEXTS, *NUMBERS, None, True, False)] + MORE
    expected = [outcome(alone, body.encode()) for body in bodies]
    assert [outcome(first, body.encode()) for body in bodies] == expected
    assert any(isinstance(found, str) for found in expected)


@pytest.mark.parametrize(
    "schema",
    [
        *(True, False, {}, {"minimum": 1}, {"$schema": "https://example.com/mine", "type": "null"}),
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"properties": {"a": {}}, "additionalProperties": False},
        {"type": "string", "items": {}},
        {"type": "array", "items": [{}]},
        {"type": "array", "items": False},
        {"type": "array", "items": {"not": {}}},
        {"type": "object", "patternProperties": {"a": {}}},
        {"type": "string", "not": {"const": "a"}},
        {"type": "string", "$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}},
        {"$ref": "#/$defs/a/items", "$defs": {"a": {"$id": "b", "items": {"type": "null"}}}},
        {"allOf": [{"type": "string"}, {"type": "string"}]},
        {"allOf": [{"type": "string"}], "minLength": 1},
        {"anyOf": [{"type": "string"}, {"const": "a"}]},
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"anyOf": [{"type": "string"}, {}]},
        *({"enum": found} for found in ([True], [1.5], [{}], [2**53], ["a", 0.5])),
        {"enum": ["a"], "type": "integer"},
        {"enum": ["a"], "const": "a"},
        {"$id": "https://example.com/", "type": "array", "items": {"$id": "b", "type": "string"}},
        {"type": "string", "nullable": True},
    ],
    ids=str,
)
def test_what_is_not_known_has_no_type(schema: Any) -> None:
    assert typed(schema) is None


def test_a_schema_without_end_has_no_type_and_takes_no_time() -> None:
    """Two references in each of thirty definitions: a rest of a thousand million schemas."""
    several: dict[str, Any] = {
        f"d{n}": {"type": "array", "items": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}]}}
        for n in range(30)
    }
    assert typed({"$ref": "#/$defs/d0", "$defs": {**several, "d30": {"type": "null"}}}) is None
    wide: dict[str, Any] = {
        f"d{n}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/d{n + 1}"} for name in "ab"},
            "additionalProperties": False,
        }
        for n in range(14)
    }
    assert typed({"$ref": "#/$defs/d0", "$defs": {**wide, "d14": {"type": "null"}}}) is None


def test_an_object_of_many_names_has_no_type() -> None:
    """Each name of a body is compared with all of those: a second for what takes a millisecond."""
    for most, has_type in ((50, True), (51, False)):
        names = dict.fromkeys(map(str, range(most)), True)
        schema = {"type": "object", "properties": names, "additionalProperties": False}
        assert (typed(schema) is not None) is has_type


def test_formats_are_what_the_engine_was_told_they_are() -> None:
    """One's own check of a name counts, whatever that name means elsewhere."""
    for name in ("password", "int32"):
        schema = {"type": ["string", "integer"], "format": name}
        kept = typed(schema, {name: lambda text: False})
        assert kept is not None
        assert kept.rest == {"format": name}
        everything = typed(schema, False)
        assert everything is not None
        assert everything.rest is True


# What the official suite asks for


def _suite(draft: str) -> Iterator[tuple[Any, list[Any], bool]]:
    root = vectors("JSON-Schema-Test-Suite") / "tests" / draft
    for file in sorted(root.rglob("*.json")):
        for group in json.loads(file.read_text("utf-8")):
            yield group["schema"], group["tests"], file.parent.name != "format"


@pytest.mark.parametrize("draft", DRAFTS)
def test_the_official_suite_whether_or_not_a_type_accepts(draft: str) -> None:
    judged = 0
    for schema, tests, formats_are_ignored in _suite(draft):
        if typed(schema) is None:
            continue
        alone, first = parsers(schema, DRAFTS[draft], not formats_are_ignored)
        for test in tests:
            body = json.dumps(test["data"]).encode()
            assert outcome(first, body) == outcome(alone, body), (schema, body)
            judged += 1
    assert judged >= 150


# Whose bodies are to be quick: the speed must not go in silence


def quick(layer: BodyValidation) -> bool:
    """Whether the bodies of its operation are parsed and judged at once."""
    operation = next(iter(layer._table.operations().values()))
    assert operation.bodies is not None
    found: Any = operation.bodies.find(b"application/json")
    found = found.handler
    parse = getattr(getattr(found, "__self__", None), "_parse", found)
    return bool(parse.__qualname__.startswith(StrictJSON.typed.__qualname__))


class Line(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    sku: Annotated[str, pydantic.Field(pattern="^[A-Z]+$")]
    size: Literal["s", "m"] | None = None
    count: int = pydantic.Field(ge=1, default=1)


class Basket(pydantic.BaseModel):
    lines: Annotated[list[Line], pydantic.Field(max_length=9)]
    labels: dict[str, float] = {}
    note: str | None = None


class Plain(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(max_length=9)]
    other: Plain | None = None


class Flat(msgspec.Struct):
    name: str
    sizes: list[int] = []


def test_bodies_of_models_and_documents_are_quick() -> None:
    for model in (Line, Basket, Flat, list[Flat], ORDER):
        assert quick(BodyValidation({"POST /v1/orders": model})), model
    assert not quick(BodyValidation({"POST /v1/orders": Plain}))  # without end


def test_bodies_of_a_fastapi_app_are_quick_where_its_objects_are_closed() -> None:
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    def add(basket: Any) -> None: ...

    add.__annotations__ = {"basket": Basket, "return": None}
    app.post("/v1/orders")(add)
    assert quick(BodyValidation(openapi=app, closed=True))
    assert not quick(BodyValidation(openapi=app))


def test_bodies_of_the_benchmarks_are_quick() -> None:
    from benchmarks import validation, world

    assert quick(BodyValidation({"POST /v1/orders": world.ORDER_SCHEMA}))
    assert quick(BodyValidation(openapi=validation.DOCUMENT))


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"item": "a", "quantity": 1, "item": "a"}', 400, "duplicate-name"),
        (b'{"item": "a", "quantity": 1, "\\u0069tem": "a"}', 400, "duplicate-name"),
        (b'{"item": "a", "quantity": 1, "extra": {"a": [1]}}', 422, "invalid-body"),
        (b'{"item": "a", "quantity": 1, "extra": "\xff"}', 400, "malformed-json"),
        (b'{"item": "a", "quantity": 1, "extra": ' + b"[" * 99 + b"]" * 99 + b"}", 400, "too-deep"),
        (b'{"item": "a", "quantity": "1"}', 422, "invalid-body"),
        (b'{"item": "a", "quantity": true}', 422, "invalid-body"),
        (b'{"item": "a:b, c", "quantity": 1, "quantity": 1}', 400, "duplicate-name"),
    ],
)
def test_what_a_type_would_overlook_is_refused(
    interface: str, body: bytes, status: int, code: str
) -> None:
    layer = BodyValidation({"POST /v1/orders": ORDER})
    assert quick(layer)
    answer = ask(layer, interface, body)
    assert answer.refused(status, code)
    assert not answer.called


def test_a_body_with_colons_and_commas_in_its_texts_is_parsed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = Schema(ORDER, "here")

    def never(*arguments: Any) -> Any:
        raise AssertionError("the long way")

    monkeypatch.setattr(StrictJSON, "__call__", never)
    kept = typed(ORDER)
    assert kept is not None
    parse = StrictJSON(9, 99).knowing(ORDER, compiled.is_valid, never).typed(kept.decode)
    for note in ("at 10:00", "at 10:00, or so", "\u003a"):
        value = {"item": "a", "quantity": 1, "note": note}
        assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_what_a_profile_refuses_is_refused(interface: str) -> None:
    layer = BodyValidation({"POST /v1/orders": ORDER}, nul="refuse")
    assert not quick(layer)
    answer = ask(layer, interface, b'{"item": "\\u0000", "quantity": 1}')
    assert answer.refused(400, "nul-character")
    assert not answer.called
