"""The whole stack: bare app, floor, Ringwall, and what users assemble by hand today.

Run: python -m benchmarks.stacks
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ringwall import (
    HTTPS,
    JWT,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    Layer,
    RateLimit,
    SecurityHeaders,
    Stack,
    allow,
    owner,
    scope,
)

from . import floors, world
from . import requests as r
from .floor_audit import Trail
from .harness import Comparison, Interface
from .lab import Lab, Made, run
from .peers import stack_asgi as peer_asgi
from .peers import stack_wsgi as peer_wsgi


def load_order(order_id: int) -> dict[str, Any] | None:
    return world.ORDERS.get(order_id)


def ringwall_layers(audit_file: Path, provider: Any) -> dict[str, Layer]:
    """The README's stack, with security headers; a rate that is counted but never reached."""
    return {
        "audit": Audit(sink=audit_file, tracer_provider=provider),
        "security headers": SecurityHeaders(),
        "https": HTTPS(hosts=[world.HOST]),
        "rate limit, client": RateLimit("1000000/second"),
        "authentication": Authentication(JWT(world.ISSUER, world.AUDIENCE, keys=world.JWK)),
        "rate limit, principal": RateLimit("1000000/second", key="principal"),
        "authorization": Authorization(
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("POST", "/v1/orders", scope("orders:write")),
        ),
        "validation": BodyValidation({"POST /v1/orders": world.ORDER_SCHEMA}),
    }


def comparisons(lab: Lab) -> Iterator[Comparison]:
    """GET and POST, through ASGI under asyncio and uvloop, and through WSGI."""
    stack = Stack(*ringwall_layers(lab.folder / "audit.jsonl", lab.provider).values())
    trail = Trail(lab.open("floor-stack.jsonl"), lab.provider.get_tracer("floor"))
    asgi: list[Made] = [
        ("bare", "bare", r.asgi_app, ""),
        ("floor", "floor", floors.stack_asgi(r.asgi_app, trail), "bare"),
        ("Ringwall", "ringwall", stack.asgi(r.asgi_app), "bare"),
        *peer_asgi.variants(lab.provider),
    ]
    wsgi: list[Made] = [
        ("bare", "bare", r.wsgi_app, ""),
        ("floor", "floor", floors.stack_wsgi(r.wsgi_app, trail), "bare"),
        ("Ringwall", "ringwall", stack.wsgi(r.wsgi_app), "bare"),
        *peer_wsgi.variants(lab.provider),
    ]
    interfaces: list[tuple[Interface, list[Made]]] = [("ASGI", asgi), ("WSGI", wsgi)]
    if lab.uvloop:
        interfaces.insert(1, ("ASGI, uvloop", asgi))
    for method in ("GET", "POST"):
        for interface, made in interfaces:
            variants = lab.variants(made, interface, method)
            yield Comparison(f"Full stack, {method}", interface, variants)


if __name__ == "__main__":
    run(comparisons)
