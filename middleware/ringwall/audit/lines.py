"""The lines of a log, from files or a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .chain import OPENED
from .sqlite import LONGEST_LINE as LONGEST_LINE
from .sqlite import read_database


class Line(NamedTuple):
    """A line of a log: where it stands, its octets, and whether a line feed ends it."""

    file: str
    number: int
    data: bytes
    ended: bool = True


def read_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """The lines of files, in order. A line of more than a mebibyte comes in pieces, unended."""
    for path in paths:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(LONGEST_LINE):
                number += 1
                yield Line(path.name, number, data.rstrip(b"\n"), data.endswith(b"\n"))


def database_lines(path: Path) -> Iterator[Line]:
    """The lines of an `SQLiteSink`'s database. Where it was opened anew counts as another file."""
    part = number = 0
    for data in read_database(path):
        number += 1
        if OPENED in data:
            part, number = part + 1, 1
        yield Line(f"{path.name}#{part}", number, data)
