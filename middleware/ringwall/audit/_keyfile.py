"""The file of the key that signs, and how another key takes its place.

The new key lies beside the file (`.new`) before a record names it, and until it is put in its
place: whatever a crash interrupts, the key that the log names is in one of the two. Who comes to
the record puts it in its place. All this happens under the lock of the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from .._errors import ConfigurationError
from .keys import SigningKey

logger = logging.getLogger("ringwall.audit")


class KeyFile:
    """A file with a private key, which may be changed while processes sign with it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # A worker may change its directory after this (daemons do).
        self.path: Path = Path(path).absolute()
        self._new = self.path.with_name(f"{self.path.name}.new")

    def load(self) -> SigningKey:
        """The key in its place.

        Raises:
            ConfigurationError: the file cannot be read, or holds none.
        """
        return SigningKey.load(self.path)

    def waiting(self) -> SigningKey | None:
        """The key that lies beside the file since a change that was interrupted."""
        try:
            return SigningKey.load(self._new)
        except ConfigurationError:  # none, or half of one
            return None

    def begin(self, told: str | None) -> tuple[SigningKey, SigningKey]:
        """Begin a change: the key in use, and a new one, which lies beside it now.

        Parameters:
            told: the id of a key that the log names, and that still waits for its place.

        Raises:
            ConfigurationError: a file cannot be read or written.
        """
        if told is not None:
            self.take(told)
        old, new = self.load(), SigningKey.generate()
        with contextlib.suppress(FileNotFoundError):
            self._new.unlink()  # no record names it
        new.save(self._new)
        owner = self.path.stat()
        if owner.st_uid != self._new.stat().st_uid:  # an administrator does it for a server
            os.chown(self._new, owner.st_uid, owner.st_gid)
        return old, new

    def take(self, wanted: str) -> SigningKey:
        """The key of this id, which is put in its place if it is not there yet.

        Raises:
            ConfigurationError: no file holds it.
        """
        key = self.load()
        if key.id == wanted:
            return key
        new = self.waiting()
        if new is None or new.id != wanted:
            raise ConfigurationError(
                f"{str(self.path)!r} holds key {key.id}, and the log names {wanted}"
            )
        try:
            self._put(key)
        except OSError as error:
            logger.error("the new audit key stays at %r: %s", str(self._new), error.strerror)
        return new

    def _put(self, old: SigningKey) -> None:
        kept = self.path.with_name(f"{self.path.name}.{old.id}.old")
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.path.read_bytes())
        self._new.replace(self.path)
        self._new.with_name(f"{self._new.name}.pub").replace(
            self.path.with_name(f"{self.path.name}.pub")
        )
