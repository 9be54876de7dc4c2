"""What the release files promise agrees with each other, and with what is tried."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import ringwall

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
VERSIONS = (ROOT / "docs" / "versions.md").read_text("utf-8")
# Not in the matrix: their tests use more than their lowest versions have, or need their servers.
UNTRIED = {"casbin", "cedarpy", "memcachio", "motor", "pymongo"}


def requirements(lines: list[str]) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for each in map(Requirement, lines):
        found.setdefault(each.name.lower(), []).append(each)
    return found


def lowest() -> dict[str, list[Requirement]]:
    lines = (ROOT / "tests" / "lowest.txt").read_text("utf-8").splitlines()
    return requirements([text for line in lines if (text := line.partition("#")[0].strip())])


def test_the_lowest_version_that_an_extra_allows_is_the_lowest_that_is_tried() -> None:
    allowed = requirements(metadata("ringwall").get_all("Requires-Dist") or [])
    assert len(allowed) > 10
    tried = lowest()
    for name in sorted(allowed.keys() - UNTRIED - {"ringwall"}):
        bound = min(Version(s.version) for each in allowed[name] for s in each.specifier)
        pinned = [Version(s.version) for each in tried[name] for s in each.specifier]
        # Where an interpreter has no such old version, the next one is tried.
        assert min(pinned).release[:2] == (*bound.release, 0)[:2], name
        assert min(pinned) >= bound, name


def test_the_changelog_follows_its_form() -> None:
    """Keep a Changelog 1.1.0: versions from new to old, changes under one of six words."""
    versions = [Version(each) for each in re.findall(r"^## \[(\d[^]]*)\]", CHANGELOG, re.MULTILINE)]
    assert versions == sorted(versions, reverse=True)
    assert versions[0] == Version(ringwall.__version__)
    for line in re.findall(r"^## .*", CHANGELOG, re.MULTILINE):
        assert re.fullmatch(r"## \[\S+\]( - (unreleased|\d{4}-\d\d-\d\d))?", line), line
    kinds = set(re.findall(r"^### (.*)", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_support_window_is_one() -> None:
    assert "The newest minor version gets them, and for six months the one before it" in VERSIONS
    assert "for six months after the newer one came out" in SECURITY
    assert ringwall.__version__ in SECURITY


@pytest.mark.parametrize("name", ["SECURITY.md", "docs/versions.md", "docs/writing-a-layer.md"])
def test_links_between_the_documents_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_no_address_is_made_up() -> None:
    assert "@" not in SECURITY
    assert "http" not in SECURITY
