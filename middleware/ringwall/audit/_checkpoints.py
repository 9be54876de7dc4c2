"""When a log is signed, and with which key."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

from .._errors import ConfigurationError
from ._keyfile import KeyFile
from .canonical import parse
from .chain import Chain
from .keys import SigningKey, has_signed, introduced, key_id

_MOST_UNTOLD = 100

logger = logging.getLogger("ringwall.audit")


class Checkpoints:
    """Signs the chain every so many records or seconds; without a key never.

    every: so many records. due_at: the next one is due then, by the clock, if there is a record.
    """

    def __init__(
        self,
        key: str | os.PathLike[str] | SigningKey | None,
        every: int,
        interval: float,
        clock: Callable[[], float],
        witness: str | os.PathLike[str] | Callable[[bytes], object] | None,
    ) -> None:
        if witness is not None and key is None:
            raise ConfigurationError("witness= is for checkpoints, which need key=")
        self._file: KeyFile | None = None
        self._key: SigningKey | None
        if isinstance(key, (str, os.PathLike)):
            self._file = KeyFile(key)
            self._key = self._file.load()
        else:
            self._key = key
        self.every: float = every if key is not None else inf
        self._interval = interval
        self._clock = clock
        self.due_at: float = clock() + interval if key is not None else inf
        self._tell = _witness(witness)
        self._made: list[bytes] = []
        self._untold: list[bytes] = []

    @property
    def sign(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def is_due(self, chain: Chain) -> bool:
        """Whether what is there should be signed now."""
        unsigned = chain.unsigned
        if self._key is None or not unsigned:
            return False
        # A log that has no signature at all may be anybody's: its beginning is signed at once.
        if unsigned == chain.tree.size:
            return True
        return unsigned >= self.every or self._clock() >= self.due_at

    def lines(self, chain: Chain, now: float) -> list[bytes]:
        """The checkpoint, if one is due. Once it is written, `witness` tells it."""
        self._made = []
        if self._key is None or not self.is_due(chain):
            return []
        self.due_at = self._clock() + self._interval
        self._made = [chain.checkpoint(self._key, now)]
        return self._made

    def event(self, chain: Chain, event: str, now: float, **fields: Any) -> bytes:
        """The line of an event that nobody but the holder of the key may claim."""
        if self._key is None:
            return chain.event(event, now, log=chain.log, **fields)
        return chain.signed(event, self._key, now, log=chain.log, **fields)

    def witness(self) -> None:
        """What was made last is written: tell the witness. One that cannot be told is told later;
        a checkpoint that was not written must not be, for the log would look rewritten."""
        made, self._made = self._made, []
        if self._tell is None:
            return
        self._untold = [*self._untold, *made][-_MOST_UNTOLD:]
        try:
            while self._untold:
                self._tell(self._untold[0])
                self._untold.pop(0)
        except Exception as error:  # noqa: BLE001  a witness never breaks the log
            logger.error("the witness of the audit log failed with %s", type(error).__name__)

    def hurry(self) -> None:
        """Make the next one due at once."""
        if self._key is not None:
            self.due_at = self._clock()

    def refresh(self) -> None:
        """Read the key anew where another file of the log is come to: it may have been changed in
        one that this process has not seen. Who cannot read it any more signs as before."""
        if self._file is not None:
            with contextlib.suppress(ConfigurationError):
                self._key = self._file.load()

    def reload(self, line: bytes) -> None:
        """Take the key that the line of a "key-rotated" names. Signing with the old one proves
        nothing any more, and makes the log look forged: who has no other signs no more."""
        try:
            record = parse(line)
            public = introduced(record)
        except (ValueError, TypeError):
            return  # whoever wrote this is found by `verify`
        why = "the key that it was given is retired; start anew with the new one"
        if self._file is not None and public is not None:
            try:
                self._key = self._file.take(key_id(public))
                return
            except ConfigurationError as error:
                why = str(error)
        key = self._key
        # Anybody may have written the line: only the key itself retires itself.
        if key is not None and record.get("key") == key.id and has_signed(key.public, record):
            logger.error("the audit log is not signed any more: %s", why)
            self._key = None


def _witness(
    given: str | os.PathLike[str] | Callable[[bytes], object] | None,
) -> Callable[[bytes], object] | None:
    if given is None or callable(given):
        return given
    path = Path(given).absolute()

    def append(line: bytes) -> None:
        with path.open("ab") as file:
            file.write(line + b"\n")

    return append
