"""The client's TLS certificate as its credential. An attack asserts that the app was not called."""

import asyncio
import datetime
import logging
import sys
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from authn_support import NOW, Clock, bearer, send, send_asgi, send_wsgi, sign
from dpop_support import jwt
from ringwall import (
    Authentication,
    ClientCertificate,
    ConfigurationError,
    Principal,
    Stack,
    TrustedProxies,
)
from ringwall._errors import MissingDependency
from ringwall.authn import Certificate, presets
from ringwall.authn.certificate import read_told
from ringwall.description import security_schemes

KEY = ec.generate_private_key(ec.SECP256R1())
START = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
BILLING = "spiffe://example.org/billing"


class Made:
    """A certificate, in every form in which it may be told."""

    def __init__(self, subject="billing", *names, since=-1, until=1, authority=None, more=()):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)] if subject else [])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
            .public_key(KEY.public_key())
            .serial_number(4711)
            .not_valid_before(START + since * DAY)
            .not_valid_after(START + until * DAY)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if authority is not None:
            constraints = x509.BasicConstraints(ca=authority, path_length=None)
            builder = builder.add_extension(constraints, critical=True)
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        made = builder.sign(KEY, hashes.SHA256())
        self.pem = made.public_bytes(Encoding.PEM).decode()
        self.thumbprint = made.fingerprint(hashes.SHA256()).hex()
        base64 = "".join(self.pem.split("-----")[2].split())
        self.client_cert = f":{base64}:".encode()
        self.escaped = quote(self.pem, safe="").encode()
        self.cert = b'Cert="' + self.escaped + b'"'


def uri(name):
    return x509.UniformResourceIdentifier(name)


def dns(name):
    return x509.DNSName(name)


CERTIFICATE = Made("billing", uri(BILLING))
HEADERS = {
    "client-cert": "client_cert",
    "ssl-client-cert": "escaped",
    "x-forwarded-client-cert": "cert",
}
SUCCESS = (b"ssl-client-verify", b"SUCCESS")


def scheme(**options):
    given = {"clients": {BILLING: ["orders:read"]}, "by": "uri", "clock": Clock()} | options
    return ClientCertificate(given.pop("clients"), **given)


def over_tls(wrap, pem, *headers, verify="SUCCESS", error=None):
    """Through both interfaces, with what the server tells of the certificate."""

    class Told:
        def asgi(self, app):
            inner = wrap.asgi(app)
            tls = {"client_cert_chain": [pem], "client_cert_error": error, "tls_version": 0x0304}

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


def behind(header, *networks, **options):
    wrap = Authentication(scheme(header=header, **options))
    return Stack(wrap, proxies=TrustedProxies(networks or ["192.0.2.1"]))


def refused(answer, code, status=401):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    return answer


def test_a_verified_certificate_speaks_for_its_client():
    wrap = Authentication(scheme())
    for _ in range(2):  # and again, from memory
        principal = over_tls(wrap, CERTIFICATE.pem).principal
        assert (principal.subject, principal.scheme) == (BILLING, "clientcertificate")
        assert principal.scopes == {"orders:read"}
        assert principal.credential_id == CERTIFICATE.thumbprint


@pytest.mark.parametrize(
    ("by", "name", "certificate"),
    [
        ("dns", "Billing.Example.org", Made("x", dns("billing.example.org"))),
        (
            "dns",
            "billing.example.org",
            Made("x", dns("other.example.org"), dns("BILLING.example.org")),
        ),
        ("email", "billing@example.org", Made("x", x509.RFC822Name("billing@example.org"))),
        ("subject", "CN=billing\\,O=x", Made("billing,O=x")),
        ("thumbprint", CERTIFICATE.thumbprint.upper(), CERTIFICATE),
    ],
    ids=["dns", "one of two", "email", "subject", "thumbprint"],  # the thumbprint is new each time
)
def test_clients_are_known_by_one_kind_of_name(by, name, certificate):
    wrap = Authentication(scheme(clients={name: []}, by=by))
    assert over_tls(wrap, certificate.pem).status == 200
    for other in (Made("x"), Made(""), Made("billing")):
        refused(over_tls(wrap, other.pem), "unknown-client")


@pytest.mark.parametrize(
    "certificate",
    [
        Made("billing", uri(BILLING + "/")),
        Made("billing", uri("SPIFFE://example.org/billing")),
        Made(BILLING),
        Made("billing", dns(BILLING)),
        Made("billing", uri("spiffe://example.org/bil%6Cing")),
        Made("billing", uri(BILLING + "\x00.evil.example")),
    ],
)
def test_names_are_compared_exactly(certificate):
    refused(over_tls(Authentication(scheme()), certificate.pem), "unknown-client")


def test_who_bears_two_names_is_nobody():
    clients = {BILLING: [], "spiffe://example.org/admin": []}
    both = Made("x", uri(BILLING), uri("spiffe://example.org/admin"))
    refused(over_tls(Authentication(scheme(clients=clients)), both.pem), "unknown-client")
    twice = Made("x", uri(BILLING), uri(BILLING))
    assert over_tls(Authentication(scheme(clients=clients)), twice.pem).status == 200


def test_when_it_is_valid_is_checked_at_every_use():
    clock = Clock()
    wrap = Authentication(scheme(clock=clock))
    assert over_tls(wrap, CERTIFICATE.pem).status == 200
    clock.now = NOW + 86_400
    refused(over_tls(wrap, CERTIFICATE.pem), "certificate-expired")
    clock.now = NOW - 86_401
    refused(over_tls(wrap, CERTIFICATE.pem), "certificate-not-yet-valid")
    for until, code in ((0, "certificate-expired"), (-0.5, "certificate-expired")):
        old = Made("billing", uri(BILLING), until=until)
        refused(over_tls(Authentication(scheme()), old.pem), code)


@pytest.mark.parametrize(
    ("verify", "error"), [("FAILED:expired", "expired"), ("GENEROUS", "x"), ("success", "x")]
)
def test_what_the_server_did_not_verify_is_refused_also_where_nobody_need_come(verify, error):
    for optional in (False, True):
        wrap = Authentication(scheme(), optional=optional)
        answer = over_tls(wrap, CERTIFICATE.pem, verify=verify, error=error)
        refused(answer, "certificate-not-verified")


def test_no_certificate_is_no_credential():
    answer = refused(send(Authentication(scheme())), "missing-credentials")
    assert answer.headers["www-authenticate"] == 'ClientCertificate realm="api"'
    assert send(Authentication(scheme(), optional=True)).status == 200


def test_the_name_alone_proves_nothing():
    """A server may tell SSL_CLIENT_S_DN without the certificate; so may a proxy in the scope."""

    class Told:
        def wsgi(self, app):
            inner = Authentication(scheme(clients={"CN=billing": []}, by="subject")).wsgi(app)
            told = {"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": "CN=billing"}
            return lambda environ, start: inner({**environ, **told}, start)

        def asgi(self, app):
            inner = Authentication(scheme(clients={"CN=billing": []}, by="subject")).asgi(app)
            tls = {"client_cert_chain": [], "client_cert_name": "CN=billing"}

            async def outer(scope, receive, send):
                await inner({**scope, "extensions": {"tls": tls}}, receive, send)

            return outer

    refused(send(Told()), "missing-credentials")


@pytest.mark.parametrize(
    "pem",
    [
        CERTIFICATE.pem + CERTIFICATE.pem,
        CERTIFICATE.pem.replace("-----END", "----END"),
        CERTIFICATE.pem.replace("CERTIFICATE", "PUBLIC KEY"),
        "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nA=A=A\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        CERTIFICATE.pem[:200] + "AAAA" + CERTIFICATE.pem[204:],
        "-----BEGIN CERTIFICATE-----\n" + "A" * 20_000 + "\n-----END CERTIFICATE-----\n",
        CERTIFICATE.pem + " " * 20_000,
        "\ud800",
        "nonsense",
    ],
    ids=lambda pem: "pem",
)
def test_what_is_no_one_certificate(pem):
    answer = over_tls(Authentication(scheme(clients={"CN=b": []}, by="subject")), pem)
    assert answer.principal is False, "the app was called"
    assert answer.status in (400, 401)
    assert answer.code in ("malformed-certificate", "unknown-client")


# From a proxy


@pytest.mark.parametrize("header", HEADERS)
def test_a_trusted_proxy_tells_it(header):
    line = (header.encode(), getattr(CERTIFICATE, HEADERS[header]))
    assert send(behind(header), line, SUCCESS).principal.subject == BILLING
    refused(send(behind(header), SUCCESS), "missing-credentials")
    other = Made("eve", uri("spiffe://example.org/eve"))
    line = (header.encode(), getattr(other, HEADERS[header]))
    refused(send(behind(header), line, SUCCESS), "unknown-client")


@pytest.mark.parametrize("header", HEADERS)
def test_a_stranger_cannot_tell_it(header):
    line = (header.encode(), getattr(CERTIFICATE, HEADERS[header]))
    alone = Authentication(scheme(header=header))
    nobody = Stack(Authentication(scheme(header=header)), proxies=TrustedProxies([]))
    for wrap in (behind(header, "10.0.0.0/8"), alone, nobody, Authentication(scheme())):
        refused(send(wrap, line, SUCCESS), "missing-credentials")


@pytest.mark.parametrize("header", HEADERS)
def test_two_certificates_are_none(header):
    other = Made("eve", uri("spiffe://example.org/eve"))
    for first, second in ((CERTIFICATE, other), (other, CERTIFICATE), (CERTIFICATE, CERTIFICATE)):
        lines = [(header.encode(), getattr(each, HEADERS[header])) for each in (first, second)]
        refused(send(behind(header), *lines, SUCCESS), "malformed-certificate", 400)


def test_nginx_must_have_verified_it():
    line = (b"ssl-client-cert", CERTIFICATE.escaped)
    for verify in ((), ((b"ssl-client-verify", b"FAILED:expired"),), (SUCCESS, SUCCESS)):
        answer = send(behind("ssl-client-cert"), line, *verify)
        refused(answer, "certificate-not-verified")


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("size", [100, 16_385, 60_000])
def test_a_huge_one_is_refused_before_it_is_read(header, size):
    answer = send(behind(header), (header.encode(), b"A" * size), SUCCESS)
    refused(answer, "malformed-certificate", 400)


HASH = CERTIFICATE.thumbprint


@pytest.mark.parametrize(
    "value",
    [
        f'By=spiffe://example.org/proxy;Hash={HASH};Subject="";URI={BILLING}',
        f"Hash={HASH};URI={BILLING}",
        f"URI={BILLING}",
        f'Hash={HASH};Subject="CN=\\"x\\", O=y";URI={BILLING};DNS=a.example;DNS=b.example',
        f'Hash={HASH};Cert="{CERTIFICATE.escaped.decode()}";URI=spiffe://example.org/told-wrongly',
    ],
)
def test_what_envoy_read_counts(value):
    wrap = behind("x-forwarded-client-cert")
    answer = send(wrap, (b"x-forwarded-client-cert", value.encode()))
    assert answer.principal.subject == BILLING


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (f"By={BILLING};Hash={HASH}", "unknown-client"),
        (f'Hash={HASH};Subject="URI={BILLING}"', "unknown-client"),
        (f'Hash={HASH};Subject="a;URI={BILLING}"', "unknown-client"),
        (f"Hash={HASH};DNS={BILLING}", "unknown-client"),
        (f"Hash={HASH};URI=spiffe://example.org/eve;URI={BILLING},Hash={HASH}", None),
        (f"URI={BILLING},URI=spiffe://example.org/eve", None),
        (f"Hash={HASH};URI={BILLING},By=x;Hash={HASH}", None),
        (f"Hash={HASH};Hash={HASH};URI={BILLING}", None),
        (f'Hash={"0" * 64};Cert="{CERTIFICATE.escaped.decode()}"', None),
        (f'Subject="a";Subject="b";URI={BILLING}', None),
        (f"Hash=x;URI={BILLING}", None),
        (f"URI={BILLING} ;x", None),
        (f'Subject="unclosed;URI={BILLING}', None),
        ('Cert="nonsense"', None),
        ('Cert="-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----"', None),
        (f"URI={BILLING}\xff", None),
        (f'Subject="\xff";URI={BILLING}', None),
    ],
)
def test_what_envoy_does_not_say(value, code):
    wrap = behind("x-forwarded-client-cert")
    answer = send(wrap, (b"x-forwarded-client-cert", value.encode("latin-1")))
    refused(answer, code or "malformed-certificate", 401 if code else 400)


def test_a_dns_name_and_a_subject_from_envoy():
    value = f'Hash={HASH};Subject="CN=billing,O=Acme";DNS=a.example;DNS=b.example'.encode()
    for by, name in (("dns", "b.example"), ("subject", "CN=billing,O=Acme"), ("thumbprint", HASH)):
        wrap = behind("x-forwarded-client-cert", clients={name: []}, by=by)
        assert send(wrap, (b"x-forwarded-client-cert", value)).principal.subject == name
    wrap = behind("x-forwarded-client-cert", clients={"a.example": [], "b.example": []}, by="dns")
    refused(send(wrap, (b"x-forwarded-client-cert", value)), "unknown-client")


@given(st.binary(max_size=120))
def test_no_bytes_crash_it(data):
    data = data.replace(b"\n", b"").replace(b"\r", b"").strip()
    for header in HEADERS:
        answer = send(behind(header), (header.encode(), data), SUCCESS, sides="w")
        assert answer.status in (400, 401)
        assert answer.principal is False


@given(st.binary(max_size=300))
def test_no_der_crashes_it(data):
    told = read_told("pem")
    from base64 import b64encode

    pem = b"-----BEGIN CERTIFICATE-----\n" + b64encode(data) + b"\n-----END CERTIFICATE-----"
    assert told(pem) is None


@given(st.integers(0, 400), st.integers(0, 255))
@example(11, 1)  # a version that does not exist
def test_no_changed_certificate_crashes_it(position, byte):
    from base64 import b64decode, b64encode

    der = bytearray(b64decode(CERTIFICATE.client_cert.strip(b":")))
    der[position % len(der)] = byte
    told = read_told("client-cert")(b":" + b64encode(bytes(der)) + b":")
    assert told is None or isinstance(told, Certificate)


# Beside other schemes


def test_a_credential_of_the_request_comes_first_and_is_not_mended():
    wrap = Authentication(jwt(), scheme())
    assert over_tls(wrap, CERTIFICATE.pem, bearer(sign())).principal.subject == "alice"
    assert over_tls(wrap, CERTIFICATE.pem).principal.subject == BILLING
    answer = refused(
        over_tls(wrap, CERTIFICATE.pem, bearer(sign()[:-9] + b"AAAAAAAAA")), "invalid-signature"
    )
    assert answer.headers["www-authenticate"].endswith('ClientCertificate realm="api"')
    refused(over_tls(wrap, CERTIFICATE.pem, (b"authorization", b"")), "malformed-credentials", 400)
    line = (b"authorization", b"ClientCertificate " + CERTIFICATE.client_cert)
    refused(over_tls(wrap, CERTIFICATE.pem, line), "unsupported-scheme")


def test_the_schemes_that_read_nothing_else_leave_the_header_alone():
    """Without another scheme the header is not ours: a layer or the app may read it."""
    wrap = Authentication(scheme())
    assert over_tls(wrap, CERTIFICATE.pem, bearer(b"x")).principal.subject == BILLING


# A function of one's own, and SPIFFE


def test_a_function_decides():
    seen = []

    def known(certificate):
        seen.append(certificate)
        return Principal("b", scheme="clientcertificate") if certificate.dns else None

    wrap = Authentication(ClientCertificate(known, clock=Clock()))
    assert over_tls(wrap, Made("x", dns("a.example")).pem).principal.subject == "b"
    refused(over_tls(wrap, Made("x").pem), "unknown-client")
    assert seen[-1].subject == "CN=x"
    assert repr(seen[-1]) == "<Certificate>"


def svid(**options):
    return Authentication(
        presets.x509_svid("example.org", scopes=["mesh"], clock=Clock(), **options)
    )


def test_workloads_of_a_trust_domain():
    principal = over_tls(svid(), Made("", uri(BILLING), authority=False).pem).principal
    assert (principal.subject, principal.issuer) == (BILLING, "spiffe://example.org")
    assert principal.scopes == {"mesh"}


@pytest.mark.parametrize(
    "certificate",
    [
        Made("x"),
        Made("x", dns("example.org")),
        Made("x", uri(BILLING), uri(BILLING)),
        Made("x", uri(BILLING), uri("https://example.org")),
        Made("x", uri(BILLING), authority=True),
        *(
            Made("x", uri(name))
            for name in (
                "spiffe://example.org",
                "spiffe://example.org/",
                "spiffe://example.org.evil.example/a",
                "spiffe://example.orgx/a",
                "spiffe://example.org:443/a",
                "spiffe://a@example.org/a",
                "spiffe://other.example/a",
                "spiffe://example.org/a/../b",
                "spiffe://example.org/a//b",
                "spiffe://example.org/a?b",
                "spiffe://example.org/a#b",
                "spiffe://example.org/%61",
                "SPIFFE://example.org/a",
                "https://example.org/a",
                "spiffe://example.org/" + "a" * 2048,
            )
        ),
    ],
)
def test_who_is_no_workload_of_it(certificate):
    refused(over_tls(svid(), certificate.pem), "unknown-client")


# Silence, and configuration


def test_nothing_of_a_certificate_is_told(caplog):
    caplog.set_level(logging.DEBUG)
    answers = [
        over_tls(Authentication(scheme()), Made("secret-name", uri("spiffe://secret/x")).pem),
        over_tls(Authentication(scheme()), Made("secret-name", until=0).pem),
        send(behind("x-forwarded-client-cert"), (b"x-forwarded-client-cert", b"URI=secret")),
    ]
    for answer in answers:
        assert answer.principal is False
        assert "secret" not in repr(answer)
    assert "secret" not in caplog.text


def test_it_is_described_as_mutual_tls():
    stack = Stack(Authentication(scheme()))
    assert security_schemes(stack) == {"mutualTLS": {"type": "mutualTLS"}}
    assert repr(scheme()) == "<ClientCertificate>"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ringwall.authn._x509", None)
    with pytest.raises(MissingDependency, match=r"ringwall\[jwt\]"):
        scheme()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ClientCertificate({}, by="uri"), "nobody could come in"),
        (lambda: ClientCertificate({"a": []}), "by=None is no name"),
        (lambda: ClientCertificate({"a": []}, by="url"), "did you mean 'uri'"),
        (lambda: ClientCertificate({"a": "orders:read"}, by="uri"), "a list of scopes"),
        (lambda: ClientCertificate({"": []}, by="uri"), "a name with a list"),
        (lambda: ClientCertificate(lambda c: None, by="uri"), "without by="),
        (lambda: ClientCertificate(["a"], by="uri"), "a mapping of names"),
        (lambda: ClientCertificate(["a"]), "a mapping of names"),
        (lambda: scheme(header="x-client-cert"), "did you mean 'client-cert'"),
        (lambda: scheme(cache_size=-1), "cache_size is at least"),
        (lambda: Authentication(scheme(), scheme()), "keep one"),
        (lambda: presets.x509_svid("spiffe://example.org"), "without 'spiffe://'"),
    ],
)
def test_bad_configuration_says_what_to_write(build, message):
    with pytest.raises(ConfigurationError, match=message):
        build()
