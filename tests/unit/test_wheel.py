"""What users install: `python -m build` makes a wheel of the packages, whole, and nothing else."""

from __future__ import annotations

import base64
import configparser
import csv
import email
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import ringwall

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = ("django", "falcon", "fastapi", "flask", "litestar", "pyramid", "quart", "starlette")
PACKAGES = [
    ROOT / "middleware" / "ringwall",
    *(ROOT / "integrations" / f"ringwall_{framework}" for framework in FRAMEWORKS),
]
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


class Built(NamedTuple):
    """The two files that are uploaded."""

    sdist: Path
    wheel: Path


def build(source: Path, folder: Path, **environment: str) -> Built:
    """Both, as a release is built: the wheel from the source distribution, not from the sources."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(
        [*command, str(source)], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(ROOT, tmp_path_factory.mktemp("built"), **EPOCH)


@pytest.fixture(scope="module")
def wheel(built: Built) -> zipfile.ZipFile:
    return zipfile.ZipFile(built.wheel)


def described(wheel: zipfile.ZipFile, name: str) -> str:
    """A file beside the packages, such as METADATA."""
    return wheel.read(f"ringwall-{ringwall.__version__}.dist-info/{name}").decode()


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return email.message_from_string(described(wheel, "METADATA"))


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    expected = {
        path.relative_to(package.parent).as_posix()
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    names = set(wheel.namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert {f"{package.name}/py.typed" for package in PACKAGES} <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {package.name for package in PACKAGES} | {
        f"ringwall-{ringwall.__version__}.dist-info"
    }


def test_every_integration_there_is_is_shipped() -> None:
    assert sorted(path.parent for path in ROOT.glob("integrations/*/py.typed")) == PACKAGES[1:]


def test_the_record_tells_the_hash_of_every_file(wheel: zipfile.ZipFile) -> None:
    rows = {name: (digest, size) for name, digest, size in csv.reader(lines(wheel, "RECORD"))}
    assert rows.keys() == set(wheel.namelist())
    for name, (digest, size) in rows.items():
        if not name.endswith("/RECORD"):
            content = wheel.read(name)
            right = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert (digest, int(size)) == (f"sha256={right}", len(content)), name


def lines(wheel: zipfile.ZipFile, name: str) -> list[str]:
    return described(wheel, name).splitlines()


def test_the_wheel_is_for_every_machine(wheel: zipfile.ZipFile) -> None:
    assert {"Root-Is-Purelib: true", "Tag: py3-none-any"} <= set(lines(wheel, "WHEEL"))


def test_the_licence_is_named_and_included(wheel: zipfile.ZipFile, metadata: Message) -> None:
    # PEP 639: an expression and files, in place of a classifier.
    assert tuple(map(int, metadata["Metadata-Version"].split("."))) >= (2, 4)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert described(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text("utf-8")
    assert not any("License ::" in each for each in metadata.get_all("Classifier", []))


def test_the_page_of_the_release_is_the_readme(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text("utf-8")


def test_the_core_needs_the_standard_library_alone(metadata: Message) -> None:
    needs = metadata.get_all("Requires-Dist", [])
    assert needs
    assert [need for need in needs if "extra ==" not in need] == []


def test_every_extra_that_an_error_names_exists(metadata: Message) -> None:
    extras = set(metadata.get_all("Provides-Extra", []))
    assert extras >= {"all", "apikey", "demo", "jwt", "otel", "ratelimit", "redis", "schema"}


def test_the_version_is_that_of_the_package(metadata: Message) -> None:
    assert metadata["Name"] == "ringwall"
    assert metadata["Version"] == ringwall.__version__
    assert metadata["Requires-Python"] == ">=3.10"


def test_the_command_leads_to_a_function(wheel: zipfile.ZipFile) -> None:
    # Not "ringwall.layers": that group is for the layers of others.
    points = configparser.ConfigParser()
    points.read_string(described(wheel, "entry_points.txt"))
    assert points.sections() == ["console_scripts"]
    assert dict(points["console_scripts"]) == {"ringwall": "ringwall.cli:main"}
    module, _, function = points["console_scripts"]["ringwall"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_the_source_distribution_can_run_its_own_tests(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert names >= {here, "conftest.py", "pyproject.toml", "run", "tox.ini", "README.md"}
    assert names >= {"LICENSE", "SECURITY.md", "CHANGELOG.md", ".ci/run", "tests/lowest.txt"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_two_builds_are_equal(built: Built, tmp_path: Path) -> None:
    """Whoever builds the same sources at another time and place gets the same bytes."""
    with tarfile.open(built.sdist) as archive:
        names = [
            name.partition("/")[2]
            for name in archive.getnames()
            if not archive.getmember(name).isdir()
        ]
    elsewhere = tmp_path / "elsewhere"
    for name in names:
        if name != "PKG-INFO":
            (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, elsewhere / name)
            mode = 0o755 if os.access(ROOT / name, os.X_OK) else 0o600
            (elsewhere / name).chmod(mode)
            os.utime(elsewhere / name, (1_000_000_000, 1_000_000_000))
    again = build(elsewhere, tmp_path / "out", **EPOCH, PYTHONHASHSEED="7", TZ="Asia/Kolkata")
    for one, other in zip(built, again, strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes(), one.name
