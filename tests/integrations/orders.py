"""The wall and the requests that every framework's app is tried with."""

from __future__ import annotations

import json
from typing import Any

from ringwall import (
    APIKey,
    Audit,
    Authentication,
    Authorization,
    RateLimit,
    Stack,
    allow,
    generate_api_key,
    owner,
    public,
    scope,
)

ORDERS = {1001: {"owner": "alice"}, 1002: {"owner": "bob"}}


def load_order(order_id: int) -> dict[str, str] | None:
    return ORDERS.get(order_id)


KEYS: dict[str, str] = {}
RECORDS = []
for _who, _roles in (("alice", ()), ("bob", ()), ("root", ("admin",))):
    _key, _record = generate_api_key(_who, scopes=["orders:read"], roles=_roles)
    KEYS[_who] = _key
    RECORDS.append(_record)


class Lines(list[dict[str, Any]]):
    """An audit sink that keeps the records of exchanges."""

    def write(self, record: str) -> None:
        told = json.loads(record)
        if told["event"] == "exchange":
            self.append(told)

    def close(self) -> None: ...


def make_stack(lines: Lines | None = None, *, optional: bool = False) -> Stack:
    """Anybody with a key may reach the handlers; those below /v1/orders only with scope and for
    their own order. What lies below /h/ is left to the handlers' own requirements."""
    return Stack(
        Audit(Lines() if lines is None else lines),
        RateLimit("10000/minute"),
        Authentication(APIKey(RECORDS), optional=optional, exempt=["/healthz"]),
        Authorization(
            public("GET", "/healthz"),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            public("*", "/h/**"),
        ),
    )


def credentials(who: str | None) -> dict[str, str]:
    return {} if who is None else {"authorization": f"ApiKey {KEYS[who]}"}
