"""Points 24 and 25: validators on both sides, any order, and double wraps."""

from __future__ import annotations

import itertools
import warnings
from wsgiref.validate import validator

import pytest
from werkzeug.middleware.lint import LintMiddleware

from conformance.shapes import ADDED, SHAPES, around, layers, refusing
from core_support import Script, Scripted
from ringwall import Stack
from ringwall.testing import Request, SampleApp, drive, run, validate_asgi

REQUESTS = {
    "GET": Request(),
    "HEAD": Request(method="HEAD"),
    "POST": Request(method="POST", body=(b"ab", b"", b"cd")),
    "bad host": Request(headers=((b"host", b"a b"),)),
    "bad path": Request(target=b"//a;b"),
    "no host": Request(headers=()),
}
reading = [Scripted("reader", Script("read")), Scripted("again", Script("read", limit=3))]
STACKS = {
    "passing": layers,
    "refusing": refusing,
    "reading": lambda shape: reading[:1] if shape == "lone" else reading,
    "failing": lambda shape: [*layers(shape), Scripted("bug", Script("raise"))],
    "failing late": lambda shape: [
        *layers(shape),
        Scripted("bug", Script(response=(("raise", b""),))),
    ],
}
every = pytest.mark.parametrize(
    ("shape", "stack", "request_"),
    list(itertools.product(SHAPES, STACKS, REQUESTS)),
)


@every
def test_24_the_asgi_validator_is_content_on_both_sides(shape, stack, request_):
    made = STACKS[stack](shape)
    app = SampleApp(headers=((b"content-type", b"text/plain"),))
    inner = validate_asgi(app.asgi)
    for layer in reversed(made):
        inner = validate_asgi(layer.asgi(inner))
    for wrapped in (
        inner,
        validate_asgi(around(shape, "asgi", validate_asgi(app.asgi), made)),
    ):
        result = drive("asgi", wrapped, REQUESTS[request_])
        assert result.error is None
        assert result.status is not None


@pytest.mark.parametrize("denial", [True, False])
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_24_the_asgi_validator_is_content_with_websockets(shape, stack, denial):
    app = SampleApp()
    made = STACKS[stack](shape)
    wrapped = validate_asgi(around(shape, "asgi", validate_asgi(app.asgi), made))
    result = drive("asgi", wrapped, Request(websocket=True, denial=denial))
    assert result.error is None
    assert result.events


@every
def test_24_wsgiref_validate_is_content_on_both_sides(shape, stack, request_):
    made = STACKS[stack](shape)
    app = SampleApp(headers=((b"content-type", b"text/plain"),))

    def reads_by_size(environ, start_response):
        # the validator wants an argument
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return SampleApp(headers=app.headers, reads=False).wsgi(environ, start_response)

    inner = validator(reads_by_size)
    for layer in reversed(made):
        inner = validator(layer.wsgi(inner))
    for wrapped in (inner, validator(around(shape, "wsgi", validator(reads_by_size), made))):
        result = drive("wsgi", wrapped, REQUESTS[request_])
        assert result.error is None
        assert result.status is not None


@every
def test_24_werkzeugs_lint_is_content_on_both_sides(shape, stack, request_):
    made = STACKS[stack](shape)
    app = SampleApp(headers=((b"content-type", b"text/plain"),), reads=False)
    inner = LintMiddleware(app.wsgi)
    for layer in reversed(made):
        inner = LintMiddleware(layer.wsgi(inner))
    for wrapped in (inner, LintMiddleware(around(shape, "wsgi", LintMiddleware(app.wsgi), made))):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if request_ == "HEAD":  # the length is that of the answer to GET (RFC 9110 section 8.6)
                warnings.filterwarnings("ignore", "Content-Length and the number of bytes sent")
            result = drive("wsgi", wrapped, REQUESTS[request_])
        assert result.error is None
        assert result.status is not None


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_25_in_any_order_each_header_is_there_once(interface, order):
    made = layers("stack")
    ordered = [made[position] for position in order]
    for nested in (False, True):
        result = run(interface, ordered, SampleApp(), Request(), nested=nested).result
        assert {name: result.lines[name] for name in ADDED} == ADDED
        assert result.status == 200


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("shape", SHAPES)
def test_25_wrapped_twice_constant_headers_are_there_once(interface, shape):
    app = getattr(SampleApp(), interface)
    twice = around(shape, interface, around(shape, interface, app))
    result = drive(interface, twice, Request())
    assert result.lines[b"x-constant"] == [b"1"]
    assert result.status == 200


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("position", range(5))
def test_25_in_any_order_the_refusal_is_the_same(interface, position):
    ordered = layers("stack")
    ordered.insert(position, Scripted("refusal", Script("refuse")))
    app = SampleApp()
    for nested in (False, True):
        result = run(interface, ordered, app, Request(), nested=nested).result
        assert (result.status, result.body) == (403, b"no")
    assert app.seen == []


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PURGE", "get"])
def test_no_method_slips_past_a_refusal(interface, method):
    app = SampleApp()
    result = drive(
        interface,
        getattr(Stack(*refusing("stack")), interface)(getattr(app, interface)),
        Request(method=method),
    )
    assert result.status in (400, 403)
    assert app.seen == []
