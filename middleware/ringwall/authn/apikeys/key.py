"""API keys: how they look.

A key is `<prefix><id>_<secret><checksum>`, such as `rw_6iB0sDpXw4Ta_` and 51 characters more. The
prefix and the checksum let secret scanners recognise a leaked key with certainty and offline; the
id finds the record; the secret has 256 bits of randomness.

At rest lies one round of SHA-256 over the whole key. A slow password hash (PBKDF2, Argon2) makes
*guessable* secrets expensive to guess; nobody guesses 256 random bits, so it would add nothing but
its cost to every request, and with it a way to overload the service.
"""

from __future__ import annotations

import re
import secrets
from zlib import crc32

from ..._errors import ConfigurationError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 12
_SECRET_LENGTH = 43  # 43 * log2(62) = 256 bits
_CHECKSUM_LENGTH = 8
_PREFIX = re.compile(r"(?:[A-Za-z0-9]+_)+\Z")
LONGEST = 256
# Before the underscore, the secret and the checksum. For bytes, alphanumeric means ASCII.
_FROM_END = _SECRET_LENGTH + _CHECKSUM_LENGTH + 1
ID_PLACE = slice(-_FROM_END - _ID_LENGTH, -_FROM_END)
SHORTEST = len("a_") + _ID_LENGTH + _FROM_END
DEFAULT_PREFIX = "rw_"


def new_key(prefix: str) -> tuple[str, str]:
    """A new key and its id."""
    id = _random(_ID_LENGTH)
    body = f"{prefix}{id}_{_random(_SECRET_LENGTH)}"
    return body + _checksum(body.encode("ascii")).decode("ascii"), id


def key_id(key: bytes) -> str | None:
    """The id in a key, or None if this was never one: its shape or its checksum is wrong.

    The checksum is no secret: whoever has read this far can compute it.
    """
    parts = key.rsplit(b"_", 2)
    if len(key) > LONGEST or len(parts) != 3:
        return None
    _, id, tail = parts
    if len(id) != _ID_LENGTH or len(tail) != _SECRET_LENGTH + _CHECKSUM_LENGTH:
        return None
    # For bytes, alphanumeric means ASCII.
    if (
        not id.isalnum()
        or not tail.isalnum()
        or _checksum(key[:-_CHECKSUM_LENGTH]) != key[-_CHECKSUM_LENGTH:]
    ):
        return None
    return id.decode("ascii")


def check_prefix(prefix: object) -> str:
    """How keys begin.

    Raises:
        ConfigurationError: it is no prefix.
    """
    if not isinstance(prefix, str) or not _PREFIX.match(prefix) or len(prefix) > 32:
        raise ConfigurationError(
            "prefix must be letters and digits and end with an underscore, such as 'acme_'"
        )
    return prefix


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: bytes) -> bytes:
    """CRC-32 in hexadecimal: any scanner can compute it."""
    return b"%08x" % crc32(body)
