"""The policy by itself: two pure phases, and the same question asked inside handlers."""

from __future__ import annotations

import asyncio

import pytest

from authz_support import ADMIN, ALICE, BOB, Orders, send
from ringwall.authz import (
    Authorization,
    Facts,
    Loader,
    Need,
    Policy,
    RequestContext,
    allow,
    attribute,
    body,
    forbid,
    network,
    owner,
    public,
    query,
    role,
    scope,
    when,
)

ORDER = "/o/{order_id:int}"


@pytest.fixture
def orders():
    return Orders()


def is_closed(who, order):
    return order["status"] == "closed"


def facts(policy, path, who=ALICE, method="GET", **context):
    match = policy.match(method, path)
    return match, Facts(who, match.params, RequestContext(method, path, **context))


def test_deciding_does_no_io_but_tells_what_it_needs(orders):
    policy = Policy(allow("GET", ORDER, scope("orders:read") & owner(orders.load)))
    match, known = facts(policy, "/o/7")
    assert (match.template, match.params) == (ORDER, {"order_id": 7})
    need = policy.decide(match, known)
    assert isinstance(need, Need)
    assert repr(need.load) == "<Load Orders.load>"
    assert orders.read == []
    known.provide(need.key, {"owner": "alice"})
    decision = policy.decide(match, known)
    assert decision
    assert (decision.allow, decision.rule, decision.reasons) == (True, f"GET {ORDER}", ("granted",))


def test_nothing_is_needed_that_cannot_change_the_answer(orders):
    policy = Policy(allow("GET", ORDER, scope("nope") & owner(orders.load)))
    decision = policy.decide(*facts(policy, "/o/7"))
    assert (decision.allow, decision.status) == (False, 403)
    policy = Policy(allow("GET", ORDER, owner(orders.load) | role("admin")))
    assert policy.decide(*facts(policy, "/o/7", ADMIN)).allow


def test_one_need_follows_the_other(orders):
    def load_shop(shop: int):
        return None

    policy = Policy(
        allow("GET", "/{shop:int}/{order_id:int}", owner(load_shop) & owner(orders.load)),
        forbid(
            "GET",
            "/{x:int}/{order_id:int}",
            when(orders.load, lambda who, o: o["status"] == "closed"),
        ),
    )
    match, known = facts(policy, "/1/8")
    asked = []
    answer = policy.decide(match, known)
    while isinstance(answer, Need):
        asked.append((repr(answer.load), answer.key[2:]))
        known.provide(answer.key, {"owner": "alice", "status": "closed"})
        answer = policy.decide(match, known)
    assert asked == [
        (f"<Load {load_shop.__qualname__}>", (1,)),
        ("<Load Orders.load>", (8,)),
    ]
    assert (answer.allow, answer.reasons) == (False, ("forbidden",))


def test_a_forbid_alone_may_need_an_object(orders):
    policy = Policy(
        public("GET", ORDER), forbid("GET", ORDER, when(orders.load, lambda w, o: True))
    )
    match, known = facts(policy, "/o/7")
    need = policy.decide(match, known)
    assert isinstance(need, Need)
    known.provide(need.key, None)
    assert policy.decide(match, known).reasons == ("object-missing",)


def test_each_rule_sees_its_own_parameters(orders):
    """The decision starts again when the object of the `forbid` is there."""
    seen = []
    policy = Policy(
        allow("GET", "/{shop:int}/{n:int}", lambda facts: seen.append(dict(facts.params)) is None),
        forbid("GET", "/{x:int}/{order_id:int}", when(orders.load, is_closed)),
    )
    match, known = facts(policy, "/1/7")
    need = policy.decide(match, known)
    known.provide(need.key, orders.rows[7])
    assert policy.decide(match, known).allow
    assert seen == [{"shop": 1, "n": 7}] * 2


def test_a_body_is_a_need_without_a_load(orders):
    policy = Policy(allow("POST", "/o", owner(orders.load, order_id=body("/id", int))))
    assert policy.reads_body
    match, known = facts(policy, "/o", method="POST")
    need = policy.decide(match, known)
    assert need == Need()
    assert repr(known.body) == "ABSENT"
    known.body = {"id": 7}
    need = policy.decide(match, known)
    assert need.key[2:] == (7,)


def test_a_decision_that_denies_is_false():
    """`if policy.check(...)` must mean what it says; a plain tuple is always true."""
    policy = Policy(public("GET", "/x"), forbid("GET", "/y"), public("GET", "/y"))
    assert policy.check(None, "GET", "/x")
    assert not policy.check(None, "GET", "/y")
    assert not policy.check(None, "GET", "/z")


# --- check ---------------------------------------------------------------------------------------


def rules(load):
    return (
        allow("GET", ORDER, scope("orders:read") & owner(load), name="order.read"),
        allow("GET", "/admin", role("admin") & network("192.0.2.0/24")),
        allow("POST", "/refunds", owner(load, order_id=body("/ids/*", int))),
        allow("GET", "/find", owner(load, order_id=query("id", int))),
        forbid("GET", ORDER, attribute("resource.status", "closed", load=load)),
    )


def test_a_list_is_filtered_without_a_read(orders):
    policy = Policy(*rules(orders.load))
    mine = [
        row["id"]
        for row in orders.rows.values()
        if policy.check(ALICE, "GET", f"/o/{row['id']}", resource=row)
    ]
    assert mine == [7, 1001]
    assert orders.read == []


def test_nested_ids_are_loaded(orders):
    policy = Policy(*rules(orders.load))
    assert all(policy.check(ALICE, "GET", f"/o/{order}") for order in (7, 1001))
    assert not all(policy.check(ALICE, "GET", f"/o/{order}") for order in (7, 1002))
    assert policy.check(ALICE, "GET", "/o/404").reasons == ("object-missing",)
    assert policy.check(BOB, "GET", "/o/1002").rule == "order.read"


def test_ids_from_a_body_are_given_with_it(orders):
    policy = Policy(*rules(orders.load))
    assert policy.check(ALICE, "POST", "/refunds", body={"ids": [7, 8]})
    assert not policy.check(ALICE, "POST", "/refunds", body={"ids": [7, 1002]})
    assert not policy.check(ALICE, "POST", "/refunds")


def test_there_is_no_query_in_a_path(orders):
    policy = Policy(*rules(orders.load))
    assert not policy.check(ALICE, "GET", "/find?id=7")
    assert not policy.check(ALICE, "GET", "/find")
    assert orders.read == []


@pytest.mark.parametrize(
    "path",
    [
        "/o/7/../1002", "/o/./7", "/o//7", "o/7", "", "/o/7;x", "/o/7%2f", "/o/7?x", "/o/7#x",
        "/o\\7", "/o/7\n", "/o/07", "/o/..", "/o/.", "//o/7",
        "/x\n", "/x\x00", "/x/\u2028",
    ],
)  # fmt: skip
def test_a_path_made_of_ids_cannot_lead_elsewhere(path, orders):
    policy = Policy(*rules(orders.load), allow("GET", "/**"))
    assert not policy.check(ALICE, "GET", path)
    assert orders.read == []


def test_a_trailing_slash_may_be_part_of_a_path():
    policy = Policy(public("GET", "/x/"), public("GET", "/"))
    assert policy.check(None, "GET", "/x/")
    assert policy.check(None, "GET", "/")
    assert not policy.check(None, "GET", "/x")


def test_an_object_that_is_none_is_nobodys(orders):
    policy = Policy(
        allow("GET", ORDER, when(orders.load, lambda who, order: True)), allow("GET", "/x")
    )
    assert not policy.check(ALICE, "GET", "/o/7", resource=None)
    assert policy.check(ALICE, "GET", "/o/7", resource={})
    assert policy.check(ALICE, "GET", "/x", resource={})
    assert not policy.check(ALICE, "GET", "/nowhere", resource={})


def test_an_object_that_could_stand_for_either_is_refused(orders):
    policy = Policy(
        allow("GET", "/{shop:int}/{order_id:int}", owner(lambda shop: None) & owner(orders.load))
    )
    with pytest.raises(TypeError, match="check without resource="):
        policy.check(ALICE, "GET", "/1/7", resource={})


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_handler_asks_with_its_request(interface, orders):
    policy = Policy(public("GET", "/list"), *rules(orders.load))

    def look(x):
        return [order for order in orders.rows if policy.check(x, "GET", f"/o/{order}")], bool(
            policy.check(x, "GET", "/admin")
        )

    layer = Authorization(policy=policy)
    assert send(interface, layer, "/list", look=look).seen == ([7, 1001], False)
    assert send(interface, layer, "/list", who=ADMIN, look=look).seen == ([], True)
    assert send(interface, layer, "/list", who=None, look=look).seen == ([], False)


@pytest.mark.parametrize("who", ["alice", {"type": "http"}, object()])
def test_who_must_be_a_principal_or_a_request_that_passed(who):
    with pytest.raises(TypeError, match="neither a principal nor a request"):
        Policy(public("GET", "/x")).check(who, "GET", "/x")


def test_an_async_loader_is_asked_with_await(orders):
    policy = Policy(*rules(orders.aload))
    assert policy.colours == {"asgi"}
    with pytest.raises(TypeError, match=r"await policy\.acheck"):
        policy.check(ALICE, "GET", "/o/7")
    assert policy.check(ALICE, "GET", "/o/7", resource=orders.rows[7])
    assert asyncio.run(policy.acheck(ALICE, "GET", "/o/7"))
    assert not asyncio.run(policy.acheck(ALICE, "GET", "/o/1002"))
    sync = Policy(*rules(orders.load))
    assert asyncio.run(sync.acheck(ALICE, "GET", "/o/7"))
    both = Policy(*rules(Loader(orders.load, orders.aload)))
    assert both.check(ALICE, "GET", "/o/7")
    assert asyncio.run(both.acheck(ALICE, "GET", "/o/7"))


def test_the_cost_does_not_depend_on_the_number_of_rules():
    """Counted in function calls, as time is not to be trusted on every machine."""
    import sys

    def calls(policy, path):
        count = 0

        def profile(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        known = Facts(ALICE, {}, RequestContext("GET", path))
        sys.setprofile(profile)
        try:
            match = policy.match("GET", path)
            known.params = match.params
            decision = policy.decide(match, known)
        finally:
            sys.setprofile(None)
        assert decision.allow
        return count

    few = [
        public("GET", "/healthz"),
        allow("GET", ORDER, scope("orders:read")),
        allow("GET", "/s/{shop:int}/i/{item:int}", scope("orders:read")),
    ]
    many = [allow("GET", f"/r{n}/{{id:int}}/x{n % 7}", role("x")) for n in range(2000)]
    many += [allow("GET", f"/o/{n}/x", role("x")) for n in range(2000)]
    for path in ("/healthz", "/o/7", "/s/1/i/2"):
        assert calls(Policy(*few), path) == calls(Policy(*few, *many), path)
