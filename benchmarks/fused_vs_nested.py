"""Six layers compiled into one stack, against the same six wrapped one by one.

Run: python -m benchmarks.fused_vs_nested
"""

from __future__ import annotations

from collections.abc import Iterator

from ringwall import Decision, Layer, Response, Stack

from .harness import Comparison
from .lab import Lab, Made, run
from .layers import INTERFACES, bare_app

ALLOW = Decision("sample", "allow", "rule", "ok")


class Constant(Layer):
    name = "constant"
    constant_headers = ((b"strict-transport-security", b"max-age=63072000"),)


class Redirect(Layer):
    name = "redirect"

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        return None if exchange.secure else Response(308)


class Credential(Layer):
    name = "credential"
    wants = frozenset({b"authorization"})

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        if b"authorization" not in exchange.headers:
            return Response(401)
        exchange.decisions.append(ALLOW)
        return None


class Rule(Layer):
    name = "rule"
    by_path = True

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        exchange.decisions.append(ALLOW)


class Counter(Layer):
    name = "counter"
    sets = frozenset({b"ratelimit"})

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        exchange.decisions.append(ALLOW)

    def on_response(self, exchange, head):  # type: ignore[no-untyped-def]
        head.add(b"ratelimit", b'"client";r=9;t=1')


class Observer(Layer):
    name = "observer"
    observes = tolerant = True

    def on_complete(self, exchange, outcome):  # type: ignore[no-untyped-def]
        return None


LAYERS = (Observer(), Redirect(), Constant(), Credential(), Rule(), Counter())


def comparisons(lab: Lab) -> Iterator[Comparison]:
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        nested = bare
        for layer in reversed(LAYERS):
            nested = getattr(layer, colour)(nested)
        made: list[Made] = [
            ("bare", "bare", bare, ""),
            ("fused", "ringwall", getattr(Stack(*LAYERS), colour)(bare), "bare"),
            ("nested", "ringwall", nested, "bare"),
        ]
        yield Comparison("Fused or nested, six layers", interface, lab.variants(made, interface))


if __name__ == "__main__":
    run(comparisons)
