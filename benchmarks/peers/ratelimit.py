"""Rate limiters that users name, in memory, with their headers where they have some."""

from __future__ import annotations

from typing import Any

from . import lacking


def slowapi() -> list[tuple[str, Any, Any, str]]:
    """Its ASGI middleware around Starlette. Each: name, role, app and base."""
    if missing := lacking("slowapi", "starlette"):
        return _left_out("slowapi", missing)
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
        get_remote_address, default_limits=["1000000/second"], headers_enabled=True
    )
    limited.add_middleware(SlowAPIASGIMiddleware)
    return [
        ("Starlette, bare", "bare", made(), ""),
        ("slowapi", "peer", limited, "Starlette, bare"),
    ]


def asgi_ratelimit() -> list[tuple[str, Any, Any, str]]:
    """asgi-ratelimit, which writes no headers."""
    if missing := lacking("ratelimit"):
        return _left_out("asgi-ratelimit", missing)
    from ratelimit import RateLimitMiddleware, Rule
    from ratelimit.backends.simple import MemoryBackend

    from .. import requests as r

    async def client(scope: Any) -> tuple[str, str]:  # its own refuses addresses of documentation
        return scope["client"][0], "default"

    limited = RateLimitMiddleware(
        r.asgi_app, client, MemoryBackend(), {r"^/": [Rule(second=1_000_000)]}
    )
    return [("asgi-ratelimit", "peer", limited, "bare")]


def flask_limiter() -> list[tuple[str, Any, Any, str]]:
    """flask-limiter on Flask."""
    if missing := lacking("flask", "flask_limiter"):
        return _left_out("flask-limiter", missing)
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
        storage_uri="memory://",
    )
    return [
        ("Flask, bare", "bare", made(), ""),
        ("flask-limiter", "peer", limited, "Flask, bare"),
    ]


def _left_out(name: str, missing: str) -> list[tuple[str, Any, Any, str]]:
    print(f"left out: {name}; not installed: {missing}")
    return []
