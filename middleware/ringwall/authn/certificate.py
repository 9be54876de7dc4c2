"""What a client's certificate says of the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from ._certificates import (
    der_of_bytes,
    der_of_escaped_pem,
    der_of_pem,
    digest_of_element,
    xfcc_element,
)

if TYPE_CHECKING:
    from ._told import Form

_EVER: Final = float("inf")


class Certificate(NamedTuple):
    """The names in a verified certificate of a client.

    Attributes:
        subject: the distinguished name as in RFC 4514: "CN=billing,O=Acme"; "" if it is empty.
        dns, uris, emails: the names of the extension subjectAltName, by kind.
        thumbprint: the SHA-256 of the certificate in hexadecimal; None where only names are told.
        authority: it may sign other certificates.
        since, until: when it is valid, in epoch seconds.
    """

    subject: str
    dns: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    thumbprint: str | None = None
    authority: bool = False
    since: float = 0.0
    until: float = _EVER

    def __repr__(self) -> str:
        return "<Certificate>"


def read_told(form: Form) -> Callable[[bytes], Certificate | None]:
    """A reader of what is told in one form; it returns None for what is malformed or ambiguous.

    Raises:
        ModuleNotFoundError: cryptography is not installed.
    """
    from ._x509 import read_der

    def of_element(value: bytes) -> Certificate | None:
        said = xfcc_element(value)
        return None if said is None else _of_element(said, read_der)

    def of(decode: Callable[[bytes], bytes | None]) -> Callable[[bytes], Certificate | None]:
        def read(value: bytes) -> Certificate | None:
            der = decode(value)
            return None if der is None else read_der(der)

        return read

    return {
        "pem": of(lambda value: der_of_pem(value.decode("utf-8"))),
        "client-cert": of(der_of_bytes),
        "ssl-client-cert": of(der_of_escaped_pem),
        "x-forwarded-client-cert": of_element,
    }[form]


def _of_element(
    said: dict[bytes, list[bytes]], read_der: Callable[[bytes], Certificate | None]
) -> Certificate | None:
    """Of Envoy: the certificate itself where it is there, else the names that Envoy read."""
    if b"hash" in said or b"cert" in said:
        digest = digest_of_element(said)
        if digest is None:
            return None
    else:
        digest = None
    if b"cert" in said:
        der = der_of_escaped_pem(said[b"cert"][0])
        return None if der is None else read_der(der)
    try:
        # `By` is the name of the proxy, not of the client.
        names = {key: tuple(v.decode("ascii") for v in said.get(key, ())) for key in _NAMES}
        subject = said.get(b"subject", [b""])[0].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return Certificate(
        subject,
        dns=names[b"dns"],
        uris=names[b"uri"],
        thumbprint=None if digest is None else digest.hex(),
    )


_NAMES = (b"dns", b"uri")
