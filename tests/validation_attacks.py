"""Attacks on bodies and parameters, as one table that runs in memory and over real servers.

A row has the number that it has in the catalogue of attacks that this layer was made to answer. The
API below is small and has one of everything that is attacked; `/strict` is the same API with the
options that refuse more.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ringwall import BodyValidation

Line = tuple[str, str]
KIND = "application/json"
JSON: Line = ("content-type", KIND)
FORM: Line = ("content-type", "application/x-www-form-urlencoded")
PARTS: Line = ("content-type", "multipart/form-data; boundary=x")
SECRET = "zqx7hunter2zqx7"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
GOOD = b'{"item": "kettle", "quantity": 1}'
MANY = ("http", "asgi", "wsgi")

_TEXT = {"type": "string"}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "item": {"type": "string", "minLength": 1, "maxLength": 100},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 100},
        "password": {"type": "string", "maxLength": 8},
    },
    "required": ["item", "quantity"],
    "additionalProperties": False,
}
_CAT = {"properties": {"name": _TEXT}, "required": ["name"]}
_DOG = {"properties": {"bark": {"type": "boolean"}}, "required": ["bark"]}
_UPLOAD = {
    "type": "object",
    "properties": {
        "title": _TEXT,
        "cover": {"contentMediaType": "image/png", "maxLength": 900_000},
    },
    "additionalProperties": False,
}


def _body(schema: Any, kind: str = KIND, required: bool = True) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {kind: {"schema": schema}}}}


def _operation(**fields: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": "Done."}}, **fields}


_ID = {"name": "order_id", "in": "path", "required": True, "schema": {"type": "integer"}}
_LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}
_SHOWN = {
    "type": "object",
    "properties": {"id": {"type": "integer"}},
    "additionalProperties": False,
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "paths": {
        "/orders": {
            "get": _operation(parameters=[_LIMIT]),
            "post": _operation(**_body(ORDER)),
        },
        "/orders/{order_id}": {
            "parameters": [_ID],
            "get": _operation(),
            "delete": _operation(),
            "put": _operation(**_body(ORDER, required=False)),
        },
        "/any": {"post": _operation(**_body(True))},
        "/numbers": {"post": _operation(**_body({"type": "array", "items": {"type": "integer"}}))},
        "/animal": {
            "post": _operation(**_body({"oneOf": [_CAT, _DOG], "unevaluatedProperties": False}))
        },
        "/all": {
            "post": _operation(**_body({"allOf": [_CAT, _DOG], "unevaluatedProperties": False}))
        },
        "/pattern": {"post": _operation(**_body({"type": "string", "pattern": "^(a+)+$"}))},
        "/form": {"post": _operation(**_body({"properties": {"a": _TEXT}}, FORM[1]))},
        "/upload": {"post": _operation(**_body(_UPLOAD, "multipart/form-data"))},
        "/leak": {
            "get": {
                "responses": {
                    "200": {"description": "", "content": {KIND: {"schema": _SHOWN}}},
                }
            }
        },
    },
}  # fmt: skip
LARGE = {f"POST {path}": "2 MiB" for path in ("/any", "/numbers", "/pattern", "/form", "/upload")}


def make_api() -> BodyValidation:
    return BodyValidation(openapi=DOCUMENT, limit="64 KiB", limits=LARGE)


def make_closing() -> BodyValidation:
    return BodyValidation(openapi=DOCUMENT, base_path="/closing", responses="enforce")


def make_strict() -> BodyValidation:
    return BodyValidation(
        openapi=DOCUMENT,
        base_path="/strict",
        limit="64 KiB",
        codings=["gzip", "deflate"],
        require_length=True,
        closed=True,
        ijson_numbers=True,
        nul="refuse",
        forbidden_names=["__proto__", "constructor", "__class__", "$*", "*.*"],
    )


class Attack(NamedTuple):
    """One request, and the answer to it.

    row: in the catalogue. status, code: of the answer; 200: it is no attack, and must pass with
    these very bytes. length: as in `ask`. target: the path as it is sent, where that differs.
    on: "asgi" and "wsgi" run in memory, "http" over real servers. wire: what real servers may say
    instead, 0 for nothing at all. answers: headers of the answer. errors: what it says is wrong.
    packed: the app gets another body than was sent. tidied: servers that make a good request of it
    before anybody sees it, as they may.
    """

    row: int
    name: str
    status: int
    code: str = ""
    body: bytes | Sequence[bytes] = b""
    lines: Sequence[Line] = (JSON,)
    method: str = "POST"
    path: str = "/orders"
    query: str = ""
    length: str | None = "true"
    target: bytes | None = None
    on: Sequence[str] = MANY
    wire: Sequence[int] = ()
    answers: Sequence[Line] = ()
    errors: Sequence[tuple[str, str]] = ()
    packed: bool = False
    tidied: Sequence[str] = ()

    @property
    def chunks(self) -> list[bytes]:
        return [self.body] if isinstance(self.body, bytes) else [*self.body]


def typed(kind: str) -> tuple[Line, ...]:
    return (("content-type", kind.encode().decode("latin-1")),)


def _lengths() -> Iterator[Attack]:
    big = b" " * 70_000
    yield Attack(1, "declared", 413, "body-too-large", big)
    yield Attack(1, "declared, unsent", 413, "body-too-large", length="9" * 12, on=("asgi", "wsgi"))
    yield Attack(1, "form", 413, "body-too-large", b"a=" + b"b" * (2 << 20), (FORM,), path="/form")
    yield Attack(2, "chunked", 413, "body-too-large", [b" " * 1000] * 70, length=None)
    yield Attack(2, "one chunk", 413, "body-too-large", [big], length=None)
    yield Attack(3, "shorter", 400, "bad-length", GOOD, length="100", on=("asgi", "wsgi"))
    yield Attack(3, "longer", 400, "bad-length", GOOD, length="5", on=("asgi",))
    yield Attack(3, "longer", 400, "malformed-json", GOOD, length="5", on=("wsgi", "http"))
    for length in ("1_0", "+10", "-5", "١٠", "abc", "0x21", "33, 33", "3 3", "33."):
        raw = length.encode().decode("latin-1")
        # RFC 9112 section 6.3 lets a server take equal ones for one.
        on = ("asgi", "wsgi") if "," in length else MANY
        yield Attack(4, length, 400, "bad-length", GOOD, length=raw, wire=(0,), on=on)
        at = f"{length} GET"
        yield Attack(4, at, 400, "bad-length", b"", (), "GET", length=raw, wire=(0,), on=on)
    two = (JSON, ("content-length", "5"))
    yield Attack(4, "two", 400, "bad-length", GOOD, two, wire=(0,))
    yield Attack(5, "chunked", 200, "", [GOOD[:9], GOOD[9:]], length=None)
    strict, tidied = "/strict/orders", ("waitress",)
    code = "length-required"
    yield Attack(5, "by option", 411, code, [GOOD], path=strict, length=None, tidied=tidied)


NO_JSON_TYPES = (
    *("*/*", "application/*", "application", "/json", ";", "", "application/json,text/plain"),
    *("application/json, application/json", "application/jsonx", "application/json\x0b", "json"),
    *("application/vnd.api+json", "application/json;charset", "application/json; =x"),
    *("application/json text/plain", 'application/json; x="', "application/ json", "text/json"),
    *("application /json", "appl ication/json", "application/javascript", "application/j\u017fon"),
    *("application/json; boundary=a; boundary=b", "application/json;" + "x" * 300),
)  # fmt: skip
JSON_TYPES = (
    *("Application/JSON", "application/json; x=y", 'application/json;charset="UTF-8"'),
    *("APPLICATION/json ;\tCHARSET=utf-8", "application/json;", 'application/json; x="a;b"'),
)
CHARSETS = (
    *("utf-7", "utf-16", "utf-16le", "utf-32", "rot13", "bogus", "latin-1", "iso-8859-1"),
    *("utf8", "UTF_8", "cp65001", '"utf-7"', "utf-8x", "base64", "idna", "unicode_escape"),
    *("utf-8;charset*=utf-8''utf-7", "utf-8;charset*0=utf-7"),
    *("utf-8;charset=utf-7", "'utf-8'", "", '""', "us-ascii", "utf-8-sig"),
)  # fmt: skip


def _types() -> Iterator[Attack]:
    refused = 415, "unsupported-media-type"
    accept = (("accept", KIND),)
    yield Attack(9, "none", *refused, GOOD, (), answers=accept)
    for kind in NO_JSON_TYPES:
        server = (0, 400) if "\x0b" in kind else ()
        yield Attack(9, kind[:60], *refused, GOOD, typed(kind), answers=accept, wire=server)
    both = (("content-type", "text/plain"), JSON)
    yield Attack(9, "two", *refused, GOOD, both, on=("asgi", "wsgi"), answers=accept)
    yield Attack(9, "two, turned", *refused, GOOD, both[::-1], on=("asgi", "wsgi"))
    for kind in JSON_TYPES:
        yield Attack(10, f"{kind} good", 200, "", GOOD, typed(kind))
        yield Attack(10, f"{kind} bad", 422, "invalid-body", b"{}", typed(kind))
    for charset in CHARSETS:
        lines = typed(f"application/json; charset={charset}")
        yield Attack(11, charset, *refused, GOOD, lines, answers=accept)
    utf7 = typed("application/json; charset=utf-7")
    yield Attack(11, "other meaning", *refused, b'{"item": "+ACIAfQ-", "quantity": 1}', utf7)
    for line in (FORM, ("content-type", "text/plain"), PARTS):
        yield Attack(12, line[1], *refused, GOOD, (line,), answers=accept)
    yield Attack(12, "JSON for a form", *refused, b'{"a": "b"}', path="/form")
    yield Attack(12, "JSON as a form", 400, "malformed-form", b'{"a": "b"}', (FORM,), path="/form")


def _coded(coding: str) -> tuple[Line, ...]:
    return (JSON, ("content-encoding", coding))


def _codings() -> Iterator[Attack]:
    packed = gzip.compress(GOOD)
    refused = 415, "unsupported-content-encoding"
    identity = (("accept-encoding", "identity"),)
    for coding in (
        "gzip",
        "br",
        "zstd",
        "deflate",
        "x-gzip",
        "gzip, gzip",
        "gzip,identity",
        "x",
        "*",
    ):
        yield Attack(13, coding, *refused, packed, _coded(coding), answers=identity)
    strict = "/strict/orders"
    for coding in ("br", "zstd", "gzip, gzip", "gzip,deflate", "identity, gzip", "x-gzip"):
        yield Attack(13, f"{coding} strict", *refused, packed, _coded(coding), path=strict)
    bomb = zlib.compress(bytes(10_000_000), 9)
    yield Attack(13, "good", 200, "", packed, _coded("gzip"), path=strict, packed=True)
    yield Attack(13, "bomb", 413, "body-too-large", bomb, _coded("deflate"), path=strict)
    bomb = gzip.compress(bytes(10_000_000))
    yield Attack(13, "gzip bomb", 413, "body-too-large", bomb, _coded("GZIP"), path=strict)
    for name, body in {
        "trailing": packed + b"x",
        "two members": packed + packed,
        "truncated": packed[:-4],
        "no end": packed[:-9],
        "damaged": packed[:-8] + bytes(8),
        "plain": GOOD,
        "empty": b"",
    }.items():
        code = "malformed-content-coding"
        yield Attack(14, name, 400, code, body, _coded("gzip"), path=strict)
    nested = gzip.compress(packed)
    yield Attack(14, "nested", 400, "malformed-json", nested, _coded("gzip"), path=strict)


def _json() -> Iterator[Attack]:
    for name, body in {
        "plain": b'{"item": "a", "quantity": 1, "item": "b"}',
        "escaped": b'{"item": "a", "quantity": 1, "\\u0069tem": "b"}',
        "same value": b'{"item": "a", "item": "a", "quantity": 1}',
        "deep": b'{"x": [{"a": 1, "a": 1}]}',
        "empty name": b'{"": 1, "": 2}',
        "slash": b'{"a/b": 1, "a\\/b": 2}',
        "surrogates": '{"\U0001f600": 1, "\\ud83d\\ude00": 2}'.encode(),
        "colons": b'{"a:": ":", "a\\u003a": "::"}',
    }.items():
        yield Attack(15, name, 400, "duplicate-name", body, path="/any")
    for depth, code in ((65, "too-deep"), (1000, "too-deep"), (100_000, "too-many-values")):
        for sign in (b"[", b'{"a":'):
            yield Attack(16, f"{depth} {sign[:1]!r}", 400, code, sign * depth, path="/any")
    yield Attack(16, "64", 200, "", b"[" * 64 + b"]" * 64, path="/any")
    yield Attack(16, "closed", 400, "too-deep", b"[" * 65 + b"]" * 65, path="/any")
    quotes = b'"' + b'\\"' * 500_000
    yield Attack(16, "quotes", 400, "malformed-json", quotes, path="/any")
    yield Attack(16, "backslashes", 400, "malformed-json", b'"' + b"\\" * 999_999, path="/any")
    yield Attack(16, "in a string", 200, "", b'"' + b"[" * 100_000 + b'"', path="/any")
    wrong = (
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "01",
        "+1",
        ".5",
        "5.",
        "0x10",
        "1_0",
    )
    for number in (*wrong, "１", "1e", "--1", "- 1", "nan", "inf"):
        body = f'{{"item": "a", "quantity": {number}}}'.encode()
        yield Attack(17, number, 400, "malformed-json", body)
    digits = b'{"item": "a", "quantity": ' + b"9" * 6000 + b"}"
    yield Attack(17, "6000 digits", 400, "malformed-json", digits)
    for number in ("9007199254740993", "-9007199254740993", "123456789012345678901"):
        body = number.encode()
        yield Attack(18, number, 200, "", body, path="/any")
        yield Attack(18, f"{number} strict", 400, "inexact-number", body, path="/strict/any")
    float_ = b"9007199254740993.0"
    yield Attack(18, "float strict", 400, "inexact-number", float_, path="/strict/any")
    for name, text in {
        "lone surrogate": b"\\ud800",
        "turned surrogates": b"\\udc00\\ud800",
        "half a pair": b"\\ud83dx",
        "CESU": b"\xed\xa0\xbd\xed\xb8\x80",
        "overlong slash": b"\xc0\xaf",
        "overlong NUL": b"\xc0\x80",
        "three octets": b"\xe0\x80\xaf",
        "cut off": b"\xe2\x82",
        "no start": b"\x80",
        "beyond Unicode": b"\xf4\x90\x80\x80",
        "0xff": b"\xff",
        "Latin-1": b"caf\xe9",
    }.items():
        body = b'{"item": "' + text + b'", "quantity": 1}'
        yield Attack(19, name, 400, "malformed-json", body)
        body = b'{"item": "a", "quantity": 1, "' + text + b'": 1}'
        yield Attack(19, f"{name} in a name", 400, "malformed-json", body)
    for name, body in {
        "mark": b"\xef\xbb\xbf" + GOOD,
        "UTF-16": GOOD.decode().encode("utf-16"),
        "UTF-16LE": GOOD.decode().encode("utf-16-le"),
        "UTF-32": GOOD.decode().encode("utf-32"),
    }.items():
        yield Attack(19, name, 400, "malformed-json", body)
    for name, body in {
        "text": GOOD + b"x",
        "second": GOOD + GOOD,
        "second line": GOOD + b"\n" + GOOD,
        "comma": GOOD[:-1] + b",}",
        "NUL": GOOD + b"\0",
        "NUL before": b"\0" + GOOD,
        "comment": b"/* */" + GOOD,
        "line comment": GOOD + b"//x",
        "quotes": GOOD.replace(b'"', b"'"),
        "no quotes": b"{item: 1}",
        "control": b'{"item": "a\nb", "quantity": 1}',
        "escape": b'{"item": "\\x41", "quantity": 1}',
        "no-break space": b"\xc2\xa0" + GOOD,
        "form feed": b"\x0c" + GOOD,
        "prefix": b")]}'\n" + GOOD,
    }.items():
        yield Attack(20, name, 400, "malformed-json", body)
    yield Attack(20, "empty", 400, "empty-body", b"")
    yield Attack(20, "space", 400, "empty-body", b" \t\r\n" * 100)
    nul = b'{"item": "a\\u0000b", "quantity": 1}'
    yield Attack(21, "passes", 200, "", nul)
    yield Attack(21, "by option", 400, "nul-character", nul, path="/strict/orders")
    name = b'{"a\\u0000": 1}'
    yield Attack(21, "name by option", 400, "nul-character", name, path="/strict/any")
    for name_ in (
        "__proto__",
        "constructor",
        "__class__",
        "$where",
        "a.b",
        "prototype",
        "toString",
    ):
        told = [("#", "additionalProperties")]
        body = json.dumps({"item": "a", "quantity": 1, name_: {"is_admin": True}}).encode()
        yield Attack(22, name_, 422, "invalid-body", body, errors=told)
        if name_ not in ("prototype", "toString"):
            deep = json.dumps([{"x": {name_: 1}}]).encode()
            yield Attack(22, f"{name_} denied", 400, "forbidden-name", deep, path="/strict/any")


def _schemas() -> Iterator[Attack]:
    def order(**fields: Any) -> bytes:
        return json.dumps({"item": "a", "quantity": 1, **fields}).encode()

    extra = [("#", "additionalProperties")]
    yield Attack(23, "is_admin", 422, "invalid-body", order(is_admin=True), errors=extra)
    yield Attack(23, "Item", 422, "invalid-body", order(Item="b"), errors=extra)
    yield Attack(23, "empty name", 422, "invalid-body", order(**{"": 1}), errors=extra)
    only_read = [("#/id", "falseSchema")]
    yield Attack(23, "readOnly", 422, "invalid-body", order(id=7), errors=only_read)
    yield Attack(23, "readOnly null", 422, "invalid-body", order(id=None), errors=only_read)
    beside = [("#", "unevaluatedProperties")]
    cat = b'{"name": "a", "is_admin": 1}'
    yield Attack(24, "oneOf", 422, "invalid-body", cat, path="/animal", errors=beside)
    yield Attack(
        24, "other branch", 422, "invalid-body", b'{"name": "a", "x": true}', path="/animal"
    )
    both = b'{"name": "a", "bark": true}'
    yield Attack(24, "both of oneOf", 422, "invalid-body", both, path="/animal")
    whole = b'{"name": "a", "bark": true, "is_admin": 1}'
    yield Attack(24, "allOf", 422, "invalid-body", whole, path="/all", errors=beside)
    yield Attack(24, "allOf good", 200, "", both, path="/all")
    for value in ("5", True, "1", 1.5, None, [1], {"$gt": 0}):
        body = order(quantity=value)
        kind = [("#/quantity", "type")]
        yield Attack(25, f"{value!r}", 422, "invalid-body", body, errors=kind)
    yield Attack(25, "1.0", 200, "", b'{"item": "a", "quantity": 1.0}')
    yield Attack(25, "1e0", 200, "", b'{"item": "a", "quantity": 1e0}')
    wrong = json.dumps(["x" * 50] * 19_000).encode()
    yield Attack(26, "1 MB of errors", 422, "invalid-body", wrong, path="/numbers")
    few = json.dumps(["x"] * 4000).encode()
    yield Attack(26, "4000 errors", 422, "invalid-body", few, path="/numbers")
    pattern = [("#", "pattern")]
    for size in (40, 1_000_000):
        body = b'"' + b"a" * size + b'!"'
        yield Attack(27, f"{size}", 422, "invalid-body", body, path="/pattern", errors=pattern)
    yield Attack(27, "good", 200, "", b'"' + b"a" * 1_000_000 + b'"', path="/pattern")
    many = 400, "too-many-values"
    yield Attack(28, "arrays", *many, b"[" + b",".join([b"[]"] * 50_000) + b"]", path="/any")
    yield Attack(28, "objects", *many, b"[" + b",".join([b"{}"] * 50_000) + b"]", path="/any")
    keys = json.dumps({f"k{n}": n for n in range(100_000)}).encode()
    yield Attack(28, "keys", *many, keys, path="/any")
    yield Attack(28, "numbers", *many, b"[" + b"1," * 500_000 + b"1]", path="/any")
    yield Attack(28, "strings", *many, b"[" + b'"",' * 300_000 + b'""]', path="/any")
    names = {
        f"<script>{SECRET}": [("#", "additionalProperties")],
        f"{SECRET}\r\nSet-Cookie: a=b": [("#", "additionalProperties")],
        SECRET * 2000: [("#", "additionalProperties")],
        f"~{SECRET}/": [("#", "additionalProperties")],
    }
    for name, told in names.items():
        yield Attack(29, name[:20], 422, "invalid-body", order(**{name: SECRET}), errors=told)
    long = [("#/password", "maxLength")]
    yield Attack(29, "password", 422, "invalid-body", order(password=SECRET), errors=long)
    yield Attack(29, "malformed", 400, "malformed-json", order(password=SECRET)[:-2])


def _paths() -> Iterator[Attack]:
    for path, status in {
        "/orders/": 404, "/Orders": 404, "/ORDERS": 404, "/orders/7/": 404, "/": 404,
        "/order": 404, "/orders.json": 404, "/orders/7/x": 404, "/orders ": 404, "//orders": 400,
        "/orders//7": 400, "/./orders": 400, "/x/../orders": 400, "/orders;a=b": 400,
        "/orders\\": 400, "/orders\t": 400, "/orders\n": 400, "/orders\0": 400,
    }.items():  # fmt: skip
        code = "not-found" if status == 404 else ""
        wire = (0, 400, 404) if not path.isprintable() or " " in path or path == "//orders" else ()
        target = None if path.isprintable() and " " not in path else quote(path).encode()
        tidied = ("waitress",) if path == "//orders" else ()
        yield Attack(
            31, repr(path), status, code, GOOD, path=path, target=target, wire=wire, tidied=tidied
        )
    for target, path in {
        b"/orders%2F7": "/orders/7", b"/%6frders%2f": "/orders/", b"/orders%5c7": "/orders\\7",
        b"/orders%00": "/orders\0", b"/orders/%2e%2e/any": "/orders/../any", b"/any%3b": "/any;",
        b"/%2561ny": "/%61ny",
    }.items():  # fmt: skip
        wire = (404, 405)  # some servers do not tell how the path was written
        yield Attack(31, target.decode(), 400, "", GOOD, path=path, target=target, wire=wire)
    for segment in ("07", "+7", "7.0", "-0", "0x7", "1e1", "\u0667", "7_0", " 7", "7 ", "", "7,8"):
        path = f"/orders/{segment}"
        status, code = (422, "invalid-parameters") if segment else (404, "not-found")
        target = quote(path, safe="/+,").encode()
        yield Attack(
            31, repr(path), status, code, b"", (), "GET", path, target=target, wire=(400, 404)
        )
    for method, allow in {
        "HEAD": "GET, POST", "PUT": "GET, POST", "PATCH": "GET, POST", "DELETE": "GET, POST",
        "OPTIONS": "GET, POST", "TRACE": "GET, POST", "PURGE": "GET, POST", "QUERY": "GET, POST",
    }.items():  # fmt: skip
        code = "" if method == "HEAD" else "method-not-allowed"
        answers = (("allow", allow),)
        wire = (0, 400, 405, 501)
        yield Attack(31, method, 405, code, b"", (), method, answers=answers, wire=wire)
    override = ("x-http-method-override", "POST")
    for name in ("x-http-method-override", "x-http-method", "x-method-override"):
        lines = (JSON, (name, "POST"))
        yield Attack(31, name, 405, "method-not-allowed", GOOD, lines, "PUT")
    yield Attack(31, "overridden", 415, "undeclared-body", GOOD, (JSON, override), "GET")
    yield Attack(31, "_method", 422, "invalid-parameters", b"", (), "GET", query="_method=POST")
    for method in ("GET", "DELETE"):
        at = f"{method} body"
        yield Attack(32, at, 415, "undeclared-body", GOOD, (JSON,), method, "/orders/7")
        yield Attack(32, f"{at} untyped", 415, "undeclared-body", b"x", (), method, "/orders/7")
        chunked = [b"x"]
        yield Attack(
            32,
            f"{at} chunked",
            415,
            "undeclared-body",
            chunked,
            (),
            method,
            "/orders/7",
            length=None,
        )
        yield Attack(32, f"{at} empty", 200, "", b"", (), method, "/orders/7", length="0")
    yield Attack(33, "empty", 400, "empty-body", b"")
    yield Attack(33, "chunked empty", 400, "empty-body", [b""], length=None)
    yield Attack(33, "null", 422, "invalid-body", b"null", errors=[("#", "type")])
    yield Attack(33, "no type", 415, "unsupported-media-type", b"", ())
    yield Attack(33, "optional", 200, "", b"", (), "PUT", "/orders/7")
    yield Attack(33, "optional null", 422, "invalid-body", b"null", (JSON,), "PUT", "/orders/7")


def _queries() -> Iterator[Attack]:
    for query in (
        *("limit=1&limit=2", "limit[]=1", "limit=", "limit", "limit=1&Limit=2", "limit=101", "=1"),
        *("limit=01", "limit=%2b1", "limit=1%20", "limit=0x1", "is_admin=1"),
        *("limit.x=1", "limit=1,2", "limit=true", "limit=null", "limit=%D9%A7", "limit=1%26limit"),
    ):
        code = "invalid-parameters"
        yield Attack(34, query, 422, code, b"", (), "GET", query=query)
    for query in (
        # Some readers part at semicolons, too (CVE-2021-23336).
        *("limit=1;limit=2", "limit=1;is_admin=1", "a;limit=1"),
        "limit=%00",
        "%00=1",
        "limit=%ff",
        "x=%c0%af",
        "limit=%",
        "limit=%zz",
        "x=%ed%a0%80",
    ):
        yield Attack(34, query, 400, "malformed-query", b"", (), "GET", query=query)
    raw = "x=\xff"
    yield Attack(34, "raw", 400, "malformed-query", b"", (), "GET", query=raw, wire=(0, 400, 422))
    many = "&".join(["a=1"] * 300)
    yield Attack(34, "300", 400, "too-many-parameters", b"", (), "GET", query=many)
    more = "&".join(["a=1"] * 10_000)
    wire = (0, 400, 414, 431)
    yield Attack(34, "10000", 414, "query-too-long", b"", (), "GET", query=more, wire=wire)
    yield Attack(34, "good", 200, "", b"", (), "GET", query="limit=7")


def part(name: bytes, data: bytes, rest: bytes = b"", lines: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="%b"%b\r\n%b\r\n%b\r\n' % (
        name, rest, lines, data,
    )  # fmt: skip


def picture(name: bytes, data: bytes = PNG, kind: bytes = b"image/png") -> bytes:
    return part(b"cover", data, b'; filename="%b"' % name, b"Content-Type: %b\r\n" % kind)


END = b"--x--\r\n"
_BASE64 = b"Content-Transfer-Encoding: base64\r\n"
_SECOND = b'content-disposition: form-data; name="x"\r\n'


def _forms() -> Iterator[Attack]:
    upload = {"lines": (PARTS,), "path": "/upload"}
    bad = 400, "malformed-multipart"
    good = part(b"title", b"a") + picture(b"a.png") + END
    yield Attack(35, "good", 200, "", good, **upload)  # type: ignore[arg-type]
    parts = b"".join(part(b"t%d" % n, b"") for n in range(10_000)) + END
    yield Attack(35, "parts", 400, "too-many-fields", parts, **upload)  # type: ignore[arg-type]
    fields = "&".join(f"a{n}=" for n in range(10_000)).encode()
    yield Attack(35, "fields", 400, "too-many-fields", fields, (FORM,), path="/form")
    yield Attack(35, "ands", 400, "too-many-fields", b"&" * 1_000_000, (FORM,), path="/form")
    header = part(b"title", b"a", lines=b"X: " + b"y" * 1_000_000 + b"\r\n") + END
    yield Attack(35, "part header", *bad, header, **upload)  # type: ignore[arg-type]
    lines = part(b"title", b"a", lines=b"".join(b"X%d: y\r\n" % n for n in range(10_000))) + END
    yield Attack(35, "part headers", *bad, lines, **upload)  # type: ignore[arg-type]
    for size, status, code in ((71, *bad), (100, *bad), (300, 415, "unsupported-media-type")):
        kind = typed("multipart/form-data; boundary=" + "x" * size)
        body = good.replace(b"--x", b"--" + b"x" * size)
        yield Attack(35, f"boundary {size}", status, code, body, kind, path="/upload")
    # RFC 2231: several frameworks take these before `boundary`, and read other parts.
    inner = part(b"is_admin", b"1").replace(b"--x", b"--y") + b"--y--\r\n"
    hidden = part(b"title", inner) + END
    for other in ("boundary*=utf-8''y", "boundary*0=y", "boundary*0*=utf-8''y", "Boundary*=x"):
        kind = typed(f"multipart/form-data; boundary=x; {other}")
        yield Attack(36, other, 415, "unsupported-media-type", hidden, kind, path="/upload")
    yield Attack(36, "not hidden", 200, "", hidden, (PARTS,), path="/upload")
    no_end = b"--x" * 300_000
    yield Attack(35, "boundaries", *bad, no_end, **upload)  # type: ignore[arg-type]
    for kind_ in (
        "",
        "; boundary=",
        '; boundary=""',
        "; boundary=y",
        '; boundary="x\\"',
        "; Boundary",
    ):
        kind = typed(f"multipart/form-data{kind_}")
        malformed = kind_ in ("; boundary=", '; boundary="x\\"', "; Boundary")
        status, code = (415, "unsupported-media-type") if malformed else bad
        yield Attack(36, f"boundary {kind_}", status, code, good, kind, path="/upload")
    for name, body in {
        "no end": good[:-7] + b"\r\n",
        "nothing": b"",
        "no part": END,
        "text alone": b"hello",
        "preamble": b"hello\r\n" + good,
        "epilogue": good + b"hello",
        "bare feeds": good.replace(b"\r\n", b"\n"),
        "white space": good.replace(b"--x\r\n", b"--x \r\n"),
        "no name": good.replace(b'; name="title"', b""),
        "name twice": good.replace(b'name="title"', b'name="title"; name="cover"'),
        "folded": good.replace(b"; name", b";\r\n name"),
        "attachment": good.replace(b"form-data", b"attachment"),
        "no quotes": good.replace(b'"title"', b"title"),
        "transfer coding": part(b"title", b"YQ==", lines=_BASE64) + END,
        "part in a part": part(b"t", b"--x\r\n\r\n") + END,
        "no disposition": b"--x\r\n\r\na\r\n" + END,
        "two dispositions": part(b"title", b"a", lines=_SECOND) + END,
        # A second part for Werkzeug, and for Django.
        "boundary behind a feed": part(b"title", b"a\n" + part(b"is_admin", b"1")[:-2]) + END,
        "boundary behind a sign": part(b"title", b"a" + part(b"is_admin", b"1")[:-2]) + END,
        "end behind a feed": part(b"title", b"a\n--x--\n") + picture(b"a.png") + END,
        "white space around a name": part(b" title", b"a") + END,
    }.items():  # fmt: skip
        yield Attack(36, name, *bad, body, **upload)  # type: ignore[arg-type]
    nested = part(b"title", b"a", lines=b"Content-Type: multipart/mixed; boundary=y\r\n") + END
    yield Attack(36, "nested", 400, "bad-field", nested, **upload)  # type: ignore[arg-type]
    for file in (
        *(
            b"../../x.png",
            b"..\\x.png",
            b"/etc/passwd",
            b"C:x.png",
            b"a\0.png",
            b"a%0D%0Ab.png",
            b".",
        ),
        *(
            b"a" * 10_000 + b".png",
            b"shell.php.jpg",
            b"x.phtml.png",
            b"a.png.",
            b" a.png",
            b"a\x1b.png",
        ),
        *(
            "a\u202egnp.exe".encode(),
            b"x.png:stream",
            b"..",
            b"a*.png",
            b"CON|x",
            b"%22.png",
            b"~/x",
        ),
    ):
        server = b"a" * 100 in file or b"\0" in file or b"\x1b" in file or b"\\" in file
        code = "malformed-multipart" if server else "bad-file-name"
        body = picture(file) + END
        yield Attack(37, repr(file)[:30], 400, code, body, **upload)  # type: ignore[arg-type]
    star = part(b"cover", PNG, b'; filename="a.png"; filename*="UTF-8\'\'b.php"') + END
    yield Attack(37, "filename*", 400, "bad-file-name", star, **upload)  # type: ignore[arg-type]
    unquoted = star.replace(b"*=\"UTF-8''b.php\"", b"*=UTF-8''b.php")
    yield Attack(37, "filename* unquoted", *bad, unquoted, **upload)  # type: ignore[arg-type]
    for name, (data, kind_b) in {
        "HTML": (b"<html><script>", b"image/png"), "SVG": (b"<svg onload=a>", b"image/png"),
        "ELF": (b"\x7fELF\x02", b"image/png"), "GIF": (b"GIF89a", b"image/png"),
        "declared SVG": (b"<svg/>", b"image/svg+xml"), "declared HTML": (b"<p>", b"text/html"),
        "no type": (PNG, b""), "text": (b"hello", b"image/png"), "empty": (b"", b"image/png"),
        "two types": (PNG, b"image/png, text/html"), "malformed": (PNG, b"image/png;x"),
        "shifted": (b" " + PNG, b"image/png"), "too large": (PNG + bytes(900_000), b"image/png"),
    }.items():  # fmt: skip
        body = picture(b"a.png", data, kind_b) + END
        yield Attack(38, name, 422, "invalid-body", body, **upload)  # type: ignore[arg-type]
    text = part(b"cover", PNG.replace(b"\x89", b"")) + END
    yield Attack(38, "no file", 422, "invalid-body", text, **upload)  # type: ignore[arg-type]
    file_ = part(b"title", b"a", b'; filename="a.txt"') + END
    yield Attack(38, "a file for a text", 422, "invalid-body", file_, **upload)  # type: ignore[arg-type]
    for name, body in {"twice": b"a=1&a=2", "escaped": b"a=1&%61=2", "same": b"a=1&a=1"}.items():
        yield Attack(39, name, 400, "duplicate-field", body, (FORM,), path="/form")
    yield Attack(39, "_charset_", 400, "bad-field", b"_charset_=utf-7&a=1", (FORM,), path="/form")
    for name, body in {"parts": part(b"title", b"a") * 2, "files": picture(b"a.png") * 2}.items():
        code = "duplicate-field"
        yield Attack(39, name, 400, code, body + END, **upload)  # type: ignore[arg-type]
    charset = part(b"_charset_", b"utf-7") + END
    yield Attack(39, "_charset_ part", 400, "bad-field", charset, **upload)  # type: ignore[arg-type]


def _all() -> Iterable[Attack]:
    for rows in (_lengths, _types, _codings, _json, _schemas, _paths, _queries, _forms):
        yield from rows()


ATTACKS = tuple(_all())
