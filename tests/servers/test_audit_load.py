"""Real servers with several workers under load: every request has exactly one record."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit_support import exchanges
from ports import free_port
from ringwall.audit import SigningKey
from ringwall.audit._segments import segments
from ringwall.audit.verify import read_lines, verify

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
    "hypercorn": ["-m", "hypercorn", "audit_app:asgi", "--workers", "2", "--bind", "127.0.0.1:{}"],
    "granian": [
        *("-m", "granian", "audit_app:asgi", "--interface", "asgi"),
        *("--workers", "2", "--port", "{}"),
    ],
}  # fmt: skip
KINDS = ["ok", "refused", "crash", "bug", "half", "stream", "slow", "gone-stream", "gone-slow"]
# How they end: the peer closes, the app does; the app or a layer refuses the handshake; the app
# fails before it accepts, and after; the connection is torn.
WEBSOCKETS = ["ws", "wsbye", "wsno", "refused-ws", "wsearly", "wscrash", "gone-ws"]
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
# Masked with zeros (RFC 6455 section 5.3): a text of two octets, and the end with the code 1000.
TEXT, CLOSE = b"\x81\x82\0\0\0\0hi", b"\x88\x82\0\0\0\0\x03\xe8"
ENDS = {
    ("/ok", "success", None), ("/refused", "denied", None), ("/crash", "error", None),
    ("/bug", "error", None), ("/half", "error", None), ("/stream", "success", None),
    ("/slow", "success", None),
}  # fmt: skip
WEBSOCKET_ENDS = {
    ("/wsbye", "success", 1000), ("/wsno", "failure", 1008), ("/wsearly", "error", None),
    ("/wscrash", "error", None),
}  # fmt: skip
# What servers tell of a peer that says goodbye, and of one whose connection is reset.
HEARD = {
    "uvicorn": {("/ws", "success", 1000), ("/wsgonews", "success", 1005)},
    "hypercorn": {("/ws", "aborted", 1006), ("/wsgonews", "aborted", 1006)},
    "granian": {("/ws", "success", 1000), ("/wsgonews", "success", 1005)},
}
# By hand: RINGWALL_LOAD=100, of each kind.
EACH = int(os.environ.get("RINGWALL_LOAD", "4"))


def ask(port: int, kind: str, number: int) -> None:
    """Send one request; who is "gone" does not wait for all of the answer."""
    if kind in WEBSOCKETS:
        talk(port, kind, number)
        return
    gone, _, name = kind.rpartition("-")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        line = f"GET {path_of(kind, number)} HTTP/1.1\r\n"
        client.sendall(f"{line}Host: localhost\r\nConnection: close\r\n\r\n".encode())
        try:
            if name == "stream" and gone:
                client.recv(100)
            while not gone and client.recv(65536):
                pass
        except ConnectionError:
            return  # an answer that broke off


def path_of(kind: str, number: int) -> str:
    if kind in WEBSOCKETS:
        return f"/{kind.replace('gone-', 'wsgone')}-here-{number}"
    gone, _, name = kind.rpartition("-")
    return f"/{name}-{gone or 'here'}-{number}"


def talk(port: int, kind: str, number: int) -> None:
    """One websocket; that of who is "gone" is reset, without a word."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        line = f"GET {path_of(kind, number)} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n"
        client.sendall(line.encode())
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(65536)):
            head += data
        if b" 101 " not in head.partition(b"\r\n")[0]:
            return
        with contextlib.suppress(ConnectionError):
            client.sendall(TEXT)
            client.recv(100)  # its echo, or how it ended
            if kind == "gone-ws":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            client.sendall(CLOSE)
            while client.recv(65536):
                pass


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
        kinds = KINDS + WEBSOCKETS if name in HEARD else KINDS
        # granian drops the request of a client that is gone before an app has heard of it.
        left_out = "gone-slow" if name == "granian" else None
        wanted = [(kind, n) for n in range(EACH) for kind in kinds if kind != left_out]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: ask(port, *each), wanted))
        expected = Counter(path_of(*each) for each in wanted)
        while time.monotonic() < deadline and len(paths(path)) < len(wanted):
            time.sleep(0.05)
        # One of granian's workers may have answered all before the other one has started: that one
        # would not hear the signal, and granian would wait for it without end.
        while name == "granian" and (tmp_path / "log").read_text().count("Started worker-") < 2:
            assert time.monotonic() < deadline, "a worker does not start"
            time.sleep(0.05)
    finally:
        server.terminate()
        try:
            server.wait(30)
        finally:
            server.kill()
            server.wait()
    recorded = Counter(paths(path))
    assert recorded == expected, (tmp_path / "log").read_text()[-2000:]
    result = verify(read_lines(segments(path)), [key.public])
    assert not result.findings
    found = [record for file in segments(path) for record in exchanges(file)]
    ids = [(record["id"], record["request_id"]) for record in found]
    assert len({one for one, _ in ids}) == len({one for _, one in ids}) == len(found)
    outcomes = {
        (record["path"].split("-")[0], record["outcome"], record["close_code"])
        for record in found
        if "-here-" in record["path"]
    }
    assert outcomes == ENDS | (WEBSOCKET_ENDS | HEARD[name] if name in HEARD else set())
    text = "".join(file.read_text() for file in segments(path))
    assert text.count('"event":"stop"') == text.count('"event":"start"') > 0
    assert result.unsigned == 0  # the last one to leave signs
