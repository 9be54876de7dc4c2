"""Where records go: the contract of a sink, and the sink for devices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from .._errors import ConfigurationError
from .._fingerprint import Configured


@runtime_checkable
class Sink(Protocol):
    """Takes records. May be called from several threads, and in the event loop under ASGI: it
    must not block for long. Raising tells that the record was not kept.

    A sink may also have `write_many(records)`, which takes all of them or raises; `flush()`, which
    a queue calls when it has nothing else to do; and `commit()`, which returns when everything is
    on disk, for servers that end.
    """

    def write(self, record: bytes) -> None:
        """Keep one record: a JSON object in UTF-8, without a line feed."""

    def close(self) -> None:
        """Release what the sink holds. Called once, at the end."""


class DeviceSink(Configured):
    """Writes each record as one line to a pipe or a device, such as "/dev/stdout".

    What cannot be read back cannot be chained: whoever collects these lines keeps them safe.

    Raises:
        ConfigurationError: it cannot be opened.

    >>> sink = DeviceSink("/dev/null")
    >>> sink.write(b"{}")
    >>> sink.close()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        try:
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise ConfigurationError(
                f"cannot open {str(path)!r} for audit records ({error.strerror})"
            ) from error

    def __repr__(self) -> str:
        return f"<DeviceSink {str(self._path)!r}>"

    def write(self, record: bytes) -> None:
        """Write one line.

        Raises:
            OSError: it was not written, or not wholly. ValueError: the sink is closed.
        """
        self.write_many((record,))

    def write_many(self, records: Sequence[bytes]) -> None:
        """Write lines with one system call."""
        data = b"\n".join(records) + b"\n"
        if self._file.write(data) != len(data):
            raise OSError("the record was written in part")

    def close(self) -> None:
        """Close the device."""
        self._file.close()
