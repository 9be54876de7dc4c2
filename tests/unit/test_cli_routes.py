"""`ringwall routes`: no route of a real framework is without a rule unnoticed."""

from __future__ import annotations

import sys
import types

import pytest

from integrations.frameworks import HOSTS, Reached
from ringwall import Authorization, Stack, allow, forbid, public
from ringwall.authz import Policy
from ringwall.cli import main
from ringwall.cli._coverage import rules_for
from ringwall.cli._frameworks import _ANGLES, _BRACES, Route, _routes, read_routes

pytestmark = [
    # Frameworks' own: Litestar reads annotations in a way that it deprecates, Pyramid imports cgi.
    pytest.mark.filterwarnings(r"ignore:\[paths=:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:pkg_resources is deprecated:DeprecationWarning"),
    # Namespaces as an older setuptools declares them.
    pytest.mark.filterwarnings(
        "ignore:Deprecated call to `pkg_resources.declare_namespace:DeprecationWarning"
    ),
]
KNOWN = [name for name in HOSTS if name not in ("pyramid", "bottle")]
ORDER = allow("GET", "/v1/orders/{order_id:int}")
HEALTH = public("GET", "/healthz")
REST = allow("*", "/**", name="rest")


@pytest.fixture
def run(monkeypatch, capsys):
    module = types.ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", module)

    def run(app, *arguments, **names):
        module.app = app
        vars(module).update(names)
        status = main(["routes", "shop:app", *arguments])
        out, err = capsys.readouterr()
        return status, [tuple(line.split("  ")) for line in out.splitlines()], err

    return run


def table(lines):
    return {
        (parts[0], parts[1]): parts[2]
        for line in lines[1:-1]
        if (parts := [part.strip() for part in line if part.strip()])
    }


@pytest.mark.parametrize("name", KNOWN)
def test_a_route_without_a_rule_fails(run, name):
    app = HOSTS[name].build(Stack(Authorization(ORDER)), Reached())
    status, lines, _ = run(app)
    rows = table(lines)
    assert status == 1
    ((order, rule),) = [row for row in rows.items() if "orders" in row[0][1]]
    assert rule == "GET /v1/orders/{order_id:int}"
    assert order[0] == ("ANY" if "django" in name else "GET")
    ((_, health),) = [row for row in rows.items() if "healthz" in row[0][1]]
    assert health == "NO RULE: closed"


@pytest.mark.parametrize("name", KNOWN)
def test_an_app_with_rules_for_all_passes(run, name):
    app = HOSTS[name].build(Stack(Authorization(ORDER, HEALTH, REST)), Reached())
    status, lines, _ = run(app)
    assert status == 0
    assert lines[-1][0].endswith("routes, 0 without a rule")
    assert "NO RULE: closed" not in table(lines).values()


@pytest.mark.parametrize("name", ["pyramid", "bottle"])
def test_an_app_that_cannot_be_read_is_an_error(run, name):
    app = HOSTS[name].build(Stack(Authorization(REST)), Reached())
    status, lines, err = run(app)
    assert (status, lines) == (2, [])
    assert "is no app of FastAPI" in err
    assert err.count("\n") == 1


def test_without_any_policy_there_is_an_error_and_with_an_option_there_is_one(run):
    from flask import Flask

    app = Flask("shop", static_folder=None)
    status, _, err = run(app)
    assert status == 2
    assert "no authorization layer around it; name one with --policy" in err
    assert run(app, "--policy", "shop:policy", policy=Policy(REST))[0] == 0


def test_with_two_stacks_both_must_have_a_rule(run):
    from flask import Flask

    app = Flask("shop", static_folder=None)
    app.add_url_rule("/a", "a")
    app.wsgi_app = Stack(Authorization(allow("GET", "/a"))).wsgi(app.wsgi_app)
    assert run(app)[0] == 0
    assert run(Stack(Authorization(allow("GET", "/b"))).wsgi(app))[0] == 1


def test_a_middleware_that_holds_itself_ends_the_search(run):
    class Loop:
        pass

    loop = Loop()
    loop.app = loop
    assert run(loop)[0] == 2


def test_starlette_mounts_hosts_websockets_and_what_nobody_knows():
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute, Host, Mount, Router, WebSocketRoute
    from starlette.routing import Route as StarletteRoute

    class Odd(BaseRoute):
        pass

    async def socket(websocket): ...

    async def page(request): ...

    async def other(scope, receive, send): ...

    class Raw:
        async def __call__(self, scope, receive, send): ...

    app = Starlette(
        routes=[
            Mount("/api", routes=[StarletteRoute("/a/{n:int}", page, methods=["POST"])]),
            Mount("/static", app=other),
            Host("h.example", app=Router([StarletteRoute("/b", page)])),
            WebSocketRoute("/ws", socket),
            StarletteRoute("/raw", Raw()),
            Odd(),
        ]
    )
    found = [(route.method, route.path) for route in read_routes(app)]
    assert found == [
        ("POST", "/api/a/{n:int}"),
        ("ANY", "/static/{path:path}"),
        ("GET", "/b"),
        ("WEBSOCKET", "/ws"),
        ("ANY", "/raw"),
        ("ANY", " (Odd)"),
    ]
    assert rules_for(Policy(REST), read_routes(app)[-1]) == [], "unknown means no"


def test_routers_that_fastapi_includes():
    from fastapi import APIRouter, FastAPI

    inner, outer = APIRouter(), APIRouter(prefix="/r")

    @inner.get("/x/{i}")
    def x(i: int): ...

    outer.include_router(inner, prefix="/in")
    app = FastAPI(openapi_url=None)
    app.include_router(outer, prefix="/v1")
    assert [(r.method, r.path) for r in read_routes(app)] == [("GET", "/v1/r/in/x/{i}")]


def test_quart_websockets_and_flask_options():
    from flask import Flask
    from quart import Quart

    quart = Quart("shop", static_folder=None)
    quart.add_websocket("/ws/<int:i>", "ws", lambda i: None)
    assert [(r.method, r.path) for r in read_routes(quart)] == [("WEBSOCKET", "/ws/<int:i>")]
    flask = Flask("shop", static_folder=None)
    flask.add_url_rule("/o", "o", lambda: "", methods=["OPTIONS"], provide_automatic_options=False)
    assert [r.method for r in read_routes(flask)] == ["OPTIONS"]


def test_litestar_websockets_and_mounts():
    from litestar import Litestar, WebSocket, asgi, websocket
    from litestar.types import Receive, Scope, Send

    @websocket("/ws")
    async def ws(socket: WebSocket) -> None: ...

    @asgi("/m", is_mount=True, copy_scope=True)
    async def mount(scope: Scope, receive: Receive, send: Send) -> None: ...

    app = Litestar([mount, ws], openapi_config=None)
    found = {(r.method, r.path) for r in read_routes(app)}
    assert found == {("ANY", "/m/{path:path}"), ("WEBSOCKET", "/ws")}


def test_a_stack_among_litestars_middleware_counts(run):
    from litestar import Litestar

    stack = Stack(Authorization(REST))
    assert run(Litestar([], middleware=[stack.asgi], openapi_config=None))[0] == 0


def test_falcon_suffixes_sinks_and_static_files(tmp_path):
    import falcon

    class Thing:
        def on_get(self, request, response): ...
        def on_post_other(self, request, response): ...

    app = falcon.App()
    app.add_route("/a", Thing())
    app.add_route("/b", Thing(), suffix="other")
    app.add_sink(lambda request, response: None, "/sink")
    app.add_static_route("/files", str(tmp_path))
    found = {(r.method, r.path, r.segments is None) for r in read_routes(app)}
    assert {("GET", "/a", False), ("POST", "/b", False)} <= found
    assert ("GET", "/files/{path:path}", False) in found
    assert any(path.startswith("sink ") and unknown for _, path, unknown in found)


def test_django_includes_classes_and_regexes(monkeypatch):
    from django.urls import clear_url_caches, include, path, re_path
    from django.views import View

    from integrations.frameworks import django_wsgi

    class Page(View):
        def get(self, request): ...
        def post(self, request): ...

    app = django_wsgi(Stack(Authorization(REST)), Reached())
    module = types.ModuleType("ringwall_test_urls")
    module.urlpatterns = [
        path("in/", include([path("<int:pk>", Page.as_view()), re_path("^x$", Page.as_view())])),
        re_path("^r/", include([path("y", Page.as_view())])),
    ]
    monkeypatch.setitem(sys.modules, "ringwall_test_urls", module)
    clear_url_caches()
    found = [(r.method, r.path, r.segments is None) for r in read_routes(app.app)]
    clear_url_caches()
    assert found == [
        ("GET", "/in/<int:pk>", False),
        ("POST", "/in/<int:pk>", False),
        ("ANY", "/in/^x$", True),
        ("ANY", "y", True),
    ]


def route(path, method="GET", placeholder=_BRACES):
    (made,) = _routes([method], path, placeholder)
    return made


UUID = "/0b9b9a3c-0a3e-4c1a-9a55-6a3a5e3c1111"


@pytest.mark.parametrize(
    ("rule", "path", "covers"),
    [
        ("/a", "/a", True),
        ("/a", "/b", False),
        ("/a/b", "/a", False),
        ("/a", "/a/b", False),
        ("/{x:int}", "/{x}", True),
        ("/{x}", "/{x:int}", True),
        ("/{x:uuid}", "/{x:int}", False),
        ("/{x:uuid}", "/{x:uuid}", True),
        ("/{x:int}", "/7", True),
        ("/{x:int}", "/x", False),
        ("/7", "/{x:int}", True),
        ("/x", "/{x:int}", False),
        ("/me", "/{x}", True),
        ("/{x}", "/v{n}", True),
        ("/{x:int}", "/v{n}", False),
        ("/v1", "/v{n}", False),
        ("/v{x}", "/v{n}", True),
        ("/w{x}", "/v{n}", False),
        ("/{x:int}:on", "/{n}", True),
        ("/{x:int}:on", "/{n}:on", False),
        ("/{x:int}:on", "/{n:int}", False),
        ("/**", "/a/{b}", True),
        ("/a/**", "/a", False),
        ("/a/**", "/{p:path}", True),
        ("/a/**", "/a/{p:path}", True),
        ("/a/b/{c:int}", "/a/{p:path}", True),
        ("/b/c", "/a/{p:path}", False),
        ("/a", "/a/{p:path}", False),
        ("/a/", "/a/", True),
        ("/a/", "/a", False),
    ],
)
def test_which_rules_cover_which_routes(rule, path, covers):
    assert bool(rules_for(Policy(allow("GET", rule)), route(path))) is covers


def test_the_rule_that_governs_is_named_not_one_it_hides():
    policy = Policy(allow("GET", "/a"), allow("GET", "/**"), forbid("GET", "/a"))
    assert rules_for(policy, route("/a")) == ["GET /a"]
    assert rules_for(policy, route("/a", "POST")) == []
    assert rules_for(policy, route("/{x}")) == ["GET /a", "GET /**"]


def test_a_shadow_is_told():
    assert rules_for(Policy(allow("GET", "/a", shadow=True)), route("/a")) == ["GET /a (shadow)"]


def test_converters_of_werkzeug_with_arguments():
    made = route("/a/<int(min=1):n>/<path:rest>/x", placeholder=_ANGLES)
    assert [getattr(s, "name", s) for s in made.segments] == ["a", "int", "\0tail"]


def test_head_alone_is_a_route_of_its_own():
    assert list(_routes(["HEAD"], "a", _BRACES)) == [Route("HEAD", "/a", ("a",))]
