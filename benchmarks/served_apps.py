"""The app that a real server serves in `benchmarks.served`: which one, the environment says.

RINGWALL_BENCHMARK: "bare", "floor", "ringwall", "framework", "tuned" or "documented"; "frozen": as
"ringwall", and what is there at the start is no longer looked at by the garbage collector; "redis",
"redis-framework" or "redis-peer" for a rate limit alone.
RINGWALL_BENCHMARK_FOLDER: where records are written. RINGWALL_BENCHMARK_KEY: the issuer's key.
RINGWALL_BENCHMARK_REDIS: where counts are.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from ringwall import RateLimit, Stack

from . import floors
from . import requests as r
from .floor_audit import Trail
from .lab import NowhereExporter
from .stacks import ringwall_layers

_FOLDER = Path(os.environ.get("RINGWALL_BENCHMARK_FOLDER", "."))


def _provider() -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(NowhereExporter()))
    return provider


def _make(interface: str) -> Any:
    kind = os.environ["RINGWALL_BENCHMARK"]
    bare = r.asgi_app if interface == "asgi" else r.wsgi_app
    if kind == "bare":
        return bare
    if kind.startswith("redis"):
        return _limited(kind, interface)
    provider = _provider()
    if kind == "floor":
        file = (_FOLDER / f"floor-{os.getpid()}.jsonl").open("wb")
        trail = Trail(file, provider.get_tracer("floor"))
        return getattr(floors, f"stack_{interface}")(bare, trail)
    if kind in ("ringwall", "frozen"):
        layers = ringwall_layers(_FOLDER / f"audit-{os.getpid()}.jsonl", provider)
        app = getattr(Stack(*layers.values()), interface)(bare)
        if kind == "frozen":
            gc.collect()
            gc.freeze()
        return app
    if interface == "asgi":
        from .peers import stack_asgi as peers
    else:
        from .peers import stack_wsgi as peers  # type: ignore[no-redef]
    found = {name: app for name, _, app, _ in peers.variants(provider)}
    names = {"framework": "bare", "tuned": "peers, tuned", "documented": "peers, as documented"}
    return next(app for name, app in found.items() if name.endswith(names[kind]))


def _limited(kind: str, interface: str) -> Any:
    from .peers import ratelimit as peers

    url = os.environ["RINGWALL_BENCHMARK_REDIS"]
    if kind == "redis":
        app = r.asgi_app if interface == "asgi" else r.wsgi_app
        return getattr(RateLimit("1000000/second", store=url), interface)(app)
    make = peers.slowapi if interface == "asgi" else peers.flask_limiter
    bare, limited = (app for _, _, app, _ in make(url))
    return limited if kind == "redis-peer" else bare


def asgi() -> Any:
    """For `uvicorn --factory benchmarks.served_apps:asgi`."""
    return _make("asgi")


def wsgi() -> Any:
    """For `gunicorn "benchmarks.served_apps:wsgi()"`."""
    return _make("wsgi")
