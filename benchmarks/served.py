"""The stacks behind real servers: requests per second and latencies, by `wrk`, in turns.

    python -m benchmarks.served             needs wrk (Debian: apt-get install wrk), gunicorn

One worker each, on loopback, 64 connections (16 for gunicorn's threads). The load comes from this
machine too: the ratios count, and of them only those of one run.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import requests as r
from . import world

KINDS = ("bare", "floor", "ringwall", "framework", "tuned", "documented")
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass
class Served:
    """What the rounds of one variant gave: requests per second, and microseconds."""

    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


def main() -> None:
    wrk = shutil.which("wrk")
    if wrk is None:
        sys.exit("benchmarks.served needs wrk; on Debian: apt-get install wrk")
    full = "--full" in sys.argv[1:]
    for interface in ("asgi", "wsgi"):
        for method in ("GET", "POST"):
            found = _rounds(
                wrk, interface, method, rounds=5 if full else 3, seconds=6 if full else 3
            )
            _print(interface, method, found)


def _rounds(
    wrk: str, interface: str, method: str, *, rounds: int, seconds: int
) -> dict[str, Served]:
    found = {kind: Served() for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        script = _script(Path(folder), method)
        ports = {kind: stack.enter_context(_server(interface, kind, folder)) for kind in KINDS}
        for turn in range(rounds + 1):
            for kind in KINDS[turn % len(KINDS) :] + KINDS[: turn % len(KINDS)]:
                url = f"http://127.0.0.1:{ports[kind]}{r.path(method)}"
                connections = "64" if interface == "asgi" else "16"
                command = [wrk, "-t1", "-c", connections, f"-d{seconds if turn else 1}s"]
                done = subprocess.run(
                    [*command, "--latency", "-s", str(script), url],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                if turn:  # the first is for warming up
                    _read(done.stdout, found[kind])
    return found


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


@contextmanager
def _server(interface: str, kind: str, folder: str) -> Iterator[int]:
    """One worker of uvicorn or gunicorn, which both believe a proxy on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if interface == "asgi":
        command = ["-m", "uvicorn", "--factory", "benchmarks.served_apps:asgi", "--port", str(port)]
        command += ["--log-level", "error", "--no-access-log"]
    else:
        command = ["-m", "gunicorn", "benchmarks.served_apps:wsgi()", "-b", f"127.0.0.1:{port}"]
        command += ["-k", "gthread", "--threads", "4", "--log-level", "error"]
    environment = {
        **os.environ,
        "RINGWALL_BENCHMARK": kind,
        "RINGWALL_BENCHMARK_FOLDER": folder,
        "RINGWALL_BENCHMARK_KEY": world.key_as_pem(),
        "PYTHONWARNINGS": "ignore",
    }
    with Path(folder, f"{kind}.log").open("wb") as log:  # an app that fails says so each time
        process = subprocess.Popen([sys.executable, *command], env=environment, stderr=log)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _read(output: str, served: Served) -> None:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if rate is None:
        raise RuntimeError(f"wrk says no rate:\n{output}")
    served.rates.append(float(rate[1]))
    for share, values in (("50", served.p50), ("99", served.p99)):
        found = re.search(rf"\b{share}%\s+([\d.]+)(us|ms|s)", output)
        if found is not None:
            values.append(float(found[1]) * _UNITS[found[2]])
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    served.failed += int(failed[1]) if failed else 0


def _print(interface: str, method: str, found: dict[str, Served]) -> None:
    server = "uvicorn" if interface == "asgi" else "gunicorn, 4 threads"
    print(f"\n{method}, {server}\n{'':14s}{'requests/s':>12s}{'p50 us':>10s}{'p99 us':>10s}")
    for kind, served in found.items():
        p50, p99 = statistics.median(served.p50), statistics.median(served.p99)
        wrong = f"   {served.failed} answers were no 2xx" if served.failed else ""
        print(f"{kind:14s}{served.rate:12.0f}{p50:10.0f}{p99:10.0f}{wrong}")
    for name, other, bound in (("floor", "floor", 0.9), ("tuned peers", "tuned", 4.0)):
        ratio = found["ringwall"].rate / found[other].rate
        verdict = "met" if ratio >= bound else "MISSED"
        print(f"  over the rate of the {name}: {ratio:.2f} (goal: at least {bound}) {verdict}")


if __name__ == "__main__":
    main()
