"""Real servers around the walled app, each on a free port of loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from authn_support import jwks
from ports import free_port
from ringwall import generate_api_key

ROOT = Path(__file__).parent


def _has_dual_stack() -> bool:
    """Whether an IPv6 socket takes IPv4 connections here: their peers are `::ffff:127.0.0.1`."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
            return not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return False


# Three of the servers listen on such a socket, so that peers come in both spellings.
ANY = "::" if _has_dual_stack() else "127.0.0.1"
BOTH = "[::]:{port}" if ANY == "::" else "127.0.0.1:{port}"

# One worker each: the tests ask the app how often it was reached. Servers that would read proxy
# headers themselves are told not to: trust belongs in one place.
COMMANDS: dict[str, tuple[str, list[str]]] = {
    "uvicorn-h11": (
        "asgi",
        ["-m", "uvicorn", "app:asgi", "--http", "h11", "--no-proxy-headers", "--port", "{port}"],
    ),
    "uvicorn-httptools": (
        "asgi",
        [
            "-m",
            "uvicorn",
            "app:asgi",
            "--http",
            "httptools",
            "--no-proxy-headers",
            "--port",
            "{port}",
        ],
    ),
    "hypercorn": ("asgi", ["-m", "hypercorn", "app:asgi", "--bind", BOTH]),
    "granian-asgi": (
        "asgi",
        ["-m", "granian", "app:asgi", "--interface", "asgi", "--host", ANY, "--port", "{port}"],
    ),
    "granian-wsgi": (
        "wsgi",
        ["-m", "granian", "app:wsgi", "--interface", "wsgi", "--port", "{port}"],
    ),
    "gunicorn": (
        "wsgi",
        ["-m", "gunicorn", "app:wsgi", "--forwarded-allow-ips", "", "--bind", BOTH],
    ),
    "waitress": (
        "wsgi",
        [
            *("-m", "waitress", "--listen", "127.0.0.1:{port}"),
            "--no-clear-untrusted-proxy-headers",
            "app:wsgi",
        ],
    ),
}


class Server(NamedTuple):
    """A running server; `keys` are API keys by owner, `audit` the audit file, `log` its output."""

    name: str
    interface: str
    port: int
    keys: dict[str, str]
    audit: Path
    log: Path

    def auth(self, who: str = "alice") -> bytes:
        return b"Authorization: ApiKey " + self.keys[who].encode()


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """A server of `COMMANDS` around the walled app, until the block ends."""
    with serving(name, *COMMANDS[name], folder) as server:
        yield server


@contextmanager
def serving(
    name: str, interface: str, arguments: list[str], folder: Path, *more: int
) -> Iterator[Server]:
    """A server that this Python runs with `arguments`, in which `{port}` is to be its port. `more`:
    further ports that it listens on; one may be open before the others are."""
    keys = write_keys(folder / "keys.json")
    (folder / "jwks.json").write_text(json.dumps(jwks("rsa")))
    port, audit = free_port(), folder / "audit.jsonl"
    environment = {
        **os.environ,
        "RINGWALL_TEST_KEYS": str(folder / "keys.json"),
        "RINGWALL_TEST_JWKS": str(folder / "jwks.json"),
        "RINGWALL_TEST_AUDIT": str(audit),
        "PYTHONWARNINGS": "default",
    }
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, *(argument.format(port=port) for argument in arguments)],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        for each in (port, *more):
            _wait_for(each, process, folder / "log")
        yield Server(name, interface, port, keys, audit, folder / "log")
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def write_keys(path: Path) -> dict[str, str]:
    """Keys for alice, bob and admin, and the file with their records."""
    keys: dict[str, str] = {}
    records: dict[str, Any] = {}
    people: dict[str, list[str]] = {"alice": [], "bob": [], "admin": ["admin"]}
    for who, roles in people.items():
        key, record = generate_api_key(who, scopes=["orders:read", "orders:write"], roles=roles)
        keys[who] = key
        records[record.id] = record.as_dict()
    path.write_text(json.dumps({"keys": records}))
    return keys


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server did not start:\n" + log.read_text(errors="replace"))
