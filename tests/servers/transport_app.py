"""An app that tells where it thinks a request comes from, behind several walls.

The header `X-Wall` chooses one; without it the app is asked how often it was reached.
"""

from __future__ import annotations

import json
from typing import Any

from ringwall import CORS, HTTPS, Stack, TrustedProxies

reached = 0


def _stack(proxies: TrustedProxies) -> Stack:
    return Stack(
        HTTPS(hosts=["localhost", "127.0.0.1", "*.shop.example"]),
        CORS(
            ["https://page.example", "https://*.page.example"],
            credentials=True,
            foreign_writes="refuse",
        ),
        proxies=proxies,
        answer_errors=True,
    )


STACKS = {
    "x-forwarded": _stack(TrustedProxies(["127.0.0.1", "10.0.0.0/8"])),
    "forwarded": _stack(TrustedProxies(["127.0.0.1", "10.0.0.0/8"], headers="forwarded")),
    "vouched": _stack(TrustedProxies(["127.0.0.1"], host=True)),
    "nobody": _stack(TrustedProxies([])),
}


def answer(walled: bool, client: Any, scheme: str, host: str, names: Any) -> bytes:
    global reached
    reached += walled
    told = {
        "reached": reached,
        "client": client,
        "scheme": scheme,
        "host": host,
        "forwarded": sorted(name for name in names if "forwarded" in name),
    }
    return json.dumps(told).encode()


async def inner(scope: Any, receive: Any, send: Any) -> None:
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    hosts = ", ".join(value for name, value in lines if name == "host")
    client = scope["client"][0] if scope["client"] else None
    walled = "ringwall.exchange" in scope
    body = answer(walled, client, scope["scheme"], hosts, (name for name, _ in lines))
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi_inner(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    names = (key[5:].lower().replace("_", "-") for key in environ if key.startswith("HTTP_"))
    walled = "ringwall.exchange" in environ
    client, scheme = environ.get("REMOTE_ADDR"), environ["wsgi.url_scheme"]
    body = answer(walled, client, scheme, environ.get("HTTP_HOST", ""), names)
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


_asgi = {name: stack.asgi(inner) for name, stack in STACKS.items()}
_wsgi = {name: stack.wsgi(wsgi_inner) for name, stack in STACKS.items()}


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    wall = next((value.decode() for name, value in scope["headers"] if name == b"x-wall"), None)
    await (_asgi[wall] if wall else inner)(scope, receive, send)


def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
    wall = environ.get("HTTP_X_WALL")
    return (_wsgi[wall] if wall else wsgi_inner)(environ, start_response)
