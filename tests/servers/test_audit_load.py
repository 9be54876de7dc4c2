"""Real servers with several workers under load: every request has exactly one record."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit_support import exchanges
from ringwall.audit import SigningKey
from ringwall.audit._segments import segments
from ringwall.audit.verify import read_lines, verify
from servers.harness import free_port

HERE = Path(__file__).parent
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "audit_app:wsgi", "--workers", "4", "--bind", "127.0.0.1:{}"],
    "gunicorn-preload": [
        *("-m", "gunicorn", "audit_app:wsgi", "--preload", "--worker-class", "gthread"),
        *("--threads", "4", "--workers", "4", "--bind", "127.0.0.1:{}"),
    ],
    "uvicorn": [
        *("-m", "uvicorn", "audit_app:asgi", "--lifespan", "off"),
        *("--workers", "2", "--port", "{}"),
    ],
}  # fmt: skip
KINDS = ["ok", "refused", "crash", "bug", "half", "stream", "slow", "gone-stream", "gone-slow"]
# By hand: RINGWALL_LOAD=100.
EACH = int(os.environ.get("RINGWALL_LOAD", "4"))


def ask(port: int, kind: str, number: int) -> None:
    """Send one request; who is "gone" does not wait for all of the answer."""
    gone, _, name = kind.rpartition("-")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        line = f"GET /{name}-{gone or 'here'}-{number} HTTP/1.1\r\n"
        client.sendall(f"{line}Host: localhost\r\nConnection: close\r\n\r\n".encode())
        try:
            if name == "stream" and gone:
                client.recv(100)
            while not gone and client.recv(65536):
                pass
        except ConnectionError:
            return  # an answer that broke off


def paths(log: Path) -> list[str]:
    """The paths in a log, which may be being written and rotated."""
    try:
        return [record["path"] for file in segments(log) for record in exchanges(file)]
    except FileNotFoundError:
        return []


@pytest.mark.parametrize("name", SERVERS)
def test_every_request_has_exactly_one_record(tmp_path: Path, name: str) -> None:
    key = SigningKey.generate()
    key.save(tmp_path / "key")
    path, port = tmp_path / "audit.jsonl", free_port()
    environment = {
        **os.environ,
        "RINGWALL_TEST_AUDIT": str(path),
        "RINGWALL_TEST_KEY": str(tmp_path / "key"),
        "PYTHONPATH": str(HERE),
    }
    if name == "gunicorn-preload":
        environment["RINGWALL_TEST_QUEUE"] = "1"
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *(word.format(port) for word in SERVERS[name])],
            cwd=HERE, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        wanted = [(kind, number) for number in range(EACH) for kind in KINDS]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: ask(port, *each), wanted))
        expected = Counter(
            f"/{kind.rpartition('-')[2]}-{kind.rpartition('-')[0] or 'here'}-{number}"
            for kind, number in wanted
        )
        while time.monotonic() < deadline and len(paths(path)) < len(wanted):
            time.sleep(0.05)
    finally:
        server.terminate()
        server.wait(30)
    recorded = Counter(paths(path))
    assert recorded == expected, (tmp_path / "log").read_text()[-2000:]
    result = verify(read_lines(segments(path)), [key.public])
    assert not result.findings
    outcomes = {
        record["path"].split("-")[0]: record["outcome"]
        for file in segments(path)
        for record in exchanges(file)
        if "-here-" in record["path"]
    }
    assert outcomes == {
        "/ok": "success", "/refused": "denied", "/crash": "error", "/bug": "error",
        "/half": "error", "/stream": "success", "/slow": "success",
    }  # fmt: skip
    text = "".join(file.read_text() for file in segments(path))
    assert text.count('"event":"stop"') == text.count('"event":"start"') > 0
    assert result.unsigned == 0  # the last one to leave signs
