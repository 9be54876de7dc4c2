"""Points 17 to 23 of the conformance checklist: PEP 3333 to the letter."""

from __future__ import annotations

import gc
import io
import sys
import threading
from contextvars import ContextVar
from wsgiref.util import FileWrapper

import pytest

from conformance.shapes import SHAPES, around, layers, refusing
from core_support import AppError, Closing, Script, Scripted
from ringwall import principal_of
from ringwall.testing import Request, SampleApp, drive

pytestmark = pytest.mark.parametrize("shape", SHAPES)
ADDED = {b"x-constant": [b"1"], b"x-dynamic": [b"decorated"]}


def serve(app, environ=None, writes=None):
    """The bare minimum of a server; returns the calls to start_response and the iterable."""
    calls = []

    def start_response(*arguments):
        calls.append(arguments)
        return writes.append if writes is not None else None

    return calls, app(Request().environ() if environ is None else environ, start_response)


def added(headers):
    found = {}
    for name, value in headers:
        found.setdefault(name.lower().encode(), []).append(value.encode())
    return found.items() >= ADDED.items()


def test_17_exc_info_is_forwarded_and_the_second_head_is_decorated_again(shape):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise AppError("late")
        except AppError:
            start_response("500 Oops", [("X-Own", "1")], sys.exc_info())
        return [b"oops"]

    calls, result = serve(around(shape, "wsgi", app))
    assert [call[0] for call in calls] == ["200 OK", "500 Oops"]
    assert all(added(call[1]) for call in calls)
    assert len(calls[0]) == 2
    assert calls[1][2][0] is AppError
    assert list(result) == [b"oops"]


def test_17_what_the_server_raises_from_exc_info_reaches_the_app(shape):
    def start_response(status, headers, exc_info=None):
        if exc_info:
            raise exc_info[1]

    def app(environ, start_response):
        try:
            raise AppError("sent already")
        except AppError:
            start_response("500 Oops", [], sys.exc_info())
        return [b"never"]

    with pytest.raises(AppError, match="sent already"):
        around(shape, "wsgi", app)(Request().environ(), start_response)


def test_18_write_is_the_servers_own(shape):
    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"one")
        write(b"two")
        return [b"three"]

    writes = []
    calls, result = serve(around(shape, "wsgi", app), writes=writes)
    assert writes == [b"one", b"two"]
    assert list(result) == [b"three"]
    assert added(calls[0][1])


def test_19_a_start_response_at_the_first_iteration_is_decorated(shape):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"one"

    calls, result = serve(around(shape, "wsgi", app))
    assert calls == []
    assert next(iter(result)) == b"one"
    assert added(calls[0][1])


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_20_close_is_called_exactly_once_also_when_the_server_stops_early(shape, stop_after):
    """A body that is never iterated is the case that a generator as wrapper gets wrong."""
    body = Closing(iter([b"one", b"two", b"three"]))

    def app(environ, start_response):
        start_response("200 OK", [])
        return body

    made = layers(shape)
    _, result = serve(around(shape, "wsgi", app, made))
    iterator = iter(result)
    got = [next(iterator) for _ in range(stop_after)]
    assert got == [b"one", b"two", b"three"][:stop_after]
    assert body.closed == 0
    result.close()
    result.close()
    assert body.closed == 1
    del result, iterator
    gc.collect()
    assert body.closed == 1


def test_20_a_result_that_is_dropped_without_close_still_ends(shape):
    body = Closing(iter([b"one"]))

    def app(environ, start_response):
        start_response("200 OK", [])
        return body

    _, result = serve(around(shape, "wsgi", app))
    del result
    gc.collect()
    assert body.closed == 1


def test_20_an_exception_of_close_reaches_the_server(shape):
    def app(environ, start_response):
        start_response("200 OK", [])
        return Closing(iter([b"one"]), fails="close")

    _, result = serve(around(shape, "wsgi", app))
    assert list(result) == [b"one"]
    with pytest.raises(AppError, match="close"):
        result.close()


@pytest.mark.parametrize("body", [[b"one", b"two"], (b"one",), []])
def test_20_a_list_is_handed_on_itself_so_that_the_server_can_take_its_length(shape, body):
    def app(environ, start_response):
        start_response("200 OK", [])
        return body

    assert serve(around(shape, "wsgi", app))[1] is body


def test_20_chunks_come_one_by_one_as_the_server_asks(shape):
    made = []

    def chunks():
        for number in range(10**9):
            made.append(number)
            yield b"%d" % number

    def app(environ, start_response):
        start_response("200 OK", [])
        return chunks()

    _, result = serve(around(shape, "wsgi", app))
    assert made == []
    iterator = iter(result)
    for number in range(100):
        assert next(iterator) == b"%d" % number
        assert len(made) == number + 1
    result.close()


class SlottedWrapper:
    """A file wrapper as a C type would be: nothing can be set on it."""

    __slots__ = ("file",)

    def __init__(self, file, size=8192):
        self.file = file

    def __iter__(self):
        return iter(self.file)

    def close(self):
        self.file.close()


@pytest.mark.parametrize("wrapper", [FileWrapper, SlottedWrapper])
def test_21_the_object_of_the_file_wrapper_is_returned_itself_and_closed_once(shape, wrapper):
    """Servers send a file by system call only if they get back what they gave."""
    closed = []

    class File(io.BytesIO):
        def close(self):
            closed.append(True)
            super().close()

    given = []

    def app(environ, start_response):
        start_response("200 OK", [])
        given.append(environ["wsgi.file_wrapper"](File(b"content")))
        return given[0]

    environ = {**Request().environ(), "wsgi.file_wrapper": wrapper}
    _, result = serve(around(shape, "wsgi", app), environ)
    assert result is given[0]
    gc.collect()
    assert closed == []
    assert b"".join(result) == b"content"
    result.close()
    assert closed == [True]


def test_22_status_and_headers_are_native_strings_in_a_real_list_of_tuples(shape):
    def app(environ, start_response):
        start_response("200 OK", [("X-A", "\xe9")])
        return [b""]

    for wrapped in (around(shape, "wsgi", app), around(shape, "wsgi", app, refusing(shape))):
        calls, _ = serve(wrapped)
        status, headers = calls[0]
        assert type(status) is str
        assert type(headers) is list
        for line in headers:
            assert type(line) is tuple
            assert [type(part) for part in line] == [str, str]
            assert line[0].lower() not in ("connection", "transfer-encoding", "keep-alive")


def test_22_the_environ_is_the_servers_own_plain_dict(shape):
    given = []

    def app(environ, start_response):
        given.append(environ)
        start_response("200 OK", [])
        return []

    environ = Request().environ()
    serve(around(shape, "wsgi", app), environ)
    assert given[0] is environ
    assert type(environ) is dict


def test_22_the_status_line_is_the_apps_own(shape):
    def app(environ, start_response):
        start_response("404 Gone fishing", [])
        return []

    assert serve(around(shape, "wsgi", app))[0][0][0] == "404 Gone fishing"


def test_23_the_input_is_unread_and_untouched(shape):
    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"wsgi.input.{name} was touched")

    body = Untouchable()
    given = []

    def app(environ, start_response):
        given.append((environ["wsgi.input"], environ["wsgi.input_terminated"]))
        start_response("200 OK", [])
        return []

    environ = {**Request().environ(), "wsgi.input": body, "CONTENT_LENGTH": "10"}
    serve(around(shape, "wsgi", app), environ)
    assert given == [(body, True)]


def test_an_exception_before_the_start_propagates_and_nothing_is_sent(shape):
    app = SampleApp(fails="before", error=AppError("mine"))
    wrapped = around(shape, "wsgi", app.wsgi, answer_errors=False)
    result = drive("wsgi", wrapped, Request())
    assert result.error is app.error
    assert result.events == []


def test_an_exception_within_the_body_propagates_after_what_was_sent(shape):
    app = SampleApp(chunks=[b"one", b"two"], fails="after", error=AppError("mine"))
    result = drive("wsgi", around(shape, "wsgi", app.wsgi), Request())
    assert result.error is app.error
    assert result.chunks == [b"one"]
    assert result.events == ["start", "close"]
    assert app.seen[0].closed == 1


def test_context_variables_flow_both_ways(shape):
    variable = ContextVar("variable", default="unset")
    seen = []

    def app(environ, start_response):
        seen.append(variable.get())
        variable.set("from the app")
        start_response("200 OK", [])
        return []

    variable.set("from the server")
    serve(around(shape, "wsgi", app))
    assert seen == ["from the server"]
    assert variable.get() == "from the app"


def test_one_instance_serves_concurrent_threads(shape):
    barrier = threading.Barrier(8)
    wrong = []

    def app(environ, start_response):
        start_response("200 OK", [("X-Number", environ["QUERY_STRING"])])
        who = principal_of(environ)
        yield f"{environ['QUERY_STRING']} {bool(who)}".encode()

    wrapped = around(shape, "wsgi", app)

    def work(worker):
        barrier.wait()
        for number in range(50):
            query = b"%d-%d" % (worker, number)
            result = drive("wsgi", wrapped, Request(target=b"/?" + query))
            expected = b"%s %r" % (query, shape != "lone")
            if result.body != expected or result.lines[b"x-number"] != [query]:
                wrong.append(query)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_layer_that_fails_on_a_head_replaces_what_is_written_and_iterated(shape):
    body = Closing(iter([b"secret", b"secret"]))

    def app(environ, start_response):
        start_response("200 OK", [("X-Secret", "1")])(b"secret")
        return body

    writes = []
    failing = [*layers(shape), Scripted("bug", Script(response=(("raise", b""),)))]
    calls, result = serve(around(shape, "wsgi", app, failing), writes=writes)
    got = b"".join(result)
    result.close()
    assert calls[0][0] == "500 Internal Server Error"
    assert "X-Secret" not in dict(calls[0][1])
    assert added(calls[0][1])
    assert writes == []
    assert b"internal-error" in got
    assert b"secret" not in got
    assert body.closed == 1
