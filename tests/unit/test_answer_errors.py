"""An app that raises before its response leaves: our 500, through the layers, and the exception."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from ringwall import CORS, HTTPS, ConfigurationError, Exchange, Layer, SecurityHeaders, Stack
from ringwall._failure import FAILED
from ringwall.testing import Request, SampleApp, drive, run

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
PAGE = "https://app.example.com"
REQUEST = Request(headers=((b"host", b"api.example.com"), (b"origin", PAGE.encode())))


class AppError(Exception):
    """What the apps raise."""


def outside() -> list[Layer]:
    return [SecurityHeaders(), HTTPS(hosts=["api.example.com"]), CORS([PAGE])]


class Note(Layer):
    """Hears how each exchange ends."""

    name = "note"

    def __init__(self) -> None:
        self.ends: list[Any] = []

    def on_complete(self, exchange: Exchange, outcome: Any) -> None:
        self.ends.append((outcome.status, type(outcome.error)))


@INTERFACES
@pytest.mark.parametrize("nested", [False, True])
def test_a_500_keeps_its_cors_and_security_headers_and_the_server_sees_the_error(
    interface: Any, nested: bool
) -> None:
    app = SampleApp(fails="before", error=AppError())
    done = run(interface, outside(), app, REQUEST, nested=nested)
    assert done.result.error is app.error
    assert done.result.status == 500
    assert done.result.body == FAILED.body
    lines = done.result.lines
    assert lines[b"access-control-allow-origin"] == [PAGE.encode()]
    assert lines[b"vary"] == [b"Origin"]
    assert lines[b"content-type"] == [b"application/problem+json"]
    assert lines[b"content-length"] == [b"%d" % len(FAILED.body)]
    assert lines[b"strict-transport-security"]
    assert lines[b"x-content-type-options"] == [b"nosniff"]
    assert done.outcome is not None
    assert (done.outcome.status, done.outcome.error) == (500, app.error)


@INTERFACES
def test_a_head_request_gets_the_head_alone(interface: Any) -> None:
    request = Request(method="HEAD", headers=REQUEST.headers)
    result = run(interface, outside(), SampleApp(fails="before"), request).result
    assert (result.status, result.body) == (500, b"")
    assert isinstance(result.error, RuntimeError)


@INTERFACES
def test_without_answers_the_exception_passes_alone(interface: Any) -> None:
    app = SampleApp(fails="before", error=AppError())
    wrapped = getattr(Stack(*outside(), answer_errors=False), interface)(getattr(app, interface))
    result = drive(interface, wrapped, REQUEST)
    assert result.events == []
    assert result.error is app.error


@INTERFACES
def test_where_no_layer_has_a_say_in_responses_the_server_answers(interface: Any) -> None:
    app = SampleApp(fails="before", error=AppError())
    wrapped = getattr(HTTPS(hosts=["api.example.com"], hsts=None), interface)(
        getattr(app, interface)
    )
    result = drive(interface, wrapped, REQUEST)
    assert result.events == []
    assert result.error is app.error


@INTERFACES
def test_what_has_left_is_not_answered_again(interface: Any) -> None:
    app = SampleApp(status=201, chunks=[b"one", b"two"], fails="after", error=AppError())
    result = run(interface, outside(), app, REQUEST).result
    assert (result.status, result.chunks) == (201, [b"one"])
    assert result.error is app.error
    assert result.events.count("http.response.start") + result.events.count("start") == 1


@INTERFACES
@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_what_is_no_exception_of_the_app_is_not_answered(interface: Any, error: Any) -> None:
    calls: list[Any] = []
    note = Note()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    def wsgi_app(environ: Any, start_response: Any) -> Any:
        raise error

    async def send(message: Any) -> None:
        calls.append(message)

    with pytest.raises(error):
        if interface == "asgi":
            note.asgi(app)(REQUEST.scope(), None, send).send(None)  # type: ignore[arg-type, attr-defined]
        else:
            note.wsgi(wsgi_app)(REQUEST.environ(), lambda *given: calls.append(given))  # type: ignore[arg-type, return-value]
    assert calls == []
    assert note.ends == [(None, error)]


@INTERFACES
def test_a_layer_that_fails_on_our_answer_is_one_500_with_what_stands_outside(
    interface: Any,
) -> None:
    class Failing(Layer):
        def on_response(self, exchange: Exchange, head: Any) -> None:
            raise RuntimeError("a bug")

    class Outer(Layer):
        constant_headers = ((b"x-outer", b"1"),)

    app = SampleApp(fails="before", error=AppError())
    done = run(interface, [Outer(), Failing()], app, REQUEST)
    assert (done.result.status, done.result.body) == (500, FAILED.body)
    assert done.result.lines[b"x-outer"] == [b"1"]
    assert done.result.error is app.error


def test_a_websocket_is_the_server_s_to_close() -> None:
    app = SampleApp(fails="before", error=AppError())
    request = Request(websocket=True, headers=((b"host", b"api.example.com"),))
    result = drive("asgi", Stack(*outside()).asgi(app.asgi), request)
    assert result.events == []
    assert result.error is app.error


@pytest.mark.parametrize("gone", [ConnectionResetError, OSError])
def test_a_client_that_is_gone_does_not_hide_the_error(gone: type[OSError]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AppError

    async def send(message: Any) -> None:
        raise gone

    note = Note()
    with pytest.raises(AppError):
        asyncio.run(note.asgi(app)(REQUEST.scope(), None, send))  # type: ignore[arg-type]
    assert note.ends == [(500, AppError)]


def test_the_option_is_true_or_false() -> None:
    with pytest.raises(ConfigurationError, match="answer_errors= takes True or False"):
        Stack(Note(), answer_errors="yes")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="would lose its options"):
        Stack(Stack(Note(), answer_errors=False))


# WSGI: what a response "has left" means is for the server to say.


class Server:
    """A start_response by the letter of PEP 3333."""

    def __init__(self) -> None:
        self.heads: list[Any] = []
        self.sent: list[bytes] = []

    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info and self.sent:
            raise exc_info[1]
        self.heads.append((status, exc_info and exc_info[0]))
        return self.sent.append


def serve(wsgi: Any, start_response: Any) -> tuple[list[bytes], type[BaseException] | None]:
    """The chunks that a server gets, and what it sees raised."""
    chunks: list[bytes] = []
    result: Any = None
    error = None
    try:
        result = wsgi(REQUEST.environ(), start_response)
        for chunk in result:
            chunks.append(chunk)
            if chunk and isinstance(start_response, Server):
                start_response.sent.append(chunk)
    except AppError as raised:
        error = type(raised)
    finally:
        getattr(result, "close", lambda: None)()
    return chunks, error


@pytest.mark.parametrize("starts", ["never", "at once", "late"])
@pytest.mark.parametrize("observed", [False, True])
def test_an_iterable_that_raises_before_its_first_chunk(starts: str, observed: bool) -> None:
    closed: list[int] = []

    class Items:
        def __init__(self, start_response: Any) -> None:
            self.start_response = start_response

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> bytes:
            if starts == "late":
                self.start_response("200 OK", [])
            raise AppError

        def close(self) -> None:
            closed.append(1)

    def app(environ: Any, start_response: Any) -> Any:
        if starts == "at once":
            start_response("200 OK", [("Content-Length", "3")])
        return Items(start_response)

    note = Note()
    server = Server()
    layers = [*outside(), *([note] if observed else [])]
    assert serve(Stack(*layers).wsgi(app), server) == ([FAILED.body], AppError)
    assert server.heads[-1] == ("500 Internal Server Error", AppError)
    assert len(server.heads) == (1 if starts == "never" else 2)
    assert closed == [1]
    assert note.ends == ([(500, AppError)] if observed else [])


@pytest.mark.parametrize("fails", ["in the call", "in the iterable"])
def test_what_was_written_is_not_answered_again(fails: str) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(b"half")
        if fails == "in the call":
            raise AppError
        return items()

    def items() -> Any:
        yield from ()
        raise AppError

    note = Note()
    server = Server()
    assert serve(Stack(*outside(), note).wsgi(app), server) == ([], AppError)
    assert (server.heads, server.sent) == ([("200 OK", None)], [b"half"])
    assert note.ends[0][1] is AppError


def test_what_only_a_middleware_refuses_to_answer_is_answered_further_out() -> None:
    """Something between two stacks that starts no second response: to the outer one nothing has
    left yet."""
    app = SampleApp(fails="before", error=AppError())
    note = Note()

    def between(environ: Any, start_response: Any) -> Any:
        def refusing(status: str, headers: Any, exc_info: Any = None) -> Any:
            raise AppError

        return inside(environ, refusing)

    inside = Stack(Note()).wsgi(app.wsgi)
    result = drive("wsgi", Stack(note).wsgi(between), REQUEST)
    assert (result.status, result.body) == (500, FAILED.body)
    assert note.ends == [(500, AppError)]


@pytest.mark.parametrize("chunks", [[b""], [b"one", b""]])
def test_after_a_chunk_an_iterable_that_raises_is_not_answered(chunks: list[bytes]) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return items()

    def items() -> Any:
        yield from chunks
        raise AppError

    server = Server()
    assert serve(Stack(*outside()).wsgi(app), server) == (chunks, AppError)
    assert server.heads == [("200 OK", None)]


def test_a_server_that_may_ignore_a_second_start_is_given_no_second_answer() -> None:
    """Half of an answer, 200 with the body of a problem, would be worse than none."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield from ()
        raise AppError

    assert serve(Stack(*outside()).wsgi(app), lambda *given: None) == ([], AppError)


def test_a_server_without_write_is_given_a_first_answer() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise AppError

    heads: list[Any] = []
    served = serve(Stack(*outside()).wsgi(app), lambda *given: heads.append(given[0]))
    assert served == ([FAILED.body], AppError)
    assert heads == ["500 Internal Server Error"]


def test_a_server_that_stops_at_the_content_length_hears_of_the_error_at_the_end() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise AppError

    note = Note()
    result: Any = note.wsgi(app)(REQUEST.environ(), Server())
    assert next(iter(result)) == FAILED.body
    with pytest.raises(AppError):
        result.close()
    result.close()
    assert note.ends == [(500, AppError)]


@pytest.mark.parametrize("closes_badly", [False, True])
def test_an_error_at_the_close_does_not_hide_the_first(closes_badly: bool) -> None:
    class Items:
        def __iter__(self) -> Any:
            raise AppError

        def close(self) -> None:
            if closes_badly:
                raise ValueError

    def app(environ: Any, start_response: Any) -> Any:
        return Items()

    result: Any = Note().wsgi(app)(REQUEST.environ(), Server())
    assert next(result) == FAILED.body
    with pytest.raises(AppError) as raised:
        result.close()
    assert isinstance(raised.value.__context__, ValueError) is closes_badly


@pytest.mark.parametrize("iterated", [True, False])
def test_nothing_of_an_answered_request_outlives_it(iterated: bool) -> None:
    seen: list[weakref.ref[Exchange]] = []

    class Watching(Note):
        def on_request(self, exchange: Exchange) -> None:
            seen.append(weakref.ref(exchange))

    def app(environ: Any, start_response: Any) -> Any:
        raise AppError

    def request() -> None:
        if iterated:
            assert serve(Watching().wsgi(app), Server()) == ([FAILED.body], AppError)
        else:
            result: Any = Watching().wsgi(app)(REQUEST.environ(), Server())
            with pytest.raises(AppError):
                result.close()

    request()
    gc.collect()  # an outcome with an exception knows its frames, which know the exchange
    assert [reference() for reference in seen] == [None]
