"""How the cost grows: with layers, rules, keys, clients and the size of the body.

Each request asks for another rule, key or client than the one before, at random: what a cache of
the processor cannot hold is paid for. The same requests to the app alone are taken off, and what a
server would have at hand (the credential that it just read) is at hand.

Run: python -m benchmarks.scaling [--full]
"""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Callable, Iterator
from itertools import count, cycle
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
    generate_api_key,
    public,
)
from ringwall.ratelimit import MemoryStore

from . import requests as r
from . import world
from .growth import Curve, Maker, curve
from .harness import Role, Work, run_to_end
from .lab import Lab, run
from .peers import lacking
from .peers.authz import enforcer

ALLOW = Decision("sample", "allow", "rule", "ok")
SAMPLE = 10_000
OURS: tuple[str, Role] = ("Ringwall", "ringwall")


class Sample(Layer):
    """Decides, and nothing else."""

    def __init__(self, number: int) -> None:
        self.name = f"sample-{number}"

    def on_request(self, exchange: Any) -> None:
        exchange.decisions.append(ALLOW)


def comparisons(lab: Lab) -> Iterator[Curve]:
    sizes = [10**power for power in range(1, 7 if lab.full else 5)]
    rounds, chunk = (21, 0.008) if lab.full else (9, 0.003)

    def grown(title: str, unit: str, sizes: list[int], make: Maker) -> Curve:
        return curve(title, unit, sizes, {OURS: make}, rounds=rounds, chunk=chunk)

    yield grown("layers", "layers", [1, 2, 4, 8, 16], _layers)
    judges: dict[tuple[str, Role], Maker] = {OURS: _rules}
    if not lacking("casbin"):
        judges["casbin", "peer"] = _casbin
    some = {"casbin": [10, 100, 1000]}  # it goes through all of them, for each request
    yield curve("rules", "rules", sizes[:4], judges, rounds=rounds, chunk=chunk, fewer=some)
    yield grown("API keys", "keys", sizes, _api_keys)
    yield grown("clients", "clients", sizes, _clients)
    yield grown("keys of an issuer", "keys", [1, 4, 16, 64], _issuer_keys)
    yield curve(
        "body",
        "octets",
        [100, 1_000, 10_000, 100_000, 1_000_000, *([10_000_000] if lab.full else [])],
        {OURS: _body},
        rounds=9,
        at_most=True,
    )


Requests = Callable[[], tuple[Work, Work]]


def _asking(app: Any, scope: Callable[[int], dict[str, Any]], size: int) -> tuple[Work, Work]:
    """Requests to the app, and to the raw one, in an order that nothing can foresee.

    scope: that of the n-th rule, key or client.
    """
    seen: list[int] = []

    async def probe(message: Any) -> None:
        seen.append(message.get("status", 200))

    run_to_end(app(scope(size - 1), r.receive, probe))
    if seen[0] != 200:
        raise RuntimeError(f"{app!r} answers {seen[0]}")

    def to(app: Any) -> Work:
        turns = cycle(_picked(size))
        return lambda: run_to_end(app(scope(next(turns)), r.receive, r.send))

    return to(app), to(r.asgi_app)


def _picked(size: int) -> list[int]:
    """As many numbers for every size, so that only what is asked for differs."""
    return random.Random(1).choices(range(size), k=SAMPLE)  # noqa: S311  no secret


def _layers(size: int) -> Requests:
    app = Stack(*map(Sample, range(size))).asgi(r.asgi_app)
    return lambda: _asking(app, lambda number: r.asgi_scope(), size)


def _rules(size: int) -> Requests:
    rules = (public("GET", f"/v1/r{n}/{{id:int}}") for n in range(size))
    app = Authorization(*rules).asgi(r.asgi_app)

    # Another id each time, for each size: how many paths there are is not the question.
    ids = count(1000)

    def scope(number: int) -> dict[str, Any]:
        path = f"/v1/r{number}/{next(ids)}"
        return {**r.asgi_scope(), "path": path, "raw_path": path.encode()}

    return lambda: _asking(app, scope, size)


def _casbin(size: int) -> Requests:
    judge = enforcer(size)
    return lambda: (lambda: judge.enforce("alice", "/v1/orders/1001", "GET"), lambda: None)


def _api_keys(size: int) -> Requests:
    asked = {size - 1, *_picked(size)}
    # In one piece, and copied for each request, as a server reads them: no memory of the layer's.
    credentials, places, records = bytearray(), array("l", [0]) * size, []
    for number in range(size):
        key, record = generate_api_key("alice")
        records.append(record)
        if number in asked:
            places[number] = len(credentials)
            credentials += b"ApiKey " + key.encode()
    length = len("ApiKey ") + len(key)
    app = Authentication(APIKey(records)).asgi(r.asgi_app)
    others = [line for line in r.HEADERS if line[0] != b"authorization"]

    def scope(number: int) -> dict[str, Any]:
        place = places[number]
        credential = bytes(credentials[place : place + length])
        return r.asgi_scope("GET", [*others, (b"authorization", credential)])

    return lambda: _asking(app, scope, size)


def _clients(size: int) -> Requests:
    # So slow a rate that no client is forgotten meanwhile, and so large that none is refused.
    store = MemoryStore(max_keys=max(2 * size, 100_000))
    app = RateLimit("1000000/300 days", store=store).asgi(r.asgi_app)

    def scope(number: int) -> dict[str, Any]:
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        return {**r.asgi_scope(), "client": (address, 5000)}

    for number in range(size):
        run_to_end(app(scope(number), r.receive, r.send))
    return lambda: _asking(app, scope, size)


def _issuer_keys(size: int) -> Requests:
    keys = [{**world.JWK, "kid": f"other-{number}"} for number in range(size - 1)]
    layer = Authentication(
        JWT(world.ISSUER, world.AUDIENCE, keys={"keys": [*keys, world.JWK]}, cache_size=0)
    )
    app = layer.asgi(r.asgi_app)
    headers = r.headers("GET")
    return lambda: _asking(app, lambda number: r.asgi_scope("GET", headers), size)


def _body(size: int) -> Requests:
    schema = {"type": "array", "items": {"type": "object", "required": ["sku"]}}
    app = BodyValidation({"POST /v1/orders": schema}, limit="16 MiB").asgi(r.asgi_app)
    # The number of values has a limit of its own: larger bodies have larger values.
    count = min(1000, max(1, size // 100))
    item = {"sku": "TEA-0001", "note": "x" * (size // count - 30)}
    body = msgspec.json.encode([item] * count)
    headers = [*r.headers("GET"), (b"content-type", b"application/json")]
    headers.append((b"content-length", b"%d" % len(body)))

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def probe(message: Any) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"a body of {len(body)} octets is answered {message['status']}")

    run_to_end(app(r.asgi_scope("POST", headers), receive, probe))

    def to(app: Any) -> Work:
        return lambda: run_to_end(app(r.asgi_scope("POST", headers), receive, r.send))

    return lambda: (to(app), to(r.asgi_app))


def main() -> None:
    run(comparisons, full="--full" in sys.argv[1:])


if __name__ == "__main__":
    main()
