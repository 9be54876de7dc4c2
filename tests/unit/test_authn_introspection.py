"""`Introspection`: what the authorization server says, and what happens when it does not."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import urllib.parse
from base64 import b64decode
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_support import Lines
from authn_support import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    Clock,
    Port,
    bearer,
    jwks,
    landed,
    send,
    send_asgi,
    send_wsgi,
    sign,
    vectors,
)
from ringwall import (
    JWT,
    Audit,
    Authentication,
    ConfigurationError,
    Denylist,
    Introspection,
    Stack,
)
from ringwall._errors import MissingDependency
from ringwall.authn import ANY_AUDIENCE, Answer, NotAnswered, _introspector
from ringwall.authn._breaker import CircuitBreaker
from ringwall.authn._introspector import EndpointDown, HTTPIntrospector

ENDPOINT = "https://id.example.com/introspect"
ACTIVE = {"active": True, "sub": "alice", "aud": AUDIENCE, "iss": ISSUER, "scope": "a b"}
ACTIVE |= {"exp": int(NOW) + 300, "iat": int(NOW) - 10, "token_type": "Bearer"}
INACTIVE = {"active": False}
TOKEN = b"opaque-token_0.1~2+3/4=="
JSON = "application/json"
JWT_TYPE = "application/token-introspection+jwt"


class Server:
    """An endpoint by tokens: an answer, bytes, or an exception; counts the questions."""

    def __init__(self, answers=None, media_type=JSON):
        self.answers = {TOKEN.decode(): ACTIVE} if answers is None else answers
        self.otherwise = INACTIVE
        self.media_type = media_type
        self.asked = []

    def introspect(self, token):
        self.asked.append(token)
        answer = self.answers.get(token, self.otherwise)
        if isinstance(answer, BaseException):
            raise answer
        body = answer if isinstance(answer, bytes) else httpx.Response(200, json=answer).content
        return Answer(self.media_type, body)

    async def aintrospect(self, token):
        await asyncio.sleep(0)
        return self.introspect(token)


def always(answer, media_type=JSON):
    """Whatever is asked, the same answer."""
    server = Server({}, media_type)
    server.otherwise = answer
    return server


def scheme(server, **options):
    options = {"audience": AUDIENCE, "issuer": ISSUER, "clock": Clock()} | options
    return Introspection(server, options.pop("audience"), **options)


def layer(server, **options):
    return Authentication(scheme(server, **options))


def refused(answer, code, status=401):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    return True


def active(**changes):
    """The usual answer with changes; None takes a member away."""
    return {name: value for name, value in (ACTIVE | changes).items() if value is not None}


# What passes


def test_an_active_token_names_the_principal():
    server = Server()
    principal = send(layer(server), bearer(TOKEN)).principal
    assert (principal.subject, principal.issuer, principal.scheme) == ("alice", ISSUER, "bearer")
    assert principal.scopes == {"a", "b"}
    assert principal.claims["exp"] == int(NOW) + 300
    assert len(principal.credential_id) == 32
    assert server.asked == [TOKEN.decode()]


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"iss": None},
        {"aud": [AUDIENCE, "x"]},
        {"token_type": "bearer"},
        {"token_type": None},
        {"token_use": "access_token"},
        {"typ": "Bearer"},
        {"nbf": int(NOW)},
    ],
)
def test_answers_that_hold(changes):
    assert send(layer(always(active(**changes))), bearer(TOKEN)).status == 200


def test_the_mapping_of_claims():
    answer = {"active": True, "aud": AUDIENCE, "client_id": "robot", "groups": ["g"], "p": "x y"}
    wrap = layer(always(answer), subject="client_id", scopes="p", roles="groups", issuer=None)
    principal = send(wrap, bearer(TOKEN)).principal
    assert (principal.subject, principal.issuer) == ("robot", None)
    assert (principal.scopes, principal.roles) == ({"x", "y"}, {"g"})
    wrap = layer(always(answer | {"iss": "https://x"}), subject="client_id", issuer=None)
    assert send(wrap, bearer(TOKEN)).principal.issuer == "https://x"


def test_a_server_that_tells_no_audience():
    for aud in (None, "whatever", 5):
        wrap = layer(always(active(aud=aud)), audience=ANY_AUDIENCE)
        assert send(wrap, bearer(TOKEN)).status == 200
    assert repr(ANY_AUDIENCE) == "ANY_AUDIENCE"


# What does not


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"active": False}, "token-inactive"),
        ({"aud": None}, "missing-claim"),
        ({"aud": "other"}, "invalid-audience"),
        ({"aud": []}, "invalid-claims"),
        ({"aud": {AUDIENCE: 1}}, "invalid-claims"),
        ({"iss": "https://evil.example"}, "invalid-issuer"),
        ({"iss": [ISSUER]}, "invalid-issuer"),
        ({"exp": int(NOW) - 10}, "token-expired"),
        ({"exp": "9999999999"}, "invalid-claims"),
        ({"exp": True}, "invalid-claims"),
        ({"nbf": int(NOW) + 60}, "token-not-yet-valid"),
        ({"sub": None}, "missing-claim"),
        ({"sub": ""}, "invalid-claims"),
        ({"sub": ["alice"]}, "invalid-claims"),
        # Another kind of token, active all the same.
        ({"token_use": "refresh_token"}, "invalid-type"),
        ({"typ": "Refresh"}, "invalid-type"),
        ({"typ": "ID"}, "invalid-type"),
        ({"token_type": "DPoP"}, "invalid-type"),
        ({"token_type": ["Bearer"]}, "invalid-type"),
        # Bound to a key: a thief has no proof.
        ({"cnf": {"jkt": "x"}}, "proof-required"),
        ({"cnf": {"x5t#S256": "x"}}, "proof-required"),
    ],
)
def test_answers_that_do_not_hold(changes, code):
    server = always(active(**changes))
    wrap = layer(server)
    assert refused(send(wrap, bearer(TOKEN)), code)
    assert refused(send(wrap, bearer(TOKEN)), code)
    assert len(server.asked) == 1, "remembered"


def test_null_is_no_value():
    for name in ("aud", "exp", "sub", "iss"):
        assert send(layer(always({**ACTIVE, name: None})), bearer(TOKEN)).principal is False


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense",
        b"[]",
        b"true",
        b"{}",
        b'{"active":"true"}',
        b'{"active":1}',
        b'{"active":null}',
        b'{"active":false,"active":true,"sub":"a","aud":"https://api.example.com"}',
        b'\xef\xbb\xbf{"active":true}',
        b"[" * 100_000,
        {"sub": "alice", "aud": AUDIENCE},
        NotAnswered("s3cret"),
        EndpointDown("s3cret"),
        OSError("s3cret"),
        TimeoutError("s3cret"),
    ],
)
def test_what_is_no_clear_answer_is_503_and_not_remembered(answer, caplog):
    server = always(answer)
    wrap = layer(server)
    shown = send(wrap, bearer(TOKEN))
    assert refused(shown, "introspection-unavailable", 503)
    assert shown.headers["retry-after"] == "5"
    assert len(server.asked) == 2, "once for each side"
    server.answers = {TOKEN.decode(): ACTIVE}
    assert send(wrap, bearer(TOKEN)).status == 200
    assert "s3cret" not in caplog.text
    assert TOKEN.decode() not in caplog.text


@pytest.mark.parametrize("media_type", ["", "text/html", "application/jwt", JWT_TYPE])
def test_the_media_type_is_checked(media_type):
    wrap = layer(Server(media_type=media_type))
    assert refused(send(wrap, bearer(TOKEN)), "introspection-unavailable", 503)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (b"a" * 8193, "token-too-long"),
        (b"a{b}", "malformed-token"),
        (b"a=b", "malformed-token"),
        (b"=", "malformed-token"),
        (b"a&token=b", "malformed-token"),
        (b"a%00", "malformed-token"),
        (b"\xe4\xf6", "malformed-token"),
        (b"a\tb", "malformed-token"),
    ],
)
def test_what_is_no_token_is_not_sent_anywhere(token, code):
    server = Server()
    assert refused(send(layer(server), bearer(token)), code)
    assert server.asked == []


@given(st.binary(max_size=40))
def test_no_credential_breaks_the_layer(token):
    if b"," in token or b" " in token or not token:
        return
    answer = send(layer(Server()), bearer(token), sides="w")
    assert (answer.status, answer.principal) == (401, False)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.text())


@given(st.dictionaries(st.sampled_from([*ACTIVE, "cnf", "typ", "nbf"]), VALUES))
def test_no_answer_breaks_the_layer(changes):
    answer = send(layer(always(ACTIVE | changes)), bearer(TOKEN), sides="w")
    assert answer.status in (200, 401, 503)


@pytest.mark.parametrize("kind", "yni")
def test_json_vectors_as_answer_never_break_the_layer(kind):
    for path in sorted(vectors("JSONTestSuite").glob(f"**/{kind}_*.json")):
        answer = send(layer(always(path.read_bytes())), bearer(TOKEN), sides="w")
        assert (answer.status, answer.principal) == (503, False), path.name


# The caches


def test_both_answers_are_remembered_for_a_while():
    clock, server = Clock(), Server()
    wrap = layer(server, clock=clock, cache_ttl=60, negative_ttl=10)
    for _ in range(3):
        assert send(wrap, bearer(TOKEN)).status == 200
        assert refused(send(wrap, bearer(b"other")), "token-inactive")
    assert len(server.asked) == 2
    clock.now += 10
    assert refused(send(wrap, bearer(b"other")), "token-inactive")
    assert len(server.asked) == 3
    clock.now += 49
    assert send(wrap, bearer(TOKEN)).status == 200
    assert len(server.asked) == 3
    server.answers = {}
    clock.now += 1
    assert refused(send(wrap, bearer(TOKEN)), "token-inactive"), "revoked meanwhile"


def test_nothing_is_remembered_beyond_its_expiry():
    clock, server = Clock(), always(active(exp=int(NOW) + 20))
    wrap = layer(server, clock=clock, cache_ttl=3600, leeway=0)
    assert send(wrap, bearer(TOKEN)).status == 200
    clock.now += 19.9
    assert send(wrap, bearer(TOKEN)).status == 200
    assert len(server.asked) == 1
    clock.now += 0.1
    assert refused(send(wrap, bearer(TOKEN)), "token-expired")


def test_a_remembered_token_is_not_valid_before_its_time():
    clock = Clock()
    wrap = layer(always(active(nbf=int(NOW), iat=None)), clock=clock)
    assert send(wrap, bearer(TOKEN)).status == 200
    clock.now = NOW - 11  # the clock was set back
    assert refused(send(wrap, bearer(TOKEN)), "token-not-yet-valid")


def test_the_caches_can_be_off():
    for options in ({"cache_size": 0}, {"cache_ttl": 0}):
        server = Server()
        wrap = layer(server, **options)
        for _ in range(3):
            assert send(wrap, bearer(TOKEN), sides="w").status == 200
        assert len(server.asked) == 3
    for options in ({"negative_cache_size": 0}, {"negative_ttl": 0}):
        server = Server({})
        for _ in range(3):
            send(layer(server, **options), bearer(TOKEN), sides="w")
        assert len(server.asked) == 3


def test_garbage_takes_bounded_memory_and_drives_out_nothing_good():
    server = Server()
    judge = scheme(server, negative_cache_size=100)
    wrap = Authentication(judge)
    assert send(wrap, bearer(TOKEN)).status == 200
    for number in range(1000):
        refused(send(wrap, bearer(b"garbage-%d" % number), sides="w"), "token-inactive")
        assert len(judge._refused) <= 100
    assert send(wrap, bearer(TOKEN)).status == 200
    assert server.asked.count(TOKEN.decode()) == 1
    assert len(judge._active) == 1


# The circuit breaker


def test_a_server_that_is_down_is_left_alone():
    clock, server = Clock(0.0), always(OSError())
    wrap = layer(server, monotonic=clock, failures_to_open=5, retry_after=10)
    for number in range(100):
        answer = send(wrap, bearer(b"token-%d" % number), sides="w")
        assert refused(answer, "introspection-unavailable", 503)
    assert len(server.asked) == 5
    clock.now = 10
    for number in range(100):
        send(wrap, bearer(b"token-%d" % number), sides="w")
    assert len(server.asked) == 6, "one try"
    clock.now = 20
    server.answers, server.otherwise = {TOKEN.decode(): ACTIVE}, INACTIVE
    assert send(wrap, bearer(TOKEN)).status == 200
    assert refused(send(wrap, bearer(b"other")), "token-inactive"), "closed again"


def test_who_is_remembered_passes_while_the_server_is_down():
    server = Server()
    wrap = layer(server, monotonic=Clock(0.0), failures_to_open=1)
    assert send(wrap, bearer(TOKEN)).status == 200
    server.otherwise = OSError()
    assert refused(send(wrap, bearer(b"other")), "introspection-unavailable", 503)
    assert send(wrap, bearer(TOKEN)).status == 200


def test_what_one_token_provokes_does_not_shut_out_the_others():
    server = Server({TOKEN.decode(): ACTIVE, "evil": NotAnswered(), "odd": b"nonsense"})
    wrap = layer(server, failures_to_open=1)
    for _ in range(20):
        for token in (b"evil", b"odd"):
            assert refused(send(wrap, bearer(token)), "introspection-unavailable", 503)
    assert send(wrap, bearer(TOKEN)).status == 200


def test_a_success_between_failures_keeps_it_closed():
    clock = Clock(0.0)
    breaker = CircuitBreaker(2, 10, clock=clock)
    for _ in range(5):
        breaker.failed()
        assert breaker.allows()
        breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert not breaker.allows()
    clock.now = 10
    assert breaker.allows()
    assert not breaker.allows()
    breaker.failed()
    clock.now = 19
    assert not breaker.allows()


def test_who_hangs_up_spoils_nothing():
    server = always(asyncio.CancelledError())
    wrap = layer(server, failures_to_open=1)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(send_asgi(wrap, bearer(TOKEN)))
    server.answers = {TOKEN.decode(): ACTIVE}
    assert send(wrap, bearer(TOKEN)).status == 200


# Beside other schemes


def test_jwts_are_judged_here_and_the_rest_over_there():
    server = Server()
    local = JWT(ISSUER, AUDIENCE, keys=jwks("rsa"), clock=Clock())
    wrap = Authentication(local, scheme(server, issuer=None))
    assert send(wrap, bearer(sign())).status == 200
    assert server.asked == []
    assert send(wrap, bearer(TOKEN)).principal.subject == "alice"
    assert refused(send(wrap, bearer(sign({**CLAIMS, "exp": 1}))), "token-expired")
    assert len(server.asked) == 1


def test_a_denylist_is_asked_here_too():
    denylist = Denylist(clock=Clock())
    wrap = layer(Server(), denylist=denylist)
    assert send(wrap, bearer(TOKEN)).status == 200
    denylist.deny(ISSUER, keep=60, subject="alice")
    assert refused(send(wrap, bearer(TOKEN)), "token-revoked")


def test_a_header_of_its_own():
    wrap = layer(Server(), header="X-Token")
    assert send(wrap, (b"x-token", TOKEN)).status == 200
    assert send(wrap).headers["www-authenticate"] == 'Bearer realm="api", header="x-token"'


# Signed answers (RFC 9701)

SIGNED = {"iss": ISSUER, "aud": "orders-api", "iat": int(NOW), "token_introspection": ACTIVE}
SIGNED_OPTIONS = {"signed": True, "client_id": "orders-api", "keys": jwks("rsa")}


def signed(claims=SIGNED, typ="token-introspection+jwt", **options):
    return always(sign(claims, typ=typ, **options), media_type=JWT_TYPE)


@pytest.mark.parametrize("typ", ["token-introspection+jwt", "application/Token-Introspection+JWT"])
@pytest.mark.parametrize("aud", ["orders-api", ["orders-api"]])
def test_a_signed_answer(typ, aud):
    wrap = layer(signed(SIGNED | {"aud": aud}, typ), **SIGNED_OPTIONS)
    assert send(wrap, bearer(TOKEN)).principal.subject == "alice"


@pytest.mark.parametrize(
    "server",
    [
        Server(),  # plain JSON: no downgrade
        always(ACTIVE, media_type=JWT_TYPE),
        always(sign(SIGNED, typ="token-introspection+jwt"), media_type=JSON),
        signed(typ="JWT"),
        signed(typ="at+jwt"),
        signed(typ=None),
        signed(name="rsa-2", kid="rsa"),
        signed(name="rsa-2"),
        signed(alg="HS256"),
        signed(SIGNED | {"iss": "https://evil.example"}),
        signed(SIGNED | {"aud": "other"}),
        signed(SIGNED | {"aud": ["orders-api", "other"]}),
        signed({name: SIGNED[name] for name in SIGNED if name != "aud"}),
        signed(SIGNED | {"iat": int(NOW) - 71}),
        signed(SIGNED | {"iat": int(NOW) + 11}),
        signed(SIGNED | {"iat": None}),
        signed({name: SIGNED[name] for name in SIGNED if name != "token_introspection"}),
        signed(SIGNED | {"token_introspection": [ACTIVE]}),
        signed(SIGNED | {"token_introspection": {"active": "yes"}}),
        signed(b"[]"),
        signed(b"nonsense"),
        signed({**SIGNED, "token_introspection": None, **ACTIVE}),
    ],
)
def test_no_other_answer_counts_for_a_signed_one(server):
    wrap = layer(server, **SIGNED_OPTIONS)
    assert refused(send(wrap, bearer(TOKEN)), "introspection-unavailable", 503)


def test_the_keys_of_signed_answers_are_fetched_and_renewed():
    url = "https://id.example.com/jwks"
    clock, port = Clock(0.0), Port({url: jwks("rsa")})
    options = SIGNED_OPTIONS | {"keys": url, "fetcher": port, "monotonic": clock, "cache_size": 0}
    server = signed()
    wrap = layer(server, **options)
    assert send(wrap, bearer(TOKEN)).status == 200
    server.otherwise = sign(SIGNED, typ="token-introspection+jwt", name="rsa-2")
    assert refused(send(wrap, bearer(TOKEN)), "introspection-unavailable", 503)
    assert len(port.urls) == 1
    clock.now = 31
    port.documents[url] = jwks("rsa-2")
    assert send(wrap, bearer(TOKEN)).status == 200
    clock.now = 62
    server.otherwise = sign(SIGNED, typ="token-introspection+jwt", name="rsa")
    assert refused(send(wrap, bearer(TOKEN)), "introspection-unavailable", 503)


def test_what_happens_to_those_keys_stands_in_the_audit():
    url = "https://id.example.com/jwks"
    clock, port, lines = Clock(0.0), Port({url: jwks("rsa")}), Lines()
    options = SIGNED_OPTIONS | {"keys": url, "fetcher": port, "monotonic": clock, "cache_size": 0}
    wrap = Stack(Audit(lines), layer(signed(), **options))

    def events():
        said = [d["reason"] for line in lines.lines for d in json.loads(line)["decisions"]]
        lines.lines.clear()
        return [reason for reason in said if reason.startswith("keys-")]

    assert send(wrap, bearer(TOKEN), sides="w").status == 200
    assert events() == []
    port.documents[url] = OSError()
    clock.now = 1300  # renewed in the request: nobody asked for long
    assert send(wrap, bearer(TOKEN), sides="w").status == 200
    assert events() == ["keys-outage"]
    port.documents[url] = jwks("rsa", "p256")
    clock.now = 1400
    send(wrap, bearer(TOKEN), sides="w")
    landed()
    assert send(wrap, bearer(TOKEN), sides="w").status == 200
    assert events() == ["keys-restored", "keys-rotated"]


def test_without_keys_no_signed_answer_counts():
    port = Port({})
    options = SIGNED_OPTIONS | {"keys": None, "fetcher": port, "algorithms": ["RS256"]}
    assert refused(
        send(layer(signed(), **options), bearer(TOKEN)), "introspection-unavailable", 503
    )


def test_a_signed_answer_is_no_access_token():
    wrap = Authentication(JWT(ISSUER, "orders-api", keys=jwks("rsa"), clock=Clock()))
    token = sign({**CLAIMS, **SIGNED}, typ="token-introspection+jwt")
    assert refused(send(wrap, bearer(token)), "invalid-type")


# Over HTTP


def reply(status=200, *, json=None, content=None, headers=None):
    """A response whose body is still to be read."""
    whole = httpx.Response(status, json=json, content=content)
    headers = {"content-type": JSON} | (headers or {})
    return httpx.Response(status, stream=httpx.ByteStream(whole.content), headers=headers)


def over_http(handler, **options):
    options = {
        "transport": httpx.MockTransport(handler),
        "atransport": httpx.MockTransport(handler),
        "client_id": "orders api",
        "client_secret": "s3cret:/%",
        "clock": Clock(),
    } | options
    return Introspection(ENDPOINT, AUDIENCE, **options)


def test_the_question_is_what_rfc_7662_says():
    seen = []

    def handler(request):
        seen.append((request, dict(urllib.parse.parse_qsl(request.read().decode()))))
        return reply(json=ACTIVE, headers={"content-type": "Application/JSON;x=y"})

    judge = over_http(handler)
    assert send(Authentication(judge), bearer(TOKEN), sides="w").status == 200
    judge = over_http(handler)
    assert send(Authentication(judge), bearer(TOKEN), sides="a").status == 200
    assert repr(judge._port) == "<HTTPIntrospector>"
    for request, form in seen:
        assert (request.method, str(request.url)) == ("POST", ENDPOINT)
        assert form == {"token": TOKEN.decode(), "token_type_hint": "access_token"}
        kind, _, value = request.headers["authorization"].partition(" ")
        # RFC 6749 section 2.3.1: form-encoded before the colon joins them.
        assert (kind, b64decode(value)) == ("Basic", b"orders+api:s3cret%3A%2F%25")
        assert request.headers["accept"] == JSON
        assert request.headers["accept-encoding"] == "identity"


def test_other_ways_to_prove_to_be_a_client():
    seen = []

    def handler(request):
        seen.append((request.headers.get("authorization"), request.read().decode()))
        return reply(json=ACTIVE)

    class Mine(httpx.Auth):
        def auth_flow(self, request):
            request.headers["authorization"] = "Bearer mine"
            yield request

    judge = over_http(handler, client_auth="post")
    assert send(Authentication(judge), bearer(TOKEN), sides="w").status == 200
    judge = over_http(handler, client_auth=Mine(), client_id="", client_secret="")
    assert send(Authentication(judge), bearer(TOKEN), sides="a").status == 200
    assert seen[0][0] is None
    assert "client_id=orders+api&client_secret=s3cret%3A%2F%25" in seen[0][1]
    assert seen[1][0] == "Bearer mine"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 201, 204, 401, 403, 429, 500, 503])
def test_only_200_is_an_answer_and_redirects_are_not_followed(status):
    calls = []

    def handler(request):
        calls.append(str(request.url))
        return reply(status, json=ACTIVE, headers={"location": "https://evil.example/"})

    judge = over_http(handler, failures_to_open=1)
    opens = status in (401, 403, 429) or status >= 500
    for _ in range(3):
        answer = send(Authentication(judge), bearer(TOKEN), sides="w")
        assert refused(answer, "introspection-unavailable", 503)
    assert set(calls) == {ENDPOINT}
    assert len(calls) == (1 if opens else 3)
    for introspect in (judge._port.introspect, lambda t: asyncio.run(judge._port.aintrospect(t))):
        with pytest.raises(EndpointDown if opens else NotAnswered):
            introspect("x")


def test_size_and_time_and_coding_are_limited(monkeypatch):
    def ask(handler, **options):
        options = {"auth": None, "form": {}, "limit": 1000} | options
        port = HTTPIntrospector(
            ENDPOINT,
            transport=httpx.MockTransport(handler),
            atransport=httpx.MockTransport(handler),
            **options,
        )
        outcomes = []
        for call in (port.introspect, lambda token: asyncio.run(port.aintrospect(token))):
            try:
                outcomes.append(call("x"))
            except (EndpointDown, NotAnswered) as error:
                assert error.__cause__ is None
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]
        return outcomes[0]

    def fail(error):
        def handler(request):
            raise error

        return handler

    assert ask(lambda r: reply(content=b"x" * 1000)).body == b"x" * 1000
    assert ask(lambda r: reply(content=b"x" * 1001)) is NotAnswered
    packed = {"content-encoding": "gzip"}
    assert ask(lambda r: reply(content=b"x", headers=packed)) is NotAnswered
    assert ask(fail(httpx.ReadTimeout("s3cret"))) is EndpointDown
    assert ask(fail(httpx.ConnectError("s3cret"))) is EndpointDown
    assert ask(fail(httpx.RemoteProtocolError("s3cret"))) is EndpointDown
    # All connections busy: that is us, or a flood, and not the server.
    assert ask(fail(httpx.PoolTimeout("s3cret"))) is NotAnswered


def test_a_dripping_answer_is_cut_off(monkeypatch):
    class Drip(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            while True:
                clock.now += 1
                yield b" "

        async def __aiter__(self):
            while True:
                await asyncio.sleep(0.005)
                yield b" "

    clock = Clock(0.0)
    monkeypatch.setattr(_introspector, "time", SimpleNamespace(monotonic=clock))
    handler = httpx.MockTransport(lambda request: httpx.Response(200, stream=Drip()))
    port = HTTPIntrospector(
        ENDPOINT, auth=None, form={}, timeout=3, transport=handler, atransport=handler
    )
    with pytest.raises(EndpointDown):
        port.introspect("x")
    assert clock.now == 4
    port._timeout = 0.05
    with pytest.raises(EndpointDown):
        asyncio.run(port.aintrospect("x"))


def test_connections_stay_open_and_can_be_closed():
    transport = httpx.MockTransport(lambda request: reply(json=ACTIVE))
    judge = over_http(None, transport=transport, atransport=transport, cache_size=0)

    async def run():
        wrap = Authentication(judge)
        for _ in range(2):
            assert (await send_asgi(wrap, bearer(TOKEN))).status == 200
        client = judge._port._aclient()
        await judge.aclose()
        return client

    assert asyncio.run(run()).is_closed
    assert send_wsgi(Authentication(judge), bearer(TOKEN)).status == 200
    judge.close()
    assert judge._port._client.is_closed


# Silence


def test_nothing_of_a_token_a_secret_or_an_answer_appears_anywhere(caplog):
    caplog.set_level(logging.DEBUG)
    planted = ("t0ken-value", "s3cret", "cl4im-value")

    def handler(request):
        mode = request.read().decode()
        if "down" in mode:
            raise httpx.ConnectError("cl4im-value")
        if "odd" in mode:
            return reply(content=b'{"active":cl4im-value')
        if "off" in mode:
            return reply(json=active(sub="cl4im-value", aud="cl4im-value"))
        return reply(json=active(sub="cl4im-value"))

    judge = over_http(handler)
    for token in (b"t0ken-value", b"t0ken-value-down", b"t0ken-value-odd", b"t0ken-value-off"):
        answer = send(Authentication(judge), bearer(token), sides="w")
        shown = repr((answer.headers, answer.body, answer.principal, judge, judge._port))
        shown += repr((judge._active, judge._refused, judge._endpoint._breaker))
        for secret in planted:
            assert secret not in shown
            assert secret not in caplog.text


# Configuration


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoint": "http://id.example.com/"}, "endpoint must be an https:// URL"),
        ({"endpoint": object()}, "endpoint must be an https:// URL, or an object"),
        ({"audience": ""}, "audience is missing"),
        ({"audience": None}, "audience is missing"),
        ({"client_id": ""}, "client_id and client_secret are missing"),
        ({"client_secret": ""}, "client_id and client_secret are missing"),
        ({"client_auth": "basci"}, "client_auth is"),
        ({"signed": True}, "a signed answer needs issuer"),
        ({"signed": True, "issuer": ISSUER, "algorithms": ["RS265"]}, "did you mean 'RS256'"),
        ({"cache_ttl": -1}, "cache_ttl is at least 0"),
        ({"timeout": 0}, "timeout is at least"),
        ({"failures_to_open": 0}, "failures_to_open is at least 1"),
        ({"retry_after": 0}, "retry_after is at least 1"),
        ({"limit": 0}, "limit is at least 1"),
        ({"leeway": 301}, "leeway"),
        ({"header": "cookie"}, "name of a header"),
        ({"verify": "/nowhere.pem"}, "verify"),
        ({"denylist": object()}, "denylist must be"),
    ],
)
def test_bad_configuration_says_what_to_write(options, message):
    options = {
        "endpoint": ENDPOINT,
        "audience": AUDIENCE,
        "client_id": "orders-api",
        "client_secret": "s3cret-value",
    } | options
    with pytest.raises(ConfigurationError, match=message) as caught:
        Introspection(options.pop("endpoint"), options.pop("audience"), **options)
    assert "s3cret-value" not in str(caught.value)


def test_a_port_of_one_colour_serves_one_interface():
    class Blocking:
        introspect = Server().introspect

    class Awaiting:
        aintrospect = Server().aintrospect

    class BlockingFetcher:
        def fetch(self, url):
            raise OSError

    assert scheme(Blocking()).colours == {"wsgi"}
    assert scheme(Awaiting()).colours == {"asgi"}
    options = SIGNED_OPTIONS | {"keys": "https://x/", "fetcher": BlockingFetcher()}
    assert scheme(Server(), **options).colours == {"wsgi"}
    with pytest.raises(ConfigurationError, match="endpoint must be"):
        scheme(Awaiting(), **options)


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ringwall.authn._endpoint", None)
    monkeypatch.delattr(sys.modules["ringwall.authn"], "_endpoint")
    with pytest.raises(MissingDependency, match=r"ringwall\[jwt\]"):
        Introspection(ENDPOINT, AUDIENCE)


def test_the_package_names_what_it_loads_later():
    import ringwall.authn

    assert ringwall.authn.HTTPFetcher.__name__ == "HTTPFetcher"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        ringwall.authn.Nothing  # noqa: B018
