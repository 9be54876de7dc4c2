"""Behind `proxies=`, the app sees what a trusted proxy wrote, and no other proxy header."""

from __future__ import annotations

import logging
import ssl

import pytest
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from hypercorn.middleware import ProxyFixMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware as UvicornProxyHeaders
from werkzeug.middleware.proxy_fix import ProxyFix

from core_support import Script, Scripted
from ringwall import HTTPS, Stack, TrustedProxies
from ringwall._boundary import warn_of_rewriting
from ringwall.testing import Request, SampleApp, drive

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
PROXY, STRANGER = "10.0.0.1", "192.0.2.7"
HOST = (b"host", b"api.example.com")
X_FORWARDED = (
    (b"x-forwarded-for", b"198.51.100.4"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"api.example.com"),
    (b"x-forwarded-port", b"443"),
    (b"x-forwarded-prefix", b"/v1"),
    (b"x-forwarded-user", b"root"),
)
FORWARDED = ((b"forwarded", b"for=198.51.100.4;proto=https"),)
CERTIFICATE = (
    (b"client-cert", b":MIIB:"),
    (b"client-cert-chain", b":MIIB:"),
    (b"ssl-client-cert", b"MIIB"),
    (b"ssl-client-verify", b"SUCCESS"),
)
CERTIFICATE_TWINS = ((b"client_cert", b":MIIB:"), (b"SSL_client-cert", b"MIIB"))
OTHERS = ((b"x-request-id", b"7"), (b"x-forward", b"1"), (b"x-forwardedness", b"2"))
TWINS = (
    (b"x_forwarded_for", b"6.6.6.6"),
    (b"x-forwarded_proto", b"https"),
    (b"x_forwarded-host", b"evil.example"),
    (b"X_Forwarded_Proto", b"https"),
    (b"forwarded_", b"for=6.6.6.6"),
)


def seen(interface, proxies, *headers, client=PROXY):
    """The headers that the app sees, in lower case with dashes, but for Host, and its Host."""
    found = []

    async def asgi(scope, receive, send):
        found.extend((name.lower(), value) for name, value in scope["headers"])
        await SampleApp().asgi(scope, receive, send)

    def wsgi(environ, start_response):
        found.extend(
            (key[5:].replace("_", "-").lower().encode(), value.encode())
            for key, value in environ.items()
            if key.startswith("HTTP_")
        )
        return SampleApp().wsgi(environ, start_response)

    stack = Stack(Scripted("any", Script()), proxies=proxies)
    app = asgi if interface == "asgi" else wsgi
    request = Request(headers=(HOST, *headers), client=client, scheme="http")
    assert drive(interface, getattr(stack, interface)(app), request).status == 200
    hosts = [value for name, value in found if name == b"host"]
    assert len(hosts) == 1
    return {line for line in found if line[0] != b"host"}, hosts[0]


@INTERFACES
def test_without_proxies_nothing_is_touched(interface):
    headers = (*X_FORWARDED, *FORWARDED, *OTHERS)
    assert seen(interface, None, *headers)[0] == set(headers)


@INTERFACES
@pytest.mark.parametrize("family", ["x-forwarded", "forwarded"])
@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"]])
@pytest.mark.parametrize("vouches", [True, False])
def test_of_a_stranger_the_app_sees_no_proxy_header(interface, family, networks, vouches):
    proxies = TrustedProxies(networks, headers=family, host=vouches)
    got, host = seen(interface, proxies, *X_FORWARDED, *FORWARDED, *OTHERS, client=STRANGER)
    assert (got, host) == (set(OTHERS), b"api.example.com")


@INTERFACES
@pytest.mark.parametrize("family", ["x-forwarded", "forwarded"])
def test_only_a_proxy_tells_the_client_s_certificate(interface, family):
    proxies = TrustedProxies(["10.0.0.0/8"], headers=family)
    others = (*OTHERS, (b"client-certificate", b"1"), (b"x-ssl-client", b"1"))
    assert seen(interface, proxies, *CERTIFICATE, *others, client=STRANGER)[0] == set(others)
    expected = {*CERTIFICATE, *others}
    assert seen(interface, proxies, *CERTIFICATE, *others, client=PROXY)[0] == expected
    if interface == "asgi":
        for client in (PROXY, STRANGER):
            assert seen("asgi", proxies, *CERTIFICATE_TWINS, client=client)[0] == set()


@INTERFACES
def test_an_empty_list_trusts_nobody(interface):
    got, _ = seen(interface, TrustedProxies([]), *X_FORWARDED, *FORWARDED, client=PROXY)
    assert got == set()


@INTERFACES
def test_of_a_proxy_the_app_sees_the_family_that_counts(interface):
    headers = (*X_FORWARDED, *FORWARDED, *OTHERS)
    proxies = TrustedProxies(["10.0.0.0/8"])
    unvouched = (b"x-forwarded-host", b"api.example.com")
    assert seen(interface, proxies, *headers)[0] == {*X_FORWARDED, *OTHERS} - {unvouched}
    proxies = TrustedProxies(["10.0.0.0/8"], host=True)
    assert seen(interface, proxies, *headers)[0] == {*X_FORWARDED, *OTHERS}
    proxies = TrustedProxies(["10.0.0.0/8"], headers="forwarded")
    assert seen(interface, proxies, *headers)[0] == {*FORWARDED, *OTHERS}


@INTERFACES
@pytest.mark.parametrize(
    "name", [b"x-forwarded-ssl", b"x-forwarded-protocol", b"x-forwarded-scheme"]
)
def test_other_words_for_the_scheme_may_be_the_client_s_and_go(interface, name):
    proxies = TrustedProxies(["10.0.0.0/8"], host=True)
    assert seen(interface, proxies, (name, b"on"), *OTHERS)[0] == set(OTHERS)


@pytest.mark.parametrize("family", ["x-forwarded", "forwarded"])
@pytest.mark.parametrize("client", [PROXY, STRANGER])
def test_no_spelling_with_an_underscore_reaches_an_asgi_app(family, client):
    proxies = TrustedProxies(["10.0.0.0/8"], headers=family, host=True)
    assert seen("asgi", proxies, *TWINS, *OTHERS, client=client)[0] == set(OTHERS)


@pytest.mark.parametrize("client", [PROXY, STRANGER])
def test_capitals_hide_nothing(client):
    proxies = TrustedProxies(["10.0.0.0/8"], headers="forwarded")
    lines = ((b"X-Forwarded-For", b"6.6.6.6"), (b"X-FORWARDED-PROTO", b"https"))
    assert seen("asgi", proxies, *lines, client=client)[0] == set()


def test_a_variable_that_is_no_header_stays():
    environ = Request(client=STRANGER).environ()
    environ |= {"FORWARDED_ALLOW_IPS": "*", "HTTP_X_FORWARDED_\u0142": "1"}

    def app(given, start_response):
        assert given["FORWARDED_ALLOW_IPS"] == "*"
        assert "HTTP_X_FORWARDED_\u0142" not in given
        start_response("200 OK", [])
        return []

    stack = Stack(Scripted("any", Script()), proxies=TrustedProxies([]))
    assert list(stack.wsgi(app)(environ, lambda *_: None)) == []


def test_the_scope_keeps_its_list_where_nothing_is_withheld():
    scope = Request(headers=(HOST, *OTHERS), client=PROXY).scope()
    given = []

    async def app(scope, receive, send):
        given.append(scope["headers"])
        await SampleApp().asgi(scope, receive, send)

    stack = Stack(Scripted("any", Script()), proxies=TrustedProxies([]))
    wrapped = stack.asgi(app)

    async def outer(_, receive, send):
        await wrapped(scope, receive, send)

    drive("asgi", outer, Request())
    assert given[0] is scope["headers"]


@pytest.mark.parametrize("absent", [True, False])
def test_a_scope_without_headers_is_handed_over_without(absent):
    scope = Request(headers=(), client=PROXY).scope()
    if absent:
        del scope["headers"]
    given = []

    async def app(scope, receive, send):
        given.append(scope.get("headers", "absent"))
        await SampleApp().asgi(scope, receive, send)

    wrapped = Stack(Scripted("any", Script()), proxies=TrustedProxies([], host=True)).asgi(app)

    async def outer(_, receive, send):
        await wrapped(scope, receive, send)

    drive("asgi", outer, Request())
    assert given == ["absent" if absent else []]


# The host that was checked is the host that the app sees.


@INTERFACES
@pytest.mark.parametrize(
    ("family", "line"),
    [
        ("x-forwarded", (b"x-forwarded-host", b"API.example.com.:8443")),
        ("forwarded", (b"forwarded", b'for=198.51.100.4;host="api.example.com:8443"')),
    ],
)
def test_the_app_gets_the_host_that_its_proxy_vouches_for(interface, family, line):
    proxies = TrustedProxies(["10.0.0.0/8"], headers=family, host=True)
    chain = (b"x-forwarded-for", b"198.51.100.4")
    headers = (chain, line) if family == "x-forwarded" else (line,)
    assert seen(interface, proxies, *headers)[1] == b"api.example.com:8443"
    assert seen(interface, proxies, *headers, client=STRANGER)[1] == b"api.example.com"
    assert seen(interface, proxies)[1] == b"api.example.com"


@INTERFACES
def test_the_port_is_that_of_the_host_and_no_header_of_its_own(interface):
    proxies = TrustedProxies(["10.0.0.0/8"], host=True)
    headers = (
        (b"x-forwarded-for", b"198.51.100.4"),
        (b"x-forwarded-host", b"api.example.com"),
        (b"x-forwarded-port", b"8443"),
    )
    assert seen(interface, proxies, *headers)[1] == b"api.example.com"


@INTERFACES
def test_a_stack_inside_sees_the_same_host(interface):
    proxies = TrustedProxies(["10.0.0.0/8"], host=True)
    app = SampleApp()
    inner = HTTPS(hosts=["shop.example"])
    walled = getattr(inner, interface)(getattr(app, interface))
    stack = Stack(Scripted("any", Script()), proxies=proxies)
    headers = (
        HOST,
        (b"x-forwarded-for", b"198.51.100.4"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop.example"),
    )
    request = Request(headers=headers, client=PROXY, scheme="http")
    assert drive(interface, getattr(stack, interface)(walled), request).status == 200
    foreign = Request(headers=(*headers[:3],), client=PROXY, scheme="http")
    assert drive(interface, getattr(stack, interface)(walled), foreign).status == 421
    assert len(app.seen) == 1


# What the server did before us.


@pytest.fixture
def warnings(caplog):
    warn_of_rewriting.cache_clear()
    caplog.set_level(logging.WARNING, "ringwall")
    yield lambda: [record for record in caplog.records if "Trust in one place" in record.message]
    warn_of_rewriting.cache_clear()


def sent_to(stack, scope):
    wrapped = stack.asgi(SampleApp().asgi)

    async def outer(_, receive, send):
        await wrapped(scope, receive, send)

    assert drive("asgi", outer, Request()).status == 200


BEHIND = Stack(Scripted("any", Script()), proxies=TrustedProxies(["10.0.0.0/8"]))


def test_an_address_from_port_0_was_put_there_and_is_told_once(warnings):
    for _ in range(3):
        sent_to(BEHIND, {**Request().scope(), "client": ("198.51.100.4", 0)})
    assert len(warnings()) == 1


@pytest.mark.parametrize(
    "client", [("198.51.100.4", 51000), ("198.51.100.4", "51000"), None, ("", 0), ("unix:", 0)]
)
def test_an_ordinary_peer_is_nothing_to_tell(warnings, client):
    sent_to(BEHIND, {**Request().scope(), "client": client})
    assert warnings() == []


def test_what_ringwall_itself_hands_over_is_nothing_to_tell(warnings):
    headers = (HOST, (b"x-forwarded-for", b"198.51.100.4"))
    both = BEHIND.asgi(BEHIND.asgi(SampleApp().asgi))
    assert drive("asgi", both, Request(headers=headers, client=PROXY)).status == 200
    assert warnings() == []


def test_without_proxies_there_is_nothing_to_tell(warnings):
    sent_to(Stack(Scripted("any", Script())), {**Request().scope(), "client": ("192.0.2.1", 0)})
    assert warnings() == []


@pytest.mark.parametrize("wrap", ["uvicorn", "granian", "hypercorn"])
def test_the_rewriting_of_real_asgi_servers_is_told(warnings, wrap):
    wrapped = {
        "uvicorn": lambda app: UvicornProxyHeaders(app, PROXY),
        "granian": lambda app: wrap_asgi_with_proxy_headers(app, PROXY),
        "hypercorn": ProxyFixMiddleware,
    }[wrap](BEHIND.asgi(SampleApp().asgi))
    headers = (HOST, (b"x-forwarded-for", b"198.51.100.4"))
    assert drive("asgi", wrapped, Request(headers=headers, client=PROXY)).status == 200
    assert len(warnings()) == 1


def test_a_fix_of_werkzeug_around_ringwall_is_told(warnings):
    wrapped = ProxyFix(BEHIND.wsgi(SampleApp().wsgi))
    headers = (HOST, (b"x-forwarded-for", b"198.51.100.4"))
    assert drive("wsgi", wrapped, Request(headers=headers, client=PROXY)).status == 200
    assert len(warnings()) == 1


@pytest.mark.parametrize(
    ("scheme", "more", "told"),
    [
        ("https", {"gunicorn.socket": object()}, True),
        ("https", {"gunicorn.socket": ssl.SSLSocket.__new__(ssl.SSLSocket)}, False),
        ("http", {"gunicorn.socket": object()}, False),
        ("https", {}, False),
        ("http", {"werkzeug.proxy_fix.orig": {}}, True),
    ],
)
def test_a_wsgi_server_that_judged_the_headers_is_told_where_it_shows(warnings, scheme, more, told):
    environ = Request(scheme=scheme, client=PROXY).environ() | more
    wrapped = BEHIND.wsgi(SampleApp().wsgi)
    drive("wsgi", lambda _, start_response: wrapped(environ, start_response), Request())
    assert len(warnings()) == told
