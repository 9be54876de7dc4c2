"""What handlers can ask for: principal and decisions, from a scope, an environ or a request."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

import pytest

from core_support import Script, Scripted
from ringwall import decisions_of, principal_of
from ringwall._exchange import KEY
from ringwall.testing import Request, SampleApp, drive


def carried(interface, script):
    """The scope or environ as the app got it."""
    given = []

    async def asgi(scope, receive, send):
        given.append(scope)
        await SampleApp().asgi(scope, receive, send)

    def wsgi(environ, start_response):
        given.append(environ)
        return SampleApp().wsgi(environ, start_response)

    layer = Scripted("layer", script)
    drive(interface, getattr(layer, interface)(asgi if interface == "asgi" else wsgi), Request())
    return given[0]


INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


@INTERFACES
def test_it_is_found_wherever_a_framework_keeps_its_scope_or_environ(interface):
    mapping = carried(interface, Script("authenticate"))
    carriers = [mapping, mapping[KEY], MappingProxyType(mapping)]
    for attribute in ("scope", "environ", "env", "META"):
        carriers.append(SimpleNamespace(**{attribute: mapping}))
    carriers.append(SimpleNamespace(scope={}, environ=mapping))
    for carrier in carriers:
        assert principal_of(carrier).subject == "layer"
        assert decisions_of(carrier)[0].layer == "layer"


@pytest.mark.parametrize(
    "x", [None, {}, 3, SimpleNamespace(), SimpleNamespace(scope=None), {KEY: "forged"}, object()]
)
def test_where_there_is_none_there_is_none(x):
    assert principal_of(x) is None
    assert decisions_of(x) == ()


def test_starlette_gets_its_user_and_auth():
    scope = carried("asgi", Script("authenticate"))
    assert scope["user"] is scope["auth"] is principal_of(scope)
    scope = carried("asgi", Script("deauthenticate"))
    assert not scope["user"].is_authenticated
    assert scope["auth"].scopes == frozenset()
    assert "user" not in carried("asgi", Script())


def test_wsgi_gets_its_remote_user():
    environ = carried("wsgi", Script("authenticate"))
    assert (environ["REMOTE_USER"], environ["AUTH_TYPE"]) == ("layer", "test")
    assert "REMOTE_USER" not in carried("wsgi", Script())


def test_a_remote_user_that_the_server_set_does_not_survive_an_anonymous_verdict():
    given = []

    def app(environ, start_response):
        given.append(environ)
        start_response("200 OK", [])
        return []

    environ = {**Request().environ(), "REMOTE_USER": "admin", "AUTH_TYPE": "Basic"}
    layer = Scripted("layer", Script("deauthenticate"))
    layer.wsgi(app)(environ, lambda *arguments: None)
    assert not {"REMOTE_USER", "AUTH_TYPE"} & set(given[0])


def test_a_subject_beyond_latin_1_is_a_native_string():
    class Names(Scripted):
        def on_request(self, exchange):
            from ringwall import Principal

            exchange.authenticate(Principal("Ünïcode 名", scheme="test"))

    given = []

    def app(environ, start_response):
        given.append(environ["REMOTE_USER"])
        start_response("200 OK", [])
        return []

    Names("layer", Script()).wsgi(app)(Request().environ(), lambda *arguments: None)
    assert given[0].encode("latin-1").decode() == "Ünïcode 名"


@INTERFACES
def test_an_inner_stack_tells_the_outer_ones_who_it_is_and_which_route(interface):
    found = []

    class Outer(Scripted):
        def on_complete(self, exchange, outcome):
            found.append((exchange.principal, exchange.route, exchange.params, exchange.state))

    class Inner(Scripted):
        def on_request(self, exchange):
            exchange.state[self] = 1
            exchange.state["again"] = exchange.state[self]
            exchange.found_route("/v1/{id}", {"id": 1})
            return super().on_request(exchange)

    app = getattr(Inner("inner", Script("authenticate")), interface)(
        getattr(SampleApp(), interface)
    )
    drive(interface, getattr(Outer("outer", Script()), interface)(app), Request())
    principal, route, params, state = found[0]
    assert principal.subject == "inner"
    assert (route, params, state) == ("/v1/{id}", {"id": 1}, {})


@INTERFACES
def test_an_outer_stack_tells_the_inner_ones_which_route(interface):
    found = []

    class Outer(Scripted):
        def on_request(self, exchange):
            exchange.found_route("/v1/**", {})

    class Inner(Scripted):
        def on_request(self, exchange):
            found.append((exchange.route, exchange.params))

    app = getattr(Inner("inner", Script()), interface)(getattr(SampleApp(), interface))
    drive(interface, getattr(Outer("outer", Script()), interface)(app), Request())
    assert found == [("/v1/**", {})]
