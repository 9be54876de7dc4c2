"""The layer's answers: status, headers, problem, and the one decision that audit reads."""

from __future__ import annotations

import pytest

from authz_support import ADMIN, ALICE, App, As, Orders, decide, person, send
from ringwall import ConfigurationError, Stack
from ringwall._exchange import ClientDisconnected
from ringwall._pending import settle
from ringwall.authz import (
    Authorization,
    Condition,
    Policy,
    allow,
    authenticated,
    body,
    forbid,
    owner,
    public,
    role,
    scope,
)
from ringwall.authz._condition import Hint

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
RULES = (
    public("GET", "/healthz"),
    allow("GET", "/orders", scope("orders:read") & scope("orders:list")),
    allow("GET", "/secret", scope("orders:read"), hide=True),
    allow("PUT", "/orders", role("admin")),
    allow(
        "POST", "/pay", scope("orders:read") & authenticated(max_age=300, acr=["gold", "silver"])
    ),
    allow("POST", "/mfa", authenticated(amr=["mfa"])),
)


def ask(interface, target, method="GET", who=ALICE, **options):
    return send(
        interface, Authorization(*RULES, clock=lambda: 1000.0, **options), target, method, who
    )


@INTERFACES
@pytest.mark.parametrize("who", [None, "unknown"])
def test_nobody_gets_a_challenge(interface, who):
    """With no authentication layer at all it is just as closed."""
    for target in ("/orders", "/nowhere"):
        answer = ask(interface, target, who=who)
        assert (answer.status, answer.called, answer.code) == (401, 0, "missing-credentials")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["cache-control"] == "no-store"
    assert ask(interface, "/healthz", who=who).called == 1


@INTERFACES
def test_the_challenge_is_the_users_choice(interface):
    answer = ask(interface, "/orders", who=None, challenge='ApiKey realm="api"')
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'ApiKey realm="api"')
    answer = ask(interface, "/orders", who=None, challenge=None)
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "www-authenticate" not in answer.headers


@INTERFACES
def test_a_scope_that_lacks_is_named(interface):
    answer = ask(interface, "/orders")
    assert (answer.status, answer.called, answer.code) == (403, 0, "insufficient-scope")
    assert answer.problem["scope"] == "orders:read orders:list"
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="orders:read orders:list"'
    )
    answer = ask(interface, "/orders", who=person("alice", scheme="apikey"))
    assert (answer.status, answer.code) == (403, "insufficient-scope")
    assert "www-authenticate" not in answer.headers


@INTERFACES
def test_what_else_lacks_is_not_told(interface):
    answer = ask(interface, "/orders", "PUT")
    assert (answer.status, answer.called, answer.code) == (403, 0, "forbidden")
    assert b"admin" not in answer.body
    assert ask(interface, "/nowhere").body == answer.body


@INTERFACES
def test_a_hidden_rule_answers_404(interface):
    answer = ask(interface, "/secret", who=person("x"))
    assert (answer.status, answer.called, answer.code) == (404, 0, "not-found")
    assert ask(interface, "/secret").called == 1
    assert ask(interface, "/secret", who=None).status == 401


@INTERFACES
def test_another_method_gets_405_and_allow(interface):
    for method in ("POST", "OPTIONS", "TRACE"):
        for who in (ALICE, None):
            answer = ask(interface, "/orders", method, who)
            assert (answer.status, answer.called, answer.code) == (405, 0, "method-not-allowed")
            assert answer.headers["allow"] == "GET, HEAD, PUT"


@INTERFACES
def test_a_step_up_is_challenged(interface):
    answer = ask(interface, "/pay", "POST")
    assert (answer.status, answer.called, answer.code) == (401, 0, "insufficient-authentication")
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="A more recent or stronger authentication is needed.", '
        'acr_values="gold silver", max_age="300"'
    )
    fresh = person("alice", "orders:read", acr="silver", auth_time=800)
    assert ask(interface, "/pay", "POST", fresh).called == 1
    # The scope comes first: there is no use in stepping up without it.
    assert ask(interface, "/pay", "POST", person("x")).code == "insufficient-scope"
    answer = ask(interface, "/mfa", "POST", challenge=None)
    assert answer.status == 401
    assert "acr_values" not in answer.headers["www-authenticate"]
    assert "max_age" not in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("path", "method", "who", "expected"),
    [
        ("/healthz", "GET", None, ("allow", "GET /healthz", "public")),
        ("/orders", "PUT", ADMIN, ("allow", "PUT /orders", "granted")),
        ("/orders", "PUT", ALICE, ("deny", "PUT /orders", "forbidden")),
        ("/orders", "GET", ALICE, ("deny", "GET /orders", "insufficient-scope")),
        ("/orders", "GET", None, ("deny", "GET /orders", "unauthenticated")),
        ("/orders", "LOCK", None, ("deny", "default", "method-not-allowed")),
        ("/nowhere", "GET", None, ("deny", "default", "no-rule")),
        ("/nowhere", "GET", ALICE, ("deny", "default", "no-rule")),
        ("/pay", "POST", ALICE, ("deny", "POST /pay", "insufficient-authentication")),
    ],
)
def test_there_is_one_decision_per_request_with_rule_and_reason(path, method, who, expected):
    assert decide(*RULES, path=path, method=method, who=who)[:4] == ("authorization", *expected)


def test_a_fault_of_the_applications_own_functions_is_an_error_in_the_audit():
    def raises(order_id: int):
        raise RuntimeError("token=hunter2")

    rule = allow("GET", "/o/{order_id:int}", owner(raises))
    assert decide(rule, path="/o/7")[1:4] == ("error", "GET /o/{order_id:int}", "load-failed")
    rule = allow("GET", "/o", lambda facts: 1 / 0)
    assert decide(rule, path="/o")[1:4] == ("error", "GET /o", "predicate-failed")


def test_what_cannot_be_told_is_not_told_to_the_client():
    """A hint is for what is certainly lacking."""

    class Uncertain(Condition):
        hint = Hint("insufficient-scope", scope="x")

        def compile(self, binding):
            return lambda facts: None

    assert decide(allow("GET", "/x", Uncertain()), path="/x").reason == "undecided"
    rule = allow("GET", "/o/{order_id:int}", owner(Orders().load, "ownr"))
    assert decide(rule, path="/o/7").reason == "not-comparable"


def test_the_log_tells_where_but_not_what(caplog):
    def raises(order_id: int):
        raise RuntimeError("token=hunter2")

    decide(allow("GET", "/o/{order_id:int}", owner(raises)), path="/o/7")
    assert "raises failed with RuntimeError" in caplog.text
    assert "test_authz_layer.py" in caplog.text
    assert "hunter2" not in caplog.text.replace('raise RuntimeError("token=hunter2")', "")


@INTERFACES
def test_a_prohibition_without_a_condition_is_no_matter_of_credentials(interface):
    for hide, status in ((False, 403), (True, 404)):
        layer = Authorization(public("GET", "/**"), forbid("GET", "/x", hide=hide))
        assert send(interface, layer, "/x", who=None).status == status
        assert send(interface, layer, "/x").status == status
    layer = Authorization(public("GET", "/**"), forbid("GET", "/x", ~role("admin")))
    assert send(interface, layer, "/x", who=None).status == 401


def test_refusals_are_made_once():
    layer = Authorization(*RULES)
    from authz_support import exchange

    for path, method, who in [
        ("/orders", "PUT", ALICE),
        ("/orders", "LOCK", None),
        ("/x", "GET", None),
    ]:
        first = layer.on_request(exchange(path, method, who))
        assert layer.on_request(exchange(path, method, who)) is first


def test_the_layer_stands_inside_authentication():
    with pytest.raises(ConfigurationError, match="Authorization cannot stand outside"):
        Stack(Authorization(*RULES), As(ALICE))


def test_an_async_loader_serves_asgi_only():
    layer = Authorization(allow("GET", "/o/{order_id:int}", owner(Orders().aload)))
    layer.asgi(App().asgi)
    with pytest.raises(ConfigurationError, match="give it a sync one as well"):
        layer.wsgi(App().wsgi)


def test_it_reads_headers_only_where_ids_come_from_the_body():
    assert Authorization(*RULES).wants == frozenset()
    layer = Authorization(allow("POST", "/o", owner(Orders().load, order_id=body("/id", int))))
    assert layer.wants == {b"content-type", b"content-length"}


def test_a_policy_may_be_shared_with_handlers():
    policy = Policy(*RULES)
    assert Authorization(policy=policy).policy is policy


def test_a_client_that_goes_away_is_answered_by_nobody():
    """The exception passes: the adapter knows that there is nobody to answer."""
    from authz_support import exchange

    def gone(limit, pace=None):
        raise ClientDisconnected

    layer = Authorization(allow("POST", "/o", owner(Orders().load, order_id=body("/id", int))))
    made = exchange("/o", "POST")
    made.headers[b"content-type"] = b"application/json"
    made.body_at_once = gone
    with pytest.raises(ClientDisconnected):
        settle(layer.on_request(made))
    assert made.decisions == []
