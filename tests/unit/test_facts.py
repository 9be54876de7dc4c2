"""What an exchange tells in one call is what it tells by each name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall._asgi_request import ASGIExchange
from ringwall._boundary import Boundary
from ringwall._conceal import Concealment
from ringwall._exchange import Exchange
from ringwall._wsgi_request import WSGIExchange

CONCEALED = Concealment(query=frozenset({b"token"}))
QUERY = "page=2&token=s3cret"


def by_name(exchange: Exchange) -> tuple[Any, ...]:
    return (
        exchange.root + exchange.path,
        exchange.query,
        exchange.protocol_version,
        exchange.peer_port,
    )


def asgi(scope: dict[str, Any]) -> ASGIExchange:
    exchange: ASGIExchange = object.__new__(ASGIExchange)
    exchange.scope, exchange.headers = scope, {}
    return exchange


def wsgi(environ: dict[str, Any]) -> WSGIExchange:
    exchange: WSGIExchange = object.__new__(WSGIExchange)
    exchange.environ, exchange.headers = environ, {}
    return exchange


def maybe(**members: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


PATHS = st.sampled_from(["/m/a", "/m", "/mother", "/a", "", "/ü", "/m/Ã¼"])
ROOTS = st.sampled_from(["", "/m", "/Ã¼"])
SCOPES = maybe(
    root_path=ROOTS | st.none(),
    query_string=st.sampled_from([b"", QUERY.encode(), None]),
    http_version=st.sampled_from(["1.0", "1.1", "2", "3", "9", "", None]),
    client=st.sampled_from([None, ("192.0.2.7", 5), ["192.0.2.7", 0], ("unix", None), (), ("a",)]),
)
ENVIRONS = maybe(
    SCRIPT_NAME=ROOTS,
    PATH_INFO=PATHS.map(lambda path: path.encode().decode("latin-1")),
    QUERY_STRING=st.sampled_from(["", QUERY]),
    SERVER_PROTOCOL=st.sampled_from(["HTTP/1.1", "HTTP/2", "1.0", "INCLUDED", ""]),
    REMOTE_PORT=st.sampled_from(["5", "0", "", "x", "70000000", 5]),
)


@given(SCOPES, PATHS, st.booleans())
def test_asgi(scope: dict[str, Any], path: str, conceals: bool) -> None:
    one, other = asgi({**scope, "path": path}), asgi({**scope, "path": path})
    if conceals:
        one.conceal(CONCEALED)
        other.conceal(CONCEALED)
    assert one.facts() == by_name(other)


@given(ENVIRONS, st.booleans())
def test_wsgi(environ: dict[str, Any], conceals: bool) -> None:
    one, other = wsgi(environ), wsgi(environ)
    if conceals:
        one.conceal(CONCEALED)
        other.conceal(CONCEALED)
    assert one.facts() == by_name(other)


@pytest.mark.parametrize("concealed", [False, True])
def test_what_is_concealed_is_not_among_them(concealed: bool) -> None:
    scope = {"path": "/", "query_string": QUERY.encode(), "client": ("192.0.2.7", 5)}
    for exchange in (asgi(scope), wsgi({"PATH_INFO": "/", "QUERY_STRING": QUERY})):
        if concealed:
            exchange.conceal(CONCEALED)
        assert (b"s3cret" in exchange.facts()[1]) is not concealed


def test_an_exchange_of_parts() -> None:
    exchange = Exchange("asgi", "GET", "https", "/m", "/a", None, b"q", {}, None, Boundary())
    assert exchange.facts() == ("/m/a", b"q", None, None)
