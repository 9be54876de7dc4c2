"""A client's certificate in the forms in which servers and proxies tell it.

Each function gives None for what is malformed or ambiguous: two certificates are none.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from hashlib import sha256
from urllib.parse import unquote

_PEM = re.compile(
    r"\s*-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)\s-----END CERTIFICATE-----\s*\Z"
)
_BYTES = re.compile(rb":([A-Za-z0-9+/]+={0,2}):\Z")  # RFC 8941 section 3.3.5
# Envoy's: key=value pairs; values with a separator in them are quoted.
_PAIR = re.compile(rb'([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=\s]*))(?:;|\Z)')
_HASH = re.compile(rb"[0-9A-Fa-f]{64}\Z")
_ONCE = (b"hash", b"cert", b"subject")


def der_of_pem(text: str) -> bytes | None:
    """Of a PEM text (RFC 7468) with one certificate. A proxy may have made spaces of its lines."""
    match = _PEM.match(text)
    return None if match is None else _decode("".join(match[1].split()))


def der_of_escaped_pem(value: bytes) -> bytes | None:
    """Of a PEM text that is percent-encoded: nginx's `$ssl_client_escaped_cert`."""
    return der_of_pem(unquote(value.decode("latin-1")))


def der_of_bytes(value: bytes) -> bytes | None:
    """Of DER as a byte sequence of structured fields: `Client-Cert` (RFC 9440 section 2.1)."""
    match = _BYTES.match(value)
    return None if match is None else _decode(match[1].decode("ascii"))


def xfcc_element(value: bytes) -> dict[bytes, list[bytes]] | None:
    """The one element of Envoy's `x-forwarded-client-cert`: values by key in lower case."""
    said: dict[bytes, list[bytes]] = {}
    position = 0
    while position < len(value):
        match = _PAIR.match(value, position)
        if match is None:
            return None  # a comma, too: of two elements the client may have written the first
        name, quoted, plain = match[1].lower(), match[2], match[3]
        if name in _ONCE and name in said:
            return None
        said.setdefault(name, []).append(plain if quoted is None else quoted)
        position = match.end()
    return said


def digest_of_xfcc(value: bytes) -> bytes | None:
    """The SHA-256 digest that Envoy tells, by Hash, Cert, or both."""
    said = xfcc_element(value)
    return None if said is None else digest_of_element(said)


def digest_of_element(said: dict[bytes, list[bytes]]) -> bytes | None:
    """The same of an element that is read."""
    digests = set()
    for value in said.get(b"hash", ()):
        digests.add(bytes.fromhex(value.decode()) if _HASH.match(value) else None)
    for value in said.get(b"cert", ()):
        digests.add(digest(der_of_escaped_pem(value)))
    return digests.pop() if len(digests) == 1 else None


def digest(der: bytes | None) -> bytes | None:
    return None if der is None else sha256(der).digest()


def _decode(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except NotBase64:
        return None
