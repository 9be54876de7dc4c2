"""The catalogue of attacks on bodies, row by row, as bytes on a socket, at real servers."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from ports import free_port
from servers import harness
from servers.raw import Answer, parse
from validation_attacks import ATTACKS, GOOD, SECRET, Attack

# uvicorn over h11 is left out: hypercorn reads requests with h11, too.
SERVERS = [
    "uvicorn-httptools", "hypercorn", "hypercorn --worker-class trio", "granian-asgi",
    "granian-wsgi", "gunicorn", "waitress",
]  # fmt: skip
ROWS = {
    row: [attack for attack in attacks if "http" in attack.on]
    for row, attacks in itertools.groupby(
        sorted(ATTACKS, key=lambda attack: attack.row), lambda attack: attack.row
    )
}


class Server(NamedTuple):
    name: str
    interface: str
    port: int


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    name, *options = request.param.split()
    interface, arguments = harness.COMMANDS[name]
    arguments = [*arguments, *options]
    port, log = free_port(), tmp_path_factory.mktemp(name) / "log"
    words = [word.format(port=port).replace("app:", "validation_app:") for word in arguments]
    here = Path(__file__).parent
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(here.parent)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            harness._wait_for(port, process, log)
            yield Server(name, interface, port)
        finally:
            process.terminate()
            process.wait(timeout=15)
    assert SECRET not in log.read_text(errors="replace")


def head(method: str, target: bytes, *lines: bytes) -> bytes:
    first = method.encode() + b" " + target + b" HTTP/1.1"
    return b"\r\n".join([first, b"Host: localhost", *lines, b"", b""])


def request_of(attack: Attack) -> bytes:
    """The bytes of a request: with the length that the attack tells, or in its chunks."""
    path = attack.target or quote(attack.path, safe="/:;=@+,").encode()
    target = path + (b"?" + attack.query.encode("latin-1") if attack.query else b"")
    lines = [f"{name}: {value}".encode("latin-1") for name, value in attack.lines]
    body = b"".join(attack.chunks)
    if attack.length is None:
        lines.append(b"Transfer-Encoding: chunked")
        chunks = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in attack.chunks if chunk]
        body = b"".join(chunks) + b"0\r\n\r\n"
    elif attack.length != "true":
        lines.append(b"Content-Length: " + attack.length.encode("latin-1"))
    elif body or attack.method != "GET":
        lines.append(b"Content-Length: %d" % len(body))
    return head(attack.method, target, *lines, b"Connection: close") + body


def send(port: int, data: bytes, *, hang_up: bool = False) -> Answer:
    """Send bytes and read the answer to the end."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        # A server may answer and hang up in the middle of a request that it does not want.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
    return parse(received)


def calls(server: Server) -> int:
    return int(send(server.port, head("GET", b"/calls", b"Connection: close")).body)


@pytest.mark.parametrize("row", ROWS)
def test_row(server: Server, row: int) -> None:
    wrong = []
    for attack in ROWS[row]:
        if server.name in attack.tidied:
            continue
        before = calls(server)
        answer = send(server.port, request_of(attack))
        called = calls(server) - before
        ours = answer.headers.get("content-type") == ["application/problem+json"]
        if attack.status == 200:
            digest = hashlib.sha256(b"".join(attack.chunks)).hexdigest().encode()
            good = (answer.status, called) == (200, 1) and (attack.packed or answer.body == digest)
        else:
            good = called == 0 and answer.status in (attack.status, *attack.wire)
            if good and ours and attack.code and answer.status == attack.status:
                document = answer.json()
                good = document["code"] == attack.code and all(
                    answer.headers[name] == [value] for name, value in attack.answers
                )
        if not good or SECRET in repr(answer):
            wrong.append((attack.name, called, answer))
    assert not wrong


def test_row_3_a_body_that_ends_early(server: Server) -> None:
    before = calls(server)
    data = head("POST", b"/orders", b"Content-Type: application/json", b"Content-Length: 100")
    # The client is gone and gets no answer of ours; one server makes a page of its own of that.
    assert send(server.port, data + GOOD, hang_up=True).status in (0, 400, 500)
    assert calls(server) == before


def test_row_7_a_body_that_stops_coming(server: Server) -> None:
    """Under WSGI no read can be interrupted: there the server's own limits count."""
    if server.interface == "wsgi":
        pytest.skip("a WSGI server waits for the body")
    before = calls(server)
    data = head("POST", b"/slow", b"Content-Type: application/json", b"Content-Length: 100")
    answer = send(server.port, data + b"[")
    assert (answer.status, answer.json()["code"]) == (408, "body-too-slow")
    assert calls(server) == before


def test_row_1_the_connection_is_closed_behind_a_body_that_is_not_wanted(server: Server) -> None:
    """What is sent behind an unread body is a part of it, and no second request."""
    second = head("POST", b"/orders", b"Content-Type: application/json", b"Content-Length: 33")
    before = calls(server)
    for data in (
        head("POST", b"/orders", b"Content-Type: application/json", b"Content-Length: 900000"),
        head("POST", b"/orders", b"Content-Type: text/plain", b"Content-Length: 900000"),
        head("GET", b"/orders", b"Content-Length: 900000"),
    ):
        answer = send(server.port, data + second + GOOD + b" " * 1000, hang_up=True)
        assert answer.status in (0, 400, 413, 415)
    assert calls(server) == before
    data = head("POST", b"/orders", b"Content-Type: application/json", b"Content-Length: 70000")
    answer = send(server.port, data + b" " * 70_000, hang_up=True)
    assert (answer.status, calls(server)) == (413, before)
    if server.interface == "asgi":
        assert answer.headers["connection"] == ["close"]


def test_row_40_a_response_with_a_secret(server: Server) -> None:
    answer = send(server.port, head("GET", b"/closing/leak", b"Connection: close"))
    assert (answer.status, answer.json()["code"]) == (500, "invalid-response")
    assert SECRET not in repr(answer)


def test_rows_41_and_42_many_at_once_get_their_own(server: Server) -> None:
    def one(number: int) -> bool:
        body = b'{"item": "%d", "quantity": 1}' % number
        if number % 3 == 0:
            body = body.replace(b"1}", b"0}")
        lines = b"Content-Type: application/json", b"Content-Length: %d" % len(body)
        answer = send(server.port, head("POST", b"/orders", *lines, b"Connection: close") + body)
        if number % 3 == 0:
            return answer.status == 422
        return answer.body == hashlib.sha256(body).hexdigest().encode()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(60)))
