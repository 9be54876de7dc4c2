"""Changing the key that signs a log, also while servers write to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from .._errors import ConfigurationError
from ._checkpoints import Checkpoints
from ._logfile import LogFile
from ._retention import Rotation
from .keys import SigningKey
from .sqlite import SQLiteSink, is_database


def rotate_key(
    log: str | os.PathLike[str],
    key_file: str | os.PathLike[str],
    *,
    wall_clock: Callable[[], float] = time.time,
) -> tuple[str, str]:
    """Record a new key, signed by the old one, and put it in its place. Returns both ids.

    From that record on the old key proves nothing. Writers that were given the path of the key
    read it anew when they come to the record; those that were given a key object must be restarted.

    Raises:
        ConfigurationError: a file cannot be read or written, or there is no log.
    """
    log, key_file = Path(log).absolute(), Path(key_file).absolute()
    if not log.exists():
        raise ConfigurationError(f"there is no audit log at {str(log)!r}")
    old, new = SigningKey.load(key_file), SigningKey.generate()
    fresh = key_file.with_name(f"{key_file.name}.new")
    new.save(fresh)
    kept = key_file.with_name(f"{key_file.name}.{old.id}.old")

    def swap() -> None:
        key_file.rename(kept)
        fresh.rename(key_file)
        fresh.with_name(f"{fresh.name}.pub").replace(key_file.with_name(f"{key_file.name}.pub"))

    if is_database(log):
        sink = SQLiteSink(log, wall_clock=wall_clock)  # without a key it signs nothing more itself
        try:
            sink.rotate_key(old, new, swap)
        finally:
            sink.close()
    else:
        clock = time.monotonic
        LogFile(
            log,
            Checkpoints(old, 1, float("inf"), clock, None),
            Rotation(log, 1 << 62, None, None, clock),
            clock,
            wall_clock,
        ).rotate_key(old, new, swap)
    return old.id, new.id
