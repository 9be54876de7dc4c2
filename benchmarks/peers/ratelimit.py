"""Rate limiters that users name, in memory, with their headers where they have some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..lab import Made
from . import these


def limited(interface: str) -> list[Made]:
    if interface == "WSGI":
        return these(("flask-limiter", ("flask", "flask_limiter"), flask_limiter))
    return these(
        ("slowapi", ("slowapi", "starlette"), slowapi),
        ("fastapi-limiter", ("fastapi", "fastapi_limiter"), fastapi_limiter),
        ("asgi-ratelimit", ("ratelimit",), asgi_ratelimit),
    )


def slowapi(storage: str = "memory://") -> Iterator[Made]:
    """Its ASGI middleware around Starlette."""
    from slowapi import Limiter
    from slowapi.middleware import SlowAPIASGIMiddleware
    from slowapi.util import get_remote_address
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def order(request: Any) -> Any:
        return JSONResponse({})

    def made() -> Any:
        return Starlette(routes=[Route("/v1/orders/{order_id:int}", order)])

    limited = made()
    limited.state.limiter = Limiter(
        get_remote_address,
        default_limits=["1000000/second"],
        headers_enabled=True,
        storage_uri=storage,
    )
    limited.add_middleware(SlowAPIASGIMiddleware)
    yield "Starlette, bare", "bare", made(), ""
    yield "slowapi", "peer", limited, "Starlette, bare"


def fastapi_limiter() -> Iterator[Made]:
    """fastapi-limiter, which writes no headers; its path with Redis is gone since 0.2."""
    from fastapi import Depends, FastAPI
    from fastapi_limiter.depends import RateLimiter
    from pyrate_limiter import InMemoryBucket, Limiter, Rate

    async def order(order_id: int) -> dict[str, Any]:
        return {}

    def made(*dependencies: Any) -> Any:
        app = FastAPI(openapi_url=None)
        app.get("/v1/orders/{order_id}", dependencies=list(dependencies))(order)
        return app

    # It keeps every request of the period (milliseconds): a short one, so that its memory ends.
    limiter = Limiter(InMemoryBucket([Rate(100_000, 100)]))
    yield "FastAPI, bare", "bare", made(), ""
    limited = made(Depends(RateLimiter(limiter=limiter)))
    yield "fastapi-limiter (no headers)", "peer", limited, "FastAPI, bare"


def asgi_ratelimit() -> Iterator[Made]:
    """asgi-ratelimit, which writes no headers."""
    from ratelimit import RateLimitMiddleware, Rule
    from ratelimit.backends.simple import MemoryBackend

    from .. import requests as r

    async def client(scope: Any) -> tuple[str, str]:  # its own refuses addresses of documentation
        return scope["client"][0], "default"

    limited = RateLimitMiddleware(
        r.asgi_app, client, MemoryBackend(), {r"^/": [Rule(second=1_000_000)]}
    )
    yield "asgi-ratelimit (no headers)", "peer", limited, "bare"


def flask_limiter(storage: str = "memory://") -> Iterator[Made]:
    """flask-limiter on Flask."""
    from flask import Flask
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address

    def made() -> Any:
        app = Flask("bench")
        app.add_url_rule("/v1/orders/<int:order_id>", "order", lambda order_id: {})
        return app

    limited = made()
    Limiter(
        get_remote_address,
        app=limited,
        default_limits=["1000000/second"],
        headers_enabled=True,
        storage_uri=storage,
    )
    yield "Flask, bare", "bare", made(), ""
    yield "flask-limiter", "peer", limited, "Flask, bare"
