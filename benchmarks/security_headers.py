"""HTTPS, hosts and response headers: each alone, both together, and what options add.

Run: python -m benchmarks.security_headers
"""

from __future__ import annotations

from collections.abc import Iterator

from ringwall import HTTPS, SecurityHeaders

from . import floor_transport as floors
from . import world
from .harness import Comparison
from .lab import Lab, Made, run
from .layers import INTERFACES, alone, bare_app, beside
from .peers import transport as peers


def comparisons(lab: Lab) -> Iterator[Comparison]:
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        yield alone(
            lab,
            interface,
            "HTTPS, hosts, HSTS",
            ("https",),
            getattr(floors, f"hosts_{colour}")(bare),
            getattr(HTTPS(hosts=[world.HOST]), colour)(bare),
            peers.hosts(interface),
        )
        options = (
            ("constant ones alone", SecurityHeaders(remove=(), cookies=None)),
            ("for browsers, with a nonce", SecurityHeaders("browser")),
        )
        more: list[Made] = [
            (name, "ringwall", getattr(layer, colour)(bare), "bare") for name, layer in options
        ]
        yield alone(
            lab,
            interface,
            "Security headers",
            ("security headers",),
            getattr(floors, f"headers_{colour}")(bare),
            getattr(SecurityHeaders(), colour)(bare),
            [*more, *peers.headers(interface)],
        )
        together = ("https", "security headers")
        title = "HTTPS, HSTS, nine headers"
        yield beside(lab, interface, title, together, peers.transport(interface))


if __name__ == "__main__":
    run(comparisons)
