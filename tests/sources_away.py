"""Copies the project without its sources: what is tested there can only be what is installed.

python tests/sources_away.py FOLDER    before pytest, in the environments of tox

Tests that read the sources are not copied; tox runs them in `coverage`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [path.parent for path in sorted(ROOT.glob("*/ringwall*/py.typed"))]
READ_SOURCES = {"test_repository.py", "test_wheel.py"}
# The repository's own, caches, environments, and what builds leave behind.
MADE = {"__pycache__", "build", "dist"}


def _left_out(folder: str, names: Iterable[str]) -> set[str]:
    top = {path.parent.name for path in SOURCES} if Path(folder) == ROOT else set()
    hidden = {name for name in names if name.startswith(".") and name != ".ci"}
    return hidden | top | MADE | READ_SOURCES


def away(folder: Path) -> list[str]:
    """Copy, and return what would still be imported from the sources."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=_left_out)
    found = {package: find_spec(package.name) for package in SOURCES}
    return [
        package.name
        for package, spec in found.items()
        if spec is None or spec.origin is None or Path(spec.origin).parent == package
    ]


if __name__ == "__main__":
    wrong = away(Path(sys.argv[1]))
    if wrong:
        sys.exit(f"not installed as a wheel: {', '.join(wrong)}")
