"""Identity headers that nobody vouches for, and the token for the next service."""

from __future__ import annotations

import base64
import inspect
import json
import random

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from authn_support import NOW
from authz_support import ALICE, As, person
from ringwall import (
    JWT,
    Authentication,
    Authorization,
    ConfigurationError,
    Stack,
    allow,
    principal_of,
    public,
)
from ringwall.testing import Request, SampleApp, drive, run
from ringwall.trust import IDENTITY_HEADERS, IdentityHeaders, InternalToken, internal_token_of

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
GATEWAY = "192.0.2.7"
HOST = (b"host", b"a")
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def seen_by(interface, layers, headers, client=GATEWAY):
    """Which names of headers the app gets, in lower case, and the status."""
    seen = []

    async def asgi(scope, receive, send):
        seen.extend(name for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def wsgi(environ, start_response):
        seen.extend(key[5:].lower().encode() for key in environ if key.startswith("HTTP_"))
        start_response("200 OK", [])
        return []

    app = getattr(Stack(*layers), interface)({"asgi": asgi, "wsgi": wsgi}[interface])
    result = drive(interface, app, Request(headers=(HOST, *headers), client=client))
    return [name.replace(b"_", b"-") for name in seen if name != b"host"], result


NAMES = [b"x-user", b"remote-user", b"x-forwarded-user", b"x-auth-request-email", b"x-roles"]


@INTERFACES
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("client", [GATEWAY, "::1", "127.0.0.1", None])
def test_by_default_nobody_is_believed(interface, name, client):
    headers = ((name, b"admin"), (b"x-other", b"1"))
    seen, _ = seen_by(interface, [IdentityHeaders()], headers, client)
    assert seen == [b"x-other"]


def random_case(name, seed):
    chosen = random.Random(seed)
    return bytes(chosen.choice([c, ord(chr(c).upper())]) for c in name)


@pytest.mark.parametrize("name", NAMES)
def test_every_twin_with_underscores_is_the_same_header_to_cgi(name):
    at = [position for position, sign in enumerate(name) if sign == ord("-")]
    for bits in range(2 ** len(at)):
        twin = bytearray(name)
        for number, position in enumerate(at):
            if bits >> number & 1:
                twin[position] = ord("_")
        for spelling in (bytes(twin), random_case(bytes(twin), bits)):
            seen, _ = seen_by("asgi", [IdentityHeaders()], ((spelling, b"admin"),))
            assert seen == []


@INTERFACES
def test_a_trusted_peer_is_believed_and_a_stranger_is_not(interface):
    layer = IdentityHeaders(trusted=[GATEWAY])
    assert seen_by(interface, [layer], ((b"x-user", b"alice"),))[0] == [b"x-user"]
    assert seen_by(interface, [layer], ((b"x-user", b"alice"),), "192.0.2.8")[0] == []
    unix = IdentityHeaders(trusted=["unix"])
    assert seen_by(interface, [unix], ((b"x-user", b"alice"),), None)[0] == [b"x-user"]


@INTERFACES
def test_a_second_header_from_a_trusted_peer_is_the_clients(interface):
    """The gateway adds its own line instead of replacing that of the client."""
    layer = IdentityHeaders(trusted=[GATEWAY])
    for headers in (
        ((b"x-user", b"admin"), (b"x-user", b"alice")),
        ((b"x-user", b"admin, alice"),),
    ):
        seen, result = seen_by(interface, [layer], headers)
        assert (seen, result.status) == ([], 400)
        assert json.loads(result.body)["code"] == "ambiguous-identity"
    assert seen_by(interface, [layer], ((b"x-user-groups", b"a,b"),))[0] == [b"x-user-groups"]


def test_twins_do_not_pass_a_trusted_peer_either():
    layer = IdentityHeaders(trusted=[GATEWAY])
    headers = ((b"x_user", b"admin"), (b"x-user", b"alice"))
    assert seen_by("asgi", [layer], headers)[0] == [b"x-user"]
    one = IdentityHeaders(["user"], trusted=[GATEWAY])
    assert seen_by("asgi", [one], ((b"user", b"alice"),))[0] == [b"user"]


@INTERFACES
def test_layers_inside_do_not_see_them(interface):
    class Believes(As):
        wants = frozenset({b"x-user"})

        def on_request(self, exchange):
            found = exchange.headers.get(b"x-user")
            exchange.authenticate(None if found is None else person(found.decode()))

    layers = [IdentityHeaders(), Believes(None), Authorization(allow("GET", "/"))]
    seen, result = seen_by(interface, layers, ((b"x-user", b"admin"),))
    assert (seen, result.status) == ([], 401)


@INTERFACES
def test_names_of_ones_own(interface):
    layer = IdentityHeaders(IDENTITY_HEADERS | {"X-Me"})
    headers = ((b"x-me", b"admin"), (b"x-user", b"admin"))
    assert seen_by(interface, [layer], headers)[0] == []
    assert seen_by(interface, [IdentityHeaders(["X-Me"])], headers)[0] == [b"x-user"]


def test_websockets_lose_them_too():
    seen = []

    async def app(scope, receive, send):
        seen.extend(scope["headers"])
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    request = Request(headers=(HOST, (b"x-user", b"admin")), websocket=True)
    drive("asgi", IdentityHeaders().asgi(app), request)
    assert seen == [HOST]


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: IdentityHeaders("X-User"), "is a list"),
        (lambda: IdentityHeaders([]), "does nothing"),
        (lambda: IdentityHeaders(["X_User"]), "no name of a header"),
        (lambda: IdentityHeaders(["X-User:"]), "no name of a header"),
        (lambda: IdentityHeaders([7]), "no name of a header"),
        (lambda: IdentityHeaders(["-".join("abcdefghijkl")]), "no name of a header"),
        (lambda: IdentityHeaders(trusted=["gateway"]), "gateway"),
        (lambda: IdentityHeaders(trusted=["0.0.0.0/0"]), "0.0.0.0/0"),
    ],
)
def test_mistakes_teach(make, hint):
    with pytest.raises(ConfigurationError, match=hint):
        make()


# --- the token for the next service ---------------------------------------------------------------


def tokens(key=EC, **options):
    options = {"issuer": "https://orders", "audience": ["https://bills", "https://mail"]} | options
    return InternalToken(key, clock=lambda: NOW, **options)


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def asked(interface, layers, audience=None):
    """What the app gets for its request."""
    got = []

    async def asgi(scope, receive, send):
        got.append(internal_token_of(scope, audience))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def wsgi(environ, start_response):
        got.append(internal_token_of(environ, audience))
        start_response("200 OK", [])
        return []

    app = {"asgi": asgi, "wsgi": wsgi}[interface]
    result = drive(interface, getattr(Stack(*layers), interface)(app), Request())
    assert result.status == 200, result.error
    return got[0]


@INTERFACES
@pytest.mark.parametrize("key", [EC, ED, RSA], ids=["ec", "ed25519", "rsa"])
def test_the_next_service_verifies_it_and_learns_who_asks(interface, key):
    layer = tokens(key)
    who = person("alice", "orders:read", "x", roles=["clerk"], issuer="https://id", phone="s3cret")
    token = asked(interface, [As(who), layer])
    found = []

    def next_app(environ, start_response):
        found.append(principal_of(environ))
        start_response("200 OK", [])
        return []

    scheme = JWT(
        issuer="https://orders", audience="https://bills", keys=layer.jwks(),
        algorithms=[layer.jwks()["keys"][0]["alg"]], clock=lambda: NOW,
    )  # fmt: skip
    stack = Stack(Authentication(scheme), Authorization(allow("GET", "/")))
    headers = (HOST, (b"authorization", b"Bearer " + token.encode()))
    assert drive("wsgi", stack.wsgi(next_app), Request(headers=headers)).status == 200
    (principal,) = found
    assert (principal.subject, principal.scopes) == ("alice", {"orders:read", "x"})
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == 300
    assert claims["origin"] == "https://id"
    assert claims["roles"] == ["clerk"]
    assert "s3cret" not in json.dumps(claims)
    other = Stack(
        Authentication(
            JWT(
                issuer="https://orders", audience="https://mail", keys=layer.jwks(),
                algorithms=[layer.jwks()["keys"][0]["alg"]], clock=lambda: NOW,
            )
        )
    )  # fmt: skip
    app = SampleApp()
    assert drive("wsgi", other.wsgi(app.wsgi), Request(headers=headers)).status == 401
    assert app.seen == []


@INTERFACES
def test_each_audience_has_its_own(interface):
    layer = tokens()
    assert claims_of(asked(interface, [As(ALICE), layer]))["aud"] == "https://bills"
    assert claims_of(asked(interface, [As(ALICE), layer], "https://mail"))["aud"] == "https://mail"
    with pytest.raises(ValueError, match="no such audience"):
        layer.mint(ALICE, "https://evil")


@INTERFACES
def test_nobody_has_none(interface):
    assert asked(interface, [As(None), tokens()]) is None
    assert asked(interface, [As(ALICE)]) is None
    assert asked(interface, [As(ALICE), tokens(), Authorization(public("GET", "/"))]) is not None


@INTERFACES
def test_a_stack_around_the_stack_may_have_the_layer(interface):
    got = []

    async def asgi(scope, receive, send):
        got.append(internal_token_of(scope))
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    def wsgi(environ, start_response):
        got.append(internal_token_of(environ))
        start_response("204 No Content", [])
        return []

    inner = getattr(Authorization(allow("GET", "/")), interface)(locals()[interface])
    drive(interface, getattr(Stack(As(ALICE), tokens()), interface)(inner), Request())
    assert claims_of(got[0])["sub"] == "alice"


def test_it_never_outlives_what_came_in():
    layer = tokens()
    assert claims_of(layer.mint(person("a", exp=NOW + 60.5)))["exp"] == NOW + 60
    assert claims_of(layer.mint(person("a", exp=NOW + 9000)))["exp"] == NOW + 300
    for expired in (NOW, NOW - 1, NOW + 0.5):
        with pytest.raises(ValueError, match="expired"):
            layer.mint(person("a", exp=expired))


def test_only_scopes_that_may_go_on_do():
    layer = tokens(scopes=["orders:read", "other"])
    claims = claims_of(layer.mint(person("alice", "orders:read", "orders:write")))
    assert claims["scope"] == "orders:read"
    assert "origin" not in claims


def test_no_two_are_alike():
    layer = tokens()
    assert claims_of(layer.mint(ALICE))["jti"] != claims_of(layer.mint(ALICE))["jti"]


@pytest.mark.parametrize("key", [EC, ED, RSA], ids=["ec", "ed25519", "rsa"])
def test_a_key_comes_from_pem_and_shows_nowhere(key, tmp_path):
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    made = [tokens(given) for given in (pem, pem.decode(), path, str(path), key)]
    assert len({json.dumps(layer.jwks()) for layer in made}) == 1
    for layer in made:
        shown = repr(layer) + repr(layer._key) + json.dumps(layer.jwks())
        assert not {"d", "p", "q"} & layer.jwks()["keys"][0].keys()
        assert pem.decode().splitlines()[1] not in shown


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: tokens("s3cret"), "no private key in PEM"),
        (lambda: tokens(b"s3cret"), "no private key in PEM"),
        (lambda: tokens(7), "takes a private key"),
        (lambda: tokens(EC.public_key()), "takes a private key"),
        (lambda: tokens(ec.generate_private_key(ec.SECP384R1())), "takes a private key"),
        (lambda: tokens(issuer=""), "are names"),
        (lambda: tokens(audience=[7]), "are names"),
        (lambda: tokens(audience=[]), "names the next service"),
        (lambda: tokens(lifetime=0), "from 1 to 900"),
        (lambda: tokens(lifetime=901), "from 1 to 900"),
        (lambda: tokens(lifetime=True), "from 1 to 900"),
        (lambda: tokens(scopes="orders:read"), "takes a list"),
        (lambda: Stack(tokens(), Authentication(JWT(
            issuer="https://a", audience="b", keys=tokens().jwks(), algorithms=["ES256"],
        ))), "cannot stand outside"),
    ],
)  # fmt: skip
def test_mistakes_with_tokens_teach(make, hint):
    with pytest.raises(ConfigurationError, match=hint) as caught:
        make()
    assert "s3cret" not in str(caught.value)


def test_without_cryptography_the_line_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(ImportError, match="pip install"):
        tokens()


def test_layers_pass_what_they_do_not_judge():
    done = run("asgi", [IdentityHeaders(), As(ALICE), tokens()], SampleApp(), Request())
    assert (done.result.status, done.decisions) == (200, ())
    assert inspect.iscoroutinefunction(IdentityHeaders().asgi(SampleApp().asgi))
