"""An orders API with no security of its own, once as ASGI and once as WSGI.

Its handlers trust whoever calls them, as many do: what stops the wrong caller is the stack.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ...context import principal_of
from ...headers import nonce_of
from .document import DOCUMENT
from .page import start_page

ORDERS: dict[int, dict[str, Any]] = {
    1001: {"id": 1001, "owner": "alice", "item": "kettle", "quantity": 1},
    1002: {"id": 1002, "owner": "bob", "item": "lamp", "quantity": 2},
}


def load_order(order_id: int) -> dict[str, Any] | None:
    """What the authorization layer asks to learn whose order it is."""
    return ORDERS.get(order_id)


class Answer(NamedTuple):
    """What a handler answers; `headers` as it writes them, with names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes


def handle(method: str, path: str, body: bytes, request: Any) -> Answer:
    """The handlers. `request` is the scope or environ."""
    if path == "/":
        # A cookie as an app writes it that thought of nothing: the stack adds what is missing.
        headers = [("content-type", "text/html; charset=utf-8"), ("set-cookie", "visited=yes")]
        return Answer(200, headers, start_page(nonce_of(request)))
    principal = principal_of(request)
    subject = principal.subject if principal else "nobody"
    if path == "/openapi.json":
        return _json(200, DOCUMENT)
    if path == "/healthz":
        return _json(200, {"status": "ok"})
    if path == "/v1/admin/users":
        return _json(200, {"users": sorted({order["owner"] for order in ORDERS.values()})})
    if path == "/v1/orders" and method == "POST":
        return _json(201, {"id": 1003, "owner": subject, **json.loads(body)})
    if path == "/v1/orders":
        return _json(200, [order for order in ORDERS.values() if order["owner"] == subject])
    return _json(200, ORDERS[int(path.rpartition("/")[2])])


def _json(status: int, value: Any) -> Answer:
    return Answer(status, [("content-type", "application/json")], json.dumps(value).encode())


async def asgi_api(scope: Any, receive: Any, send: Any) -> None:
    """The API as an ASGI app."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, headers, content = handle(scope["method"], scope["path"], body, scope)
    lines = [(name.encode(), value.encode()) for name, value in headers]
    lines.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": content})


def wsgi_api(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The API as a WSGI app."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = handle(environ["REQUEST_METHOD"], environ["PATH_INFO"], body, environ)
    phrases = {200: "OK", 201: "Created"}
    start_response(
        f"{answer.status} {phrases[answer.status]}",
        [*answer.headers, ("content-length", str(len(answer.content)))],
    )
    return [answer.content]
