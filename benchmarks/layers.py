"""What each layer costs: alone over a raw app, beside a hand-written floor, and in the full stack.

The cost in the stack is the full stack's less that of the stack without the layer.

Run: python -m benchmarks.layers
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from ringwall import APIKey, Authentication, Layer, Stack, generate_api_key

from . import floors
from . import requests as r
from .floor_rules import Trail
from .harness import Comparison, Goal, Variant
from .lab import Lab, Made, run
from .stacks import ringwall_layers

Interface = Literal["ASGI", "WSGI"]
INTERFACES: tuple[Interface, ...] = ("ASGI", "WSGI")
GOALS = (Goal("over its floor", "Ringwall", "floor", 2),)


class Nothing(Layer):
    """What the core costs by itself."""

    name = "nothing"

    def on_request(self, exchange: Any) -> None:
        return None


class Pair(NamedTuple):
    """A layer, or a few that belong together, around a raw app; and the same by hand."""

    title: str
    method: str
    floor: Any
    ringwall: Any


def pairs(lab: Lab, interface: Interface) -> Iterator[Pair]:
    """Every layer beside its floor."""
    colour = interface.lower()
    bare = bare_app(interface)
    layers = ringwall_layers(lab.folder / f"{colour}.jsonl", lab.provider)
    file = lab.open("floor.jsonl")

    def floor(name: str, app: Any = bare, *more: Any) -> Any:
        return getattr(floors, f"{name}_{colour}")(app, *more)

    def ours(*names: str) -> Any:
        return getattr(Stack(*(layers[name] for name in names)), colour)(bare)

    yield Pair(
        "HTTPS, HSTS, nine headers",
        "GET",
        floor("transport"),
        ours("security headers", "https"),
    )
    yield Pair(
        "Rate limit in process, headers", "GET", floor("ratelimit"), ours("rate limit, client")
    )
    yield Pair(
        "Authentication, token remembered", "GET", floor("authentication"), ours("authentication")
    )
    yield Pair(
        "Authentication and authorization",
        "GET",
        floor("authentication", floor("authorization")),
        ours("authentication", "authorization"),
    )
    yield Pair("Body validation, 1 KB", "POST", floor("validation"), ours("validation"))
    trail = Trail(file, lab.provider.get_tracer("floor"))
    yield Pair("Audit: record and span", "GET", floor("audit", bare, trail), ours("audit"))


def bare_app(interface: Interface) -> Any:
    return r.asgi_app if interface == "ASGI" else r.wsgi_app


def comparisons(lab: Lab) -> Iterator[Comparison]:
    for interface in INTERFACES:
        for pair in pairs(lab, interface):
            made: list[Made] = [
                ("bare", "bare", bare_app(interface), ""),
                ("floor", "floor", pair.floor, "bare"),
                ("Ringwall", "ringwall", pair.ringwall, "bare"),
            ]
            yield Comparison(
                pair.title, interface, lab.variants(made, interface, pair.method), GOALS
            )
        yield _core(lab, interface)
        yield _in_the_stack(lab, interface)


def _core(lab: Lab, interface: Interface) -> Comparison:
    colour, bare = interface.lower(), bare_app(interface)
    key, record = generate_api_key("alice")
    made: list[Made] = [
        ("bare", "bare", bare, ""),
        ("the core, one empty hook", "ringwall", getattr(Nothing(), colour)(bare), "bare"),
    ]
    keyed = getattr(Authentication(APIKey([record])), colour)(bare)
    batch = lab.batch(keyed, interface, credential=("authorization", f"ApiKey {key}"))
    variants = (*lab.variants(made, interface), Variant("API key", "ringwall", batch))
    return Comparison("The core, an API key", interface, variants)


def _in_the_stack(lab: Lab, interface: Interface) -> Comparison:
    colour = interface.lower()
    bare = bare_app(interface)
    layers = ringwall_layers(lab.folder / "stacked.jsonl", lab.provider)

    def stack(*gone: str) -> Any:
        rest = [layer for name, layer in layers.items() if name not in gone]
        return lab.batch(getattr(Stack(*rest), colour)(bare), interface, "POST")

    variants = [Variant("full stack", "ringwall", stack(), "")]
    for name in layers:
        base, gone = "full stack", [name]
        if name == "authentication":
            # These need the principal: its cost is taken off a stack that has neither.
            base, gone = "without those by principal", ["authorization", "rate limit, principal"]
            variants.append(Variant(base, "bare", stack(*gone), "full stack"))
            gone.append(name)
        variants.append(Variant(f"without {name}", "ringwall", stack(*gone), base))
    return Comparison("The full stack without each layer, POST", interface, tuple(variants))


if __name__ == "__main__":
    run(comparisons)
