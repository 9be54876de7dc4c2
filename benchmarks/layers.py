"""What each layer costs in the full stack, and the layers alone beside their floors.

The cost in the stack is the full stack's less that of the stack without the layer. It is small
beside the noise of a span and a write: so they are left out (the records go to a device that keeps
nothing), but for the audit itself.

Run: python -m benchmarks.layers
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

from ringwall import Audit, Layer, Stack

from . import floors
from . import requests as r
from .floor_audit import Trail
from .harness import Comparison, Variant
from .lab import Lab, Made, run
from .stacks import ringwall_layers

Interface = Literal["ASGI", "WSGI"]
INTERFACES: tuple[Interface, ...] = ("ASGI", "WSGI")
STACKED = "The full stack without each layer, POST"


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


@cache
def _pairs(lab: Lab, interface: Interface) -> dict[str, Pair]:
    return {pair.title: pair for pair in pairs(lab, interface)}


def beside(
    lab: Lab,
    interface: Interface,
    title: str,
    layers: tuple[str, ...],
    more: Iterable[Made] = (),
) -> Comparison:
    """One of the pairs, with the app alone, and with variants and peers of its area."""
    pair = _pairs(lab, interface)[title]
    return alone(lab, interface, title, layers, pair.floor, pair.ringwall, more, pair.method)


def alone(
    lab: Lab,
    interface: Interface,
    title: str,
    layers: tuple[str, ...],
    floor: Any,
    ringwall: Any,
    more: Iterable[Made] = (),
    method: str = "GET",
    **options: Any,
) -> Comparison:
    """A layer alone over a raw app, its floor, and variants and peers of its area.

    layers: their names in the full stack, for the table. options: as `Lab.batch` takes them.
    """
    made: list[Made] = [
        ("bare", "bare", bare_app(interface), ""),
        ("floor", "floor", floor, "bare"),
        ("Ringwall", "ringwall", ringwall, "bare"),
        *more,
    ]
    variants = lab.variants(made, interface, method, **options)
    return Comparison(title, interface, variants, layers=layers)


def comparisons(lab: Lab) -> Iterator[Comparison]:
    for interface in INTERFACES:
        bare = bare_app(interface)
        made: list[Made] = [
            ("bare", "bare", bare, ""),
            ("one empty hook", "ringwall", getattr(Nothing(), interface.lower())(bare), "bare"),
        ]
        yield Comparison("The core", interface, lab.variants(made, interface))
        yield _in_the_stack(lab, interface)


def _in_the_stack(lab: Lab, interface: Interface) -> Comparison:
    colour = interface.lower()
    bare = bare_app(interface)
    layers = ringwall_layers(lab.folder / f"stacked-{colour}.jsonl", lab.provider)
    quiet = {**layers, "audit": Audit(sink="/dev/null")}

    def stack(layers: dict[str, Layer], *gone: str) -> Any:
        rest = [layer for name, layer in layers.items() if name not in gone]
        return lab.batch(getattr(Stack(*rest), colour)(bare), interface, "POST")

    by_principal = ["authorization", "rate limit, principal"]
    variants = [
        Variant("quiet stack", "bare", stack(quiet), ""),
        # These need the principal: the cost of authentication is that of a stack without them.
        Variant("without those by principal", "bare", stack(quiet, *by_principal), ""),
        Variant("full stack", "ringwall", stack(layers), ""),
        Variant("without audit", "ringwall", stack(quiet, "audit"), "full stack"),
    ]
    for name in layers:
        if name == "authentication":
            batch = stack(quiet, *by_principal, name)
            variants.append(
                Variant(f"without {name}", "ringwall", batch, "without those by principal")
            )
        elif name != "audit":
            variants.append(
                Variant(f"without {name}", "ringwall", stack(quiet, name), "quiet stack")
            )
    return Comparison(STACKED, interface, tuple(variants))


if __name__ == "__main__":
    run(comparisons)
