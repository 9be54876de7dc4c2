"""The demo's stack: all six layers, as a user would write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...audit import Audit
from ...authn import JWT, APIKey, Authentication
from ...authz import Authorization, allow, owner, public, role, scope
from ...https import HSTS, HTTPS
from ...ratelimit import RateLimit
from ...stack import Stack
from ...validation import BodyValidation
from .api import ORDER_SCHEMA, load_order
from .credentials import AUDIENCE, ISSUER

RATE = "100/15 minutes"


def make_stack(
    audit_file: Path, keys: dict[str, Any], key_file: Path, https_port: int, http_port: int
) -> Stack:
    """One stack, for both interfaces."""
    return Stack(
        Audit(sink=audit_file),
        # A short HSTS: nobody's browser should remember localhost for two years.
        HTTPS(
            hosts=["localhost", "127.0.0.1"],
            ports={http_port: https_port},
            hsts=HSTS(max_age=300, include_subdomains=False),
        ),
        RateLimit(RATE),
        Authentication(
            JWT(issuer=ISSUER, audience=AUDIENCE, keys=keys), APIKey(key_file), exempt=["/healthz"]
        ),
        RateLimit("1000/hour", key="principal"),
        Authorization(
            public("GET", "/healthz"),
            allow("GET", "/v1/orders", scope("orders:read")),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("POST", "/v1/orders", scope("orders:write")),
            allow("*", "/v1/admin/**", role("admin")),
        ),
        BodyValidation({"POST /v1/orders": ORDER_SCHEMA}),
    )
