"""Requirements at handlers: the conditions of authorization, judged where the handler stands."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from authz_support import ALICE, BOB, exchange, person
from ringwall import (
    APIKey,
    Authentication,
    Authorization,
    ConfigurationError,
    Exchange,
    Stack,
    allow,
    generate_api_key,
    owner,
    resource_of,
    role,
    scope,
    when,
)
from ringwall.authz import body
from ringwall.description import challenge_of
from ringwall.handlers import NotWalled, Refused, Requirement, name_of, walled_exchange
from ringwall.problem import Response

ORDERS = {7: {"id": 7, "owner": "alice"}, 8: {"id": 8, "owner": "bob"}}
PATH = "/v1/orders/{order_id:int}"


def load_order(order_id: int) -> Any:
    return ORDERS.get(order_id)


async def aload_order(order_id: int) -> Any:
    return ORDERS.get(order_id)


def both(requirement: Requirement, request: Any) -> Response | None:
    """Its answer, the same in both colours."""
    blocking = requirement.check(request)
    waited = asyncio.run(requirement.acheck(request))
    assert blocking is waited
    return blocking


def code_of(response: Response | None) -> str:
    assert response is not None
    code: str = json.loads(response.body)["code"]
    return code


def test_nothing_asked_means_authenticated() -> None:
    assert both(Requirement(), exchange()) is None
    refusal = both(Requirement(), exchange(who=None))
    assert refusal is not None
    assert refusal.status == 401


@pytest.mark.parametrize(
    ("conditions", "who", "status"),
    [
        ([scope("orders:read")], ALICE, None),
        ([scope("orders:read"), scope("orders:write")], ALICE, None),
        ([scope("orders:read"), scope("orders:write")], BOB, 403),
        ([scope("orders:write") | role("admin")], BOB, 403),
        ([role("admin")], person("root", roles=["admin"]), None),
        ([lambda facts: facts.principal.subject == "bob"], BOB, None),
        ([lambda facts: facts.principal.subject == "bob"], ALICE, 403),
        ([lambda facts: 1 / 0], ALICE, 403),
        ([~scope("orders:write")], None, 401),
    ],
)
def test_conditions_are_those_of_authorization(
    conditions: list[Any], who: Any, status: int | None
) -> None:
    asked = exchange(who=who)
    refusal = both(Requirement(*conditions), asked)
    assert (refusal and refusal.status) == status
    assert asked.decisions[-1].outcome != ("deny" if status is None else "allow")


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "BREW", "WEBSOCKET"])
@pytest.mark.parametrize("path", ["/", "", "//odd/..", "/v1/orders/7"])
def test_method_and_path_make_no_difference(method: str, path: str) -> None:
    assert both(Requirement(scope("orders:read")), exchange(path, method=method)) is None
    assert both(Requirement(scope("orders:read")), exchange(path, method=method, who=None))


def test_the_answer_and_the_decision_are_those_of_the_layer() -> None:
    asked = exchange(who=BOB)
    refusal = Requirement(scope("orders:write")).check(asked)
    assert code_of(refusal) == "insufficient-scope"
    assert refusal is not None
    assert dict(refusal.headers)[b"www-authenticate"].startswith(b"Bearer error=")
    decision = asked.decisions[-1]
    assert decision[:4] == (
        "authorization", "deny", "require scope('orders:write')", "insufficient-scope"
    )  # fmt: skip


@pytest.mark.parametrize("loader", [load_order, aload_order])
@pytest.mark.parametrize(
    ("path", "who", "status"),
    [
        ("/v1/orders/7", ALICE, None),
        ("/v1/orders/7", BOB, 404),
        ("/v1/orders/07", ALICE, 404),
        ("/v1/orders/+7", ALICE, 404),
        ("/v1/orders/9", ALICE, 404),
        ("/v1/other/7", ALICE, 403),
    ],
)
def test_an_object_is_loaded_by_the_template(
    loader: Any, path: str, who: Any, status: int | None
) -> None:
    asked = exchange(path, who=who)
    refusal = asyncio.run(Requirement(owner(loader), path=PATH, hide=True).acheck(asked))
    assert (refusal and refusal.status) == status
    assert resource_of(asked) == (ORDERS[7] if status is None else None)
    assert asked.route is None  # the requirement's template is not the request's route


def test_a_blocking_handler_cannot_wait_for_a_loader() -> None:
    with pytest.raises(ConfigurationError, match="async only"):
        Requirement(owner(aload_order), path=PATH, interface="wsgi")
    asked = exchange("/v1/orders/7")
    refusal = Requirement(owner(aload_order), path=PATH).check(asked)
    assert refusal is not None
    assert refusal.status == 500
    assert asked.decisions[-1][:4] == ("authorization", "error", "internal", "internal-error")


def test_a_failure_of_ours_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    requirement = Requirement()

    def broken(*_: Any) -> Any:
        raise RuntimeError("s3cret")

    monkeypatch.setattr(requirement, "_judge", broken)
    refusal = both(requirement, exchange())
    assert refusal is not None
    assert refusal.status == 500
    assert b"s3cret" not in refusal.body


def test_roles_follow_the_hierarchy_that_is_given() -> None:
    who = person("root", roles=["admin"])
    assert both(Requirement(role("editor")), exchange(who=who)) is not None
    hierarchy = {"admin": ["editor"]}
    assert both(Requirement(role("editor"), roles=hierarchy), exchange(who=who)) is None


def test_what_cannot_work_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="is not a condition"):
        Requirement("orders:read")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="needs 'order_id'"):
        Requirement(owner(load_order))
    with pytest.raises(ConfigurationError, match="a handler has its body already"):
        Requirement(when(load_order, lambda *_: True, order_id=body("/id", int)))


def test_its_scopes_can_be_told() -> None:
    assert Requirement(scope("a") & (scope("b") | role("admin")), scope("a")).scopes == ("a", "b")
    assert Requirement().scopes == ()
    assert repr(Requirement()) == "<Requirement authenticated>"


@pytest.mark.parametrize("request_", [{}, {"type": "http"}, object(), None])
def test_without_a_stack_there_is_no_answer(request_: Any) -> None:
    with pytest.raises(NotWalled, match="no Ringwall stack is around this app"):
        Requirement().check(request_)
    with pytest.raises(NotWalled):
        asyncio.run(Requirement().acheck(request_))
    with pytest.raises(NotWalled):
        walled_exchange(request_)


def test_a_refusal_as_an_exception_tells_its_status_alone() -> None:
    assert str(Refused(Response(403, body=b"s3cret"))) == "refused with 403"


@pytest.mark.parametrize("optional", [False, True])
def test_the_challenge_is_that_of_the_stack(optional: bool) -> None:
    _, record = generate_api_key("alice")
    layer = Authentication(APIKey([record], header="x-api-key"), optional=optional, realm="orders")
    outer = exchange(who=None)
    outer.boundary = Stack(layer)._boundary
    inner = exchange(who=None)
    inner.join(outer)
    assert challenge_of(inner) == 'ApiKey realm="orders", header="x-api-key"'
    refusal = Requirement().check(inner)
    assert refusal is not None
    assert dict(refusal.headers)[b"www-authenticate"] == challenge_of(inner).encode()


def test_without_authentication_the_challenge_is_the_default() -> None:
    asked: Exchange = exchange(who=None)
    assert challenge_of(asked) == "Bearer"


def test_a_handler_has_a_name() -> None:
    assert name_of(load_order) == f"{__name__}.load_order"
    assert name_of(object()).endswith("object")


def walled(who: Any, roles: Any) -> Exchange:
    """An exchange inside a stack whose authorization has this hierarchy, and one inside that."""
    outer = exchange(who=who)
    outer.boundary = Stack(Authorization(allow("*", "/**"), roles=roles))._boundary
    inner = exchange(who=who)
    inner.parent = outer
    return inner


def test_roles_follow_the_hierarchy_of_the_stack() -> None:
    """Else `~role(...)` would let those pass who are more than what it excludes."""
    admin = person("root", roles=["admin"])
    hierarchy = {"admin": ["editor"]}
    assert both(Requirement(role("editor")), walled(admin, hierarchy)) is None
    refusal = both(Requirement(~role("editor")), walled(admin, hierarchy))
    assert refusal is not None
    assert refusal.status == 403
    assert both(Requirement(~role("editor")), walled(admin, None)) is None
    own = Requirement(role("editor"), roles={})
    assert both(own, walled(admin, hierarchy)) is not None


def test_policies_that_come_and_go_leave_nothing_behind() -> None:
    requirement = Requirement(role("editor"))
    admin = person("root", roles=["admin"])
    for _ in range(40):
        assert both(requirement, walled(admin, {"admin": ["editor"]})) is None
    assert len(requirement._judges) <= 16
