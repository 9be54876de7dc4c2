"""Users and passwords of `Basic`: those of the configuration, and what a client sends."""

from __future__ import annotations

import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Mapping

from .._errors import ConfigurationError
from .passwords import Password, Scrypt, read_hash


class Users:
    """Users given in the configuration."""

    immediate = True

    def __init__(self, users: Mapping[str, str | Password]) -> None:
        self.find = dict(users).get
        self.dearest: Scrypt | None = None
        for user, known in users.items():
            name = unicodedata.normalize("NFC", user) if isinstance(user, str) else ""
            if not name or name != user or ":" in user or not is_text(user):
                raise ConfigurationError(
                    "a user name is a text without ':' and control characters, in the normal form C"
                )
            stored = read_hash(known.hash if isinstance(known, Password) else known)
            if self.dearest is None or _cost(stored) > _cost(self.dearest):
                self.dearest = stored


def _cost(stored: Scrypt) -> int:
    return stored.r * stored.p << stored.ln


def decode(credential: bytes) -> tuple[str, str] | None:
    """User and password (RFC 7617 section 2), or None."""
    try:
        raw = b64decode(credential, validate=True)
        text = raw.decode("utf-8")
    except ValueError:
        return None
    # One spelling only: no padding left out or too much, no stray bits.
    if b64encode(raw) != credential or not is_text(text):
        return None
    user, colon, password = unicodedata.normalize("NFC", text).partition(":")
    return (user, password) if colon else None


def is_text(text: str) -> bool:
    return not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text)
