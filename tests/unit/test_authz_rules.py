"""Rules: what they accept, which one governs, and what a mistake is answered with."""

from __future__ import annotations

import pytest

from authz_support import ADMIN, ALICE, decide, send
from ringwall import ConfigurationError
from ringwall.authz import Authorization, Policy, allow, forbid, public, role, scope


@pytest.mark.parametrize(
    "method", ["GET", "GET,POST", "GET, POST", ["GET", "POST"], ("POST", "GET")]
)
def test_methods_are_written_as_one_likes(method):
    rule = public(method, "/x")
    assert set(rule.methods) <= {"GET", "POST"}
    assert decide(rule, path="/x").outcome == "allow"
    assert decide(rule, path="/x", method="PUT").reason == "method-not-allowed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "WEBSOCKET"])
def test_a_star_means_the_usual_methods(method):
    assert decide(public("*", "/x"), path="/x", method=method).outcome == "allow"


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO", "get", ""])
def test_a_star_means_no_others(method):
    assert decide(public("*", "/x"), path="/x", method=method).outcome == "deny"


@pytest.mark.parametrize("method", ["OPTIONS", "PROPFIND", "QUERY"])
def test_others_are_let_through_by_name(method):
    assert decide(public(method, "/x"), path="/x", method=method).outcome == "allow"


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "FOO", "GET", "WEBSOCKET"])
def test_in_a_forbid_a_star_means_every_method_there_is(method):
    rules = public(["OPTIONS", "GET", "WEBSOCKET"], "/x"), forbid("*", "/x")
    assert decide(*rules, path="/x", method=method).outcome == "deny"


def test_a_forbid_for_one_method_leaves_the_others():
    rules = public("*", "/x"), forbid("GET", "/x")
    assert decide(*rules, path="/x").rule == "forbid GET /x"
    assert decide(*rules, path="/x", method="HEAD").outcome == "deny"
    assert decide(*rules, path="/x", method="POST").outcome == "allow"


@pytest.mark.parametrize("reverse", [False, True])
def test_a_named_method_governs_before_a_star(reverse):
    rules = [
        allow("*", "/x", role("admin"), name="any"),
        allow("GET", "/x", name="get"),
        allow("HEAD", "/x", role("admin"), name="head"),
    ]
    rules = rules[::-1] if reverse else rules
    assert decide(*rules, path="/x").rule == "get"
    assert decide(*rules, path="/x", method="HEAD")[1:3] == ("deny", "head")
    assert decide(*rules, path="/x", method="POST").rule == "any"


def test_head_follows_the_rule_for_get_before_a_star():
    rules = allow("*", "/x", role("admin"), name="any"), allow("GET", "/x", name="get")
    assert decide(*rules, path="/x", method="HEAD")[1:3] == ("allow", "get")


def test_a_rule_for_another_method_does_not_govern():
    rules = allow("GET", "/v1/x", role("admin")), allow("*", "/v1/**")
    assert decide(*rules, path="/v1/x").outcome == "deny"
    assert decide(*rules, path="/v1/x", method="POST").rule == "* /v1/**"


def test_a_rule_without_a_condition_asks_for_a_principal():
    assert decide(allow("GET", "/x"), path="/x").outcome == "allow"
    assert decide(allow("GET", "/x"), path="/x", who=None).reason == "unauthenticated"


def test_a_rule_may_have_a_name():
    assert decide(allow("GET", "/x", name="x.read"), path="/x").rule == "x.read"


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: allow("get", "/x"), "did you mean 'GET'"),
        (lambda: allow("PSOT", "/x"), "did you mean 'POST'"),
        (lambda: allow(["GET", 7], "/x"), "unknown method 7"),
        (lambda: allow("GET,*", "/x"), "unknown method"),
        (lambda: allow("", "/x"), "unknown method ''"),
        (lambda: allow([], "/x"), "needs a method"),
        (lambda: allow("TRACE", "/x"), "TRACE is never let through"),
        (lambda: forbid("CONNECT", "/x"), "CONNECT is never let through"),
        (lambda: allow("GET", "x"), "must begin with '/'"),
        (lambda: allow("GET", "/x", "admin"), "is not a condition"),
        (lambda: allow("GET", "/x", scope), r"write scope\(...\)"),
        (lambda: allow("GET", "/x", scope("a") and scope("b")), "join conditions with & | ~"),
        (lambda: allow("GET", "/x", not role("a")), "join conditions with & | ~"),
        (lambda: allow("GET", "/x", lambda: True), "must take 1 argument"),
        (lambda: Policy(), "nothing passes"),
        (lambda: Authorization(), "nothing passes"),
        (lambda: Policy(forbid("GET", "/x")), "nothing passes"),
        (lambda: Policy(scope("a")), "is no rule"),
        (lambda: Policy(allow("GET", "/x"), public("GET", "/x")), "two rules for GET '/x'"),
        (
            lambda: Policy(allow("GET", "/{a}"), allow(["PUT", "GET"], "/{b}")),
            "join their conditions",
        ),
        (lambda: Policy(public("GET", "/x", name="n"), public("GET", "/y", name="n")), "name 'n'"),
        (lambda: Policy(forbid("GET", "/x"), forbid("GET", "/x"), public("GET", "/")), "the name"),
        (lambda: Policy(public("GET", "/x"), roles={"a": "b"}), r"write 'a': \['b'\]"),
        (lambda: Policy(public("GET", "/x"), roles={"a": ["b"], "b": ["a"]}), "includes itself"),
        (lambda: Policy(public("GET", "/x"), roles={"a": ["a"]}), "'a' includes itself"),
        (
            lambda: Authorization(public("GET", "/x"), policy=Policy(public("GET", "/x"))),
            "give rules and roles to the Policy",
        ),
        (lambda: Authorization(policy=Policy(public("GET", "/x")), roles={}), "to the Policy"),
        (lambda: Authorization(policy=[public("GET", "/x")]), r"takes a Policy\(...\)"),
        (lambda: Authorization(public("GET", "/x"), challenge="Bearer\r\nx: y"), "challenge="),
        (lambda: Authorization(public("GET", "/x"), challenge=""), "challenge="),
        (lambda: Authorization(public("GET", "/x"), challenge="Bearér"), "challenge="),
        (lambda: Authorization(public("GET", "/x"), body_limit=0), "number of bytes"),
        (lambda: Authorization(public("GET", "/x"), body_limit="1 MiB"), "number of bytes"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(make, hint):
    with pytest.raises(ConfigurationError, match=hint):
        make()


def test_a_name_may_be_shared_by_nothing_but_a_forbid_may_repeat_a_path():
    policy = Policy(public("GET", "/x"), forbid("GET", "/x", role("a")))
    assert repr(policy) == "<Policy of 2 rules>"
    assert [repr(rule) for rule in policy.rules] == ["<Rule public GET /x>", "<Rule forbid GET /x>"]
    match = policy.match("GET", "/x")
    assert repr(match) == "<Match <rule GET /x>>"


ROLES = {
    "owner": ["admin"],
    "admin": ["editor", "auditor"],
    "editor": ["viewer"],
    "auditor": ["viewer"],
}


@pytest.mark.parametrize(
    ("has", "wanted", "passes"),
    [
        ("owner", "viewer", True),
        ("admin", "auditor", True),
        ("editor", "auditor", False),
        ("viewer", "editor", False),
        ("viewer", "viewer", True),
        ("stranger", "viewer", False),
        ("other", "other", True),
    ],
)
def test_a_role_includes_others_by_the_hierarchy_only(has, wanted, passes):
    from authz_support import person

    decision = decide(
        allow("GET", "/x", role(wanted)), path="/x", who=person("x", roles=[has]), roles=ROLES
    )
    assert (decision.outcome == "allow") is passes


def test_the_hierarchy_may_be_a_diamond():
    assert (
        decide(allow("GET", "/x", role("viewer")), path="/x", who=ADMIN, roles=ROLES).outcome
        == "allow"
    )


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_matching_rule_tells_its_template_and_parameters(interface):
    layer = Authorization(allow("GET", "/o/{order_id:int}", role("admin")), public("GET", "/x"))
    for who in (ALICE, ADMIN, None):
        exchange = send(interface, layer, "/o/7", who=who).exchange
        assert (exchange.route, exchange.params) == ("/o/{order_id:int}", {"order_id": 7})
    for target, method in (("/o/07", "GET"), ("/o/7", "POST")):
        exchange = send(interface, layer, target, method).exchange
        assert (exchange.route, exchange.params) == ("/o/{order_id:int}", {})
    assert send(interface, layer, "/nowhere").exchange.route is None


def test_the_parameters_of_one_request_are_not_those_of_the_next():
    layer = Authorization(public("GET", "/x"))
    first = send("wsgi", layer, "/x").exchange
    first.params["injected"] = 1
    assert send("wsgi", layer, "/x").exchange.params == {}


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/users/7:activate", 200),
        ("/users/07:activate", 403),
        ("/files/a.png", 200),
        ("/files/a.b.png", 403),
        ("/files/a", 403),
    ],
)
def test_a_segment_that_can_be_read_in_two_ways_is_closed(interface, path, status):
    rules = [
        allow("GET", "/users/{id:int}:activate"),
        allow("GET", "/users/{name}"),
        allow("GET", "/files/{name}.{ext}"),
    ]
    answer = send(interface, Authorization(*rules), path)
    assert (answer.status, answer.called) == (status, status == 200)
