"""The layer under attack, through both interfaces: what is refused never reaches the app."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall import BodyValidation, ConfigurationError, Decision, Layer, Stack
from ringwall._errors import MissingDependency
from ringwall._exchange import Exchange
from ringwall.validation import validated_body_of
from ringwall.validation._schema import Schema
from validation_support import GOOD, JSON, NOTHING, ORDER, ask, vectors

interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
ORDERS = BodyValidation({"POST /v1/orders": ORDER}, limit=1024)
ANYTHING = BodyValidation({"POST /v1/orders": True})


def refused(interface: str, body: Any, status: int, code: str, **request: Any) -> bool:
    return ask(ORDERS, interface, body, **request).refused(status, code)


# The way through


@interfaces
def test_a_valid_body_reaches_the_app_as_it_was_sent_with_its_value(interface: str) -> None:
    answer = ask(ORDERS, interface, GOOD)
    assert (answer.status, answer.seen) == (200, GOOD)
    assert answer.value == {"item": "kettle", "quantity": 1}
    assert answer.decisions == (Decision("validation", "allow", "POST /v1/orders", "valid"),)


@interfaces
def test_a_body_in_chunks_without_a_length_is_accepted(interface: str) -> None:
    """Chunked is legal (RFC 9112): no Content-Length is no reason to refuse."""
    chunks = [GOOD[:5], b"", GOOD[5:], b""]
    answer = ask(
        ORDERS, interface, chunks, length=None, headers=[JSON, ("transfer-encoding", "chunked")]
    )
    assert (answer.status, answer.seen) == (200, GOOD)


@interfaces
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "APPLICATION/JSON; charset=UTF-8",
        'application/json ; CharSet="utf-8"',
        "application/json;charset=utf-8;",
        "application/json; x=y",
        'application/json; x="a;b\\"c"; charset=utf-8',
        "application/json;\t",
    ],
)
def test_the_media_type_is_read_by_its_grammar(interface: str, content_type: str) -> None:
    """Another spelling of the same type gets the same verdict: it never skips the validation."""
    headers = [("content-type", content_type)]
    assert ask(ORDERS, interface, GOOD, headers=headers).status == 200
    assert refused(interface, b'{"item": 1}', 422, "invalid-body", headers=headers)


@interfaces
def test_a_later_layer_and_the_app_share_the_route(interface: str) -> None:
    class Look(Layer):
        name = "look"
        seen: Any = None

        def on_request(self, exchange: Exchange) -> None:
            self.seen = exchange.route, exchange.params

    look = Look()
    layer = BodyValidation({"PUT /v1/orders/{order_id:int}": True})
    answer = ask(Stack(layer, look), interface, b"1", method="PUT", path="/v1/orders/7")  # type: ignore[arg-type]
    assert answer.status == 200
    assert look.seen == ("/v1/orders/{order_id:int}", {"order_id": 7})

    class Route(Layer):
        name = "route"

        def on_request(self, exchange: Exchange) -> None:
            exchange.found_route("/earlier", {"x": 1})

    assert ask(
        Stack(Route(), layer, look), interface, b"1", method="PUT", path="/v1/orders/7"
    ).called  # type: ignore[arg-type]
    assert look.seen == ("/earlier", {"x": 1})


# Size and length


@interfaces
@pytest.mark.parametrize("path", ["/v1/orders", "/elsewhere"])
def test_a_declared_length_over_the_limit_is_refused_without_reading(
    interface: str, path: str
) -> None:
    answer = ask(ORDERS, interface, b"", length="1025", path=path)
    if path == "/v1/orders":
        assert answer.refused(413, "body-too-large")
    else:
        assert answer.refused(415, "undeclared-body")


def test_nothing_is_received_for_a_declared_length_over_the_limit() -> None:
    async def never() -> Any:
        raise AssertionError("the body was read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/orders",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"1025")],
    }
    asyncio.run(ORDERS.asgi(never)(scope, never, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 413


@interfaces
def test_a_body_that_crosses_the_limit_is_refused_at_the_crossing_chunk(interface: str) -> None:
    endless = [b" " * 512] * 1000
    assert refused(interface, endless, 413, "body-too-large", length=None)


def test_no_more_is_received_than_the_limit_and_one_chunk() -> None:
    taken = 0

    async def receive() -> Any:
        nonlocal taken
        taken += 512
        return {"type": "http.request", "body": b" " * 512, "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/orders", "headers": [_TYPE]}
    asyncio.run(ORDERS.asgi(_never)(scope, receive, send))
    assert (sent[0]["status"], taken) == (413, 1536)


_TYPE = (b"content-type", b"application/json")


async def _never(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the app was called")


@interfaces
def test_the_limit_itself_is_allowed(interface: str) -> None:
    body = GOOD + b" " * (1024 - len(GOOD))
    assert ask(ORDERS, interface, body).status == 200
    assert refused(interface, body + b" ", 413, "body-too-large")


@interfaces
@pytest.mark.parametrize("length", ["1_0", "+10", "-5", "abc", "١٠", "33, 33", " 33", "0x21"])
@pytest.mark.parametrize("path", ["/v1/orders", "/elsewhere"])
def test_a_content_length_that_is_none_is_refused(interface: str, length: str, path: str) -> None:
    """Python's int() takes the first three and other digits."""
    latin = length.encode().decode("latin-1")
    assert refused(interface, GOOD, 400, "bad-length", length=latin, path=path)


def test_an_empty_content_length_is_none_in_asgi_and_an_absent_one_in_wsgi() -> None:
    """PEP 3333 says so for WSGI."""
    assert refused("asgi", GOOD, 400, "bad-length", length="")
    assert ask(ORDERS, "wsgi", GOOD, length="").seen == GOOD


@interfaces
@pytest.mark.parametrize("length", ["5", "100"])
def test_a_body_shorter_or_longer_than_declared_is_not_taken(interface: str, length: str) -> None:
    answer = ask(ORDERS, interface, GOOD, length=length)
    assert not answer.called
    # A WSGI server hands over no more than was declared: the rest is not a part of the request.
    short = interface == "wsgi" and length == "5"
    assert answer.refused(400, "malformed-json" if short else "bad-length")


def test_a_client_that_goes_away_gets_no_answer_and_no_app() -> None:
    messages = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/v1/orders", "headers": [_TYPE]}
    asyncio.run(ORDERS.asgi(_never)(scope, receive, _never))  # type: ignore[arg-type]


def test_endless_empty_chunks_end() -> None:
    assert refused("asgi", [b""] * 5000, 400, "bad-length", length=None)


# Media types and codings


@interfaces
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/xml",
        "application/vnd.api+json",
        "*/*",
        "application/*",
        "application",
        "/json",
        ";",
        "application/json, text/plain",
        "application/json,application/json",
        'application/json; x="a, b"',
        "application/json; charset",
        "application/json; charset=",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
        "application/json; charset=rot13",
        "application/json; charset=bogus",
        "application/json; charset='utf-8'",
        "application/json; charset=utf-8; charset=utf-7",
        "application/json; charset=utf-8; CHARSET=utf-8",
        'application/json; charset="utf-8',
        "application/json charset=utf-8",
        "application/json\x00",
        "application/jſon",
        "application/json" + ";" * 300,
    ],
)
def test_a_body_of_any_other_type_never_passes(interface: str, content_type: str | None) -> None:
    latin = content_type and content_type.encode().decode("latin-1")
    headers = [] if latin is None else [("content-type", latin)]
    answer = ask(ORDERS, interface, GOOD, headers=headers)
    assert answer.refused(415, "unsupported-media-type")
    assert answer.headers["accept"] == "application/json"


@interfaces
def test_two_content_types_are_refused(interface: str) -> None:
    answer = ask(ORDERS, interface, GOOD, headers=[JSON, ("content-type", "text/plain")])
    assert answer.refused(415, "unsupported-media-type")


@interfaces
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "gzip, gzip", "x", ""])
def test_a_coded_body_is_refused_unread(interface: str, coding: str) -> None:
    answer = ask(ORDERS, interface, GOOD, headers=[JSON, ("content-encoding", coding)])
    assert answer.refused(415, "unsupported-content-encoding")
    assert answer.headers["accept-encoding"] == "identity"


@interfaces
def test_identity_is_no_coding(interface: str) -> None:
    answer = ask(ORDERS, interface, GOOD, headers=[JSON, ("content-encoding", "Identity")])
    assert answer.status == 200


@interfaces
def test_other_json_types_by_option(interface: str) -> None:
    layer = BodyValidation(
        {"POST /v1/orders": ORDER}, media_types=["application/json", "application/VND.api+json"]
    )
    headers = [("content-type", "application/vnd.API+json; charset=utf-8")]
    assert ask(layer, interface, GOOD, headers=headers).called
    answer = ask(layer, interface, GOOD, headers=[("content-type", "text/plain")])
    assert answer.headers["accept"] == "application/json, application/vnd.api+json"


# JSON and schema


@interfaces
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty-body"),
        (b" ", "empty-body"),
        (b"{", "malformed-json"),
        (b"NaN", "malformed-json"),
        (b"\xef\xbb\xbf" + GOOD, "malformed-json"),
        (GOOD.decode().encode("utf-16"), "malformed-json"),
        (GOOD + GOOD, "malformed-json"),
        (b'{"item":"a","quantity":1,"item":"b"}', "duplicate-name"),
        (b'{"item":"a","quantity":1,"\\u0069tem":"b"}', "duplicate-name"),
        (b"[" * 100, "too-deep"),
    ],
)
def test_what_is_no_strict_json_is_400(interface: str, body: bytes, code: str) -> None:
    assert refused(interface, body, 400, code)


@interfaces
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (b"null", [("#", "type")]),
        (b"[]", [("#", "type")]),
        (b"{}", [("#", "required"), ("#", "required")]),
        (b'{"item":"a","quantity":"5"}', [("#/quantity", "type")]),
        (b'{"item":"a","quantity":true}', [("#/quantity", "type")]),
        (b'{"item":"a","quantity":1.5}', [("#/quantity", "type")]),
        (b'{"item":"a","quantity":0}', [("#/quantity", "minimum")]),
        (b'{"item":"","quantity":1}', [("#/item", "minLength")]),
        (b'{"item":"a","quantity":1,"is_admin":true}', [("#", "additionalProperties")]),
        (b'{"item":"a","quantity":1,"__proto__":{}}', [("#", "additionalProperties")]),
        (b'{"item":"a","quantity":1,"constructor":1}', [("#", "additionalProperties")]),
        (b'{"item":"a","quantity":1,"$where":1}', [("#", "additionalProperties")]),
        (b'{"item":7,"quantity":101}', [("#/item", "type"), ("#/quantity", "maximum")]),
    ],
)
def test_what_is_not_as_the_schema_says_is_422_with_every_error(
    interface: str, body: bytes, errors: list[tuple[str, str]]
) -> None:
    answer = ask(ORDERS, interface, body)
    assert answer.refused(422, "invalid-body")
    found = [(error["pointer"], error["code"]) for error in answer.problem["errors"]]
    assert sorted(found) == errors
    assert answer.decisions == (Decision("validation", "deny", "POST /v1/orders", "invalid-body"),)


@interfaces
def test_a_number_without_fraction_is_an_integer(interface: str) -> None:
    """JSON Schema 2020-12 section 6.1.1: 1.0 is one."""
    assert ask(ORDERS, interface, b'{"item":"a","quantity":1.0}').status == 200


@interfaces
def test_a_large_integer_arrives_exactly(interface: str) -> None:
    assert ask(ANYTHING, interface, b"123456789012345678901").value == 123456789012345678901


@interfaces
def test_false_as_a_schema_refuses_every_body(interface: str) -> None:
    layer = BodyValidation({"POST /v1/orders": False})
    assert ask(layer, interface, b"1").refused(422, "invalid-body")


@interfaces
def test_nothing_of_the_input_comes_back(interface: str) -> None:
    secret = "hunter2-<script>-\\r\\nSet-Cookie:x"
    schema = {
        "type": "object",
        "properties": {
            "password": {"type": "string", "maxLength": 3, "pattern": "^x", "format": "email"},
            "labels": {
                "additionalProperties": {"type": "integer"},
                "propertyNames": {"maxLength": 2},
            },
            "kind": {"enum": ["a", "b"]},
            "one": {"const": 1},
            "any": {"anyOf": [{"type": "integer"}, {"maxLength": 1}]},
            "same": {"uniqueItems": True},
        },
        "additionalProperties": False,
    }
    body = json.dumps(
        {
            "password": secret,
            "labels": {secret: secret},
            "kind": secret,
            "one": secret,
            "any": secret,
            "same": [secret, secret],
            secret: secret,
        }
    ).encode()
    answer = ask(BodyValidation({"POST /v1/orders": schema}), interface, body)
    assert answer.refused(422, "invalid-body")
    assert {error["pointer"] for error in answer.problem["errors"]} == {
        "#",
        "#/password",
        "#/labels",
        "#/kind",
        "#/one",
        "#/any",
        "#/same",
    }
    everything = repr((answer.headers, answer.body, answer.decisions)).lower()
    for word in ("hunter2", "script", "cookie"):
        assert word not in everything


@interfaces
def test_no_answer_repeats_a_naughty_string(interface: str) -> None:
    """The big list of naughty strings, as value and as name: identical at the app, or refused."""
    strings = json.loads((vectors("blns") / "blns.json").read_text("utf-8"))
    closed = BodyValidation({"POST /v1/orders": {"type": "object", "maxProperties": 0}})
    for text in strings:
        document = {"value": text, "names": {text: text}}
        body = json.dumps(document, ensure_ascii=False).encode()
        answer = ask(ANYTHING, interface, body)
        assert (answer.status, answer.value, answer.seen) == (200, document, body)
        answer = ask(closed, interface, body)
        assert answer.refused(422, "invalid-body")
        if len(text) > 12:
            assert text not in answer.body.decode()


# Routes


@interfaces
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/orders/"),
        ("POST", "/V1/orders"),
        ("POST", "/v1/orders/1"),
        ("POST", "/"),
        ("PUT", "/v1/orders"),
        ("post", "/v1/orders"),
        ("GET", "/v1/orders"),
        ("HEAD", "/v1/orders"),
        ("DELETE", "/v1/orders"),
        ("OPTIONS", "/v1/orders"),
        ("PURGE", "/v1/orders"),
    ],
)
def test_a_body_that_no_route_declares_never_passes(interface: str, method: str, path: str) -> None:
    answer = ask(ORDERS, interface, GOOD, method=method, path=path)
    if method == "post":  # the boundary, not this layer: methods are case-sensitive tokens
        assert (answer.status, answer.called) in ((415, False), (400, False))
        return
    assert (answer.status, answer.called) == (415, False)
    assert method == "HEAD" or answer.code == "undeclared-body"
    assert answer.decisions[-1] == Decision("validation", "deny", "undeclared", "undeclared-body")


@interfaces
@pytest.mark.parametrize("path", ["//v1/orders", "/v1/../v1/orders", "/v1/orders;x"])
def test_an_odd_path_is_refused_before_the_layer(interface: str, path: str) -> None:
    answer = ask(ORDERS, interface, b'{"is_admin": 1}', path=path)
    assert (answer.status, answer.called) == (400, False)


@interfaces
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST", "OPTIONS"])
@pytest.mark.parametrize("length", ["0", None])
def test_no_body_on_an_undeclared_route_passes(
    interface: str, method: str, length: str | None
) -> None:
    answer = ask(ORDERS, interface, method=method, path="/x", headers=[], length=length)
    assert (answer.status, answer.seen, answer.value) == (200, b"", NOTHING)
    assert answer.decisions == (Decision("validation", "allow", "undeclared", "no-body"),)


@interfaces
@pytest.mark.parametrize("chunks", [[b"x"], [b"", b"", b"x"]])
def test_a_body_without_any_header_is_found_by_reading(interface: str, chunks: list[bytes]) -> None:
    """HTTP/2 needs neither Content-Length nor Transfer-Encoding."""
    answer = ask(ORDERS, interface, chunks, method="GET", headers=[], length=None)
    assert answer.refused(415, "undeclared-body")


def test_a_body_beyond_a_declared_zero_is_found_by_reading() -> None:
    answer = ask(ORDERS, "asgi", b"x", method="GET", headers=[], length="0")
    assert answer.refused(415, "undeclared-body")


@interfaces
def test_undeclared_bodies_pass_by_option(interface: str) -> None:
    layer = BodyValidation({"POST /v1/orders": ORDER}, undeclared="pass")
    answer = ask(layer, interface, b"anything", path="/x", headers=[])
    assert (answer.seen, answer.value) == (b"anything", NOTHING)
    assert answer.decisions == (Decision("validation", "allow", "undeclared", "not-judged"),)
    assert ask(layer, interface, b"anything").refused(400, "malformed-json")


@interfaces
@pytest.mark.parametrize("undeclared", ["pass", "refuse"])
@pytest.mark.parametrize("segment", ["07", "+7", "7\n", "٧", "7.0"])
def test_a_body_on_another_spelling_of_an_id_is_refused(
    interface: str, undeclared: Any, segment: str
) -> None:
    """Many an app reads order 7: neither the wide template nor "pass" may judge its body."""
    schemas = {"PUT /v1/orders/{id:int}": ORDER, "PUT /v1/orders/{name}": True}
    layer = BodyValidation(schemas, undeclared=undeclared)
    answer = ask(layer, interface, b'{"is_admin": 1}', method="PUT", path=f"/v1/orders/{segment}")
    assert (answer.status, answer.called) in ((415, False), (400, False))


def test_a_websocket_handshake_has_no_body_to_judge() -> None:
    called = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope["type"])

    scope = {"type": "websocket", "path": "/v1/orders", "headers": []}
    asyncio.run(ORDERS.asgi(app)(scope, _never, _never))  # type: ignore[arg-type]
    assert called == ["websocket"]


@interfaces
def test_each_route_has_its_own_schema(interface: str) -> None:
    layer = BodyValidation(
        {
            "PUT /v1/orders/{order_id:int}": {"type": "object"},
            "PUT /v1/orders/{name}": {"type": "string"},
            "PUT /files/**": {"type": "array"},
            "DELETE /v1/orders/bulk": {"type": "integer"},
        }
    )

    def passes(path: str, body: bytes, method: str = "PUT") -> bool:
        return ask(layer, interface, body, method=method, path=path).called

    assert passes("/v1/orders/7", b"{}")
    assert not passes("/v1/orders/7", b'""')
    assert passes("/v1/orders/x", b'""')
    assert passes("/files/a/b", b"[]")
    assert passes("/v1/orders/bulk", b"1", "DELETE")
    assert not passes("/v1/orders/07", b'""')
    assert not passes("/v1/orders/07", b"{}")


# Hand-over


def test_the_value_is_found_through_nested_stacks() -> None:
    """The outer stack judged; the app sees the exchange of the inner one."""

    class Other(Layer):
        name = "other"

    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(validated_body_of(environ))
        return []

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/orders",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"5"),
    }
    list(ANYTHING.wsgi(Other().wsgi(app))(environ, lambda *_: None))  # type: ignore[arg-type]
    assert seen == [5]


@interfaces
def test_two_of_them_in_one_stack_judge_the_same_bytes(interface: str) -> None:
    inner = BodyValidation({"POST /v1/orders": {"type": "object"}}, limit=20)
    stack = Stack(ANYTHING, inner)
    assert ask(stack, interface, b"{}").called  # type: ignore[arg-type]
    assert ask(stack, interface, b"[]").refused(422, "invalid-body")  # type: ignore[arg-type]
    assert ask(stack, interface, GOOD).refused(413, "body-too-large")  # type: ignore[arg-type]


@interfaces
def test_a_layer_made_of_it_has_its_own_hook_called(interface: str) -> None:
    seen: list[str] = []

    class Noting(BodyValidation):
        def on_request(self, exchange: Exchange) -> Any:
            seen.append(exchange.method)
            return super().on_request(exchange)

    layer = Noting({"POST /v1/orders": ORDER})
    assert ask(layer, interface, GOOD).called
    assert ask(layer, interface, b"{}").refused(422, "invalid-body")
    assert seen == ["POST", "POST"]


@pytest.mark.parametrize("asked", [{"maxProperties": 9}, {"not": {}}], ids=["the rest", "all"])
@interfaces
def test_a_bug_in_the_engine_closes_the_door(
    interface: str, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    def fails(error: type[BaseException]) -> Any:
        def is_valid(value: Any) -> bool:
            raise error("secret")

        return is_valid

    def layer_that(error: type[BaseException]) -> BodyValidation:
        engine = SimpleNamespace(is_valid=fails(error))
        monkeypatch.setattr(Schema, "_compile", staticmethod(lambda *arguments: engine))
        return BodyValidation({"POST /v1/orders": {**ORDER, **asked}})

    for error in (panic, RuntimeError):
        answer = ask(layer_that(error), interface, GOOD)
        assert answer.refused(500, "internal-error")
        assert b"secret" not in answer.body
    with pytest.raises(KeyboardInterrupt):
        ask(layer_that(KeyboardInterrupt), interface, GOOD)


@interfaces
@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=60)
    | st.text(alphabet='{}[]":,item quantity0123456789\\u', max_size=60).map(str.encode),
    content_type=st.sampled_from(["application/json", "application/json; charset=utf-8", "x"])
    | st.binary(max_size=20).map(lambda raw: raw.decode("latin-1")),
)
def test_any_body_is_passed_valid_or_refused_with_4xx(
    interface: str, body: bytes, content_type: str
) -> None:
    answer = ask(ORDERS, interface, body, headers=[("content-type", content_type)])
    if answer.called:
        assert set(answer.value) >= {"item", "quantity"}
    else:
        assert answer.status in (400, 415, 422)


# Configuration


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"schemas": [ORDER]}, "takes a mapping"),
        ({"schemas": {"/v1/orders": ORDER}}, "write 'POST /v1/orders'"),
        ({"schemas": {7: ORDER}}, "write 'POST /v1/orders'"),
        ({"schemas": {"PSOT /v1": ORDER}}, "did you mean 'POST'"),
        ({"schemas": {"post /v1": ORDER}}, "did you mean 'POST'"),
        ({"schemas": {"HEAD /v1": ORDER}}, "unknown method 'HEAD'"),
        ({"schemas": {"POST v1": ORDER}}, "must begin with '/'"),
        ({"schemas": {"POST /{a}": True, "POST /{b}": True}}, "match the same paths"),
        ({"schemas": {}, "undeclared": "allow"}, "use 'refuse' or 'pass'"),
        ({"schemas": {}, "limit": "1 MiBi"}, "write '1 MiB'"),
        ({"schemas": {}, "limit": None}, "write '1 MiB'"),
        ({"schemas": {}, "limit": True}, "write '1 MiB'"),
        ({"schemas": {}, "limit": 0}, "would refuse every body"),
        ({"schemas": {}, "limit": "0.1 B"}, "would refuse every body"),
        ({"schemas": {}, "max_depth": 0}, "from 1 to 128"),
        ({"schemas": {}, "max_depth": 129}, "from 1 to 128"),
        ({"schemas": {}, "max_depth": True}, "from 1 to 128"),
        ({"schemas": {}, "max_values": "1"}, "a number of values"),
        ({"schemas": {}, "media_types": "application/json"}, "media_types is a list"),
        ({"schemas": {}, "media_types": ["text/plain"]}, "nothing judges bodies"),
        ({"schemas": {}, "media_types": [None]}, "nothing judges bodies"),
        ({"schemas": {}, "media_types": []}, "media_types is empty"),
    ],
)
def test_arguments_that_cannot_work_teach(arguments: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        BodyValidation(**arguments)


@pytest.mark.parametrize(
    ("limit", "size"), [(10, 10), ("10", 10), ("1 KiB", 1024), ("1.5kB", 1500), (" 2 b ", 2)]
)
def test_limits_are_written_as_people_do(limit: Any, size: int) -> None:
    layer = BodyValidation({"POST /v1/orders": True}, limit=limit)
    assert ask(layer, "wsgi", b"1" + b" " * (size - 1)).called
    assert ask(layer, "wsgi", b"1" + b" " * size).refused(413, "body-too-large")


def test_it_must_stand_inside_the_layers_that_know_the_caller() -> None:
    class Named(Layer):
        def __init__(self, name: str) -> None:
            self.name = name

    for name in ("https", "authentication", "authorization"):
        with pytest.raises(ConfigurationError, match="BodyValidation cannot stand outside"):
            Stack(ORDERS, Named(name))
        Stack(Named(name), ORDERS)


@pytest.mark.parametrize("module", ["msgspec", "jsonschema_rs"])
def test_a_missing_dependency_is_told_with_its_pip_line(module: str) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
from ringwall import BodyValidation
try:
    BodyValidation({{}})
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(MissingDependency.__name__), done.stderr
    assert "ringwall[schema]" in done.stdout


def test_importing_the_layer_loads_no_dependency() -> None:
    code = """
import sys
import ringwall.validation
print([name for name in ("msgspec", "jsonschema_rs", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_value_without_a_layer_is_the_default() -> None:
    assert validated_body_of({}, 7) == 7


def test_a_body_that_is_not_announced_is_not_there_for_the_app_either() -> None:
    """Over HTTP/2 a server may put a body into the environ without a length, and without telling
    that the stream ends: it is judged as none, so the app gets none."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return []

    seen: list[bytes] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/v1/orders",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(b'{"is_admin": 1}'),
    }
    list(ORDERS.wsgi(app)(environ, lambda *_: None))  # type: ignore[arg-type]
    assert seen == [b""]
    environ |= {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
    environ["wsgi.input"] = io.BytesIO(GOOD)
    status: list[str] = []
    list(ORDERS.wsgi(app)(environ, lambda told, *_: status.append(told)))  # type: ignore[arg-type]
    assert (status, seen) == (["400 Bad Request"], [b""])


@interfaces
@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: [n], lambda n: {"a": n}, lambda n: -n])
def test_large_integers_are_not_compared_each_with_each(interface: str, wrap: Any) -> None:
    """The engine would need minutes for what fits into half a megabyte."""
    schema = {"properties": {"tags": {"type": "array", "uniqueItems": True}}}
    layer = BodyValidation({"POST /v1/orders": schema})
    for count in (64, 65, 1000):
        tags = [wrap(10**25 + number) for number in range(count)]
        answer = ask(layer, interface, json.dumps({"tags": tags}).encode())
        assert answer.called if count == 64 else answer.refused(400, "too-many-values")
    twice = json.dumps({"tags": [wrap(10**25)] * 2}).encode()
    assert ask(layer, interface, twice).refused(422, "invalid-body")
    small = json.dumps({"tags": [wrap(number) for number in range(1, 5000)]}).encode()
    assert ask(layer, interface, small).called
    assert ask(ANYTHING, interface, json.dumps([10**25] * 9000).encode()).called
