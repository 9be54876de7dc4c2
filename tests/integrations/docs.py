"""What the pages of docs/frameworks are tried with: a module `security` as readers have it."""

from __future__ import annotations

import sys
import types
from typing import Any

from integrations.drive import call
from integrations.orders import RECORDS, credentials, load_order
from ringwall import (
    APIKey,
    Authentication,
    Authorization,
    RateLimit,
    Stack,
    allow,
    owner,
    public,
    scope,
)


def security() -> types.ModuleType:
    """The module, importable from now on."""
    module: Any = types.ModuleType("security")
    module.load_order = load_order
    module.stack = Stack(
        RateLimit("10000/minute"),
        Authentication(APIKey(RECORDS), exempt=["/healthz"]),
        Authorization(
            public("GET", "/healthz"),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("*", "/v1/**"),
        ),
    )
    sys.modules["security"] = module
    return module


def check(interface: str, app: Any, *expected: tuple[str, str | None, int]) -> None:
    """Send each request, and compare the status."""
    for target, who, status in expected:
        answer = call(interface, app, target, credentials(who))
        assert answer.status == status, (target, who, answer.status, answer.body)


#: What the app of every page must do.
QUICKSTART = (
    ("/v1/orders/1001", "alice", 200),
    ("/v1/orders/1002", "alice", 403),
    ("/v1/orders/1001", None, 401),
    ("/healthz", None, 200),
)
