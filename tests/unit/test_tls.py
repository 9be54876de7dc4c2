"""`server_context`, by real handshakes."""

from __future__ import annotations

import hashlib
import json
import ssl
from inspect import signature

import pytest
import uvicorn

from https_support import vectors
from ringwall import tls
from ringwall._errors import ConfigurationError
from ringwall.tls import server_context
from tls_support import CLIENT, DAY, NOW, SERVER, Authority, client_context, handshake, lax_context

V1, V11, V12, V13 = (
    ssl.TLSVersion.TLSv1,
    ssl.TLSVersion.TLSv1_1,
    ssl.TLSVersion.TLSv1_2,
    ssl.TLSVersion.TLSv1_3,
)
PROFILES = ["intermediate", "modern"]


class World:
    """An authority with servers and clients, and one that nobody trusts."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = Authority(folder)
        (folder / "other").mkdir()
        self.other = Authority(folder / "other", "other-ca")
        self.ecdsa = self.ca.issue("server", SERVER)
        self.rsa = self.ca.issue("server-rsa", SERVER, algorithm="rsa")
        self.client = self.ca.issue("alice", CLIENT)
        self.stranger = self.other.issue("alice", CLIENT)
        self.expired = self.ca.issue("expired", CLIENT, until=NOW - DAY)
        self.not_a_client = self.ca.issue("not-a-client", SERVER)
        self.sloppy = self.ca.issue("sloppy", CLIENT, identified=False)

    def context(self, identity=None, **options):
        identity = identity or self.ecdsa
        return server_context(identity.certfile, identity.keyfile, **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("tls"))


# --- versions and ciphers ----------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_tls_13_is_agreed_on(world, profile):
    talk = handshake(world.context(profile=profile), client_context(world.ca))
    assert talk.version == "TLSv1.3"
    assert talk.cipher in tls._CIPHERSUITES


def test_tls_12_is_agreed_on_in_the_intermediate_profile_alone(world):
    client = client_context(world.ca, newest=V12)
    assert handshake(world.context(), client).version == "TLSv1.2"
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        handshake(world.context(profile="modern"), client)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("version", [V1, V11])
def test_older_versions_are_refused(world, profile, version):
    client = client_context(world.ca, oldest=version, newest=version)
    assert handshake(lax_context(world.ecdsa), client).version in ("TLSv1", "TLSv1.1")
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        handshake(world.context(profile=profile), client)


@pytest.mark.parametrize(
    ("algorithm", "cipher"),
    [
        ("rsa", "AES128-GCM-SHA256"),  # no forward secrecy
        ("rsa", "AES256-SHA"),
        ("rsa", "ECDHE-RSA-AES128-SHA"),  # CBC
        ("rsa", "ECDHE-RSA-AES256-SHA384"),
        ("ecdsa", "ECDHE-ECDSA-AES128-SHA"),
        ("ecdsa", "ECDHE-ECDSA-AES256-SHA384"),
        ("ecdsa", "ECDHE-ECDSA-AES128-CCM"),
        ("ecdsa", "ECDHE-ECDSA-NULL-SHA"),
        ("ecdsa", "AECDH-AES128-SHA"),  # anonymous
    ],
)
def test_weak_suites_of_tls_12_are_refused(world, algorithm, cipher):
    identity = getattr(world, algorithm)
    client = client_context(world.ca, newest=V12, ciphers=cipher)
    if cipher.startswith("AECDH"):
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    assert handshake(_lax(identity, cipher), client).cipher == cipher
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        handshake(world.context(identity), client)


def _lax(identity, cipher):
    context = lax_context(identity)
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    return context


@pytest.mark.parametrize("cipher", tls._PROFILES["intermediate"].ciphers)
def test_every_suite_of_the_intermediate_profile_is_agreed_on(world, cipher):
    identity = world.rsa if "-RSA-" in cipher else world.ecdsa
    client = client_context(world.ca, newest=V12, ciphers=cipher)
    assert handshake(world.context(identity), client).cipher == cipher


def test_the_client_chooses_the_suite(world):
    """It knows whether it has AES in hardware."""
    names = ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"]
    for order in (names, names[::-1]):
        client = client_context(world.ca, newest=V12, ciphers=":".join(order))
        assert handshake(world.context(), client).cipher == order[0]


@pytest.mark.parametrize("newest", [V12, V13])
def test_there_is_no_compression_and_no_ticket(world, newest):
    client = client_context(world.ca, newest=newest)
    assert handshake(lax_context(world.ecdsa), client).has_ticket
    talk = handshake(world.context(), client)
    assert (talk.compression, talk.has_ticket) == (None, False)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_options_say_what_a_handshake_cannot_show(world, profile):
    context = world.context(profile=profile)
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert context.security_level >= 2
    assert context.verify_mode == ssl.CERT_NONE


def test_keys_are_never_logged(world, monkeypatch):
    log = world.folder / "keylog"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    context = world.context()
    handshake(context, client_context(world.ca))
    assert context.keylog_filename is None
    assert not log.exists()
    ssl.create_default_context()
    assert log.exists()  # what others do


def test_protocols_are_offered_in_order(world):
    client = client_context(world.ca, alpn=["http/1.1", "h2"])
    assert handshake(world.context(alpn=["h2", "http/1.1"]), client).alpn == "h2"
    assert handshake(world.context(), client).alpn is None


# --- the guidelines ----------------------------------------------------------------------------


@pytest.mark.skipif(vectors() is None, reason="RINGWALL_VECTORS names no folder of test vectors")
@pytest.mark.parametrize("profile", PROFILES)
def test_the_profiles_are_those_of_the_guidelines(world, profile):
    file = vectors() / "http" / "mozilla_tls_6.0.json"
    said = json.loads(file.read_text())["configurations"][profile]
    context = world.context(profile=profile)
    by_version = {"TLSv1.2": V12, "TLSv1.3": V13}
    assert context.minimum_version == min(by_version[name] for name in said["tls_versions"])
    assert list(tls._PROFILES[profile].ciphers) == said["ciphers"]["openssl"]
    assert list(tls._CIPHERSUITES) == said["ciphersuites"]
    assert list(tls._GROUPS) == said["tls_curves"]
    offered = {cipher["name"] for cipher in context.get_ciphers()}
    if profile == "intermediate":
        assert offered == {*said["ciphers"]["openssl"], *said["ciphersuites"]}
    assert offered >= set(said["ciphersuites"])
    prefers = bool(context.options & ssl.OP_CIPHER_SERVER_PREFERENCE)
    assert prefers is said["server_preferred_order"]


class Newer:
    """A context of Python 3.15, with an OpenSSL that may know the hybrid group."""

    def __init__(self, error=None):
        self.error = error
        self.calls = []

    def set_ciphersuites(self, names):
        self.calls.append(names)

    def set_groups(self, names):
        self.calls.append(names)
        if self.error is not None and "MLKEM" in names:
            raise self.error


SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"


def test_suites_and_groups_of_tls_13_are_set_where_python_can():
    newer = Newer()
    tls._set_tls13(newer)
    assert newer.calls == [SUITES, "X25519MLKEM768:X25519:prime256v1:secp384r1"]


@pytest.mark.parametrize("error", [ssl.SSLError("unknown group"), ValueError("unknown group")])
def test_an_openssl_without_the_hybrid_group_gets_the_others(error):
    newer = Newer(error)
    tls._set_tls13(newer)
    assert newer.calls[-1] == "X25519:prime256v1:secp384r1"


def test_older_pythons_are_left_alone():
    tls._set_tls13(object())


# --- client certificates -----------------------------------------------------------------------


@pytest.mark.parametrize("newest", [V12, V13])
@pytest.mark.parametrize("asked", ["optional", "required"])
def test_a_good_client_certificate_is_accepted(world, asked, newest):
    server = world.context(client_certificates=asked, client_ca=world.ca.file)
    client = client_context(world.ca, identity=world.client, newest=newest)
    subject = handshake(server, client).peer["subject"]
    assert subject == ((("commonName", "alice"),),)


@pytest.mark.parametrize("newest", [V12, V13])
@pytest.mark.parametrize("asked", ["optional", "required"])
@pytest.mark.parametrize("who", ["stranger", "expired", "not_a_client", "sloppy"])
def test_a_bad_client_certificate_ends_the_handshake(world, who, asked, newest):
    server = world.context(client_certificates=asked, client_ca=world.ca.file)
    client = client_context(world.ca, identity=getattr(world, who), newest=newest)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client)


@pytest.mark.parametrize("newest", [V12, V13])
def test_without_a_client_certificate_there_is_a_connection_only_where_it_is_optional(
    world, newest
):
    client = client_context(world.ca, newest=newest)
    optional = world.context(client_certificates="optional", client_ca=world.ca.file)
    assert not handshake(optional, client).peer
    required = world.context(client_certificates="required", client_ca=world.ca.file)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        handshake(required, client)


def test_a_client_certificate_that_is_not_asked_for_is_not_sent(world):
    assert not handshake(world.context(), client_context(world.ca, identity=world.client)).peer


def test_the_system_authorities_sign_no_clients(world, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(world.other.file))
    server = world.context(client_certificates="required", client_ca=world.ca.file)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client_context(world.ca, identity=world.stranger))


def test_a_revoked_client_is_refused(world):
    options = {"client_certificates": "required", "client_ca": world.ca.file}
    bob = world.ca.issue("bob", CLIENT)
    server = world.context(**options, client_crl=world.ca.revoke(bob.certificate))
    assert handshake(server, client_context(world.ca, identity=world.client)).peer
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        handshake(server, client_context(world.ca, identity=bob))


def test_an_outdated_revocation_list_refuses_everybody(world):
    server = world.context(
        client_certificates="required",
        client_ca=world.ca.file,
        client_crl=world.ca.revoke(until=NOW - DAY),
    )
    with pytest.raises(ssl.SSLCertVerificationError, match="CRL has expired"):
        handshake(server, client_context(world.ca, identity=world.client))


def test_a_hashed_folder_of_authorities_is_taken(world, tmp_path):
    # OpenSSL looks for the SHA-1 of the subject's canonical form, here the one it has already.
    digest = hashlib.sha1(world.ca.name.public_bytes()[2:], usedforsecurity=False).digest()
    name = f"{int.from_bytes(digest[:4], 'little'):08x}.0"
    (tmp_path / name).write_bytes(world.ca.file.read_bytes())
    server = world.context(client_certificates="required", client_ca=tmp_path)
    assert handshake(server, client_context(world.ca, identity=world.client)).peer
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client_context(world.ca, identity=world.stranger))


# --- construction ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "moderne"}, "did you mean 'modern'"),
        ({"profile": "old"}, "use one of 'intermediate', 'modern'"),
        ({"client_certificates": "require"}, "did you mean 'required'"),
        ({"client_certificates": "required"}, "needs client_ca="),
        ({"client_certificates": "optional"}, "needs client_ca="),
        ({"client_ca": "ca.pem"}, "would check nothing"),
        ({"client_crl": "crl.pem"}, "would check nothing"),
        ({"client_certificates": "required", "client_ca": "no.pem"}, "No such file"),
        ({"client_certificates": "required", "client_ca": 7}, "cannot be used"),
        ({"alpn": "h2"}, "alpn="),
        ({"alpn": b"h2"}, "alpn="),
        ({"alpn": [""]}, "alpn="),
        ({"alpn": ["h2", None]}, "alpn="),
        ({"alpn": ["ｈ2"]}, "alpn="),
        ({"alpn": ["h" * 256]}, "alpn="),
    ],
)
def test_what_cannot_work_is_refused(world, options, message):
    with pytest.raises(ConfigurationError, match=message):
        world.context(**options)


def test_files_that_cannot_be_used_are_named(world, tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("hunter2")
    cases = [
        (str(tmp_path / "no.pem"), None, "No such file"),
        (str(junk), None, "PEM"),
        (world.ecdsa.certfile, world.client.keyfile, "KEY_VALUES_MISMATCH"),
        (world.ecdsa.certfile, str(junk), "PEM"),
        (7, None, "cannot be used"),
    ]
    for certfile, keyfile, message in cases:
        with pytest.raises(ConfigurationError, match=message) as caught:
            server_context(certfile, keyfile)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="client_ca="):
        world.context(client_certificates="required", client_ca=junk)


def test_an_encrypted_key_needs_its_password_and_asks_nobody(world):
    """Without one OpenSSL would read the terminal, and the service hang."""
    identity = world.ca.issue("encrypted", SERVER, password=b"hunter2")
    with pytest.raises(ConfigurationError, match="give its password="):
        world.context(identity)
    with pytest.raises(ConfigurationError) as caught:
        world.context(identity, password="hunter3")
    assert "hunter3" not in str(caught.value)
    context = world.context(identity, password="hunter2")
    assert handshake(context, client_context(world.ca)).version == "TLSv1.3"


# --- the servers -------------------------------------------------------------------------------


async def _app(scope, receive, send):
    """Never called: the servers only build their context here."""


@pytest.mark.skipif(
    "ssl_context_factory" not in signature(uvicorn.Config).parameters,
    reason="uvicorn before 0.47 takes no context",
)
def test_uvicorn_takes_the_context(world):
    context = world.context()
    config = uvicorn.Config(_app, ssl_context_factory=lambda config, default: context)
    config.load()
    assert config.ssl is context


def test_hypercorn_takes_the_context(world):
    from hypercorn.config import Config

    class TLSConfig(Config):
        def create_ssl_context(self):
            return server_context(self.certfile, self.keyfile, alpn=self.alpn_protocols)

    config = TLSConfig()
    config.certfile, config.keyfile = world.ecdsa.certfile, world.ecdsa.keyfile
    assert config.ssl_enabled
    context = config.create_ssl_context()
    client = client_context(world.ca, alpn=["h2"])
    assert handshake(context, client).alpn == "h2"


def test_gunicorn_takes_the_context(world):
    from gunicorn import sock
    from gunicorn.config import Config

    config = Config()
    config.set("certfile", world.ecdsa.certfile)
    config.set("keyfile", world.ecdsa.keyfile)
    config.set(
        "ssl_context", lambda config, default: server_context(config.certfile, config.keyfile)
    )
    assert config.is_ssl
    client = client_context(world.ca, newest=V12, ciphers="ECDHE-ECDSA-AES128-SHA")
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        handshake(sock.ssl_context(config), client)
