"""Ed25519 keys (RFC 8032) that sign checkpoints."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError, MissingDependency
from .canonical import canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class SigningKey:
    """A private key. `public` is the public key in hexadecimal, `id` the start of its SHA-256.

    Raises:
        ConfigurationError: the file cannot be read, or holds no Ed25519 key.
        MissingDependency: `cryptography` is not installed.

    >>> key = SigningKey.generate()
    >>> is_signed(key.public, b"text", key.sign(b"text"))
    True
    """

    __slots__ = ("_key", "id", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        raw = key.public_key().public_bytes_raw()
        self._key = key
        self.public: str = raw.hex()
        self.id: str = key_id(self.public)

    def __repr__(self) -> str:
        return f"<SigningKey {self.id}>"

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key."""
        return cls(_ed25519().Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SigningKey:
        """The key in a PEM file that only its owner may read."""
        ed25519 = _ed25519()
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = Path(path)
        try:
            mode, pem = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"cannot read the audit key {str(path)!r} ({error.strerror}); make one with:"
                f" ringwall audit keygen {path}"
            ) from None
        if os.name == "posix" and mode & 0o077:
            raise ConfigurationError(
                f"the audit key {str(path)!r} can be read by others; run: chmod 600 {path}"
            )
        try:
            key: Any = load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise ConfigurationError(
                f"{str(path)!r} holds no Ed25519 private key in PEM; make one with:"
                f" ringwall audit keygen {path}"
            )
        return cls(key)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the key to a new file of its own, and the public one beside it, `.pub`.

        Raises:
            ConfigurationError: the file is there already, or cannot be written.
        """
        path = Path(path)
        from cryptography.hazmat.primitives import serialization as form

        pem = self._key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(descriptor)  # a log may name it next
            path.with_name(path.name + ".pub").write_text(self.public + "\n", "ascii")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the audit key {str(path)!r} ({error.strerror})"
            ) from None

    def sign(self, data: bytes) -> str:
        """The signature in base64."""
        return b64encode(self._key.sign(data)).decode("ascii")


def key_id(public: str) -> str:
    """The name of a public key: 16 hexadecimal digits of its SHA-256."""
    return sha256(bytes.fromhex(public)).hexdigest()[:16]


def public_key(given: str) -> str:
    """A public key as 64 hexadecimal digits, given as those or as a `.pub` file.

    Raises:
        ConfigurationError: it is neither.
    """
    text = given
    if len(given) != 64:
        try:
            text = Path(given).read_text("ascii").strip()
        except (OSError, ValueError):
            raise ConfigurationError(f"cannot read the public key {given!r}") from None
    try:
        if len(bytes.fromhex(text)) == 32 and len(text) == 64:
            return text.lower()
    except ValueError:
        pass  # told below
    raise ConfigurationError(
        f"{given!r} is no public key; give the .pub file that 'ringwall audit keygen' wrote"
    )


def is_signed(public: str, data: bytes, signature: str) -> bool:
    """Whether the signature is that of this key over this data. Never raises for bad input."""
    from cryptography.exceptions import InvalidSignature

    try:
        key = _ed25519().Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(b64decode(signature, validate=True), data)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def has_signed(public: str, record: Mapping[str, Any]) -> bool:
    """Whether a record bears the signature of this key: `sig` is over all but itself."""
    body = {name: value for name, value in record.items() if name != "sig"}
    return is_signed(public, canonical(body), str(record.get("sig")))


def introduced(record: Mapping[str, Any]) -> str | None:
    """The public key that a record "key-rotated" names; None: it names none."""
    try:
        public = bytes.fromhex(record["new"])
    except (KeyError, TypeError, ValueError):
        return None
    return public.hex() if len(public) == 32 else None


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError:
        raise MissingDependency("cryptography", "audit", "signing an audit log") from None
    return ed25519
