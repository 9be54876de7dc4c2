"""Tokens bound to a TLS certificate (RFC 8705): good in the hands of that client alone."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from authn_support import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    Clock,
    b64,
    bearer,
    send,
    send_asgi,
    send_wsgi,
    sign,
    vectors,
)
from dpop_support import ORIGIN, bound, jkt, jwt, prove, with_proof
from ringwall import (
    Authentication,
    ConfigurationError,
    Denylist,
    DPoP,
    Introspection,
    MutualTLS,
    Stack,
    TrustedProxies,
)
from ringwall.authn import Answer
from ringwall.authn._certificates import der_of_pem, digest, digest_of_xfcc
from tls_support import CLIENT, Authority


@pytest.fixture(scope="module")
def alice(tmp_path_factory):
    return certificate(tmp_path_factory, "alice")


@pytest.fixture(scope="module")
def eve(tmp_path_factory):
    return certificate(tmp_path_factory, "eve")


class Certificate:
    def __init__(self, pem, der):
        self.pem = pem
        self.der = der
        self.thumbprint = b64(sha256(der).digest()).decode()
        self.hash = sha256(der).hexdigest()
        self.token = sign({**CLAIMS, "cnf": {"x5t#S256": self.thumbprint}, "jti": self.hash})
        self.base64 = pem.split("-----")[2].replace("\n", "")
        self.client_cert = f":{self.base64}:".encode()
        self.escaped = quote(pem, safe="").encode()


def certificate(factory, name):
    issued = Authority(factory.mktemp(name)).issue(name, CLIENT)
    pem = Path(issued.certfile).read_text()
    loaded = x509.load_pem_x509_certificate(pem.encode())
    pem = loaded.public_bytes(Encoding.PEM).decode()
    return Certificate(pem, loaded.public_bytes(Encoding.DER))


def layer(**options):
    return Authentication(jwt(mtls=MutualTLS(**options)))


def refused(answer, code, status=401):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    return True


# From the server that ends TLS


def over_tls(wrap, token, pem, *, verify="SUCCESS", error=None, scheme=b"Bearer", more=()):
    """Through both interfaces, with what the server tells of the certificate."""
    headers = [(b"authorization", scheme + b" " + token), *more]

    class Told:
        def asgi(self, app):
            inner = wrap.asgi(app)
            chain = [pem] if isinstance(pem, str) else pem
            tls = {"client_cert_chain": chain, "client_cert_error": error, "tls_version": 0x0304}

            async def outer(scope, receive, send):
                await inner({**scope, "extensions": {"tls": tls}}, receive, send)

            return outer

        def wsgi(self, app):
            inner = wrap.wsgi(app)
            told = {"SSL_CLIENT_VERIFY": verify, "SSL_CLIENT_CERT": pem}
            return lambda environ, start: inner({**environ, **told}, start)

    first = asyncio.run(send_asgi(Told(), *headers))
    second = send_wsgi(Told(), *headers)
    assert (first.status, first.body, first.headers) == (second.status, second.body, second.headers)
    return first


def test_the_right_certificate(alice):
    answer = over_tls(layer(), alice.token, alice.pem)
    assert (answer.status, answer.principal.subject) == (200, "alice")
    assert answer.principal.scheme == "bearer"


def test_another_certificate_or_none_at_all(alice, eve):
    wrap = layer()
    for _ in range(2):  # the second time the token is remembered
        answer = over_tls(wrap, alice.token, eve.pem)
        assert refused(answer, "certificate-mismatch")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert refused(send(wrap, bearer(alice.token)), "proof-required")
        assert over_tls(wrap, alice.token, alice.pem).status == 200


def test_a_certificate_that_the_server_found_bad_does_not_count(alice):
    for verify, error in (("FAILED:expired", "expired"), ("GENEROUS", "x"), ("NONE", "x")):
        answer = over_tls(layer(), alice.token, alice.pem, verify=verify, error=error)
        assert refused(answer, "proof-required")


def test_without_the_option_bound_tokens_are_refused(alice):
    assert refused(over_tls(Authentication(jwt()), alice.token, alice.pem), "proof-required")


def test_a_plain_token_needs_no_certificate(alice):
    assert send(layer(), bearer(sign())).status == 200
    assert over_tls(layer(), sign(), alice.pem).status == 200


@pytest.mark.parametrize("change", ["two", "cut", "key", "empty", "nonsense"])
def test_what_is_no_one_certificate(alice, change):
    pem = {
        "two": alice.pem + alice.pem,
        "cut": alice.pem.replace("-----END", "----END"),
        "key": alice.pem.replace("CERTIFICATE", "PUBLIC KEY"),
        "empty": "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n",
        "nonsense": "-----BEGIN CERTIFICATE-----\nA=A=A\n-----END CERTIFICATE-----\n",
    }[change]
    assert refused(over_tls(layer(), alice.token, pem), "malformed-certificate", 400)


def test_the_headers_of_a_client_never_count(alice):
    for name, value in told(alice):
        for wrap in (layer(), layer(header=name)):
            headers = [(name.encode(), value), (b"ssl-client-verify", b"SUCCESS")]
            assert refused(send(wrap, bearer(alice.token), *headers), "proof-required")


# From a proxy


def told(given):
    return [
        ("client-cert", given.client_cert),
        ("ssl-client-cert", given.escaped),
        ("x-forwarded-client-cert", f"Hash={given.hash}".encode()),
    ]


def behind(name, *networks):
    return Stack(layer(header=name), proxies=TrustedProxies(networks or ["192.0.2.1"]))


SUCCESS = (b"ssl-client-verify", b"SUCCESS")


@pytest.mark.parametrize("form", range(3))
def test_a_trusted_proxy_tells_it(alice, eve, form):
    name, value = told(alice)[form]
    wrap = behind(name)
    assert send(wrap, bearer(alice.token), (name.encode(), value), SUCCESS).status == 200
    other = told(eve)[form][1]
    answer = send(wrap, bearer(alice.token), (name.encode(), other), SUCCESS)
    assert refused(answer, "certificate-mismatch")
    assert refused(send(wrap, bearer(alice.token), SUCCESS), "proof-required")
    assert refused(send(wrap, bearer(alice.token), (name.encode(), b""), SUCCESS), "proof-required")


@pytest.mark.parametrize("form", range(3))
def test_a_stranger_cannot_tell_it(alice, form):
    name, value = told(alice)[form]
    for wrap in (behind(name, "10.0.0.0/8"), Stack(layer(header=name), proxies=TrustedProxies([]))):
        answer = send(wrap, bearer(alice.token), (name.encode(), value), SUCCESS)
        assert refused(answer, "proof-required")


@pytest.mark.parametrize("form", range(3))
def test_two_certificates_are_none(alice, eve, form):
    name, value = told(alice)[form]
    wrap = behind(name)
    for other in (value, told(eve)[form][1]):
        lines = [(name.encode(), value), (name.encode(), other)]
        for order in (lines, lines[::-1]):
            answer = send(wrap, bearer(alice.token), *order, SUCCESS)
            assert refused(answer, "malformed-certificate", 400)


def test_nginx_must_have_verified_it(alice):
    wrap = behind("ssl-client-cert")
    line = (b"ssl-client-cert", alice.escaped)
    for verify in ((), ((b"ssl-client-verify", b"FAILED:expired"),), (SUCCESS, SUCCESS)):
        assert refused(send(wrap, bearer(alice.token), line, *verify), "proof-required")


def test_lines_that_became_spaces(alice):
    flat = alice.pem.strip().replace("\n", " ").encode()
    answer = send(
        behind("ssl-client-cert"), bearer(alice.token), (b"ssl-client-cert", flat), SUCCESS
    )
    assert answer.status == 200


def test_the_certificate_of_the_proxy_itself_does_not_count(alice):
    """It may show one of its own to us: that is not the client's."""
    assert refused(over_tls(behind("client-cert"), alice.token, alice.pem), "proof-required")


def test_the_proxies_of_a_stack_around_it_count(alice):
    inner = layer(header="client-cert")
    outer = TrustedProxies(["192.0.2.1"])

    class Nested:
        def asgi(self, app):
            return Stack(proxies=outer).asgi(inner.asgi(app))

        def wsgi(self, app):
            return Stack(proxies=outer).wsgi(inner.wsgi(app))

    line = (b"client-cert", alice.client_cert)
    assert send(Nested(), bearer(alice.token), line).status == 200


@pytest.mark.parametrize(
    "template",
    [
        'By=spiffe://x;Hash={hash};Subject="CN=\\"alice\\",O=x";URI=spiffe://y',
        "hash={hash}",
        'Hash="{hash}"',
        'Cert="{escaped}"',
        'Hash={hash};Cert="{escaped}";URI=a;URI=b',
        "Hash={hash};",
        "HASH={upper}",
    ],
)
def test_what_envoy_says(alice, template):
    value = template.format(
        hash=alice.hash, upper=alice.hash.upper(), escaped=alice.escaped.decode()
    )
    assert digest_of_xfcc(value.encode()) == sha256(alice.der).digest()


@pytest.mark.parametrize(
    "template",
    [
        "Hash={hash},Hash={hash}",
        "Hash={hash};Hash={hash}",
        'Cert="{escaped}";Cert="{escaped}"',
        'Hash={hash},By="x"',
        'Subject="a,Hash={hash}',
        'Hash={other};Cert="{escaped}"',
        'Hash=xx;Cert="{escaped}"',
        'Hash={hash};Cert="nonsense"',
        "Hash={hash} ",
        " Hash={hash}",
        "Hash = {hash}",
        "Hash={hash}0",
        "Subject=alice",
        'Subject="Hash={hash}"',
        "Hash",
        "=",
        ";",
    ],
)
def test_what_envoy_does_not_say(alice, eve, template):
    value = template.format(hash=alice.hash, other=eve.hash, escaped=alice.escaped.decode())
    assert digest_of_xfcc(value.encode()) is None
    answer = send(
        behind("x-forwarded-client-cert"),
        bearer(alice.token),
        (b"x-forwarded-client-cert", value.strip().encode()),
    )
    if value.strip() != f"Hash={alice.hash}":
        assert refused(answer, "malformed-certificate", 400)


@pytest.mark.parametrize(
    "value", [b":", b"::", b":A:", b":AA==", b"AA==", b":AA==:;a=1", b":A=A=:", b": AAAA :", b"?1"]
)
def test_what_is_no_client_cert_header(alice, value):
    answer = send(behind("client-cert"), bearer(alice.token), (b"client-cert", value))
    assert refused(answer, "malformed-certificate", 400)


@given(st.binary(max_size=120))
def test_no_bytes_crash_it(data):
    data = data.replace(b"\n", b"").replace(b"\r", b"").strip()
    token = sign({**CLAIMS, "cnf": {"x5t#S256": "A" * 43}})
    for name in ("client-cert", "ssl-client-cert", "x-forwarded-client-cert"):
        headers = [bearer(token), (name.encode(), data), SUCCESS]
        answer = send(behind(name), *headers, sides="w")
        assert answer.status in (400, 401)
        assert answer.principal is False


# Together with the rest


def test_opaque_tokens(alice, eve):
    class Endpoint:
        def introspect(self, token):
            claims = {"active": True, "sub": "alice", "cnf": {"x5t#S256": alice.thumbprint}}
            return Answer("application/json", json.dumps({**claims, "aud": AUDIENCE}).encode())

        async def aintrospect(self, token):
            return self.introspect(token)

    scheme = Introspection(Endpoint(), AUDIENCE, mtls=MutualTLS(), clock=Clock())
    wrap = Authentication(scheme)
    for _ in range(2):
        assert over_tls(wrap, b"opaque", alice.pem).status == 200
        assert refused(over_tls(wrap, b"opaque", eve.pem), "certificate-mismatch")
        assert refused(send(wrap, bearer(b"opaque")), "proof-required")


def test_a_revoked_token(alice):
    denylist = Denylist(clock=Clock())
    wrap = Authentication(jwt(mtls=MutualTLS(), denylist=denylist))
    assert over_tls(wrap, alice.token, alice.pem).status == 200
    denylist.deny(ISSUER, jti=alice.hash, keep=600)
    assert refused(over_tls(wrap, alice.token, alice.pem), "token-revoked")


def test_a_token_bound_to_both_needs_both(alice, eve):
    scheme = jwt(mtls=MutualTLS())
    wrap = Authentication(scheme, DPoP(scheme, origin=ORIGIN, clock=Clock()))
    cnf = {"jkt": jkt("p256"), "x5t#S256": alice.thumbprint}
    token = bound(cnf=cnf)

    def ask(pem, proof, scheme=b"DPoP"):
        class Told:
            def wsgi(self, app):
                inner = wrap.wsgi(app)
                told = {"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_CERT": pem} if pem else {}
                return lambda environ, start: inner({**environ, **told}, start)

        return send_wsgi(Told(), *with_proof(token, *proof, scheme=scheme))

    assert ask(alice.pem, [prove(token)]).status == 200
    assert refused(ask(eve.pem, [prove(token)]), "certificate-mismatch")
    assert refused(ask(None, [prove(token)]), "proof-required")
    assert refused(ask(alice.pem, []), "missing-proof")
    assert refused(ask(alice.pem, [], b"Bearer"), "proof-required")
    assert refused(ask(alice.pem, [prove(token)], b"Bearer"), "proof-required")


def test_a_token_bound_to_a_certificate_alone_is_none_for_dpop(alice):
    scheme = jwt(mtls=MutualTLS())
    wrap = Authentication(scheme, DPoP(scheme, origin=ORIGIN, clock=Clock()))
    proof = [(b"dpop", prove(alice.token))]
    answer = over_tls(wrap, alice.token, alice.pem, scheme=b"DPoP", more=proof)
    assert refused(answer, "token-not-bound")


def test_the_example_of_the_rfc():
    given = json.loads(vectors("jwt", "rfc8705", "appendix_a.json").read_text())
    pem = given["certificate_pem"]
    assert b64(digest(der_of_pem(pem))).decode() == given["x5t#S256"]
    token = sign({**CLAIMS, "cnf": {"x5t#S256": given["x5t#S256"]}})
    assert over_tls(layer(), token, pem).status == 200
    for old, new in (("MIIBBjCB", "MIIBBjCA"), ("SQAwRg", "SQAwRQ")):
        assert refused(over_tls(layer(), token, pem.replace(old, new)), "certificate-mismatch")
    # One character of the thumbprint changed.
    other = sign({**CLAIMS, "cnf": {"x5t#S256": "B" + given["x5t#S256"][1:]}})
    assert refused(over_tls(layer(), other, pem), "certificate-mismatch")


@pytest.mark.parametrize("mtls", [True, "client-cert"])
def test_bad_configuration(mtls):
    with pytest.raises(ConfigurationError, match="MutualTLS"):
        jwt(mtls=mtls)
    with pytest.raises(ConfigurationError, match="did you mean 'client-cert'"):
        MutualTLS(header="x-client-cert")
    assert repr(MutualTLS()) == "<MutualTLS>"
