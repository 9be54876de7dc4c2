"""The HTTPS layer around real apps: a refused request does not reach them."""

from __future__ import annotations

import pytest

from https_support import CountingASGI, CountingWSGI, call_asgi, call_wsgi, code
from ringwall._boundary import TrustedProxies
from ringwall.https import HTTPS
from ringwall.problem import Response
from ringwall.stack import Stack

HOSTS = ["api.example.com"]
STS = b"strict-transport-security"
POLICY = b"max-age=63072000; includeSubDomains"

# Requests over plain HTTP as (method, headers, target, status, code or Location).
REFUSED = [
    ("GET", {}, "/v1/orders?a=%20", 308, b"https://api.example.com/v1/orders?a=%20"),
    ("HEAD", {}, "/a%2fb", 308, b"https://api.example.com/a%2fb"),
    ("POST", {}, "/v1/orders", 403, "https-required"),
    ("OPTIONS", {"access-control-request-method": "POST"}, "/", 403, "https-required"),
    ("GET", {"authorization": "Bearer x"}, "/v1/orders", 403, "credential-sent-in-clear"),
    ("GET", {"upgrade": "websocket"}, "/v1/feed", 403, "wss-required"),
    ("GET", {"host": "evil.example"}, "/v1/orders", 421, "unknown-host"),
    ("GET", {"host": "api.example.com@evil.example"}, "/v1/orders", 400, "malformed-host"),
    ("GET", {"host": "api.example.com, evil.example"}, "/v1/orders", 400, "malformed-host"),
    ("GET", {"host": None}, "/v1/orders", 400, "missing-host"),
    ("GET", {"host": None, "x-forwarded-host": "api.example.com"}, "/", 400, "missing-host"),
    ("GET", {"x-forwarded-proto": "https"}, "/", 308, b"https://api.example.com/"),
    ("GET", {}, "@evil.example", 400, "malformed-target"),
    ("GET", {}, ".evil.example/x", 400, "malformed-target"),
]


def over_asgi(app, method, headers, target, scheme="http"):
    path, _, query = target.partition("?")
    lines = {"host": "api.example.com", **headers}
    return call_asgi(
        app,
        method=method,
        scheme=scheme,
        path=path.replace("%2f", "/"),
        raw_path=path.encode(),
        query_string=query.encode(),
        headers=[(k.encode(), v.encode()) for k, v in lines.items() if v is not None],
    )


def over_wsgi(app, method, headers, target, scheme="http"):
    path, _, query = target.partition("?")
    lines = {"host": "api.example.com", **headers}
    environ = {"HTTP_" + k.upper().replace("-", "_"): v for k, v in lines.items()}
    return call_wsgi(
        app,
        REQUEST_METHOD=method,
        PATH_INFO=path.replace("%2f", "/"),
        REQUEST_URI=target if target.startswith("/") else None,
        QUERY_STRING=query,
        **{"wsgi.url_scheme": scheme},
        **environ,
    )


INTERFACES = [
    pytest.param(CountingASGI, "asgi", over_asgi, id="asgi"),
    pytest.param(CountingWSGI, "wsgi", over_wsgi, id="wsgi"),
]


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
@pytest.mark.parametrize(("method", "headers", "target", "status", "expected"), REFUSED)
def test_over_plain_http_the_app_is_not_called(
    app_type, interface, call, method, headers, target, status, expected
):
    app = app_type()
    got, lines, body = call(getattr(HTTPS(hosts=HOSTS), interface)(app), method, headers, target)
    assert (got, app.calls) == (status, 0)
    found = dict(lines)
    assert STS not in found and len(found) == len(lines)
    if status == 308:
        assert (found[b"location"], body) == (expected, b"")
    else:
        assert b"location" not in found
        assert code(Response(status, lines[:-1], body)) == expected


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
@pytest.mark.parametrize("options", [{}, {"exempt": ["/healthz"]}])
@pytest.mark.parametrize(
    ("lines", "expected"),
    [((), POLICY), (((b"Strict-Transport-Security", b"max-age=1"),), b"max-age=1")],
)
def test_a_secure_response_leaves_with_exactly_one_policy(
    app_type, interface, call, options, lines, expected
):
    app = app_type(*lines)
    walled = getattr(HTTPS(hosts=HOSTS, **options), interface)(app)
    status, got, body = call(walled, "GET", {}, "/v1/orders", scheme="https")
    assert (status, body, app.calls) == (200, b"app", 1)
    assert [value for name, value in got if name.lower() == STS] == [expected]


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
@pytest.mark.parametrize("options", [{}, {"exempt": ["/healthz"]}])
def test_an_app_that_repeats_itself_leaves_with_one_policy(app_type, interface, call, options):
    app = app_type((b"Strict-Transport-Security", b"max-age=1"), (STS, b"max-age=2"))
    walled = getattr(HTTPS(hosts=HOSTS, **options), interface)(app)
    _, got, _ = call(walled, "GET", {}, "/v1/orders", scheme="https")
    assert [value for name, value in got if name.lower() == STS] == [b"max-age=1"]


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
def test_a_probe_in_clear_reaches_the_app_and_gets_no_policy(app_type, interface, call):
    app = app_type((STS, b"max-age=1"))
    walled = getattr(HTTPS(hosts=HOSTS, exempt=["/healthz"]), interface)(app)
    status, got, _ = call(walled, "GET", {"host": "10.0.0.7:8080"}, "/healthz")
    assert (status, got, app.calls) == (200, [], 1)


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
@pytest.mark.parametrize("target", ["/healthz%2f", "//healthz", "/x/../healthz", "/healthz;x"])
def test_an_ambiguous_path_is_never_exempt(app_type, interface, call, target):
    app = app_type()
    walled = getattr(HTTPS(hosts=HOSTS, exempt=["/healthz", "/x/**"]), interface)(app)
    status, _, body = call(walled, "GET", {"host": "evil.example"}, target)
    assert (status, app.calls) == (400, 0)
    assert b"ambiguous-path" in body


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
@pytest.mark.parametrize(("network", "status"), [("192.0.2.0/24", 200), ("198.51.100.0/24", 308)])
def test_the_word_of_a_proxy_counts_only_if_it_is_trusted(
    app_type, interface, call, network, status
):
    app = app_type()
    stack = Stack(HTTPS(hosts=HOSTS), proxies=TrustedProxies([network]))
    walled = getattr(stack, interface)(app)
    assert call(walled, "GET", {"x-forwarded-proto": "https"}, "/")[0] == status
    assert app.calls == (status == 200)


WEBSOCKET = {"type": "websocket", "scheme": "ws", "method": None}


def test_a_plain_websocket_is_closed_before_it_is_accepted():
    app = CountingASGI()
    walled = HTTPS(hosts=HOSTS).asgi(app)
    assert call_asgi(walled, type="websocket", scheme="ws")[0] == "websocket.close"
    assert app.calls == 0


@pytest.mark.parametrize(
    ("websockets", "status", "target"),
    [("refuse", 403, None), ("redirect", 308, b"wss://api.example.com/v1/orders")],
)
def test_a_plain_websocket_gets_a_response_where_the_server_can_send_one(
    websockets, status, target
):
    app = CountingASGI()
    walled = HTTPS(hosts=HOSTS, websockets=websockets).asgi(app)
    extensions = {"websocket.http.response": {}}
    got, lines, _ = call_asgi(walled, type="websocket", scheme="ws", extensions=extensions)
    assert (got, dict(lines).get(b"location"), app.calls) == (status, target, 0)


def test_a_secure_websocket_reaches_the_app():
    app = CountingASGI()
    walled = HTTPS(hosts=HOSTS).asgi(app)
    assert call_asgi(walled, type="websocket", scheme="wss")[0] == "websocket.accept"
    assert app.calls == 1


# Entry, Host header, and the status over TLS.
HOSTS_OVER_TLS = [
    (["example.com"], "example.com", 200),
    (["example.com"], "EXAMPLE.com.", 200),
    (["example.com."], "example.com:8000", 200),
    (["example.com"], "example.com..", 400),
    (["example.com"], ".example.com", 400),
    (["example.com:8443"], "example.com:8443", 200),
    (["example.com:8443"], "example.com.:8443", 200),
    (["example.com:8443"], "example.com", 421),
    (["example.com:443"], "example.com", 200),
    (["example.com"], "example.com:", 400),
    (["example.com"], "example.com:0", 400),
    (["example.com"], "example.com:65536", 400),
    (["example.com"], "example.com:+443", 400),
    (["*.example.com"], "api.example.com", 200),
    (["*.example.com"], "API.example.com.:8000", 200),
    (["*.example.com"], "example.com", 421),
    (["*.example.com"], "a.b.example.com", 421),
    (["*.example.com"], "*.example.com", 400),
    (["*.example.com:8443"], "api.example.com:8443", 200),
    (["*.example.com:8443"], "api.example.com", 421),
    (["bücher.example"], "xn--bcher-kva.example", 200),
    (["bücher.example"], "XN--BCHER-KVA.example.", 200),
    (["*.bücher.example"], "a.xn--bcher-kva.example", 200),
    (["bücher.example"], "bücher.example", 400),
    (["bücher.example"], "b\xc3\xbccher.example", 400),
    (["[2001:db8::1]"], "[2001:db8::1]", 200),
    (["[2001:db8::1]"], "[2001:DB8:0:0::1]:8000", 200),
    (["[2001:db8::1]:8443"], "[2001:db8::1]", 421),
    (["[2001:db8::1]"], "2001:db8::1", 400),
    (["[2001:db8::1]"], "[2001:db8::1]evil", 400),
    (["[2001:db8::1]"], "[2001:db8::2]", 421),
    (["192.0.2.1"], "192.0.2.1:8000", 200),
    (["192.0.2.1"], "192.0.2.01", 400),
    (["192.0.2.1"], "3221225985", 400),
    (["192.0.2.1"], "0xc0000201", 400),
]


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
@pytest.mark.parametrize(("hosts", "value", "status"), HOSTS_OVER_TLS)
def test_the_list_of_hosts_through_both_adapters(app_type, interface, call, hosts, value, status):
    app = app_type()
    walled = getattr(HTTPS(hosts=hosts), interface)(app)
    if interface == "asgi":
        lines = [(b"host", value.encode("latin-1"))]
        got = call_asgi(walled, scheme="https", headers=lines)[0]
    else:
        got = call(walled, "GET", {"host": value}, "/v1/orders", scheme="https")[0]
    assert (got, app.calls) == (status, status == 200)


@pytest.mark.parametrize(("app_type", "interface", "call"), INTERFACES)
@pytest.mark.parametrize(
    ("hosts", "value", "location"),
    [
        (["example.com"], "EXAMPLE.com.:80", b"https://example.com/x"),
        (["example.com:8443"], "example.com:8080", b"https://example.com:8443/x"),
        (["*.example.com"], "api.example.com", b"https://api.example.com/x"),
        (["bücher.example"], "XN--bcher-kva.example", b"https://xn--bcher-kva.example/x"),
        (["[2001:db8::1]"], "[2001:DB8:0::1]:80", b"https://[2001:db8::1]/x"),
        (["192.0.2.1"], "192.0.2.1", b"https://192.0.2.1/x"),
    ],
)
def test_a_redirect_leads_to_the_host_in_its_one_spelling(
    app_type, interface, call, hosts, value, location
):
    app = app_type()
    walled = getattr(HTTPS(hosts=hosts, ports={8080: 8443}), interface)(app)
    status, lines, _ = call(walled, "GET", {"host": value}, "/x")
    assert (status, dict(lines)[b"location"], app.calls) == (308, location, 0)
