"""An orders API with no security of its own, once as ASGI and once as WSGI.

Its handlers trust whoever calls them, as many do: what stops the wrong caller is the stack.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from ...context import principal_of
from ...principal import Principal

ORDERS: dict[int, dict[str, Any]] = {
    1001: {"id": 1001, "owner": "alice", "item": "kettle", "quantity": 1},
    1002: {"id": 1002, "owner": "bob", "item": "lamp", "quantity": 2},
}

ORDER_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "item": {"type": "string", "minLength": 1, "maxLength": 100},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    "required": ["item", "quantity"],
    "additionalProperties": False,
}


def load_order(order_id: int) -> dict[str, Any] | None:
    """What the authorization layer asks to learn whose order it is."""
    return ORDERS.get(order_id)


Answer = tuple[int, Any]


def handle(method: str, path: str, body: bytes, principal: Principal | None) -> Answer:
    """The handlers: status and JSON for one request."""
    if path == "/healthz":
        return 200, {"status": "ok"}
    if path == "/v1/admin/users":
        return 200, {"users": sorted({order["owner"] for order in ORDERS.values()})}
    subject = principal.subject if principal else "nobody"
    if path == "/v1/orders" and method == "POST":
        order = {"id": 1003, "owner": subject, **json.loads(body)}
        return 201, order
    if path == "/v1/orders":
        return 200, [order for order in ORDERS.values() if order["owner"] == subject]
    return 200, ORDERS[int(path.rpartition("/")[2])]


async def asgi_api(scope: Any, receive: Any, send: Any) -> None:
    """The API as an ASGI app."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, value = handle(scope["method"], scope["path"], body, principal_of(scope))
    content = json.dumps(value).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def wsgi_api(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The API as a WSGI app."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    status, value = handle(
        environ["REQUEST_METHOD"], environ["PATH_INFO"], body, principal_of(environ)
    )
    content = json.dumps(value).encode()
    phrases = {200: "OK", 201: "Created"}
    start_response(
        f"{status} {phrases[status]}",
        [("Content-Type", "application/json"), ("Content-Length", str(len(content)))],
    )
    return [content]
