"""The laws, where credentials lie in many places and are kept from the app."""

from __future__ import annotations

import functools
import warnings
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_support import Lines
from authn_support import AUDIENCE, ISSUER, NOW, jwks, sign
from ringwall import (
    JWT,
    APIKey,
    Audit,
    Authentication,
    Authorization,
    Basic,
    WebSocketTickets,
    allow,
    generate_api_key,
    hash_password,
    public,
    scope,
)
from ringwall.testing import (
    Request,
    SampleApp,
    check_closed,
    check_fusion,
    check_interface,
    check_silence,
    check_transparency,
)

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
PASSWORD = "p4ssword"


def at_noon():
    return NOW


@functools.cache
def key():
    return generate_api_key("alice", scopes=["orders:read"], expires_in=None)


@functools.cache
def authentication(strip):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        schemes = [
            JWT(ISSUER, AUDIENCE, keys=jwks("rsa"), clock=at_noon),
            APIKey([key()[1]], query="key"),
            APIKey([key()[1]], cookie="key", clock=at_noon),
        ]
    basic = Basic({"alice": hash_password(PASSWORD, ln=10, r=1, p=1)})
    return Authentication(
        *schemes,
        APIKey([key()[1]], header="x-key"),
        basic,
        WebSocketTickets(),
        strip=strip,
        exempt=["/healthz"],
        resource="https://api.example.com",
        subprotocol="bearer",
        first_message=None,
    )


def layers(strip=True, sink=None):
    return [
        Audit(sink or Lines(), request_id_header=None, clock=at_noon, wall_clock=at_noon),
        authentication(strip),
        Authorization(
            public("GET", "/healthz"),
            allow("*", "/v1/orders", scope("orders:read")),
            allow("*", "/v1/admin", scope("admin")),
        ),
    ]


@functools.cache
def values():
    token, api_key = sign(), key()[0].encode()
    basic = b64encode(b"alice:" + PASSWORD.encode())
    return [b"", b"x", token, api_key, api_key[:-1] + b"0", basic, b"a b", b"a,b"]


def with_credentials(target, query, header, name, cookie, own, protocols, **others):
    lines = [(b"host", b"api.example.com")]
    lines += [(b"authorization", name + b" " + value) for value in header]
    lines += [(b"cookie", b"a=1; key=" + value) for value in cookie]
    lines += [(b"x-key", value) for value in own]
    lines += [(b"sec-websocket-protocol", b"bearer, " + value) for value in protocols]
    for value in query:
        target += (b"&" if b"?" in target else b"?") + b"key=" + value.replace(b" ", b"+")
    return Request(target=target, headers=tuple(lines), **others)


def some(most=2):
    return st.deferred(lambda: st.lists(st.sampled_from(values()), max_size=most))


def requests(**others):
    return st.builds(
        with_credentials,
        target=st.sampled_from(
            [
                *(b"/healthz", b"/v1/orders", b"/v1/admin", b"/v1/orders?a=1&ticket=x"),
                *(b"/.well-known/oauth-protected-resource", b"//v1/orders"),
            ]
        ),
        method=st.sampled_from(["GET", "POST", "HEAD"]),
        query=some(),
        header=some(),
        name=st.sampled_from([b"Bearer", b"Basic", b"ApiKey", b"Ticket"]),
        cookie=some(1),
        own=some(1),
        protocols=some(1),
        **others,
    )


@INTERFACES
@settings(deadline=None, max_examples=60)
@given(request=requests(), strip=st.booleans())
def test_fusion(interface, request, strip):
    check_fusion(lambda: layers(strip), SampleApp(), request, interface)


@settings(deadline=None, max_examples=60)
@given(request=requests(websocket=st.just(True), denial=st.booleans()))
def test_fusion_with_websockets(request):
    check_fusion(layers, SampleApp(), request, "asgi")


@settings(deadline=None, max_examples=80)
@given(request=requests(), strip=st.booleans())
def test_interface(request, strip):
    check_interface(lambda: layers(strip), SampleApp(), request)


@INTERFACES
@settings(deadline=None, max_examples=30)
@given(request=requests())
def test_closed(interface, request):
    check_closed(layers, SampleApp(), request, interface)


@settings(deadline=None, max_examples=60)
@given(request=requests())
def test_silence(request):
    sink = Lines()
    secrets = [value for value in values() if len(value) > 8]
    check_silence(lambda: layers(sink=sink), SampleApp(), request, secrets)
    assert not any(secret in line for secret in secrets for line in sink.lines)


@INTERFACES
def test_transparency_without_strip(interface):
    target = b"/v1/orders?a=1&key=" + key()[0].encode()
    request = Request(target=target)
    check_transparency(lambda: layers(strip=False), SampleApp(), request, interface)
