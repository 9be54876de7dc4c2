"""The CORS layer around apps: what reaches them, and what every response says."""

from __future__ import annotations

import asyncio

import pytest

from cors_support import (
    APP,
    EVIL,
    INTERFACES,
    Failing,
    Refusing,
    granted,
    over_asgi,
    over_wsgi,
    values,
    vary,
)
from https_support import CountingASGI, call_asgi
from ringwall._errors import ConfigurationError
from ringwall.authn import APIKey, Authentication, generate_api_key
from ringwall.context import decisions_of
from ringwall.cors import CORS
from ringwall.https import HTTPS
from ringwall.ratelimit import RateLimit
from ringwall.stack import Stack

SUB = "https://a.example.org"
layer = CORS([APP, "https://*.example.org"], credentials=True, expose=["ETag"])
GRANT = {"allow-origin": b"https://app.example.com", "allow-credentials": b"true"} | {
    "expose-headers": b"ETag"
}
PREFLIGHT = {"access_control_request_method": "PUT"}
interfaces = pytest.mark.parametrize(
    ("interface", "app_type", "call"), INTERFACES, ids=["asgi", "wsgi"]
)


@interfaces
@pytest.mark.parametrize(("origin", "status"), [(APP, 204), (SUB, 204), (EVIL, 403), ("null", 403)])
def test_a_preflight_never_reaches_the_app(interface, app_type, call, origin, status):
    app = app_type()
    walled = getattr(layer, interface)(app)
    got, lines, body = call(walled, "OPTIONS", origin=origin, **PREFLIGHT)
    assert (got, app.calls) == (status, 0)
    if status == 204:
        assert (granted(lines)["allow-origin"], body) == (origin.encode(), b"")
    else:
        assert granted(lines) == {}


@interfaces
def test_a_preflight_reaches_no_layer_inside(interface, app_type, call):
    """Preflights carry no credentials: asked for them, no page could ever send any."""
    app = app_type()
    walled = getattr(Stack(layer, Refusing(), Failing()), interface)(app)
    status, _, _ = call(walled, "OPTIONS", origin=APP, **PREFLIGHT)
    assert (status, app.calls) == (204, 0)


@interfaces
@pytest.mark.parametrize("name", [b"access-control-allow-origin", b"Access-Control-Allow-Origin"])
@pytest.mark.parametrize("told", [b"*", b"null", b"https://evil.example"])
@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (APP, GRANT),
        (SUB, {**GRANT, "allow-origin": SUB.encode()}),
        (EVIL, {}),
        ("null", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_the_layer_alone_says_who_may_read(interface, app_type, call, name, told, origin, expected):
    app = app_type(
        (name, told),
        (b"Access-Control-Allow-Credentials", b"true"),
        (b"access-control-allow-credentials", b"true"),
        (b"Access-Control-Expose-Headers", b"Set-Cookie"),
        (b"Access-Control-Allow-Methods", b"*"),
        (b"Access-Control-Allow-Private-Network", b"true"),
    )
    headers = {} if origin is None else {"origin": origin}
    status, lines, body = call(getattr(layer, interface)(app), **headers)
    assert (status, body, app.calls) == (200, b"app", 1)
    assert granted(lines) == expected


@interfaces
def test_without_credentials_the_app_cannot_grant_them(interface, app_type, call):
    app = app_type((b"access-control-allow-credentials", b"true"))
    _, lines, _ = call(getattr(CORS([APP]), interface)(app), origin=APP)
    assert granted(lines) == {"allow-origin": APP.encode()}


@interfaces
@pytest.mark.parametrize("origin", [APP, EVIL, None])
@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ((), [b"Origin"]),
        (((b"vary", b"Accept-Encoding"),), [b"Accept-Encoding", b"Origin"]),
        (((b"Vary", b"Cookie , Accept"),), [b"Cookie", b"Accept", b"Origin"]),
        (
            ((b"vary", b"Accept-Encoding"), (b"Vary", b"Cookie")),
            [b"Accept-Encoding", b"Cookie", b"Origin"],
        ),
        (((b"vary", b"accept,ORIGIN"),), [b"accept", b"ORIGIN"]),
        (((b"vary", b"*"),), [b"*"]),
        (((b"vary", b""),), [b"Origin"]),
        (((b"vary", b"Origin-Agent-Cluster"),), [b"Origin-Agent-Cluster", b"Origin"]),
    ],
)
def test_every_response_varies_on_origin_and_on_what_it_did(
    interface, app_type, call, origin, there, expected
):
    """Also without Origin: a cache would give that response to the pages of our origins."""
    headers = {} if origin is None else {"origin": origin}
    _, lines, _ = call(getattr(layer, interface)(app_type(*there)), **headers)
    assert vary(lines) == expected
    assert len(values(lines, b"vary")) == 1  # some caches read but one line


@interfaces
@pytest.mark.parametrize("origin", [APP, EVIL, "null", None])
def test_a_public_response_is_the_same_for_everybody(interface, app_type, call, origin):
    headers = {} if origin is None else {"origin": origin}
    made = CORS(["*"], expose=["ETag"])
    app = app_type((b"vary", b"Accept"), (b"Access-Control-Allow-Origin", b"https://a.example"))
    _, lines, _ = call(getattr(made, interface)(app), **headers)
    assert granted(lines) == {"allow-origin": b"*", "expose-headers": b"ETag"}
    assert vary(lines) == [b"Accept"]
    app = app_type()
    _, lines, _ = call(getattr(made, interface)(app), **headers)
    assert granted(lines) == {"allow-origin": b"*", "expose-headers": b"ETag"}
    assert vary(lines) == []


@interfaces
@pytest.mark.parametrize(("inner", "status"), [(Refusing(), 401), (Failing(), 500)])
def test_refusals_and_bugs_of_inner_layers_can_be_read(interface, app_type, call, inner, status):
    app = app_type()
    got, lines, _ = call(getattr(Stack(layer, inner), interface)(app), origin=APP)
    assert (got, app.calls) == (status, 0)
    assert granted(lines) == GRANT
    assert vary(lines) == [b"Origin"]


def _failing_asgi():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"app"})

    return over_asgi, layer.asgi(app)


def _failing_wsgi():
    def app(environ, start_response):
        try:
            raise RuntimeError("a bug")
        except RuntimeError as error:
            start_response("500 Oh", [], (RuntimeError, error, None))
        return [b"app"]

    return over_wsgi, layer.wsgi(app)


@pytest.mark.parametrize("make", [_failing_asgi, _failing_wsgi])
def test_a_500_of_the_app_keeps_its_cors_headers(make):
    call, walled = make()
    status, lines, body = call(walled, origin=APP)
    assert (status, body) == (500, b"app")
    assert granted(lines) == GRANT


def test_an_app_that_raises_after_its_500_sends_that_with_cors_headers():
    """Starlette sends a 500, then raises for the server's log."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        raise RuntimeError("a bug")

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "scheme": "https", "path": "/"}
    scope["headers"] = [(b"origin", APP.encode())]
    with pytest.raises(RuntimeError, match="a bug"):
        asyncio.run(layer.asgi(app)(scope, None, send))
    assert granted(sent[0]["headers"]) == GRANT


@interfaces
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("origin", [EVIL, "null"])
def test_a_refused_foreign_write_does_not_reach_the_app(interface, app_type, call, method, origin):
    app = app_type()
    made = CORS([APP], foreign_writes="refuse")
    status, lines, _ = call(getattr(made, interface)(app), method, origin=origin)
    assert (status, app.calls, granted(lines)) == (403, 0, {})


@interfaces
def test_the_subdomains_that_are_kept_are_few_and_each_is_told_its_own(interface, app_type, call):
    made = CORS([APP, "https://*.example.org"])
    walled = getattr(made, interface)(app_type())
    before = len(made._grants._verdicts)
    for number in [*range(300), *range(300)]:
        origin = f"https://a{number}.example.org"
        _, lines, _ = call(walled, origin=origin)
        assert granted(lines) == {"allow-origin": origin.encode()}
        assert len(made._grants._verdicts) <= before + 256
    assert len(made._grants._verdicts) == before + 256
    for origin in (EVIL, "https://a.b.example.org", "null"):
        assert granted(call(walled, origin=origin)[1]) == {}
    assert granted(call(walled, origin=APP)[1]) == {"allow-origin": APP.encode()}


def test_two_origin_lines_are_no_origin():
    app = CountingASGI()
    lines = [(b"origin", APP.encode()), (b"origin", EVIL.encode())]
    made = CORS([APP], foreign_writes="refuse").asgi(app)
    assert call_asgi(made, method="POST", headers=lines)[0] == 403
    assert call_asgi(made, method="POST", headers=lines[::-1])[0] == 403
    assert call_asgi(made, method="POST", headers=lines[:1] * 2)[0] == 403
    assert app.calls == 0


@pytest.mark.parametrize(
    ("origin", "calls", "first"),
    [
        (APP, 1, "websocket.accept"),
        (SUB, 1, "websocket.accept"),
        (None, 1, "websocket.accept"),
        (EVIL, 0, "websocket.close"),
        ("null", 0, "websocket.close"),
    ],
)
def test_a_foreign_handshake_is_closed_before_it_is_accepted(origin, calls, first):
    app = CountingASGI()
    headers = [] if origin is None else [(b"origin", origin.encode())]
    scope = {"type": "websocket", "scheme": "wss", "headers": headers}
    assert call_asgi(layer.asgi(app), **scope)[0] == first
    assert app.calls == calls


def test_a_foreign_handshake_is_denied_with_a_403_where_the_server_can():
    app = CountingASGI()
    scope = {
        "type": "websocket",
        "scheme": "wss",
        "headers": [(b"origin", EVIL.encode())],
        "extensions": {"websocket.http.response": {}},
    }
    status, lines, body = call_asgi(layer.asgi(app), **scope)
    assert (status, app.calls) == (403, 0)
    assert b'"foreign-origin"' in body and granted(lines) == {}


@pytest.mark.parametrize("origin", [EVIL, "null"])
def test_a_foreign_handshake_does_not_reach_a_wsgi_app(origin):
    app = INTERFACES[1][1]()
    status, _, _ = over_wsgi(layer.wsgi(app), origin=origin, upgrade="websocket")
    assert (status, app.calls) == (403, 0)


# --- order -------------------------------------------------------------------------------------


def _authentication():
    return Authentication(APIKey([generate_api_key("alice")[1]]))


@pytest.mark.parametrize(
    "layers",
    [
        lambda: (_authentication(), layer),
        lambda: (layer, HTTPS(hosts=["api.example.com"])),
    ],
    ids=["authentication outside", "https inside"],
)
def test_an_order_that_cannot_work_does_not_construct(layers):
    with pytest.raises(ConfigurationError, match=r"write (CORS|HTTPS)\(...\) before"):
        Stack(*layers())


def test_an_order_that_cannot_work_does_not_construct_when_nested_either():
    with pytest.raises(ConfigurationError, match=r"write CORS\(...\) before Authentication"):
        _authentication().asgi(layer.asgi(CountingASGI()))


@interfaces
def test_behind_the_documented_stack_a_page_reads_every_answer(interface, app_type, call):
    stack = Stack(HTTPS(hosts=["api.example.com"]), layer, RateLimit("1/minute"), _authentication())
    app = app_type()
    walled = getattr(stack, interface)(app)
    for _ in range(3):
        status, lines, _ = call(walled, "OPTIONS", origin=APP, **PREFLIGHT)
        assert status == 204
        assert values(lines, b"strict-transport-security")
    for expected in (401, 429):
        status, lines, _ = call(walled, origin=APP)
        assert (status, granted(lines)) == (expected, GRANT)
    assert app.calls == 0


def test_two_of_them_say_it_once():
    app = CountingASGI((b"access-control-allow-origin", b"*"))
    status, lines, _ = over_asgi(layer.asgi(layer.asgi(app)), origin=APP)
    assert (status, granted(lines), vary(lines)) == (200, GRANT, [b"Origin"])


def test_the_decision_is_there_for_the_app():
    found = []

    async def app(scope, receive, send):
        found.extend(decisions_of(scope))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b""})

    over_asgi(layer.asgi(app), origin=APP)
    assert [each[:4] for each in found] == [("cors", "allow", "origins", "allowed-origin")]
