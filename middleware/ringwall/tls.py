"""TLS: a server's `ssl.SSLContext` by Mozilla's guidelines, and what is known of a request's TLS.

Sources: Mozilla Server Side TLS guidelines 6.0, RFC 9325.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from ._errors import ConfigurationError, did_you_mean
from ._tls_of import TLS, tls_of

__all__ = ["TLS", "server_context", "tls_of"]

Path: TypeAlias = "str | os.PathLike[str]"


class _Profile(NamedTuple):
    """One configuration of the guidelines. `ciphers` are those of TLS 1.2."""

    oldest: ssl.TLSVersion
    ciphers: tuple[str, ...]


_CIPHERSUITES = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
_GROUPS = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")
_PROFILES = {
    "modern": _Profile(ssl.TLSVersion.TLSv1_3, ()),
    "intermediate": _Profile(
        ssl.TLSVersion.TLSv1_2,
        (
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-RSA-CHACHA20-POLY1305",
        ),
    ),
}
_VERIFY = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def server_context(
    certfile: Path,
    keyfile: Path | None = None,
    *,
    profile: Literal["intermediate", "modern"] = "intermediate",
    password: str | bytes | None = None,
    client_certificates: Literal["none", "optional", "required"] = "none",
    client_ca: Path | None = None,
    client_crl: Path | None = None,
    alpn: Iterable[str] = (),
) -> ssl.SSLContext:
    """A context for a server that ends TLS itself.

    No compression, no renegotiation, no tickets (their key would live as long as the process),
    the client's order of ciphers, and no key log, whatever SSLKEYLOGFILE says. TLS 1.3 takes the
    guideline's groups and suites from Python 3.15 on, before that OpenSSL's own.

    Parameters:
        certfile: PEM file with the server's certificate and its chain. For "modern" the
            guidelines want an ECDSA key on P-256 or P-384.
        keyfile: PEM file with its key; None: it is in `certfile`.
        profile: "intermediate": TLS 1.2 and 1.3; "modern": TLS 1.3 alone.
        password: of the key.
        client_certificates: "none": not asked for; "optional": a client may send one, and a bad
            one ends the handshake; "required": without a good one there is no connection.
        client_ca: PEM file, or hashed folder, of the authorities that sign client certificates.
            Only these count: never the system's.
        client_crl: PEM file with their revocation lists; a missing or outdated list refuses all.
        alpn: protocols to offer, the preferred first: ["h2", "http/1.1"].

    Raises:
        ConfigurationError: an argument cannot work, or a file cannot be used.
    """
    chosen = _one_of("profile", profile, _PROFILES)
    verify = _one_of("client_certificates", client_certificates, _VERIFY)
    if verify == ssl.CERT_NONE and (client_ca is not None or client_crl is not None):
        raise ConfigurationError(
            "client_ca= and client_crl= without client_certificates='required' (or 'optional')"
            " would check nothing"
        )
    if verify != ssl.CERT_NONE and client_ca is None:
        raise ConfigurationError(
            f"client_certificates={client_certificates!r} needs client_ca=, the authorities that"
            " sign them"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = chosen.oldest
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0
    if chosen.ciphers:
        context.set_ciphers(":".join(chosen.ciphers))
    _set_tls13(context)
    _load_identity(context, certfile, keyfile, password)
    if client_ca is not None:
        _load(context, "client_ca", client_ca)
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # RFC 5280, as it is written
    if client_crl is not None:
        _load(context, "client_crl", client_crl)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.verify_mode = verify
    protocols = _protocols(alpn)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def _one_of(parameter: str, given: str, options: Mapping[str, Any]) -> Any:
    if given not in options:
        raise ConfigurationError(
            f"unknown {parameter}={given!r} of TLS" + did_you_mean(str(given), options)
        )
    return options[given]


def _set_tls13(context: Any) -> None:
    """The suites and groups of TLS 1.3, where this Python can set them (3.15)."""
    if hasattr(context, "set_ciphersuites"):
        context.set_ciphersuites(":".join(_CIPHERSUITES))
    if hasattr(context, "set_groups"):
        try:
            context.set_groups(":".join(_GROUPS))
        except (ssl.SSLError, ValueError):  # before OpenSSL 3.5: no hybrid group
            context.set_groups(":".join(_GROUPS[1:]))


def _load_identity(
    context: ssl.SSLContext, certfile: Path, keyfile: Path | None, password: str | bytes | None
) -> None:
    def refuse_to_ask() -> str:
        # Without a password OpenSSL asks on the terminal, and a service hangs.
        raise ConfigurationError("the key is encrypted; give its password=")

    try:
        context.load_cert_chain(certfile, keyfile, refuse_to_ask if password is None else password)
    except ConfigurationError:
        raise
    except (OSError, TypeError, ValueError) as error:  # an SSLError is an OSError
        raise ConfigurationError(
            f"certfile={certfile!r} with keyfile={keyfile!r} cannot be used: {_reason(error)}"
        ) from None


def _load(context: ssl.SSLContext, parameter: str, path: Path) -> None:
    folder = os.path.isdir(path)  # noqa: PTH112  a path may be text
    try:
        if folder:
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, TypeError) as error:
        raise ConfigurationError(f"{parameter}={path!r} cannot be used: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Why a file cannot be used, in OpenSSL's or the system's words, which hold no content."""
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or "it is no PEM file"


def _protocols(alpn: Iterable[str]) -> list[str]:
    protocols = list(alpn)
    if isinstance(alpn, (str, bytes)) or not all(map(_is_protocol, protocols)):
        raise ConfigurationError("alpn= takes a list of names: alpn=['h2', 'http/1.1']")
    return protocols


def _is_protocol(name: object) -> bool:
    return isinstance(name, str) and name.isascii() and 0 < len(name) < 256  # RFC 7301 section 3.1
