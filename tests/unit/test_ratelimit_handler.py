"""`limit`: asked for inside a handler, on both interfaces."""

from __future__ import annotations

import asyncio

import pytest

from ratelimit_support import SENDERS, App, Clock, Remote
from ringwall import Call, ConfigurationError, Decision, Stack
from ringwall.ratelimit import MemoryStore, limit


class Handler(App):
    """An app whose handler asks for a limit, as an integration does it."""

    def __init__(self, one: limit) -> None:
        super().__init__()
        self.limit = one

    async def asgi(self, scope, receive, send):
        refused = await self.limit.acheck(scope)
        if refused is None:
            self.calls += 1
        lines = self.limit.headers(scope) if refused is None else refused.headers
        status = 200 if refused is None else refused.status
        await send({"type": "http.response.start", "status": status, "headers": list(lines)})
        await send({"type": "http.response.body", "body": refused.body if refused else b"app"})

    def wsgi(self, environ, start_response):
        refused = self.limit.check(environ)
        if refused is None:
            self.calls += 1
        lines = self.limit.headers(environ) if refused is None else refused.headers
        native = [(name.decode(), value.decode()) for name, value in lines]
        start_response(f"{200 if refused is None else refused.status} x", native)
        return [refused.body if refused else b"app"]


@pytest.fixture(params=SENDERS)
def sender(request):
    return request.param


@pytest.mark.parametrize("remote", [False, True])
def test_a_handler_is_called_as_often_as_its_limit_says(sender, remote):
    clock = Clock()
    store = Remote(clock) if remote else None
    app = Handler(limit("2/minute", policy="search", store=store, clock=clock))
    send = sender(Stack(), app)
    first = send()
    assert first["ratelimit-policy"] == '"search";q=2;w=60'
    assert first["ratelimit"] == '"search";r=1;t=30'
    assert first.decisions == [Decision("ratelimit", "allow", "search", "within-quota")]
    assert [send().status, send().status] == [200, 429]
    refused = send()
    assert refused["retry-after"] == "30"
    assert refused.json["violated-policies"] == ["search"]
    assert refused.decisions == [Decision("ratelimit", "deny", "search", "quota-exceeded")]
    assert send(client="192.0.2.2").status == 200
    assert app.calls == 3


def test_a_store_that_is_down_is_the_rule_s_matter(sender):
    store = Remote(Clock())
    store.down = "later"
    app = Handler(limit("2/minute", store=store))
    assert sender(Stack(), app)().status == 503
    assert app.calls == 0
    app = Handler(limit("2/minute", store=store, when_down="allow"))
    answer = sender(Stack(), app)()
    assert answer.status == 200
    assert not answer.all("ratelimit")
    with pytest.raises(ConfigurationError, match="login=True"):
        limit("2/minute", when_down="allow", login=True)


def test_a_dynamic_rate_with_io_is_asked_in_either_colour(sender):
    async def later():
        await asyncio.sleep(0)
        return "1/minute"

    one = limit(lambda exchange: Call(lambda: "1/minute", later), clock=Clock())
    app = Handler(one)
    send = sender(Stack(), app)
    assert [send().status, send().status] == [200, 429]


def test_limits_of_one_store_are_told_apart_by_name(sender):
    shared = MemoryStore(clock=Clock())
    template = limit("1/minute", store=shared)
    assert template.policy == "client"
    one, two = template.named("app.one"), template.named("app.two")
    for each in (one, two):
        send = sender(Stack(), Handler(each))
        assert [send().status, send().status] == [200, 429]
    again = sender(Stack(), Handler(template.named("app.one")))
    assert again().status == 429
    assert one.policy == "client app.one"
    assert repr(one) == "<limit client app.one>"


@pytest.mark.parametrize("name", ["x" * 100, "zurück", 'a"b', "a\r\nb", "\ud800"])
def test_a_name_that_no_header_can_hold_is_hashed(name):
    named = limit("1/minute").named(name)
    assert named.policy.isascii()
    assert len(named.policy) == len("client ") + 16
    assert limit("1/minute").named("other" + name).policy != named.policy


def test_a_limit_that_was_given_a_name_keeps_it():
    one = limit("1/minute", policy="shared")
    assert one.named("app.one") is one


def test_without_a_stack_it_says_so():
    with pytest.raises(RuntimeError, match="needs a Ringwall stack"):
        limit("1/minute").check({"REQUEST_METHOD": "GET"})


def test_before_a_check_there_are_no_headers(sender):
    from ratelimit_support import exchange

    assert limit("1/minute").headers(exchange()) == ()


@pytest.mark.parametrize("arguments", [{"cost": "header:x-cost"}, {"key": ("client", "header:x")}])
def test_a_handler_cannot_read_headers_that_no_layer_wants(arguments):
    with pytest.raises(ConfigurationError, match="header"):
        limit("1/minute", **arguments)
