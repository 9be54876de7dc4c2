"""Passwords at rest: scrypt (RFC 7914), in the format of the Password Hashing Competition."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hmac import compare_digest
from typing import NamedTuple

from .._errors import ConfigurationError

_FORMAT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})\Z"
)
_MOST_MEMORY = 256 * 1024 * 1024
_SALT_LENGTH, _HASH_LENGTH = 16, 32


class Scrypt(NamedTuple):
    """A password's hash, read: the cost (2**ln iterations, block size r, p times) and the rest."""

    ln: int
    r: int
    p: int
    salt: bytes
    hash: bytes

    def __repr__(self) -> str:
        return f"<Scrypt ln={self.ln}, r={self.r}, p={self.p}>"

    def matches(self, password: str) -> bool:
        """Whether it is the hash of this password. Slow on purpose."""
        return compare_digest(_scrypt(password, self), self.hash)


# OWASP's Password Storage Cheat Sheet, with 32 MiB.
DEFAULT = Scrypt(15, 8, 3, bytes(_SALT_LENGTH), bytes(_HASH_LENGTH))


class Password(NamedTuple):
    """What a store says of a user.

    hash: made by `hash_password`. scopes, roles: what the user is granted.
    """

    hash: str
    scopes: Iterable[str] = ()
    roles: Iterable[str] = ()

    def __repr__(self) -> str:
        return "<Password>"


def hash_password(
    password: str, *, ln: int = DEFAULT.ln, r: int = DEFAULT.r, p: int = DEFAULT.p
) -> str:
    """The salted hash of a password, to be stored.

    Parameters:
        password: at least one character. Unicode in the normal form C, as it is compared later.
        ln, r, p: the cost, by default that of `DEFAULT`.

    Raises:
        ConfigurationError: the password is empty, or the cost is too low or too high.

    >>> hash_password("correct horse battery staple", ln=10, p=1)[:22]
    '$scrypt$ln=10,r=8,p=1$'
    """
    if not password:
        raise ConfigurationError("the password is empty")
    salt = secrets.token_bytes(_SALT_LENGTH)
    made = _checked(Scrypt(ln, r, p, salt, bytes(_HASH_LENGTH)))
    return f"$scrypt$ln={ln},r={r},p={p}${_b64(salt)}${_b64(_scrypt(password, made))}"


def read_hash(text: object) -> Scrypt:
    """A hash that `hash_password` made.

    Raises:
        ConfigurationError: it is none. The message does not repeat it.
    """
    match = _FORMAT.match(text) if isinstance(text, str) else None
    if match is None:
        raise ConfigurationError("a password's hash is made by ringwall.authn.hash_password()")
    ln, r, p = map(int, match.groups()[:3])
    try:
        salt, digest = (b64decode(part + "=" * (-len(part) % 4)) for part in match.groups()[3:])
    except ValueError:
        salt = digest = b""
    # One spelling only, and nothing cut off.
    if (_b64(salt), _b64(digest)) != match.groups()[3:]:
        raise ConfigurationError("a password's hash is damaged; make it anew")
    return _checked(Scrypt(ln, r, p, salt, digest))


def impossible(like: Scrypt) -> Scrypt:
    """A hash of the same cost that no password has, for users that do not exist."""
    return like._replace(salt=secrets.token_bytes(len(like.salt)), hash=bytes(len(like.hash)))


def _checked(made: Scrypt) -> Scrypt:
    if not (10 <= made.ln <= 20 and 1 <= made.r <= 32 and 1 <= made.p <= 16):
        raise ConfigurationError("the cost of scrypt is ln 10 to 20, r 1 to 32 and p 1 to 16")
    if 128 * made.r * 2**made.ln > _MOST_MEMORY:
        raise ConfigurationError(f"scrypt would need more than {_MOST_MEMORY >> 20} MiB")
    return made


def _scrypt(password: str, cost: Scrypt) -> bytes:
    n = 2**cost.ln
    return hashlib.scrypt(
        unicodedata.normalize("NFC", password).encode("utf-8"),
        salt=cost.salt,
        n=n,
        r=cost.r,
        p=cost.p,
        maxmem=128 * cost.r * (n + cost.p + 2) + 1024,  # what OpenSSL counts
        dklen=len(cost.hash),
    )


def _b64(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode("ascii")
