"""The layer from an OpenAPI document: what is not declared does not reach the app."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any

import pydantic
import pytest
from fastapi import FastAPI, Header, Query

from openapi_support import document, layer_of, operation, parameter
from ringwall import BodyValidation, ConfigurationError, Decision, Layer, Stack
from validation_support import GOOD, JSON, NOTHING, ORDER, ask

interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
ORDER_ID = parameter({"type": "integer"}, "orderId", "path")
ORDERS = document(
    servers=[{"url": "https://api.example.com/v1"}],
    paths={
        "/orders": {
            "get": operation(parameters=[parameter({"type": "integer"}, "limit")]),
            "post": operation(
                requestBody={
                    "required": True,
                    "content": {"application/json": {"schema": ORDER}},
                }
            ),
        },
        "/orders/{orderId}": {
            "parameters": [ORDER_ID],
            "get": operation(),
            "patch": operation(
                requestBody={"content": {"application/json; charset=utf-8": {"schema": ORDER}}}
            ),
        },
        "/orders/mine": {"get": operation()},
        "x-note": {},
    },
)
LAYER = BodyValidation(openapi=ORDERS)


@interfaces
def test_what_is_declared_reaches_the_app(interface: str) -> None:
    answer = ask(LAYER, interface, GOOD)
    assert (answer.status, answer.seen) == (200, GOOD)
    assert answer.value == {"item": "kettle", "quantity": 1}
    assert answer.decisions == (Decision("validation", "allow", "POST /orders", "valid"),)
    answer = ask(LAYER, interface, method="GET", path="/v1/orders/7", headers=[])
    assert (answer.status, answer.value) == (200, NOTHING)
    assert answer.parameters.path == {"orderId": 7}
    assert answer.decisions == (Decision("validation", "allow", "GET /orders/{orderId}", "valid"),)


@interfaces
def test_a_later_layer_is_told_the_route_of_the_document(interface: str) -> None:
    class Look(Layer):
        name = "look"
        seen: Any = None

        def on_request(self, exchange: Any) -> None:
            self.seen = exchange.route, exchange.params

    look = Look()
    stack: Any = Stack(LAYER, look)
    assert ask(stack, interface, method="GET", path="/v1/orders/7", headers=[]).called
    assert look.seen == ("/orders/{orderId}", {"orderId": 7})


@interfaces
@pytest.mark.parametrize("outer", [None, "/outer"])
def test_an_outer_layer_is_told_the_route_of_what_is_refused(
    interface: str, outer: str | None
) -> None:
    class Look(Layer):
        name = "look"
        observes = True
        seen: Any = None

        def on_request(self, exchange: Any) -> None:
            if outer is not None:
                exchange.found_route(outer, {"a": 1})

        def on_complete(self, exchange: Any, outcome: Any) -> None:
            self.seen = exchange.route, exchange.params

    look = Look()
    stack: Any = Stack(look, LAYER)
    answer = ask(stack, interface, method="GET", path="/v1/orders/07", headers=[])
    assert answer.refused(422, "invalid-parameters")
    assert look.seen == (("/orders/{orderId}", {}) if outer is None else (outer, {"a": 1}))


@pytest.mark.parametrize(("path", "status"), [("/api/v1/orders", 200), ("/api/v1/admin", 404)])
def test_paths_are_those_below_the_mount_point(path: str, status: int) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "root_path": "/api", "path": path, "headers": []}
    asyncio.run(LAYER.asgi(app)(scope, receive, send))
    assert sent[0]["status"] == status


@interfaces
@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/", None),
        ("GET", "/orders", None),
        ("GET", "/v1/orders/", None),
        ("GET", "/V1/orders", None),
        ("GET", "/v1/Orders", None),
        ("GET", "/v1/orders/7/x", None),
        ("GET", "/v1/admin", None),
        ("GET", "/v1/orders/{orderId}/", None),
        ("DELETE", "/v1/orders", "GET, POST"),
        ("HEAD", "/v1/orders", "GET, POST"),
        ("OPTIONS", "/v1/orders", "GET, POST"),
        ("TRACE", "/v1/orders", "GET, POST"),
        ("PURGE", "/v1/orders", "GET, POST"),
        ("POST", "/v1/orders/mine", "GET, PATCH"),
    ],
)
def test_what_is_not_declared_is_404_or_405(
    interface: str, method: str, path: str, allow: str | None
) -> None:
    answer = ask(LAYER, interface, method=method, path=path, headers=[])
    assert (answer.status, answer.called) == (404 if allow is None else 405, False)
    assert answer.headers.get("allow") == allow
    reason = "not-found" if allow is None else "method-not-allowed"
    assert answer.decisions[-1] == Decision("validation", "deny", "undeclared", reason)


@interfaces
def test_a_method_override_overrides_nothing(interface: str) -> None:
    for name in ("x-http-method-override", "x-method-override", "x-http-method"):
        answer = ask(LAYER, interface, GOOD, headers=[JSON, (name, "DELETE")])
        assert answer.decisions[-1].rule == "POST /orders"


@interfaces
def test_a_literal_comes_before_a_parameter(interface: str) -> None:
    answer = ask(LAYER, interface, method="GET", path="/v1/orders/mine", headers=[])
    assert answer.decisions[-1].rule == "GET /orders/mine"


@interfaces
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/v1/orders", b"x"), ("GET", "/v1/orders/7", b"{}"), ("GET", "/v1/orders", GOOD)],
)
@pytest.mark.parametrize("headers", [[], [JSON]])
def test_a_body_that_is_not_declared_is_refused(
    interface: str, method: str, path: str, body: bytes, headers: Any
) -> None:
    answer = ask(LAYER, interface, body, method=method, path=path, headers=headers)
    assert answer.refused(415, "undeclared-body")
    assert answer.decisions[-1].rule.startswith("GET /orders")


@interfaces
@pytest.mark.parametrize("length", ["abc", "7"])
def test_a_length_that_is_none_is_refused_where_there_is_no_body(
    interface: str, length: str
) -> None:
    answer = ask(LAYER, interface, method="GET", headers=[], length=length)
    assert not answer.called and answer.status in (400, 415)


@interfaces
def test_an_optional_body_may_be_absent_and_is_judged_where_it_is_not(interface: str) -> None:
    def patch(body: bytes, headers: Any, length: str | None = "true") -> Any:
        return ask(
            LAYER, interface, body, method="PATCH", path="/v1/orders/7", headers=headers,
            length=length,
        )  # fmt: skip

    for headers in ([], [JSON]):
        for length in ("0", None):
            answer = patch(b"", headers, length)
            assert (answer.status, answer.seen, answer.value) == (200, b"", NOTHING)
    assert patch(GOOD, [JSON]).value == {"item": "kettle", "quantity": 1}
    assert patch(b"{}", [JSON]).refused(422, "invalid-body")
    answer = patch(GOOD, [])
    assert answer.refused(415, "unsupported-media-type")
    assert answer.headers["accept"] == "application/json"
    assert patch(b"", [("content-type", "text/plain")]).refused(415, "unsupported-media-type")


@interfaces
def test_a_required_body_may_not_be_absent(interface: str) -> None:
    assert ask(LAYER, interface, b"").refused(400, "empty-body")
    assert ask(LAYER, interface, b"", headers=[]).refused(415, "unsupported-media-type")
    assert ask(LAYER, interface, b"null").refused(422, "invalid-body")


@interfaces
def test_undeclared_operations_pass_by_option(interface: str) -> None:
    layer = BodyValidation(openapi=ORDERS, undeclared="pass")
    answer = ask(layer, interface, b"anything", path="/else", headers=[])
    assert (answer.seen, answer.decisions[-1].reason) == (b"anything", "not-judged")
    assert ask(layer, interface, b"{}").refused(422, "invalid-body")


@interfaces
def test_exempt_paths_are_not_judged(interface: str) -> None:
    layer = BodyValidation(openapi=ORDERS, exempt=["/docs", "/static/**"])
    for path in ("/docs", "/static/a/b"):
        assert ask(layer, interface, b"x", path=path, headers=[]).seen == b"x"
    assert ask(layer, interface, path="/docs/", headers=[]).status == 404
    layer = BodyValidation({"POST /v1/orders": ORDER}, exempt=["/upload"])
    assert ask(layer, interface, b"x", path="/upload", headers=[]).called
    assert not ask(layer, interface, b"x", path="/else", headers=[]).called


@pytest.mark.parametrize("exempt", [[], ["/v1/socket"]])
def test_a_websocket_is_nothing_that_a_document_declares(exempt: list[str]) -> None:
    called: list[str] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope["path"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    layer = BodyValidation(openapi=ORDERS, exempt=exempt)
    for path in ("/v1/socket", "/v1/orders"):
        scope = {"type": "websocket", "path": path, "headers": []}
        asyncio.run(layer.asgi(app)(scope, receive, send))
    assert called == exempt
    assert sent == ["websocket.close"] * (2 - len(exempt))


# Where the paths are


@pytest.mark.parametrize(
    ("servers", "base", "good", "bad"),
    [
        (None, None, ["/x"], ["/v1/x"]),
        ([], None, ["/x"], ["/v1/x"]),
        ([{"url": "/"}], None, ["/x"], []),
        ([{"url": "https://a.example"}], None, ["/x"], []),
        ([{"url": "https://a.example/v1/"}], None, ["/v1/x"], ["/x"]),
        ([{"url": "/v1"}, {"url": "/v2"}], None, ["/v1/x", "/v2/x"], ["/x", "/v3/x"]),
        ([{"url": "v1"}], None, ["/v1/x"], ["/x"]),
        ([{"url": "/a%20b"}], None, ["/a b/x"], None),
        ([{"url": "/v1"}], "", ["/x"], ["/v1/x"]),
        ([{"url": "/v1"}], "/", ["/x"], ["/v1/x"]),
        ([{"url": "/v1"}], "/api/", ["/api/x"], ["/x", "/v1/x"]),
        (
            [{"url": "/{v}", "variables": {"v": {"default": "v1", "enum": ["v1", "v2"]}}}],
            None,
            ["/v1/x", "/v2/x"],
            ["/v3/x"],
        ),
        (
            [
                {
                    "url": "https://{h}/{v}",
                    "variables": {"h": {"default": "a"}, "v": {"default": "1"}},
                }
            ],
            None,
            ["/1/x"],
            ["/x"],
        ),
    ],
)
def test_paths_are_below_those_of_the_servers(
    servers: Any, base: str | None, good: list[str], bad: list[str] | None
) -> None:
    fields = {} if servers is None else {"servers": servers}
    given = document(paths={"/x": {"get": operation()}}, **fields)
    if bad is None:
        with pytest.raises(ConfigurationError, match="can never match"):
            BodyValidation(openapi=given)
        return
    layer = BodyValidation(openapi=given, base_path=base)
    for path in good:
        assert ask(layer, "wsgi", method="GET", path=path, headers=[]).called
    for path in bad:
        assert not ask(layer, "wsgi", method="GET", path=path, headers=[]).called


def test_the_nearest_servers_count() -> None:
    def at(url: str) -> list[dict[str, str]]:
        return [{"url": url}]

    given = document(
        servers=at("/a"),
        paths={
            "/x": {"servers": at("/b"), "get": operation(servers=at("/c")), "put": operation()},
            "/y": {"get": operation()},
        },
    )
    layer = BodyValidation(openapi=given)

    def found(method: str, path: str) -> bool:
        return ask(layer, "wsgi", method=method, path=path, headers=[]).called

    assert found("GET", "/c/x") and found("PUT", "/b/x") and found("GET", "/a/y")
    assert not found("GET", "/b/x") and not found("PUT", "/c/x") and not found("GET", "/y")


# Media types


def with_content(content: dict[str, Any], **options: Any) -> BodyValidation:
    body = {"required": True, "content": content}
    given = document(paths={"/x": {"post": operation(requestBody=body)}})
    return BodyValidation(openapi=given, **options)


def sent(layer: BodyValidation, interface: str, body: bytes, content_type: str) -> Any:
    return ask(layer, interface, body, path="/x", headers=[("content-type", content_type)])


@interfaces
def test_each_media_type_has_its_own_schema(interface: str) -> None:
    layer = with_content(
        {
            "application/json": {"schema": {"type": "integer"}},
            "Application/Vnd.Thing+JSON": {"schema": {"type": "string"}},
            "text/plain": {"schema": {"type": "string", "maxLength": 3}},
            "image/png": {},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        }
    )
    assert sent(layer, interface, b"7", "application/json").value == 7
    assert sent(layer, interface, b'"7"', "application/vnd.thing+json").value == "7"
    assert sent(layer, interface, "né".encode(), "text/plain; charset=utf-8").value == "né"
    assert sent(layer, interface, b"\xff\x00", "image/png").value == b"\xff\x00"
    assert sent(layer, interface, b"", "application/octet-stream").value == b""
    assert sent(layer, interface, b'"7"', "application/json").refused(422, "invalid-body")
    assert sent(layer, interface, b"7", "application/vnd.thing+json").refused(422, "invalid-body")
    answer = sent(layer, interface, b"long", "text/plain")
    assert answer.refused(422, "invalid-body")
    assert answer.problem["errors"][0]["code"] == "maxLength"
    assert sent(layer, interface, b"\xff", "text/plain").refused(400, "malformed-text")
    for other in ("image/jpeg", "text/html", "text/plain; charset=latin-1"):
        assert sent(layer, interface, b"7", other).refused(415, "unsupported-media-type")


@interfaces
def test_a_body_of_any_type_is_bounded(interface: str) -> None:
    layer = with_content({"image/png": {}}, limit=10)
    assert sent(layer, interface, b"x" * 10, "image/png").called
    assert sent(layer, interface, b"x" * 11, "image/png").refused(413, "body-too-large")


@interfaces
def test_ranges_of_media_types(interface: str) -> None:
    layer = with_content({"*/*": {"schema": {"type": "object"}}})
    assert sent(layer, interface, b"{}", "application/json").called
    assert sent(layer, interface, b"[]", "application/json").refused(422, "invalid-body")
    assert sent(layer, interface, b"{}", "text/plain").refused(415, "unsupported-media-type")
    layer = with_content({"*/*": {}, "image/*": {}, "text/*": {"schema": {"maxLength": 3}}})
    assert sent(layer, interface, b"{", "application/json").refused(400, "malformed-json")
    assert sent(layer, interface, b"{", "image/png").value == b"{"
    assert sent(layer, interface, b"{", "text/html").value == "{"
    assert sent(layer, interface, b"long", "text/html").refused(422, "invalid-body")
    assert sent(layer, interface, b"{", "video/mp4").value == b"{"
    assert sent(layer, interface, b"{", "*/*").refused(415, "unsupported-media-type")


@interfaces
def test_what_nothing_can_judge_is_not_accepted(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ringwall"):
        layer = with_content({"application/xml": {"schema": {"type": "object"}}})
    assert "application/xml" in caplog.text
    answer = sent(layer, interface, b"<a/>", "application/xml")
    assert answer.refused(415, "unsupported-media-type")


@interfaces
def test_a_schema_by_reference_through_everything(interface: str) -> None:
    given = document(
        "3.0.3",
        paths={"/x": {"post": operation(requestBody={"$ref": "#/components/requestBodies/B"})}},
        components={
            "requestBodies": {
                "B": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/S"}}},
                }
            },
            "schemas": {"S": {"type": "integer"}},
        },
    )
    layer = BodyValidation(openapi=given)
    assert sent(layer, interface, b"7", "application/json").called
    assert not sent(layer, interface, b"'7'", "application/json").called


@interfaces
def test_operations_that_refer_to_one_schema_share_what_judges_it(interface: str) -> None:
    content = {JSON[1]: {"schema": {"$ref": "#/components/schemas/S"}}}
    body = {"required": True, "content": content}
    given = document(
        paths={"/x": {name: operation(requestBody=body) for name in ("post", "put")}},
        components={"schemas": {"S": {"type": "integer"}}},
    )
    layer = BodyValidation(openapi=given)
    for method in ("POST", "PUT"):
        assert ask(layer, interface, b"7", method=method, path="/x").value == 7
        assert ask(layer, interface, b"[]", method=method, path="/x").refused(422, "invalid-body")
    made = [
        operation.bodies.find(b"application/json").handler  # type: ignore[union-attr]
        for operation in layer._table.operations().values()
    ]
    assert made[0] is made[1]


@interfaces
def test_parameters_are_judged_before_the_body_is_read(interface: str) -> None:
    layer = layer_of(ORDER, parameters=[parameter({"type": "integer"})])
    answer = ask(layer, interface, b"{", path="/x", query="p=x")
    assert answer.refused(422, "invalid-parameters")
    assert ask(layer, interface, b"{", path="/x", query="p=1").refused(400, "malformed-json")


# Frameworks


class Item(pydantic.BaseModel):
    name: str
    size: int = pydantic.Field(ge=1)
    link: pydantic.Base64Bytes | None = None


def test_the_document_of_a_fastapi_app() -> None:
    app = FastAPI(servers=[{"url": "/mounted"}])

    @app.put("/items/{item_id}")
    async def put(
        item_id: int,
        item: Item,
        q: str | None = None,
        ids: list[int] = Query(default=[]),  # noqa: B008
        x_token: str = Header(),
    ) -> None: ...

    layer = BodyValidation(openapi=app)
    assert app.openapi_schema is None  # routes may still be added

    @app.get("/later")
    async def later() -> None: ...

    assert "/later" in app.openapi()["paths"]

    def send(
        query: str = "", body: bytes = b'{"name":"a","size":1}', path: str = "/items/7"
    ) -> Any:
        headers = [JSON, ("x-token", "t")]
        return ask(layer, "asgi", body, method="PUT", path=path, query=query, headers=headers)

    answer = send("q=a&ids=1&ids=2")
    assert answer.status == 200, answer.body
    assert answer.parameters == (
        {"item_id": 7}, {"q": "a", "ids": [1, 2]}, {"x-token": "t"}, {}
    )  # fmt: skip
    assert send("ids=x").refused(422, "invalid-parameters")
    assert send("admin=1").refused(422, "invalid-parameters")
    assert send(path="/items/07").refused(422, "invalid-parameters")
    assert send(body=b'{"name":"a","size":0}').refused(422, "invalid-body")
    assert ask(layer, "asgi", method="GET", path="/later", headers=[]).status == 404
    assert ask(layer, "asgi", method="GET", path="/openapi.json", headers=[]).status == 404


def test_an_app_of_another_framework_that_has_a_document() -> None:
    class App:
        def openapi(self) -> Any:
            return document(paths={"/x": {"get": operation()}})

    layer = BodyValidation(openapi=App())
    assert ask(layer, "wsgi", method="GET", path="/x", headers=[]).called


def test_the_parameters_are_found_through_nested_stacks() -> None:
    from ringwall import validated_parameters_of

    class Other(Layer):
        name = "other"

    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(validated_parameters_of(environ))
        return []

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/v1/orders/7",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    list(LAYER.wsgi(Other().wsgi(app))(environ, lambda *_: None))  # type: ignore[arg-type]
    assert seen[0].path == {"orderId": 7}
    assert validated_parameters_of({}) is None


@interfaces
def test_requests_at_the_same_time_do_not_meet(interface: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def one(number: int) -> bool:
        good = number % 3 > 0
        answer = ask(
            LAYER,
            interface,
            method="GET",
            path=f"/v1/orders/{number}" if good else f"/v1/orders/0{number}",
            headers=[],
        )
        return answer.parameters.path == {"orderId": number} if good else not answer.called

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(1, 200)))


# Defaults


SIZED = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "size": {"$ref": "#/components/schemas/Size"},
        "tags": {"type": "array", "items": {"properties": {"on": {"default": True}}}},
        "more": {"default": {"a": []}},
        "tree": {"$ref": "#/components/schemas/Tree"},
    },
    "allOf": [True, {"properties": {"kind": {"default": "x"}}}],
    "anyOf": [{"properties": {"either": {"default": 1}}}],
}
SCHEMAS = {
    "Size": {"type": "integer", "default": 3},
    "Tree": {"properties": {"tree": {"$ref": "#/components/schemas/Tree"}}, "default": {}},
}


@interfaces
def test_defaults_are_handed_over_by_option(interface: str) -> None:
    given = [
        parameter({"type": "integer", "default": 20}, "limit"),
        parameter({"$ref": "#/components/schemas/Size"}, "X-Size", "header"),
    ]
    body = b'{"tags":[{},{"on":false}],"tree":{}}'
    layer = layer_of(SIZED, parameters=given, schemas=SCHEMAS, defaults=True)
    answer = ask(layer, interface, body, path="/x")
    expected = {
        "size": 3,
        "tags": [{"on": True}, {"on": False}],
        "more": {"a": []},
        "kind": "x",
        "tree": {"tree": {}},
    }
    assert (answer.value, answer.seen) == (expected, body)
    assert answer.parameters == ({}, {"limit": 20}, {"X-Size": 3}, {})
    answer.value["more"]["a"].append(1)
    assert ask(layer, interface, body, path="/x").value == expected
    assert ask(layer, interface, body, path="/x", query="limit=7").parameters.query == {"limit": 7}
    layer = layer_of(SIZED, parameters=given, schemas=SCHEMAS)
    assert ask(layer, interface, b"{}", path="/x").value == {}


@interfaces
def test_defaults_of_a_schema_in_a_mapping(interface: str) -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/a~1b"}, "b": {"$ref": "https://example.com/b"}},
        "$defs": {"a/b": {"default": 1}},
    }
    layer = BodyValidation(
        {"POST /x": schema, "POST /y": True},
        defaults=True,
        resources={"https://example.com/b": {"default": 2}},
    )
    assert ask(layer, interface, b"{}", path="/x").value == {"a": 1}
    assert ask(layer, interface, b"7", path="/x").value == 7
    assert ask(layer, interface, b"{}", path="/y").value == {}


PARTIAL = document(
    paths={
        "/users/{id}:activate": {
            "post": operation(parameters=[parameter({"type": "integer"}, "id", "path")])
        },
        "/users/{id}": {"post": operation(parameters=[parameter({}, "id", "path")])},
        "/files/{name}.{ext}": {
            "get": operation(
                parameters=[
                    parameter({"enum": ["png", "txt"]}, "ext", "path"),
                    parameter({"maxLength": 5}, "name", "path"),
                ]
            )
        },
    }
)


@interfaces
@pytest.mark.parametrize("undeclared", ["refuse", "pass"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/7:activate", {"id": 7}),
        ("/users/07:activate", 422),
        ("/users/:activate", {"id": ":activate"}),
        ("/users/x:activate", 422),
        ("/users/x:Activate", {"id": "x:Activate"}),
        ("/files/a.png", {"name": "a", "ext": "png"}),
        ("/files/a.exe", 422),
        ("/files/a.b.png", 404),
        ("/files/a..png", 404),
        ("/files/toolong.png", 422),
    ],
)
def test_parameters_within_a_segment(
    interface: str, undeclared: Any, path: str, expected: Any
) -> None:
    """What can be split in two ways is another path for another router."""
    layer = BodyValidation(openapi=PARTIAL, undeclared=undeclared)
    method = "GET" if path.startswith("/files") else "POST"
    answer = ask(layer, interface, path=path, method=method, headers=[])
    if isinstance(expected, int):
        assert (answer.status, answer.called) == (expected, False)
    else:
        assert (answer.status, answer.parameters.path) == (200, expected)
