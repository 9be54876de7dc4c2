"""A certificate, a token issuer's key, and credentials for three people, made on the spot."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import time
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey

from ...authn import generate_api_key

ISSUER = "https://id.ringwall.example"
AUDIENCE = "https://orders.ringwall.example"

# Who may do what. bob may not write.
PEOPLE: dict[str, dict[str, Any]] = {
    "alice": {"scope": "orders:read orders:write", "roles": []},
    "bob": {"scope": "orders:read", "roles": []},
    "admin": {"scope": "orders:read", "roles": ["admin"]},
}


class Certificate(NamedTuple):
    """Paths of the files that the servers and `curl --cacert` need."""

    authority: Path
    chain: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.chain, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


def make_certificate(folder: Path) -> Certificate:
    """An authority of one day and a certificate for localhost signed by it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Ringwall demo authority")

    def builder(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> Any:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    signs = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    authority = (
        builder(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    server = (
        builder(_name("localhost"), server_key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    files.authority.write_bytes(authority.public_bytes(pem))
    files.chain.write_bytes(server.public_bytes(pem) + authority.public_bytes(pem))
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        server_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Issuer:
    """Signs tokens as an OAuth 2.0 authorization server would."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", {"kid": "demo", "use": "sig", "alg": "ES256"})
        self.keys: dict[str, Any] = {"keys": [self._key.as_dict(private=False)]}

    def token(self, subject: str, **changes: Any) -> str:
        """A token of one hour for one of `PEOPLE`; `changes` spoil it for the tour."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + 3600,
            **PEOPLE[subject],
            **changes,
        }
        return jwt.encode({"alg": "ES256", "kid": "demo", "typ": "at+jwt"}, claims, self._key)


def make_api_keys(folder: Path) -> tuple[dict[str, str], Path]:
    """One API key for each of `PEOPLE`, and the file that holds their hashes."""
    keys: dict[str, str] = {}
    file = folder / "keys.toml"
    with file.open("w") as out:
        for who, grants in PEOPLE.items():
            key, record = generate_api_key(
                who, scopes=grants["scope"].split(), roles=grants["roles"], prefix="demo_"
            )
            keys[who] = key
            out.write(record.as_toml())
    return keys, file
