"""Points 1 to 16 of the conformance checklist: what an ASGI middleware must leave as it is."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from conformance.shapes import ADDED, END, SHAPES, START, around, call, layers, lines, refusing
from core_support import AppError, Script, Scripted
from ringwall import Stack, principal_of
from ringwall._exchange import KEY
from ringwall.testing import Request, SampleApp, drive

pytestmark = pytest.mark.parametrize("shape", SHAPES)


async def plain(scope, receive, send):
    await send(START)
    await send(END)


@pytest.mark.parametrize("kind", ["lifespan", "mqtt"])
def test_01_lifespan_and_unknown_scopes_pass_untouched_and_so_do_their_exceptions(shape, kind):
    given = []

    async def app(*arguments):
        given.extend(arguments)
        raise AppError

    async def receive(): ...
    async def send(message): ...

    scope = {"type": kind}
    with pytest.raises(AppError):
        asyncio.run(around(shape, "asgi", app)(scope, receive, send))
    assert given[0] is scope
    assert given[1] is receive
    assert given[2] is send
    assert scope == {"type": kind}


def test_02_the_scope_is_copied_never_changed_and_state_and_extensions_stay_themselves(shape):
    given = []

    async def app(scope, receive, send):
        given.append(scope)
        scope["mine"] = 1
        await plain(scope, receive, send)

    scope = Request().scope()
    before = dict(scope)
    call(around(shape, "asgi", app), scope)
    assert scope == before
    assert given[0] is not scope
    assert all(given[0][name] is scope[name] for name in ("state", "extensions", "headers"))


def test_03_receive_is_the_servers_own_and_the_disconnect_reaches_the_app(shape):
    got = []

    async def app(scope, receive, send):
        got.extend([receive, await receive(), await receive()])
        await plain(scope, receive, send)

    first = {"type": "http.request", "body": b"a", "more_body": True}
    gone = {"type": "http.disconnect"}
    waiting = [first, gone]

    async def receive():
        return waiting.pop(0)

    async def send(message): ...

    asyncio.run(around(shape, "asgi", app)(Request().scope(), receive, send))
    assert got[0] is receive
    assert got[1] is first
    assert got[2] is gone


def test_04_one_message_in_is_one_message_out_at_once_and_an_endless_stream_works(shape):
    events = []

    async def app(scope, receive, send):
        await send(START)
        number = 0
        while True:
            events.append(f"app {number}")
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
            number += 1

    async def send(message):
        if message["type"] == "http.response.body":
            events.append(f"server {message['body'].decode()}")
            if message["body"] == b"100":
                raise OSError("the client is gone")

    with pytest.raises(OSError, match="gone"):
        call(around(shape, "asgi", app), send=send)
    assert events == [f"{who} {n}" for n in range(101) for who in ("app", "server")]


def test_05_extension_messages_pass_as_they_are(shape):
    messages = [
        {"type": "http.response.debug", "info": {"a": 1}},
        {"type": "http.response.early_hint", "links": [b"</a>"]},
        {"type": "http.response.push", "path": "/a", "headers": []},
        {**START, "trailers": True},
        {"type": "http.response.zerocopysend", "file": object(), "more_body": True},
        {"type": "http.response.pathsend", "path": "/srv/a"},
        {"type": "http.response.trailers", "headers": [], "more_trailers": False},
    ]

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    sent = call(around(shape, "asgi", app))
    assert len(sent) == len(messages)
    for ours, theirs in zip(sent, messages, strict=True):
        if theirs["type"] == "http.response.start":
            assert ours["trailers"] is True
        else:
            assert ours is theirs


def test_06_only_the_start_is_edited_on_a_copy_and_cookies_keep_their_order(shape):
    cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"set-cookie", b"a=3")]
    start = {"type": "http.response.start", "status": 200, "headers": cookies, "extra": 1}

    async def app(scope, receive, send):
        await send(start)
        await send(END)

    sent = call(around(shape, "asgi", app))
    assert start["headers"] == cookies
    assert len(start["headers"]) == 3
    assert sent[0]["extra"] == 1
    assert [line for line in sent[0]["headers"] if line[0] == b"set-cookie"] == cookies
    assert sent[1] is END
    assert lines(sent[0]["headers"]).items() >= ADDED.items()


@pytest.mark.parametrize("spelling", [b"X-Constant", b"X-CONSTANT", b"x-constant"])
def test_07_names_are_emitted_in_lower_case_and_compared_without_case(shape, spelling):
    async def app(scope, receive, send):
        await send({**START, "headers": [(spelling, b"the app's own")]})
        await send(END)

    sent = call(around(shape, "asgi", app))[0]["headers"]
    assert lines(sent)[b"x-constant"] == [b"the app's own"]
    assert all(type(n) is bytes and type(v) is bytes for n, v in sent)
    assert all(name.islower() for name, value in sent if name != spelling)


@pytest.mark.parametrize("given", [None, (), iter([]), "absent"])
def test_08_response_headers_may_be_absent_or_any_iterable(shape, given):
    start = {"type": "http.response.start", "status": 204}
    if given != "absent":
        start["headers"] = given

    async def app(scope, receive, send):
        await send(start)
        await send(END)

    assert lines(call(around(shape, "asgi", app))[0]["headers"]).items() >= ADDED.items()


@pytest.mark.parametrize("kind", [tuple, iter, "absent"])
def test_08_request_headers_may_be_absent_a_tuple_or_a_generator(shape, kind):
    scope = Request().scope()
    if kind == "absent":
        del scope["headers"]
    else:
        scope["headers"] = kind([(b"host", b"a"), (b"x-want", b"1")])
    got = []

    async def app(scope, receive, send):
        got.append(list(scope.get("headers", ())))
        await plain(scope, receive, send)

    assert call(around(shape, "asgi", app), scope)[0]["status"] == 200
    assert got == [[] if kind == "absent" else [(b"host", b"a"), (b"x-want", b"1")]]


def test_09_a_refused_websocket_is_denied_by_a_response_where_the_server_offers_it(shape):
    app = SampleApp()
    result = drive(
        "asgi", around(shape, "asgi", app.asgi, refusing(shape)), Request(websocket=True)
    )
    assert result.events == ["websocket.http.response.start", "websocket.http.response.body"]
    assert result.status == 403
    assert result.body == b"no"
    assert app.seen == []
    if shape != "lone":
        assert result.lines.items() >= ADDED.items()


def test_09_a_refused_websocket_is_closed_before_the_accept_where_it_does_not(shape):
    app = SampleApp()
    result = drive(
        "asgi",
        around(shape, "asgi", app.asgi, refusing(shape)),
        Request(websocket=True, denial=False),
    )
    assert result.events == ["websocket.close"]
    assert result.close_code == 1008
    assert app.seen == []


def test_09_a_websocket_that_is_gone_before_the_refusal_gets_no_message(shape):
    sent = call(
        around(shape, "asgi", plain, refusing(shape)),
        Request(websocket=True).scope(),
        [{"type": "websocket.disconnect", "code": 1006}],
    )
    assert sent == []


def test_09_an_accepted_websocket_passes_message_for_message(shape):
    got = []
    messages = [
        {"type": "websocket.accept", "headers": [(b"x-a", b"1")]},
        {"type": "websocket.send", "text": "hello"},
        {"type": "websocket.close", "code": 4000, "reason": "done"},
    ]
    arriving = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.disconnect", "code": 1001},
    ]

    async def app(scope, receive, send):
        for message in messages:
            got.append(await receive())
            await send(message)

    sent = call(around(shape, "asgi", app), Request(websocket=True).scope(), arriving)
    assert all(ours is theirs for ours, theirs in zip(sent, messages, strict=True))
    assert all(ours is theirs for ours, theirs in zip(got, arriving, strict=True))


@pytest.mark.parametrize("sent_before", [[], [START], [START, {**END, "more_body": True}]])
def test_10_an_exception_of_the_app_propagates_and_nothing_more_is_sent(shape, sent_before):
    async def app(scope, receive, send):
        for message in sent_before:
            await send(message)
        raise AppError("mine")

    sent = []

    async def send(message):
        sent.append(message["type"])

    with pytest.raises(AppError, match="mine"):
        call(around(shape, "asgi", app, answer_errors=False), send=send)
    assert sent == [message["type"] for message in sent_before]
    sent.clear()
    with pytest.raises(AppError, match="mine"):
        call(around(shape, "asgi", app), send=send)
    # A response that has not started is ours to give, and the exception goes on all the same.
    ours = ["http.response.start", "http.response.body"]
    assert sent == ([message["type"] for message in sent_before] or ours)


def test_10_an_app_that_answers_500_and_re_raises_gets_its_one_response(shape):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send(END)
        raise AppError("mine")

    sent = []

    async def send(message):
        sent.append(message)

    with pytest.raises(AppError):
        call(around(shape, "asgi", app), send=send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert lines(sent[0]["headers"]).items() >= ADDED.items()


def test_11_background_work_after_the_last_body_message_runs(shape):
    ran = []

    async def app(scope, receive, send):
        await plain(scope, receive, send)
        await asyncio.sleep(0)
        ran.append(True)

    call(around(shape, "asgi", app))
    assert ran == [True]


def test_11_cancellation_reaches_the_app_and_passes_outwards(shape):
    seen = []

    async def app(scope, receive, send):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main():
        task = asyncio.ensure_future(around(shape, "asgi", app)(Request().scope(), None, None))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_12_no_new_task_and_context_variables_flow_both_ways(shape):
    variable = contextvars.ContextVar("variable", default="unset")
    tasks = []

    async def app(scope, receive, send):
        tasks.append((asyncio.current_task(), variable.get()))
        variable.set("from the app")
        await plain(scope, receive, send)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        tasks.append((asyncio.current_task(), variable.get()))

    async def main():
        variable.set("from the server")
        await around(shape, "asgi", app)(Request().scope(), receive, send)
        assert {task for task, _ in tasks} == {asyncio.current_task()}
        assert len(asyncio.all_tasks()) == 1
        assert variable.get() == "from the app"

    asyncio.run(main())
    assert [value for _, value in tasks] == ["from the server", "from the app", "from the app"]


@pytest.mark.parametrize("raw", ["absent", None, b"/a", b"/\xe9"])
def test_13_raw_path_may_be_absent_none_or_8_bit(shape, raw):
    scope = {**Request().scope(), "path": "/a", "raw_path": raw}
    if raw == "absent":
        del scope["raw_path"]
    assert call(around(shape, "asgi", plain), scope)[0]["status"] == 200


def test_13_the_mount_point_is_not_doubled_and_the_app_sees_its_own_path(shape):
    paths = []

    async def app(scope, receive, send):
        paths.append((scope["path"], scope["root_path"], scope[KEY].path, scope[KEY].root))
        await plain(scope, receive, send)

    scope = {**Request().scope(), "path": "/api/orders", "root_path": "/api"}
    call(around(shape, "asgi", app), scope)
    assert paths == [("/api/orders", "/api", "/orders", "/api")]


@pytest.mark.parametrize("path", ["admin", "", "*", "http://evil/x"])
def test_13_a_path_without_a_slash_is_refused_where_a_layer_decides_by_path(shape, path):
    app = SampleApp()
    scope = {**Request().scope(), "path": path, "raw_path": path.encode()}
    sent = call(around(shape, "asgi", app.asgi), scope)
    by_path = shape != "lone"
    assert sent[0]["status"] == (400 if by_path else 200)
    assert len(app.seen) == (0 if by_path else 1)


@pytest.mark.parametrize("client", [None, ["192.0.2.1", "51000"], ("", 0), "absent"])
@pytest.mark.parametrize("server", [None, ("/run/a.sock", None), "absent"])
def test_14_client_server_and_host_may_be_missing(shape, client, server):
    scope = {**Request(headers=()).scope(), "client": client, "server": server}
    for name in ("client", "server"):
        if scope[name] == "absent":
            del scope[name]
    given = []

    async def app(scope, receive, send):
        given.append({name: scope.get(name, "absent") for name in ("client", "server")})
        await plain(scope, receive, send)

    assert call(around(shape, "asgi", app), scope)[0]["status"] == 200
    assert given == [{"client": client, "server": server}]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_15_content_length_is_untouched_where_there_is_no_body(shape, method, status):
    async def app(scope, receive, send):
        headers = [(b"content-length", b"5")] if method == "HEAD" else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    sent = call(around(shape, "asgi", app), Request(method=method).scope())
    expected = [b"5"] if method == "HEAD" else None
    assert lines(sent[0]["headers"]).get(b"content-length") == expected
    assert sent[1]["body"] == b""


def test_15_a_refusal_of_head_has_no_body_and_the_length_of_the_one_for_get(shape):
    app = around(shape, "asgi", plain, refusing(shape))
    get, head = (drive("asgi", app, Request(method=method)) for method in ("GET", "HEAD"))
    assert head.body == b""
    assert get.body == b"no"
    assert head.lines == get.lines
    assert head.lines[b"content-length"] == [b"2"]


def test_16_one_instance_serves_concurrent_tasks_and_threads(shape):
    async def app(scope, receive, send):
        number = scope["query_string"]
        await asyncio.sleep(0)
        who = principal_of(scope)
        await send({**START, "headers": [(b"x-number", number)]})
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"%s %r" % (number, bool(who))})

    wrapped = around(shape, "asgi", app)
    wrong = []

    async def one(number):
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            await asyncio.sleep(0)
            sent.append(message)

        await wrapped(Request(target=b"/?%d" % number).scope(), receive, send)
        expected = b"%d %r" % (number, shape != "lone")
        if lines(sent[0]["headers"])[b"x-number"] != [b"%d" % number]:
            wrong.append(number)
        if sent[1]["body"] != expected or not lines(sent[0]["headers"]).items() >= ADDED.items():
            wrong.append(number)

    async def many():
        await asyncio.gather(*(one(number) for number in range(50)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_second_start_from_the_app_is_passed_on_for_the_server_to_judge(shape):
    async def app(scope, receive, send):
        await send(START)
        await send(START)
        await send(END)

    sent = [message["type"] for message in call(around(shape, "asgi", app))]
    assert sent == ["http.response.start", "http.response.start", "http.response.body"]


def test_an_endless_stream_is_stopped_when_a_layer_fails_on_its_head(shape):
    """Nobody listens any more; without backpressure it would block the event loop for ever."""
    stopped = []

    async def app(scope, receive, send):
        await send(START)
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        except OSError:
            stopped.append(True)
            raise

    failing = [*layers(shape), Scripted("bug", Script(response=(("raise", b""),)))]
    sent = call(around(shape, "asgi", app, failing))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 500
    assert stopped == [True]


def test_a_websocket_does_not_slip_past_layers_made_for_http(shape):
    app = SampleApp()
    stack = Stack(*refusing(shape))
    assert drive("asgi", stack.asgi(app.asgi), Request(websocket=True)).status == 403
    assert app.seen == []


def test_lifespan_is_served_by_the_app_alone(shape):
    async def app(scope, receive, send):
        assert await receive() == {"type": "lifespan.startup"}
        await send({"type": "lifespan.startup.complete"})

    sent = call(
        around(shape, "asgi", app, refusing(shape)),
        {"type": "lifespan", "asgi": {"version": "3.0"}},
        [{"type": "lifespan.startup"}],
    )
    assert sent == [{"type": "lifespan.startup.complete"}]
