"""Requests in flight: never more than the limit, and each place is given back exactly once."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratelimit_support import SENDERS, App, Clock, Remote, exchange
from ringwall import ConcurrencyLimit, ConfigurationError, Decision, MessageLimit, RateLimit, Stack


@pytest.fixture(params=SENDERS)
def sender(request):
    return request.param


def in_flight(layer):
    assert sum(layer._held.values()) == layer._sum
    assert 0 not in layer._held.values()
    return layer._sum


SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("192.0.2.1", 1)}
ENVIRON = {
    "REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "REMOTE_ADDR": "192.0.2.1"
}  # fmt: skip


class Endings:
    """Every way in which an exchange of ASGI may end."""

    def __init__(self):
        self.statuses = []

    async def app(self, scope, receive, send):
        how = scope["how"]
        if how == "raise":
            raise RuntimeError
        if how == "cancel":
            await asyncio.sleep(3600)
        if how == "disconnect":
            await receive()
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if how == "raise late":
            raise RuntimeError
        for _ in range(3 if how == "stream" else 0):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    async def run(self, wrapped, how, port=1, client="192.0.2.1"):
        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            if "status" in message:
                self.statuses.append(message["status"])
            if how == "send fails":
                raise OSError

        task = asyncio.ensure_future(
            wrapped({**SCOPE, "client": (client, port), "how": how}, receive, send)
        )
        await asyncio.sleep(0)
        if how == "cancel":
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)


WAYS = ["plain", "stream", "raise", "raise late", "cancel", "disconnect", "send fails"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WAYS), st.integers(1, 3)), min_size=1, max_size=12))
def test_every_ending_under_asgi_gives_back_one_place(ways):
    layer, endings = ConcurrencyLimit(2, total=4), Endings()
    wrapped = Stack(layer, RateLimit("1000/second")).asgi(endings.app)

    async def all_of_them():
        await asyncio.gather(*(endings.run(wrapped, how, client=f"192.0.2.{n}") for how, n in ways))

    asyncio.run(all_of_them())
    assert in_flight(layer) == 0
    assert not layer._held
    assert set(endings.statuses) <= {200, 500, 503}


class Body:
    """A WSGI body with an end that may be told twice, or never."""

    def __init__(self, fails=False):
        self.left, self.fails = 2, fails

    def __iter__(self):
        return self

    def __next__(self):
        if self.fails:
            raise RuntimeError
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return b"x"

    def close(self):
        pass


def wsgi_ending(wrapped, how):
    started = []

    def app(environ, start_response):
        if how == "raise":
            raise RuntimeError
        start_response("200 OK", [])
        return [b"x"] if how == "list" else Body(how == "iteration fails")

    try:
        result = wrapped(app)(dict(ENVIRON), lambda status, *args: started.append(status))
        if how == "raise":  # in the call, or in the answer that stands for it
            try:
                list(result)
            finally:
                result.close()
    except RuntimeError:
        return
    if how == "never iterated, closed":
        result.close()
    elif how == "closed twice":
        list(result)
        result.close()
        result.close()
    elif how == "half":
        next(iter(result))
        result.close()
    elif how == "dropped":
        del result
        gc.collect()
    elif how == "iteration fails":
        with pytest.raises(RuntimeError):
            list(result)
        result.close()


WSGI_WAYS = [
    "list", "raise", "never iterated, closed", "closed twice", "half", "dropped", "iteration fails"
]  # fmt: skip


@pytest.mark.parametrize("how", WSGI_WAYS)
def test_every_ending_under_wsgi_gives_back_one_place(how):
    layer = ConcurrencyLimit(1, total=1)
    for _ in range(3):
        wsgi_ending(layer.wsgi, how)
        assert in_flight(layer) == 0


def test_an_end_that_is_told_twice_gives_back_one_place():
    layer = ConcurrencyLimit(2)
    one, two = exchange(), exchange()
    assert layer.on_request(one) is layer.on_request(two) is None
    for _ in range(2):
        layer.on_complete(one, one.outcome)
    assert in_flight(layer) == 1


def test_a_stream_holds_its_place_until_its_end():
    layer, app = ConcurrencyLimit(1), App()
    wrapped = layer.wsgi(lambda environ, start: (start("200 OK", []) and None) or Body())

    def ask(client="192.0.2.1"):
        started = []
        body = wrapped(ENVIRON | {"REMOTE_ADDR": client}, lambda s, *args: started.append(s))
        return started[0], body

    status, body = ask()
    assert status == "200 OK"
    assert ask()[0] == "503 Service Unavailable"
    other, another_body = ask("192.0.2.2")
    assert other == "200 OK"
    body.close()
    again, body = ask()
    assert again == "200 OK"
    body.close()
    another_body.close()
    assert in_flight(layer) == 0
    assert app.calls == 0


def test_a_refusal_says_when_to_come_back_and_takes_no_place(sender):
    clients = iter(["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"])

    class Calls(App):
        """Asks again while it answers."""

        async def asgi(self, scope, receive, send):
            self.calls += 1
            self.ask()
            await super().asgi(scope, receive, send)

        def wsgi(self, environ, start_response):
            self.calls += 1
            self.ask()
            return super().wsgi(environ, start_response)

        def ask(self):
            client = next(clients, None)
            if client is not None:
                thread = threading.Thread(target=lambda: answers.append(send(client=client)))
                thread.start()
                thread.join()

    answers = []
    layer, app = ConcurrencyLimit(1, total=2, retry_after=7), Calls()
    send = sender(layer, app)
    send(client="192.0.2.1")
    assert [answer.status for answer in answers] == [503]
    send(client="192.0.2.9")
    send(client="192.0.2.8")
    assert [answer.status for answer in answers] == [503, 503, 200, 200]
    refused = answers[0]
    assert refused["retry-after"] == "7"
    assert refused.json["code"] == "too-many-in-flight"
    assert refused.json["type"].endswith("#temporary-reduced-capacity")
    assert refused.decisions == [Decision("concurrency", "deny", "client", "too-many-in-flight")]
    assert answers[1].decisions == [Decision("concurrency", "deny", "total", "too-many-in-flight")]
    assert answers[2].decisions == [Decision("concurrency", "allow", "client", "within-capacity")]
    assert in_flight(layer) == 0


def test_parallel_requests_are_never_more_than_the_limit():
    layer = ConcurrencyLimit(3, total=5)
    now, most, served = [0], [0], [0]

    async def app(scope, receive, send):
        now[0] += 1
        served[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0)
        now[0] -= 1

    wrapped = layer.asgi(app)

    async def send(message):
        pass

    async def flood():
        await asyncio.gather(
            *(wrapped({**SCOPE, "client": (f"192.0.2.{i % 9}", 1)}, None, send) for i in range(99))
        )

    asyncio.run(flood())
    assert most[0] == served[0] == 5
    assert in_flight(layer) == 0


def test_exempt_ones_are_not_counted(sender):
    layer, app = ConcurrencyLimit(1, exempt=["/healthz", "10.0.0.0/8"]), App()
    assert layer.by_path
    assert not ConcurrencyLimit(1, exempt="10.0.0.0/8").by_path
    layer._held["192.0.2.1"] = layer._held["10.0.0.1"] = 1
    send = sender(layer, app)
    assert [send().status, send(path="/healthz").status] == [503, 200]
    assert send(client="10.0.0.1").status == 200


# Websockets

WEBSOCKET = {"type": "websocket", "path": "/", "headers": [], "client": ("192.0.2.1", 1)}


class Socket:
    """A websocket that is open until told otherwise."""

    def __init__(self, wrapped):
        self.incoming, self.sent = asyncio.Queue(), []
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(wrapped(dict(WEBSOCKET), self.incoming.get, self.send))

    async def send(self, message):
        self.sent.append(message)

    async def say(self, text):
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})
        for _ in range(5):
            await asyncio.sleep(0)

    async def close(self):
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.gather(self.task, return_exceptions=True)


class Listener:
    def __init__(self):
        self.got = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return await send({"type": "http.response.body", "body": b""})
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.got.append(message["text"])
        return None


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("ending", ["close", "cancel"])
def test_a_websocket_holds_its_place_until_it_is_closed(ending):
    layer = ConcurrencyLimit(1, kind="websocket")
    wrapped = layer.asgi(Listener())

    async def scenario():
        one = Socket(wrapped)
        await settled()
        assert one.sent == [{"type": "websocket.accept"}]
        two = Socket(wrapped)
        await settled()
        assert two.sent[0]["type"] == "websocket.close"  # before it was accepted
        http = []

        async def send(message):
            http.append(message)

        for _ in range(2):
            await wrapped(dict(SCOPE), None, send)
        assert http[0]["status"] == 200
        if ending == "cancel":
            one.task.cancel()
            await asyncio.gather(one.task, return_exceptions=True)
        else:
            await one.close()
        assert in_flight(layer) == 0
        three = Socket(wrapped)
        await settled()
        assert three.sent == [{"type": "websocket.accept"}]
        await three.close()

    asyncio.run(scenario())
    assert in_flight(layer) == 0


@pytest.mark.parametrize("remote", [True, False])
def test_a_message_too_many_closes_the_connection_and_the_app_does_not_see_it(remote):
    clock, app = Clock(), Listener()
    layer = MessageLimit("3/minute", store=Remote(clock) if remote else None, clock=clock)
    connections = ConcurrencyLimit(5)
    wrapped = Stack(connections, layer).asgi(app)

    async def scenario():
        one, two = Socket(wrapped), Socket(wrapped)
        await one.say("a")
        await two.say("b")
        await one.say("c")
        await two.say("d")  # one client, whatever the connection
        assert two.sent[-1] == {"type": "websocket.close", "code": 1008, "reason": ""}
        await asyncio.gather(two.task)
        assert one.sent == [{"type": "websocket.accept"}]
        clock.forward(20)
        await one.say("e")
        await one.close()

    asyncio.run(scenario())
    assert app.got == ["a", "b", "c", "e"]
    assert in_flight(connections) == 0


def test_messages_without_end_fill_no_list_of_decisions():
    """Nor do they where the store is down, and the rule is to let pass."""
    for down in (None, "later"):
        store = Remote(Clock())
        store.down = down
        layer = MessageLimit("1000/minute", store=store, when_down="allow")
        spy = Stack(layer)
        seen = []

        async def app(scope, receive, send, seen=seen):
            await Listener()(scope, receive, send)
            seen.extend(scope["ringwall.exchange"].decisions)

        wrapped = spy.asgi(app)

        async def scenario(wrapped=wrapped):
            one = Socket(wrapped)
            for i in range(50):
                await one.say(str(i))
            await one.close()

        asyncio.run(scenario())
        assert len(seen) == 1


# Configuration


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs a number"),
        ({"per_key": 0}, "per_key="),
        ({"per_key": True}, "per_key="),
        ({"total": "9"}, "total="),
        ({"total": 5, "retry_after": 0}, "retry_after="),
        ({"total": 5, "kind": "ws"}, "unknown kind"),
        ({"total": 5, "key": "header:x-device"}, "chooses the place"),
        ({"total": 5, "key": "clint"}, "did you mean"),
    ],
)
def test_arguments_that_cannot_work_teach(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        ConcurrencyLimit(**arguments)


def test_who_asks_for_the_principal_stands_inside_authentication():
    assert ConcurrencyLimit(1, key="principal").inside == {"authentication"}
    assert MessageLimit("1/s", key="principal").inside == {"authentication"}
    assert repr(ConcurrencyLimit(1)) == "<ConcurrencyLimit 0 in flight>"
    with pytest.raises(ConfigurationError, match="an event loop can ask"):
        MessageLimit("1/s", store=Remote(Clock(), ("wsgi",)))
