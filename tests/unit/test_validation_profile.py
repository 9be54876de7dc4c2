"""What JSON may be refused for beyond its grammar, each by an option."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openapi_support import document, layer_of, operation, parameter
from ringwall import BodyValidation, ConfigurationError
from ringwall.validation._profile import NamePatterns, ProfiledJSON
from validation_support import JSON, ask

interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
FORM = ("content-type", "application/x-www-form-urlencoded")
MULTIPART = ("content-type", "multipart/form-data; boundary=x")
LINES = ("content-type", "application/jsonl")
PATCH = ("content-type", "application/json-patch+json")
TYPES = [kind for _, kind in (JSON, FORM, LINES, PATCH)] + ["multipart/form-data"]
LAYER = BodyValidation(
    {"POST /v1/orders": True},
    media_types=TYPES,
    ijson_numbers=True,
    nul="refuse",
    forbidden_names=["__proto__", "constructor", "$*", "*.*", "*__"],
)
PLAIN = BodyValidation({"POST /v1/orders": True}, media_types=TYPES)


@interfaces
@pytest.mark.parametrize(
    "number",
    [
        *("9007199254740992", "-9007199254740992", "123456789012345678901234567890"),
        *("9007199254740993.0", "9.007199254740993e15", "0.1000000000000000001", "1e-400"),
        *("3.141592653589793238", "-2.00000000000000000001", "0." + "1" * 800),
    ],
)
def test_a_number_that_another_reader_would_change(interface: str, number: str) -> None:
    """RFC 7493 section 2.2; without the option it arrives exactly."""
    body = b'{"deep": [{"n": %b}]}' % number.encode()
    assert ask(LAYER, interface, body).refused(400, "inexact-number")
    assert ask(PLAIN, interface, body).seen == body


@interfaces
@pytest.mark.parametrize(
    "number",
    [
        *("9007199254740991", "-9007199254740991", "0", "-0", "-0.0", "0e5", "0.0", "1.50"),
        *(
            "0.1",
            "0.10000000000000001",
            "1e300",
            "1E+2",
            "100.0",
            "2.5e-308",
            "123456.789",
            "5e-324",
        ),
        *("true", '"9007199254740993"', "0.1000000000000000055511151231257827"),
    ],
)
def test_a_number_that_every_reader_keeps(interface: str, number: str) -> None:
    assert ask(LAYER, interface, b"[%b]" % number.encode()).value == json.loads(f"[{number}]")


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-300, 1e300) | st.floats(-1e300, -1e-300), st.integers(0, 14))
@example(5.960464477539063e-08, 0)  # the shortest form does not end as that of 16 digits
def test_whatever_a_double_is_written_as_passes(number: float, digits: int) -> None:
    parse = ProfiledJSON(64, 1000, ijson_numbers=True, nul=False, names=NamePatterns([]))
    for text in (repr(number), f"{number:.16e}", f"{number:.17e}", f"{number:.{digits}e}"):
        assert parse(text.encode()) == float(text)


@interfaces
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b'"\\u0000"'),
        (JSON, b'{"a": ["b\\u0000"]}'),
        (JSON, b'{"a\\u0000": 1}'),
        (LINES, b'1\n"\\u0000"\n'),
        (PATCH, b'[{"op": "add", "path": "/a", "value": "\\u0000"}]'),
        (MULTIPART, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\0\r\n--x--'),
    ],
)
def test_a_nul_by_option(interface: str, kind: Any, body: bytes) -> None:
    assert ask(LAYER, interface, body, headers=[kind]).refused(400, "nul-character")
    assert ask(PLAIN, interface, body, headers=[kind]).seen == body


@interfaces
@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "$where", "$", "a.b", ".", "__class__", "__"]
)
@pytest.mark.parametrize("kind", [JSON, FORM, LINES, MULTIPART])
def test_names_by_option(interface: str, name: str, kind: Any) -> None:
    body = {
        JSON: json.dumps({"a": [{name: 1}]}),
        LINES: json.dumps({name: 1}),
        FORM: f"b=1&{quote(name)}=1",
        MULTIPART: f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nb\r\n--x--',
    }[kind].encode()
    assert ask(LAYER, interface, body, headers=[kind]).refused(400, "forbidden-name")
    assert ask(PLAIN, interface, body, headers=[kind]).seen == body


@interfaces
def test_escapes_hide_no_name(interface: str) -> None:
    assert ask(LAYER, interface, b'{"\\u0024where": 1}').refused(400, "forbidden-name")
    assert ask(LAYER, interface, b'{"$wher\\u0065": 1}').refused(400, "forbidden-name")


@interfaces
@pytest.mark.parametrize("name", ["proto", "Constructor", "a$", "class", "__a", "_"])
def test_other_names_pass(interface: str, name: str) -> None:
    assert ask(LAYER, interface, json.dumps({name: "$where"}).encode()).called


@interfaces
@pytest.mark.parametrize("name", ["__proto__", "$where", "a.b", "~1.", "x~0__"])
@pytest.mark.parametrize("path", ["/{}", "/a/{}", "/{}/0/b"])
def test_a_name_may_stand_in_the_pointer_of_a_patch(interface: str, name: str, path: str) -> None:
    pointer = path.format(name)
    for change in (
        {"op": "add", "path": pointer, "value": 1},
        {"op": "copy", "from": pointer, "path": "/a"},
        {"op": "move", "from": "/a", "path": pointer},
    ):
        body = json.dumps([change]).encode()
        assert ask(LAYER, interface, body, headers=[PATCH]).refused(400, "forbidden-name")
        assert ask(PLAIN, interface, body, headers=[PATCH]).seen == body
    fine = b'[{"op": "add", "path": "/a/-", "value": "$where"}]'
    assert ask(LAYER, interface, fine, headers=[PATCH]).called


@interfaces
def test_a_nul_in_a_text(interface: str) -> None:
    content = {"text/plain": {"schema": {"type": "string"}}}
    posted = operation(requestBody={"content": content})
    given = document(paths={"/v1/orders": {"post": posted}})
    kind = ("content-type", "text/plain")
    layer = BodyValidation(openapi=given, nul="refuse")
    assert ask(layer, interface, b"a\0b", headers=[kind]).refused(400, "nul-character")
    assert ask(layer, interface, b"ab", headers=[kind]).seen == b"ab"
    layer = BodyValidation(openapi=given)
    assert ask(layer, interface, b"a\0b", headers=[kind]).seen == b"a\0b"


@interfaces
@pytest.mark.parametrize("location", ["header", "cookie", "path"])
def test_parameters_outside_of_the_query(interface: str, location: str) -> None:
    path = "/x/{n}" if location == "path" else "/x"
    given = [parameter({"type": "integer"}, "n", location)]

    def sent(number: int) -> Any:
        lines = {"header": [("n", str(number))], "cookie": [("cookie", f"n={number}")]}
        at = path.replace("{n}", str(number))
        return ask(layer, interface, path=at, headers=lines.get(location, []))

    layer = layer_of(parameters=given, path=path, ijson_numbers=True)
    assert sent(2**53).refused(400, "inexact-number")
    assert sent(2**53 - 1).called
    layer = layer_of(parameters=given, path=path)
    assert sent(2**53).called


@interfaces
def test_names_that_the_document_gives_are_no_names_of_a_request(interface: str) -> None:
    """`$filter` is OData's, and `__Host-` makes a cookie safe (RFC 6265bis section 4.1.3)."""
    text = {"type": "string"}
    given = [parameter(text, "$filter"), parameter(text, "__Host-id", "cookie")]
    layer = layer_of(parameters=given, forbidden_names=["$*", "__*"])
    cookie = [("cookie", "__Host-id=1")]
    assert ask(layer, interface, path="/x", headers=cookie, query="$filter=a").called


@interfaces
def test_names_in_a_header(interface: str) -> None:
    given = [parameter({"type": "object"}, "filter", "header", explode=True)]
    layer = layer_of(parameters=given, forbidden_names=["$*", "header"])
    answer = ask(layer, interface, path="/x", headers=[("filter", "$ne=1")])
    assert answer.refused(400, "forbidden-name")
    assert ask(layer, interface, path="/x", headers=[("filter", "ne=1")]).called


@interfaces
def test_names_in_a_query(interface: str) -> None:
    """`?filter[$ne]=1` is an operator for some databases."""
    deep = parameter({"type": "object"}, "filter", style="deepObject")
    layer = layer_of(parameters=[deep], forbidden_names=["$*"])
    answer = ask(layer, interface, path="/x", headers=[], query="filter[%24ne]=1")
    assert answer.refused(400, "forbidden-name")
    assert ask(layer, interface, path="/x", headers=[], query="filter[ne]=1").called


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"forbidden_names": "__proto__"}, r"is a list: write \['__proto__'\]"),
        ({"forbidden_names": [""]}, "write a name"),
        ({"forbidden_names": ["*"]}, "write a name"),
        ({"forbidden_names": ["a*b"]}, "write a name"),
        ({"forbidden_names": ["**b"]}, "write a name"),
        ({"forbidden_names": [7]}, "write a name"),
        ({"nul": True}, "use 'pass' or 'refuse'"),
    ],
)
def test_arguments_that_cannot_work_teach(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        BodyValidation({}, **options)


@interfaces
@pytest.mark.parametrize(
    ("options", "refuses"),
    [
        ({"ijson_numbers": True}, b"9007199254740993"),
        ({"nul": "refuse"}, b'"\\u0000"'),
        ({"forbidden_names": ["a"]}, b'{"a": 1}'),
    ],
)
def test_each_option_refuses_its_own(interface: str, options: Any, refuses: bytes) -> None:
    layer = BodyValidation({"POST /v1/orders": True}, **options)
    for body in (b"9007199254740993", b'"\\u0000"', b'{"a": 1}'):
        answer = ask(layer, interface, body)
        assert (answer.status, answer.called) == ((400, False) if body == refuses else (200, True))


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_what_is_refused_is_so_before_the_schema_is_asked(interface: str) -> None:
    seen: list[str] = []

    def check(text: str) -> bool:
        seen.append(text)
        return True

    schema = {"properties": {"a": {"format": "own"}, "b": {"type": "string"}}}
    layer = BodyValidation(
        {"POST /v1/orders": schema}, formats={"own": check}, nul="refuse", ijson_numbers=True
    )
    assert ask(layer, interface, b'{"a":"x\\u0000"}').refused(400, "nul-character")
    assert seen == []
    assert ask(layer, interface, b'{"a":"x","b":0.10000000000000000001}').refused(
        400, "inexact-number"
    )
    assert ask(layer, interface, b'{"a":"x","b":0.1}').refused(422, "invalid-body")
