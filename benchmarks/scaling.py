"""How the cost grows: with layers, rules, keys, clients and the size of the body. The curve counts.

Run: python -m benchmarks.scaling [--full]
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from ringwall import (
    JWT,
    APIKey,
    Authentication,
    Authorization,
    BodyValidation,
    Decision,
    Layer,
    RateLimit,
    Stack,
    allow,
    generate_api_key,
    public,
)

from . import requests as r
from . import world
from .harness import interleaved, overhead, run_to_end
from .lab import Lab, laboratory

ALLOW = Decision("sample", "allow", "rule", "ok")


@dataclass(frozen=True)
class Point:
    """One size: microseconds over a raw app, and the memory that the layer holds, in bytes."""

    size: int
    cost: float
    memory: int


@dataclass(frozen=True)
class Curve:
    """Cost against size; `bound`: the most that the last point may be of the first, or None."""

    title: str
    unit: str
    points: tuple[Point, ...]
    bound: float | None = None

    @property
    def growth(self) -> float:
        return self.points[-1].cost / self.points[0].cost


class Sample(Layer):
    """Decides, and nothing else."""

    def __init__(self, number: int) -> None:
        self.name = f"sample-{number}"

    def on_request(self, exchange: Any) -> None:
        exchange.decisions.append(ALLOW)


def curves(lab: Lab) -> Iterator[Curve]:
    most = 6 if lab.full else 4
    sizes = [10**power for power in range(1, most + 1)]
    yield _curve("Layers", "layers", [1, 2, 4, 8, 16], _layers)
    yield _curve("Rules", "rules", sizes[:4], _rules, bound=1.5)
    yield _curve("API keys", "keys", sizes, _api_keys, bound=1.5)
    yield _curve("Clients under one rate", "clients", sizes, _clients, bound=1.5)
    yield _curve("Keys of an issuer", "keys", [1, 4, 16, 64], _issuer_keys, bound=1.5)
    yield _bodies([100, 1_000, 10_000, 100_000, 1_000_000, *([10_000_000] if lab.full else [])])


def _curve(
    title: str,
    unit: str,
    sizes: list[int],
    make: Callable[[int], tuple[Any, Callable[[int], dict[str, Any]]]],
    *,
    bound: float | None = None,
) -> Curve:
    """`make(size)` gives an app, and the scope of its n-th request."""
    variants: dict[str, Callable[[], object]] = {
        "bare": lambda: run_to_end(r.asgi_app(r.asgi_scope(), r.receive, r.send))
    }
    memory: dict[int, int] = {}
    for size in sizes:
        gc.collect()
        tracemalloc.start()
        app, scope = make(size)
        for number in range(size if unit == "clients" else 1):
            run_to_end(app(scope(number), r.receive, r.send))
        memory[size] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        variants[str(size)] = _requests(app, scope, size)
    samples = interleaved(variants, rounds=15)
    points = (Point(size, overhead(samples, str(size), "bare"), memory[size]) for size in sizes)
    return Curve(title, unit, tuple(points), bound)


def _requests(app: Any, scope: Callable[[int], dict[str, Any]], size: int) -> Callable[[], object]:
    # A stride that is prime to the size reaches every client, far from the one before.
    number, stride = 0, max(1, size * 7 // 10) | 1

    def work() -> None:
        nonlocal number
        number = (number + stride) % size
        run_to_end(app(scope(number), r.receive, r.send))

    return work


def _layers(size: int) -> tuple[Any, Any]:
    return Stack(*map(Sample, range(size))).asgi(r.asgi_app), lambda number: r.asgi_scope()


def _rules(size: int) -> tuple[Any, Any]:
    more = (allow("GET", f"/v1/r{n}/{{id:int}}", lambda facts: True) for n in range(size - 1))
    layer = Authorization(public("GET", "/v1/orders/{order_id:int}"), *more)
    return layer.asgi(r.asgi_app), lambda number: r.asgi_scope()


def _api_keys(size: int) -> tuple[Any, Any]:
    key, record = generate_api_key("alice")
    records = [record, *(generate_api_key("bob")[1] for _ in range(size - 1))]
    headers = r.headers("GET", ("authorization", f"ApiKey {key}"))
    app = Authentication(APIKey(records)).asgi(r.asgi_app)
    return app, lambda number: r.asgi_scope("GET", headers)


def _clients(size: int) -> tuple[Any, Any]:
    app = RateLimit("1000000/second").asgi(r.asgi_app)

    def scope(number: int) -> dict[str, Any]:
        made = r.asgi_scope()
        made["client"] = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 5000)
        return made

    return app, scope


def _issuer_keys(size: int) -> tuple[Any, Any]:
    keys = [{**world.JWK, "kid": f"other-{number}"} for number in range(size - 1)]
    layer = Authentication(JWT(world.ISSUER, world.AUDIENCE, keys={"keys": [*keys, world.JWK]}))
    headers = r.headers("GET")
    return layer.asgi(r.asgi_app), lambda number: r.asgi_scope("GET", headers)


def _bodies(sizes: list[int]) -> Curve:
    schema = {"type": "array", "items": {"type": "object", "required": ["sku"]}}
    limit = {"POST /v1/orders": schema}
    app = BodyValidation(limit, limit="16 MiB").asgi(r.asgi_app)
    variants: dict[str, Callable[[], object]] = {
        "bare": lambda: run_to_end(r.asgi_app(r.asgi_scope(), r.receive, r.send))
    }
    for size in sizes:
        # The number of values has a limit of its own: larger bodies have larger values.
        count = min(1000, max(1, size // 100))
        item = {"sku": "TEA-0001", "note": "x" * (size // count - 30)}
        body = msgspec.json.encode([item] * count)
        headers = [*r.headers("GET"), (b"content-type", b"application/json")]
        headers.append((b"content-length", b"%d" % len(body)))
        variants[str(size)] = _posting(app, headers, body)
    samples = interleaved(variants, rounds=9)
    return Curve(
        "Body to validate",
        "bytes",
        tuple(Point(size, overhead(samples, str(size), "bare"), size) for size in sizes),
    )


def _posting(app: Any, headers: Any, body: bytes) -> Callable[[], object]:
    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def probe(message: Any) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"a body of {len(body)} bytes is answered {message['status']}")

    run_to_end(app(r.asgi_scope("POST", headers), receive, probe))
    return lambda: run_to_end(app(r.asgi_scope("POST", headers), receive, r.send))


def print_curve(curve: Curve) -> None:
    print(f"\n{curve.title}")
    for point in curve.points:
        print(
            f"{point.size:>12,d} {curve.unit:8s}{point.cost:12.2f} us{point.memory / 1024:12.0f} KB"
        )
    if curve.bound is not None:
        verdict = "met" if curve.growth <= curve.bound else "MISSED"
        print(f"  last over first: {curve.growth:.2f} (goal: at most {curve.bound:g}) {verdict}")


def main() -> None:
    with laboratory(full="--full" in sys.argv[1:]) as lab:
        for curve in curves(lab):
            print_curve(curve)


if __name__ == "__main__":
    main()
