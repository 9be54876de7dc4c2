"""OpenTelemetry's own instrumentations, as tuned by an expert: one span, no metrics."""

from __future__ import annotations

from typing import Any

from ..lab import Made
from . import LEFT_OUT, lacking


def instrumented(interface: str, provider: Any) -> list[Made]:
    """Around a raw app. Each: name, role, app and base."""
    colour = interface.lower()
    if missing := lacking(f"opentelemetry.instrumentation.{colour}"):
        LEFT_OUT[f"opentelemetry-instrumentation-{colour}"] = f"not installed: {missing}"
        return []
    from opentelemetry.metrics import NoOpMeterProvider

    from .. import requests as r

    silent = NoOpMeterProvider()
    app: Any
    if interface == "ASGI":
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ForASGI

        app = ForASGI(
            r.asgi_app,
            tracer_provider=provider,
            meter_provider=silent,
            exclude_spans=["receive", "send"],
        )
    else:
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as ForWSGI

        app = ForWSGI(r.wsgi_app, tracer_provider=provider, meter_provider=silent)
    return [(f"instrumentation-{colour}, one span", "peer", app, "bare")]
