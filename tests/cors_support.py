"""Exchanges made by hand, and real apps behind both adapters, for the tests of the CORS layer."""

from __future__ import annotations

from https_support import CountingASGI, CountingWSGI, call_asgi, call_wsgi, exchange
from ringwall._layer import Layer
from ringwall.problem import problem

APP = "https://app.example.com"
EVIL = "https://evil.example"


def judge(layer, method="GET", *, origin=APP, **headers):
    """The response (None: it passed) and the one decision."""
    lines = {name: value.encode() for name, value in headers.items()}
    if origin is not None:
        lines["origin"] = origin.encode()
    made = exchange(method=method, scheme="https", **lines)
    response = layer.on_request(made)
    assert len(made.decisions) == 1
    assert made.decisions[0].layer == "cors"
    return response, made.decisions[0]


def ask(layer, *, origin=APP, method="PUT", **headers):
    """A preflight."""
    return judge(layer, "OPTIONS", origin=origin, access_control_request_method=method, **headers)


def over_asgi(app, method="GET", **headers):
    lines = [(name.encode(), value.encode()) for name, value in _named(headers)]
    status, got, body = call_asgi(app, method=method, scheme="https", headers=lines)
    return status, [(name.lower(), value) for name, value in got], body


def over_wsgi(app, method="GET", **headers):
    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in _named(headers)}
    status, got, body = call_wsgi(
        app, REQUEST_METHOD=method, **{"wsgi.url_scheme": "https"}, **environ
    )
    return status, [(name.lower(), value) for name, value in got], body


def _named(headers):
    lines = {"host": "api.example.com"}
    lines.update({name.replace("_", "-"): value for name, value in headers.items()})
    return lines.items()


def values(lines, name):
    return [value for key, value in lines if key == name]


def granted(lines):
    """Every CORS header of a response, each of which must be there once."""
    found = [line for line in lines if line[0].startswith(b"access-control-")]
    assert len(dict(found)) == len(found)
    return {name.removeprefix(b"access-control-").decode(): value for name, value in found}


def vary(lines):
    """The members of every Vary line."""
    return [member.strip() for value in values(lines, b"vary") for member in value.split(b",")]


class Refusing(Layer):
    """A layer that refuses everything, as authentication does."""

    name = "authentication"

    def on_request(self, exchange):
        return problem(401, "No.", code="no", headers=((b"www-authenticate", b"Bearer"),))


class Failing(Layer):
    """A layer with a bug."""

    name = "validation"

    def on_request(self, exchange):
        raise RuntimeError("a bug")


INTERFACES = [("asgi", CountingASGI, over_asgi), ("wsgi", CountingWSGI, over_wsgi)]
