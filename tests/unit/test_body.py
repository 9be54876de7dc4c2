"""The request body: bounded, read before the app runs, and given back whole."""

from __future__ import annotations

import io

import pytest

from core_support import Script, Scripted, layers_of
from ringwall import Layer
from ringwall._body import (
    BodyIncomplete,
    BodyTooLarge,
    BodyTooSlow,
    ClientDisconnected,
    declared_length,
)
from ringwall._boundary import Boundary
from ringwall._exchange import Exchange, Outcome
from ringwall._pace import Pace
from ringwall._pending import settle
from ringwall.problem import problem
from ringwall.testing import Request, SampleApp, drive, run

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
CHUNKED = ((b"host", b"a"), (b"transfer-encoding", b"chunked"))


class Reads(Layer):
    """Reads with each limit in turn, noting what comes of it, and lets the request pass."""

    def __init__(self, *limits):
        self.limits = limits
        self.got = []

    def on_request(self, exchange):
        for limit in self.limits:
            try:
                body = yield from exchange.read_body(limit)
            except (BodyTooLarge, BodyIncomplete, ClientDisconnected) as error:
                self.got.append(type(error))
            else:
                self.got.append(body)


@INTERFACES
@pytest.mark.parametrize("body", [(), (b"",), (b"abc",), (b"a", b"", b"bc"), (b"ab", b"c", b"")])
@pytest.mark.parametrize("headers", [((b"host", b"a"),), CHUNKED])
def test_the_layer_and_the_app_get_the_same_whole_body(interface, body, headers):
    layer, app = Reads(3, 100), SampleApp()
    assert run(interface, [layer], app, Request(body=body, headers=headers)).result.status == 200
    assert layer.got == [b"".join(body)] * 2
    assert app.seen[0].body == b"".join(body)


@INTERFACES
@pytest.mark.parametrize("headers", [((b"host", b"a"),), CHUNKED])
@pytest.mark.parametrize("separate", [True, False])
def test_a_body_too_large_for_one_layer_is_whole_for_the_next_and_the_app(
    interface, headers, separate
):
    """Else the next one would judge only the rest, and the app would get only that."""
    layers = [Reads(2), Reads(100)] if separate else [Reads(2, 100)]
    app = SampleApp()
    request = Request(body=(b"ab", b"cd", b"ef"), headers=headers)
    assert run(interface, layers, app, request).result.status == 200
    assert [got for layer in layers for got in layer.got] == [BodyTooLarge, b"abcdef"]
    assert app.seen[0].body == b"abcdef"


@INTERFACES
@pytest.mark.parametrize("headers", [((b"host", b"a"),), CHUNKED])
def test_a_body_found_too_large_reaches_the_app_whole_if_the_layer_lets_it_pass(interface, headers):
    app = SampleApp()
    layer = Reads(2, 3)
    run(interface, [layer], app, Request(body=(b"ab", b"cd", b"ef"), headers=headers))
    assert layer.got == [BodyTooLarge, BodyTooLarge]
    assert app.seen[0].body == b"abcdef"


@INTERFACES
@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_the_limit_counts_bytes_and_is_exact(interface, limit):
    layer = Reads(limit)
    run(interface, [layer], SampleApp(), Request(body=(b"ab",), headers=CHUNKED))
    assert layer.got == [b"ab" if limit >= 2 else BodyTooLarge]


@INTERFACES
def test_a_declared_length_over_the_limit_is_refused_without_reading(interface):
    headers = ((b"host", b"a"), (b"content-length", b"1000000"))
    layer = Scripted("reader", Script("read"))
    app = SampleApp()

    class Untouchable:
        def read(self, *arguments):
            raise AssertionError("read")

    if interface == "wsgi":
        environ = {**Request(headers=headers).environ(), "wsgi.input": Untouchable()}
        statuses = []
        layer.wsgi(app.wsgi)(environ, lambda status, *rest: statuses.append(status))
        assert [status[:3] for status in statuses] == ["413"]
    else:

        async def receive():
            raise AssertionError("read")

        import asyncio

        sent = []

        async def send(message):
            sent.append(message)

        asyncio.run(layer.asgi(app.asgi)(Request(headers=headers).scope(), receive, send))
        assert sent[0]["status"] == 413
    assert app.seen == []


@INTERFACES
@pytest.mark.parametrize(
    "value", [b"+2", b"1_0", b"2 ", b"-1", b"", b"0x2", b"2, 2", b"9" * 19, b"\xb2"]
)
def test_a_malformed_length_makes_the_body_incomplete(interface, value):
    """On both interfaces, whether or not a layer asked for the header."""
    headers = ((b"host", b"a"), (b"content-length", value))
    layer = Reads(100)
    run(interface, [layer], SampleApp(reads=False), Request(body=(b"ab",), headers=headers))
    if value == b"" and interface == "wsgi":  # an empty variable stands for no header at all
        assert layer.got == [b"ab"]
    else:
        assert layer.got == [BodyIncomplete]


@INTERFACES
@pytest.mark.parametrize("declared", [b"1", b"3"])
def test_a_body_of_another_length_than_declared_is_incomplete(interface, declared):
    headers = ((b"host", b"a"), (b"content-length", declared))
    layer = Reads(100)
    run(interface, [layer], SampleApp(reads=False), Request(body=(b"ab",), headers=headers))
    # A WSGI server hands over no more than was declared: the rest is the next request.
    assert layer.got == [b"a" if interface == "wsgi" and declared == b"1" else BodyIncomplete]


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("declared", [1, 2, 3])
def test_a_length_is_held_against_all_chunks(declared, wanted):
    headers = ((b"host", b"a"), (b"content-length", b"%d" % declared))
    layer = Reads(100)
    if wanted:
        layer.wants = frozenset({b"content-length"})
    run("asgi", [layer], SampleApp(reads=False), Request(body=(b"a", b"b"), headers=headers))
    assert layer.got == [b"ab" if declared == 2 else BodyIncomplete]


def test_many_empty_chunks_do_not_hold_a_worker():
    layer = Reads(100)
    run("asgi", [layer], SampleApp(reads=False), Request(body=(b"",) * 2000, headers=CHUNKED))
    assert layer.got == [BodyIncomplete]


@pytest.mark.parametrize("body", [(b"ab",), (b"ab", b"cd")])
def test_a_client_that_goes_away_ends_the_exchange_without_an_answer(body):
    """Unless the layer lets it pass: then the app gets what came, and the disconnect."""
    app = SampleApp()
    request = Request(body=body, headers=CHUNKED, cut=True)
    strict = Scripted("reader", Script("read"))
    done = run("asgi", [strict], app, request)
    assert done.result.events == []
    assert isinstance(done.outcome.error, ClientDisconnected)
    assert app.seen == []

    messages = []

    async def raw(scope, receive, send):
        while not messages or messages[-1]["type"] != "http.disconnect":
            messages.append(await receive())

    layer = Reads(100, 100)
    drive("asgi", layer.asgi(raw), request)
    assert layer.got == [ClientDisconnected] * 2
    assert b"".join(m.get("body", b"") for m in messages) == b"".join(body)
    assert [m.get("more_body") for m in messages] == [True, None]


def test_a_client_that_goes_away_at_once_leaves_the_disconnect_to_the_app():
    messages = []

    async def raw(scope, receive, send):
        messages.extend([await receive(), await receive()])

    waiting = [{"type": "http.disconnect", "mine": 1}, {"type": "http.disconnect"}]

    async def receive():
        return waiting.pop(0)

    import asyncio

    layer = Reads(100)
    asyncio.run(layer.asgi(raw)(Request().scope(), receive, None))
    assert layer.got == [ClientDisconnected]
    assert messages == [{"type": "http.disconnect", "mine": 1}, {"type": "http.disconnect"}]


def test_a_broken_wsgi_stream_makes_the_body_incomplete():
    class Broken(io.RawIOBase):
        def read(self, size=-1):
            raise OSError("reset")

    environ = {**Request(body=(b"abc",)).environ(), "wsgi.input": Broken()}
    layer = Reads(100)
    layer.wsgi(SampleApp(reads=False).wsgi)(environ, lambda *arguments: None)
    assert layer.got == [BodyIncomplete]


@pytest.mark.parametrize(("announced", "got"), [("chunked", BodyIncomplete), (None, b"")])
def test_without_length_or_end_there_is_no_body_or_one_that_cannot_be_judged(announced, got):
    environ = Request().environ()
    del environ["wsgi.input_terminated"]
    if announced:
        environ["HTTP_TRANSFER_ENCODING"] = announced
    environ["CONTENT_LENGTH"] = ""
    layer = Reads(100)
    layer.wsgi(SampleApp(reads=False).wsgi)(environ, lambda *arguments: None)
    assert layer.got == [got]


def test_a_chunked_body_that_was_read_has_a_length_for_the_app():
    lengths = []

    def app(environ, start_response):
        lengths.append((environ["CONTENT_LENGTH"], environ["wsgi.input"].read(100)))
        start_response("200 OK", [])
        return []

    environ = Request(body=(b"abc",), headers=CHUNKED).environ()
    Reads(100).wsgi(app)(environ, lambda *arguments: None)
    assert lengths == [("3", b"abc")]


def test_what_was_found_too_large_can_be_read_by_line_and_by_size():
    environ = Request(body=(b"one\ntwo\nthree",), headers=CHUNKED).environ()
    lines = []

    def app(environ, start_response):
        stream = environ["wsgi.input"]
        lines.extend([stream.readline(), stream.read(2), *stream])
        start_response("200 OK", [])
        return []

    Reads(2).wsgi(app)(environ, lambda *arguments: None)
    assert lines == [b"one\n", b"tw", b"o\n", b"three"]


def test_a_websocket_handshake_has_no_body():
    layer = Reads(10)
    run("asgi", [layer], SampleApp(), Request(websocket=True))
    assert layer.got == [b""]


@INTERFACES
def test_a_layer_that_fails_while_reading_closes_the_door(interface):
    app = SampleApp()
    request = Request(body=(b"abc",), headers=((b"host", b"a"), (b"content-length", b"x")))

    class Careless(Layer):
        def on_request(self, exchange):
            yield from exchange.read_body(10)

    assert run(interface, [Careless()], app, request).result.status == 500
    assert app.seen == []


def test_declared_lengths():
    assert declared_length(b"007") == 7
    with pytest.raises(BodyIncomplete):
        declared_length(b"1" * 19)


def test_an_exchange_and_an_outcome_show_nothing_in_their_repr():
    layer = Scripted("a", Script())
    found = []

    class Looks(Layer):
        def on_request(self, exchange):
            found.append(exchange)

    run("asgi", [layer, Looks()], SampleApp(), Request(target=b"/secret?token=1"))
    assert repr(found[0]) == "<Exchange asgi http>"
    assert found[0].secure is True
    assert isinstance(found[0], Exchange)
    assert repr(Outcome(200)) == "<Outcome 200>"


@INTERFACES
def test_of_two_readers_each_enforces_its_limit(interface):
    scripts = [Script("read", limit=100), Script("read", limit=3)]
    app = SampleApp()
    done = run(interface, layers_of(scripts), app, Request(body=(b"abcdef",)))
    assert done.result.status == 413
    assert app.seen == []


class AtOnce(Layer):
    """Asks with each limit in turn, without a `Pending`, and lets the request pass."""

    reads_body = True

    def __init__(self, *limits, then_waits=False):
        self.limits = limits
        self.then_waits = then_waits
        self.got = []

    def on_request(self, exchange):
        for limit in self.limits:
            try:
                self.got.append(exchange.body_at_once(limit))
            except (BodyTooLarge, BodyIncomplete, ClientDisconnected) as error:
                self.got.append(type(error))
        if self.then_waits:
            return self._wait(exchange)
        return None

    def _wait(self, exchange):
        self.got.append((yield from exchange.read_body(100)))


@INTERFACES
@pytest.mark.parametrize("headers", [((b"host", b"a"),), CHUNKED])
def test_a_body_that_has_come_is_there_at_once(interface, headers):
    layer, app = AtOnce(2, 3, 100, 2), SampleApp()
    assert run(interface, [layer], app, Request(body=(b"abc",), headers=headers)).result.status
    assert layer.got == [BodyTooLarge, b"abc", b"abc", BodyTooLarge]
    assert app.seen[0].body == b"abc"


@pytest.mark.parametrize("then_waits", [True, False])
def test_a_body_that_is_in_pieces_is_waited_for_or_left_to_the_app(then_waits):
    layer, app = AtOnce(100, 100, then_waits=then_waits), SampleApp()
    run("asgi", [layer], app, Request(body=(b"ab", b"cd"), headers=CHUNKED))
    assert layer.got == [None, None] + [b"abcd"] * then_waits
    assert app.seen[0].body == b"abcd"


@pytest.mark.parametrize("then_waits", [True, False])
@pytest.mark.parametrize("asked", [1, 2])
def test_a_body_that_has_not_come_is_waited_for_once(then_waits, asked):
    """What `receive` has begun goes on, for the layer or for the app: no message is lost."""
    import asyncio

    waiting, calls = [b"ab"], []

    async def receive():
        calls.append(1)
        await asyncio.sleep(0)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": False}

    layer, app = AtOnce(*[100] * asked, then_waits=then_waits), SampleApp()

    async def send(message):
        pass

    asyncio.run(layer.asgi(app.asgi)(Request(headers=CHUNKED).scope(), receive, send))
    assert layer.got == [None] * asked + [b"ab"] * then_waits
    assert app.seen[0].body == b"ab"
    assert calls == [1]


def test_what_a_server_hands_out_may_be_any_awaitable():
    import asyncio

    async def body():
        return {"type": "http.request", "body": b"ab"}

    class Awaitable:
        def __await__(self):
            return body().__await__()

    layer, app = AtOnce(100), SampleApp()

    async def send(message):
        pass

    asyncio.run(layer.asgi(app.asgi)(Request(headers=CHUNKED).scope(), Awaitable, send))
    assert layer.got == [b"ab"]
    assert app.seen[0].body == b"ab"


def test_a_client_that_has_gone_is_told_of_at_once():
    import asyncio

    async def receive():
        return {"type": "http.disconnect"}

    async def raw(scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"

    layer = AtOnce(100, 100)
    asyncio.run(layer.asgi(raw)(Request(headers=CHUNKED).scope(), receive, None))
    assert layer.got == [ClientDisconnected, None]


@INTERFACES
def test_a_layer_that_does_not_say_so_has_no_body_before_it_waits(interface):
    layer = AtOnce(100, then_waits=True)
    layer.reads_body = False
    run(interface, [layer], SampleApp(), Request(body=(b"ab",), headers=CHUNKED))
    assert layer.got == [None, b"ab"]


def test_an_exchange_that_no_server_made_has_no_body():
    made = Exchange("wsgi", "GET", "http", "", "/", b"/", b"", {}, None, Boundary())
    assert settle(made.read_body(1)) == b""


class Breaks:
    """Hands out what it has, then breaks off once; from then on it is at its end."""

    def __init__(self, *chunks):
        self.waiting = [*chunks, None]

    def read(self, size=-1):
        chunk = self.waiting.pop(0) if self.waiting else b""
        if chunk is None:
            raise ConnectionResetError
        return chunk


@pytest.mark.parametrize("chunks", [(), (b"{}",), (b"{}", b"\n{}")])
def test_a_chunked_wsgi_body_that_breaks_off_is_not_taken_for_a_whole_one(chunks):
    """Servers tell by an OSError that the last chunk never came, or was malformed: no length says
    so (RFC 9112 section 8). Not even the app, if the layers let it pass, hears of a good end."""
    environ = {**Request(headers=CHUNKED).environ(), "wsgi.input": Breaks(*chunks)}
    layer, heard = Reads(100, 100), []

    def app(environ, start_response):
        with pytest.raises(OSError, match="broke off"):
            environ["wsgi.input"].read()
        heard.append(environ.get("CONTENT_LENGTH"))
        start_response("200 OK", [])
        return []

    layer.wsgi(app)(environ, lambda *arguments: None)
    assert layer.got == [BodyIncomplete] * 2
    assert heard == [None]


@pytest.mark.parametrize("declared", [True, False])
def test_a_slow_wsgi_body_that_is_let_pass_reaches_the_app_whole(declared):
    """And of the rest no more is read than was declared: some servers wait for the next byte."""
    now, asked = 0.0, []

    class Drips:
        waiting = io.BytesIO(b"abcdef" + b"the next request" * declared)

        def read(self, size=-1):
            nonlocal now
            now += 10.0
            asked.append(size)
            return self.waiting.read(min(size, 2))

    class Slow(Reads):
        def on_request(self, exchange):
            with pytest.raises(BodyTooSlow):
                yield from exchange.read_body(100, Pace(timeout=15, clock=lambda: now))

    seen = []

    def app(environ, start_response):
        seen.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return []

    environ = {**Request(headers=CHUNKED).environ(), "wsgi.input": Drips()}
    if declared:
        environ |= {"CONTENT_LENGTH": "6"}
        del environ["HTTP_TRANSFER_ENCODING"]
    Slow().wsgi(app)(environ, lambda *arguments: None)
    assert seen == [b"abcdef"]
    if declared:
        assert max(asked) == 6


class ReadsLate(Layer):
    """Reads with a limit, or not at all, lets the request pass or refuses it, and reads again once
    the response has left."""

    reads_body = True

    def __init__(self, limit, refuses):
        self.limit = limit
        self.refuses = refuses
        self.got = []

    def on_request(self, exchange):
        if self.limit is not None:
            try:
                yield from exchange.read_body(self.limit)
            except (BodyTooLarge, ClientDisconnected) as error:
                self.got.append(type(error))
                if isinstance(error, ClientDisconnected) and self.refuses:
                    raise
        return problem(403, "No.") if self.refuses else None

    def on_complete(self, exchange, outcome):
        self.got.append(exchange.body_at_once(100))
        return self.read_again(exchange)

    def read_again(self, exchange):
        self.got.append((yield from exchange.read_body(100)))


@INTERFACES
@pytest.mark.parametrize("limit", [None, 3, 100])
@pytest.mark.parametrize("refuses", [True, False])
def test_nobody_reads_on_once_the_response_has_left(interface, limit, refuses):
    """A server would have such a layer wait for the client, and hold the request open."""
    layer, app = ReadsLate(limit, refuses), SampleApp()
    request = Request(body=(b"ab", b"cd", b"ef"), headers=CHUNKED)
    run(interface, [layer], app, request)
    assert (
        layer.got
        == {
            None: [None, b""],
            3: [BodyTooLarge, None, b""],
            100: [b"abcdef", b"abcdef"],
        }[limit]
    )
    assert [seen.body for seen in app.seen] == ([] if refuses else [b"abcdef"])


@pytest.mark.parametrize("refuses", [True, False])
def test_nobody_waits_for_a_client_that_has_gone(refuses):
    layer = ReadsLate(100, refuses)
    request = Request(body=(b"ab",), headers=CHUNKED, cut=True)
    run("asgi", [layer], SampleApp(), request)
    assert layer.got == [ClientDisconnected, None, b""]
