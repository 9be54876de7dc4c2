"""The layer on both interfaces: what counts, who is refused, and the app not called then."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from ratelimit_support import SENDERS, App, Clock, Remote
from ringwall import ConfigurationError, Decision, Layer, Principal, Stack, TrustedProxies
from ringwall.ratelimit import MemoryStore, RateLimit, Store


@pytest.fixture(params=SENDERS)
def sender(request):
    return request.param


def statuses(send, count, **request):
    return [send(**request).status for _ in range(count)]


def test_more_than_the_limit_is_refused_and_the_app_not_called(sender):
    app = App()
    send = sender(RateLimit("3/minute", clock=Clock()), app)
    assert statuses(send, 5) == [200, 200, 200, 429, 429]
    assert app.calls == 3


@pytest.mark.parametrize("algorithm", ["gcra", "sliding-window", "fixed-window"])
def test_every_algorithm_counts_and_recovers(sender, algorithm):
    clock = Clock(0.0)
    app = App()
    send = sender(RateLimit("3/minute", algorithm=algorithm, clock=clock), app)
    assert statuses(send, 4) == [200, 200, 200, 429]
    clock.forward(float(send()["retry-after"]))
    assert send().status == 200
    assert app.calls == 4


def test_decisions_name_the_policy_and_nothing_of_the_request(sender):
    send = sender(RateLimit("1/minute", policy="login", clock=Clock()), App())
    assert send().decisions == [Decision("ratelimit", "allow", "login", "within-quota")]
    assert send().decisions == [Decision("ratelimit", "deny", "login", "quota-exceeded")]
    send = sender(RateLimit("1/minute", "9/day", clock=Clock()), App())
    assert send().decisions == [Decision("ratelimit", "allow", "client", "within-quota")]
    assert send().decisions == [Decision("ratelimit", "deny", "client-1m", "quota-exceeded")]


ATTACKS = {
    "HEAD": {"method": "HEAD"},
    "OPTIONS": {"method": "OPTIONS"},
    "odd method": {"method": "get"},
    "another path": {"path": "/other"},
    "changing ids": {"path": "/item/2"},
    "double slash": {"path": "//"},
    "trailing slash": {"path": "/x/"},
    "dot segment": {"path": "/a/../b"},
    "upper case": {"path": "/X"},
    "spoofed X-Forwarded-For": {"x_forwarded_for": "198.51.100.7"},
    "spoofed Forwarded": {"forwarded": "for=198.51.100.7"},
    "spoofed X-Real-IP": {"x_real_ip": "198.51.100.7"},
    "another Host": {"host": "other.example"},
    "malformed Host": {"host": "a b"},
    "v4-mapped": {"client": "::ffff:192.0.2.1"},
    "v4-mapped in hex": {"client": "::ffff:c000:201"},
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_no_disguise_gives_a_client_another_bucket(sender, attack):
    """Nor does it go uncounted: after it, the plain request is the one too many."""
    app = App()
    send = sender(RateLimit("2/minute", clock=Clock()), app)
    send()
    calls = app.calls
    assert send(**attack).status != 429
    assert send().status == 429
    refused = send(**attack)
    assert refused.status == 429
    assert app.calls <= calls + 1


def test_an_ipv6_customer_rotating_addresses_is_one_client(sender):
    app = App()
    send = sender(RateLimit("2/minute", clock=Clock()), app)
    seen = [send(client=f"2001:db8::{i:x}:1").status for i in range(10)]
    assert seen == [200, 200] + [429] * 8
    assert app.calls == 2
    assert send(client="2001:db8:0:1::1").status == 200


def test_requests_without_an_address_are_not_exempt(sender):
    app = App()
    send = sender(RateLimit("1/minute", clock=Clock()), app)
    assert statuses(send, 3, client=None) == [200, 429, 429]
    assert send(client="garbage").status == 429
    assert app.calls == 1


def test_unknown_paths_and_errors_count(sender):
    app = App(status=404)
    send = sender(RateLimit("2/minute", clock=Clock()), app)
    assert [send(path=f"/{i}").status for i in range(4)] == [404, 404, 429, 429]
    assert app.calls == 2


def test_a_request_refused_at_the_boundary_counts_and_tells(sender):
    app = App()
    send = sender(RateLimit("2/minute", clock=Clock()), app)
    answer = send(host="a b")
    assert answer.status == 400
    assert answer["ratelimit"] == '"client";r=1;t=30'
    assert statuses(send, 3, host="a b") == [400, 429, 429]
    assert app.calls == 0


def test_a_refused_head_request_has_no_body(sender):
    send = sender(RateLimit("1/minute", clock=Clock()), App())
    send()
    refused = send(method="HEAD")
    assert (refused.status, refused.body) == (429, b"")
    assert refused["retry-after"] == "60"


def test_behind_a_trusted_proxy_clients_are_told_apart(sender):
    app = App()
    layer = RateLimit("1/minute", clock=Clock())
    proxies = TrustedProxies(["192.0.2.0/24"])
    send = sender(Stack(layer, proxies=proxies), app)
    assert send(x_forwarded_for="198.51.100.1").status == 200
    assert send(x_forwarded_for="198.51.100.2").status == 200
    assert send(x_forwarded_for="203.0.113.9, 198.51.100.1").status == 429
    assert app.calls == 2


class Says(Layer):
    """Authentication, told who comes."""

    name = "authentication"

    def __init__(self):
        self.principal = None

    def on_request(self, exchange):
        exchange.authenticate(self.principal)


def test_principals_are_counted_apart_and_nobody_by_client(sender):
    who = Says()
    app = App()
    send = sender(Stack(who, RateLimit("1/minute", key="principal", clock=Clock())), app)
    for subject, issuer in [("alice", None), ("alice", "https://id"), ("bob", None)]:
        who.principal = Principal(subject, scheme="bearer", issuer=issuer)
        assert [send(client="192.0.2.1").status, send(client="192.0.2.2").status] == [200, 429]
    who.principal = None
    assert statuses(send, 2, client="192.0.2.1") == [200, 429]
    assert send(client="192.0.2.2").status == 200
    assert app.calls == 5
    assert '"principal"' in send()["ratelimit-policy"]


def test_a_limit_per_principal_must_stand_inside_authentication():
    with pytest.raises(ConfigurationError, match="cannot stand outside"):
        Stack(RateLimit("1/minute", key="principal"), Says())
    Stack(RateLimit("1/minute"), Says(), RateLimit("1/minute", key="principal"))


def test_a_function_decides_whom_to_count(sender):
    app = App()
    layer = RateLimit("1/minute", key=lambda exchange: exchange.path, clock=Clock())
    send = sender(layer, app)
    assert [send(path=p).status for p in ("/a", "/b", "/a")] == [200, 200, 429]
    assert '"custom"' in send()["ratelimit-policy"]


@pytest.mark.parametrize("function", [lambda exchange: 5, lambda exchange: exchange.nothing])
def test_a_function_that_fails_closes_the_door(sender, function, caplog):
    app = App()
    answer = sender(RateLimit("1/minute", key=function), app)()
    assert answer.status == 500
    assert app.calls == 0
    assert "nothing" not in answer.body.decode()


def test_exempt_paths_are_exact_and_ambiguous_ones_refused(sender):
    app = App()
    send = sender(RateLimit("1/minute", exempt=["/healthz"], clock=Clock()), app)
    answer = send(path="/healthz")
    assert answer.decisions == [Decision("ratelimit", "allow", "exempt", "exempt")]
    assert not answer.all("ratelimit")
    assert statuses(send, 3, path="/healthz") == [200] * 3
    assert [send(path=p).status for p in ("/", "/healthz/", "/healthz/x")] == [200, 429, 429]
    assert send(path="/HEALTHZ").status == 429
    other = {"client": "192.0.2.9"}
    assert [send(path=p, **other).status for p in ("//healthz", "/x/../healthz")] == [400, 429]
    assert app.calls == 5


@pytest.mark.parametrize("exempt", [["healthz"], [5], "", [b"/x"]])
def test_an_exempt_path_that_can_never_match_teaches(exempt):
    with pytest.raises(ConfigurationError, match="exempt= takes exact paths"):
        RateLimit("1/minute", exempt=exempt)


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("by", [{"exempt": "/healthz"}, {"routes": {"GET /x": "9/minute"}}])
def test_a_flood_of_ambiguous_paths_is_a_flood(sender, by, remote):
    """They never reach the app, count like others, and are no way around a denial."""
    app, clock = App(), Clock()
    layer = RateLimit("3/minute", store=Remote(clock) if remote else None, clock=clock, **by)
    send = sender(layer, app)
    paths = ["//x", "/../x", "/x;y", "/%2e", "/a//b"]
    assert [send(path=path).status for path in paths] == [400, 400, 400, 429, 429]
    assert send().status == 429
    assert app.calls == 0
    reasons = [decision.reason for decision in send(path="//x").decisions]
    assert reasons == ["ambiguous-path", "quota-exceeded"]


def test_of_two_rates_a_denied_request_is_charged_to_none(sender):
    clock = Clock()
    app = App()
    send = sender(RateLimit("1/second", "3/hour", clock=clock), app)
    assert statuses(send, 10) == [200] + [429] * 9
    for _ in range(2):
        clock.forward(1)
        assert send().status == 200
    clock.forward(1)
    refused = send()
    assert refused.json["violated-policies"] == ["client-1h"]
    assert app.calls == 3


def test_layers_count_apart_unless_they_share_a_store_and_a_policy(sender):
    store = MemoryStore(clock=Clock())
    one = sender(RateLimit("1/minute", store=store), App())
    two = sender(RateLimit("1/minute", store=store), App())
    other = sender(RateLimit("1/minute", store=store, policy="other"), App())
    assert [one().status, two().status, other().status] == [200, 429, 200]


@pytest.mark.parametrize("extension", [True, False])
def test_a_websocket_handshake_counts_and_is_refused_before_it_is_accepted(extension):
    app = App()
    wrapped = RateLimit("1/minute", clock=Clock()).asgi(app.asgi)

    def connect():
        sent = []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": "/",
            "query_string": b"",
            "headers": [],
            "client": ("192.0.2.1", 1),
            "extensions": {"websocket.http.response": {}} if extension else {},
        }
        asyncio.run(wrapped(scope, receive, send))
        return sent

    assert connect() == [{"type": "websocket.accept"}]
    refused = connect()
    assert app.calls == 1
    if extension:
        assert refused[0]["status"] == 429
        assert (b"retry-after", b"60") in refused[0]["headers"]
    else:
        assert [message["type"] for message in refused] == ["websocket.close"]


def test_parallel_tasks_are_admitted_exactly_up_to_the_limit():
    app = App()
    wrapped = RateLimit("20/hour", clock=Clock()).asgi(app.asgi)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "client": ("192.0.2.1", 1),
    }

    async def flood():
        async def send(message):
            await asyncio.sleep(0)

        await asyncio.gather(*(wrapped(dict(scope), None, send) for _ in range(100)))

    asyncio.run(flood())
    assert app.calls == 20


# Stores


def test_a_store_behind_io_decides_alike(sender):
    app = App()
    send = sender(RateLimit("2/minute", store=Remote(Clock())), app)
    here = sender(RateLimit("2/minute", clock=Clock()), App())
    for _ in range(4):
        assert send() == here()
    assert app.calls == 2


def test_a_store_answers_for_itself():
    assert isinstance(Remote(Clock()), Store)
    assert isinstance(MemoryStore(), Store)
    only_async = RateLimit("1/minute", store=Remote(Clock(), ("asgi",)))
    only_async.asgi(App().asgi)
    with pytest.raises(ConfigurationError, match="async only"):
        only_async.wsgi(App().wsgi)


@pytest.mark.parametrize("down", ["at once", "later"])
def test_a_store_that_is_down_closes_the_door_by_default(sender, down):
    app = App()
    store = Remote(Clock())
    send = sender(RateLimit("2/minute", store=store), app)
    store.down = down
    answer = send()
    assert answer.status == 503
    assert answer["retry-after"] == "1"
    assert answer.json["type"].endswith("#temporary-reduced-capacity")
    assert answer.decisions == [Decision("ratelimit", "deny", "client", "store-unavailable")]
    assert app.calls == 0
    store.down = None
    assert send().status == 200


@pytest.mark.parametrize("down", ["at once", "later"])
def test_a_store_that_is_down_may_let_pass_and_audit_sees_it(sender, down):
    store = Remote(Clock())
    store.down = down
    answer = sender(RateLimit("1/minute", store=store, when_down="allow"), App())()
    assert answer.status == 200
    assert answer.decisions == [Decision("ratelimit", "allow", "client", "store-unavailable")]
    assert not answer.all("ratelimit")


@pytest.mark.parametrize("down", ["at once", "later"])
def test_a_store_that_is_down_may_be_replaced_by_this_process(sender, down):
    app = App()
    store = Remote(Clock())
    store.down = down
    layer = RateLimit("2/minute", store=store, when_down="local", clock=Clock())
    send = sender(layer, app)
    assert statuses(send, 4) == [200, 200, 429, 429]
    assert app.calls == 2
    assert send().decisions == [Decision("ratelimit", "deny", "client", "local-quota-exceeded")]
    here = send(client="192.0.2.2")
    assert here.decisions == [Decision("ratelimit", "allow", "client", "within-local-quota")]


@pytest.mark.parametrize(("workers", "told", "admitted"), [
    (4, None, 2), (None, "4", 2), (None, None, 8), (None, "x", 8), (None, "0", 8), (100, "4", 1),
])  # fmt: skip
def test_while_the_store_is_down_each_worker_counts_its_share(
    sender, monkeypatch, workers, told, admitted
):
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    if told is not None:
        monkeypatch.setenv("WEB_CONCURRENCY", told)
    store = Remote(Clock())
    store.down = "later"
    layer = RateLimit("8/minute", store=store, when_down="local", workers=workers, clock=Clock())
    assert statuses(sender(layer, App()), 10).count(200) == admitted


@pytest.mark.parametrize("workers", [0, -1, 10_001, 2.0, "4", True])
def test_workers_that_cannot_be_teach(workers):
    with pytest.raises(ConfigurationError, match="workers= takes how many"):
        RateLimit("1/minute", workers=workers)


def test_a_login_never_fails_open():
    with pytest.raises(ConfigurationError, match="login=True write when_down='deny'"):
        RateLimit("1/minute", when_down="allow", login=True)
    for when_down in ("deny", "local"):
        RateLimit("1/minute", when_down=when_down, login=True)


def test_a_store_that_cannot_count_so_teaches():
    store = Remote(Clock())
    store.algorithms = frozenset({"fixed-window"})
    RateLimit("1/minute", store=store, algorithm="fixed-window")
    with pytest.raises(ConfigurationError, match="cannot count by algorithm='gcra'; use one of"):
        RateLimit("1/minute", store=store)


def test_a_store_that_fails_otherwise_is_a_500(sender, caplog):
    class Broken(Remote):
        def acquire(self, checks):
            raise RuntimeError("-".join(["pass", "word"]))

    app = App()
    answer = sender(RateLimit("1/minute", store=Broken(Clock()), when_down="allow"), app)()
    assert answer.status == 500
    assert app.calls == 0
    assert "RuntimeError" in caplog.text
    assert "pass-word" not in caplog.text + answer.body.decode()


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("localhost:6379", "takes a URL such as"),
        ("rediss", "takes a URL such as"),
        ("redi://:hunter2@h", "unknown scheme; did you mean 'redis'"),
        ("https://hunter2", "unknown scheme; use one of"),
        (5, "a URL or a store object, not 'int'"),
        (MemoryStore, "a URL or a store object, not 'type'"),
        ({}, "a URL or a store object, not 'dict'"),
    ],
)
def test_what_is_no_store_teaches(store, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        RateLimit("1/minute", store=store)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("when_down", ["alow", None, True, []])
def test_an_unknown_outage_policy_teaches(when_down):
    with pytest.raises(ConfigurationError, match="unknown when_down"):
        RateLimit("1/minute", when_down=when_down)


def test_importing_the_package_loads_nothing_of_this():
    code = (
        "import sys, ringwall; ringwall.__version__;"
        "assert not {'limits', 'ringwall.ratelimit'} & set(sys.modules);"
        "from ringwall import RateLimit; assert 'limits' not in sys.modules;"
        "RateLimit('1/s'); assert 'limits' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_hook_of_the_class_is_that_of_the_instance():
    """A subclass that calls `super().on_request` counts, too."""

    class Mine(RateLimit):
        pass

    layer = Mine("1/minute", clock=Clock())
    from ratelimit_support import exchange

    assert RateLimit.on_request(layer, exchange()) is None
    assert RateLimit.on_request(layer, exchange()).status == 429
