"""Other people's engines: each through the same decision, and nothing is granted without one."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys

import casbin
import pytest
from casbin.persist.adapters import StringAdapter

import pdp_server
from authz_support import ADMIN, ALICE, BOB, Orders, decide, person, send
from pdp_server import PDPServer
from ringwall import Call, ConfigurationError
from ringwall._pending import MissingColour, settle
from ringwall.authz import (
    OPA,
    Authorization,
    AuthZEN,
    Casbin,
    Cedar,
    Engine,
    EngineFailed,
    Loader,
    Policy,
    allow,
    forbid,
    owner,
    query,
    resource_of,
    role,
    scope,
)

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
SCHEMA = """
entity Role in [Role];
entity User in [Role] { tenant?: String };
entity Order { owner: User, status: String };
entity Route;
action read, write appliesTo {
  principal: User, resource: [Order, Route], context: { mfa?: Bool }
};
"""
OWN = 'permit(principal, action == Action::"read", resource is Order)\n' + (
    "when { resource.owner == principal };\n"
)
STAFF = 'permit(principal in Role::"admin", action, resource);\n'
# Cedar skips what fails: without `mfa` this one lets pass.
FAILS_OPEN = "forbid(principal, action, resource) unless { context.mfa };\n"


def as_entity(order):
    by = {"__entity": {"type": "User", "id": order["owner"]}}
    return {"owner": by, "status": order["status"]}


def cedar(policies=OWN + STAFF, **options):
    return Cedar(policies, SCHEMA, roles_type="Role", **options)


@pytest.fixture(scope="module")
def server():
    with PDPServer() as running:
        yield running


@pytest.fixture
def pdp(server):
    server.asked.clear()
    server.behave = "well"
    return server


# --- Cedar ----------------------------------------------------------------------------------------


@INTERFACES
def test_cedar_judges_the_object_and_the_handler_gets_it(interface):
    orders = Orders()
    load = orders.aload if interface == "asgi" else orders.load
    layer = Authorization(
        allow(
            "GET",
            "/v1/orders/{order_id:int}",
            scope("orders:read")
            & cedar().permits("read", "Order", load=load, properties=as_entity),
        )
    )
    answer = send(interface, layer, "/v1/orders/1001", look=resource_of)
    assert (answer.status, answer.seen["id"], orders.read) == (200, 1001, [1001])
    answer = send(interface, layer, "/v1/orders/1002")
    assert (answer.status, answer.code, answer.called) == (403, "forbidden", 0)
    assert send(interface, layer, "/v1/orders/1002", who=ADMIN).status == 200
    assert send(interface, layer, "/v1/orders/404").status == 403
    assert send(interface, layer, "/v1/orders/07").called == 0
    orders.read.clear()
    assert send(interface, layer, "/v1/orders/1001", who=person("alice")).status == 403
    assert orders.read == []  # the scope is lacking already


ROUTE = "/v1/x"


def asks(engine, who=ALICE, action="read", **options):
    return decide(allow("GET", ROUTE, engine.permits(action, **options)), path=ROUTE, who=who)


def test_cedar_denies_on_any_error_where_it_would_fail_open(caplog):
    """A `forbid` whose evaluation fails is skipped by Cedar, and the request allowed."""
    lenient = SCHEMA.replace("mfa?: Bool", "mfa: Bool")
    permit = "permit(principal, action, resource);\n"
    engine = Cedar(permit + FAILS_OPEN, lenient, context=lambda context: {"mfa": True})
    assert asks(engine).outcome == "allow"
    engine._context = lambda context: {}
    assert asks(engine)[1:4] == ("error", f"GET {ROUTE}", "engine-failed")
    with pytest.raises(ConfigurationError, match="mfa"):
        cedar(permit + FAILS_OPEN)


def test_cedar_reports_where_it_failed_without_what_it_was_asked(caplog):
    with caplog.at_level(logging.ERROR, "ringwall"):
        engine = cedar("permit(principal, action, resource);", context=lambda c: {"secret": "s3"})
        assert asks(engine).reason == "engine-failed"
    assert "authorization engine cedar failed with EngineFailed" in caplog.text
    assert "s3" not in caplog.text


@pytest.mark.parametrize(
    "subject",
    ['root" || true || "', 'alice"; permit(principal,action,resource);', "\\", '"', "a\nb", "ünï"],
)
def test_a_subject_is_never_read_as_cedar(subject):
    policy = 'permit(principal == User::"alice", action, resource);'
    assert asks(cedar(policy), person(subject)).outcome == "deny"
    assert asks(cedar(policy), ALICE).outcome == "allow"


def test_cedar_knows_roles_their_hierarchy_and_attributes():
    entities = [
        {"uid": {"type": "Role", "id": "chief"}, "attrs": {},
         "parents": [{"type": "Role", "id": "admin"}]},
    ]  # fmt: skip
    engine = cedar(entities=entities)
    assert asks(engine, person("eve", roles=["chief"])).outcome == "allow"
    assert asks(engine, person("eve", roles=["clerk"])).outcome == "deny"
    assert asks(Cedar(STAFF, SCHEMA), ADMIN).outcome == "deny"  # roles are not told
    mine = 'principal has tenant && principal.tenant == "a"'
    policy = f"permit(principal, action, resource) when {{ {mine} }};"
    told = Cedar(policy, SCHEMA, subject=lambda principal: {"tenant": principal.claims["tenant"]})
    assert asks(told, person("eve", tenant="a")).outcome == "allow"
    assert asks(told, person("eve", tenant="b")).outcome == "deny"
    assert asks(told, person("eve")).reason == "engine-failed"


def test_cedar_takes_a_schema_in_json():
    applies = {"principalTypes": ["User"], "resourceTypes": ["Route"]}
    actions = {"read": {"appliesTo": applies}}
    schema = {"": {"entityTypes": {"User": {}, "Route": {}}, "actions": actions}}
    assert asks(Cedar("permit(principal, action, resource);", schema)).outcome == "allow"


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: cedar("permit("), "Cedar: unexpected end"),
        (lambda: cedar(OWN.replace("owner", "onwer")), "onwer"),
        (lambda: cedar(OWN.replace("read", "raed")), "raed"),
        (lambda: Cedar(OWN, "entity"), "Cedar: "),
        (lambda: Cedar(OWN, 7), "Cedar: "),
        (lambda: cedar(entities=[{"uid": 1}]), "Cedar: "),
        (lambda: cedar(subject_type=""), "subject_type="),
        (lambda: cedar(subject=7), "takes a function"),
        (lambda: cedar(context=lambda a, b: {}), "must take 1 argument"),
        (lambda: cedar().permits(load=lambda order_id: 1), "go together"),
        (lambda: cedar().permits(properties=as_entity), "go together"),
        (lambda: cedar().permits(load=lambda order_id: 1, properties=7), "takes a function"),
        (
            lambda: Policy(allow("GET", "/a", cedar().permits("read", "Order"))),
            "needs one parameter",
        ),
        (
            lambda: Policy(allow("GET", "/{a}/{b}", cedar().permits("read", "Order"))),
            "needs one parameter",
        ),
        (
            lambda: Policy(allow("GET", "/{a}", cedar().permits("read", "Order", id="b"))),
            "needs one parameter",
        ),
        (lambda: Policy(allow("GET", "/{a}", cedar().permits("read", id="a"))), "id= needs"),
    ],
)
def test_mistakes_teach(make, hint):
    with pytest.raises(ConfigurationError, match=hint):
        make()


# --- casbin ---------------------------------------------------------------------------------------

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && r.act == p.act
"""
POLICY = "p, clerk, /v1/x, GET\np, clerk, Order/1001, read\ng, alice, clerk"


def enforcer(model=MODEL, policy=POLICY):
    return casbin.Enforcer(casbin.Enforcer.new_model(text=model), StringAdapter(policy))


@INTERFACES
def test_casbin_judges_paths_and_named_resources(interface):
    engine = Casbin(enforcer())
    layer = Authorization(
        allow("GET", ROUTE, engine.permits()),
        allow("GET", "/o/{order_id:int}/{x}", engine.permits("read", "Order", id="order_id")),
    )
    assert send(interface, layer, ROUTE).status == 200
    assert send(interface, layer, ROUTE, who=BOB).called == 0
    assert send(interface, layer, "/o/1001/a").status == 200
    assert send(interface, layer, "/o/1002/a").called == 0


def test_casbin_reads_files_and_requests_of_ones_own(tmp_path):
    (tmp_path / "model.conf").write_text(MODEL)
    (tmp_path / "policy.csv").write_text(POLICY)
    engine = Casbin(
        tmp_path / "model.conf",
        tmp_path / "policy.csv",
        request=lambda question: ("alice", "/v1/x", "GET"),
    )
    assert asks(engine, BOB).outcome == "allow"


def test_a_disabled_enforcer_grants_nothing():
    made = enforcer()
    engine = Casbin(made)
    made.enable_enforce(False)
    assert made.enforce("eve", "/anything", "GET")  # what it would say
    assert asks(engine).reason == "engine-failed"


def test_an_enforcer_that_fails_grants_nothing():
    engine = Casbin(enforcer(), request=lambda question: ("too", "few"))
    assert asks(engine)[1:4] == ("error", f"GET {ROUTE}", "engine-failed")


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Casbin("model.conf"), "paths of a model and of a policy"),
        (lambda: Casbin("none.conf", "none.csv"), "Casbin: "),
        (lambda: Casbin(7), "two paths, or one enforcer"),
        (lambda: Casbin(enforcer(), "policy.csv"), "two paths, or one enforcer"),
        (lambda: Casbin(enforcer(), request=7), "takes a function"),
        (
            lambda: Casbin(
                enforcer(
                    MODEL.replace("some(where (p.eft == allow))", "!some(where (p.eft == deny))")
                )
            ),
            "allows what no policy denies",
        ),
    ],
)
def test_mistakes_with_casbin_teach(make, hint):
    with pytest.raises(ConfigurationError, match=hint):
        make()


# --- OPA and AuthZEN ------------------------------------------------------------------------------

REMOTE = pytest.mark.parametrize(
    "connect",
    [lambda url, **options: OPA(url, "app/allow", **options), AuthZEN],
    ids=["opa", "authzen"],
)


def guarded(engine, action="read"):
    return Authorization(allow("GET", "/o/{order_id:int}", engine.permits(action, "order")))


@INTERFACES
@REMOTE
def test_a_remote_engine_decides(interface, connect, pdp):
    layer = guarded(connect(pdp.url))
    assert send(interface, layer, "/o/7").status == 200
    answer = send(interface, layer, "/o/7", who=BOB)
    assert (answer.status, answer.code, answer.called) == (403, "forbidden", 0)
    assert send(interface, guarded(connect(pdp.url), "write"), "/o/7").called == 0
    assert len(pdp.asked) == 3


@INTERFACES
def test_what_authzen_is_asked_is_what_the_standard_says(interface, pdp):
    layer = guarded(AuthZEN(f"{pdp.url}/", token="t0ken"))
    send(interface, layer, "/o/7?access_token=s3cret", who=person("alice", "b", "a", roles=["r"]))
    ((path, headers, question),) = pdp.asked
    assert path == "/access/v1/evaluation"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer t0ken"
    assert question == {
        "subject": {
            "type": "user",
            "id": "alice",
            "properties": {"issuer": None, "roles": ["r"], "scopes": ["a", "b"]},
        },
        "action": {"name": "read"},
        "resource": {"type": "order", "id": "7", "properties": {}},
        "context": {"method": "GET", "path": "/o/7", "ip": "192.0.2.7"},
    }


@INTERFACES
@REMOTE
def test_no_secret_of_the_request_reaches_the_engine(interface, connect, pdp):
    who = person("alice", phone="s3cret-claim")
    layer = guarded(connect(pdp.url))
    send(
        interface, layer, "/o/7?key=s3cret-query", who=who, body=b'{"s3cret": "body"}',
        content_type="application/json; s3cret=header",
    )  # fmt: skip
    assert "s3cret" not in repr(pdp.asked)


@INTERFACES
@REMOTE
@pytest.mark.parametrize("behave", pdp_server.MISBEHAVIOURS)
def test_an_engine_that_misbehaves_grants_nothing(interface, connect, behave, pdp):
    pdp.behave = behave
    # Long enough for a loaded machine to ask at all.
    layer = guarded(connect(pdp.url, timeout=0.5 if behave in ("slow", "drip") else 5))
    answer = send(interface, layer, "/o/7")
    assert (answer.status, answer.code, answer.called) == (403, "forbidden", 0)
    assert answer.exchange.decisions[-1].reason == "engine-failed"
    assert len(pdp.asked) == 1  # no redirect was followed


@INTERFACES
def test_an_undefined_rule_of_opa_denies(interface, pdp):
    pdp.behave = "undefined"
    answer = send(interface, guarded(OPA(pdp.url, "app/allow")), "/o/7")
    assert (answer.status, answer.called) == (403, 0)
    assert answer.exchange.decisions[-1].reason == "forbidden"
    assert send(interface, guarded(AuthZEN(pdp.url)), "/o/7").called == 0
    assert [asked[0] for asked in pdp.asked] == ["/v1/data/app/allow", "/access/v1/evaluation"]


@INTERFACES
def test_an_engine_that_is_down_grants_nothing(interface):
    layer = guarded(AuthZEN("http://127.0.0.1:9"))
    assert send(interface, layer, "/o/7").exchange.decisions[-1].reason == "engine-failed"


@INTERFACES
def test_a_negation_or_an_alternative_makes_no_grant_of_a_failure(interface, pdp):
    pdp.behave = "500"
    engine = AuthZEN(pdp.url)
    for condition, status in (
        (~engine.permits("read"), 403),
        (engine.permits("read") | role("admin"), 403),
        (role("admin") | engine.permits("read"), 403),
    ):
        assert (
            send(interface, Authorization(allow("GET", ROUTE, condition)), ROUTE).status == status
        )
    layer = Authorization(allow("GET", ROUTE), forbid("GET", ROUTE, engine.permits("read")))
    assert send(interface, layer, ROUTE).called == 0


@INTERFACES
def test_a_rule_that_forbids_asks_with_its_own_parameters(interface, pdp):
    engine = AuthZEN(pdp.url)
    layer = Authorization(
        allow("GET", "/o/{order_id:int}"), forbid("GET", "/o/{n}", engine.permits("read", "any"))
    )
    assert send(interface, layer, "/o/7").called == 0
    assert pdp.asked[0][2]["resource"] == {"type": "any", "id": "7", "properties": {}}
    assert send(interface, layer, "/o/7", who=BOB).status == 200


@INTERFACES
def test_what_needs_no_engine_asks_none(interface, pdp):
    layer = Authorization(
        allow("GET", ROUTE, scope("none") & AuthZEN(pdp.url).permits("read")),
        allow("GET", "/y", role("admin") | AuthZEN(pdp.url).permits("read")),
    )
    assert send(interface, layer, ROUTE).status == 403
    assert send(interface, layer, "/y", who=ADMIN).status == 200
    assert send(interface, layer, ROUTE, who=None).status == 401
    assert pdp.asked == []


@INTERFACES
def test_objects_are_told_by_what_was_picked_of_them(interface, pdp):
    orders = Orders()
    engine = OPA(pdp.url, "app/allow")
    told = engine.permits(
        "read", "order", id="tenant", load=Loader(orders.load, orders.aload),
        properties=lambda order: {"status": order["status"]}, order_id=query("nr", int),
    )  # fmt: skip
    layer = Authorization(allow("GET", "/{tenant}/order", told))
    assert send(interface, layer, "/acme/order?nr=7").status == 200
    resource = pdp.asked[0][2]["input"]["resource"]
    assert resource == {"type": "order", "id": "acme", "properties": {"status": "open"}}
    assert send(interface, layer, "/acme/order?nr=404").called == 0
    assert len(pdp.asked) == 1


def test_handlers_ask_the_same_policy(pdp):
    engine = AuthZEN(pdp.url)
    policy = Policy(
        allow("GET", "/o/{order_id:int}", engine.permits("read", "order")),
        allow("GET", "/c/{order_id:int}", cedar(STAFF).permits("read")),
        allow(
            "GET", "/b/{order_id:int}", owner(Orders().load) & engine.permits("read", "order")
        ),
    )  # fmt: skip
    assert policy.check(ALICE, "GET", "/o/7")
    assert not policy.check(BOB, "GET", "/o/7")
    assert asyncio.run(policy.acheck(ALICE, "GET", "/o/7"))
    assert policy.check(ADMIN, "GET", "/c/7")
    assert not policy.check(BOB, "GET", "/c/7")
    assert policy.check(ALICE, "GET", "/b/1002", resource={"owner": "alice"})
    assert not policy.check(ALICE, "GET", "/b/1001", resource={"owner": "bob"})


class Fixed(Engine):
    """Answers whatever it was given."""

    def __init__(self, answer, inline=True):
        super().__init__("user", lambda principal: {}, lambda context: {})
        self.answer = answer
        self.inline = inline

    def decide(self, question):
        return self.answer


@pytest.mark.parametrize("answer", [1, "yes", None, [True], object()])
def test_an_engine_of_ones_own_answers_true_or_false(answer):
    assert asks(Fixed(True)).outcome == "allow"
    assert asks(Fixed(answer)).reason == "engine-failed"
    condition = Fixed(True).permits("read")
    assert repr(condition) == "Fixed.permits('read')"
    assert repr(Policy(allow("GET", "/", condition))._loads) == "[<Asking Fixed>]"


@INTERFACES
def test_an_engine_that_needs_io_says_how(interface):
    engine = Fixed(True, inline=False)
    answer = send(interface, Authorization(allow("GET", ROUTE, engine.permits())), ROUTE)
    assert answer.exchange.decisions[-1].reason == "engine-failed"
    engine = Engine("user", lambda principal: {}, lambda context: {})
    assert asks(engine).reason == "engine-failed"


def test_an_engine_without_a_colour_is_no_engine_that_failed():
    class Async(Fixed):
        def wait(self, question):
            return (yield Call(None, None))

    policy = Policy(allow("GET", ROUTE, Async(True, inline=False).permits()))
    with pytest.raises(TypeError, match="acheck"):
        policy.check(ALICE, "GET", ROUTE)
    with pytest.raises(MissingColour):
        settle(policy._ask(ALICE, "GET", ROUTE, None, None))


def test_a_question_about_nobody_is_none():
    with pytest.raises(EngineFailed):
        Fixed(True).question(type("Facts", (), {"principal": None}), "read", None)
    decision = decide(
        allow("GET", ROUTE), forbid("GET", ROUTE, Fixed(False).permits()), path=ROUTE, who=None
    )
    assert decision.outcome == "deny"


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: AuthZEN("http://pdp.example"), "anyone between"),
        (lambda: AuthZEN("http://127.0.0.1.evil.example"), "anyone between"),
        (lambda: AuthZEN("http://localhost.evil.example"), "anyone between"),
        (lambda: AuthZEN("http://0.0.0.0"), "anyone between"),
        (lambda: AuthZEN("ftp://pdp.example"), "URL is"),
        (lambda: AuthZEN("pdp.example"), "URL is"),
        (lambda: AuthZEN(7), "URL is"),
        (lambda: AuthZEN("https://u:p@pdp.example"), "no credentials"),
        (lambda: AuthZEN("https://pdp.example?x=1"), "no credentials"),
        (lambda: AuthZEN("https://pdp.example", timeout=0), "timeout=0"),
        (lambda: AuthZEN("https://pdp.example", timeout="1"), "timeout='1'"),
        (lambda: AuthZEN("https://pdp.example", timeout=61), "up to 60|to 60"),
        (lambda: AuthZEN("https://pdp.example", limit=0), "limit=0"),
        (lambda: AuthZEN("https://pdp.example", token="a b"), "no bearer token"),
        (lambda: AuthZEN("https://pdp.example", token="a\r\nb: c"), "no bearer token"),
        (
            lambda: AuthZEN("https://a", verify=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)),
            "checks no",
        ),
        (lambda: AuthZEN("https://pdp.example", verify="no-such.pem"), "no certificates"),
        (lambda: AuthZEN("https://pdp.example", verify=7), "no certificates"),
        (lambda: OPA("https://pdp.example", "app.allow"), "no path of a rule"),
        (lambda: OPA("https://pdp.example", "../../v1/policies"), "no path of a rule"),
        (lambda: OPA("https://pdp.example", 7), "no path of a rule"),
    ],
)
def test_mistakes_with_remote_engines_teach(make, hint):
    with pytest.raises(ConfigurationError, match=hint):
        make()


def test_urls_that_are_safe_enough(tmp_path):
    for url in (
        "https://pdp.example",
        "http://127.0.0.1:1",
        "http://[::1]:1",
        "http://localhost:1",
    ):
        engine = AuthZEN(url, token="t0p-s3cret")
        assert "s3cret" not in repr(engine)
    AuthZEN("http://pdp.example", insecure=True)
    AuthZEN("https://pdp.example", verify=ssl.create_default_context())


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("cedarpy", lambda: Cedar(OWN, SCHEMA)),
        ("casbin", lambda: Casbin("m", "p")),
        ("httpx", lambda: AuthZEN("https://pdp.example")),
    ],
)
def test_a_missing_package_is_told_with_the_line_that_installs_it(monkeypatch, module, make):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install 'ringwall"):
        make()


@REMOTE
def test_what_the_engine_answers_comes_out_nowhere(connect, pdp, caplog):
    pdp.behave = "garbage"
    with caplog.at_level(logging.DEBUG, "ringwall"):
        answer = send("wsgi", guarded(connect(pdp.url)), "/o/7")
    assert b"html" not in answer.body
    assert "html" not in caplog.text
    assert json.loads(answer.body)["code"] == "forbidden"
