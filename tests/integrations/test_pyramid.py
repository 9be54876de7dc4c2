"""ringwall_pyramid: permissions, settings, and what it is told wrongly."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from integrations.drive import call
from integrations.orders import Lines, credentials, make_stack
from ringwall import ConfigurationError, Stack, limit
from ringwall.handlers import NotWalled

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Root:
    """The context of every view."""

    def __init__(self, request: Any = None) -> None:
        from pyramid.authorization import Allow, Authenticated, Everyone

        self.__acl__ = [
            (Allow, "role:admin", "administer"),
            (Allow, "bob", "greet"),
            (Allow, "scope:orders:read", "look"),
            (Allow, Authenticated, "enter"),
            (Allow, Everyone, "pass"),
        ]


def build(stack: Any = None, **settings: Any) -> Any:
    from pyramid.config import Configurator

    import ringwall_pyramid

    def view(request: Any) -> dict[str, Any]:
        return {"subject": request.authenticated_userid, "who": repr(request.identity)}

    with Configurator(settings=settings, root_factory=Root) as config:
        config.include("ringwall_pyramid")
        names = ("orders:read", "orders:write", "administer", "greet", "look", "enter", "pass")
        for number, permission in enumerate(names):
            config.add_route(permission, f"/h/{number}")
            config.add_view(view, route_name=permission, renderer="json", permission=permission)
        config.add_route("limited", "/h/limited")
        one = limit("1/hour")
        config.add_view(view, route_name="limited", renderer="json", limit=one)
        return ringwall_pyramid.make_wsgi_app(config, stack)


@pytest.mark.parametrize(
    ("number", "who", "status"),
    [
        (0, "alice", 200),  # the scope of that name
        (1, "alice", 403),
        (2, "root", 200),
        (2, "alice", 403),
        (3, "bob", 200),
        (3, "alice", 403),
        (4, "alice", 200),
        (5, "alice", 200),
        (5, None, 401),
        (6, None, 200),
    ],
)
def test_a_permission_is_a_scope_or_granted_by_an_acl(
    number: int, who: str | None, status: int
) -> None:
    lines = Lines()
    answer = call("wsgi", build(make_stack(lines, optional=True)), f"/h/{number}", credentials(who))
    assert answer.status == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert lines[-1]["decisions"][-1]["outcome"] == "deny"
    else:
        assert answer.json()["subject"] == who


def test_a_limit_may_be_an_object() -> None:
    app = build(make_stack())
    first, second = (call("wsgi", app, "/h/limited", credentials("bob")) for _ in range(2))
    assert (first.status, second.status) == (200, 429)


def test_there_is_no_session() -> None:
    import ringwall_pyramid

    policy = ringwall_pyramid.RingwallSecurityPolicy()
    assert policy.remember(None, "alice") == policy.forget(None) == []


def test_nobody_has_no_id() -> None:
    answer = call("wsgi", build(make_stack(optional=True)), "/h/6", {})
    assert answer.json() == {"subject": None, "who": "None"}


def test_the_stack_may_be_named_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("mysite_security")
    module.stack = make_stack()  # type: ignore[attr-defined]
    module.nothing = "else"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mysite_security", module)
    app = build(**{"ringwall.stack": "mysite_security:stack"})
    assert call("wsgi", app, "/h/0", {}).status == 401
    for wrong in ({}, {"ringwall.stack": "mysite_security:nothing"}):
        with pytest.raises(ConfigurationError, match="there is no stack"):
            build(**wrong)
    with pytest.raises(ConfigurationError, match=r"ringwall\.stack: "):
        build(**{"ringwall.stack": "mysite_security:stak"})


def test_without_a_stack_nothing_is_served() -> None:
    app: Any = build(Stack()).app
    with pytest.raises(NotWalled):
        call("wsgi", app, "/h/0", {})
