"""Flask with the packages that its users name most: as their documents say, and tuned.

OpenTelemetry, flask-talisman, a PyJWT decorator, flask-limiter, jsonschema.

As an expert tunes it: no metrics, joserfc in place of PyJWT, and fastjsonschema, compiled once, in
place of `jsonschema.validate`, which looks the schema over on every call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..lab import Made
from . import LEFT_OUT, lacking

MISSING = lacking(
    "flask",
    "flask_talisman",
    "flask_limiter",
    "jwt",
    "jsonschema",
    "fastjsonschema",
    "opentelemetry.instrumentation.wsgi",
)

if not MISSING:
    import fastjsonschema
    import jsonschema
    from flask import Flask, abort, g, request
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address
    from flask_talisman import Talisman
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
    from opentelemetry.metrics import NoOpMeterProvider

    from .. import world
    from .authn import Verify, with_joserfc, with_pyjwt

    def requires(wanted: str, verify: Verify) -> Callable[..., Any]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(view)
            def checked(*args: Any, **values: Any) -> Any:
                claims = verify(request.headers["Authorization"][7:])
                if wanted not in claims["scope"].split():
                    abort(403)
                g.subject = claims["sub"]
                return view(*args, **values)

            return checked

        return decorate

    def orders(*, check: Callable[[Any], Any] | None, verify: Verify | None = None) -> Flask:
        """The orders API; without a check it is the base that the peers' cost is taken over."""
        api = Flask("orders")

        def protect(wanted: str) -> Callable[..., Any]:
            return (lambda view: view) if verify is None else requires(wanted, verify)

        @api.get("/v1/orders/<int:order_id>")
        @protect("orders:read")
        def read(order_id: int) -> Any:
            if check is not None and world.ORDERS[order_id]["owner"] != g.subject:
                abort(403)
            return world.ORDERS[order_id]

        @api.post("/v1/orders")
        @protect("orders:write")
        def write() -> Any:
            if check is None:
                request.get_data()
            else:
                check(request.get_json())
            return {"id": 1003}

        return api

    def assembled(provider: Any, *, tuned: bool) -> Any:
        if tuned:
            check = fastjsonschema.compile(world.ORDER_SCHEMA)
        else:

            def check(value: Any) -> None:
                jsonschema.validate(value, world.ORDER_SCHEMA)

        api = orders(check=check, verify=with_joserfc() if tuned else with_pyjwt())
        Talisman(api)
        Limiter(
            get_remote_address,
            app=api,
            default_limits=["1000000/second"],
            headers_enabled=True,
            storage_uri="memory://",
        )
        meters = NoOpMeterProvider() if tuned else None
        return OpenTelemetryMiddleware(
            api.wsgi_app, tracer_provider=provider, meter_provider=meters
        )


def variants(provider: Any) -> list[Made]:
    """Name, role, app and base of each, or nothing where a package is not installed."""
    if MISSING:
        LEFT_OUT["the stack of peers, WSGI"] = f"not installed: {MISSING}"
        return []
    return [
        ("Flask, bare", "bare", orders(check=None), ""),
        ("peers, tuned", "peer", assembled(provider, tuned=True), "Flask, bare"),
        ("peers, as documented", "peer", assembled(provider, tuned=False), "Flask, bare"),
    ]
