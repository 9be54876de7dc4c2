"""Reading the names in an X.509 certificate (RFC 5280); its signature is for who ends TLS."""

from __future__ import annotations

from hashlib import sha256

from cryptography import x509

from .certificate import Certificate


def read_der(der: bytes) -> Certificate | None:
    """The names of a certificate; None: it is none, or none that RFC 5280 allows."""
    try:
        loaded = x509.load_der_x509_certificate(der)
        extensions = loaded.extensions
        dns, uris, emails = _alternatives(extensions)
        return Certificate(
            loaded.subject.rfc4514_string(),
            dns=dns,
            uris=uris,
            emails=emails,
            thumbprint=sha256(der).hexdigest(),
            authority=_is_authority(extensions),
            since=loaded.not_valid_before_utc.timestamp(),
            until=loaded.not_valid_after_utc.timestamp(),
        )
    except Exception:  # noqa: BLE001  the library has no name for all that it stumbles over
        return None


def _alternatives(extensions: x509.Extensions) -> tuple[tuple[str, ...], ...]:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), (), ()
    kinds = (x509.DNSName, x509.UniformResourceIdentifier, x509.RFC822Name)
    return tuple(tuple(names.get_values_for_type(kind)) for kind in kinds)


def _is_authority(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
