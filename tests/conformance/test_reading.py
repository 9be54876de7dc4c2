"""Layers that read the body of a response before it leaves, to the letter of both interfaces."""

from __future__ import annotations

import sys

import pytest

from conformance.shapes import call, lines
from core_support import AppError, Closing, LayerBug, Script, Scripted, layers_of
from ringwall import ConfigurationError, Layer, ReadBody, Response, Stack, principal_of
from ringwall._failure import FAILED
from ringwall.testing import Request, SampleApp, drive, run

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
OF_THE_BYTES = (
    (b"Content-Length", b"5"), (b"ETag", b'"a"'), (b"Content-MD5", b"x"), (b"Digest", b"x"),
    (b"content-digest", b"x"), (b"repr-digest", b"x"), (b"Accept-Ranges", b"bytes"),
)  # fmt: skip


def reading(do, **others):
    return Scripted("reading", Script(reading=do, **others))


def start(**others):
    return {"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")], **others}


def part(body, more=True):
    return {"type": "http.response.body", "body": body, "more_body": more}


def sending(*messages, sent=None):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)
            if sent is not None:
                sent.append(message["type"])

    return app


def serve(app, environ=None):
    """The bare minimum of a WSGI server: the heads, what was written, and the iterable."""
    heads, written = [], []

    def start_response(*arguments):
        heads.append(arguments)
        return written.append

    return heads, written, app(Request().environ() if environ is None else environ, start_response)


# --- both interfaces ------------------------------------------------------------------------------


@INTERFACES
def test_a_changed_body_leaves_with_its_own_length_and_without_what_told_of_the_old(interface):
    app = SampleApp(headers=(*OF_THE_BYTES, (b"x-own", b"1")))
    result = run(interface, [reading("upper")], app, Request()).result
    assert result.body == b"HELLO"
    assert result.lines == {b"x-own": [b"1"], b"content-length": [b"5"]}


@INTERFACES
def test_a_body_that_stays_as_it_is_keeps_its_headers(interface):
    app = SampleApp(headers=OF_THE_BYTES, chunks=(b"he", b"", b"llo"))
    result = run(interface, [reading("same")], app, Request()).result
    assert result.body == b"hello"
    assert result.lines == lines(OF_THE_BYTES)


@INTERFACES
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_response_without_a_body_is_not_judged_and_tells_nothing_of_it(interface, method, status):
    app = SampleApp(status, headers=(*OF_THE_BYTES, (b"x-own", b"1")), chunks=(b"secret",))
    done = run(interface, [reading("raise")], app, Request(method=method))
    assert (done.result.status, done.result.body) == (status, b"")
    assert done.result.lines == {b"x-own": [b"1"]}


@INTERFACES
@pytest.mark.parametrize("do", ["raise", "raise-head", "garbage", "garbage-head"])
def test_a_layer_that_fails_lets_nothing_out_unless_it_observes(interface, do):
    done = run(interface, [reading(do)], SampleApp(), Request())
    assert (done.result.status, b"hello" in done.result.body) == (500, False)
    assert done.result.lines[b"content-type"] == [b"application/problem+json"]
    assert ("reading", "error") in [decision[:2] for decision in done.decisions]
    assert done.result.error is None
    done = run(interface, [reading(do, observes=True)], SampleApp(), Request())
    assert (done.result.status, done.result.body) == (200, b"hello")


@INTERFACES
@pytest.mark.parametrize("do", ["upper", "refuse", "refuse-head"])
def test_another_response_leaves_instead_and_passes_the_layers_outside(interface, do):
    adds = Script(response=(("add", b"x-turn"),), constant=((b"x-constant", b"1"),))
    layers = [*layers_of([adds, Script(reading=do, limit=4)]), *layers_of([adds])]
    done = run(interface, layers, SampleApp(headers=OF_THE_BYTES), Request())
    assert done.result.status == 502
    assert done.result.lines[b"x-turn"] == [b"layer-0"]
    assert done.result.lines[b"x-constant"] == [b"1"]
    assert done.result.lines[b"content-length"] == [b"%d" % len(done.result.body)]
    assert b"hello" not in done.result.body
    assert done.outcome.status == 502
    assert done.outcome.error is None


@INTERFACES
def test_a_body_beyond_the_limit_passes_unread_where_that_is_asked_for(interface):
    app = SampleApp(headers=OF_THE_BYTES, chunks=(b"he", b"llo", b" world", b"!"))
    done = run(interface, [reading("same", limit=4)], app, Request())
    assert done.result.chunks[:2] == [b"hello", b" world"]
    assert done.result.body == b"hello world!"
    assert done.result.lines == lines(OF_THE_BYTES)
    assert not any(decision.rule.startswith("judge") for decision in done.decisions)


@INTERFACES
def test_a_body_of_exactly_the_limit_is_judged(interface):
    done = run(interface, [reading("upper", limit=5)], SampleApp(), Request())
    assert done.result.body == b"HELLO"


@INTERFACES
@pytest.mark.parametrize("observes", [True, False])
def test_a_failure_at_the_limit_is_a_500_unless_the_layer_observes(interface, observes):
    def fails(exchange):
        raise LayerBug

    class Failing(Layer):
        def on_response_body(self, exchange, head):
            return ReadBody(2, lambda exchange, head, body: body, fails)

    layer = Failing()
    layer.observes = observes
    result = run(interface, [layer], SampleApp(), Request()).result
    assert (result.status, result.body == b"hello") == ((200, True) if observes else (500, False))


@INTERFACES
@pytest.mark.parametrize("nested", [True, False])
def test_several_readers_take_their_turn_from_the_inside_out(interface, nested):
    scripts = [Script(reading="same"), Script(), Script(reading="upper"), Script(reading="same")]
    done = run(interface, layers_of(scripts), SampleApp(), Request(), nested=nested)
    judged = [d for d in done.decisions if d.rule.startswith("judge")]
    assert [(d.layer, d.reason) for d in judged] == [
        ("layer-3", "b'hello'"),
        ("layer-2", "b'hello'"),
        ("layer-0", "b'HELLO'"),
    ]
    assert done.result.body == b"HELLO"


@INTERFACES
def test_the_app_sees_what_layers_on_both_sides_of_a_reader_found_out(interface):
    scripts = [Script("authenticate"), Script(reading="same"), Script("read"), Script()]
    app = SampleApp()
    run(interface, layers_of(scripts), app, Request(method="POST", body=(b"abc",)))
    (seen,) = app.seen
    assert (seen.principal.subject, seen.body) == ("layer-0", b"abc")
    asked = {d.layer for d in seen.decisions if d.rule.startswith("on_request")}
    assert asked == {"layer-0", "layer-1", "layer-2", "layer-3"}


@INTERFACES
def test_a_reader_sees_refusals_from_the_inside_and_none_from_the_outside(interface):
    for scripts, expected in (
        ([Script(reading="upper"), Script("refuse")], b"NO"),
        ([Script("refuse"), Script(reading="upper")], b"no"),
        ([Script("refuse", reading="upper")], b"no"),
    ):
        done = run(interface, layers_of(scripts), SampleApp(), Request())
        assert (done.result.status, done.result.body, done.seen) == (403, expected, [])


@INTERFACES
def test_an_app_that_fails_under_a_reader_has_sent_nothing(interface):
    """Half of a response must not leave before the rest is judged."""
    app = SampleApp(fails="after")
    result = drive(
        interface, getattr(reading("same"), interface)(getattr(app, interface)), Request()
    )
    assert (result.status, result.body) == (500, FAILED.body)
    assert isinstance(result.error, RuntimeError)


@INTERFACES
def test_a_stack_without_a_reader_is_not_cut(interface):
    app = getattr(SampleApp(), interface)
    wrapped = getattr(Stack(*layers_of([Script()] * 3)), interface)(app)
    assert wrapped.app is app
    cut = getattr(Stack(*layers_of([Script(), Script(reading="same"), Script()])), interface)(app)
    assert [layer.name for layer in cut.__ringwall__.chain] == ["layer-0", "layer-1", "layer-2"]
    assert cut.app.app.app is app


def test_the_order_is_checked_across_readers():
    inner, outer = Scripted("inner", Script(reading="same")), reading("same")
    outer.inside = frozenset({"inner"})
    with pytest.raises(ConfigurationError, match="cannot stand outside"):
        outer.asgi(inner.asgi(SampleApp().asgi))


def test_a_hook_that_could_not_work_is_refused():
    class Async(Layer):
        async def on_response_body(self, exchange, head): ...

    class IO(Layer):
        def on_response_body(self, exchange, head):
            yield

    for layer, hint in ((Async, "async def"), (IO, "cannot do I/O")):
        with pytest.raises(ConfigurationError, match=hint):
            Stack(layer())


DIGESTS = ((b"Content-Digest", b"x"), (b"Digest", b"x"), (b"content-md5", b"x"))


@INTERFACES
def test_a_replaced_body_reaches_the_layers_inside_and_the_app_with_its_own_length(interface):
    scripts = [Script("read"), Script("read-replace"), Script("read")]
    request = Request(method="POST", body=(b"ab", b"c"), headers=((b"host", b"a"), *DIGESTS))
    app = SampleApp()
    done = run(interface, layers_of(scripts), app, request)
    assert [d.rule for d in done.decisions if d.rule.startswith("read")] == [
        "read b'abc'",
        "read b'abc'",
        "read b'ABC'",
    ]
    assert app.seen[0].body == b"ABC"


def test_a_replaced_body_is_framed_once_and_followed_by_the_disconnect():
    told = []

    async def app(scope, receive, send):
        told.extend([scope["headers"], await receive(), await receive()])

    headers = ((b"host", b"a"), *DIGESTS, (b"transfer-encoding", b"chunked"))
    layer = Scripted("replacing", Script("read-replace"))
    body = {"type": "http.request", "body": b"ab", "more_body": False}
    call(layer.asgi(app), Request(method="POST", headers=headers).scope(), [body])
    assert told[0] == [(b"host", b"a"), (b"content-length", b"2")]
    assert told[1] == {**body, "body": b"AB"}
    assert told[2] == {"type": "http.disconnect"}


def test_a_replaced_body_of_wsgi_is_framed_once():
    environ = Request(
        method="POST", headers=(*DIGESTS, (b"transfer-encoding", b"chunked")), body=(b"ab",)
    ).environ()
    serve(Scripted("replacing", Script("read-replace")).wsgi(answering([])), environ)
    assert environ["wsgi.input"].read() == b"AB"
    assert environ["CONTENT_LENGTH"] == "2"
    assert not {"HTTP_TRANSFER_ENCODING", "HTTP_DIGEST", "HTTP_CONTENT_MD5"} & environ.keys()


# --- ASGI -----------------------------------------------------------------------------------------


def test_websockets_and_lifespans_pass_untouched():
    result = drive("asgi", reading("refuse-head").asgi(SampleApp().asgi), Request(websocket=True))
    assert result.events == ["websocket.accept", "websocket.close"]
    given = []

    async def app(*arguments):
        given.extend(arguments)

    scope = {"type": "lifespan"}
    call(reading("refuse").asgi(app), scope)
    assert given[0] is scope


def test_early_hints_pass_before_the_body_is_there():
    hint = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}
    sent = call(reading("upper").asgi(sending(hint, start(), hint, part(b"a"), part(b"b", False))))
    assert [m["type"].rpartition(".")[2] for m in sent] == [
        "early_hint",
        "early_hint",
        "start",
        "body",
    ]
    assert sent[3] == part(b"AB", False)


@pytest.mark.parametrize(("do", "left"), [("same", True), ("upper", False), ("refuse", False)])
def test_trailers_leave_only_with_the_bytes_they_tell_of(do, left):
    """A digest, say, of what was taken out (RFC 9530)."""
    trailers = {
        "type": "http.response.trailers",
        "headers": [(b"x-t", b"1")],
        "more_trailers": False,
    }
    app = sending(start(trailers=True), part(b"a", False), trailers)
    sent = call(reading(do).asgi(app))
    assert (trailers in sent, sent[0].get("trailers", False)) == (left, left)


@pytest.mark.parametrize("kind", ["http.response.pathsend", "http.response.zerocopysend"])
def test_a_file_that_the_server_would_read_past_the_layer_does_not_leave(kind):
    file = {"type": kind, "path": "/etc/hostname", "more_body": False}
    sent = call(reading("same").asgi(sending(start(), file)))
    assert (sent[0]["status"], file in sent) == (500, False)
    assert call(reading("same").asgi(sending(start(), part(b"a"), file)))[0]["status"] == 500
    sent = call(reading("same", observes=True).asgi(sending(start(), file)))
    assert (sent[0]["status"], sent[1]) == (200, file)
    sent = call(reading("same").asgi(sending(start(), file)), Request(method="HEAD").scope())
    assert sent[1] == part(b"", False)
    sent = call(reading("untouched").asgi(sending(start(), file)))
    assert sent[1] == file


def test_a_stream_is_stopped_once_another_response_was_sent():
    """An app that streams without end would never come back."""
    reached = []
    app = sending(start(), *[part(b"x" * 50)] * 4, sent=reached)
    sent = call(reading("upper").asgi(app))
    assert [m.get("status") for m in sent] == [502, None]
    assert reached == ["http.response.start"] + ["http.response.body"] * 2
    reached.clear()
    call(reading("refuse-head").asgi(app))
    assert reached == ["http.response.start"]


def test_an_app_that_ends_in_the_middle_has_sent_nothing():
    assert call(reading("same").asgi(sending(start(), part(b"a")))) == []


def test_a_second_start_is_left_to_the_server_to_refuse():
    sent = call(reading("same").asgi(sending(start(), start(status=201), part(b"a", False))))
    assert [m.get("status") for m in sent] == [201, 200, None]


def test_what_comes_after_the_end_is_left_to_the_server():
    sent = call(reading("same").asgi(sending(start(), part(b"a", False), part(b"b", False))))
    assert [m.get("body") for m in sent] == [None, b"a", b"b"]


def test_the_principal_of_outer_layers_reaches_the_app():
    found = []

    async def app(scope, receive, send):
        found.append(principal_of(scope))
        await sending(start(), part(b"a", False))(scope, receive, send)

    call(Stack(Scripted("who", Script("authenticate")), reading("same")).asgi(app))
    assert found[0].subject == "who"


# --- WSGI -----------------------------------------------------------------------------------------


def answering(result, status="200 OK", headers=()):
    def app(environ, start_response):
        start_response(status, list(headers))
        return result

    return app


@pytest.mark.parametrize("do", ["same", "upper", "refuse", "refuse-head"])
def test_close_is_called_exactly_once(do):
    body = Closing(iter([b"one", b"two"]))
    heads, _, result = serve(reading(do).wsgi(answering(body)))
    assert (heads, body.closed) == ([], 0)
    assert b"".join(result) in (b"onetwo", b"ONETWO", b"no body", b"no head")
    assert (len(heads), body.closed) == (1, 0)
    result.close()
    result.close()
    assert body.closed == 1


def test_a_result_without_close_needs_none():
    _, _, result = serve(reading("same").wsgi(answering(iter([b"a"]))))
    assert list(result) == [b"a"]
    result.close()


def test_a_body_that_is_a_list_stays_one():
    _, _, result = serve(reading("upper").wsgi(answering([b"a", b"b"])))
    assert result == [b"AB"]


def test_what_is_written_is_read_too():
    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"one ")
        write(b"two ")
        write(b"")
        return [b"three"]

    _, written, result = serve(reading("upper").wsgi(app))
    assert (written, list(result)) == ([], [b"ONE TWO THREE"])
    _, written, result = serve(reading("upper", limit=5).wsgi(app))
    assert (written, list(result)) == ([], [b"large"])
    _, written, result = serve(reading("refuse-head").wsgi(app))
    assert (written, list(result)) == ([], [b"no head"])
    environ = Request(method="HEAD").environ()
    _, written, result = serve(reading("upper").wsgi(app), environ)
    assert (written, b"".join(result)) == ([], b"")
    heads, written, result = serve(reading("same", limit=3).wsgi(app))
    assert (written, list(result), len(heads)) == ([b"one ", b"two ", b""], [b"three"], 1)
    _, written, result = serve(reading("untouched").wsgi(app))
    assert (written, list(result)) == ([b"one ", b"two ", b""], [b"three"])


def test_a_start_response_at_the_first_iteration_is_read_too():
    def app(environ, start_response):
        yield b""
        start_response("200 OK", [])
        yield b"one"

    heads, _, result = serve(reading("upper").wsgi(app))
    assert heads == []
    assert b"".join(result) == b"ONE"
    assert heads[0][1] == [("content-length", "3")]


@pytest.mark.parametrize(
    ("first", "second", "body"),
    [("json", "json", b"OOPS"), ("json", "html", b"oops"), ("html", "json", b"OOPS")],
)
def test_a_second_head_with_exc_info_is_asked_again(first, second, body):
    class Choosing(Layer):
        def on_response_body(self, exchange, head):
            if head.get(b"content-type") != b"json":
                return None
            return ReadBody(9, lambda exchange, head, body: body.upper(), None)

    def app(environ, start_response):
        start_response("200 OK", [("content-type", first)])(b"half")
        try:
            raise AppError("late")
        except AppError:
            start_response("500 Oops", [("content-type", second)], sys.exc_info())
        return [b"oops"]

    heads, _, result = serve(Choosing().wsgi(app))
    assert list(result) == [body]
    assert heads[-1][0] == "500 Oops"
    assert heads[-1][2][0] is AppError
    assert len(heads) == (2 if first == "html" else 1)


def test_a_second_head_without_exc_info_is_an_error():
    def app(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])

    _, _, result = serve(reading("same").wsgi(app))
    with pytest.raises(RuntimeError, match="a second time"):
        list(result)


def test_an_endless_iterable_is_left_at_the_limit():
    def endless():
        while True:
            yield b"x" * 30

    heads, _, result = serve(reading("upper").wsgi(answering(endless())))
    assert (list(result), heads[0][0]) == ([b"large"], "502 Bad Gateway")


def test_a_status_that_the_hook_changes_gets_its_phrase():
    class Changing(Layer):
        def on_response_body(self, exchange, head):
            return Response(418, [])

    heads, _, result = serve(Changing().wsgi(answering([b"a"], "299 Odd")))
    assert (heads[0][0], list(result)) == ("418 I'm a Teapot", [b""])
