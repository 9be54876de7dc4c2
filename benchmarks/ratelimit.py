"""What a rate limit costs in process, with headers: beside a hand-written GCRA, and beside peers.

Run: python -m benchmarks.ratelimit
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from ringwall import ConcurrencyLimit, Layer, RateLimit
from ringwall.ratelimit import Rule

from . import floors
from . import requests as r
from .harness import Comparison, Goal
from .lab import Lab, Made, run
from .peers import ratelimit as peers

RATE = "1000000/second"
INTERFACES: tuple[Literal["ASGI", "WSGI"], ...] = ("ASGI", "WSGI")
LINES = ((b"ratelimit-policy", b'"client";q=1000000;w=1'), (b"ratelimit", b'"client";r=1;t=1'))
GOALS = (
    Goal("over a hand-written GCRA", "Ringwall", "floor", 2),
    Goal("slowapi over Ringwall", "slowapi", "Ringwall", 15, at_most=False),
    Goal("asgi-ratelimit over Ringwall", "asgi-ratelimit", "Ringwall", 2, at_most=False),
    Goal("flask-limiter over Ringwall", "flask-limiter", "Ringwall", 30, at_most=False),
)


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
        colour = interface.lower()
        bare: Any = r.asgi_app if interface == "ASGI" else r.wsgi_app
        made: list[Made] = [
            ("bare", "bare", bare, ""),
            ("floor", "floor", getattr(floors, f"ratelimit_{colour}")(bare), "bare"),
            ("the core: two empty hooks", "ringwall", getattr(Nothing(), colour)(bare), "bare"),
            ("Ringwall", "ringwall", getattr(RateLimit(RATE), colour)(bare), "bare"),
        ]
        for name, layer in options():
            made.append((name, "ringwall", getattr(layer, colour)(bare), "bare"))
        if interface == "ASGI":
            made += peers.slowapi() + peers.asgi_ratelimit()
        else:
            made += peers.flask_limiter()
        yield Comparison("Rate limits in memory", interface, lab.variants(made, interface), GOALS)


def options() -> Iterator[tuple[str, Any]]:
    """What more costs more."""
    yield "no headers", RateLimit(RATE, headers="off")
    yield "three limits", RateLimit(RATE, "20000000/minute", "300000000/hour")
    yield "two rules", RateLimit(RATE, Rule("20000000/minute", key="client", policy="other"))
    yield "a limit of the route", RateLimit(RATE, routes={"GET /v1/orders/{id:int}": RATE})
    yield "in flight", ConcurrencyLimit(10, total=100)


if __name__ == "__main__":
    run(comparisons)
