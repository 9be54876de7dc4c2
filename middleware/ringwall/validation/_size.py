"""Sizes in bytes, as people write them."""

from __future__ import annotations

import re

from .._errors import ConfigurationError

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\Z")
_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}


def parse_size(size: str | int) -> int:
    """A size in bytes.

    Parameters:
        size: a number of bytes, or text with a decimal (kB, MB) or binary (KiB, MiB) unit.

    Raises:
        ConfigurationError: it is none, or less than one byte.

    >>> parse_size("1 MiB"), parse_size("64 kB"), parse_size(512)
    (1048576, 64000, 512)
    """
    if isinstance(size, int) and not isinstance(size, bool):
        value: float = size
    else:
        found = _SIZE.match(size.strip()) if isinstance(size, str) else None
        unit = _UNITS.get(found[2].lower()) if found else None
        if found is None or unit is None:
            raise ConfigurationError(f"{size!r} is no size; write '1 MiB', '64 kB' or 1048576")
        value = float(found[1]) * unit
    if value < 1:
        raise ConfigurationError(
            f"a limit of {size!r} would refuse every body; leave the route out"
        )
    return int(value)
