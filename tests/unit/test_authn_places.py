"""Credentials in other places than headers, and what the app sees of them."""

from __future__ import annotations

import asyncio
import random
import sys
from unittest import mock

import pytest
import trio
import trio.testing

from authn_support import AUDIENCE, ISSUER, Clock, bearer, jwks, send, sign
from ringwall import (
    JWT,
    APIKey,
    Authentication,
    ConfigurationError,
    Layer,
    Stack,
    generate_api_key,
)
from ringwall.authn import Scheme

# The same key in every process: it stands in the names of tests.
with mock.patch("secrets.choice", random.Random(7519).choice):
    KEY, RECORD = generate_api_key("alice", expires_in=None)
TOKEN = sign()
JWT_SCHEME = JWT(ISSUER, AUDIENCE, keys=jwks("rsa"), clock=Clock())


def keys(**place):
    with pytest.warns(UserWarning, match="weak spot"):
        return APIKey([RECORD], **place)


QUERY = keys(query="api_key")
COOKIE = keys(cookie="api_key")
IN_QUERY = Authentication(JWT_SCHEME, QUERY)
IN_COOKIE = Authentication(JWT_SCHEME, COOKIE)


def refused(answer, status, code):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    return answer


def cookie(value):
    return b"cookie", value.encode()


# Query and cookie


def test_a_key_in_the_query_is_read_where_that_is_configured():
    assert send(IN_QUERY, query=f"a=1&api_key={KEY}".encode()).principal.subject == "alice"
    encoded = f"api%5Fkey={KEY.replace('_', '%5f')}".encode()
    assert send(IN_QUERY, query=encoded).principal.subject == "alice"
    assert send(IN_QUERY, bearer(TOKEN)).principal.scheme == "bearer"
    assert send(IN_QUERY, bearer(TOKEN), query=b"a=api_key").principal.scheme == "bearer"
    answer = refused(send(IN_QUERY), 401, "missing-credentials")
    assert answer.headers["www-authenticate"].endswith('ApiKey realm="api", query="api_key"')


def test_a_key_in_a_cookie_is_read_where_that_is_configured():
    assert send(IN_COOKIE, cookie(f"a=1; api_key={KEY}")).principal.subject == "alice"
    assert send(IN_COOKIE, cookie("a=1"), cookie(f"api_key={KEY}")).principal.subject == "alice"
    assert send(IN_COOKIE, cookie("a=1"), bearer(TOKEN)).principal.scheme == "bearer"
    answer = refused(send(IN_COOKIE, cookie("a=1")), 401, "missing-credentials")
    assert answer.headers["www-authenticate"].endswith('ApiKey realm="api", cookie="api_key"')


@pytest.mark.parametrize("layer", [Authentication(APIKey([RECORD])), IN_COOKIE])
def test_elsewhere_a_key_in_the_query_is_none(layer):
    refused(send(layer, query=f"api_key={KEY}".encode()), 401, "missing-credentials")


@pytest.mark.parametrize("layer", [Authentication(APIKey([RECORD])), IN_QUERY])
def test_elsewhere_a_key_in_a_cookie_is_none(layer):
    refused(send(layer, cookie(f"api_key={KEY}")), 401, "missing-credentials")


@pytest.mark.parametrize(
    ("layer", "headers", "query"),
    [
        (IN_QUERY, (), f"api_key={KEY}&api_key={KEY}"),
        (IN_QUERY, (), f"api_key={KEY}&api_key="),
        (IN_QUERY, (), f"api_key={KEY}&api%5fkey=x"),
        (IN_QUERY, (bearer(TOKEN),), f"api_key={KEY}"),
        (IN_QUERY, ((b"authorization", b""),), f"api_key={KEY}"),
        (IN_COOKIE, (cookie(f"api_key={KEY}; api_key={KEY}"),), ""),
        (IN_COOKIE, (cookie(f"api_key={KEY}"), cookie("api_key=x")), ""),
        (IN_COOKIE, (bearer(TOKEN), cookie(f"api_key={KEY}")), ""),
    ],
)
def test_more_than_one_credential_is_400(layer, headers, query):
    refused(send(layer, *headers, query=query.encode()), 400, "multiple-credentials")


def test_all_places_count_together():
    layer = Authentication(keys(query="k"), keys(cookie="c"), APIKey([RECORD], header="x-k"))
    for headers, query in (
        ([cookie(f"c={KEY}")], f"k={KEY}"),
        ([(b"x-k", KEY.encode())], f"k={KEY}"),
        ([(b"x-k", KEY.encode()), cookie(f"c={KEY}")], ""),
    ):
        refused(send(layer, *headers, query=query.encode()), 400, "multiple-credentials")
    assert send(layer, (b"x-k", KEY.encode())).principal.subject == "alice"


@pytest.mark.parametrize(
    "query",
    [
        *("api_key=", "api_key", "api_key=a+b", "api_key=a%20b"),
        *("api_key=wrong", "api_key=%00", "api_key=%ff%fe", "api_key=a%0d%0ab", "api_key=%"),
        *("api_key=" + "x" * 5000, f"api_key=ApiKey+{KEY}", f"api_key={KEY}%00", "api_key=a,b"),
    ],
)
def test_bad_values_are_refused(query):
    answer = send(IN_QUERY, query=query.encode())
    assert answer.principal is False
    assert answer.status in (400, 401)
    assert "x-a" not in answer.headers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": "k", "header": "x-k"}, "one place"),
        ({"query": "k", "cookie": "k"}, "one place"),
        ({"query": ""}, "query= is one name"),
        ({"query": "a b"}, "query= is one name"),
        ({"cookie": "a=b"}, "cookie= is one name"),
    ],
)
def test_bad_places_say_what_to_write(options, message):
    with pytest.raises(ConfigurationError, match=message):
        APIKey([RECORD], **options)


# What the app sees


def seen_by_asgi(layer, *headers, query=b"", kind="http", **others):
    seen, sent = [], []

    async def app(scope, receive, send):
        seen.append(scope)
        if kind == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    incoming = [{"type": "websocket.connect"}, *others.pop("incoming", [])]

    async def receive():
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop(0)

    async def collect(message):
        sent.append(message)

    scope = {"type": kind, "method": "GET", "path": "/", "raw_path": b"/", "scheme": "https"}
    scope |= {"headers": [(b"host", b"api.example.com"), *headers], "query_string": query}
    asyncio.run(layer.asgi(app)(scope | others, receive, collect))
    return (seen[0] if seen else None), sent


def seen_by_wsgi(layer, *headers, query=""):
    seen = []

    def app(environ, start_response):
        seen.append(dict(environ))
        start_response("200 OK", [])
        return []

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "https"}
    environ |= {"HTTP_HOST": "api.example.com", "QUERY_STRING": query}
    environ |= {"REQUEST_URI": "/?" + query, "RAW_URI": "/?" + query}
    for name, value in headers:
        environ["HTTP_" + name.decode().upper().replace("-", "_")] = value.decode()
    list(layer.wsgi(app)(environ, lambda *args: None))
    return seen[0]


HEADER = APIKey([RECORD], header="x-api-key")


@pytest.mark.parametrize(
    ("scheme", "headers", "query"),
    [
        (APIKey([RECORD]), [(b"authorization", f"ApiKey {KEY}".encode())], ""),
        (HEADER, [(b"x-api-key", KEY.encode())], ""),
        (QUERY, [], f"a=1&api_key={KEY}"),
        (COOKIE, [cookie(f"a=1; api_key={KEY}")], ""),
    ],
)
@pytest.mark.parametrize("exempt", [[], ["/"]])
def test_stripped_credentials_do_not_reach_the_app(scheme, headers, query, exempt):
    layer = Authentication(scheme, strip=True, exempt=exempt)
    scope, _ = seen_by_asgi(layer, *headers, query=query.encode())
    environ = seen_by_wsgi(layer, *headers, query=query)
    for seen in (scope, environ):
        exchange = seen.pop("ringwall.exchange")
        assert (exchange.principal is None) == bool(exempt)
        assert KEY[20:40] not in repr(seen)
        assert KEY[20:40] not in repr((exchange.headers, exchange.query))
    plain = Authentication(scheme, exempt=exempt)
    assert KEY in repr(seen_by_asgi(plain, *headers, query=query.encode())[0])
    assert KEY in repr(seen_by_wsgi(plain, *headers, query=query))


@pytest.mark.parametrize("strip", [False, True])
def test_a_stripped_header_is_gone_for_layers_within_by_its_own_name_too(strip):
    class Looks(Layer):
        name = "looks"
        wants = frozenset({b"authorization"})

        def on_request(self, exchange):
            seen.append((exchange.authorization, exchange.headers.get(b"authorization")))

    value = f"ApiKey {KEY}".encode()
    for interface in (seen_by_asgi, seen_by_wsgi):
        seen = []
        interface(
            Stack(Authentication(APIKey([RECORD]), strip=strip), Looks()), (b"authorization", value)
        )
        assert seen == [(None, None) if strip else (value, value)]
    seen = []
    seen_by_wsgi(Looks())
    assert seen == [(None, None)]


class Ends(Layer):
    name = "ends"
    observes = True

    def on_complete(self, exchange, outcome):
        self.query = exchange.query


def test_the_audit_does_not_see_a_stripped_query_of_a_refused_request_either():
    ends = Ends()
    stack = Stack(ends, Authentication(QUERY, strip=True))
    refused(send(stack, query=b"api_key=wr0ng&a=1", sides="a"), 401, "invalid-api-key")
    assert ends.query == b"a=1"


# Websockets: subprotocols

OFFERING = Authentication(JWT_SCHEME, APIKey([RECORD]), subprotocol="bearer")


def offer(*protocols):
    return {
        "kind": "websocket",
        "scheme": "wss",
        "subprotocols": list(protocols),
    }, (b"sec-websocket-protocol", ", ".join(protocols).encode())


def closed(sent):
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_a_token_among_the_subprotocols():
    others, header = offer("v2.chat", "bearer", TOKEN.decode(), "v1.chat")
    scope, sent = seen_by_asgi(OFFERING, header, **others)
    exchange = scope.pop("ringwall.exchange")
    assert exchange.principal.subject == "alice"
    assert scope["subprotocols"] == ["v2.chat", "v1.chat"]
    assert (b"sec-websocket-protocol", b"v2.chat, v1.chat") in scope["headers"]
    assert TOKEN.decode() not in repr(scope)
    assert sent == [{"type": "websocket.accept", "subprotocol": "bearer"}]
    others, header = offer("bearer", TOKEN.decode())
    scope, _ = seen_by_asgi(OFFERING, header, **others)
    assert scope["subprotocols"] == []
    assert all(name != b"sec-websocket-protocol" for name, _ in scope["headers"])


def test_servers_that_keep_the_header_to_themselves():
    """uvicorn with wsproto tells the subprotocols in the scope alone."""
    others, _ = offer("bearer", TOKEN.decode(), "v1.chat")
    scope, _ = seen_by_asgi(OFFERING, **others)
    assert scope["ringwall.exchange"].principal.subject == "alice"
    assert scope["subprotocols"] == ["v1.chat"]
    assert TOKEN.decode() not in repr(scope["ringwall.exchange"].subprotocols)
    scope, sent = seen_by_asgi(OFFERING, bearer(TOKEN), **others)
    assert scope is None, "a second credential was overlooked"
    closed(sent)


def test_without_the_marker_nothing_is_chosen_for_the_app():
    others, header = offer("v2.chat")
    scope, sent = seen_by_asgi(OFFERING, header, bearer(TOKEN), **others)
    assert scope["subprotocols"] == ["v2.chat"]
    assert sent == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    "protocols",
    [
        ["bearer"],
        ["v1", "bearer"],
        ["bearer", ""],
        ["bearer", "x.y.z"],
        ["bearer", TOKEN.decode(), "bearer", TOKEN.decode()],
        ["bearer", "bearer"],
        ["Bearer", TOKEN.decode()],
        [TOKEN.decode()],
        [TOKEN.decode(), "bearer"],
        ["bearer" + TOKEN.decode()],
        ["apikey", KEY],
        ["bearer", KEY],
        [],
    ],
)
def test_bad_offers_do_not_reach_the_app(protocols):
    others, header = offer(*protocols)
    scope, sent = seen_by_asgi(OFFERING, header, **others)
    assert scope is None, "the app was called"
    closed(sent)


def test_a_token_in_both_is_refused():
    others, header = offer("bearer", TOKEN.decode())
    scope, sent = seen_by_asgi(OFFERING, header, bearer(TOKEN), **others)
    assert scope is None
    closed(sent)


def test_over_http_the_header_holds_no_credential():
    header = (b"sec-websocket-protocol", b"bearer, " + TOKEN)
    refused(send(OFFERING, header), 401, "missing-credentials")


# Websockets: the first message

FIRST = Authentication(JWT_SCHEME, first_message=0.05)
SOCKET = {"kind": "websocket", "scheme": "wss"}


def says(text):
    return [{"type": "websocket.receive", "text": text}]


def test_a_token_in_the_first_message():
    good = says("Bearer " + TOKEN.decode())
    scope, sent = seen_by_asgi(FIRST, **SOCKET, incoming=good)
    exchange = scope["ringwall.exchange"]
    assert exchange.principal.subject == "alice"
    assert [(d.outcome, d.reason) for d in exchange.decisions] == [("allow", "authenticated")]
    assert sent == [{"type": "websocket.accept", "subprotocol": None, "headers": []}]
    assert b"authorization" not in exchange.headers
    scope, sent = seen_by_asgi(FIRST, bearer(TOKEN), **SOCKET)
    assert sent == [{"type": "websocket.accept"}], "who shows it at once need not say it"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "hello",
            "Bearer",
            "TOKEN",
            "Bearer x.y.z",
            "Basic eDp5",
            "Bearer a, Bearer b",
        ),
        *("Bearer " + "x" * 20_000, "ApiKey " + KEY, "\ud800", "\x00" * 99, "Bearer \r\nx"),
        "Bearer TOKEN TOKEN",
    ],
)
def test_a_bad_first_message_closes(text):
    text = text.replace("TOKEN", TOKEN.decode())
    scope, sent = seen_by_asgi(FIRST, **SOCKET, incoming=says(text))
    assert scope is None, "the app was called"
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1008


def test_silence_closes():
    scope, sent = seen_by_asgi(FIRST, **SOCKET)
    assert scope is None
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


def test_a_bad_credential_in_the_handshake_gets_no_second_chance():
    scope, sent = seen_by_asgi(
        FIRST, bearer(b"x.y.z"), **SOCKET, incoming=says("Bearer " + TOKEN.decode())
    )
    assert scope is None
    closed(sent)


def test_http_requests_do_not_wait():
    refused(send(FIRST), 401, "missing-credentials")
    assert send(FIRST, bearer(TOKEN)).status == 200


def test_a_scheme_that_needs_io_can_judge_a_first_message():
    class Store:
        async def afind(self, key_id):
            await asyncio.sleep(0)
            return RECORD if key_id == RECORD.id else None

    layer = Authentication(APIKey(Store()), first_message=1)
    scope, _ = seen_by_asgi(layer, **SOCKET, incoming=says(f"ApiKey {KEY}"))
    assert scope["ringwall.exchange"].principal.subject == "alice"
    scope, sent = seen_by_asgi(layer, **SOCKET, incoming=says(f"ApiKey {KEY[:-1]}"))
    assert scope is None
    assert sent[-1]["type"] == "websocket.close"


def test_an_exempt_websocket_waits_for_nothing():
    layer = Authentication(JWT_SCHEME, first_message=1, exempt=["/"], subprotocol="bearer")
    scope, _ = seen_by_asgi(layer, **SOCKET)
    assert scope["ringwall.exchange"].principal is None
    others, header = offer("bearer", TOKEN.decode())
    scope, sent = seen_by_asgi(layer, header, **others)
    assert scope["ringwall.exchange"].principal is None
    assert TOKEN.decode() not in repr((scope["headers"], scope["subprotocols"]))
    assert sent == [{"type": "websocket.accept", "subprotocol": "bearer"}]


def test_few_may_wait_at_the_same_time():
    """Each waiting connection is one that nobody has vouched for."""
    layer = Authentication(JWT_SCHEME, first_message=30, waiting=2)
    called = []

    async def app(scope, receive, send):
        called.append(scope["user"].subject)

    guarded = layer.asgi(app)

    class Socket:
        def __init__(self):
            self.sent = []
            self.incoming = asyncio.Queue()
            self.incoming.put_nowait({"type": "websocket.connect"})
            scope = {"type": "websocket", "path": "/", "scheme": "wss", "headers": []}
            scope["extensions"] = {"websocket.http.response": {}}
            self.task = asyncio.ensure_future(guarded(scope, self.incoming.get, self.send))

        async def send(self, message):
            self.sent.append((message["type"], message.get("status")))

    refusal = ("websocket.http.response.start", 503)

    async def run():
        async def turn():
            for _ in range(10):
                await asyncio.sleep(0)

        first, second = Socket(), Socket()
        await turn()
        third = Socket()
        await turn()
        assert third.sent[0] == refusal, "refused before it is accepted"
        first.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await turn()
        fourth = Socket()
        await turn()
        assert fourth.sent == [("websocket.accept", None)], "who goes leaves a place"
        second.task.cancel()
        await turn()
        fifth = Socket()
        await turn()
        assert fifth.sent == [("websocket.accept", None)], "who is cut off, too"
        assert Socket().task is not None
        fourth.incoming.put_nowait(*says("Bearer " + TOKEN.decode()))
        await turn()
        sixth = Socket()
        await turn()
        assert sixth.sent == [("websocket.accept", None)], "and who got in"
        for socket in (fifth, sixth):
            socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await turn()

    asyncio.run(run())
    assert called == ["alice"]


def in_trio(*messages):
    """Whom the app is called for by a websocket under trio that says this, and then nothing more;
    what is sent; and the seconds that it takes. Its clock jumps to whatever is waited for."""
    called, sent = [], []
    waiting = [{"type": "websocket.connect"}, *messages]

    async def app(scope, receive, send):
        called.append(scope["user"].subject)

    async def receive():
        if not waiting:
            await trio.sleep_forever()
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "scheme": "wss", "headers": []}
    guarded = Authentication(JWT_SCHEME, first_message=30).asgi(app)

    async def run():
        begin = trio.current_time()
        await guarded(scope, receive, send)
        return trio.current_time() - begin

    seconds = trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    return called, [(message["type"], message.get("code")) for message in sent], round(seconds)


ACCEPTED, CLOSED = ("websocket.accept", None), ("websocket.close", 1008)


def test_the_first_message_is_waited_for_under_trio():
    assert in_trio(*says("Bearer " + TOKEN.decode())) == (["alice"], [ACCEPTED], 0)
    assert in_trio() == ([], [ACCEPTED, CLOSED], 30)


@pytest.mark.parametrize("text", ["", "hello", "Bearer x.y.z", "x" * 20_000])
def test_a_bad_first_message_closes_under_trio(text):
    assert in_trio(*says(text)) == ([], [ACCEPTED, CLOSED], 0)


def test_what_cannot_wait_for_a_first_message_accepts_nothing(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "anyio", None)
    called, sent, _ = in_trio(*says("Bearer " + TOKEN.decode()))
    assert called == []
    assert [kind for kind, _ in sent] == ["websocket.close"]
    assert "failed with MissingDependency" in caplog.text


# Configuration


class Odd(Scheme):
    name = "Odd"
    query = "k"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Authentication(Odd(), Odd()), "two schemes read 'k'"),
        (lambda: Authentication(JWT_SCHEME, subprotocol="apikey"), "none of the schemes"),
        (lambda: Authentication(JWT_SCHEME, subprotocol="Bearer"), "in lower case"),
        (lambda: Authentication(JWT_SCHEME, subprotocol="a b"), "in lower case"),
        (lambda: Authentication(HEADER, subprotocol="apikey"), "none of the schemes"),
        (lambda: Authentication(JWT_SCHEME, first_message=0), "first_message is at least"),
        (lambda: Authentication(JWT_SCHEME, first_message=1, optional=True), "contradicts"),
        (lambda: Authentication(JWT_SCHEME, first_message=1, waiting=0), "waiting is at least"),
        (lambda: Authentication(JWT_SCHEME, first_message=1, waiting=2.5), "a whole number"),
        (lambda: Authentication(HEADER, first_message=1), "needs a scheme"),
    ],
)
def test_bad_configuration_says_what_to_write(build, message):
    with pytest.raises(ConfigurationError, match=message):
        build()
