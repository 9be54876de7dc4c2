"""What the server tells of a request's TLS: the ASGI TLS extension, or the variables of mod_ssl.

Never from headers: any client can send those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .context import _ATTRIBUTES

_VERSIONS = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
# The names that OpenSSL and mod_ssl use, for the suites of Mozilla's guidelines.
_CIPHERS = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
}


@dataclass(frozen=True)
class TLS:
    """What is known of the TLS of one request. None means unknown.

    Attributes:
        version: "TLSv1.2", "TLSv1.3".
        cipher: the suite, by OpenSSL's name, or by its number ("0xC013") if it is none of those in
            Mozilla's guidelines.
        server_name: the name that the client asked for (SNI).
        client: "verified": a certificate that the server has checked; "failed": one that it has
            checked and found bad; "none": none was sent; "unknown": the server does not tell.
        client_certificate: the verified certificate, PEM; None unless `client` is "verified".
        client_name: the subject of that certificate, as the server writes it.
    """

    version: str | None = None
    cipher: str | None = None
    server_name: str | None = None
    client: Literal["verified", "failed", "none", "unknown"] = "unknown"
    client_certificate: str | None = None
    client_name: str | None = None

    def __repr__(self) -> str:
        return f"<TLS {self.version or 'unknown'} client={self.client!r}>"


UNKNOWN = TLS()


def tls_of(x: Any) -> TLS:
    """What is known of the TLS of a request.

    Most servers tell nothing, and behind a proxy that ends TLS there is nothing to tell: then
    everything is unknown.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.

    >>> tls_of({"wsgi.version": (1, 0), "SSL_PROTOCOL": "TLSv1.3"}).version
    'TLSv1.3'
    >>> tls_of({"type": "http", "headers": [(b"ssl-client-verify", b"SUCCESS")]})
    <TLS unknown client='unknown'>
    """
    mapping = _mapping(x)
    if mapping is None:
        return UNKNOWN
    extensions = mapping.get("extensions")
    if isinstance(extensions, Mapping):
        extension = extensions.get("tls")
        return _from_extension(extension) if isinstance(extension, Mapping) else UNKNOWN
    return _from_environ(mapping) if "wsgi.version" in mapping else UNKNOWN


def _mapping(x: Any) -> Mapping[str, Any] | None:
    if isinstance(x, Mapping):
        return x
    for attribute in _ATTRIBUTES:
        found = getattr(x, attribute, None)
        if isinstance(found, Mapping):
            return found
    return None


def _from_extension(tls: Mapping[str, Any]) -> TLS:
    version, cipher = tls.get("tls_version"), tls.get("cipher_suite")
    client: Literal["verified", "failed", "unknown"] = "unknown"
    certificate = name = None
    chain = tls.get("client_cert_chain")
    if tls.get("client_cert_error") is not None:
        client = "failed"
    # Anything but a list could be read only once, and that is for the app to do.
    elif isinstance(chain, (list, tuple)) and chain and _text(chain[0]):
        # A name alone may have come from a proxy: without the certificate it proves nothing.
        client, certificate, name = "verified", chain[0], _text(tls.get("client_cert_name"))
    return TLS(
        version=_VERSIONS.get(version) if isinstance(version, int) else None,
        cipher=_CIPHERS.get(cipher, f"0x{cipher:04X}") if isinstance(cipher, int) else None,
        client=client,
        client_certificate=certificate,
        client_name=name,
    )


def _from_environ(environ: Mapping[str, Any]) -> TLS:
    client: Literal["verified", "failed", "none", "unknown"] = "unknown"
    certificate = name = None
    verify = _text(environ.get("SSL_CLIENT_VERIFY"))
    if verify == "SUCCESS":
        client = "verified"
        certificate = _text(environ.get("SSL_CLIENT_CERT"))
        name = _text(environ.get("SSL_CLIENT_S_DN"))
    elif verify == "NONE":
        client = "none"
    elif verify is not None:  # "FAILED:reason", and "GENEROUS", which is an unchecked one
        client = "failed"
    return TLS(
        version=_text(environ.get("SSL_PROTOCOL")),
        cipher=_text(environ.get("SSL_CIPHER")),
        server_name=_text(environ.get("SSL_TLS_SNI")),
        client=client,
        client_certificate=certificate,
        client_name=name,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
