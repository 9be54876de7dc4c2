"""The files of a log: the one that takes records, and the older ones beside it."""

from __future__ import annotations

import re
from pathlib import Path

_OLD = re.compile(r"\.([0-9]{16})(-[0-9a-f]{8})?")


def old_segments(path: Path) -> list[Path]:
    """The rotated files of a log, oldest first; the end of each name is its first number."""
    found = [
        (match[1], each.name, each)
        for each in path.parent.glob(_escape(path.name) + ".*")
        if (match := _OLD.fullmatch(each.name[len(path.name) :]))
    ]
    return [each for _, _, each in sorted(found)]


def segments(path: Path) -> list[Path]:
    """All files of a log in order."""
    return [*old_segments(path), *([path] if path.exists() else [])]


def first_of(path: Path) -> int:
    """The number of the first record in a rotated file, by its name."""
    return int(path.name.rpartition(".")[2][:16])


def set_aside(path: Path, first: int, log: str) -> Path:
    """Give a file the name of an old one. It never takes the place of another."""
    target = path.with_name(f"{path.name}.{first:016d}")
    if target.exists():
        target = target.with_name(f"{target.name}-{log[:8]}")
    path.rename(target)
    return target


def _escape(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)
