"""The wall around every example: one stack, whatever the framework.

python security.py          # makes keys.toml, and prints the keys of alice and bob
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ringwall import (
    HTTPS,
    APIKey,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    RateLimit,
    Stack,
    TrustedProxies,
    allow,
    generate_api_key,
    owner,
    public,
    scope,
)

FOLDER = Path(os.environ.get("ORDERS_FOLDER", Path(__file__).parent))

orders: dict[int, dict[str, Any]] = {
    1001: {"id": 1001, "owner": "alice", "item": "tea"},
    1002: {"id": 1002, "owner": "bob", "item": "coffee"},
}


def load_order(order_id: int) -> dict[str, Any] | None:
    return orders.get(order_id)


def add_order(who: str, item: str) -> dict[str, Any]:
    number = max(orders) + 1
    orders[number] = {"id": number, "owner": who, "item": item}
    return orders[number]


ORDER = {
    "type": "object",
    "properties": {"item": {"type": "string", "minLength": 1, "maxLength": 80}},
    "required": ["item"],
    "additionalProperties": False,
}


def make_keys() -> dict[str, str]:
    """Keys for alice and bob; their records go to keys.toml."""
    keys: dict[str, str] = {}
    records: list[str] = []
    for who in ("alice", "bob"):
        keys[who], record = generate_api_key(who, scopes=["orders:read", "orders:write"])
        records.append(record.as_toml())
    (FOLDER / "keys.toml").write_text("\n".join(records), "utf-8")
    return keys


if __name__ == "__main__":
    for who, key in make_keys().items():
        print(who, key)
else:
    stack = Stack(
        Audit(str(FOLDER / "audit.jsonl")),
        HTTPS(hosts=["api.example.com"]),
        RateLimit("1000/15 minutes"),
        Authentication(APIKey(FOLDER / "keys.toml"), exempt=["/healthz"]),
        Authorization(
            public("GET", "/healthz"),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("POST", "/v1/orders", scope("orders:write")),
        ),
        BodyValidation({"POST /v1/orders": ORDER}),
        # The proxy on this machine ends TLS.
        proxies=TrustedProxies(["127.0.0.0/8"]),
    )
