"""The quickstart as a new user follows it: from an empty folder, by the words of the documents.

Commands, files and the server's start are read from the README and the framework's page; only the
port differs.
"""

from __future__ import annotations

import http.client
import json
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ports import free_port
from servers.harness import _wait_for

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
FRAMEWORKS = (
    "django", "falcon", "fastapi", "flask", "litestar", "pyramid", "quart", "starlette",
)  # fmt: skip

# A line of the app that has to change is there already: it is not counted.
ADDED = re.compile(r"ringwall_|from security|secure\(|\bRingwall")


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(folder: Path, line: str) -> str:
    """Run a command line of the documents, by this interpreter's packages; returns its output."""
    arguments = command(line)
    return subprocess.run(
        arguments, cwd=folder, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def command(line: str) -> list[str]:
    program, *arguments = shlex.split(line, comments=True)
    if program == "python":
        return [sys.executable, *arguments]
    module = {"ringwall": "ringwall.cli", "django-admin": "django"}.get(program, program)
    return [sys.executable, "-m", module, *arguments]


def lay_out(framework: str, folder: Path) -> list[str]:
    """Write the files of the documents; returns the lines that Ringwall adds."""
    page = (ROOT / "docs" / "frameworks" / f"{framework}.md").read_text("utf-8")
    wall = next(block for block in blocks("python", README) if "stack = Stack(" in block)
    (folder / "security.py").write_text(wall)
    written = wall.splitlines()
    if framework == "django":
        run(folder, "django-admin startproject mysite .")
        settings, views, entry = blocks("python", page)[:3]
        with (folder / "mysite" / "settings.py").open("a") as file:
            file.write(settings)
        (folder / "mysite" / "urls.py").write_text(views)
        # The entry point exists already: its import changes, no line is added.
        (folder / "mysite" / "wsgi.py").write_text(
            'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"\n' + entry
        )
        written += settings.splitlines()
    else:
        app = blocks("python", page)[0]
        (folder / "main.py").write_text(app)
        written += [line for line in app.splitlines() if ADDED.search(line)]
    return [line for line in written if line.strip()]


@contextmanager
def started(framework: str, folder: Path) -> Iterator[int]:
    page = (ROOT / "docs" / "frameworks" / f"{framework}.md").read_text("utf-8")
    line = next(block for block in blocks("sh", page) if "server.pem" in block)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command(line.replace("8443", str(port))), cwd=folder, stdout=log, stderr=log
        )
        try:
            _wait_for(port, process, folder / "log")
            yield port
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(folder: Path, port: int, path: str, **headers: str) -> int:
    tls = ssl.create_default_context(cafile=str(folder / "client.pem"))
    connection = http.client.HTTPSConnection("localhost", port, context=tls, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Step 1: a folder with the keys' file and the certificate, and alice's key."""
    folder = tmp_path_factory.mktemp("prepared")
    step = README[README.index("## Quickstart") :]
    install, keys, certificate = blocks("sh", step)[0].strip().split("\n")
    assert install.startswith("pip install ")  # the suite's environment has done that
    key = run(folder, keys).split()[0]
    run(folder, certificate)
    return folder, key


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_new_user_is_walled_in_under_twelve_lines(
    framework: str, prepared: tuple[Path, str], tmp_path: Path
) -> None:
    folder, key = prepared
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    lines = lay_out(framework, tmp_path)
    assert len(lines) == 11, lines

    with started(framework, tmp_path) as port:
        credential = {"Authorization": f"ApiKey {key}"}
        assert ask(tmp_path, port, "/v1/orders/1001", **credential) == 200
        assert ask(tmp_path, port, "/v1/orders/1001") == 401
        assert ask(tmp_path, port, "/v1/anything", **credential) == 403
        assert ask(tmp_path, port, "/v1/orders/1001", Host="evil.example", **credential) == 421
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET /v1/orders/1001 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" not in plain.recv(4096)

    log = (tmp_path / "log").read_text("utf-8", "replace")
    assert "Traceback" not in log
    told = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["status"] for line in told if line["event"] == "exchange"] == [200, 401, 403, 421]
    assert told[-1]["event"] == "stop"
    shown = run(tmp_path, "ringwall audit tail audit.jsonl")
    assert "421" in shown
    assert key not in shown
    assert key not in log
