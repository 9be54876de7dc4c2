"""The layer around real apps: exactly one line of each header, on whatever leaves."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode

import pytest

import ringwall
from headers_support import INTERFACES, App, call, send, values
from https_support import call_asgi, exchange
from ringwall._asgi_head import Head as ASGIHead
from ringwall._layer import Layer
from ringwall._wsgi_head import Head as WSGIHead
from ringwall.headers import Cookies, SecurityHeaders, nonce_of
from ringwall.https import HTTPS
from ringwall.problem import problem
from ringwall.stack import Stack
from ringwall.testing import Request, SampleApp, check_fusion, check_interface

CSP = b"content-security-policy"
API = {
    b"cache-control": b"no-store",
    CSP: b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"x-permitted-cross-domain-policies": b"none",
}
BROWSER = {
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"origin-agent-cluster": b"?1",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-dns-prefetch-control": b"off",
    b"x-download-options": b"noopen",
    b"x-frame-options": b"SAMEORIGIN",
    b"x-permitted-cross-domain-policies": b"none",
    b"x-xss-protection": b"0",
}
NONCE = re.compile(rb"'nonce-([A-Za-z0-9+/]{22}==)'")
interfaces = pytest.mark.parametrize("interface", INTERFACES)


class Refusing(Layer):
    name = "refusing"

    def on_request(self, exchange):
        return problem(403, "No.", code="no", headers=((b"server", b"x"), (b"set-cookie", b"a=1")))


class Failing(Layer):
    name = "failing"

    def on_response(self, exchange, head):
        raise RuntimeError


def nonces(headers, name=CSP):
    [policy] = values(headers, name)
    return NONCE.findall(policy)


# --- presets -----------------------------------------------------------------------------------


@interfaces
@pytest.mark.parametrize(("preset", "expected"), [("api", API), ("browser", BROWSER)])
def test_a_preset_sends_each_of_its_headers_once(interface, preset, expected):
    headers = send(SecurityHeaders(preset), interface)
    found = dict(headers)
    assert len(found) == len(headers)
    assert values(headers, b"permissions-policy")[0].startswith(b"accelerometer=(), ")
    if preset == "browser":
        assert values(headers, CSP)[0].startswith(b"default-src 'self'; base-uri 'self'; ")
    expected = {**expected, b"permissions-policy": found[b"permissions-policy"], CSP: found[CSP]}
    assert found == expected
    assert b"strict-transport-security" not in found


def test_api_is_the_default_and_needs_no_work_on_the_request():
    layer = SecurityHeaders()
    assert layer.constant_headers == SecurityHeaders("api").constant_headers
    assert len(layer.constant_headers) == 9
    plan = layer.asgi(App("asgi")).__ringwall__
    assert [step.hook.__name__ for step in plan.steps] == ["judge_target"]


def test_what_is_not_configured_costs_nothing():
    layer = SecurityHeaders(override=["X-Frame-Options"])
    assert b"x-frame-options" not in dict(layer.constant_headers)
    plan = SecurityHeaders(remove=(), cookies=None).asgi(App("asgi")).__ringwall__
    assert plan.unwinds[1].edits == ()
    assert len(plan.unwinds[1].defaults) == 9


def test_a_repr_is_short():
    assert repr(SecurityHeaders()) == "<SecurityHeaders>"


def test_the_package_exports_the_names():
    assert ringwall.SecurityHeaders is SecurityHeaders
    assert ringwall.nonce_of is nonce_of


# --- setdefault and override -------------------------------------------------------------------


@interfaces
@pytest.mark.parametrize("preset", ["api", "browser"])
@pytest.mark.parametrize("name", [b"x-frame-options", b"X-Frame-Options", b"X-FRAME-OPTIONS"])
def test_what_the_app_sets_stays_alone(interface, preset, name):
    headers = send(SecurityHeaders(preset), interface, (name, b"ALLOWALL"), (b"A", b"1"))
    assert headers[:2] == [(name, b"ALLOWALL"), (b"A", b"1")]
    assert len({key.lower() for key, _ in headers}) == len(headers)


@interfaces
@pytest.mark.parametrize("preset", ["api", "browser"])
def test_a_policy_of_the_app_stays_alone_with_all_its_lines(interface, preset):
    lines = [(b"Content-Security-Policy", b"a"), (b"content-security-policy", b"b")]
    headers = send(SecurityHeaders(preset), interface, *lines)
    assert headers[:2] == lines
    assert values(headers, CSP) == [b"a", b"b"]


@interfaces
@pytest.mark.parametrize("preset", ["api", "browser"])
@pytest.mark.parametrize("names", [["X-Frame-Options"], ["x-frame-options", "CACHE-CONTROL"]])
def test_what_is_overridden_leaves_as_configured_exactly_once(interface, preset, names):
    layer = SecurityHeaders(preset, cache_control="private", override=names)
    lines = [(b"X-Frame-Options", b"a"), (b"x-frame-options", b"b"), (b"Cache-Control", b"c")]
    for given in (lines, []):
        headers = send(layer, interface, *given)
        assert values(headers, b"x-frame-options") in ([b"DENY"], [b"SAMEORIGIN"])
        if given and len(names) == 1:
            assert values(headers, b"cache-control") == [b"c"]
        else:
            assert values(headers, b"cache-control") == [b"private"]


@interfaces
@pytest.mark.parametrize("status", [200, 304])
def test_a_policy_with_a_nonce_can_override(interface, status):
    layer = SecurityHeaders("browser", override=["Content-Security-Policy"])
    app = App(interface, (b"Content-Security-Policy", b"script-src *"), status=status)
    _, headers, _ = call(layer, app)
    if status == 304:
        assert values(headers, CSP) == []
    else:
        assert nonces(headers) == [app.nonce.encode()] * 2


@interfaces
def test_further_headers_are_sent_and_can_override(interface):
    layer = SecurityHeaders(extra={"X-Robots-Tag": "none", "X-A": "b"}, override=["X-A"])
    headers = send(layer, interface, (b"X-Robots-Tag", b"all"), (b"X-A", b"1"))
    assert values(headers, b"x-robots-tag") == [b"all"]
    assert values(headers, b"x-a") == [b"b"]


# --- the nonce ---------------------------------------------------------------------------------


@interfaces
def test_each_request_has_a_nonce_of_its_own_that_the_app_was_told(interface):
    layer = SecurityHeaders("browser")
    seen = set()
    for _ in range(50):
        app = App(interface)
        _, headers, _ = call(layer, app)
        assert nonces(headers) == [app.nonce.encode()] * 2
        assert len(b64decode(app.nonce, validate=True)) == 16
        seen.add(app.nonce)
    assert len(seen) == 50


@interfaces
def test_report_only_carries_the_same_nonce(interface):
    layer = SecurityHeaders(
        "browser", content_security_policy_report_only={"script-src": ["'nonce'"]}
    )
    _, headers, _ = call(layer, app := App(interface))
    name = b"content-security-policy-report-only"
    assert set(nonces(headers, name) + nonces(headers)) == {app.nonce.encode()}


@interfaces
@pytest.mark.parametrize(
    "layer", [SecurityHeaders(), SecurityHeaders("browser", content_security_policy=None)]
)
def test_without_a_nonce_in_the_policy_there_is_none(interface, layer):
    call(layer, app := App(interface))
    assert (app.calls, app.nonce) == (1, None)


@interfaces
@pytest.mark.parametrize("nested", [True, False])
def test_two_layers_share_the_nonce_and_the_innermost_policy_stays(interface, nested):
    inner = SecurityHeaders(content_security_policy="script-src 'nonce'")
    outer = SecurityHeaders("browser")
    app = App(interface)
    if nested:
        wrapped = App(interface)
        chain = getattr(inner, interface)(app)
        wrapped.__class__ = type("Wrapped", (App,), {"__call__": lambda self, *a: chain(*a)})
        _, headers, _ = call(outer, wrapped)
    else:
        _, headers, _ = call(Stack(outer, inner), app)
    assert values(headers, CSP) == [b"script-src 'nonce-%b'" % app.nonce.encode()]


@interfaces
def test_the_nonce_is_one_where_the_outer_policy_replaces_the_inner_one(interface):
    app, wrapped = App(interface), App(interface)
    chain = getattr(SecurityHeaders("browser"), interface)(app)
    wrapped.__class__ = type("Wrapped", (App,), {"__call__": lambda self, *a: chain(*a)})
    outer = SecurityHeaders("browser", override=["Content-Security-Policy"])
    _, headers, _ = call(outer, wrapped)
    assert nonces(headers) == [app.nonce.encode()] * 2


@interfaces
def test_an_inner_stack_finds_the_nonce_of_the_outer_one(interface):
    class Nothing(Layer):
        name = "nothing"

        def on_request(self, exchange):
            return None

    app, wrapped = App(interface), App(interface)
    chain = getattr(Nothing(), interface)(app)
    wrapped.__class__ = type("Wrapped", (App,), {"__call__": lambda self, *a: chain(*a)})
    _, headers, _ = call(SecurityHeaders("browser"), wrapped)
    assert nonces(headers) == [app.nonce.encode()] * 2


def test_a_nonce_is_found_from_whatever_a_handler_holds():
    made = exchange(scheme="https")
    SecurityHeaders("browser").on_request(made)
    assert nonce_of(made) == nonce_of({"ringwall.exchange": made})
    assert nonce_of(type("Request", (), {"scope": {"ringwall.exchange": made}})()) is not None
    assert nonce_of(object()) is None


@interfaces
def test_304_keeps_the_policy_that_was_stored_with_the_page(interface):
    app = App(interface, (b"ETag", b'"1"'), status=304)
    _, headers, _ = call(SecurityHeaders("browser"), app)
    assert values(headers, CSP) == []
    assert values(headers, b"x-content-type-options") == [b"nosniff"]
    _, headers, _ = call(SecurityHeaders(), app)
    assert values(headers, CSP) == [API[CSP]]  # a constant one is the stored one


# --- whatever leaves ---------------------------------------------------------------------------


@interfaces
def test_head_gets_the_headers_of_get(interface):
    layer = SecurityHeaders()
    length = (b"Content-Length", b"17")
    for method in ("GET", "HEAD"):
        _, headers, _ = call(layer, App(interface, length), method=method)
        assert headers == [length, *layer.constant_headers]


@interfaces
@pytest.mark.parametrize("preset", ["api", "browser"])
def test_a_refusal_of_an_inner_layer_gets_them_too(interface, preset):
    status, headers, _ = call(Stack(SecurityHeaders(preset), Refusing()), app := App(interface))
    assert (status, app.calls) == (403, 0)
    assert values(headers, b"x-content-type-options") == [b"nosniff"]
    assert values(headers, b"server") == []
    assert values(headers, b"cache-control") == [b"no-store"]
    assert values(headers, b"set-cookie") == [b"a=1; Secure; HttpOnly; SameSite=Lax"]
    assert len(values(headers, CSP)) == 1


@interfaces
@pytest.mark.parametrize("preset", ["api", "browser"])
@pytest.mark.parametrize("inside", [(), (HTTPS(hosts=["api.example.com"]),)])
def test_a_malformed_host_is_refused_with_the_headers_and_the_app_is_not_called(
    interface, preset, inside
):
    stack = Stack(SecurityHeaders(preset), *inside)
    status, headers, _ = call(stack, app := App(interface), host=b"a@evil.example")
    assert (status, app.calls) == (400, 0)
    assert values(headers, b"x-content-type-options") == [b"nosniff"]
    assert len(values(headers, CSP)) == 1


@interfaces
def test_a_redirect_and_hsts_of_the_layer_inside_leave_with_them(interface):
    stack = Stack(SecurityHeaders(), HTTPS(hosts=["api.example.com"]))
    status, headers, _ = call(stack, app := App(interface), scheme="http")
    assert (status, app.calls) == (308, 0)
    assert values(headers, b"x-frame-options") == [b"DENY"]
    status, headers, _ = call(stack, app)
    assert (status, app.calls) == (200, 1)
    assert len(headers) == 10 == len(dict(headers))


@interfaces
@pytest.mark.parametrize("preset", ["api", "browser"])
def test_the_500_of_a_failing_layer_gets_them_too(interface, preset):
    status, headers, _ = call(Stack(SecurityHeaders(preset), Failing()), App(interface))
    assert status == 500
    assert values(headers, b"x-content-type-options") == [b"nosniff"]
    assert len(values(headers, CSP)) == 1


@interfaces
@pytest.mark.parametrize("preset", ["api", "browser"])
def test_a_layer_that_stands_twice_is_as_one(interface, preset):
    layer = SecurityHeaders(preset, override=["Referrer-Policy"])
    lines = [(b"Set-Cookie", b"__Host-a=1; Domain=x"), (b"Server", b"x"), (b"Referrer-Policy", b"")]
    once, twice = (send(made, interface, *lines) for made in (layer, Stack(layer, layer)))
    blank = [[(n, NONCE.sub(b"", v)) for n, v in sorted(lines)] for lines in (once, twice)]
    assert blank[0] == blank[1]


def test_a_stream_is_not_held_back_and_has_its_nonce_after_the_headers_left():
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": ()})
        for _ in range(3):
            chunk = (nonce_of(scope) or "").encode()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def keep(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "scheme": "https", "path": "/", "headers": []}
    asyncio.run(SecurityHeaders("browser").asgi(app)(scope, None, keep))
    start, *bodies = sent
    nonce = nonces(start["headers"])[0]
    assert [message["body"] for message in bodies] == [nonce, nonce, nonce, b""]
    assert [message["more_body"] for message in bodies] == [True, True, True, False]


def test_a_lazy_wsgi_app_streams_with_its_nonce():
    heads = []

    def app(environ, start_response):
        start_response("200 OK", [("Server", "x")])
        for _ in range(2):
            yield nonce_of(environ).encode()

    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "PATH_INFO": "/"}
    chunks = SecurityHeaders("browser").wsgi(app)(environ, lambda *args: heads.append(args))
    first = next(iterator := iter(chunks))
    [(_, headers)] = heads
    assert first == next(iterator)
    assert f"'nonce-{first.decode()}'" in dict(headers)["content-security-policy"]
    assert "Server" not in dict(headers)


def test_a_websocket_passes_and_its_denial_gets_the_headers():
    for preset in ("api", "browser"):
        app = App("asgi")
        kind, _, _ = call_asgi(SecurityHeaders(preset).asgi(app), type="websocket", scheme="wss")
        assert (kind, app.calls) == ("websocket.accept", 1)
        status, headers, _ = call_asgi(
            Stack(SecurityHeaders(preset), Refusing()).asgi(app),
            type="websocket",
            scheme="wss",
            extensions={"websocket.http.response": {}},
        )
        assert (status, app.calls) == (403, 1)
        assert values(headers, b"x-content-type-options") == [b"nosniff"]


def test_the_app_s_own_list_is_left_alone():
    lines = [(b"Server", b"x"), (b"Set-Cookie", b"a=1")]
    message = {"type": "http.response.start", "status": 200, "headers": lines}

    async def app(scope, receive, send):
        await send(message)
        await send({"type": "http.response.body", "body": b""})

    before = list(lines)
    _, headers, _ = call_asgi(SecurityHeaders().asgi(app), scheme="https")
    assert lines == before and message["headers"] is lines
    assert headers[0] == (b"Set-Cookie", b"a=1; Secure; HttpOnly; SameSite=Lax")


@interfaces
def test_names_to_take_away_are_configurable(interface):
    layer = SecurityHeaders(remove=["X-Secret"], cookies=Cookies(same_site=None))
    lines = [(b"x-secret", b"1"), (b"Server", b"x"), (b"X-SECRET", b"2")]
    assert send(layer, interface, *lines)[0] == (b"Server", b"x")
    assert values(send(layer, interface, *lines), b"x-secret") == []


@interfaces
def test_fused_is_nested_and_one_interface_is_as_the_other(interface):
    def layers():
        return [SecurityHeaders(override=["Referrer-Policy"]), HTTPS(hosts=["api.example.com"])]

    for target in (b"/", b"/orders?a=1"):
        request = Request(target=target)
        check_fusion(layers, SampleApp(), request, interface)
        check_interface(layers, SampleApp(), request)


# --- ResponseHead.rewrite ----------------------------------------------------------------------


def heads():
    lines = [(b"A", b"1"), (b"b", b"\xe9"), (b"a", b"2")]
    native = [(name.decode(), value.decode("latin-1")) for name, value in lines]
    return [ASGIHead(200, list(lines)), WSGIHead(200, native)]


def as_bytes(head):
    return [
        (n, v) if isinstance(n, bytes) else (n.encode(), v.encode("latin-1"))
        for n, v in head.headers
    ]


@pytest.mark.parametrize("head", heads())
def test_rewrite_gives_lines_in_order_and_tells_whether_there_were_any(head):
    seen = []

    def edit(name, value):
        seen.append((name, value))
        return None if value == b"1" else value + b"!"

    assert head.rewrite(frozenset({b"c"}), edit) is False
    assert head.rewrite(frozenset({b"a"}), edit) is True
    assert seen == [(b"a", b"1"), (b"a", b"2")]
    assert as_bytes(head) == [(b"b", b"\xe9"), (b"a", b"2!")]
    assert head.rewrite(frozenset({b"b"}), lambda name, value: value) is True
    assert as_bytes(head) == [(b"b", b"\xe9"), (b"a", b"2!")]


@pytest.mark.parametrize("head", heads())
def test_rewrite_refuses_to_split_a_response_and_changes_nothing_then(head):
    before = as_bytes(head)
    with pytest.raises(ValueError, match="HTTP forbids"):
        head.rewrite(frozenset({b"a", b"b"}), lambda name, value: b"x\r\nset-cookie: a=b")
    assert as_bytes(head) == before
