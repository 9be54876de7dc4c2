"""The API of the attack table behind body validation alone, and an app that counts its calls.

`/calls` stands outside of the wall; `/closing/leak` answers with more than it declares.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ringwall import BodyValidation
from validation_attacks import (
    SECRET,
    make_api,
    make_closing,
    make_strict,
)

calls = 0
LEAK = json.dumps({"id": 1, "password_hash": SECRET}).encode()
# A body that stops coming is given up soon here, and nowhere else: the machine may be busy.
SLOW = BodyValidation({"POST /slow": True}, timeout=0.5)
LAYERS = {"strict": make_strict(), "closing": make_closing(), "slow": SLOW}


def answer(path: str, body: bytes) -> bytes:
    """The digest of the body, so that the client sees that it arrived as it was sent."""
    global calls
    calls += 1
    return LEAK if path == "/closing/leak" else hashlib.sha256(body).hexdigest().encode()


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await _send(send, answer(scope["path"], body))


async def _send(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_ASGI = {name: layer.asgi(_inner) for name, layer in LAYERS.items()}
_API = make_api().asgi(_inner)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/calls":
        await _send(send, str(calls).encode())
        return
    first = scope["path"].split("/")[1] if scope["path"].startswith("/") else ""
    await _ASGI.get(first, _API)(scope, receive, send)


def _wsgi_inner(environ: Any, start_response: Any) -> list[bytes]:
    body = answer(environ["PATH_INFO"], environ["wsgi.input"].read())
    return _start(start_response, body)


def _start(start_response: Any, body: bytes) -> list[bytes]:
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


_WSGI = {name: layer.wsgi(_wsgi_inner) for name, layer in LAYERS.items()}
_WSGI_API = make_api().wsgi(_wsgi_inner)


def wsgi(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"]
    if path == "/calls":
        return _start(start_response, str(calls).encode())
    first = path.split("/")[1] if path.startswith("/") else ""
    return _WSGI.get(first, _WSGI_API)(environ, start_response)
