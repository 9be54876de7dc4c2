"""Against a real OAuth 2.0 / OpenID Connect server, over TLS on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from base64 import urlsafe_b64decode

import httpx
import pytest

from authn_support import Clock, bearer, landed, send, send_asgi, send_wsgi
from oauth_server import AUDIENCE, Holder, OAuthServer
from ringwall import JWT, Authentication, ConfigurationError, DPoP, Introspection, Stack
from ringwall.authn import HTTPFetcher
from ringwall.authn._failure import Refused
from ringwall.authn._fetch import tls_context
from ringwall.authn._jws import TOO_LONG, verify_padded
from ringwall.authn._revocation import names_of
from ringwall.principal import Principal


@pytest.fixture
def server():
    with OAuthServer() as running:
        yield running


def jwt(server, **options):
    return JWT(server.issuer, AUDIENCE, fetcher=HTTPFetcher(verify=server.ca_file), **options)


def introspection(server, **options):
    options = {
        "client_id": "orders-api",
        "client_secret": "s3cret-of-orders-api",
        "issuer": server.issuer,
        "verify": server.ca_file,
    } | options
    return Introspection(f"{server.issuer}/introspect", AUDIENCE, **options)


def refused(answer, code, status=401):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    return True


def test_tokens_of_both_grants_open_the_door(server):
    layer = Authentication(jwt(server, typ="at+jwt"))
    principal = send(layer, bearer(server.log_in("alice").encode())).principal
    assert (principal.subject, principal.issuer) == ("alice", server.issuer)
    assert principal.scopes == {"orders:read", "orders:write"}
    principal = send(
        layer, bearer(server.client_credentials(scope="orders:read").encode())
    ).principal
    assert (principal.subject, principal.scopes) == ("batch", {"orders:read"})
    assert server.hits["/.well-known/openid-configuration"] == 1
    assert server.hits["/jwks"] == 1


def test_the_server_insists_on_pkce(server):
    """Else the flow above would prove nothing."""
    with pytest.raises(httpx.HTTPStatusError):
        server.log_in("alice", verifier="x" * 64)


def test_rotation_is_found_and_an_old_key_dies(server):
    clock = Clock(0.0)
    layer = Authentication(jwt(server, monotonic=clock, cache_ttl=0))
    old = bearer(server.client_credentials().encode())
    assert send(layer, old).status == 200
    server.rotate()
    new = bearer(server.client_credentials().encode())
    named = "kid" in json.loads(urlsafe_b64decode(new[1].split()[1].split(b".")[0] + b"=="))
    code = "unknown-key" if named else "invalid-signature"  # newer servers name no key
    assert refused(send(layer, new), code), "within the cooldown"
    clock.now = 31
    assert send(layer, new).status == 200
    assert send(layer, old).status == 200, "published still"
    server.rotate(keep=0)
    clock.now = 700
    send(layer, old, sides="w")
    landed()
    assert refused(send(layer, old), code)
    assert server.hits["/jwks"] == 3


def test_an_outage_of_the_server(server):
    clock = Clock(0.0)
    layer = Authentication(jwt(server, monotonic=clock, cache_ttl=0))
    token = bearer(server.client_credentials().encode())
    server.down = True
    assert refused(send(layer, token), "keys-unavailable", 503)
    server.down = False
    clock.now = 1
    assert send(layer, token).status == 200
    server.down = True
    clock.now = 700
    assert send(layer, token, sides="w").status == 200
    landed()
    assert send(layer, token).status == 200


@pytest.mark.parametrize("opaque", [False, True])
def test_tokens_bound_to_a_key(server, opaque):
    scheme = introspection(server) if opaque else jwt(server, typ="at+jwt")
    layer = Authentication(scheme, DPoP(scheme, origin=AUDIENCE))
    alice, eve = Holder(), Holder()
    token = server.log_in("alice", "legacy" if opaque else "web", holder=alice)

    def ask(holder, token=token, **changes):
        proof = holder.prove("GET", AUDIENCE + "/", token, **changes)
        headers = [(b"authorization", b"DPoP " + token.encode()), (b"dpop", proof.encode())]
        return send(layer, *headers, sides="w")

    principal = ask(alice).principal
    assert (principal.subject, principal.issuer, principal.scheme) == (
        "alice",
        server.issuer,
        "dpop",
    )
    assert refused(ask(eve), "proof-key-mismatch")
    assert refused(ask(alice, htm="POST"), "proof-for-another-request")
    assert refused(send(layer, bearer(token.encode())), "proof-required")
    other = server.log_in("alice", "legacy" if opaque else "web", holder=alice)
    proof = alice.prove("GET", AUDIENCE + "/", other).encode()
    stolen = [(b"authorization", b"DPoP " + token.encode()), (b"dpop", proof)]
    assert refused(send(layer, *stolen), "proof-for-another-token")
    plain = server.log_in("bob", "legacy" if opaque else "web")
    assert send(layer, bearer(plain.encode())).principal.scheme == "bearer"
    assert refused(ask(alice, plain), "token-not-bound")


@pytest.mark.parametrize("verify", [None, "other"])
def test_a_server_that_nobody_vouches_for_is_not_believed(server, verify):
    with OAuthServer() as other:
        fetcher = HTTPFetcher(verify=verify and other.ca_file)
        layer = Authentication(JWT(server.issuer, AUDIENCE, fetcher=fetcher))
        token = bearer(server.client_credentials().encode())
        assert refused(send(layer, token), "keys-unavailable", 503)
    assert "/jwks" not in server.hits


def test_a_redirect_is_not_followed(server):
    fetcher = HTTPFetcher(verify=server.ca_file)
    layer = Authentication(
        JWT(server.issuer, AUDIENCE, keys=f"{server.issuer}/elsewhere", fetcher=fetcher)
    )
    token = bearer(server.client_credentials().encode())
    assert refused(send(layer, token), "keys-unavailable", 503)
    assert "/jwks" not in server.hits


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("client_auth", ["basic", "post"])
def test_introspection(server, signed, client_auth):
    options = {"fetcher": HTTPFetcher(verify=server.ca_file)} if signed else {}
    judge = introspection(server, signed=signed, client_auth=client_auth, **options)
    layer = Authentication(judge)
    token = server.log_in("alice", "legacy")
    assert "." not in token, "an opaque one"

    async def over_asgi(value):
        try:
            return await send_asgi(layer, bearer(value.encode()))
        finally:
            await judge.aclose()

    for principal in (
        asyncio.run(over_asgi(token)).principal,
        send_wsgi(layer, bearer(token.encode())).principal,
    ):
        assert (principal.subject, principal.issuer) == ("alice", server.issuer)
        assert principal.scopes == {"orders:read", "orders:write"}
    assert server.hits["/introspect"] == 1, "remembered"
    other = server.client_credentials("legacy")
    server.revoke(other)
    for value in (other, "unknown", token + "x"):
        assert refused(asyncio.run(over_asgi(value)), "token-inactive")
        assert refused(send_wsgi(layer, bearer(value.encode())), "token-inactive")
    assert server.hits["/introspect"] == 4
    judge.close()


def test_introspection_with_a_wrong_secret_or_a_server_that_is_down(server):
    token = bearer(server.client_credentials("legacy").encode())
    judge = introspection(server, client_secret="wrong", failures_to_open=2)
    for _ in range(5):
        answer = send(Authentication(judge), token, sides="w")
        assert refused(answer, "introspection-unavailable", 503)
    assert server.hits["/introspect"] == 2
    judge.close()
    server.down = True
    judge = introspection(server)
    assert refused(send(Authentication(judge), token, sides="w"), "introspection-unavailable", 503)
    judge.close()


def test_opaque_tokens_and_jwts_side_by_side(server):
    judge = introspection(server, issuer=None)
    layer = Stack(Authentication(jwt(server), judge))
    assert send(layer, bearer(server.log_in("alice").encode())).principal.subject == "alice"
    assert "/introspect" not in server.hits
    opaque = bearer(server.log_in("bob", "legacy").encode())
    assert send(layer, opaque, sides="w").principal.subject == "bob"
    judge.close()


def test_nothing_of_a_token_or_a_secret_is_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    judge = introspection(server, issuer=None)
    layer = Authentication(jwt(server), judge)
    tokens = [server.log_in("alice"), server.log_in("alice", "legacy")]
    caplog.clear()
    for token in tokens:
        assert send(layer, bearer(token.encode()), sides="w").status == 200
        send(layer, bearer(token[:-4].encode() + b"AAAA"), sides="w")
    assert caplog.text, "httpx does log"
    for secret in (*tokens, *(t[-40:-4] for t in tokens), "s3cret-of-orders-api"):
        assert secret not in caplog.text
    judge.close()


# Odds and ends of the same modules


def test_whom_to_trust_is_checked(server):
    assert tls_context(ssl.create_default_context(cafile=server.ca_file)).check_hostname
    careless = ssl.create_default_context()
    careless.check_hostname = False
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    for context in (careless, blind):
        with pytest.raises(ConfigurationError, match="checks no certificates"):
            HTTPFetcher(verify=context)
    for nothing in (False, True, 5):
        with pytest.raises(ConfigurationError, match="verify is the path"):
            HTTPFetcher(verify=nothing)
    with pytest.raises(ConfigurationError, match="no certificates in PEM"):
        HTTPFetcher(verify=__file__)


def test_a_principal_without_a_credential_id_has_names_all_the_same():
    names = names_of(Principal("alice", scheme="bearer"))
    assert [name.kind for name in names] == ["sub"]


def test_the_padded_parser_has_its_own_limit():
    with pytest.raises(Refused) as caught:
        verify_padded(b"a" * 9, None, 8)
    assert caught.value.failure is TOO_LONG
