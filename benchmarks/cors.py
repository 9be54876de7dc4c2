"""CORS: a request of a page that may read the answer.

Run: python -m benchmarks.cors
"""

from __future__ import annotations

from collections.abc import Iterator

from ringwall import CORS

from . import floor_transport as floors
from .harness import Comparison
from .lab import Lab, run
from .layers import INTERFACES, alone, bare_app
from .peers import transport as peers


def comparisons(lab: Lab) -> Iterator[Comparison]:
    origin = peers.ORIGIN.encode()
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        yield alone(
            lab,
            interface,
            "CORS",
            ("cors",),
            getattr(floors, f"cors_{colour}")(bare, origin),
            getattr(CORS([peers.ORIGIN]), colour)(bare),
            peers.cors(interface),
            extra=[(b"origin", origin)],
        )


if __name__ == "__main__":
    run(comparisons)
