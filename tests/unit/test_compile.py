"""What the compiler makes of layers, where generated stacks do not look closely."""

from __future__ import annotations

import asyncio
import logging

import pytest

from core_support import LayerBug, Script, Scripted, layers_of
from ringwall import Addition, Layer, Response, Stack
from ringwall._pending import Call
from ringwall.testing import Request, SampleApp, drive, run

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


@INTERFACES
def test_only_the_layers_outside_a_refusal_see_it(interface):
    add = (("add", b"x-turn"),)
    scripts = [
        Script(response=add),
        Script(response=add),
        Script("refuse", add),
        Script(response=add),
    ]
    done = run(interface, layers_of(scripts), SampleApp(), Request())
    assert done.result.lines[b"x-turn"] == [b"layer-1", b"layer-0"]
    assert [d.layer for d in done.decisions if d.rule == "on_complete"] == [
        "layer-2",
        "layer-1",
        "layer-0",
    ]


@INTERFACES
def test_constant_headers_leave_the_apps_own_alone(interface):
    layers = [Scripted("a", Script(constant=((b"x-a", b"1"), (b"x-b", b"1"))))]
    app = SampleApp(headers=((b"X-A", b"app"),))
    lines = run(interface, layers, app, Request()).result.lines
    assert lines == {b"x-a": [b"app"], b"x-b": [b"1"]}


@INTERFACES
def test_a_constant_header_keeps_its_place_if_a_hook_may_write_the_same_name(interface):
    """The outer layer removes what the inner one sets; the batch must not put it back."""
    layers = layers_of([Script(response=(("remove", b"x-a"),)), Script(constant=((b"x-a", b"1"),))])
    assert b"x-a" not in run(interface, layers, SampleApp(), Request()).result.lines
    layers = layers_of([Script(constant=((b"x-a", b"1"),)), Script(response=(("remove", b"x-a"),))])
    assert run(interface, layers, SampleApp(), Request()).result.lines[b"x-a"] == [b"1"]


@INTERFACES
def test_tolerant_layers_see_what_the_boundary_refuses(interface):
    app = SampleApp()
    layers = layers_of([Script(tolerant=True), Script(), Script(tolerant=True)])
    done = run(interface, layers, app, Request(headers=((b"host", b"a b"),)))
    assert [d.layer for d in done.decisions if d.rule.startswith("on_request")] == ["layer-0"]
    assert [d.layer for d in done.decisions if d.rule == "on_complete"] == ["layer-0"]
    assert "boundary" in [d.layer for d in done.decisions]
    assert app.seen == []


@INTERFACES
def test_a_failing_layer_says_in_the_log_where_but_not_what(interface, caplog):
    with caplog.at_level(logging.ERROR, "ringwall"):
        done = run(interface, layers_of([Script("raise")]), SampleApp(), Request())
    assert done.result.status == 500
    assert "layer-0 failed with LayerBug" in caplog.text
    assert "core_support.py" in caplog.text
    assert "SECRET" not in caplog.text
    assert done.decisions[-1].outcome != "deny"
    assert ("layer-0", "error", "internal", "internal-error", None) in done.decisions


@INTERFACES
def test_a_boundary_that_fails_closes_the_door_in_its_own_name(interface, monkeypatch, caplog):
    app = SampleApp()
    stack = Stack(Scripted("layer", Script()), paths="strict")

    def broken(exchange):
        raise LayerBug

    monkeypatch.setattr(stack._boundary, "judge_path", broken)
    result = drive(interface, getattr(stack, interface)(getattr(app, interface)), Request())
    assert result.status == 500
    assert app.seen == []
    assert "boundary failed with LayerBug" in caplog.text


@INTERFACES
@pytest.mark.parametrize("complete", ["raise", "io-raise"])
def test_a_failing_end_is_told_to_the_log_alone(interface, complete, caplog):
    done = run(interface, layers_of([Script(complete=complete)]), SampleApp(), Request())
    assert done.result.body == b"hello"
    assert done.result.error is None
    assert "Scripted.on_complete failed with LayerBug" in caplog.text
    assert "SECRET" not in caplog.text


class Interrupted(BaseException):
    """Like SystemExit, which the driver of the tests lets through."""


@INTERFACES
def test_an_interrupted_end_does_not_take_the_turn_of_the_others(interface):
    ended = []

    def interrupt():
        raise Interrupted

    async def interrupt_later():
        raise Interrupted

    class Interrupting(Layer):
        def on_complete(self, exchange, outcome):
            yield Call(interrupt, interrupt_later)

    class Ending(Layer):
        def on_complete(self, exchange, outcome):
            ended.append(outcome.status)

    wrapped = getattr(Stack(Ending(), Interrupting()), interface)(getattr(SampleApp(), interface))
    result = drive(interface, wrapped, Request())
    assert isinstance(result.error, Interrupted)
    assert ended == [200]


@INTERFACES
def test_an_interrupt_inside_a_hook_ends_the_exchange_and_passes(interface):
    app = SampleApp()

    class Interrupting(Layer):
        def on_request(self, exchange):
            raise Interrupted

    outer = Scripted("outer", Script())
    done = run(interface, [outer, Interrupting()], app, Request())
    assert isinstance(done.result.error, Interrupted)
    assert isinstance(done.outcome.error, Interrupted)
    assert app.seen == []


@INTERFACES
def test_an_observer_may_answer_and_its_nonsense_is_nothing(interface):
    scripts = [Script("garbage", observes=True), Script("io-garbage", observes=True)]
    assert run(interface, layers_of(scripts), SampleApp(), Request()).result.status == 200
    answer = [Script("refuse", observes=True)]
    assert run(interface, layers_of(answer), SampleApp(), Request()).result.status == 403


@INTERFACES
def test_a_layer_that_fails_twice_over_leaves_one_problem(interface):
    """The inner one fails on the app's head, the outer one on the 500 that replaces it."""
    scripts = [Script(response=(("add", b"x-outer"),)), Script(response=(("raise", b""),))]
    done = run(interface, layers_of([*scripts, scripts[1]]), SampleApp(), Request())
    assert done.result.status == 500
    assert done.result.lines[b"x-outer"] == [b"layer-0"]
    assert done.result.lines[b"content-type"] == [b"application/problem+json"]
    assert [d.layer for d in done.decisions if d.outcome == "error"] == ["layer-2", "layer-1"]


@INTERFACES
def test_a_header_that_would_split_the_response_becomes_a_500(interface):
    class Injects(Layer):
        sets = frozenset({b"x-a"})

        def on_response(self, exchange, head):
            head.add(b"x-a", b"1\r\nset-cookie: session=1")

    result = run(interface, [Injects()], SampleApp(), Request()).result
    assert result.status == 500
    assert b"x-a" not in result.lines
    assert b"set-cookie" not in result.lines


@INTERFACES
def test_an_error_between_two_stacks_that_was_answered_is_no_error_outside(interface):
    outcomes = []

    class Watching(Layer):
        def __init__(self, name):
            self.name = name

        def on_complete(self, exchange, outcome):
            outcomes.append((self.name, outcome.status, type(outcome.error)))

    app = SampleApp(fails="before")
    stack = Stack(Watching("inner"), answer_errors=False)
    inner = getattr(stack, interface)(getattr(app, interface))

    async def no_body():  # the app that failed has read it
        return {"type": "http.request", "body": b"", "more_body": False}

    async def handles(scope, receive, send):
        try:
            await inner(scope, receive, send)
        except RuntimeError:
            await SampleApp(503).asgi(scope, no_body, send)

    def handles_wsgi(environ, start_response):
        try:
            return inner(environ, start_response)
        except RuntimeError:
            return SampleApp(503).wsgi(environ, start_response)

    between = handles if interface == "asgi" else handles_wsgi
    outer = getattr(Watching("outer"), interface)(between)
    assert drive(interface, outer, Request()).status == 503
    assert outcomes == [("inner", None, RuntimeError), ("outer", 503, type(None))]


def test_a_cancelled_pending_is_told_to_the_policy_and_passes():
    told = []

    async def forever():
        await asyncio.Event().wait()

    class Waits(Layer):
        def on_request(self, exchange):
            try:
                yield Call(None, forever)
            finally:
                told.append("cleaned up")

    app = SampleApp()

    async def main():
        task = asyncio.ensure_future(Waits().asgi(app.asgi)(Request().scope(), None, None))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert told == ["cleaned up"]
    assert app.seen == []


def test_a_response_can_be_sent_many_times():
    response = Response(403, [(b"x-a", b"1")], b"no")

    class Refuses(Layer):
        def on_request(self, exchange):
            return response

    class Adds(Layer):
        sets = frozenset({b"x-a"})

        def on_response(self, exchange, head):
            head.add(b"x-a", b"2")
            head.remove(b"content-length")

    for interface in ("asgi", "wsgi"):
        for _ in range(2):
            result = run(interface, [Adds(), Refuses()], SampleApp(), Request()).result
            assert result.lines == {b"x-a": [b"1", b"2"]}
    assert response.headers == ((b"x-a", b"1"), (b"content-length", b"2"))


def test_a_constant_header_does_not_yield_to_what_its_own_layer_adds():
    class Outer(Layer):
        constant_headers = ((b"x-a", b"1"),)
        sets = adds = frozenset({b"x-a"})

        def on_request(self, exchange):
            exchange.additions.append(Addition(self, ((b"x-a", b"3"),)))

    class Inner(Layer):
        sets = adds = frozenset({b"x-a"})

        def on_request(self, exchange):
            if exchange.method == "POST":
                exchange.additions.append(Addition(self, ((b"x-a", b"2"),)))

    for interface in ("asgi", "wsgi"):
        for method, values in (("GET", [b"1", b"3"]), ("POST", [b"2", b"3"])):
            layers, request = [Outer(), Inner()], Request(method=method)
            assert run(interface, layers, SampleApp(), request).result.lines[b"x-a"] == values


def test_nor_to_what_layers_outside_add():
    class Adds(Layer):
        sets = adds = frozenset({b"x-a"})

        def __init__(self, value, on):
            self._value, self._on = value, on

        def on_request(self, exchange):
            if exchange.method in self._on:
                exchange.additions.append(Addition(self, ((b"x-a", self._value),)))

    class Constant(Layer):
        constant_headers = ((b"x-a", b"1"),)
        sets = frozenset({b"x-a"})

    for interface in ("asgi", "wsgi"):
        for method, values in (("GET", [b"1", b"3"]), ("POST", [b"2", b"3"])):
            layers = [Adds(b"3", ("GET", "POST")), Constant(), Adds(b"2", ("POST",))]
            request = Request(method=method)
            assert run(interface, layers, SampleApp(), request).result.lines[b"x-a"] == values
