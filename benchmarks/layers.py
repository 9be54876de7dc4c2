"""What each layer costs alone and in the full stack, beside a hand-written floor.

Run: python -m benchmarks.layers
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringwall import (
    HTTPS,
    APIKey,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    Layer,
    RateLimit,
    Stack,
    allow,
    generate_api_key,
    scope,
)

from . import requests as r
from .harness import interleaved, overhead, report, run_to_end

KEY, RECORD = generate_api_key("alice", scopes=["orders:read"])
r.HEADERS[5] = (b"authorization", b"ApiKey " + KEY.encode())


class Nothing(Layer):
    """What the core costs by itself."""

    name = "nothing"

    def on_request(self, exchange: Any) -> None:
        return None


def layers(folder: Path) -> dict[str, Layer]:
    return {
        "core": Nothing(),
        "audit": Audit(sink=folder / "audit.jsonl"),
        "https": HTTPS(hosts=["api.example.com"]),
        "ratelimit": RateLimit("1000000/second"),
        "authentication (API key)": Authentication(APIKey([RECORD])),
        "authorization": Authorization(
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read"))
        ),
        "validation (GET)": BodyValidation({"POST /v1/orders": {"type": "object"}}),
    }


def floor_headers(app: Any) -> Any:
    """HTTPS check, host check and HSTS by hand."""
    line = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"host":
                if value != b"api.example.com":
                    raise ValueError
                break

        def out(message: Any) -> Any:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], line]}
            return send(message)

        await app(scope, receive, out)

    return wrapped


def floor_ratelimit(app: Any) -> Any:
    """GCRA with three headers by hand."""
    states: dict[str, float] = {}
    policy = (b"ratelimit-policy", b'"client";q=1000;w=1')

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        key = scope["client"][0]
        now = time.monotonic()
        state = states.get(key, now)
        if state < now:
            state = now
        if state - now > 1:
            raise ValueError
        states[key] = state + 1e-9
        left = b'"client";r=%d;t=1' % int(1000 - (state - now) * 1000)

        def out(message: Any) -> Any:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], policy, (b"ratelimit", left)]
                message = {**message, "headers": headers}
            return send(message)

        await app(scope, receive, out)

    return wrapped


def main() -> None:
    def asgi(app: Any) -> Callable[[], None]:
        return lambda: run_to_end(app(r.asgi_scope(), r.receive, r.send))

    def wsgi(app: Any) -> Callable[[], object]:
        return lambda: app(r.wsgi_environ(), r.start_response)

    with tempfile.TemporaryDirectory() as folder:
        made = layers(Path(folder))
        order = [layer for name, layer in made.items() if name not in ("core", "authorization")]
        stack = Stack(*order[:4], made["authorization"], order[4])
        for label, wrap, bare in (("ASGI", asgi, r.asgi_app), ("WSGI", wsgi, r.wsgi_app)):
            method = label.lower()
            variants: dict[str, Any] = {"bare": wrap(bare)}
            if label == "ASGI":
                variants["floor: host check, HSTS"] = wrap(floor_headers(bare))
                variants["floor: GCRA, headers"] = wrap(floor_ratelimit(bare))
            for name, layer in made.items():
                if name == "authorization":
                    pair = Stack(made["authentication (API key)"], layer)
                    variants["authentication + authorization"] = wrap(getattr(pair, method)(bare))
                else:
                    variants[name] = wrap(getattr(layer, method)(bare))
            variants["full stack"] = wrap(getattr(stack, method)(bare))
            samples = interleaved(variants)
            print(label)
            report(samples, "bare")
            if label == "ASGI":
                for layer, floor in (
                    ("https", "floor: host check, HSTS"),
                    ("ratelimit", "floor: GCRA, headers"),
                ):
                    ratio = overhead(samples, layer, "bare") / overhead(samples, floor, "bare")
                    print(f"{layer} over its floor: {ratio:.2f} (goal: at most 2)")
            print()


if __name__ == "__main__":
    main()
