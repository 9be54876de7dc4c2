"""A million clients that nobody has seen before, one request each: does any of them wait?

What grows is copied now and then, and what is full is searched: the rate limit in memory must not
let one request pay for that. Told is how many took more than ten times the median, and how many
turns of an empty loop did, as long as a request each and in between: the machine interrupts both.
What is slow by its nature is so again for the same clients: those that are slow in each of three
rounds fail the run. By hand, in two minutes:

    python tests/fuzz/flood.py [--clients 1000000]
"""

from __future__ import annotations

import argparse
import logging
import sys
from array import array
from statistics import median
from time import perf_counter_ns
from typing import Any

from ringwall.ratelimit import MemoryStore, RateLimit

ROUNDS, TIMES, WARM_UP = 3, 10, 1000


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"x"]


def start_response(*told: object) -> None:
    """No server."""


def environ(client: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "REMOTE_ADDR": client
    }  # fmt: skip


def flood(clients: int, room: int) -> tuple[array[int], array[int]]:
    """Nanoseconds of each request, and of the empty turn after it."""
    limited = RateLimit("100/minute", store=MemoryStore(room)).wsgi(app)
    requests, turns = array("Q", bytes(8 * clients)), array("Q", bytes(8 * clients))
    begin = perf_counter_ns()
    for i in range(WARM_UP):
        limited(environ(f"192.0.2.{i & 255}"), start_response)
    usual = (perf_counter_ns() - begin) // WARM_UP
    for i in range(clients):
        request = environ(f"{10 + (i >> 24)}.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}")
        begin = perf_counter_ns()
        limited(request, start_response)
        end = now = perf_counter_ns()
        while now - end < usual:
            now = perf_counter_ns()
        requests[i], turns[i] = end - begin, now - end
    return requests, turns


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1_000_000)
    clients = parser.parse_args().clients
    logging.disable()  # that there is no room is what this is about
    failed = False
    for room, what in ((2 * clients, "room for all"), (clients // 10, "room for a tenth")):
        always = set(range(clients))
        for _ in range(ROUNDS):
            requests, turns = flood(clients, room)
            usual = median(requests)
            slow = {i for i, spent in enumerate(requests) if spent > TIMES * usual}
            empty = sum(spent > TIMES * usual for spent in turns)
            always &= slow
            sys.stdout.write(
                f"{what}: median {usual / 1000:.1f} us; slower than {TIMES} times that: {len(slow)}"
                f" requests and {empty} empty turns; slowest {max(requests) / 1000:.0f} and"
                f" {max(turns) / 1000:.0f} us\n"
            )
        sys.stdout.write(f"{what}: {len(always)} slow in each round {sorted(always)[:5]}\n")
        failed = failed or bool(always)
    return failed


if __name__ == "__main__":
    sys.exit(main())
