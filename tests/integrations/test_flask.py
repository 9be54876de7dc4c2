"""ringwall_flask and ringwall_quart: the extension, its configuration, what it is told wrongly."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import flask
import pytest
import quart

import ringwall_flask
import ringwall_quart
from integrations.orders import Lines, credentials, make_stack
from ringwall import ConfigurationError, RateLimit, Stack, role


class Kind(NamedTuple):
    """One of both frameworks, which are alike."""

    app: Callable[[], Any]
    wall: Any
    abort: Any

    def get(self, app: Any, path: str, who: str | None = None) -> Any:
        client = app.test_client()
        answer = client.get(path, headers=credentials(who))
        return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer


KINDS = {
    "flask": Kind(lambda: flask.Flask("orders"), ringwall_flask, flask.abort),
    "quart": Kind(lambda: quart.Quart("orders"), ringwall_quart, quart.abort),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module `mysite_security` with a stack."""
    module = types.ModuleType("mysite_security")
    module.stack = make_stack()  # type: ignore[attr-defined]
    module.nothing = "else"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mysite_security", module)


@pytest.mark.parametrize("given", ["mysite_security:stack", "mysite_security.stack"])
def test_the_stack_may_be_named_in_the_configuration(kind: Kind, named: None, given: str) -> None:
    app = kind.app()
    app.config["RINGWALL_STACK"] = given
    extension = kind.wall.Ringwall()
    extension.init_app(app)
    assert isinstance(app.extensions["ringwall"], Stack)
    assert kind.get(app, "/nowhere").status_code == 401


def test_the_stack_may_be_given_at_any_time(kind: Kind) -> None:
    for put in (
        lambda app, stack: kind.wall.Ringwall(app, stack),
        lambda app, stack: kind.wall.Ringwall(stack=stack).init_app(app),
        lambda app, stack: kind.wall.Ringwall().init_app(app, stack),
    ):
        app = kind.app()
        put(app, make_stack())
        assert kind.get(app, "/nowhere").status_code == 401


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"there is no stack: write Ringwall\(app, stack\)"),
        ("mysite_security:nothing", r"'str' is no ringwall\.Stack"),
        ("mysite_security:stak", "RINGWALL_STACK: "),
        ("no_such_module:stack", "RINGWALL_STACK: "),
        (RateLimit("1/second"), r"'RateLimit' is no ringwall\.Stack"),
    ],
)
def test_what_is_no_stack_is_told(kind: Kind, named: None, given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        kind.wall.Ringwall(kind.app(), given)


def test_two_stacks_are_one_too_many(kind: Kind) -> None:
    app = kind.app()
    kind.wall.Ringwall(app, make_stack())
    with pytest.raises(ConfigurationError, match="has a stack already"):
        kind.wall.Ringwall(app, make_stack())


def test_the_frameworks_own_refusals_stay_what_they_are(kind: Kind) -> None:
    app = kind.app()
    kind.wall.Ringwall(app, make_stack())
    answer = kind.get(app, "/h/nowhere", "alice")
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")


def test_on_request_they_become_problems(kind: Kind) -> None:
    app = kind.app()
    app.config["RINGWALL_PROBLEMS"] = True

    @app.post("/h/post")
    def post() -> str:
        return ""

    @app.get("/h/folder/")
    def folder() -> str:
        return ""

    @app.get("/h/own")
    def own() -> Any:
        return kind.abort(409, response=app.response_class("own", 409))

    kind.wall.Ringwall(app, make_stack())
    nowhere = kind.get(app, "/h/nowhere", "alice")
    assert nowhere.status_code == 404
    assert nowhere.content_type == "application/problem+json"
    wrong = kind.get(app, "/h/post", "alice")
    assert (wrong.status_code, wrong.content_type) == (405, "application/problem+json")
    assert "POST" in wrong.headers["allow"]
    assert kind.get(app, "/h/folder", "alice").status_code == 308
    assert kind.get(app, "/h/own", "alice").status_code == 409
    assert kind.get(app, "/h/own", "alice").content_type.startswith("text/html")


def test_without_a_stack_nothing_is_served(kind: Kind) -> None:
    app = kind.app()
    reached: list[str] = []

    @app.get("/")
    @kind.wall.require()
    def index() -> str:
        reached.append("index")
        return ""

    assert kind.get(app, "/").status_code == 500
    assert reached == []


def test_a_websocket_is_refused_before_it_is_accepted() -> None:
    from quart.testing.connections import WebsocketResponseError

    app = quart.Quart("orders")
    lines = Lines()

    @app.websocket("/h/socket")
    @ringwall_quart.require(role("admin"))
    async def socket() -> None:
        await quart.websocket.accept()
        await quart.websocket.send(ringwall_quart.current_principal.subject)

    ringwall_quart.Ringwall(app, make_stack(lines))

    async def talk(who: str) -> Any:
        client = app.test_client()
        async with client.websocket("/h/socket", headers=credentials(who)) as connection:
            return await connection.receive()

    assert asyncio.run(talk("root")) == "root"
    with pytest.raises(WebsocketResponseError) as caught:
        asyncio.run(talk("alice"))
    assert caught.value.response.status_code == 403
    assert lines[-1]["decisions"][-1]["outcome"] == "deny"
