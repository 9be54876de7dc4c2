"""`tls_of`: what the server tells of TLS, and nothing that a client could say."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from werkzeug.wrappers import Request as WerkzeugRequest

from ringwall import Layer, Response, testing
from ringwall.tls import TLS, tls_of

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
EXTENSION = {
    "server_cert": None,
    "client_cert_chain": [PEM],
    "client_cert_name": "CN=alice",
    "client_cert_error": None,
    "tls_version": 0x0304,
    "cipher_suite": 0x1301,
}
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "443",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "https",
    "wsgi.input": None,
    "SSL_PROTOCOL": "TLSv1.3",
    "SSL_CIPHER": "TLS_AES_128_GCM_SHA256",
    "SSL_TLS_SNI": "api.example.com",
    "SSL_CLIENT_VERIFY": "SUCCESS",
    "SSL_CLIENT_CERT": PEM,
    "SSL_CLIENT_S_DN": "CN=alice",
}
ALL = TLS("TLSv1.3", "TLS_AES_128_GCM_SHA256", "api.example.com", "verified", PEM, "CN=alice")
NOTHING = TLS()


def scope(**changes):
    return {"type": "http", "headers": [], "extensions": {"tls": {**EXTENSION, **changes}}}


def test_the_extension_is_read():
    found = tls_of(scope())
    assert found == TLS(ALL.version, ALL.cipher, None, "verified", PEM, "CN=alice")


def test_the_variables_of_mod_ssl_are_read():
    assert tls_of(ENVIRON) == ALL


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(scope()), "verified"),
        (SimpleNamespace(scope=scope()), "verified"),
        (SimpleNamespace(scope=None, environ=ENVIRON), "verified"),
        (WerkzeugRequest(dict(ENVIRON)), "verified"),
        (SimpleNamespace(env=ENVIRON), "verified"),
        (SimpleNamespace(META=ENVIRON), "verified"),
        (SimpleNamespace(), "unknown"),
        (None, "unknown"),
    ],
)
def test_requests_of_frameworks_are_taken(request_, expected):
    assert tls_of(request_).client == expected


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"type": "http"},
        {"type": "http", "extensions": None},
        {"type": "http", "extensions": {}},
        {"type": "http", "extensions": {"tls": None}},
        {"type": "http", "extensions": {"tls": {}}},
        {"wsgi.version": (1, 0)},
        {"wsgi.version": (1, 0), "HTTPS": "on"},
    ],
)
def test_what_the_server_does_not_tell_is_unknown(mapping):
    assert tls_of(mapping) == NOTHING


HEADERS = [
    "ssl-client-verify",
    "ssl_client_verify",
    "x-ssl-client-verify",
    "x-client-verify",
    "ssl-client-cert",
    "x-forwarded-client-cert",
    "client-cert",
    "ssl-protocol",
    "ssl-cipher",
    "ssl-tls-sni",
]


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", ["SUCCESS", PEM, "TLSv1.3"])
def test_headers_prove_nothing(name, value):
    lines = [(name.encode(), value.encode())]
    key = "HTTP_" + name.upper().replace("-", "_")
    assert tls_of({"type": "http", "headers": lines}) == NOTHING
    assert tls_of({"wsgi.version": (1, 0), key: value}) == NOTHING


def test_variables_of_mod_ssl_count_in_an_environ_alone():
    assert tls_of({"type": "http", "headers": [], "SSL_CLIENT_VERIFY": "SUCCESS"}) == NOTHING


@pytest.mark.parametrize(
    "changes",
    [
        {"client_cert_error": "expired"},
        {"client_cert_error": ""},
        {"client_cert_error": 1},
        {"client_cert_error": "expired", "client_cert_chain": []},
    ],
)
def test_a_certificate_with_an_error_is_none(changes):
    found = tls_of(scope(**changes))
    assert found.client == "failed"
    assert found.client_certificate is None and found.client_name is None


@pytest.mark.parametrize("chain", [[], (), None, [""], [None], [PEM.encode()], PEM, {}, 7])
def test_a_name_without_a_certificate_proves_nothing(chain):
    """A server behind a proxy may have it from a header."""
    found = tls_of(scope(client_cert_chain=chain))
    assert (found.client, found.client_certificate, found.client_name) == ("unknown", None, None)


def test_a_chain_that_can_be_read_once_is_left_for_the_app():
    chain = iter([PEM])
    assert tls_of(scope(client_cert_chain=chain)).client == "unknown"
    assert next(chain) == PEM


@pytest.mark.parametrize(
    ("verify", "client"),
    [
        ("NONE", "none"),
        ("FAILED:certificate has expired", "failed"),
        ("GENEROUS", "failed"),
        ("success", "failed"),
        ("SUCCESS ", "failed"),
        ("", "unknown"),
        (None, "unknown"),
        (True, "unknown"),
    ],
)
def test_only_success_is_verified(verify, client):
    found = tls_of({**ENVIRON, "SSL_CLIENT_VERIFY": verify})
    assert (found.client, found.client_certificate, found.client_name) == (client, None, None)


def test_a_certificate_without_a_verdict_proves_nothing():
    """Development servers hand over what the client sent, checked or not."""
    environ = {"wsgi.version": (1, 0), "SSL_CLIENT_CERT": PEM, "SSL_CLIENT_S_DN": "CN=alice"}
    assert tls_of(environ) == NOTHING


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0x1302, "TLS_AES_256_GCM_SHA384"),
        (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (0xC013, "0xC013"),
        (0x002F, "0x002F"),
        (None, None),
        ("0x1301", None),
    ],
)
def test_suites_are_named_or_numbered(number, name):
    assert tls_of(scope(cipher_suite=number)).cipher == name


@pytest.mark.parametrize(
    ("number", "name"),
    [(0x0303, "TLSv1.2"), (0x0302, "TLSv1.1"), (0x0305, None), (None, None), ("TLSv1.3", None)],
)
def test_versions_are_named(number, name):
    assert tls_of(scope(tls_version=number)).version == name


def test_the_repr_names_nobody():
    assert repr(tls_of(ENVIRON)) == "<TLS TLSv1.3 client='verified'>"
    assert repr(NOTHING) == "<TLS unknown client='unknown'>"


scalars = st.sampled_from([None, True, 0, -1, 0x1301, 2**70, 1.5, "", "SUCCESS", PEM, b"", b"x"])
anything = scalars | st.lists(scalars, max_size=2) | st.just({}) | st.text(max_size=4)


@given(st.dictionaries(st.sampled_from(sorted(EXTENSION)), anything))
def test_no_extension_whatever_it_holds_is_an_error(extension):
    found = tls_of({"type": "http", "extensions": {"tls": extension}})
    assert found.client in ("verified", "failed", "unknown")
    if found.client == "verified":
        assert extension["client_cert_chain"][0] == found.client_certificate


@given(st.dictionaries(st.sampled_from(sorted(ENVIRON)), anything))
def test_no_environ_whatever_it_holds_is_an_error(environ):
    found = tls_of({**environ, "wsgi.version": (1, 0)})
    assert (found.client == "verified") is (environ.get("SSL_CLIENT_VERIFY") == "SUCCESS")


@pytest.mark.parametrize("wants_tls", [True, False])
def test_a_layer_that_asks_for_it_finds_it_on_the_exchange(wants_tls):
    seen = []

    class Asking(Layer):
        def on_request(self, exchange):
            seen.append(exchange.tls)
            return Response(204)

    layer = Asking()
    layer.wants_tls = wants_tls
    environ = {**testing.Request().environ(), **ENVIRON, "PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    list(layer.wsgi(lambda *given: [])(environ, lambda *given: None))
    scope = testing.Request().scope() | {"extensions": {"tls": EXTENSION}}

    async def send(message):
        pass

    asyncio.run(layer.asgi(send)(scope, None, send))
    assert [tls and tls.client_certificate for tls in seen] == [(wants_tls and PEM) or None] * 2
