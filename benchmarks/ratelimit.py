"""What a rate limit costs in process, with headers: beside a hand-written GCRA, and beside peers.

Run: python -m benchmarks.ratelimit
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ringwall import ConcurrencyLimit, Layer, RateLimit
from ringwall.ratelimit import Rule

from .harness import Comparison
from .lab import Lab, Made, run
from .layers import INTERFACES, bare_app, beside
from .peers import ratelimit as peers

RATE = "1000000/second"
LINES = ((b"ratelimit-policy", b'"client";q=1000000;w=1'), (b"ratelimit", b'"client";r=1;t=1'))


class Nothing(Layer):
    """The share of the core: it judges nothing and writes what is always the same."""

    name = "nothing"
    sets = frozenset({b"ratelimit", b"ratelimit-policy"})

    def on_request(self, exchange: Any) -> None:
        exchange.state[self] = b""

    def on_response(self, exchange: Any, head: Any) -> None:
        head.extend(LINES)


def comparisons(lab: Lab) -> Iterator[Comparison]:
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        more: list[Made] = [
            ("the core: two empty hooks", "ringwall", getattr(Nothing(), colour)(bare), "bare")
        ]
        for name, layer in options():
            more.append((name, "ringwall", getattr(layer, colour)(bare), "bare"))
        more += peers.limited(interface)
        title = "Rate limit in process, headers"
        yield beside(lab, interface, title, ("rate limit, client",), more)


def options() -> Iterator[tuple[str, Any]]:
    """What more costs more."""
    yield "no headers", RateLimit(RATE, headers="off")
    yield "three limits", RateLimit(RATE, "20000000/minute", "300000000/hour")
    yield "two rules", RateLimit(RATE, Rule("20000000/minute", key="client", policy="other"))
    yield "a limit of the route", RateLimit(RATE, routes={"GET /v1/orders/{id:int}": RATE})
    yield "in flight", ConcurrencyLimit(10, total=100)


if __name__ == "__main__":
    run(comparisons)
