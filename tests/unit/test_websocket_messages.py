"""Layers that judge the messages of a websocket."""

from __future__ import annotations

import asyncio

import pytest

from ringwall import Decision, Layer, Stack, perform
from ringwall._pending import Call
from ringwall.problem import problem

REFUSED = problem(429, "Too many.", code="many")


class Judges(Layer):
    name = "judges"

    def __init__(self, shape="now", bad="bad", name="judges"):
        self.shape, self.bad, self.name = shape, bad, name
        self.seen = []
        self.end = None

    def on_message(self, exchange, message):
        self.seen.append(message["text"])
        if message["text"] != self.bad:
            return self.later(None) if self.shape == "later" else None
        if self.shape == "raises":
            raise RuntimeError
        if self.shape == "truthy":
            return self.later("yes")
        exchange.decisions.append(Decision(self.name, "deny", "messages", "many"))
        return self.later(REFUSED) if self.shape == "later" else REFUSED

    def later(self, verdict):
        async def aio():
            await asyncio.sleep(0)
            return verdict

        return perform(Call(None, aio))


class Ends(Layer):
    name = "ends"

    def on_complete(self, exchange, outcome):
        self.code = outcome.close_code
        self.decisions = list(exchange.decisions)


class Echo:
    def __init__(self):
        self.got, self.code = [], None

    async def __call__(self, scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.code = message["code"]
                self.again = await receive()
                await send({"type": "websocket.send", "text": "too late"})
                return
            self.got.append(message["text"])
            await send({"type": "websocket.send", "text": message["text"]})


def connect(app, *texts):
    incoming = [{"type": "websocket.connect"}]
    incoming += [{"type": "websocket.receive", "text": text} for text in texts]
    incoming += [{"type": "websocket.disconnect", "code": 1001}] * 2
    sent = []

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [], "client": ("192.0.2.1", 1)}
    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize("shape", ["now", "later"])
def test_a_refused_message_closes_the_connection_and_the_app_does_not_see_it(shape):
    echo, judge, ends = Echo(), Judges(shape), Ends()
    sent = connect(Stack(ends, judge).asgi(echo), "a", "bad", "b")
    assert echo.got == ["a"]
    assert echo.code == 1008
    assert echo.again["type"] == "websocket.disconnect"
    assert judge.seen == ["a", "bad"]
    assert sent[-1] == {"type": "websocket.close", "code": 1008, "reason": ""}
    assert [message["type"] for message in sent].count("websocket.send") == 1
    assert ends.code == 1008
    assert ends.decisions == [Decision("judges", "deny", "messages", "many")]


@pytest.mark.parametrize("shape", ["raises", "truthy"])
def test_a_layer_that_fails_closes_the_connection(shape, caplog):
    echo = Echo()
    sent = connect(Judges(shape).asgi(echo), "a", "bad")
    assert echo.got == ["a"]
    assert sent[-1]["code"] == 1011
    assert "judges failed" in caplog.text


def test_what_is_not_refused_passes_untouched():
    echo, plain = Echo(), Echo()
    assert connect(Judges().asgi(echo), "a", "b") == connect(plain, "a", "b")
    assert echo.got == plain.got == ["a", "b"]
    assert echo.code == 1001


@pytest.mark.parametrize("fused", [True, False])
def test_the_outermost_judges_first_and_fused_is_as_nested(fused):
    outer, inner, echo = Judges(bad="x", name="outer"), Judges(bad="bad", name="inner"), Echo()
    app = Stack(outer, inner).asgi(echo) if fused else outer.asgi(inner.asgi(echo))
    sent = connect(app, "a", "bad", "x")
    assert (outer.seen, inner.seen) == (["a", "bad"], ["a", "bad"])
    assert sent[-1]["code"] == 1008
    outer, inner = Judges(bad="bad", name="outer"), Judges(bad="x", name="inner")
    app = Stack(outer, inner).asgi(Echo()) if fused else outer.asgi(inner.asgi(Echo()))
    connect(app, "a", "bad")
    assert (outer.seen, inner.seen) == (["a", "bad"], ["a"])


def test_http_requests_have_no_messages():
    judge, sent = Judges(), []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
    asyncio.run(judge.asgi(app)(scope, None, send))
    assert sent[0]["status"] == 200
    assert judge.seen == []
