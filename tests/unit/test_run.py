"""`./run`, the first command of a newcomer: what goes wrong is said in words, with what to type."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.ModuleType:
    """The script as a module, on a machine with no commands at all."""
    spec = spec_from_loader("ringwall_run", SourceFileLoader("ringwall_run", str(ROOT / "run")))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(ROOT)
    return module


def command(folder: Path, name: str, script: str = "exit 0") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["tests"], 2), (["--help"], 0)])
def test_without_a_command_it_explains_itself(
    run: Any, arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(arguments) == status
    out = capsys.readouterr().out
    assert "./run demo" in out
    assert "./run test" in out


def test_an_old_python_is_told_so(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run.sys, "version_info", (3, 9, 2))
    assert run.main(["demo"]) == 2
    assert "needs Python 3.10 or later, and this is 3.9" in capsys.readouterr().err


def test_no_redis_server_and_no_apt_get_fails_and_says_what_to_do(
    run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["test"]) == 1
    assert "install redis-server by your system's means" in capsys.readouterr().err


@pytest.mark.parametrize("sudo", ["", "exit 1"])
def test_where_it_may_not_install_it_says_what_to_type(
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sudo: str,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    command(tmp_path, "apt-get", "exit 99")
    if sudo:
        command(tmp_path, "sudo", sudo)
    assert run.main(["test"]) == 1
    assert "apt-get install redis-server" in capsys.readouterr().err


@pytest.mark.parametrize("user", [0, 1000])
def test_where_it_may_it_installs(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(run, "busy", lambda title, words: calls.append(words))
    command(tmp_path, "apt-get")
    command(tmp_path, "sudo")
    run.apt_install("redis-server", "why")
    prefix = ["sudo", "-n"] if user else []
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    assert calls == [[*apt, "update"], [*apt, "install", "-y", "redis-server"]]


def test_a_python_without_ensurepip_asks_for_its_package(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "succeeds", lambda words: False)
    with pytest.raises(run.Failed, match="install python3-venv"):
        run.ensure_ensurepip()


def test_a_failed_step_shows_its_output_and_status(
    run: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(run.Failed, match=r"Trying: .* ended with status 3"):
        run.busy("Trying", [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"])
    assert "the reason" in capfd.readouterr().err


def test_an_environment_is_made_once_and_again_only_when_its_needs_change(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    steps: list[str] = []

    def busy(title: str, words: list[str]) -> None:
        steps.append(title)
        (tmp_path / "env" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "env" / "bin" / "python").touch()

    monkeypatch.setattr(run, "busy", busy)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("one")
    for _ in range(2):
        run.environment(tmp_path / "env", ["something"], "something")
    assert steps == ["Making env", "Installing something into env"]
    (tmp_path / "pyproject.toml").write_text("two")
    run.environment(tmp_path / "env", ["something"], "something")
    assert len(steps) == 4


def test_an_environment_whose_making_failed_is_made_again(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(title: str, words: list[str]) -> None:
        raise run.Failed(title)

    monkeypatch.setattr(run, "busy", fail)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    for _ in range(2):
        with pytest.raises(run.Failed, match="Making env"):
            run.environment(tmp_path / "env", [], "nothing")


@pytest.mark.parametrize(
    ("ci", "given", "seed"), [("true", None, "1"), ("true", "7", "7"), ("", None, None)]
)
def test_a_gate_salts_hashes_the_same_each_time(
    run: Any, monkeypatch: pytest.MonkeyPatch, ci: str, given: str | None, seed: str | None
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    if given is not None:
        monkeypatch.setenv("PYTHONHASHSEED", given)
    monkeypatch.setattr(run, "server", lambda name: None)
    monkeypatch.setattr(run, "environment", lambda *needs: Path("python"))
    called: dict[str, str] = {}
    monkeypatch.setattr(run.subprocess, "call", lambda command, env: called.update(env) or 0)
    assert run.main(["test"]) == 0
    assert called["CI"] == ci
    assert called.get("PYTHONHASHSEED") == seed


@pytest.mark.parametrize("script", ["run", ".ci/run"])
def test_the_scripts_can_be_executed(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def test_the_ci_script_is_valid_bash() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
