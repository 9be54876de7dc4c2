"""Changing the key that signs a log, also while servers write to it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from .._errors import ConfigurationError
from ._checkpoints import Checkpoints
from ._keyfile import KeyFile
from ._logfile import LogFile
from ._retention import Rotation
from ._segments import segments
from .canonical import parse
from .chain import CHECKPOINT, KEY_ROTATED
from .keys import key_id
from .lines import database_lines, read_lines
from .sqlite import SQLiteSink, is_database


def rotate_key(
    log: str | os.PathLike[str],
    key_file: str | os.PathLike[str],
    *,
    wall_clock: Callable[[], float] = time.time,
) -> tuple[str, str]:
    """Record a new key, signed by the old one, and put it in its place. Returns both ids.

    From that record on the old key proves nothing. Writers that were given the path of the key
    read it anew when they come to the record; those that were given a key object sign no more until
    they are started anew. A change that was interrupted, at whatever step, leaves a log that
    verifies, and is finished by whoever writes next.

    Raises:
        ConfigurationError: a file cannot be read or written, or there is no log.
    """
    log, file = Path(log).absolute(), KeyFile(key_file)
    if not log.exists():
        raise ConfigurationError(f"there is no audit log at {str(log)!r}")
    try:
        told = _told(log, file)
        _check_key(log, told or file.load().id)
        if is_database(log):
            sink = SQLiteSink(log, fsync="always", key=file.path, wall_clock=wall_clock)
            try:
                old, new = sink.rotate_key(file, told)
            finally:
                sink.close()
        else:
            clock = time.monotonic
            old, new = LogFile(
                log,
                Checkpoints(file.path, 1, float("inf"), clock, None),
                Rotation(log, 1 << 62, None, None, clock),
                clock,
                wall_clock,
            ).rotate_key(file, told)
    except OSError as error:
        raise ConfigurationError(f"the key was not changed ({error})") from None
    if file.load().id != new.id:
        raise ConfigurationError(
            f"the log names key {new.id} now, which could not be put in its place;"
            f" move {f'{file.path}.new'!r} there (servers find it where it lies)"
        )
    return old.id, new.id


def _told(log: Path, file: KeyFile) -> str | None:
    """The key that a record names though it still lies beside its place. Who reads that record puts
    it there; but nobody may have, who has the key."""
    waiting = file.waiting()
    if waiting is None:
        return None
    lines = database_lines(log) if is_database(log) else read_lines(segments(log))
    public = waiting.public.encode()
    return waiting.id if any(public in line.data for line in lines) else None


def _check_key(log: Path, key: str) -> None:
    """A change that another key tells introduces nobody, and makes the log look forged."""
    signers: set[str] = set()
    for line in database_lines(log) if is_database(log) else read_lines([log]):
        if CHECKPOINT in line.data or KEY_ROTATED in line.data:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # `verify` tells those
                record = parse(line.data)
                signers.add(str(record["key"]))
                signers.add(key_id(record["new"]))
    if signers and key not in signers:
        raise ConfigurationError(
            f"the log is signed by key {', '.join(sorted(signers)[:3])}, and not by {key}: name the"
            " file of its own key"
        )
