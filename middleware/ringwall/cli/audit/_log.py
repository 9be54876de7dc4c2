"""What a path on the command line means: a log with its older files, or files one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ..._errors import ConfigurationError
from ...audit._segments import segments
from ...audit.sqlite import is_database
from ...audit.verify import Line, database_lines, read_lines


def files_of(paths: list[Path]) -> list[Path]:
    """One path: the whole log. Several: these files, in this order.

    Raises:
        ConfigurationError: there is no such file.
    """
    found = segments(paths[0]) if len(paths) == 1 else paths
    if not found:
        raise ConfigurationError(f"there is no audit log at {str(paths[0])!r}")
    for path in found:
        if not path.is_file():
            raise ConfigurationError(f"there is no file {str(path)!r}")
    return found


def lines_of(paths: list[Path]) -> Iterator[Line]:
    """The lines of a log.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    files = files_of(paths)
    try:
        for in_database, group in groupby(files, is_database):
            if in_database:
                for path in group:
                    yield from database_lines(path)
            else:
                yield from read_lines(group)
    except OSError as error:
        reason = error.strerror
        raise ConfigurationError(f"cannot read the audit log ({reason})") from None


def add_log(parser: Any) -> None:
    """The argument that names the log."""
    parser.add_argument(
        "log", type=Path, nargs="+", metavar="LOG",
        help="the audit file, which stands for its older files, too; or several, oldest first",
    )  # fmt: skip


def add_keys(parser: Any, *, required: bool = False) -> None:
    """The argument that names trusted public keys."""
    parser.add_argument(
        "--key", action="append", default=[], metavar="PUB", required=required,
        help="a public key that is trusted: its .pub file or its 64 digits; more than once if need"
        " be. Keep it where nobody who can write the log can change it",
    )  # fmt: skip
