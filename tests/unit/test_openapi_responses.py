"""Responses: reported, replaced or stripped where they are not as the document declares them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from openapi_support import document
from ringwall import BodyValidation, ConfigurationError, Layer, Stack
from ringwall.context import decisions_of

interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
ACCOUNT = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string"},
        "password": {"type": "string", "writeOnly": True},
        "pin": {"allOf": [{"$ref": "#/components/schemas/Secret"}]},
        "friends": {"type": "array", "items": {"$ref": "#/components/schemas/Account"}},
    },
    "required": ["id", "name", "password"],
}
JSON = "application/json"


def content(schema: Any, *types: str) -> dict[str, Any]:
    return {"description": "", "content": {name: {"schema": schema} for name in types or (JSON,)}}


DOCUMENT = document(
    components={
        "schemas": {"Account": ACCOUNT, "Secret": {"writeOnly": True}},
        "responses": {"E": content({"type": "object"})},
    },
    paths={
        "/x": {
            "get": {
                "responses": {
                    "200": content({"$ref": "#/components/schemas/Account"}),
                    "201": {"description": "nothing"},
                    "202": {
                        "description": "",
                        "content": {"text/event-stream": {}, JSON: {}, "image/*": {}},
                    },
                    "204": {"description": "nothing"},
                    "2XX": content({"type": "string"}),
                    "404": {"$ref": "#/components/responses/E"},
                    "x-note": {},
                }
            }
        },
        "/any": {"get": {"responses": {"default": content({"type": "integer"})}}},
        "/none": {"get": {}},
    },
)


class Record(Layer):
    name = "record"
    observes = True
    decisions: Any = ()

    def on_complete(self, exchange: Any, outcome: Any) -> None:
        self.decisions = decisions_of(exchange)


def respond(
    mode: str,
    interface: str,
    chunks: Any,
    *,
    status: int = 200,
    content_type: str | None = JSON,
    path: str = "/x",
    headers: Sequence[tuple[str, str]] = (),
    **options: Any,
) -> tuple[int, bytes, Any]:
    """The status and body that the client gets when the app answers so, and the last decision."""
    if not isinstance(chunks, list):
        chunks = [chunks if isinstance(chunks, bytes) else json.dumps(chunks).encode()]
    lines = [*headers, *([("content-type", content_type)] if content_type else [])]
    record = Record()
    given = {"openapi": DOCUMENT, "responses": mode, **options}
    layer = BodyValidation(**given)
    stack = Stack(record, layer)
    got: list[Any] = []
    body = b""
    if interface == "asgi":

        async def app(scope: Any, receive: Any, send: Any) -> None:
            encoded = [(name.encode(), value.encode()) for name, value in lines]
            await send({"type": "http.response.start", "status": status, "headers": encoded})
            for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                got.append(message["status"])
            body += message.get("body", b"")

        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "scheme": "https"}
        asyncio.run(stack.asgi(app)(scope, receive, send))
    else:
        import io

        def wsgi_app(environ: Any, start_response: Any) -> Any:
            start_response(f"{status} x", lines)
            return iter(chunks)

        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(),
        }
        result = stack.wsgi(wsgi_app)(
            environ, lambda line, headers, exc_info=None: got.append(int(line[:3]))
        )
        body = b"".join(result)
        result.close()  # type: ignore[attr-defined]
    decision = record.decisions[-1]
    return got[-1], body, (decision.outcome, decision.reason)


GOOD = {"id": 1, "name": "a", "friends": [{"id": 2, "name": "b"}]}
EXPOSED = {
    "id": 1,
    "name": "a",
    "password": "hunter2",
    "pin": "hunter2",
    "hash": "hunter2",
    "friends": [{"id": 2, "name": "b", "password": "hunter2", "ssn": "hunter2"}],
}
BROKEN = {"id": "hunter2", "name": "a"}


@interfaces
@pytest.mark.parametrize("mode", ["ignore", "report", "enforce", "strip"])
def test_a_response_as_declared_is_the_same_bytes(interface: str, mode: str) -> None:
    body = json.dumps(GOOD, indent=1).encode()
    status, sent, decision = respond(mode, interface, [body[:5], body[5:]])
    assert (status, sent, decision) == (200, body, ("allow", "valid"))


@interfaces
def test_report_changes_nothing(interface: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ringwall"):
        status, sent, decision = respond("report", interface, EXPOSED)
    assert (status, json.loads(sent)) == (200, EXPOSED)
    assert decision == ("allow", "invalid-response")
    assert "GET /x" in caplog.text and "#/password" in caplog.text
    assert "hunter2" not in caplog.text


@interfaces
@pytest.mark.parametrize("body", [EXPOSED, BROKEN, b"{", b'{"id":1,"id":1,"name":"a"}', b""])
def test_enforce_replaces_what_is_not_as_declared(interface: str, body: Any) -> None:
    status, sent, decision = respond("enforce", interface, body)
    assert status == 500
    assert json.loads(sent)["code"] == "invalid-response"
    assert b"hunter2" not in sent
    assert decision == ("deny", "invalid-response")


@interfaces
def test_strip_takes_out_what_is_not_declared(interface: str) -> None:
    status, sent, decision = respond("strip", interface, EXPOSED)
    assert (status, json.loads(sent)) == (200, GOOD)
    assert decision == ("allow", "valid")
    status, sent, decision = respond("strip", interface, BROKEN)
    assert (status, decision) == (500, ("deny", "invalid-response"))


@interfaces
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"status": 203, "chunks": "text"}, 203),
        ({"status": 203, "chunks": 7}, 500),
        ({"status": 404, "chunks": {}}, 404),
        ({"status": 404, "chunks": [b"[]"]}, "replaced 404"),
        ({"status": 500, "chunks": {"trace": "hunter2"}}, "replaced 500"),
        ({"status": 403, "chunks": [b"x"], "content_type": "text/html"}, "replaced 403"),
        ({"status": 302, "chunks": [b""], "content_type": None}, 500),
        ({"status": 304, "chunks": [], "content_type": None}, 304),
        ({"status": 204, "chunks": [], "content_type": None}, 204),
        ({"status": 204, "chunks": [], "content_type": None, "path": "/none"}, 500),
        ({"status": 201, "chunks": [], "content_type": None}, 201),
        ({"status": 201, "chunks": [b"hunter2"], "content_type": None}, 500),
        ({"status": 201, "chunks": {}}, 500),
        ({"chunks": GOOD, "content_type": "text/html"}, 500),
        ({"chunks": GOOD, "content_type": "application/json; charset=utf-7"}, 500),
        ({"chunks": GOOD, "content_type": "Application/JSON; charset=UTF-8"}, 200),
        ({"chunks": GOOD, "headers": [("content-encoding", "gzip")]}, 500),
        ({"chunks": GOOD, "headers": [("content-encoding", "Identity")]}, 200),
        ({"chunks": GOOD, "response_limit": 10}, 500),
        ({"status": 202, "chunks": [b"data: x\n\n"], "content_type": "text/event-stream"}, 202),
        ({"status": 202, "chunks": [b"{"]}, 202),
        ({"status": 202, "chunks": [b"x"], "content_type": "image/png"}, 202),
        ({"status": 202, "chunks": [b"x"], "content_type": "video/mp4"}, 500),
        ({"status": 500, "chunks": 7, "path": "/any"}, 500),
        ({"status": 299, "chunks": 7, "path": "/any"}, 299),
    ],
)
def test_statuses_and_media_types(interface: str, given: dict[str, Any], expected: Any) -> None:
    given = dict(given)
    status, sent, _ = respond("enforce", interface, given.pop("chunks"), **given)
    if isinstance(expected, str):
        assert (f"replaced {status}", json.loads(sent)["code"]) == (expected, "invalid-response")
    else:
        assert status == expected
    assert b"hunter2" not in sent


@interfaces
def test_report_lets_everything_pass(interface: str) -> None:
    for given in (
        {"status": 302, "chunks": [b"x"], "content_type": None},
        {"status": 201, "chunks": [b"x"], "content_type": None},
        {"chunks": [b"x"], "content_type": "text/html"},
        {"chunks": [b"{"]},
        {"chunks": [b"[" * 100], "response_limit": 10},
    ):
        chunks = given.pop("chunks")
        status, sent, decision = respond("report", interface, chunks, **given)  # type: ignore[arg-type]
        assert (status, sent) == (given.get("status", 200), b"".join(chunks))  # type: ignore[arg-type]
        assert decision == ("allow", "invalid-response")


@interfaces
def test_a_response_of_what_is_not_declared_is_not_judged(interface: str) -> None:
    status, sent, decision = respond(
        "enforce", interface, {"a": "b"}, path="/else", exempt=["/else"]
    )
    assert (status, json.loads(sent), decision) == (200, {"a": "b"}, ("allow", "not-judged"))


@pytest.mark.parametrize(
    ("schema", "value", "stripped"),
    [
        (True, {"a": 1}, {"a": 1}),
        ({}, {"a": 1}, {"a": 1}),
        ({"type": "object"}, {"a": 1}, {"a": 1}),
        ({"properties": {"a": {}}}, {"a": {"b": 1}, "c": 1}, {"a": {"b": 1}}),
        ({"properties": {"a": {}}, "additionalProperties": True}, {"c": 1}, {"c": 1}),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"c": 1}, {}),
        (
            {"additionalProperties": {"properties": {"a": {}}}},
            {"x": {"a": 1, "b": 2}},
            {"x": {"a": 1}},
        ),
        (
            {"properties": {"a": {}}, "patternProperties": {"^x": {"properties": {"b": {}}}}},
            {"x": {"b": 1, "c": 1}},
            {"x": {"b": 1}},
        ),
        ({"properties": {"a": {}}, "unevaluatedProperties": {}}, {"c": 1}, {"c": 1}),
        (
            {"allOf": [{"properties": {"a": {}}}, {"anyOf": [{"properties": {"b": {}}}]}]},
            {"a": 1, "b": 1, "c": 1},
            {"a": 1, "b": 1},
        ),
        ({"then": {"properties": {"a": {}}}}, {"a": 1, "b": 1}, {"a": 1}),
        ({"properties": {"a": False}}, {"a": 1}, {}),
        (
            {"prefixItems": [{"properties": {"a": {}}}], "items": {"properties": {"b": {}}}},
            [{"a": 1, "b": 1}, {"a": 1, "b": 1}],
            [{"a": 1}, {"b": 1}],
        ),
        ({"type": "array"}, [{"a": 1}], [{"a": 1}]),
        ({"$ref": "#/$defs/N", "$defs": {"N": {"$ref": "#/$defs/N", "properties": {"n": {}}}}},
         {"n": 1, "m": 1}, {"n": 1}),
    ],
)  # fmt: skip
def test_what_is_stripped(schema: Any, value: Any, stripped: Any) -> None:
    from ringwall.validation._strip import Stripper

    assert Stripper(schema)(value) == stripped


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"openapi": DOCUMENT, "responses": "block"}, "'enforce' or 'strip'"),
        ({"schemas": {}, "responses": "report"}, "needs an OpenAPI document"),
        ({"openapi": DOCUMENT, "response_limit": 0}, "limit of 0"),
    ],
)
def test_options_that_cannot_work_teach(arguments: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        BodyValidation(**arguments)


def test_a_mistake_in_a_response_is_told() -> None:
    given = document(paths={"/x": {"get": {"responses": {"200": content({"type": "strin"})}}}})
    BodyValidation(openapi=given)
    with pytest.raises(ConfigurationError, match="responses/200/content/application~1json"):
        BodyValidation(openapi=given, responses="report")


@interfaces
@pytest.mark.parametrize("mode", ["report", "enforce", "strip"])
@pytest.mark.parametrize("shadow", [True, ["GET /x"]])
def test_in_shadow_every_response_leaves_as_it_is(interface: str, mode: str, shadow: Any) -> None:
    for body in (EXPOSED, BROKEN, b"{"):
        status, sent, (outcome, reason) = respond(mode, interface, body, shadow=shadow)
        assert (status, outcome) == (200, "allow")
        assert sent == (body if isinstance(body, bytes) else json.dumps(body).encode())
        assert reason == ("" if mode == "report" else "would-deny-") + "invalid-response"


@interfaces
def test_a_response_that_takes_too_long_to_judge_is_not_as_declared(interface: str) -> None:
    schema = {"type": "array", "uniqueItems": True}
    large = json.dumps([10**25 + number for number in range(100)]).encode()
    given = document(paths={"/x": {"get": {"responses": {"200": content(schema)}}}})
    for mode, expected in (("report", 200), ("enforce", 500)):
        assert respond(mode, interface, large, openapi=given)[0] == expected
