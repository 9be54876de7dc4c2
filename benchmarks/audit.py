"""What the audit costs: traced or not, recorded or not, beside OpenTelemetry's instrumentations.

The yardstick is the same record and the same span by hand (`floor_audit`): one of them, and both.

A queue is not among them: its thread writes while others are timed. Run by itself over thousands of
requests, until all is in the file, it takes a sixth off.

Run: python -m benchmarks.audit
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from ringwall import Audit, Layer

from . import floors
from .floor_audit import Trail
from .harness import Comparison, Goal
from .lab import Lab, Made, run
from .layers import INTERFACES, bare_app
from .peers import tracing

# What the peer has to be slower by: instrumentation-wsgi makes one span and reads little.
LESS = {"ASGI": 3, "WSGI": 2}
BOTH = "Ringwall"


class Hooks(Layer):
    """The share of the core: a layer that does nothing at the start, and nothing at the end."""

    name = "hooks"
    observes = True
    tolerant = True

    def on_request(self, exchange: Any) -> None:
        return None

    def on_complete(self, exchange: Any, outcome: Any) -> None:
        return None


def comparisons(lab: Lab) -> Iterator[Comparison]:
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    for interface in INTERFACES:
        colour = interface.lower()
        bare: Any = bare_app(interface)

        def by_hand(trail: Trail, colour: str = colour, bare: Any = bare) -> Any:
            return getattr(floors, f"audit_{colour}")(bare, trail)

        def ours(layer: Layer, colour: str = colour, bare: Any = bare) -> Any:
            return getattr(layer, colour)(bare)

        file = lab.folder / f"audit-{colour}"
        floor = lab.open(f"floor-{colour}.jsonl")
        tracer = lab.provider.get_tracer("floor")
        made: list[Made] = [
            ("bare", "bare", bare, ""),
            ("floor: a span", "floor", by_hand(Trail(None, tracer)), "bare"),
            ("floor: a record", "floor", by_hand(Trail(floor, None)), "bare"),
            ("floor", "floor", by_hand(Trail(floor, tracer)), "bare"),
            ("the core: two empty hooks", "ringwall", ours(Hooks()), "bare"),
            ("no SDK, no sink", "ringwall", ours(Audit(None)), "bare"),
            ("sampled out", "ringwall", ours(Audit(None, tracer_provider=unsampled)), "bare"),
            ("a span", "ringwall", ours(Audit(None, tracer_provider=lab.provider)), "bare"),
            ("a record", "ringwall", ours(Audit(f"{file}-record.jsonl")), "bare"),
            (
                BOTH,
                "ringwall",
                ours(Audit(f"{file}-both.jsonl", tracer_provider=lab.provider)),
                "bare",
            ),
        ]
        made += tracing.instrumented(interface, lab.provider)
        peer = f"instrumentation-{colour}, one span"
        goals = (
            Goal("both over both by hand", BOTH, "floor", 1.5),
            # A bare span of all attributes cost 22 us where these were set: 4 us, and 8 us.
            Goal("no SDK over a span by hand", "no SDK, no sink", "floor: a span", 4 / 22),
            Goal("sampled out over a span by hand", "sampled out", "floor: a span", 8 / 22),
            Goal("the peer over a span", peer, "a span", LESS[interface], at_most=False),
            Goal("the peer over both", peer, BOTH, 1, at_most=False),
        )
        variants = lab.variants(made, interface)
        yield Comparison("Audit: record and span", interface, variants, goals, ("audit",))


if __name__ == "__main__":
    run(comparisons)
