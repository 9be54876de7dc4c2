"""Credentials that the app does not see, and websockets that show theirs late."""

from __future__ import annotations

import asyncio

import pytest

from ringwall import Layer, Principal, Stack
from ringwall._conceal import Concealment, cookie_pairs, without_cookies, without_query
from ringwall.problem import problem

EVERYTHING = Concealment(
    headers=frozenset([b"authorization", b"x-api-key"]),
    cookies=frozenset([b"key"]),
    query=frozenset([b"key"]),
    marker=b"bearer",
)
SECRET = "s3cret"
REFUSED = problem(401, "No.", code="no")


class Conceals(Layer):
    name = "conceals"
    wants = frozenset([b"authorization", b"cookie", b"sec-websocket-protocol"])

    def __init__(self, concealment=EVERYTHING, subprotocol=None):
        self.concealment = concealment
        self.subprotocol = subprotocol

    def on_request(self, exchange):
        exchange.authenticate(Principal("alice", scheme="x"))
        exchange.conceal(self.concealment)
        exchange.subprotocol = self.subprotocol


class Seen(Layer):
    name = "seen"
    observes = True
    wants = Conceals.wants

    def on_complete(self, exchange, outcome):
        self.exchange = exchange
        self.outcome = outcome


HEADERS = [
    (b"host", b"api.example.com"),
    (b"Authorization", b"Bearer s3cret"),
    (b"x-api-key", b"s3cret"),
    (b"cookie", b"a=1; key=s3cret; b=2"),
    (b"cookie", b"key=s3cret"),
    (b"x-other", b"stays"),
    (b"sec-websocket-protocol", b"bearer, s3cret, chat"),
]


def asgi_scope(kind="http", **others):
    scope = {"type": kind, "method": "GET", "path": "/", "query_string": b"a=1&k%65y=s3cret&b"}
    return scope | {"headers": HEADERS, "subprotocols": ["bearer", SECRET, "chat"]} | others


def ask_asgi(layer, scope):
    seen, sent = [], []

    async def app(scope, receive, send):
        seen.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        sent.append(message)

    asyncio.run(layer.asgi(app)(scope, receive, send))
    return seen[0], sent


def ask_wsgi(layer, environ):
    seen = []

    def app(environ, start_response):
        seen.append(dict(environ))
        start_response("204 No Content", [])
        return []

    list(layer.wsgi(app)(environ, lambda *args: None))
    return seen[0]


@pytest.mark.parametrize("nested", [False, True])
def test_an_asgi_app_sees_none_of_it(nested):
    outer, inner = Seen(), Conceals()
    stack = Stack(outer, inner) if not nested else None
    wrapped = asgi_scope()
    before = [*HEADERS]
    if nested:

        class Nested:
            def asgi(self, app):
                return outer.asgi(inner.asgi(app))

        stack = Nested()
    scope, _ = ask_asgi(stack, wrapped)
    shown = {key: value for key, value in scope.items() if key != "ringwall.exchange"}
    assert SECRET not in repr(shown)
    assert scope["query_string"] == b"a=1&b"
    assert scope["subprotocols"] == ["chat"]
    assert (b"cookie", b"a=1; b=2") in scope["headers"]
    assert (b"x-other", b"stays") in scope["headers"]
    assert (b"sec-websocket-protocol", b"chat") in scope["headers"]
    assert before == HEADERS, "the server's own list is left as it was"
    assert SECRET.encode() not in outer.exchange.query
    assert SECRET not in repr(outer.exchange.headers)


def environ(**others):
    found = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "https"}
    found |= {"HTTP_HOST": "api.example.com", "HTTP_AUTHORIZATION": "Bearer s3cret"}
    found |= {"HTTP_X_API_KEY": SECRET, "HTTP_COOKIE": "a=1; key=s3cret", "HTTP_X_OTHER": "stays"}
    found |= {"QUERY_STRING": "a=1&key=s3cret", "REQUEST_URI": "/?a=1&key=s3cret"}
    return found | {"RAW_URI": "/?key=s3cret"} | others


def test_a_wsgi_app_sees_none_of_it():
    outer = Seen()
    seen = ask_wsgi(Stack(outer, Conceals()), environ())
    exchange = seen.pop("ringwall.exchange")
    assert SECRET not in repr(seen)
    assert (seen["QUERY_STRING"], seen["REQUEST_URI"], seen["RAW_URI"]) == ("a=1", "/?a=1", "/")
    assert (seen["HTTP_COOKIE"], seen["HTTP_X_OTHER"]) == ("a=1", "stays")
    assert exchange.query == b"a=1"
    seen = ask_wsgi(Conceals(), environ(HTTP_COOKIE="key=s3cret", RAW_URI="/\u20ac?key=s3cret"))
    assert "HTTP_COOKIE" not in seen
    assert seen["RAW_URI"] == "/\u20ac"
    seen = ask_wsgi(Conceals(), environ(RAW_URI="/?key=s3cret\u20ac"))
    assert seen["RAW_URI"] == "/"
    bare = environ()
    del bare["HTTP_COOKIE"], bare["REQUEST_URI"], bare["QUERY_STRING"]
    assert SECRET not in repr(ask_wsgi(Conceals(), bare))


def test_what_is_not_concealed_stays():
    nothing = Conceals(Concealment())
    assert ask_wsgi(nothing, environ())["HTTP_AUTHORIZATION"] == "Bearer s3cret"
    scope, _ = ask_asgi(nothing, asgi_scope())
    assert scope["headers"] == HEADERS
    assert scope["query_string"] == b"a=1&k%65y=s3cret&b"


def test_two_layers_conceal_together():
    first = Conceals(Concealment(headers=frozenset([b"authorization"]), marker=b"bearer"))
    second = Conceals(Concealment(headers=frozenset([b"x-api-key"]), cookies=frozenset([b"key"])))
    scope, _ = ask_asgi(Stack(first, second), asgi_scope(query_string=b""))
    assert SECRET not in repr(scope["headers"]) + repr(scope["subprotocols"])
    empty = asgi_scope(headers=None, subprotocols=None, query_string=None)
    scope, _ = ask_asgi(Conceals(), empty)
    assert (scope["headers"], scope["subprotocols"], scope["query_string"]) == ([], [], b"")


def test_cookies_and_queries_are_left_as_they_were_where_nothing_goes():
    assert without_cookies(b"a=1;b=2", frozenset([b"c"])) == b"a=1;b=2"
    assert without_query(b"a=1&&b", frozenset([b"c"])) == b"a=1&&b"
    assert without_query(b"a+b=1&c", frozenset([b"a b"])) == b"c"
    assert cookie_pairs(b"a=1, b=2;;c") == [b"a=1", b"b=2", b"c"]


# Websockets


def talk(layer, incoming, app=None, timeout=5, **scope):
    """What the client gets, and what the app received."""
    sent, got = [], []
    messages = [{"type": "websocket.connect"}, *incoming]

    async def default(scope, receive, send):
        got.append((await receive())["type"])
        await send({"type": "websocket.accept"})
        got.append(await receive())

    async def receive():
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = asgi_scope("websocket", scheme="wss", **scope)
    asyncio.run(asyncio.wait_for(layer.asgi(app or default)(scope, receive, send), timeout))
    return sent, got


HELLO = {"type": "websocket.receive", "text": "hello"}
TICKET = {"type": "websocket.receive", "text": "t1cket"}


def test_the_marker_is_chosen_where_the_app_chooses_nothing():
    sent, _ = talk(Conceals(subprotocol="bearer"), [HELLO])
    assert sent == [{"type": "websocket.accept", "subprotocol": "bearer"}]

    async def app(scope, receive, send):
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
        await send({"type": "websocket.close"})

    sent, _ = talk(Conceals(subprotocol="bearer"), [HELLO], app)
    assert [message.get("subprotocol") for message in sent] == ["chat", None]


class AsksForAnything(Layer):
    name = "asks"

    def on_request(self, exchange):
        message = yield from exchange.read_first_message(5, 0.01)
        return REFUSED if message is None else None


@pytest.mark.parametrize(
    ("text", "passes"), [("12345", True), ("123456", False), ("1234\u00e9", False)]
)
def test_a_long_first_message_is_none(text, passes):
    _, got = talk(AsksForAnything(), [{"type": "websocket.receive", "text": text}, HELLO])
    assert bool(got) is passes


class Asks(Layer):
    """Lets those in whose first message is the ticket."""

    name = "asks"

    def __init__(self, fails=False):
        self.fails = fails

    def on_request(self, exchange):
        message = yield from exchange.read_first_message(10, 0.01)
        if self.fails:
            raise RuntimeError
        if message != b"t1cket":
            return REFUSED
        exchange.authenticate(Principal("alice", scheme="x"))
        return None


@pytest.mark.parametrize("ticket", [TICKET, {"type": "websocket.receive", "bytes": b"t1cket"}])
def test_the_first_message_is_read_before_the_app_runs(ticket):
    outer = Seen()
    sent, got = talk(Stack(outer, Asks()), [ticket, HELLO])
    assert got == ["websocket.connect", HELLO]
    assert [message["type"] for message in sent] == ["websocket.accept"], "accepted once"
    assert outer.outcome.status == 101


DENIAL = {"websocket.http.response": {}}


@pytest.mark.parametrize(
    "incoming",
    [
        [HELLO, TICKET],
        [{"type": "websocket.receive", "text": "t1cket" * 9}],
        [{"type": "websocket.receive", "text": None, "bytes": None}],
        [{"type": "websocket.receive", "text": "\ud800"}],
        [],
    ],
)
@pytest.mark.parametrize("extensions", [None, DENIAL])
def test_without_a_ticket_in_time_the_app_is_not_called(incoming, extensions):
    outer = Seen()
    sent, got = talk(Stack(outer, Asks()), incoming, extensions=extensions)
    assert got == []
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1008
    assert (outer.outcome.status, outer.outcome.close_code) == (101, 1008)


def test_a_failure_after_the_accept_closes():
    sent, got = talk(Asks(fails=True), [TICKET], extensions=DENIAL)
    assert got == []
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


def test_an_app_that_refuses_an_open_websocket_closes_it():
    async def app(scope, receive, send):
        assert "websocket.http.response" not in scope["extensions"]
        await send({"type": "websocket.close", "code": 4000})

    sent, _ = talk(Asks(), [TICKET], app, extensions=DENIAL)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize("before", [True, False])
def test_who_leaves_early_is_not_answered(before):
    gone = {"type": "websocket.disconnect", "code": 1001}
    outer = Seen()
    layer = Stack(outer, Asks())
    if before:

        class FirstGone:
            def asgi(self, app):
                wrapped = layer.asgi(app)

                async def go(scope, receive, send):
                    await receive()
                    await wrapped(scope, receive, send)

                return go

        sent, got = talk(FirstGone(), [gone])
        assert sent == []
    else:
        sent, got = talk(layer, [gone])
        assert [message["type"] for message in sent] == ["websocket.accept"]
    assert got == []


def test_stacks_around_each_other_share_the_opening():
    class Nested:
        def asgi(self, app):
            return Asks().asgi(Conceals(subprotocol="bearer").asgi(app))

    sent, got = talk(Nested(), [TICKET, HELLO])
    assert got == ["websocket.connect", HELLO]
    assert [message["type"] for message in sent] == ["websocket.accept"]


def test_over_http_there_is_no_first_message():
    async def app(scope, receive, send):
        raise AssertionError("the app was called")

    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Asks().asgi(app)(asgi_scope(), None, send))
    assert sent[0]["status"] == 401
