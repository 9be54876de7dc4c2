"""What a trusted proxy says of client and scheme: the cost over the same layer without proxies.

Run: python -m benchmarks.proxies
"""

from __future__ import annotations

from collections.abc import Iterator

from ringwall import HTTPS, Stack, TrustedProxies

from . import floor_transport as floors
from . import world
from .harness import Comparison
from .lab import Lab, Made, run
from .layers import INTERFACES, bare_app
from .peers import transport as peers

PROXY = "192.0.2.7"
SAID = ((b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https"))


def comparisons(lab: Lab) -> Iterator[Comparison]:
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        https = HTTPS(hosts=[world.HOST])
        behind = Stack(https, proxies=TrustedProxies([f"{PROXY}/32"]))
        floor = getattr(floors, f"proxies_{colour}")(bare, frozenset({PROXY}))
        made: list[Made] = [
            ("bare", "bare", bare, ""),
            ("floor", "floor", floor, "bare"),
            ("HTTPS alone", "bare", getattr(https, colour)(bare), ""),
            ("Ringwall", "ringwall", getattr(behind, colour)(bare), "HTTPS alone"),
            *peers.proxies(interface),
        ]
        variants = lab.variants(made, interface, extra=SAID)
        yield Comparison("Proxies", interface, variants, layers=("proxies",))


if __name__ == "__main__":
    run(comparisons)
