"""The layer `Authentication`: which credential counts, the challenge, and who stays anonymous."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authn_support import AUDIENCE, ISSUER, Clock, bearer, jwks, send, sign
from ringwall import (
    JWT,
    APIKey,
    Authentication,
    ConfigurationError,
    Layer,
    Principal,
    Stack,
    generate_api_key,
)
from ringwall._exchange import Decision
from ringwall.authn import Failure, Scheme

KEY, RECORD = generate_api_key("alice", expires_in=None)
OTHER_KEY, OTHER = generate_api_key("bob", expires_in=None)
TOKEN = sign()
JWT_SCHEME = JWT(ISSUER, AUDIENCE, keys=jwks("rsa"), clock=Clock())
API_KEYS = APIKey([RECORD, OTHER])
BOTH = Authentication(JWT_SCHEME, API_KEYS)
HEADER = Authentication(JWT_SCHEME, APIKey([RECORD], header="X-API-Key"))


def auth(value):
    return b"authorization", value if isinstance(value, bytes) else value.encode()


def refused(answer, status, code):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    return answer


# Which credential counts


def test_the_scheme_is_chosen_by_its_name():
    assert send(BOTH, bearer(TOKEN)).principal.scheme == "bearer"
    assert send(BOTH, auth(f"ApiKey {KEY}")).principal.scheme == "apikey"
    assert send(BOTH, auth(f"APIKEY {KEY}")).principal.subject == "alice"
    refused(send(BOTH, auth(f"Bearer {KEY}")), 401, "malformed-token")
    refused(send(BOTH, auth(b"ApiKey " + TOKEN)), 401, "invalid-api-key")


def test_without_credentials_the_challenge_names_every_scheme_and_no_error():
    answer = refused(send(BOTH), 401, "missing-credentials")
    assert answer.headers["www-authenticate"] == 'Bearer realm="api", ApiKey realm="api"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    answer = refused(send(HEADER), 401, "missing-credentials")
    expected = 'Bearer realm="api", ApiKey realm="api", header="x-api-key"'
    assert answer.headers["www-authenticate"] == expected


def test_the_error_belongs_to_the_scheme_that_was_used():
    answer = refused(send(BOTH, auth("ApiKey wrong")), 401, "invalid-api-key")
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="api", ApiKey realm="api", error="invalid_token",'
        ' error_description="The API key is not valid."'
    )


@pytest.mark.parametrize(
    "value",
    ["Basic YWxpY2U6cGFzcw==", "Digest username=a, realm=b", "Bearerx y", "DPoP " + "x", "Token x"],
)
def test_other_schemes_are_not_credentials_here(value):
    answer = refused(send(BOTH, auth(value)), 401, "unsupported-scheme")
    assert "error=" not in answer.headers["www-authenticate"]
    refused(send(Authentication(API_KEYS, optional=True), auth(value)), 401, "unsupported-scheme")


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "Bearer", "Bearer ", "Bearer  ", "bearer", " Bearer x", "ApiKey", "ApiKey "),
        *("Bearer a b", f"ApiKey {KEY} {KEY}", "Bearer\tx", "B(r x", '"Bearer" x', "Bearer\xa0x"),
        "Bear\u00e9r x",
    ],
)
def test_malformed_credentials_are_400(value):
    answer = refused(send(BOTH, auth(value.encode("latin-1"))), 400, "malformed-credentials")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="api", error="invalid_request"')


@pytest.mark.parametrize(
    "headers",
    [
        [bearer(TOKEN), bearer(TOKEN)],
        [bearer(TOKEN), auth(f"ApiKey {KEY}")],
        [auth(f"ApiKey {KEY}"), bearer(TOKEN)],
        [auth(b"Bearer " + TOKEN + b", Bearer " + TOKEN)],
        [auth(b"Bearer " + TOKEN + b",")],
        [auth(b"Bearer " + TOKEN + b",ApiKey x")],
        [auth(f"ApiKey {KEY},{OTHER_KEY}")],
    ],
)
def test_more_than_one_credential_is_400(headers):
    refused(send(BOTH, *headers), 400, "multiple-credentials")


def test_a_second_credential_never_hides_behind_another():
    """Whatever the order, no combination of two headers reaches the app."""
    values = [b"Bearer " + TOKEN, f"ApiKey {KEY}".encode(), b"Basic eDp5", b"", b"Bearer", b"x"]
    for first, second in itertools.product(values, repeat=2):
        answer = send(BOTH, auth(first), auth(second))
        assert answer.principal is False
        assert answer.status in (400, 401)


def test_a_header_of_its_own():
    assert send(HEADER, (b"x-api-key", KEY.encode())).principal.subject == "alice"
    assert send(HEADER, bearer(TOKEN)).principal.scheme == "bearer"
    refused(send(HEADER, auth(f"ApiKey {KEY}")), 401, "unsupported-scheme")
    key = (b"x-api-key", KEY.encode())
    refused(send(HEADER, key, bearer(TOKEN)), 400, "multiple-credentials")
    refused(send(HEADER, key, auth("Basic x")), 400, "multiple-credentials")
    refused(send(HEADER, key, key), 400, "multiple-credentials")
    refused(send(HEADER, (b"x-api-key", b"")), 400, "malformed-credentials")
    refused(send(HEADER, (b"x-api-key", b"wrong")), 401, "invalid-api-key")
    refused(send(HEADER, (b"x-api-key", b"ApiKey " + KEY.encode())), 400, "malformed-credentials")


def test_headers_of_two_schemes():
    layer = Authentication(APIKey([RECORD], header="x-a"), APIKey([OTHER], header="x-b"))
    a, b = (b"x-a", KEY.encode()), (b"x-b", OTHER_KEY.encode())
    assert send(layer, a).principal.subject == "alice"
    assert send(layer, b).principal.subject == "bob"
    refused(send(layer, a, b), 400, "multiple-credentials")
    # Nobody here reads Authorization: it is the app's own affair.
    assert send(layer, a, auth("Basic x")).principal.subject == "alice"
    refused(send(layer, bearer(TOKEN)), 401, "missing-credentials")


@given(st.binary(max_size=80))
def test_no_header_value_reaches_the_app_or_crashes(value):
    answer = send(BOTH, auth(value.replace(b"\r", b"").replace(b"\n", b"")), sides="a")
    assert answer.principal is False
    assert answer.status in (400, 401)


@given(st.text(" ,;=\"'\t\x00ABearer.", max_size=20))
def test_nothing_of_a_credential_is_echoed(text):
    marker = "m4rk3r" + text
    for scheme in ("Bearer ", "ApiKey ", "Odd ", ""):
        answer = send(BOTH, auth(scheme + marker), sides="a")
        assert answer.principal is False
        assert "m4rk3r" not in repr((answer.headers, answer.body))


# Anonymous


def test_optional_lets_the_anonymous_through_but_never_a_bad_credential():
    layer = Authentication(JWT_SCHEME, API_KEYS, optional=True)
    answer = send(layer)
    assert (answer.status, answer.principal) == (200, None)
    assert send(layer, bearer(TOKEN)).principal.subject == "alice"
    refused(send(layer, bearer(TOKEN[:-8] + b"AAAAAAAA")), 401, "invalid-signature")
    refused(send(layer, auth("ApiKey wrong")), 401, "invalid-api-key")
    refused(send(layer, auth("")), 400, "malformed-credentials")
    refused(send(layer, bearer(TOKEN), bearer(TOKEN)), 400, "multiple-credentials")


EXEMPT = Authentication(API_KEYS, exempt=["/healthz", "/static/**"])


@pytest.mark.parametrize("path", ["/healthz", "/static/", "/static/a", "/static/a/b.js"])
def test_exempt_paths_stay_anonymous(path):
    for headers in ([], [auth(f"ApiKey {KEY}")], [auth("ApiKey wrong")], [auth("")]):
        answer = send(EXEMPT, *headers, path=path)
        assert (answer.status, answer.principal) == (200, None)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/healthz/", "/healthz/x", "/healthzx", "/Healthz", "/x/healthz", "/static"),
        *("/staticx", "/x/static/a", "/STATIC/a", "/healthz\u200b", "/static\u2215a"),
    ],
)
def test_paths_beside_exempt_ones_are_not_exempt(path):
    refused(send(EXEMPT, path=path, sides="a"), 401, "missing-credentials")


@pytest.mark.parametrize(
    "path",
    ["/static/../admin", "//healthz", "/static/..;/admin", "/healthz;x", "/static/\\..\\admin"],
)
def test_odd_paths_do_not_make_exempt(path):
    assert EXEMPT.by_path
    answer = send(EXEMPT, path=path, sides="a")
    assert answer.principal is False
    assert answer.status == 400


def test_without_exemptions_the_path_plays_no_role():
    assert not BOTH.by_path


# Decisions


class Seen(Layer):
    """Keeps the exchange of the last request."""

    name = "seen"
    observes = True

    def on_request(self, exchange):
        self.exchange = exchange


@pytest.mark.parametrize(
    ("layer", "headers", "decision", "identified"),
    [
        (BOTH, [bearer(TOKEN)], ("allow", "bearer", "authenticated"), True),
        (BOTH, [auth(f"ApiKey {KEY}")], ("allow", "apikey", "authenticated"), True),
        (BOTH, [], ("deny", "required", "missing-credentials"), False),
        (BOTH, [auth("ApiKey x")], ("deny", "apikey", "invalid-api-key"), False),
        (BOTH, [auth("")], ("deny", "required", "malformed-credentials"), False),
        (
            Authentication(API_KEYS, optional=True),
            [],
            ("allow", "optional", "anonymous"),
            True,
        ),
        (Authentication(API_KEYS, exempt=["/"]), [], ("allow", "exempt", "anonymous"), True),
    ],
)
@pytest.mark.parametrize("side", ["a", "w"])
def test_one_decision_for_each_request(layer, headers, decision, identified, side):
    seen = Seen()
    send(Stack(seen, layer), *headers, sides=side)
    decisions = [each for each in seen.exchange.decisions if each.layer == "authentication"]
    assert decisions == [Decision("authentication", *decision)]
    assert seen.exchange.identified is identified


# Schemes of one's own


TEAPOT = Failure("teapot", "No 'tea' for you.")


class Knock(Scheme):
    name = "Knock"
    failures = (TEAPOT,)

    def __init__(self, result):
        self.result = result

    def authenticate(self, credential, exchange):
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result() if callable(self.result) else self.result


class Someone(Principal):
    """A subclass is a principal, too."""


KNOCK = auth("Knock knock")


def test_a_scheme_of_ones_own():
    alice = Principal("alice", scheme="knock")
    assert send(Authentication(Knock(alice)), KNOCK).principal is alice
    someone = Someone("bob", scheme="knock")
    assert send(Authentication(Knock(someone)), KNOCK).principal is someone

    def pending():
        yield from ()
        return alice

    assert send(Authentication(Knock(pending)), KNOCK).principal is alice
    refused(send(Authentication(Knock(TEAPOT)), KNOCK), 401, "teapot")


@pytest.mark.parametrize(
    "result",
    [None, True, "alice", RuntimeError("s3cret"), KeyError("s3cret"), Failure("new", "s3cret")],
)
def test_whatever_goes_wrong_inside_does_not_pass(result):
    """Closed: not a principal, not a declared failure, or an exception: 500, app not called."""
    answer = send(Authentication(Knock(result)), KNOCK)
    assert (answer.status, answer.principal) == (500, False)
    assert b"s3cret" not in answer.body

    def pending():
        yield from ()
        if isinstance(result, BaseException):
            raise result
        return result

    answer = send(Authentication(Knock(pending)), KNOCK)
    assert (answer.status, answer.principal) == (500, False)


def test_a_scheme_without_a_judgement_of_its_own_is_a_500():
    answer = send(Authentication(Scheme()), bearer(b"x"))
    assert (answer.status, answer.principal) == (500, False)


def test_colours_of_all_schemes_count():
    class OneColour(Knock):
        def __init__(self, colour):
            super().__init__(None)
            self.name = colour
            self.colours = frozenset([colour])

    assert Authentication(OneColour("wsgi"), API_KEYS).colours == {"wsgi"}
    with pytest.raises(ConfigurationError, match="colour"):
        Authentication(OneColour("wsgi"), OneColour("asgi"))


def test_wants_of_all_schemes_are_united():
    class Proof(Knock):
        wants = frozenset([b"dpop"])

    layer = Authentication(Proof(None), APIKey([RECORD], header="x-api-key"))
    assert layer.wants == {b"authorization", b"dpop", b"x-api-key"}


# Websockets


@pytest.mark.parametrize("good", [True, False])
def test_a_websocket_handshake_is_authenticated(good):
    called, sent = [], []

    async def app(scope, receive, send):
        called.append(scope["user"].display_name)
        await send({"type": "websocket.close"})

    async def receive():
        return {"type": "websocket.connect"}

    async def collect(message):
        sent.append(message)

    headers = [(b"host", b"api.example.com"), bearer(TOKEN if good else b"x.y.z")]
    scope = {"type": "websocket", "path": "/", "raw_path": b"/", "query_string": b""}
    scope |= {"headers": headers, "scheme": "wss", "client": ("192.0.2.1", 1), "subprotocols": []}
    asyncio.run(BOTH.asgi(app)(scope, receive, collect))
    assert called == (["alice"] if good else [])
    assert sent[0]["type"] == "websocket.close"


# Configuration


NOT_THERE = Failure("not-there", "This token is not good there.")


class Bound(JWT):
    """Somebody's own check of each request, on top of ours."""

    def __init__(self, **options):
        super().__init__(ISSUER, AUDIENCE, keys=jwks("rsa"), clock=Clock(), **options)
        self.failures = (*self.failures, NOT_THERE)

    def authenticate(self, credential, exchange):
        if exchange.path != "/here":
            return NOT_THERE
        return super().authenticate(credential, exchange)


class Checked(APIKey):
    def authenticate(self, credential, exchange):
        raise NotImplementedError


@pytest.mark.parametrize("scheme", [Bound(), Checked([RECORD])])
def test_a_check_that_would_be_made_once_or_never_is_refused(scheme):
    name = f"{type(scheme).__name__}.authenticate would not be called for each request"
    with pytest.raises(ConfigurationError, match=name):
        Authentication(scheme)


def test_a_check_that_is_made_each_time_is_taken():
    layer = Authentication(Bound(cache_size=0))
    assert send(layer, bearer(TOKEN), path="/here").principal.scheme == "bearer"
    refused(send(layer, bearer(TOKEN), path="/there"), 401, "not-there")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Authentication(), "needs a scheme"),
        (lambda: Authentication(APIKey), "is no scheme"),
        (lambda: Authentication("Bearer"), "is no scheme"),
        (lambda: Authentication(API_KEYS, APIKey([])), "two schemes answer to 'ApiKey'"),
        (
            lambda: Authentication(APIKey([], header="x-k"), APIKey([], header="X-K")),
            "two schemes read the header 'x-k'",
        ),
        (lambda: Authentication(API_KEYS, realm=""), "realm"),
        (lambda: Authentication(API_KEYS, realm='a"b'), "realm"),
        (lambda: Authentication(API_KEYS, realm="a\r\nb: c"), "realm"),
        (lambda: Authentication(API_KEYS, realm="käse"), "realm"),
        (lambda: Authentication(API_KEYS, exempt="/healthz"), r"write exempt=\['/healthz'\]"),
        (lambda: Authentication(API_KEYS, exempt=["healthz"]), "begins with '/'"),
        (lambda: Authentication(API_KEYS, exempt=[5]), "begins with '/'"),
        (lambda: Authentication(API_KEYS, exempt=["/a*"]), "exact path"),
        (lambda: Authentication(API_KEYS, exempt=["/a**"]), "exact path"),
        (lambda: Authentication(API_KEYS, exempt=["/**/a"]), "exact path"),
        (lambda: Authentication(API_KEYS, exempt=["/a/{id}"]), "exact path"),
        (lambda: Authentication(API_KEYS, exempt=["/**"]), "switch authentication off"),
    ],
)
def test_bad_configuration_says_what_to_write(build, message):
    with pytest.raises(ConfigurationError, match=message):
        build()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("two words", ()), ("", ()), ("X", (("a", 'b"c'),)), ("X", (("a b", "c"),))],
)
def test_a_scheme_cannot_spoil_the_challenge(name, parameters):
    odd = Knock(None)
    odd.name, odd.parameters = name, parameters
    with pytest.raises(ConfigurationError):
        Authentication(odd)


def test_a_scheme_of_the_header_has_no_credential_in_the_connection():
    assert Scheme().carried(None) is None
    assert Scheme().standing(b"x") is None
