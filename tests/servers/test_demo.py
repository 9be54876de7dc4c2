"""`ringwall demo`, as a user runs it: real servers, real TLS, in this process and in its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from audit_support import exchanges
from ports import free_port
from ringwall.cli import main
from ringwall.cli.demo import servers as demo_servers
from ringwall.cli.demo import session as demo_session
from ringwall.cli.demo import tour as demo_tour
from ringwall.cli.demo.servers import Servers


@pytest.mark.parametrize("preset", [[], ["--preset", "browser"]])
def test_the_tour_gets_every_expected_answer(
    preset: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--tour", *preset]) == 0
    out = capsys.readouterr().out
    total = re.search(r"(\d+) of (\d+) answers as expected", out)
    assert total is not None
    assert total[1] == total[2]
    assert int(total[2]) >= 48
    assert ("the start page" in out) is bool(preset)
    for layer in (
        "https",
        "ratelimit",
        "authentication",
        "authorization",
        "validation",
        "boundary",
        "app",
    ):
        assert f"  {layer} " in out
    assert "WRONG" not in out


def test_the_tour_fails_if_an_answer_is_not_the_expected_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = demo_session.make_stops

    def spoilt(*arguments: object) -> list[demo_tour.Stop]:
        stops = real(*arguments)  # type: ignore[arg-type]
        return [demo_tour.Stop("spoilt", "GET", "/healthz", 418, "app"), *stops[:1]]

    monkeypatch.setattr(demo_session, "make_stops", spoilt)
    assert main(["demo", "--tour"]) == 1
    assert "WRONG" in capsys.readouterr().out


def start_demo(port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ringwall.cli", "demo", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_printed_lines_work_and_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    process = start_demo(port := free_port(in_a_row=4))
    try:
        lines: list[str] = []
        assert process.stdout is not None
        while "Ctrl-C ends the demo.\n" not in lines:
            lines.append(process.stdout.readline())
            assert lines[-1], "the demo ended early"
        curls = [line.rstrip() for line in lines if line.startswith("curl ")]
        assert len(curls) > 20
        bola = [line for line in curls if line.endswith("/v1/orders/1002'")]
        assert paste(curls[1]) == 200
        assert sorted(map(paste, bola)) == [200, 403]  # bob's own, and alice's attempt
        assert paste(curls[1].replace(f":{port}/", f":{port + 1}/")) == 200  # at the WSGI port
        page = http.client.HTTPConnection("localhost", port + 3, timeout=10)
        page.request("GET", "/")
        told = page.getresponse().read().decode()
        page.close()
        assert "Where the time went, by layer" in told
        assert "authorization: GET /v1/orders/{order_id:int}" in told  # alice's attempt
    finally:
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors == ""


def paste(line: str) -> int:
    """Do what curl does with such a line; returns the status."""
    words = shlex.split(line)
    options = dict(zip(words[2:-1:2], words[3::2], strict=False))
    assert words[:2] == ["curl", "-i"]
    assert words[-2] == "--path-as-is"
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    url = urlsplit(words[-1])
    context = ssl.create_default_context(cafile=options["--cacert"])
    connection = http.client.HTTPSConnection("localhost", url.port, context=context, timeout=10)
    connection.request(options.get("-X", "GET"), url.path, options.get("-d"), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["demo", "--port", str(taken.getsockname()[1])]) == 2
    assert capsys.readouterr().err.startswith("ringwall: port ")


@pytest.mark.parametrize("port", ["0", "65534", "x", "-1", "٣"])
def test_a_port_is_a_number_in_range(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--port", port])
    assert stop.value.code == 2
    assert "a port is a number" in capsys.readouterr().err


def test_a_missing_extra_is_one_line_that_mends_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "ringwall.cli.demo.session")
    monkeypatch.delitem(sys.modules, "ringwall.cli.demo.servers")
    assert main(["demo", "--tour"]) == 2
    assert "pip install 'ringwall[demo]'" in capsys.readouterr().err


def test_a_server_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(server: object, sockets: list[socket.socket]) -> None:
        sockets[0].close()

    monkeypatch.setattr(demo_servers.uvicorn.Server, "run", run)
    with Servers() as servers, pytest.raises(RuntimeError, match="did not start"):
        servers.asgi(None, demo_servers.listen(0))


@pytest.mark.parametrize("number", range(4))
def test_a_session_that_cannot_start_stops_what_it_started(tmp_path: Path, number: int) -> None:
    port = free_port(in_a_row=4)
    session = demo_session.Session(tmp_path, port, say=lambda *_: None)
    with demo_servers.listen(port + number), pytest.raises(demo_servers.PortInUse):
        session.__enter__()
    for each in range(4):
        demo_servers.listen(port + each).close()


def test_nobody_else_gets_the_ports_of_a_session_that_starts(tmp_path: Path) -> None:
    held: list[int] = []

    def say(line: str) -> None:
        for port in session.ports:
            with pytest.raises(demo_servers.PortInUse):
                demo_servers.listen(port)
            held.append(port)

    session = demo_session.Session(tmp_path, None, say=say)
    with session:
        assert held == session.ports * 3
        assert 0 not in held
    for port in session.ports:
        demo_servers.listen(port).close()


def test_a_session_that_fails_in_the_midst_stops_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("no report")

    monkeypatch.setattr(demo_session, "LiveReport", fail)
    session = demo_session.Session(tmp_path, None, say=lambda *_: None)
    with pytest.raises(RuntimeError, match="no report"):
        session.__enter__()
    for port in session.ports:
        demo_servers.listen(port).close()


def test_a_silent_client_stops_nobody(tmp_path: Path) -> None:
    """A connection that never speaks TLS must not keep others from being served."""
    session = demo_session.Session(tmp_path, None, say=lambda *_: None)
    with session, socket.create_connection(("127.0.0.1", session.wsgi_port)):
        begin = time.monotonic()
        assert session.tour() == 0
        assert time.monotonic() - begin < 60


def test_clients_that_break_the_protocol_stop_nobody(tmp_path: Path) -> None:
    session = demo_session.Session(tmp_path, None, say=lambda *_: None)
    with session:
        address = ("localhost", session.wsgi_port)
        with socket.create_connection(address) as no_tls:
            no_tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
            no_tls.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert b"HTTP" not in no_tls.recv(100)
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        for request, answer in (
            (b"\r\n", b""),
            (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b""),
            # A body without end that nobody asked for: the answer arrives all the same.
            (b"POST /x HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"y" * 4_000_000, b" 401 "),
        ):
            plain = socket.create_connection(address)
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.settimeout(10)
                try:
                    connection.sendall(request)
                    received = connection.recv(4096)
                except OSError:
                    continue  # the server hung up in the middle: its good right
                assert answer in received
        friendly = demo_tour.Stop("friendly", "GET", "/healthz", 200, "app")
        assert demo_tour.send(friendly, session.wsgi_port, context) == 200


def test_a_client_that_sends_on_and_on_is_left() -> None:
    ours, theirs = socket.socketpair()

    def send() -> None:
        with contextlib.suppress(OSError):
            theirs.sendall(bytes(16 << 20))

    with theirs:
        thread = threading.Thread(target=send)
        with ours:
            thread.start()
            demo_servers._linger(ours)
            assert ours.recv(1), "there was more"
        thread.join()


def test_the_flood_ends_even_if_nothing_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a rate limit the tour reports a wrong answer; it does not go on for ever."""
    session = demo_session.Session(tmp_path, None, say=lambda *_: None)
    stop = demo_tour.Stop("flood", "GET", "/healthz", 429, "ratelimit")
    passed = demo_tour.Report(stop, "ASGI", 200, "app", "")
    monkeypatch.setattr(session, "_visit", lambda *_: passed)
    assert not session._flood(1, demo_tour.AuditTail(tmp_path / "none")).as_expected


def test_every_answer_has_a_record_with_its_span(tmp_path: Path) -> None:
    session = demo_session.Session(tmp_path, None, say=lambda *_: None)
    with session:
        assert session.tour() == 0
    records = exchanges(tmp_path / "audit.jsonl")
    assert len({record["trace_id"] for record in records}) == len(records)
    assert all(re.fullmatch("[0-9a-f]{16}", record["span_id"]) for record in records)


def test_a_missing_audit_record_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").touch()
    with pytest.raises(TimeoutError):
        demo_tour.AuditTail(tmp_path / "audit.jsonl", patience=0.05).next()


def test_the_module_runs_as_a_program() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ringwall.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    )
    assert run.stdout.startswith("ringwall ")
