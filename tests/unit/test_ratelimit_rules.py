"""Rules: whom they count, by which limits, at what cost, and for which routes."""

from __future__ import annotations

import asyncio

import pytest

from ratelimit_support import SENDERS, App, Clock, Remote
from ringwall import (
    Call,
    ConfigurationError,
    Decision,
    Layer,
    Principal,
    Stack,
    TrustedProxies,
    perform,
)
from ringwall.ratelimit import MemoryStore, RateLimit, Rule, Tiers
from ringwall.ratelimit._networks import Networks
from ringwall.ratelimit._routes import Routes
from ringwall.ratelimit.keys import compile_key


@pytest.fixture(params=SENDERS)
def sender(request):
    return request.param


class Says(Layer):
    """Authentication, told who comes."""

    name = "authentication"

    def __init__(self, principal=None):
        self.principal = principal

    def on_request(self, exchange):
        exchange.authenticate(self.principal)


def someone(subject="alice", **others):
    return Principal(subject, scheme="bearer", **others)


def statuses(send, count, **request):
    return [send(**request).status for _ in range(count)]


# Keys


def test_credentials_tenants_and_principals_are_buckets_of_their_own(sender):
    who, app = Says(), App()
    stack = Stack(
        who,
        RateLimit(
            Rule("3/minute", key="principal"),
            Rule("2/minute", key="credential"),
            Rule("4/minute", key="claim:tenant"),
            clock=Clock(),
        ),
    )
    send = sender(stack, app)
    who.principal = someone(credential_id="key-1", claims={"tenant": "acme"})
    assert statuses(send, 3) == [200, 200, 429]
    who.principal = someone(credential_id="key-2", claims={"tenant": "acme"})
    refused = [send() for _ in range(2)][1]
    assert refused.json["violated-policies"] == ["principal"]
    who.principal = someone("bob", credential_id="key-3", claims={"tenant": "acme"})
    refused = [send() for _ in range(2)][1]
    assert refused.json["violated-policies"] == ["tenant"]
    # The tenant of another issuer is another one; one that denies charges nobody.
    who.principal = someone("bob", issuer="https://i", claims={"tenant": "acme"})
    assert send().status == 200
    assert app.calls == 5


def test_a_key_may_be_an_object_that_has_no_hash(sender):
    class ByPath:
        __hash__ = None

        def __call__(self, exchange):
            return exchange.path

    send = sender(RateLimit("1/minute", "9/hour", key=ByPath(), clock=Clock()), App())
    assert [send(path=p).status for p in ("/a", "/b", "/a")] == [200, 200, 429]


@pytest.mark.parametrize("others", [("xtbk", "z"), ("xktb", "z"), ("x", "z")])
def test_no_part_of_a_key_can_run_into_the_next(sender, others):
    who = Says(someone(claims={"a": "x", "b": "ktbz"}))
    layer = RateLimit("1/minute", key=["claim:a", "claim:b"], clock=Clock())
    send = sender(Stack(who, layer), App())
    assert statuses(send, 2) == [200, 429]
    who.principal = someone(claims=dict(zip("ab", others, strict=True)))
    assert send().status == 200


@pytest.mark.parametrize("claim", [None, ["a"], {"a": 1}, True, 1.5])
def test_a_tenant_that_is_none_counts_by_client(sender, claim):
    who, app = Says(someone(claims={"tenant": claim})), App()
    send = sender(Stack(who, RateLimit("1/minute", key="claim:tenant", clock=Clock())), app)
    assert statuses(send, 2) == [200, 429]
    assert send(client="192.0.2.2").status == 200


@pytest.mark.parametrize("key", ["principal", "credential", "claim:x", ("client", "principal")])
def test_who_asks_for_the_principal_stands_inside_authentication(key):
    with pytest.raises(ConfigurationError, match="cannot stand outside"):
        Stack(RateLimit("1/minute", key=key), Says())
    with pytest.raises(ConfigurationError, match="cannot stand outside"):
        Stack(RateLimit(Tiers("plan", {"free": "1/s"}, default="free")), Says())
    Stack(RateLimit(Tiers(lambda exchange: "free", {"free": "1/s"}, default="free")), Says())


def test_without_a_credential_the_principal_counts_and_without_one_the_client():
    from ratelimit_support import exchange

    given = exchange()
    key = compile_key("credential", 64).of
    assert key(given) == "192.0.2.1"
    given.principal = someone()
    assert key(given) == "u:alice"


class Routed(Layer):
    name = "routed"

    def on_request(self, exchange):
        if exchange.path != "/nowhere":
            exchange.found_route("/items/{id}", {})


def test_a_key_by_route_is_the_template_and_all_unmatched_paths_share_one(sender):
    app = App()
    layer = RateLimit("1/minute", key=("client", "route"), clock=Clock())
    send = sender(Stack(Routed(), layer), app)
    assert [send(path=f"/items/{i}").status for i in range(3)] == [200, 429, 429]
    assert [send(path="/nowhere").status for _ in range(2)] == [200, 429]
    assert send(path="/items/1", client="192.0.2.2").status == 200
    assert '"client-route"' in send()["ratelimit-policy"]


def test_whoever_rotates_a_header_spends_the_rule_beside_it(sender):
    app = App()
    rules = Rule("2/minute", key="header:X-Device"), Rule("5/minute", key="client")
    send = sender(RateLimit(*rules, clock=Clock()), app)
    assert [send(x_device=str(i)).status for i in range(10)] == [200] * 5 + [429] * 5
    assert app.calls == 5
    clients = [f"198.51.100.{i}" for i in range(3)]
    assert [send(x_device="one", client=c).status for c in clients] == [200, 200, 429]
    assert [send(client=c).status for c in clients] == [200] * 3


@pytest.mark.parametrize("key", ["header:x-device", ("client", "header:x-device")])
@pytest.mark.parametrize("where", ["rules", "routes"])
def test_a_header_alone_limits_nobody_and_is_an_error(key, where):
    rule = Rule("2/minute", key=key)
    with pytest.raises(ConfigurationError, match="whoever chooses the header"):
        RateLimit(rule) if where == "rules" else RateLimit(routes={"* /**": rule})


def test_a_header_of_any_length_is_a_key_of_bounded_length(sender):
    store = MemoryStore(clock=Clock())
    rules = Rule("9/minute", key="header:x-device"), Rule("9/minute", key="client")
    send = sender(RateLimit(*rules, store=store), App())
    for size in (1, 100, 5000):
        send(x_device="x" * size)
    for table in store._tables.values():
        assert all(len(key) <= 65 for states in table.maps for key in states)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("clint", "did you mean 'client'"),
        ("claim:", "write for example 'claim:tenant'"),
        ("header:a b", "write for example"),
        (("client",), "several names"),
        (("client", 5), "several names"),
        (("client", "rute"), "unknown key 'rute'"),
        (5, "key= takes"),
    ],
)
def test_a_key_that_stands_for_nothing_teaches(key, message):
    with pytest.raises(ConfigurationError, match=message):
        RateLimit("1/minute", key=key)


async def coroutine(*args):
    raise AssertionError


@pytest.mark.parametrize(
    "arguments",
    [{"key": coroutine}, {"cost": coroutine}, {"charge": coroutine}],
)
def test_a_coroutine_is_refused_at_construction(arguments):
    with pytest.raises(ConfigurationError, match="not a coroutine"):
        RateLimit("1/minute", **arguments)
    with pytest.raises(ConfigurationError, match="no coroutine"):
        RateLimit(coroutine)
    with pytest.raises(ConfigurationError, match="not a coroutine"):
        Tiers(coroutine, {"a": "1/s"}, default="a")


def test_two_rules_of_one_name_are_an_error():
    with pytest.raises(ConfigurationError, match="the same name"):
        RateLimit("1/minute", Rule("5/hour"))
    with pytest.raises(ConfigurationError, match="at least one rate"):
        RateLimit()


def test_rules_of_several_keys_are_charged_all_or_none(sender):
    who, app = Says(someone()), App()
    layer = RateLimit("3/minute", Rule("2/minute", key="principal"), clock=Clock())
    send = sender(Stack(who, layer), app)
    answer = send()
    assert answer["ratelimit-policy"] == '"client";q=3;w=60, "principal";q=2;w=60'
    assert answer["ratelimit"] == '"client";r=2;t=40, "principal";r=1;t=30'
    assert statuses(send, 3) == [200, 429, 429]
    who.principal = someone("bob")
    assert statuses(send, 2) == [200, 429]  # the client had one left: denials were not charged
    assert app.calls == 3


# Tiers and functions

PLANS = {"free": "1/minute", "pro": ["3/minute", "100/hour"]}


@pytest.mark.parametrize(
    ("claims", "admitted"),
    [
        ({"plan": "pro"}, 3),
        ({"plan": "free"}, 1),
        ({"plan": "gold"}, 1),
        ({"plan": 7}, 1),
        ({"plan": ["x", "pro"]}, 3),
        ({"plan": ["x"]}, 1),
        ({}, 1),
        (None, 1),
    ],
)
def test_the_tier_of_a_principal_decides(sender, claims, admitted):
    who, app = Says(None if claims is None else someone(claims=claims)), App()
    layer = RateLimit(Tiers("plan", PLANS, default="free"), key="principal", clock=Clock())
    assert statuses(sender(Stack(who, layer), app), 5).count(200) == app.calls == admitted


@pytest.mark.parametrize("name", ["roles", "scopes"])
def test_tiers_by_roles_and_scopes(sender, name):
    who = Says(someone(**{name: {"pro"}}))
    layer = RateLimit(Tiers(name, PLANS, default="free"), key="principal", clock=Clock())
    assert statuses(sender(Stack(who, layer), App()), 5).count(200) == 3


@pytest.mark.parametrize(
    ("arguments", "default", "message"),
    [
        (("plan", {}), "free", "rates of each tier"),
        (("plan", {5: "1/s"}), "free", "rates of each tier"),
        (("plan", PLANS), "fre", "did you mean 'free'"),
        ((5, PLANS), "free", "a claim's name"),
    ],
)
def test_tiers_that_cannot_be_teach(arguments, default, message):
    with pytest.raises(ConfigurationError, match=message):
        Tiers(*arguments, default=default)


def test_a_tier_s_rates_are_checked_at_construction():
    with pytest.raises(ConfigurationError, match="is not a rate"):
        RateLimit(Tiers("plan", {"free": "many"}, default="free"))
    with pytest.raises(ConfigurationError, match="stands alone"):
        RateLimit(Tiers("plan", PLANS, default="free"), "5/minute")


def test_a_function_says_the_rate(sender):
    app = App()

    def rates(exchange):
        return "1/minute" if exchange.path == "/one" else ["2/minute", "9/hour"]

    send = sender(RateLimit(rates, clock=Clock()), app)
    assert statuses(send, 3, path="/one") == [200, 429, 429]
    assert statuses(send, 3, path="/two") == [200, 200, 429]


@pytest.mark.parametrize("shape", ["call", "generator"])
@pytest.mark.parametrize("remote", [True, False])
def test_a_function_that_needs_io_says_the_rate_in_either_colour(sender, shape, remote):
    async def later():
        await asyncio.sleep(0)
        return "2/minute"

    def rates(exchange):
        call = Call(lambda: "2/minute", later)
        return call if shape == "call" else perform(call)

    clock, app = Clock(), App()
    store = Remote(clock) if remote else None
    send = sender(RateLimit("9/minute", Rule(rates, policy="own"), store=store, clock=clock), app)
    assert statuses(send, 3) == [200, 200, 429]


@pytest.mark.parametrize("given", ["many", None, 5, [5]])
def test_a_function_that_says_no_rate_closes_the_door(sender, given, caplog):
    app = App()
    assert sender(RateLimit(lambda exchange: given), app)().status == 500
    assert app.calls == 0


def test_a_function_cannot_fill_the_memory_with_rates(sender, caplog):
    app, counter = App(), iter(range(1, 1000))
    store = MemoryStore(max_keys=10)
    send = sender(RateLimit(lambda exchange: f"{next(counter)}/minute", store=store), app)
    assert [send().status for _ in range(258)] == [200] * 256 + [500] * 2


# Costs


def test_a_request_may_cost_more(sender):
    app = App()
    layer = RateLimit("10/minute", cost=lambda x: 4 if x.path == "/big" else 1, clock=Clock())
    send = sender(layer, app)
    assert [send(path="/big").status for _ in range(3)] == [200, 200, 429]
    assert statuses(send, 3) == [200, 200, 429]
    assert sender(RateLimit("10/minute", cost=11, clock=Clock()), app)().status == 429


@pytest.mark.parametrize("given", [-1, 1.5, True, "1", None])
def test_a_cost_that_is_no_number_closes_the_door(sender, given, caplog):
    app = App()
    assert sender(RateLimit("10/minute", cost=lambda exchange: given), app)().status == 500
    assert app.calls == 0
    with pytest.raises(ConfigurationError, match="cost= takes"):
        RateLimit("10/minute", cost=given)


def test_a_cost_of_zero_only_asks(sender):
    send = sender(RateLimit("1/minute", cost=0, clock=Clock()), App())
    assert statuses(send, 3) == [200] * 3


def test_a_header_tells_the_cost_where_a_trusted_proxy_hands_it_on(sender):
    app = App()
    stack = Stack(
        RateLimit("10/minute", cost="header:X-Cost", clock=Clock()),
        proxies=TrustedProxies(["192.0.2.0/24"]),
    )
    send = sender(stack, app)
    assert [send(x_cost="5").status for _ in range(3)] == [200, 200, 429]
    # What cannot be read is more than any quota: nothing goes free by garbage.
    for garbage in ("-5", "", "five", "1e9", "9999999999", "1, 1"):
        assert send(x_cost=garbage, client="192.0.2.9").status == 429
    calls = app.calls
    # From a stranger it says nothing, least of all 0.
    assert statuses(send, 11, client="203.0.113.1", x_cost="0") == [200] * 10 + [429]
    assert app.calls == calls + 10


def test_without_proxies_a_header_tells_no_cost(sender):
    send = sender(RateLimit("2/minute", cost="header:x-cost", clock=Clock()), App())
    assert statuses(send, 3, x_cost="0") == [200, 200, 429]


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("function", [True, False])
def test_a_response_may_cost_on_top(sender, remote, function):
    clock, app = Clock(), App(headers=(("X-Cost", "3"),))
    charge = (lambda x, head: int(head.get(b"x-cost"))) if function else "header:x-cost"
    store = Remote(clock) if remote else None
    send = sender(RateLimit("10/minute", charge=charge, store=store, clock=clock), app)
    assert statuses(send, 4) == [200, 200, 200, 429]
    assert app.calls == 3


@pytest.mark.parametrize("headers", ["draft", "legacy", "off"])
def test_a_debt_is_at_most_everything_that_is_left(sender, headers):
    clock, app = Clock(), App(headers=(("X-Cost", "1000"),))
    layer = RateLimit("10/minute", charge="header:x-cost", headers=headers, clock=clock)
    send = sender(layer, app)
    assert statuses(send, 2) == [200, 429]
    clock.forward(6)
    assert send().status == 200


@pytest.mark.parametrize("value", ["many", "-3", "", "0"])
def test_a_response_that_tells_no_cost_costs_nothing_more(sender, value):
    app = App(headers=(("X-Cost", value),))
    send = sender(RateLimit("2/minute", charge="header:x-cost", clock=Clock()), app)
    assert statuses(send, 3) == [200, 200, 429]
    other = sender(RateLimit("2/minute", charge="header:x-cost", clock=Clock()), App())
    assert statuses(other, 3) == [200, 200, 429]


@pytest.mark.parametrize("down", ["before", "between"])
def test_a_store_that_is_down_takes_no_debt_and_harms_nobody(sender, down):
    store = Remote(Clock())

    class Breaking(App):
        async def asgi(self, *args):
            store.down = "later"
            await super().asgi(*args)

        def wsgi(self, *args):
            store.down = "later"
            return super().wsgi(*args)

    store.down = "later" if down == "before" else None
    app = Breaking(headers=(("X-Cost", "1"),))
    layer = RateLimit("2/minute", charge="header:x-cost", store=store, when_down="allow")
    assert sender(layer, app)().status == 200
    assert app.calls == 1


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("units", [-1, 2.5, True, None, "1"])
def test_a_charge_that_is_no_number_of_units_is_an_error_and_not_free(sender, units):
    layer = RateLimit("2/minute", charge=lambda exchange, head: units, clock=Clock())
    assert sender(layer, App())().status == 500


def test_what_charges_afterwards_costs_something_before():
    with pytest.raises(ConfigurationError, match="never refused"):
        RateLimit("1/minute", cost=0, charge="header:x-cost")
    with pytest.raises(ConfigurationError, match="charge= takes"):
        RateLimit("1/minute", charge=5)


# Routes


def test_a_route_has_a_limit_of_its_own_beside_the_others(sender):
    app = App()
    layer = RateLimit("4/minute", routes={"POST /login": "2/minute"}, clock=Clock())
    send = sender(layer, app)
    first = send(path="/login", method="POST")
    assert first["ratelimit-policy"] == '"client";q=4;w=60, "POST /login";q=2;w=60'
    assert first.decisions == [Decision("ratelimit", "allow", "POST /login", "within-quota")]
    refused = [send(path="/login", method="POST") for _ in range(2)][1]
    assert refused.json["violated-policies"] == ["POST /login"]
    assert statuses(send, 3) == [200, 200, 429]
    assert app.calls == 4


SPELLINGS = [
    {"path": "/login/"},
    {"method": "post"},
    {"method": "Post"},
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_that_a_router_treats_alike_gets_another_bucket(sender, spelling):
    app = App()
    layer = RateLimit("100/minute", routes={"POST /login": "2/minute"}, clock=Clock())
    send = sender(layer, app)
    request = {"path": "/login", "method": "POST"}
    assert statuses(send, 2, **request) == [200, 200]
    assert statuses(send, 2, **request | spelling) == [429, 429]
    assert app.calls == 2


@pytest.mark.parametrize("path", ["//login", "/./login", "/x/../login", "/login;x", "/log%69n"])
def test_an_ambiguous_spelling_never_reaches_the_app(sender, path):
    app = App()
    layer = RateLimit("100/minute", routes={"POST /login": "2/minute"}, clock=Clock())
    assert sender(layer, app)(path=path, method="POST").status == 400
    assert app.calls == 0


@pytest.mark.parametrize("alias", ["07", "+7", "7.0", "7_0", "\u0667"])
def test_another_spelling_of_a_number_comes_under_the_same_template(sender, alias):
    app = App()
    layer = RateLimit(
        "100/minute", routes={"GET /orders/{id:int}": "2/minute", "* /**": "50/minute"},
        clock=Clock(),
    )  # fmt: skip
    send = sender(layer, app)
    assert [send(path=f"/orders/{i}").status for i in range(3)] == [200, 200, 429]
    path = f"/orders/{alias}"
    if not path.isascii():
        return  # the senders here speak ASCII; `Routes` is asked below
    assert send(path=path).status == 429


def find(routes, method, path):
    from ratelimit_support import exchange

    given = exchange(path=path)
    given.method = method
    return Routes(routes).find(given)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/orders/7", 1),
        ("HEAD", "/orders/7", 1),
        ("GET", "/orders/\u0667", 1),
        ("GET", "/orders/7/", 1),
        ("HEAD", "/search", 3),
        ("GET", "/search", 2),
        ("DELETE", "/search", 4),
        ("OPTIONS", "/search", 4),
        ("OPTIONS", "/orders/7", 5),
        ("GET", "/files/", 6),
        ("GET", "/files/a/b/", 6),
        ("GET", "/", 7),
        ("GET", "", 7),
        ("GET", "/none", 5),
        ("WEBSOCKET", "/feed", 8),
    ],
)
def test_the_most_specific_template_of_a_method_wins(method, path, found):
    routes = {
        "GET /orders/{id:int}": 1,
        "GET /search": 2,
        "HEAD /search": 3,
        "* /search": 4,
        "* /**": 5,
        "GET /files/**": 6,
        "GET /": 7,
        "WEBSOCKET /feed/": 8,
    }
    assert find(routes, method, path) == found


def test_a_path_that_matches_nothing_has_no_entry():
    assert find({"POST /login": 1}, "GET", "/login") is None
    assert find({"POST /login": 1}, "GET", "/login/") is None


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ({"/login": "1/s"}, "is no route"),
        ({"post /login": "1/s"}, "is no route"),
        ({5: "1/s"}, "is no route"),
        ({"POST login": "1/s"}, "must begin with '/'"),
        ({"POST /login": "1/s", "POST /login/": "1/s"}, "match the same paths"),
        ({"POST /login": "1/s"}, "leaves every other path unlimited"),
        ({}, "leaves every other path unlimited"),
        ({"* /**": None}, "limits nothing"),
        (5, "routes= takes rates by route"),
    ],
)
def test_routes_that_cannot_be_teach(routes, message):
    rates = [] if "limit" in message else ["9/s"]
    with pytest.raises(ConfigurationError, match=message):
        RateLimit(*rates, routes=routes)


def test_the_rest_is_one_bucket_and_a_route_may_go_without(sender):
    app = App()
    routes = {"* /**": "2/minute", "GET /healthz": None, "GET /x": Rule("1/minute", policy="x")}
    send = sender(RateLimit(routes=routes, clock=Clock()), app)
    assert [send(path=f"/{i}").status for i in range(4)] == [200, 200, 429, 429]
    assert [send(path="/0", method=m).status for m in ("HEAD", "OPTIONS", "BREW")] == [429] * 3
    answer = send(path="/healthz")
    assert answer.decisions == [Decision("ratelimit", "allow", "exempt", "exempt")]
    assert statuses(send, 2, path="/x") == [200, 429]
    assert app.calls == 4


def test_what_no_template_can_match_is_counted_with_the_rest(sender):
    app = App()
    send = sender(RateLimit(routes={"* /**": "1/minute"}, clock=Clock()), app)
    assert [send(path="*", method="OPTIONS").status for _ in range(2)] == [400, 429]
    assert send().status == 429
    assert app.calls == 0


def test_a_root_that_matches_nothing_else_goes_unlimited_only_if_told_so(sender):
    layer = RateLimit(routes={"* /**": None, "POST /login": "1/minute"}, clock=Clock())
    send = sender(layer, App())
    assert statuses(send, 3) == [200] * 3
    assert statuses(send, 2, path="/login", method="POST") == [200, 429]


# Lists


def test_exempt_networks_are_not_counted_and_denied_ones_not_admitted(sender):
    app = App()
    layer = RateLimit(
        "1/minute",
        exempt=["10.0.0.0/8", "2001:db8:1::/48"],
        deny=["10.6.6.0/24", "203.0.113.7", "::ffff:198.51.100.0/120"],
        clock=Clock(),
    )
    send = sender(layer, app)
    for client in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8:1:2::3"):
        assert statuses(send, 3, client=client) == [200] * 3
    calls = app.calls
    for client in ("10.6.6.6", "203.0.113.7", "198.51.100.9", "::ffff:cb00:7107"):
        answer = send(client=client)
        assert answer.status == 403
        assert answer.json["code"] == "client-denied"
        assert answer.decisions == [Decision("ratelimit", "deny", "deny", "client-denied")]
    assert app.calls == calls
    assert statuses(send, 2, client="11.0.0.1") == [200, 429]
    assert statuses(send, 2, client=None) == [200, 429]


def test_a_forged_address_is_not_on_the_list(sender):
    send = sender(RateLimit("1/minute", exempt="10.0.0.0/8", clock=Clock()), App())
    assert statuses(send, 2, x_forwarded_for="10.0.0.1") == [200, 429]


@pytest.mark.parametrize("name", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "host", 5, ""])
def test_networks_that_cannot_be_teach(name):
    with pytest.raises(ConfigurationError, match="deny= takes networks such as"):
        RateLimit("1/minute", deny=[name])


def test_what_is_no_address_is_in_no_network():
    assert not Networks(["10.0.0.0/8", "2001:db8::/100"], "x").hold("nonsense")


def test_reprs_name_what_was_configured():
    assert repr(Rule("1/s", key=("client", "route"))) == "<Rule client-route>"
    assert repr(Tiers("plan", PLANS, default="free")) == "<Tiers free, pro>"


# Shadow


def test_in_shadow_nobody_is_refused_and_decisions_tell(sender):
    app = App()
    layer = RateLimit("1/minute", deny="203.0.113.7", shadow=True, clock=Clock())
    send = sender(layer, app)
    answers = [send() for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert not [name for answer in answers for name, _ in answer.headers if "rate" in name]
    assert answers[0].decisions == [Decision("ratelimit", "allow", "client", "within-quota")]
    overlooked = Decision("ratelimit", "allow", "client", "would-deny-quota-exceeded")
    assert answers[2].decisions == [overlooked]
    denied = send(client="203.0.113.7")
    assert denied.decisions[0] == Decision("ratelimit", "allow", "deny", "would-deny-client-denied")
    assert app.calls == 4


def test_in_shadow_an_ambiguous_path_passes(sender):
    app = App()
    layer = RateLimit("1/minute", routes={"GET /x": "1/minute"}, exempt="/y", shadow=True)
    assert [sender(layer, app)(path="//x").status for _ in range(3)] == [200] * 3
    assert app.calls == 3


def test_in_shadow_a_store_that_is_down_lets_pass(sender):
    store = Remote(Clock())
    store.down = "later"
    assert sender(RateLimit("1/minute", store=store, shadow=True), App())().status == 200
    with pytest.raises(ConfigurationError, match="shadow=True lets guessing pass"):
        RateLimit("1/minute", shadow=True, login=True)
