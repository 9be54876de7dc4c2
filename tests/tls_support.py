"""Certificates made on the spot, and real handshakes over loopback."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import warnings
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class Authority:
    """A certificate authority that writes PEM files into a folder."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self.name, self.key, NOW + 30 * DAY)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key, until, identified=True):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(until)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        if not identified:
            return builder
        return builder.add_extension(self._identifier(), critical=False)

    def _identifier(self):
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())

    def issue(
        self,
        name,
        usage,
        *,
        algorithm="ecdsa",
        until=NOW + 10 * DAY,
        password=None,
        identified=True,
    ):
        """Certificate and key, in PEM files; `identified`: it names the authority's key."""
        if algorithm == "ecdsa":
            key = ec.generate_private_key(ec.SECP256R1())
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            self._builder(subject, key, until, identified)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        secret = (
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption()
        )
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
        )
        return Issued(certificate, *map(str, files))

    def revoke(self, *certificates, until=NOW + 10 * DAY):
        """The PEM file of a revocation list."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(NOW - 2 * DAY)
            .next_update(until)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(self._identifier(), critical=False)
        )
        for certificate in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(NOW - DAY)
                .build()
            )
        file = self.folder / "revoked.pem"
        signed = builder.sign(self.key, hashes.SHA256())
        file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return str(file)


class Issued(NamedTuple):
    certificate: x509.Certificate
    certfile: str
    keyfile: str


def client_context(authority, *, identity=None, oldest=None, newest=None, ciphers=None, alpn=None):
    """A client that would agree to anything within these bounds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=str(authority.file))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what we test
        context.minimum_version = oldest or ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest or ssl.TLSVersion.MAXIMUM_SUPPORTED
    context.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
    if identity is not None:
        context.load_cert_chain(identity.certfile, identity.keyfile)
    if alpn is not None:
        context.set_alpn_protocols(alpn)
    return context


def lax_context(identity):
    """A server that agrees to what no server should: shows that a client can do it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(identity.certfile, identity.keyfile)
    return context


class Talk(NamedTuple):
    """What the server and the client know of a connection that carried one byte each way."""

    version: str
    cipher: str
    compression: str | None
    has_ticket: bool
    peer: dict | None
    alpn: str | None


def handshake(server, client):
    """A real connection over loopback.

    Raises:
        OSError: the server did not accept the client; an `ssl.SSLError` mostly.
    """
    refused, failed = [], []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = []

        def serve():
            raw, _ = listener.accept()
            raw.settimeout(10)
            try:
                with server.wrap_socket(raw, server_side=True) as wrapped:
                    wrapped.sendall(wrapped.recv(1))
                    seen.append((wrapped.getpeercert(), wrapped.selected_alpn_protocol()))
            except OSError as error:
                refused.append(error)
            finally:
                raw.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as raw,
                client.wrap_socket(raw, server_hostname="localhost") as wrapped,
            ):
                wrapped.sendall(b"x")
                if wrapped.recv(1) != b"x":
                    raise ConnectionAbortedError("the server closed the connection")
                client_side = (
                    wrapped.version(),
                    wrapped.cipher()[0],
                    wrapped.compression(),
                    wrapped.session.has_ticket,
                )
        except OSError as error:
            failed.append(error)
        thread.join(timeout=15)
    for error in (*refused, *failed):  # the server's reason says more than the client's alert
        raise error
    return Talk(*client_side, *seen[0])
