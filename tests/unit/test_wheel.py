"""What users install: the wheel holds the packages, whole, and nothing else."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from importlib import import_module
from pathlib import Path

import pytest

import ringwall

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [ROOT / "middleware" / "ringwall", *sorted(ROOT.glob("integrations/ringwall_*"))]


def build(target: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


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
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_core_needs_the_standard_library_alone(metadata: Message) -> None:
    needs = metadata.get_all("Requires-Dist", [])
    assert needs
    assert [need for need in needs if "extra ==" not in need] == []


def test_every_extra_that_an_error_names_exists(metadata: Message) -> None:
    extras = set(metadata.get_all("Provides-Extra", []))
    assert extras >= {"all", "apikey", "demo", "jwt", "otel", "ratelimit", "redis", "schema"}


def test_the_version_is_that_of_the_package(metadata: Message) -> None:
    assert metadata["Version"] == ringwall.__version__
    assert metadata["Requires-Python"] == ">=3.10"


def test_the_command_leads_to_a_function(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    line = next(line for line in wheel.read(name).decode().splitlines() if "=" in line)
    command, _, target = line.partition(" = ")
    module, _, function = target.partition(":")
    assert command == "ringwall"
    assert callable(getattr(import_module(module), function))


def test_the_source_distribution_can_run_its_own_tests(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert names >= {here, "conftest.py", "pyproject.toml", "run", "tox.ini", "README.md"}
