"""The stacks behind real servers: requests per second and latencies, by `wrk`, in turns.

    python -m benchmarks.served             needs wrk (Debian: apt-get install wrk), gunicorn

One worker each, on loopback, 64 connections (16 for gunicorn's threads). The load comes from this
machine too: the ratios count, and of them only those of one run. Last, one rate limit whose counts
are in Redis.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

from .lab import Lab, run
from .load import WITHOUT_WRK, Kind, Served, measured, redis_server
from .peers import LEFT_OUT, lacking, stack_asgi, stack_wsgi

OURS = (
    Kind("bare", "bare", "bare"),
    Kind("floor", "floor", "floor"),
    Kind("Ringwall", "ringwall", "ringwall"),
)
FROZEN = Kind("Ringwall, after gc.freeze()", "ringwall", "frozen")
PEERS = (
    Kind("framework alone", "bare", "framework"),
    Kind("peers, tuned", "peer", "tuned"),
    Kind("peers, as documented", "peer", "documented"),
)
INTERFACES = (("asgi", stack_asgi.MISSING), ("wsgi", stack_wsgi.MISSING))


def comparisons(lab: Lab) -> Iterator[Served]:
    if shutil.which("wrk") is None:
        LEFT_OUT["everything served"] = WITHOUT_WRK
        return
    shape = {"rounds": 3, "seconds": 2} if lab.full else {"rounds": 2, "seconds": 1}
    for interface, missing in INTERFACES:
        if interface == "wsgi" and lacking("gunicorn"):
            LEFT_OUT["everything served by gunicorn"] = "not installed: gunicorn"
            continue
        ours = (*OURS, FROZEN) if lab.full else OURS
        kinds = ours if missing else ours + PEERS
        for method in ("GET", "POST") if lab.full else ("GET",):
            title = f"Served, the full stack, {method}"
            yield measured(title, interface, method, kinds, lab.folder, **shape)
    if shutil.which("redis-server") is None:
        LEFT_OUT["limits on Redis, served"] = "redis-server is not installed"
        return
    # One round less in the quick form, which is to take less than two minutes.
    yield from _on_redis(lab, shape if lab.full else {**shape, "rounds": 1})


def _on_redis(lab: Lab, shape: dict[str, int]) -> Iterator[Served]:
    """A rate limit alone, its counts in Redis."""
    for interface, package, base in (
        ("asgi", "slowapi", "Starlette, bare"),
        ("wsgi", "flask_limiter", "Flask, bare"),
    ):
        kinds = [Kind("bare", "bare", "bare"), Kind("RateLimit", "ringwall", "redis")]
        if not lacking(package):
            kinds.append(Kind(base, "bare", "redis-framework"))
            kinds.append(Kind(package.replace("_", "-"), "peer", "redis-peer"))
        if interface == "wsgi" and lacking("gunicorn"):
            continue
        with redis_server(lab.folder) as port:
            yield measured(
                "A rate limit on Redis",
                interface,
                "GET",
                kinds,
                lab.folder,
                environment={"RINGWALL_BENCHMARK_REDIS": f"redis://127.0.0.1:{port}"},
                **shape,
            )


if __name__ == "__main__":
    run(comparisons, full="--full" in sys.argv[1:])
