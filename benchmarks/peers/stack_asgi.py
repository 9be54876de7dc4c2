"""FastAPI with the packages that its users name most: as their documents say, and tuned.

In order: OpenTelemetry, Starlette's HTTPSRedirect and TrustedHost, `secure`, PyJWT in Starlette's
AuthenticationMiddleware, slowapi, and in FastAPI itself `@requires` and a pydantic body.

As an expert tunes it: one span for each request and no metrics, joserfc in place of PyJWT, and
slowapi's pure ASGI middleware in place of the one on BaseHTTPMiddleware.
"""

from __future__ import annotations

from typing import Any

from ..lab import Made
from . import LEFT_OUT, lacking

MISSING = lacking("fastapi", "jwt", "secure", "slowapi", "opentelemetry.instrumentation.asgi")

if not MISSING:
    from fastapi import FastAPI, Request
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.metrics import NoOpMeterProvider
    from pydantic import BaseModel, ConfigDict, Field
    from secure import Secure
    from secure.middleware import SecureASGIMiddleware
    from slowapi import Limiter
    from slowapi.middleware import SlowAPIASGIMiddleware, SlowAPIMiddleware
    from slowapi.util import get_remote_address
    from starlette.authentication import requires
    from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from .. import world
    from .authn import backed, with_joserfc, with_pyjwt

    class Line(BaseModel):
        model_config = ConfigDict(extra="forbid")
        sku: str = Field(pattern="^[A-Z0-9-]{3,20}$")
        name: str = Field(default="", max_length=80)
        quantity: int = Field(ge=1, le=1000)
        price: float = Field(ge=0)

    class Order(BaseModel):
        model_config = ConfigDict(extra="forbid")
        customer: str = Field(min_length=1, max_length=80)
        email: str = Field(default="", max_length=120)
        currency: str = Field(pattern="^(EUR|USD|GBP)$")
        note: str = Field(default="", max_length=400)
        items: list[Line] = Field(min_length=1, max_length=50)

    def orders(*, protected: bool) -> FastAPI:
        """The orders API; without protection it is the base that the peers' cost is taken over."""
        api = FastAPI(openapi_url=None)

        async def read(request: Request, order_id: int) -> dict[str, Any]:
            if protected and world.ORDERS[order_id]["owner"] != request.user.username:
                raise PermissionError
            return world.ORDERS[order_id]

        async def write(request: Request, order: Order) -> dict[str, Any]:
            return {"id": 1003}

        async def write_any(request: Request) -> dict[str, Any]:
            await request.body()
            return {"id": 1003}

        if protected:
            api.get("/v1/orders/{order_id}")(requires("orders:read")(read))
            api.post("/v1/orders")(requires("orders:write")(write))
        else:
            api.get("/v1/orders/{order_id}")(read)
            api.post("/v1/orders")(write_any)
        return api

    def assembled(provider: Any, *, tuned: bool) -> Any:
        api = orders(protected=True)
        limiter = Limiter(
            key_func=get_remote_address,
            default_limits=["1000000/second"],
            headers_enabled=True,
        )
        api.state.limiter = limiter
        app: Any = api
        # slowapi finds its limiter on the FastAPI app: its middleware is added there.
        api.add_middleware(SlowAPIASGIMiddleware if tuned else SlowAPIMiddleware)
        app = backed(with_joserfc() if tuned else with_pyjwt(), app)
        app = SecureASGIMiddleware(app, secure=Secure.with_default_headers())
        app = TrustedHostMiddleware(app, allowed_hosts=[world.HOST])
        app = HTTPSRedirectMiddleware(app)
        options: dict[str, Any] = {}
        if tuned:
            options = {"exclude_spans": ["receive", "send"], "meter_provider": NoOpMeterProvider()}
        return OpenTelemetryMiddleware(app, tracer_provider=provider, **options)


def variants(provider: Any) -> list[Made]:
    """Name, role, app and base of each, or nothing where a package is not installed."""
    if MISSING:
        LEFT_OUT["the stack of peers, ASGI"] = f"not installed: {MISSING}"
        return []
    return [
        ("FastAPI, bare", "bare", orders(protected=False), ""),
        ("peers, tuned", "peer", assembled(provider, tuned=True), "FastAPI, bare"),
        ("peers, as documented", "peer", assembled(provider, tuned=False), "FastAPI, bare"),
    ]
