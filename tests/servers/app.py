"""The walled app that every server serves: an orders API that counts how often it was reached."""

from __future__ import annotations

import json
import os
from typing import Any

from ringwall import (
    CORS,
    HTTPS,
    JWT,
    APIKey,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    DPoP,
    MutualTLS,
    RateLimit,
    SecurityHeaders,
    Stack,
    TrustedProxies,
    allow,
    owner,
    principal_of,
    public,
    role,
    scope,
)

ORDERS = {1001: {"id": 1001, "owner": "alice"}, 1002: {"id": 1002, "owner": "bob"}}
SCHEMA = {
    "type": "object",
    "properties": {"item": {"type": "string"}},
    "required": ["item"],
    "additionalProperties": False,
}
reached = 0


def load_order(order_id: int) -> dict[str, Any] | None:
    return ORDERS.get(order_id)


def answer(path: str, who: Any, names: Any = ()) -> bytes:
    """Count, and tell who asked for what, and which proxy headers came through; `/calls` only tells
    the count."""
    global reached
    if path != "/calls":
        reached += 1
    if path == "/v1/fails":
        raise RuntimeError("deliberate")
    document = {
        "path": path,
        "reached": reached,
        "subject": who.subject if who else None,
        "forwarded": sorted(name for name in names if "forwarded" in name),
    }
    return json.dumps(document).encode()


async def asgi_inner(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        answer(scope["path"], None)
        await receive()
        cookie = [(b"set-cookie", b"feed=1")] if scope["path"] == "/v1/feed" else []
        await send({"type": "websocket.accept", "headers": cookie})
        await send({"type": "websocket.close", "code": 1000})
        return
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
    names = (name.decode("latin-1").lower() for name, _ in scope["headers"])
    body = answer(scope["path"], principal_of(scope), names)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi_inner(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    names = (key[5:].lower().replace("_", "-") for key in environ if key.startswith("HTTP_"))
    body = answer(environ["PATH_INFO"], principal_of(environ), names)
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def make_stack() -> Stack:
    # The servers here speak plain HTTP, as behind a proxy that ends TLS and says so.
    jwt = JWT(
        "https://id.example.com",
        "https://api.example.com",
        keys=os.environ["RINGWALL_TEST_JWKS"],
        mtls=MutualTLS(header="client-cert"),
    )
    return Stack(
        Audit(sink=os.environ["RINGWALL_TEST_AUDIT"]),
        SecurityHeaders(),
        HTTPS(hosts=["localhost", "127.0.0.1"], exempt=["/healthz"]),
        CORS(["https://page.example"], credentials=True),
        RateLimit("100000/minute"),
        Authentication(
            APIKey(os.environ["RINGWALL_TEST_KEYS"]),
            jwt,
            DPoP(jwt, origin="https://localhost"),
            exempt=["/calls", "/healthz"],
        ),
        Authorization(
            public("GET", "/calls"),
            public("GET", "/healthz"),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("POST", "/v1/orders", scope("orders:write")),
            allow("GET", "/v1/fails", scope("orders:read")),
            allow("GET", "/v1/files/{name}", scope("orders:read")),
            allow("WEBSOCKET", "/v1/feed", scope("orders:read")),
            allow("*", "/v1/admin/**", role("admin")),
        ),
        BodyValidation({"POST /v1/orders": SCHEMA}),
        proxies=TrustedProxies(["127.0.0.1"]),
    )


asgi = make_stack().asgi(asgi_inner)
wsgi = make_stack().wsgi(wsgi_inner)
