"""The templates of frameworks' own routers in records, names of spans and series."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit_support import Lines
from integrations.drive import call
from integrations.frameworks import HOSTS, Reached
from ringwall import (
    APIKey,
    Audit,
    Authentication,
    Authorization,
    Stack,
    generate_api_key,
    public,
)

# The frameworks' own use of what is deprecated is not ours to judge.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEMPLATES = {
    "litestar": "/v1/orders/{order_id}",
    "fastapi": "/v1/orders/{order_id}",
    "pyramid": "/v1/orders/{order_id}",
    "starlette": "/v1/orders/{order_id:int}",
    "falcon-asgi": "/v1/orders/{order_id:int}",
    "falcon-wsgi": "/v1/orders/{order_id:int}",
    "bottle": "/v1/orders/<order_id:int>",
}


_, KNOWN = generate_api_key("alice")


def anybody() -> Authentication:
    """Handlers ask who it is."""
    return Authentication(APIKey([KNOWN]), optional=True)


class Watched:
    """An audit with its records and spans."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.audit = Audit(self.lines, tracer_provider=provider)

    def routes(self) -> list[Any]:
        told = [record["route"] for record in self.lines.records]
        for route, span in zip(told, self.spans.get_finished_spans(), strict=True):
            assert span.attributes is not None
            assert span.attributes.get("http.route") == route
            assert span.name == (f"GET {route}" if route else "GET")
        return told


@pytest.mark.parametrize("name", HOSTS)
def test_the_router_of_every_framework_names_the_route(name: str) -> None:
    host, watched, reached = HOSTS[name], Watched(), Reached()
    app = host.build(Stack(watched.audit, anybody()), reached)
    for path in ("/v1/orders/1001", "/v1/orders/1002?a=b", "/healthz", "/nothing/4711"):
        call(host.interface, app, path, {})
    template = TEMPLATES.get(name, "/v1/orders/<int:order_id>")
    assert watched.routes() == [template, template, "/healthz", None]
    assert reached[:2] == [1001, 1002]
    # No parameter is known by its name, so the path names what was asked for.
    assert [(r["path"], r["params"]) for r in watched.lines.records][:2] == [
        ("/v1/orders/1001", {}), ("/v1/orders/1002", {}),
    ]  # fmt: skip


@pytest.mark.parametrize("name", HOSTS)
def test_the_template_of_a_rule_goes_first(name: str) -> None:
    host, watched = HOSTS[name], Watched()
    rules = Authorization(public("GET", "/v1/orders/{id}"))
    app = host.build(Stack(watched.audit, anybody(), rules), Reached())
    call(host.interface, app, "/v1/orders/1001", {})
    assert watched.routes() == ["/v1/orders/{id}"]
    assert watched.lines.only["params"] == {"id": "1001"}


@pytest.mark.parametrize("name", HOSTS)
def test_a_stack_further_inside_tells_those_outside(name: str) -> None:
    host, watched = HOSTS[name], Watched()

    class Nested:
        """As a stack is put up, but with a stack for each layer."""

        def asgi(self, app: Any) -> Any:
            return Stack(watched.audit).asgi(anybody().asgi(app))

        def wsgi(self, app: Any) -> Any:
            return Stack(watched.audit).wsgi(anybody().wsgi(app))

    app = host.build(Nested(), Reached())  # type: ignore[arg-type]
    call(host.interface, app, "/v1/orders/1001", {})
    assert watched.routes() == [TEMPLATES.get(name, "/v1/orders/<int:order_id>")]


def test_mounts_and_included_routers_of_starlette_and_fastapi() -> None:
    from fastapi import APIRouter, FastAPI
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Host, Mount, Route, Router

    async def endpoint(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def plain(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    inner = Starlette(routes=[Route("/items/{item}", endpoint), Mount("/deep", plain)])
    tenants = Router([Mount("/{tenant}/x", inner), Mount("/{tenant}/y", inner)])
    outer = Starlette(
        routes=[
            Mount("/static", plain),
            Route("/twice/{a}", endpoint),
            Route("/again/{b}", endpoint),
            Host("elsewhere.example", Router([Mount("/t", inner)])),
            Host("localhost", Router([Mount("/t", tenants)])),
        ]
    )
    router = APIRouter(prefix="/v2")

    @router.get("/things/{thing}")
    async def thing(thing: int) -> None: ...

    fast = FastAPI()
    fast.include_router(router, prefix="/api")
    fast.mount("/sub", outer)
    cases = {
        "/static/css/a.css": "/static/{path}",
        "/twice/1": "/twice/{a}",
        "/again/2": "/again/{b}",
        "/t/acme/x/items/7": "/t/{tenant}/x/items/{item}",
        "/t/acme/y/items/7": "/t/{tenant}/y/items/{item}",
        "/t/acme/y/deep/down": "/t/{tenant}/y/deep/{path}",
        "/t/acme/x/nothing": "/t/{tenant}/x/{path}",
        "/t/acme/z": "/t/{path}",
        "/nothing": None,
    }
    for app, prefix in ((outer, ""), (fast, "/sub")):
        watched = Watched()
        walled = Stack(watched.audit).asgi(app)
        for path in cases:
            call("asgi", walled, prefix + path, {})
        expected = [template and prefix + template for template in cases.values()]
        if prefix:
            expected[-1] = "/sub/{path}"
        assert watched.routes() == expected
    watched = Watched()
    walled = Stack(watched.audit).asgi(fast)
    for path in ("/api/v2/things/3", "/api/v2/things/no", "/api/v2/nothing", "/docs"):
        call("asgi", walled, path, {})
    assert watched.routes()[:2] == ["/api/v2/things/{thing}"] * 2
    assert watched.routes()[2:] == [None, "/docs"]


def test_a_handler_that_crashes_has_a_route() -> None:
    import bottle
    from flask import Flask
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def crash(request: Any) -> None:
        raise ZeroDivisionError

    watched = Watched()
    walled = Stack(watched.audit).asgi(Starlette(routes=[Route("/crash/{x}", crash)]))
    with pytest.raises(ZeroDivisionError):
        call("asgi", walled, "/crash/1", {})

    flask = Flask("crash")
    flask.config["PROPAGATE_EXCEPTIONS"] = True

    @flask.get("/crash/<x>")
    def crashed(x: str) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call("wsgi", Stack(watched.audit).wsgi(flask), "/crash/1", {})

    app = bottle.Bottle(catchall=False)

    @app.get("/crash/<x:int>")
    def crash_too(x: int) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call("wsgi", Stack(watched.audit).wsgi(app), "/crash/1", {})
    assert watched.routes() == ["/crash/{x}", "/crash/<x>", "/crash/<x:int>"]
    assert [record["outcome"] for record in watched.lines.records] == ["error"] * 3


def websocket(app: Any, path: str) -> None:
    """A client that connects and leaves."""
    incoming = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Any:
        if incoming:
            return incoming.pop(0)
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        return None

    scope = {
        "type": "websocket", "scheme": "wss", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "http_version": "1.1", "subprotocols": [],
        "headers": [(b"host", b"localhost")], "client": ("192.0.2.7", 5), "extensions": {},
        "server": ("localhost", 443), "asgi": {"version": "3.0", "spec_version": "2.4"},
    }  # fmt: skip

    async def main() -> None:
        await asyncio.wait_for(app(scope, receive, send), 30)

    asyncio.run(main())


def _starlette(path: str) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute

    async def chat(websocket: Any) -> None:
        await websocket.accept()
        await websocket.receive()

    return Starlette(routes=[WebSocketRoute(path, chat)])


def _fastapi(path: str) -> Any:
    from fastapi import FastAPI, WebSocket

    app = FastAPI()

    @app.websocket(path)
    async def chat(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.receive()

    return app


def _quart(path: str) -> Any:
    from quart import Quart, websocket

    app = Quart(__name__)

    @app.websocket(path.replace("{", "<").replace("}", ">"))
    async def chat(room: str) -> None:
        await websocket.accept()
        await websocket.receive()

    return app


def _falcon(path: str) -> Any:
    import falcon
    import falcon.asgi

    class Chat:
        async def on_websocket(self, request: Any, websocket: Any, room: str) -> None:
            await websocket.accept()
            try:
                await websocket.receive_text()
            except falcon.WebSocketDisconnected:
                return

    app = falcon.asgi.App()
    app.add_route(path, Chat())
    return app


@pytest.mark.parametrize("build", [_starlette, _fastapi, _quart, _falcon])
def test_a_websocket_has_a_route(build: Any) -> None:
    watched = Watched()
    walled = Stack(watched.audit).asgi(build("/rooms/{room}"))
    websocket(walled, "/rooms/4711")
    websocket(walled, "/nothing/4711")
    template = "/rooms/<room>" if build is _quart else "/rooms/{room}"
    assert watched.routes() == [template, None]


def test_what_a_framework_leaves_may_be_anything() -> None:
    from starlette.applications import Starlette

    class Hostile:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError

    lefts: list[dict[str, Any]] = [
        {"path_params": {}},
        {"path_params": {}, "path_template": 3},
        {"path_params": {}, "route": Hostile(), "router": Hostile()},
        {"path_params": {}, "app_root_path": "", "root_path": "/x", "router": Hostile()},
        {"path_params": {}, "app_root_path": "", "root_path": "/x", "router": Starlette()},
    ]
    for left in lefts:
        watched = Watched()

        async def app(scope: Any, receive: Any, send: Any, left: Any = left) -> None:
            scope.update(left)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        call("asgi", Stack(watched.audit).asgi(app), "/v1", {})
        assert watched.routes() == [None]

    watched = Watched()

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        environ["bottle.route"] = Hostile()
        start_response("200 OK", [])
        return []

    call("wsgi", Stack(watched.audit).wsgi(wsgi), "/v1", {})
    assert watched.routes() == [None]


def test_an_app_that_is_asked_is_asked_once_and_serves_others_too() -> None:
    """Two stacks around one app: each exchange hears of its own route."""
    from integrations.django_project import set_up_django

    set_up_django()
    reached = Reached()
    for name in ("flask", "django-wsgi", "falcon-wsgi", "pyramid"):
        one, two = Watched(), Watched()

        class Twice:
            def wsgi(self, app: Any) -> Any:
                self.first = Stack(one.audit, anybody()).wsgi(app)  # noqa: B023
                return Stack(two.audit, anybody()).wsgi(app)  # noqa: B023

        twice = Twice()
        app = HOSTS[name].build(twice, reached)  # type: ignore[arg-type]
        call("wsgi", twice.first, "/healthz", {})
        call("wsgi", app, "/v1/orders/1001", {})
        assert one.routes() == ["/healthz"]
        assert len(two.routes()) == 1


def test_without_a_stack_a_hook_has_nobody_to_tell() -> None:
    from flask import Flask

    app = Flask("alone")

    @app.get("/x")
    def x() -> str:
        return "x"

    inner = app.wsgi_app
    Stack(Watched().audit).wsgi(inner)
    assert call("wsgi", inner, "/x", {}).body == b"x"
