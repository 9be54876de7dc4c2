"""The demo's stack: all six layers and SecurityHeaders, as a user would write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from opentelemetry.sdk.trace import TracerProvider

from ...audit import Audit
from ...authn import JWT, APIKey, Authentication
from ...authz import Authorization, allow, owner, public, role, scope
from ...headers import SecurityHeaders
from ...https import HSTS, HTTPS
from ...ratelimit import RateLimit
from ...stack import Stack
from ...validation import BodyValidation
from .api import load_order
from .credentials import AUDIENCE, ISSUER
from .document import DOCUMENT

RATE = "100/15 minutes"


def make_stack(
    audit_file: Path,
    keys: dict[str, Any],
    key_file: Path,
    https_port: int,
    http_port: int,
    *,
    preset: Literal["api", "browser"] = "api",
) -> Stack:
    """One stack, for both interfaces. The preset "browser" opens a start page to everybody."""
    open_to_all = ["/healthz", "/openapi.json", *(["/"] if preset == "browser" else [])]
    return Stack(
        # Every span is recorded; give the provider an exporter to see them somewhere.
        # Every request is timed, which the live page shows; a share of them is enough elsewhere.
        Audit(sink=audit_file, tracer_provider=TracerProvider(), timings=1.0),
        SecurityHeaders(preset),
        # A short HSTS: nobody's browser should remember localhost for two years.
        HTTPS(
            hosts=["localhost", "127.0.0.1"],
            ports={http_port: https_port},
            hsts=HSTS(max_age=300, include_subdomains=False),
        ),
        RateLimit(RATE),
        Authentication(
            JWT(issuer=ISSUER, audience=AUDIENCE, keys=keys), APIKey(key_file), exempt=open_to_all
        ),
        RateLimit("1000/hour", key="principal"),
        Authorization(
            *(public("GET", path) for path in open_to_all),
            allow("GET", "/v1/orders", scope("orders:read")),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("POST", "/v1/orders", scope("orders:write")),
            allow("GET", "/v1/admin/**", role("admin")),
        ),
        BodyValidation(openapi=DOCUMENT, exempt=["/"] if preset == "browser" else []),
    )
