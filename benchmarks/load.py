"""Load on real servers by `wrk`: servers started in turn, requests per second, p50 and p99."""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from . import requests as r
from . import world
from .harness import Role

WITHOUT_WRK = "wrk is not installed (Debian: apt-get install wrk)"
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True)
class ServedRow:
    """One variant: requests per second with quartiles over the rounds (of a few rounds: the lowest
    and the highest), latencies in microseconds, and the share of requests that failed."""

    name: str
    role: Role
    rate: float
    low: float
    high: float
    p50: float
    p99: float
    failed: float


@dataclass(frozen=True)
class Served:
    title: str
    server: str
    rows: tuple[ServedRow, ...]


@dataclass(frozen=True)
class Kind:
    """What is served: a name, what it is, and the word by which `served_apps` knows it."""

    name: str
    role: Role
    word: str


@dataclass
class _Rounds:
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    sent: int = 0
    failed: int = 0


def measured(
    title: str,
    interface: str,
    method: str,
    kinds: Sequence[Kind],
    folder: Path,
    *,
    rounds: int,
    seconds: int,
    warm_up: int = 0,
    environment: dict[str, str] | None = None,
) -> Served:
    """Put load on all kinds, in turns that rotate.

    Parameters:
        interface: "asgi" (uvicorn) or "wsgi" (gunicorn). rounds, seconds: of each kind, and of one
        round. warm_up: rounds before, of a second. environment: further variables for the servers.

    Raises:
        RuntimeError: wrk is missing, a server does not start, or one answers nothing.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError(WITHOUT_WRK)
    found = {kind.name: _Rounds() for kind in kinds}
    script = _script(folder, method)
    connections = "64" if interface == "asgi" else "16"
    load = [wrk, "-t1", "-c", connections, "--latency", "-s", str(script)]
    with ExitStack() as stack:
        ports = {
            kind.name: stack.enter_context(_server(interface, kind, folder, environment or {}))
            for kind in kinds
        }
        for port in ports.values():
            _wait_for_answer(port)
        for turn in range(-warm_up, rounds):
            first = turn % len(kinds)
            for kind in (*kinds[first:], *kinds[:first]):
                url = f"http://127.0.0.1:{ports[kind.name]}{r.path(method)}"
                command = [*_on_core(0), *load, f"-d{seconds if turn >= 0 else 1}s", url]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                if turn >= 0:
                    _read(done.stdout, found[kind.name])
    server = "uvicorn" if interface == "asgi" else "gunicorn, 4 threads"
    return Served(title, server, tuple(_row(kind, found[kind.name]) for kind in kinds))


def _row(kind: Kind, rounds: _Rounds) -> ServedRow:
    return ServedRow(
        kind.name,
        kind.role,
        statistics.median(rounds.rates),
        min(rounds.rates),
        max(rounds.rates),
        statistics.median(rounds.p50),
        statistics.median(rounds.p99),
        rounds.failed / (rounds.sent or 1),
    )


def _on_core(number: int) -> list[str]:
    """Load on one core and servers on another, so that they do not take turns on one."""
    taskset = shutil.which("taskset")
    return [taskset, "-c", str(number)] if taskset and (os.cpu_count() or 1) > 1 else []


def _script(folder: Path, method: str) -> Path:
    """What wrk sends: the same headers as in process, and who the proxy says it came by."""
    lines = [f'wrk.method = "{method}"']
    for name, value in r.headers(method):
        # wrk writes the length itself, and a second Host beside one in lower case.
        if name != b"content-length":
            lines.append(f'wrk.headers["{name.decode().title()}"] = "{value.decode()}"')
    lines.append('wrk.headers["X-Forwarded-Proto"] = "https"')
    if method == "POST":
        lines.append(f"wrk.body = [[{world.ORDER.decode()}]]")
    script = folder / "request.lua"
    script.write_text("\n".join(lines) + "\n", "utf-8")
    return script


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until something listens there.

    Raises:
        RuntimeError: nothing does.
    """
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"a server does not start: {process.args!r}")


@contextmanager
def _server(interface: str, kind: Kind, folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """One worker of uvicorn or gunicorn, which both believe a proxy on loopback."""
    port = free_port()
    if interface == "asgi":
        command = ["-m", "uvicorn", "--factory", "benchmarks.served_apps:asgi", "--port", str(port)]
        command += ["--log-level", "error", "--no-access-log"]
    else:
        command = ["-m", "gunicorn", "benchmarks.served_apps:wsgi()", "-b", f"127.0.0.1:{port}"]
        command += ["-k", "gthread", "--threads", "4", "--log-level", "error"]
    variables = {
        **os.environ,
        "RINGWALL_BENCHMARK": kind.word,
        "RINGWALL_BENCHMARK_FOLDER": str(folder),
        "RINGWALL_BENCHMARK_KEY": world.key_as_pem(),
        "PYTHONWARNINGS": "ignore",
        **environment,
    }
    with (folder / f"{kind.word}.log").open("wb") as log:  # an app that fails says so each time
        process = subprocess.Popen(
            [*_on_core(1), sys.executable, *command], env=variables, stderr=log
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_answer(port: int) -> None:
    """gunicorn listens before its worker can answer. Any answer will do.

    Raises:
        RuntimeError: none comes.
    """
    until = time.monotonic() + 60
    while time.monotonic() < until:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            connection.getresponse()
            return
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError(f"the server on port {port} answers nothing")


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """A redis-server on loopback that keeps nothing; its port.

    Raises:
        RuntimeError: it is not installed.
    """
    command = shutil.which("redis-server")
    if command is None:
        raise RuntimeError("redis-server is not installed (Debian: apt-get install redis-server)")
    port = free_port()
    process = subprocess.Popen(
        [command, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _read(output: str, rounds: _Rounds) -> None:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    latencies = [re.search(rf"\b{share}%\s+([\d.]+)(us|ms|s)", output) for share in ("50", "99")]
    if rate is None or float(rate[1]) == 0 or None in latencies:
        raise RuntimeError(f"wrk says no rate:\n{output}")
    rounds.rates.append(float(rate[1]))
    for found, values in zip(latencies, (rounds.p50, rounds.p99), strict=True):
        if found is not None:
            values.append(float(found[1]) * _UNITS[found[2]])
    sent = re.search(r"(\d+) requests in", output)
    rounds.sent += int(sent[1]) if sent else 0
    failures = (r"Non-2xx or 3xx responses: (\d+)", r"errors: .*read (\d+)", r"timeout (\d+)")
    for failed in (re.search(pattern, output) for pattern in failures):
        rounds.failed += int(failed[1]) if failed else 0
