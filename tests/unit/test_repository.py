"""The sources work anywhere: they name no machine's folders and no package registry."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {"", ".cfg", ".ini", ".json", ".md", ".py", ".sh", ".toml", ".yaml", ".yml"}

# A folder that exists on one machine. In a URL or a longer path the same word is innocent.
MACHINE_PATH = re.compile(r"(?<![\w./:}*-])/(?:home|opt|root|Users|work)/[\w.-]+|[A-Z]:\\Users")
REGISTRY = re.compile(
    r"pypi\.(?:org|io)|pythonhosted\.org|registry\.npmjs|anaconda\.org|crates\.io"
    r"|(?:deb|security)\.debian\.org|(?:archive|security)\.ubuntu\.com|docker\.io|ghcr\.io"
    r"|(?:--index-url|--extra-index-url|index[-_]url\s*=)",
    re.IGNORECASE,
)


def sources() -> Iterator[Path]:
    """Every file that people wrote; not what tools make, and keep in dot folders."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not _made_by_tools(name)]
        yield from (Path(folder, name) for name in files if Path(name).suffix in SUFFIXES)


def _made_by_tools(folder: str) -> bool:
    return folder.startswith(".") or folder in {"__pycache__", "build", "dist", "venv"}


# `.git` is a file in a worktree, and names the folder of the repository.
def findings(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources()
        if path != Path(__file__).resolve() and not path.name.startswith((".coverage", ".git"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_search_reaches_what_it_must() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in sources()}
    assert names >= {
        ".ci/run",
        "CONTRIBUTING.md",
        "README.md",
        "middleware/ringwall/__init__.py",
        "pyproject.toml",
        "run",
        "tests/unit/test_import.py",
        "tox.ini",
    }


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert findings(MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the user's configuration of pip, not ours."""
    assert findings(REGISTRY) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "open('/home/alice/keys.toml')"),
        (MACHINE_PATH, "see /root/notes"),
        (MACHINE_PATH, r"C:\Users\alice"),
        (REGISTRY, "https://" + "pypi" + ".org/simple"),
        (REGISTRY, "pip install --index-url x"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)
