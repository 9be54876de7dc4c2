"""The laws can fail: each check finds a layer that breaks its law, and says where."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest

from core_support import Script, Scripted
from ringwall import Layer, Principal, Response
from ringwall.testing import (
    ASGIViolation,
    LawBroken,
    Request,
    SampleApp,
    check_closed,
    check_fusion,
    check_interface,
    check_order,
    check_silence,
    check_transparency,
    drive,
    run,
    validate_asgi,
)

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


class Peeks(Layer):
    """Asks for a header that another layer sets, without declaring it."""

    def on_response(self, exchange, head):
        head.add(b"x-peek", b"yes" if head.get(b"x-a") else b"no")


class Sets(Layer):
    constant_headers = ((b"x-a", b"1"),)


class Tells(Layer):
    """Knows on which interface it is."""

    def on_request(self, exchange):
        return Response(403, [(b"x-interface", exchange.interface.encode())])


class Undeclared(Layer):
    def on_response(self, exchange, head):
        head.add(b"x-undeclared", b"1")


@INTERFACES
def test_fusion_finds_a_layer_that_behaves_otherwise_in_a_stack(interface):
    with pytest.raises(LawBroken, match=r"fusion: headers differs\n  fused: .*\n  nested: "):
        check_fusion(lambda: [Sets(), Peeks()], SampleApp(), Request(), interface)


def test_interface_finds_a_layer_that_tells_them_apart():
    with pytest.raises(LawBroken, match="interface: headers differs"):
        check_interface(lambda: [Tells()], SampleApp(), Request())


@INTERFACES
def test_transparency_finds_what_is_added_undeclared_and_what_is_refused(interface):
    with pytest.raises(LawBroken, match="transparency: headers differs"):
        check_transparency(lambda: [Undeclared()], SampleApp(), Request(), interface)
    with pytest.raises(LawBroken, match="transparency: the request was refused with 403"):
        check_transparency(lambda: [Tells()], SampleApp(), Request(), interface)
    check_transparency(lambda: [Sets()], SampleApp(), Request(), interface)


def test_transparency_finds_a_layer_that_touches_other_scopes(monkeypatch):
    def meddling(self, app):
        async def wrapped(scope, receive, send):
            await app({**scope, "touched": True}, receive, send)

        return wrapped

    monkeypatch.setattr("ringwall.stack.Stack.asgi", meddling)
    with pytest.raises(LawBroken, match="'lifespan' does not pass untouched"):
        check_transparency(list, lambda *arguments: asyncio.sleep(0), Request(), "asgi")


@INTERFACES
@pytest.mark.parametrize(
    ("swallow", "message"),
    [
        ("pass", "and the app is called"),
        ("raise", "and the server sees the exception"),
        ("other", "and the answer is 404"),
    ],
)
def test_closed_finds_a_core_that_lets_a_failing_layer_pass(
    interface, swallow, message, monkeypatch
):
    def broken(plan, depth, completes, exchange, error):
        if swallow == "raise":
            raise error
        return None if swallow == "pass" else Response(404)

    monkeypatch.setattr(f"ringwall.{interface}.fail_at", broken)
    with pytest.raises(LawBroken, match=message):
        check_closed(lambda: [Layer()], SampleApp(), Request(), interface)


@INTERFACES
def test_closed_finds_an_observer_whose_failure_is_seen(interface, monkeypatch):
    monkeypatch.setattr("ringwall._compile._tolerating", lambda layer: layer.on_request)
    with pytest.raises(LawBroken, match="closed: status differs"):
        check_closed(
            lambda: [Scripted("a", Script(observes=True))], SampleApp(), Request(), interface
        )


def test_order_finds_an_order_that_should_not_construct(monkeypatch):
    class Outer(Layer):
        name = "outer"
        inside = frozenset({"inner"})

    class Inner(Layer):
        name = "inner"

    check_order(lambda: [Outer(), Inner()])
    monkeypatch.setattr("ringwall.stack.check_order", lambda layers: None)
    monkeypatch.setattr("ringwall._compile.check_order", lambda layers: None)
    with pytest.raises(LawBroken, match="outer > inner constructs, and cannot work"):
        check_order(lambda: [Outer(), Inner()])


def test_order_finds_an_order_that_should_construct():
    class Sloppy(Layer):
        wants = frozenset({b"Host"})

    with pytest.raises(LawBroken, match="does not construct: Sloppy declares"):
        check_order(lambda: [Sloppy()])


SECRET = b"hunter22"


class Leaks(Layer):
    def __init__(self, where):
        self.where = where

    def __repr__(self):
        return SECRET.decode() if self.where == "repr" else "<Leaks>"

    def on_request(self, exchange):
        if self.where == "header":
            return Response(403, [(b"x-a", SECRET)])
        if self.where == "body":
            return Response(403, [], SECRET)
        if self.where == "decision":
            exchange.decisions.append(("leaks", "deny", SECRET.decode(), ""))
        if self.where == "log":
            logging.getLogger("some.library").debug("token %s", SECRET.decode())
        if self.where == "print":
            print(SECRET.decode())  # noqa: T201
        if self.where == "error":
            raise BaseException(SECRET.decode())
        return None


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("header", "headers"),
        ("body", "body"),
        ("decision", "decisions"),
        ("log", "a log"),
        ("print", "a log"),
        ("repr", "a repr"),
        ("error", "an exception"),
    ],
)
def test_silence_finds_a_secret_wherever_it_comes_out_and_does_not_repeat_it(where, place):
    with pytest.raises(LawBroken, match=f"a secret is in .*{place}") as broken:
        check_silence(lambda: [Leaks(where)], SampleApp(), Request(), [SECRET])
    assert SECRET.decode() not in str(broken.value)


def test_silence_looks_at_what_else_was_written_and_wants_real_secrets():
    check_silence(lambda: [Leaks("")], SampleApp(), Request(), [SECRET])
    check_silence(lambda: [Leaks("")], SampleApp(), Request(websocket=True), [SECRET])
    with pytest.raises(LawBroken, match="the other output"):
        check_silence(list, SampleApp(), Request(), [SECRET], other_output=[b"a" + SECRET])
    with pytest.raises(ValueError, match="four bytes"):
        check_silence(list, SampleApp(), Request(), [b"abc"])


def test_principals_are_compared_by_what_they_say():
    class Says(Layer):
        def on_request(self, exchange):
            exchange.authenticate(Principal(exchange.interface, scheme="test", claims={"a": 1}))

    class SaysTheSame(Layer):
        def on_request(self, exchange):
            exchange.authenticate(Principal("same", scheme="test", claims={"a": 1}))

    check_interface(lambda: [SaysTheSame()], SampleApp(), Request())
    with pytest.raises(LawBroken, match="principal differs"):
        check_interface(lambda: [Says()], SampleApp(), Request())


# The driver


def test_wsgi_knows_no_websockets():
    with pytest.raises(ValueError, match="no websockets"):
        drive("wsgi", SampleApp().wsgi, Request(websocket=True))


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@INTERFACES
def test_the_driver_lets_interrupts_through(interface, interrupt):
    app = SampleApp(fails="before", error=interrupt())
    with pytest.raises(interrupt):
        drive(interface, getattr(app, interface), Request())


def test_the_driver_is_a_strict_server():
    def no_start(environ, start_response):
        return [b"body"]

    def two_starts(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    def late_start(environ, start_response):
        start_response("200 OK", [])(b"sent")
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response("500 Oops", [], sys.exc_info())
        return []

    assert "before start_response" in str(drive("wsgi", no_start, Request()).error)
    assert "twice" in str(drive("wsgi", two_starts, Request()).error)
    assert isinstance(drive("wsgi", late_start, Request()).error, ZeroDivisionError)


def test_an_asgi_app_that_waits_for_the_end_is_told_when_it_has_answered():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})
        assert await receive() == {"type": "http.disconnect"}

    result = drive("asgi", app, Request())
    assert result.error is None
    assert result.headers == []


def test_the_sample_app_fails_where_it_is_told_to():
    for interface in ("asgi", "wsgi"):
        app = SampleApp(fails="after")
        done = run(interface, [], app, Request(), probed=False)
        assert done.result.chunks == [b"hello"]
        assert isinstance(done.result.error, RuntimeError)
        assert repr(app.seen[0]) == f"<Seen GET 0 bytes closed={app.seen[0].closed}>"
        assert done.outcome is None
    app = SampleApp(fails="after")
    assert drive("asgi", app.asgi, Request(websocket=True)).status == 101
    assert repr(app) == "<SampleApp 200>"


def test_repeated_headers_are_joined_as_a_wsgi_server_does_and_underscores_dropped():
    request = Request(
        headers=((b"x-a", b"1"), (b"x-a", b"2"), (b"x_a", b"3"), (b"content-type", b"a/b")),
        root="/api",
        target=b"/api/x?y",
    )
    environ = request.environ()
    assert environ["HTTP_X_A"] == "1,2"
    assert environ["CONTENT_TYPE"] == "a/b"
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/api", "/x")
    assert Request(root="/api", target=b"/other").environ()["PATH_INFO"] == "/other"


def test_it_needs_no_test_framework():
    code = (
        "import sys, ringwall.testing;"
        "sys.exit(any(m.partition('.')[0] in ('pytest', 'hypothesis') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The validator

HTTP = Request().scope()
SOCKET = Request(websocket=True).scope()
LIFESPAN = {"type": "lifespan", "asgi": {"version": "3.0"}}
OPEN = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b""}
CLOSES = {"headers": [(b"connection", b"close")]}
CLOSING = {**OPEN, **CLOSES}
MORE = {**BODY, "more_body": True}
TRAILERS = {"type": "http.response.trailers", "headers": []}
PUSH = {"type": "http.response.push", "path": "/"}
DEBUG = {"type": "http.response.debug", "info": {}}
ASKED = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}
CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
TEXT = {"type": "websocket.receive", "text": "a"}
HANGUP = {"type": "websocket.disconnect", "code": 1000}
SAY = {"type": "websocket.send", "text": "a"}
CLOSE = {"type": "websocket.close"}
DENY = {"type": "websocket.http.response.start", "status": 403, "headers": []}
DENIED = {"type": "websocket.http.response.body", "body": b""}
STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
UP, DOWN = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}


def play(scope, *messages):
    """An app that receives and sends these in order, through the validator: a message is received
    if only a server can send it."""
    received = ("http.request", "http.disconnect", "websocket.connect", "websocket.receive")
    received += ("websocket.disconnect", "lifespan.startup", "lifespan.shutdown")
    waiting = list(messages)

    async def app(scope, receive, send):
        while waiting:
            kind = waiting[0]["type"] if isinstance(waiting[0], dict) else "http.request"
            if kind in received:
                await receive()
            else:
                await send(waiting.pop(0))

    async def receive():
        return waiting.pop(0)

    async def send(message): ...

    asyncio.run(validate_asgi(app)(scope, receive, send))


@pytest.mark.parametrize(
    ("scope", "messages"),
    [
        (HTTP, (ASKED, OPEN, BODY)),
        (HTTP, (ASKED, CLOSING, BODY)),
        (HTTP, ({**ASKED, "more_body": True}, ASKED, OPEN, MORE, BODY)),
        (HTTP, (GONE,)),
        (HTTP, (DEBUG, PUSH, OPEN, PUSH, BODY)),
        (HTTP, ({**OPEN, "trailers": True}, BODY, {**TRAILERS, "more_trailers": True}, TRAILERS)),
        (HTTP, (OPEN, {"type": "http.response.zerocopysend", "file": 3})),
        (HTTP, (OPEN, {"type": "http.response.pathsend", "path": "/a"})),
        (SOCKET, (CONNECT, ACCEPT, TEXT, SAY, {**TEXT, "text": None, "bytes": b"a"}, CLOSE)),
        (SOCKET, (CONNECT, CLOSE)),
        (SOCKET, (CONNECT, ACCEPT)),
        (SOCKET, (CONNECT, HANGUP)),
        (SOCKET, (CONNECT, DENY, {**DENIED, "more_body": True}, DENIED)),
        (LIFESPAN, (STARTUP, UP, SHUTDOWN, DOWN)),
        (LIFESPAN, (STARTUP, {"type": "lifespan.startup.failed", "message": "no"})),
        (LIFESPAN, ()),
        ({"type": "unknown"}, ()),
    ],
)
def test_the_validator_is_content_with_what_the_specification_allows(scope, messages):
    play(scope, *messages)


@pytest.mark.parametrize(
    ("scope", "messages", "complaint"),
    [
        (HTTP, (BODY,), "in state 'before'"),
        (HTTP, (OPEN, OPEN, BODY), "has begun"),
        (HTTP, (OPEN, BODY, BODY), "in state 'ended'"),
        (HTTP, (OPEN,), "returned with its response in state 'started'"),
        (HTTP, (), "returned with its response in state 'before'"),
        (HTTP, ({**OPEN, "status": "200"}, BODY), "status is '200'"),
        (HTTP, ({**OPEN, "status": 101}, BODY), "status is 101"),
        (HTTP, ({**OPEN, "headers": [("a", "b")]}, BODY), "not bytes"),
        (HTTP, ({**OPEN, "headers": [(b"A", b"b")]}, BODY), "no lower-case token"),
        (HTTP, ({**OPEN, "headers": [(b"", b"b")]}, BODY), "no lower-case token"),
        (HTTP, ({**OPEN, "headers": [(b"a", b"b\r\nc: d")]}, BODY), "splits the message"),
        (HTTP, ({**OPEN, "headers": [b"ab"]}, BODY), "no pair"),
        (HTTP, ({**OPEN, "headers": {b"a": b"b"}}, BODY), "headers"),
        (HTTP, ({**OPEN, "headers": [(b"connection", b"upgrade")]}, BODY), "hop-by-hop"),
        (HTTP, ({**OPEN, "headers": [(b"keep-alive", b"close")]}, BODY), "hop-by-hop"),
        ({**HTTP, "http_version": "2"}, (CLOSING, BODY), "hop-by-hop"),
        (SOCKET, (CONNECT, {**ACCEPT, **CLOSES}), "hop-by-hop"),
        (HTTP, ({**OPEN, "trailers": 1}, BODY), "trailers is 1"),
        (HTTP, (OPEN, {**BODY, "body": "text"}), "body is 'text'"),
        (HTTP, (OPEN, {**BODY, "more_body": None}), "more_body is None"),
        (HTTP, (OPEN, BODY, TRAILERS), "out of order"),
        (HTTP, (OPEN, BODY, PUSH), "after the end"),
        (HTTP, (OPEN, DEBUG, BODY), "has begun"),
        (HTTP, (SAY,), "unknown message"),
        (HTTP, (ASKED, ASKED), "after the last one"),
        (HTTP, (GONE, ASKED), "after the disconnect"),
        (HTTP, (CONNECT,), "received 'websocket.connect'"),
        (HTTP, ({**ASKED, "body": "text"},), "body is 'text'"),
        (HTTP, ("no dict",), "received message is no dict"),
        ({**HTTP, "path": b"/"}, (), "path is no str"),
        ({**HTTP, "raw_path": "/"}, (), "raw_path"),
        ({**HTTP, "query_string": ""}, (), "query_string is no bytes"),
        ({**HTTP, "method": ""}, (), "method is ''"),
        ({**HTTP, "scheme": "javascript"}, (), "scheme"),
        ({**HTTP, "client": ("a", "1")}, (), "client is"),
        ({**HTTP, "server": "unix:"}, (), "server is"),
        ({**HTTP, "headers": [(b"Host", b"a")]}, (), "no lower-case token"),
        ({**HTTP, "state": None}, (), "state is None"),
        ({**HTTP, "asgi": None}, (), "no dict 'asgi'"),
        (SOCKET, (ACCEPT,), "in state 'new'"),
        (SOCKET, (CONNECT,), "returned with its socket 'connecting'"),
        (SOCKET, (CONNECT, CONNECT), "a second websocket.connect"),
        (SOCKET, (CONNECT, SAY), "in state 'connecting'"),
        (SOCKET, (CONNECT, TEXT), "in state 'connecting'"),
        (SOCKET, (CONNECT, ACCEPT, ASKED), "received 'http.request'"),
        (SOCKET, (CONNECT, ACCEPT, {**TEXT, "bytes": b"a"}), "either bytes or text"),
        (SOCKET, (CONNECT, ACCEPT, {"type": "websocket.send"}), "either bytes or text"),
        (SOCKET, (CONNECT, CLOSE, CLOSE), "in state 'closed'"),
        (SOCKET, (CONNECT, ACCEPT, DENY), "in state 'open'"),
        (SOCKET, (CONNECT, DENY), "returned with its socket 'denied'"),
        (SOCKET, (CONNECT, DENIED), "in state 'before'"),
        ({**SOCKET, "extensions": {}}, (CONNECT, DENY), "does not offer"),
        ({**SOCKET, "scheme": "https"}, (), "scheme"),
        (LIFESPAN, (SHUTDOWN,), "received 'lifespan.shutdown'"),
        (LIFESPAN, (STARTUP, STARTUP), "received 'lifespan.startup'"),
        (LIFESPAN, (STARTUP, SHUTDOWN), "before the answer"),
        (LIFESPAN, (UP,), "answers nothing"),
        (LIFESPAN, (STARTUP, DOWN), "sent 'lifespan.shutdown.complete'"),
    ],
)
def test_the_validator_finds_each_breach_of_the_specification(scope, messages, complaint):
    with pytest.raises(ASGIViolation, match=complaint):
        play(scope, *messages)


def test_the_ends_of_the_connection_may_be_missing_from_a_scope():
    play({**HTTP, "client": None, "server": ("/run/a.sock", None)}, OPEN, BODY)


def test_the_validator_wants_dicts():
    async def app(scope, receive, send):
        await send([("type", "http.response.start")])

    with pytest.raises(ASGIViolation, match="sent message is no dict"):
        asyncio.run(validate_asgi(app)(HTTP, None, None))
