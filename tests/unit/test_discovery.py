"""Layers of other packages: found, listed, loaded; and a whole package built, used and tested."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from ringwall import ConfigurationError, Stack
from ringwall.cli import main
from ringwall.discovery import FoundLayer, find_layers, load_layer

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ringwall-maintenance"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, built as its author would, and unpacked as pip would."""
    folder = tmp_path_factory.mktemp("package")
    source = shutil.copytree(EXAMPLE, folder / "source")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("ringwall_maintenance", None)


def test_a_layer_of_another_package_is_found_and_loaded(installed: None, tmp_path: Path) -> None:
    found = FoundLayer(
        "maintenance", "ringwall_maintenance:Maintenance", "ringwall-maintenance", "1.0.0"
    )
    assert found in find_layers()
    assert "ringwall_maintenance" not in sys.modules
    layer = load_layer("maintenance")
    assert repr(Stack(layer(tmp_path / "flag"))) == "<Stack maintenance>"  # type: ignore[call-arg]


def test_the_command_lists_it(installed: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers"]) == 0
    told = capsys.readouterr().out
    assert "maintenance  ringwall_maintenance:Maintenance  ringwall-maintenance 1.0.0" in told
    assert "ringwall_maintenance" not in sys.modules


def test_the_package_passes_its_own_tests(site: Path) -> None:
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."),
            *("-c", os.devnull, "tests", "--doctest-modules", "--pyargs", "ringwall_maintenance"),
        ],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


class TestNothingGood:
    """What is installed is other than expected."""

    @pytest.fixture(autouse=True)
    def offers(self, monkeypatch: pytest.MonkeyPatch) -> list[metadata.EntryPoint]:
        offered: list[metadata.EntryPoint] = []

        def entry_points(*, group: str, name: str | None = None) -> list[metadata.EntryPoint]:
            assert group == "ringwall.layers"
            return [entry for entry in offered if name in (None, entry.name)]

        monkeypatch.setattr(metadata, "entry_points", entry_points)
        return offered

    def offer(self, offers: list[metadata.EntryPoint], name: str, target: str) -> None:
        offers.append(metadata.EntryPoint(name, target, "ringwall.layers"))

    def test_nothing_is_installed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["layers"]) == 0
        assert capsys.readouterr().out == "No installed package offers a layer.\n"
        with pytest.raises(ConfigurationError, match="no installed package offers any"):
            load_layer("maintenance")

    def test_a_name_is_misspelt(self, offers: list[metadata.EntryPoint]) -> None:
        self.offer(offers, "maintenance", "os:path")
        with pytest.raises(ConfigurationError, match="did you mean 'maintenance'"):
            load_layer("maintainance")

    def test_two_packages_offer_one(self, offers: list[metadata.EntryPoint]) -> None:
        self.offer(offers, "maintenance", "os:path")
        self.offer(offers, "maintenance", "sys:path")
        with pytest.raises(ConfigurationError, match="two packages offer a layer"):
            load_layer("maintenance")

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("no_such_module:Layer", "cannot be loaded"),
            ("ringwall:Layr", "cannot be loaded"),
            ("os:getcwd", "no class of Layer"),
            ("ringwall:Stack", "no class of Layer"),
        ],
    )
    def test_it_is_no_layer(
        self, offers: list[metadata.EntryPoint], target: str, message: str
    ) -> None:
        self.offer(offers, "maintenance", target)
        with pytest.raises(ConfigurationError, match=message):
            load_layer("maintenance")
