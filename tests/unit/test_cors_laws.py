"""The laws of Ringwall hold for CORS, whatever browsers and apps say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cors_support import APP, EVIL
from ringwall.cors import CORS
from ringwall.headers import SecurityHeaders
from ringwall.https import HTTPS
from ringwall.testing import (
    Request,
    SampleApp,
    check_closed,
    check_fusion,
    check_interface,
    check_order,
    drive,
)

INTERFACES = ["asgi", "wsgi"]
SETTINGS = [
    {"origins": [APP], "credentials": True},
    {"origins": ["https://*.example.com"], "expose": ["ETag"], "foreign_writes": "refuse"},
    {"origins": ["*"]},
    {"origins": [APP], "private_network": True, "websockets": [EVIL]},
]
ORIGINS = [APP, EVIL, "https://b.example.com", "https://a.b.example.com", "null", "", "*"]


def lines(name, values):
    return st.lists(st.tuples(st.just(name), st.sampled_from(values)), max_size=2)


@st.composite
def requests(draw):
    headers = [
        (b"host", b"api.example.com"),
        *draw(lines(b"origin", [origin.encode() for origin in ORIGINS])),
        *draw(lines(b"access-control-request-method", [b"PUT", b"GET", b"x y", b""])),
        *draw(lines(b"access-control-request-headers", [b"authorization", b"x-a,b", b""])),
        *draw(lines(b"access-control-request-private-network", [b"true"])),
        *draw(lines(b"upgrade", [b"websocket", b"h2c"])),
    ]
    method = draw(st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "PUT"]))
    return Request(method=method, headers=tuple(headers))


@st.composite
def apps(draw):
    headers = [
        *draw(lines(b"access-control-allow-origin", [b"*", b"null", b"https://evil.example"])),
        *draw(lines(b"access-control-allow-credentials", [b"true"])),
        *draw(lines(b"vary", [b"Accept", b"origin, Cookie", b"*", b""])),
    ]
    return SampleApp(draw(st.sampled_from([200, 304, 500])), headers)


options_of_a_layer = st.sampled_from(SETTINGS)
few = settings(max_examples=40)


@pytest.mark.parametrize("interface", INTERFACES)
@few
@given(options_of_a_layer, options_of_a_layer, requests(), apps())
def test_fused_and_nested_are_the_same(interface, outer, inner, request, app):
    def make():
        return [HTTPS(hosts=["api.example.com"]), CORS(**outer), SecurityHeaders(), CORS(**inner)]

    check_fusion(make, app, request, interface)


@few
@given(options_of_a_layer, requests(), apps())
def test_both_interfaces_answer_alike(options, request, app):
    check_interface(lambda: [CORS(**options)], app, request)


@pytest.mark.parametrize("interface", INTERFACES)
@few
@given(options_of_a_layer, requests())
def test_a_bug_in_it_closes_the_door(interface, options, request):
    check_closed(lambda: [CORS(**options)], SampleApp(), request, interface)


def test_only_orders_that_work_construct():
    check_order(lambda: [HTTPS(hosts=["api.example.com"]), CORS([APP])])


@pytest.mark.parametrize("interface", INTERFACES)
@few
@given(options_of_a_layer, requests(), apps())
def test_nobody_else_is_told_that_he_may_read(interface, options, request, app):
    """The law of the layer: at most one grant, to the one origin of the request, if it is ours."""
    layer = CORS(**options)
    result = drive(interface, getattr(layer, interface)(getattr(app, interface)), request)
    told = [value for name, value in result.headers if name == b"access-control-allow-origin"]
    asked = [value for name, value in request.headers if name == b"origin"]
    assert len(told) <= 1
    if told and told != [b"*"]:
        assert told == asked
        assert asked[0] in (b"https://app.example.com", b"https://b.example.com")
    assert told != [b"*"] or options["origins"] == ["*"]
    credentials = [v for name, v in result.headers if name == b"access-control-allow-credentials"]
    assert len(credentials) <= bool(told and options.get("credentials"))
    preflight = (
        request.method == "OPTIONS"
        and asked
        and any(name == b"access-control-request-method" for name, _ in request.headers)
    )
    assert not (preflight and app.seen)
