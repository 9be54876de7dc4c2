"""Apps behind every kind of credential: how often they were reached, and what they see."""

from __future__ import annotations

import json
import os
from typing import Any

from ringwall import (
    JWT,
    APIKey,
    Authentication,
    ClientCertificate,
    Stack,
    TrustedProxies,
    WebSocketTickets,
    principal_of,
)

reached = 0
tickets = WebSocketTickets()


def answer(path: str, who: Any, seen: dict[str, Any]) -> bytes:
    """Count, and tell who asks and what is left of the credentials; `/calls` only tells."""
    global reached
    if path != "/calls":
        reached += 1
    told = {"reached": reached, "subject": who.subject if who else None, "seen": seen}
    return json.dumps(told).encode()


async def asgi_inner(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    who = principal_of(scope)
    seen = {
        "headers": sorted(name.decode("latin-1") for name, _ in scope["headers"]),
        "query": scope["query_string"].decode("latin-1"),
        "subprotocols": list(scope.get("subprotocols") or ()),
    }
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": answer("/", who, seen).decode()})
        await send({"type": "websocket.close", "code": 1000})
        return
    if scope["path"] == "/ticket":
        body = json.dumps({"ticket": await tickets.aissue(who)}).encode()
    else:
        body = answer(scope["path"], who, seen)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def wsgi_inner(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    names = (key[5:].lower().replace("_", "-") for key in environ if key.startswith("HTTP_"))
    seen = {"headers": sorted(names), "query": environ["QUERY_STRING"], "subprotocols": []}
    body = answer(environ["PATH_INFO"], principal_of(environ), seen)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def stack(*more: Any, **options: Any) -> Stack:
    jwt = JWT(
        "https://id.example.com",
        "https://api.example.com",
        keys=os.environ["RINGWALL_TEST_JWKS"],
    )
    return Stack(
        Authentication(
            jwt,
            APIKey(os.environ["RINGWALL_TEST_KEYS"]),
            ClientCertificate({"billing.example.org": []}, by="dns", header="client-cert"),
            *more,
            exempt=["/calls"],
            strip=True,
            **options,
        ),
        proxies=TrustedProxies(["127.0.0.1"]),
    )


websockets = {"subprotocol": "bearer", "first_message": 20, "waiting": 2}
asgi = stack(tickets, **websockets).asgi(asgi_inner)
wsgi = stack().wsgi(wsgi_inner)
