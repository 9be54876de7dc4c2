"""Stack: what constructs, what does not, and which interface an app is taken for."""

from __future__ import annotations

import functools

import pytest

from core_support import Script, Scripted
from ringwall import (
    CORS,
    HTTPS,
    APIKey,
    Authentication,
    ConfigurationError,
    Layer,
    Response,
    Stack,
    TrustedProxies,
    generate_api_key,
)
from ringwall._pending import Call
from ringwall.testing import Request, SampleApp, drive


class Outer(Layer):
    name = "outer"
    inside = frozenset({"inner"})


class Inner(Layer):
    name = "inner"


class Between(Layer):
    name = "between"


async def asgi_app(scope, receive, send): ...


def wsgi_app(environ, start_response):
    return []


class ASGIObject:
    async def __call__(self, scope, receive, send): ...

    async def method(self, scope, receive, send): ...


class WSGIObject:
    def __call__(self, environ, start_response):
        return []

    def method(self, environ, start_response):
        return []


class Ambiguous:
    def __call__(self, *arguments): ...


class TakesTwo:
    def __init__(self, environ, start_response): ...


def test_an_order_that_cannot_work_does_not_construct_and_says_what_to_change():
    with pytest.raises(ConfigurationError) as error:
        Stack(Outer(), Between(), Inner())
    assert "Outer cannot stand outside Inner" in str(error.value)
    assert "write Inner(...) before Outer(...)" in str(error.value)
    assert Stack(Inner(), Between(), Outer()).layers[0].name == "inner"


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_order_is_checked_through_every_stack_that_is_wrapped_directly(interface):
    """A harmless layer between the two must not hide them from each other."""
    app = getattr(Inner(), interface)(getattr(SampleApp(), interface))
    app = getattr(Between(), interface)(app)
    with pytest.raises(ConfigurationError, match="Outer cannot stand outside Inner"):
        getattr(Outer(), interface)(app)


def test_a_stack_in_a_stack_counts_as_its_layers():
    stack = Stack(Between(), Stack(Inner(), Outer()))
    assert [layer.name for layer in stack.layers] == ["between", "inner", "outer"]
    assert repr(stack) == "<Stack between > inner > outer>"
    with pytest.raises(ConfigurationError):
        Stack(Stack(Outer()), Stack(Inner()))


@pytest.mark.parametrize(
    "options",
    [{"paths": "strict"}, {"relax": ["semicolon"]}, {"proxies": TrustedProxies(["10.0.0.1"])}],
)
def test_the_options_of_a_stack_are_not_lost_by_putting_it_into_another(options):
    inner = Stack(Between(), **options)
    with pytest.raises(ConfigurationError, match="on the outer one"):
        Stack(inner)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Between, r"Between is a class; write Between\(\.\.\.\)"),
        (wsgi_app, r"Stack\(\.\.\.\)\.asgi\(app\) or Stack\(\.\.\.\)\.wsgi\(app\)"),
        ("audit", "'str' is not a layer"),
        (None, "'NoneType' is not a layer"),
        (dict, r"a Stack takes layers"),
    ],
)
def test_what_is_no_layer_is_refused_with_advice(given, message):
    with pytest.raises(ConfigurationError, match=message):
        Stack(given)


def test_unknown_options_are_refused():
    with pytest.raises(ConfigurationError, match="use 'auto' or 'strict'"):
        Stack(paths="Strict")
    with pytest.raises(ConfigurationError, match="did you mean 'semicolon'"):
        Stack(relax=["semi-colon"])


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_what_cannot_be_called_is_no_app(interface):
    with pytest.raises(ConfigurationError, match="'str' is not an app"):
        getattr(Stack(), interface)("main:app")


@pytest.mark.parametrize(("colour", "other"), [("asgi", "wsgi"), ("wsgi", "asgi")])
def test_a_layer_without_the_colour_fails_at_construction(colour, other):
    layer = Between()
    layer.colours = frozenset({other})
    needed = {"asgi": "give it a async one", "wsgi": "give it a sync one"}[colour]
    with pytest.raises(ConfigurationError, match=needed):
        getattr(Stack(layer), colour)(getattr(SampleApp(), colour))
    assert callable(getattr(Stack(layer), other)(getattr(SampleApp(), other)))


@pytest.mark.parametrize(
    "app",
    [
        asgi_app,
        ASGIObject(),
        ASGIObject().method,
        functools.partial(asgi_app),
        functools.partial(functools.partial(ASGIObject())),
        SampleApp().asgi,
        Stack().asgi(asgi_app),
    ],
)
def test_a_coroutine_function_is_asgi(app):
    import inspect

    assert inspect.iscoroutinefunction(Stack()(app))
    assert inspect.iscoroutinefunction(Between()(app))


@pytest.mark.parametrize(
    "app",
    [
        wsgi_app,
        WSGIObject(),
        WSGIObject().method,
        functools.partial(wsgi_app),
        functools.partial(lambda extra, environ, start_response: [], 1),
        SampleApp().wsgi,
        Stack().wsgi(wsgi_app),
    ],
)
def test_two_plain_arguments_are_wsgi(app):
    import inspect

    assert not inspect.iscoroutinefunction(Stack()(app))
    assert list(inspect.signature(Stack()(app)).parameters) == ["environ", "start_response"]


@pytest.mark.parametrize(
    "app", [Ambiguous(), lambda scope: None, TakesTwo, dict, print, lambda a, b, c: None]
)
def test_where_it_cannot_be_told_that_is_said(app):
    with pytest.raises(ConfigurationError, match=r"write stack\.asgi\(app\) or stack\.wsgi\(app\)"):
        Stack()(app)


def _overridden(layer, hook):
    """The class of a layer of ours, with another hook, made with the same configuration."""
    subclass = type("Overridden", (type(layer),), {hook: lambda self, *arguments: None})
    layer.__class__ = subclass
    return layer


@pytest.mark.parametrize(
    ("layer", "hook"),
    [
        (Authentication(APIKey([generate_api_key("alice")[1]])), "on_request"),
        (CORS(["https://app.example.com"]), "on_response"),
        (HTTPS(hosts=["api.example.com"], hsts=None), "on_response"),
    ],
)
def test_a_hook_that_is_overridden_in_vain_is_refused(layer, hook):
    """A check that somebody adds in a subclass must not silently be left out."""
    with pytest.raises(ConfigurationError, match=rf"Overridden\.{hook} would never be called"):
        Stack(_overridden(layer, hook))


def test_hooks_that_are_called_may_be_overridden():
    called = []

    class Own(Layer):
        def __init__(self):
            self.on_request = self.chosen

        def on_request(self, exchange):
            raise NotImplementedError

        def chosen(self, exchange):
            called.append("own")

    class Stricter(HTTPS):
        def on_request(self, exchange):
            called.append("stricter")
            return super().on_request(exchange)

    drive(
        "asgi", Stack(Stricter(hosts=["api.example.com"]), Own()).asgi(SampleApp().asgi), Request()
    )
    assert called == ["stricter", "own"]


@pytest.mark.parametrize("hook", ["on_request", "on_response", "on_complete"])
def test_an_async_hook_is_refused_for_it_would_silently_do_nothing(hook):
    async def coroutine(self, *arguments): ...

    async def generator(self, *arguments):
        yield

    for function in (coroutine, generator):
        layer = type("Async", (Layer,), {hook: function})()
        with pytest.raises(ConfigurationError, match=rf"Async\.{hook} is 'async def'"):
            Stack(layer)


def test_a_response_hook_that_yields_is_refused_for_it_would_silently_do_nothing():
    class Yields(Layer):
        def on_response(self, exchange, head):
            yield Call(None, None)

    with pytest.raises(ConfigurationError, match="cannot do I/O; do it in on_request"):
        Stack(Yields())


@pytest.mark.parametrize(
    "attributes",
    [
        {"constant_headers": ((b"x-a", b"1\r\nset-cookie: a=1"),)},
        {"constant_headers": ((b"X-A", b"1"),)},
        {"constant_headers": ((b"", b"1"),)},
        {"constant_headers": (("x-a", "1"),)},
        {"wants": frozenset({b"Authorization"})},
        {"wants": frozenset({"authorization"})},
        {"sets": frozenset({b"x a"})},
        {"edits_only": frozenset({b"X-A"})},
    ],
)
def test_a_malformed_header_in_a_declaration_is_refused(attributes):
    layer = type("Sloppy", (Layer,), attributes)()
    with pytest.raises(ConfigurationError, match="Sloppy declares a malformed header"):
        Stack(layer)


def test_what_a_layer_adds_it_declares_in_sets_as_well():
    layer = type("Sloppy", (Layer,), {"adds": frozenset({b"x-a"})})()
    with pytest.raises(ConfigurationError, match="Sloppy adds headers that it does not declare"):
        Stack(layer)


def test_a_lone_layer_is_a_stack_of_one():
    refuses = Scripted("lone", Script("refuse"))
    for interface in ("asgi", "wsgi"):
        app = SampleApp()
        wrapped = getattr(refuses, interface)(getattr(app, interface))
        assert drive(interface, wrapped, Request()).status == 403
        assert wrapped.app == getattr(app, interface)
        assert app.seen == []


def test_a_plain_layer_does_nothing_at_all():
    layer = Layer()
    assert layer.on_request(None) is None
    assert layer.on_response(None, None) is None
    assert layer.on_complete(None, None) is None
    for interface in ("asgi", "wsgi"):
        wrapped = getattr(layer, interface)(getattr(SampleApp(), interface))
        assert drive(interface, wrapped, Request()).body == b"hello"


def test_a_stack_of_none_is_the_boundary_alone():
    app = SampleApp()
    bad = Request(headers=((b"host", b"a b"),))
    for interface in ("asgi", "wsgi"):
        wrapped = getattr(Stack(), interface)(getattr(app, interface))
        assert drive(interface, wrapped, bad).status == 400
    assert app.seen == []


def test_a_subclass_of_response_is_a_response():
    class Teapot(Response):
        pass

    class Refuses(Layer):
        def on_request(self, exchange):
            return Teapot(418)

    for interface in ("asgi", "wsgi"):
        app = SampleApp()
        wrapped = getattr(Refuses(), interface)(getattr(app, interface))
        assert drive(interface, wrapped, Request()).status == 418
        assert app.seen == []
