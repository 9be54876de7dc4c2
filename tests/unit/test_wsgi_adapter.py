"""What only the WSGI adapter must cope with."""

from __future__ import annotations

import pytest

from core_support import Script, Scripted
from ringwall import Layer
from ringwall._exchange import KEY
from ringwall.testing import Request, SampleApp, drive


def raw_path(**variables):
    """The raw path as the layers see it."""
    environ = Request().environ()
    del environ["RAW_URI"]
    environ.update(variables)
    Scripted("layer", Script()).wsgi(SampleApp().wsgi)(environ, lambda *arguments: None)
    return environ[KEY].raw_path


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"RAW_URI": "/a%20b?c"}, b"/a%20b"),
        ({"REQUEST_URI": "/a%20b?c", "RAW_URI": "/other"}, b"/a%20b"),
        ({"REQUEST_URI": "http://evil.example/a?b"}, b"/a"),
        ({"REQUEST_URI": "http://evil.example"}, b"/"),
        ({"REQUEST_URI": "*"}, b"*"),
        ({"REQUEST_URI": "/caf\xe9"}, b"/caf\xe9"),
        ({"REQUEST_URI": "/\u20ac"}, None),
    ],
)
def test_the_raw_path_is_taken_from_where_servers_put_it(variables, expected):
    assert raw_path(**variables) == expected


def test_an_iterable_without_close_ends_all_the_same():
    ended = []

    class Ends(Layer):
        def on_complete(self, exchange, outcome):
            ended.append(outcome.status)

    def app(environ, start_response):
        start_response("204 No Content", [])
        return iter([b""])

    result = Ends().wsgi(app)(Request().environ(), lambda *arguments: None)
    assert list(result) == [b""]
    assert list(result) == []
    result.close()
    assert ended == [204]


def test_an_unknown_scheme_counts_as_plain():
    environ = {**Request().environ(), "wsgi.url_scheme": "javascript"}
    Scripted("layer", Script()).wsgi(SampleApp().wsgi)(environ, lambda *arguments: None)
    assert environ[KEY].scheme == "http"


@pytest.mark.parametrize("observed", [True, False])
def test_a_head_that_fails_at_the_first_iteration_takes_the_body_with_it(observed):
    """Also where no layer waits for the end: the app's body must not follow the head of the 500."""
    hooks = {"on_response", *(["on_complete"] if observed else [])}
    layer = Scripted("bug", Script(response=(("raise", b""),), hooks=frozenset(hooks)))

    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"secret"
        yield b"secret"

    result = drive("wsgi", layer.wsgi(app), Request())
    assert result.status == 500
    assert b"internal-error" in result.body
    assert b"secret" not in result.body
