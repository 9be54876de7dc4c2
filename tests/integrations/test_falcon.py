"""ringwall_falcon: what it is told wrongly, and without a stack."""

from __future__ import annotations

from typing import Any

import falcon
import falcon.asgi
import falcon.testing
import pytest

import ringwall_falcon as wall
from integrations.orders import credentials, make_stack
from ringwall import ConfigurationError, RateLimit, Stack

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_falcons_test_client_sees_the_wall() -> None:
    class Who:
        @falcon.before(wall.require())
        def on_get(self, request: Any, response: Any) -> None:
            response.media = {"subject": wall.principal_of(request).subject}  # type: ignore

    app = falcon.App()
    app.add_route("/h/any", Who())
    client = falcon.testing.TestClient(wall.secure(app, make_stack()))
    assert client.simulate_get("/h/any").status_code == 401
    answer = client.simulate_get("/h/any", headers=credentials("alice"))
    assert answer.json == {"subject": "alice"}


def test_without_a_stack_nothing_is_served() -> None:
    reached: list[str] = []

    class Guarded:
        @falcon.before(wall.require())
        def on_get(self, request: Any, response: Any) -> None:
            reached.append("get")

    app = falcon.App()
    app.add_route("/", Guarded())
    assert falcon.testing.TestClient(app).simulate_get("/").status_code == 500
    introducing = falcon.App(middleware=[wall.PrincipalMiddleware()])
    introducing.add_route("/", Guarded())
    assert falcon.testing.TestClient(introducing).simulate_get("/").status_code == 500
    assert reached == []


def test_what_cannot_work_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"takes a ringwall\.Stack"):
        wall.secure(falcon.App(), RateLimit("1/second"))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"takes a falcon\.App"):
        wall.secure(Stack(), Stack())  # type: ignore[arg-type]
