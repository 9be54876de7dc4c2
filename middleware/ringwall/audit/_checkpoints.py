"""When a log is signed, and with which key."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._errors import ConfigurationError
from .chain import Chain
from .keys import SigningKey

_MOST_UNTOLD = 100

logger = logging.getLogger("ringwall.audit")


class Checkpoints:
    """Signs the chain every so many records or seconds; without a key never."""

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
        self._path = key if isinstance(key, (str, os.PathLike)) else None
        self._key = SigningKey.load(key) if isinstance(key, (str, os.PathLike)) else key
        self._every = every
        self._interval = interval
        self._clock = clock
        self._next = clock() + interval
        self._tell = _witness(witness)
        self._untold: list[bytes] = []

    @property
    def sign(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def is_due(self, chain: Chain, more: int = 0) -> bool:
        """Whether what is there should be signed now, with so many more records."""
        if self._key is None:
            return False
        unsigned = chain.unsigned + more
        return unsigned > 0 and (unsigned >= self._every or self._clock() >= self._next)

    def lines(self, chain: Chain, now: float) -> list[bytes]:
        """The checkpoint, if one is due."""
        if self._key is None or not self.is_due(chain):
            return []
        self._next = self._clock() + self._interval
        line = chain.checkpoint(self._key, now)
        if self._tell is not None:
            self._untold = [*self._untold[1 - _MOST_UNTOLD :], line]
        return [line]

    def event(self, chain: Chain, event: str, now: float, **fields: Any) -> bytes:
        """The line of an event that nobody but the holder of the key may claim."""
        if self._key is None:
            return chain.event(event, now, log=chain.log, **fields)
        return chain.signed(event, self._key, now, log=chain.log, **fields)

    def witness(self) -> None:
        """Tell the witness what was signed. One that cannot be told is told later."""
        try:
            while self._tell is not None and self._untold:
                self._tell(self._untold[0])
                self._untold.pop(0)
        except Exception as error:  # noqa: BLE001  a witness never breaks the log
            logger.error("the witness of the audit log failed with %s", type(error).__name__)

    def hurry(self) -> None:
        """Make the next one due at once."""
        self._next = self._clock()

    def reload(self) -> None:
        """Read the key anew: it was changed. Signing with the old one proves nothing any more."""
        if self._path is not None:
            try:
                self._key = SigningKey.load(self._path)
            except ConfigurationError as error:
                logger.error("the audit log is not signed any more: %s", error)
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
