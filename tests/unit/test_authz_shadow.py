"""A shadow rule never refuses, and says what it would have refused."""

from __future__ import annotations

import pytest

from authz_support import ALICE, BOB, Orders, decide, send
from ringwall import ConfigurationError
from ringwall.authz import (
    Authorization,
    Policy,
    allow,
    body,
    forbid,
    network,
    owner,
    query,
    resource_of,
    scope,
)

BOTH = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


def no(facts):
    return False


def test_what_holds_is_granted_as_ever():
    rule = allow("GET", "/a", scope("orders:read"), shadow=True)
    assert decide(rule, path="/a")[:4] == ("authorization", "allow", "GET /a", "granted")


@pytest.mark.parametrize(
    ("rule", "path", "who", "reason"),
    [
        (allow("GET", "/a", scope("x"), shadow=True), "/a", ALICE, "insufficient-scope"),
        (allow("GET", "/a", no, shadow=True, hide=True), "/a", ALICE, "forbidden"),
        (allow("GET", "/a", shadow=True), "/a", None, "unauthenticated"),
        (allow("GET", "/{id:int}", shadow=True), "/07", ALICE, "not-canonical"),
        (allow("GET", "/a", lambda facts: 1, shadow=True), "/a", ALICE, "predicate-failed"),
    ],
)
def test_every_refusal_of_a_shadow_is_overlooked_and_told(rule, path, who, reason):
    made = decide(rule, path=path, who=who)
    assert made[:4] == ("authorization", "allow", rule.name, f"would-deny-{reason}")


def test_its_decision_allows_and_gives_both_reasons():
    policy = Policy(allow("GET", "/a", no, shadow=True))
    made = policy.check(ALICE, "GET", "/a")
    assert made
    assert policy.check(ALICE, "GET", "/a") is made, "made once"
    assert made.reasons == ("would-deny", "forbidden")
    assert (made.status, made.hint) == (200, None)


def test_a_shadow_says_nothing_about_what_has_no_rule():
    rule = allow("GET", "/a", shadow=True)
    assert decide(rule, path="/b").outcome == "deny"
    assert decide(rule, path="/a", method="POST").reason == "method-not-allowed"


def test_a_catch_all_reports_what_has_no_rule_yet():
    rules = [allow("GET", "/a"), allow("*", "/**", no, shadow=True, name="none yet")]
    assert decide(*rules, path="/a").reason == "granted"
    made = decide(*rules, path="/b", method="DELETE")
    assert (made.rule, made.reason) == ("none yet", "would-deny-forbidden")


@pytest.mark.parametrize("who", [ALICE, None])
@pytest.mark.parametrize("condition", [None, no, lambda facts: None])
def test_an_enforced_forbid_wins_over_a_shadow(who, condition):
    """A shadow is open; it does not open what another rule closes."""
    rules = [allow("GET", "/a/{id:int}", condition, shadow=True), forbid("*", "/a/**")]
    for path in ("/a/1", "/a/01"):
        made = decide(*rules, path=path, who=who)
        assert (made.outcome, made.rule) == ("deny", "forbid * /a/**")


@pytest.mark.parametrize(
    ("who", "condition", "reason"),
    [
        (ALICE, None, "forbidden"),
        (None, None, "unauthenticated"),
        (ALICE, lambda facts: None, "predicate-failed"),
    ],
)
def test_a_shadow_forbids_nothing(who, condition, reason):
    rules = [
        allow("GET", "/a", shadow=True),
        forbid("*", "/a", condition, shadow=True, name="first"),
        forbid("*", "/**", ~network("192.0.2.0/24"), name="enforced, does not hold"),
    ]
    made = decide(*rules, path="/a", who=who)
    rule = "GET /a" if who is None else "first"
    assert made[:4] == ("authorization", "allow", rule, f"would-deny-{reason}")


def test_a_shadow_forbid_with_an_id_that_is_not_canonical():
    rules = [
        allow("GET", "/{name}"),
        forbid("GET", "/{id:int}", owner(Orders().load, order_id=query("x", int)), shadow=True),
    ]
    made = decide(*rules, path="/07")
    assert made.reason == "would-deny-not-canonical"
    assert made.outcome == "allow"


def test_an_enforced_forbid_behind_a_shadow_still_refuses():
    rules = [
        allow("GET", "/a"),
        forbid("*", "/**", shadow=True, name="shadow"),
        forbid("*", "/a", name="enforced"),
    ]
    for order in (rules, rules[::-1]):
        made = decide(*order, path="/a")
        assert (made.outcome, made.rule) == ("deny", "enforced")


@BOTH
def test_the_handler_gets_the_object_of_somebody_else_as_without_the_rule(interface):
    orders = Orders()
    layer = Authorization(allow("GET", "/o/{order_id:int}", owner(orders.load), shadow=True))
    answer = send(interface, layer, "/o/1001", who=BOB, look=resource_of)
    assert (answer.status, answer.called, answer.seen["id"]) == (200, 1, 1001)
    assert answer.exchange.decisions[-1].reason == "would-deny-forbidden"


def test_a_shadow_waits_for_an_async_loader():
    orders = Orders()
    layer = Authorization(
        allow("GET", "/o/{order_id:int}", shadow=True),
        forbid("GET", "/o/{order_id:int}", ~owner(orders.aload)),
    )
    assert send("asgi", layer, "/o/1001", who=BOB).status == 403
    assert send("asgi", layer, "/o/1001", who=ALICE).status == 200
    # Nobody: the shadow would refuse, so the forbid is asked.
    assert send("asgi", layer, "/o/1001", who=None).status == 401


@BOTH
def test_objects_that_a_forbid_loaded_are_not_handed_over_for_an_id_that_is_not_canonical(
    interface,
):
    orders = Orders()
    layer = Authorization(
        allow("GET", "/o/{order_id:int}", owner(orders.load), shadow=True),
        forbid("GET", "/o/**", owner(orders.load, order_id=query("id", int))),
    )
    answer = send(interface, layer, "/o/07?id=1002", look=resource_of)
    assert (answer.status, answer.seen, orders.read) == (200, None, [1002])


@BOTH
@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"no json", "application/json"), (b"{}", "text/plain"), (b'{"id":1}' * 999, None)],
)
def test_a_body_that_cannot_be_read_does_not_block_a_shadow(interface, content, kind):
    rule = allow("POST", "/r", owner(Orders().load, order_id=body("/id", int)), shadow=True)
    layer = Authorization(rule, body_limit=100)
    answer = send(interface, layer, "/r", "POST", body=content, content_type=kind)
    assert (answer.status, answer.called) == (200, 1)
    assert answer.exchange.decisions[-1].reason == "would-deny-malformed-id"


@BOTH
def test_a_body_that_an_enforced_rule_reads_is_still_refused(interface):
    """And the app is not called."""
    read = owner(Orders().load, order_id=body("/id", int))
    layer = Authorization(allow("POST", "/r", read, shadow=True), forbid("POST", "/r", read))
    answer = send(interface, layer, "/r", "POST", body=b"{", content_type="application/json")
    assert (answer.status, answer.called) == (400, 0)


def test_shadow_is_a_bool():
    with pytest.raises(ConfigurationError, match="write True or False"):
        allow("GET", "/a", shadow="no")
