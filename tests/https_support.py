"""Exchanges made by hand, and apps that count their calls, for the tests of the HTTPS layer."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from ringwall._boundary import Boundary
from ringwall._exchange import Exchange

BOUNDARY = Boundary()
URI_CHARS = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#@!$&'()*+,;=%[]{}|^`"
)


def exchange(
    scheme="http",
    host=b"api.example.com",
    method="GET",
    path="/v1/orders",
    raw_path=b"/v1/orders",
    query=b"",
    root="",
    **headers,
):
    lines = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    if host is not None:
        lines[b"host"] = host
    made = Exchange(
        "asgi", method, scheme, root, path, raw_path, query, lines, "192.0.2.1", BOUNDARY
    )
    made.kind = "websocket" if method == "WEBSOCKET" else "http"
    BOUNDARY.derive(made)
    assert made.malformed is None
    return made


def judge(layer, **request):
    """The response (None: it passed) and the one decision."""
    made = exchange(**request)
    response = layer.on_request(made)
    assert len(made.decisions) == 1
    assert made.decisions[0].layer == "https"
    return response, made.decisions[0]


def header(response, name):
    values = [value for key, value in response.headers if key == name]
    assert len(values) <= 1
    return values[0] if values else None


def code(response):
    assert header(response, b"content-type") == b"application/problem+json"
    document = json.loads(response.body)
    assert document["status"] == response.status
    return document["code"]


def vectors():
    here = os.environ.get("RINGWALL_VECTORS")
    folder = Path(here) if here else Path(__file__).resolve().parents[2] / "shared" / "vectors"
    return folder if folder.is_dir() else None


class CountingASGI:
    """An app that answers 200 with the headers it was given, and counts."""

    def __init__(self, *headers):
        self.headers = headers
        self.calls = 0

    async def __call__(self, scope, receive, send):
        self.calls += 1
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": b"app"})


def call_asgi(app, **changes):
    """Status (or the websocket message's type), headers and body."""
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/orders",
        "raw_path": b"/v1/orders",
        "query_string": b"",
        "headers": [(b"host", b"api.example.com")],
        "client": ("192.0.2.1", 1),
        **changes,
    }
    sent = []

    async def receive():
        kind = "websocket.connect" if scope["type"] == "websocket" else "http.request"
        return {"type": kind, "body": b""}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    first = sent[0]
    if "status" not in first:
        return first["type"], [], b""
    return first["status"], list(first["headers"]), b"".join(m["body"] for m in sent[1:])


class CountingWSGI:
    def __init__(self, *headers):
        self.headers = [(name.decode(), value.decode()) for name, value in headers]
        self.calls = 0

    def __call__(self, environ, start_response):
        self.calls += 1
        start_response("200 OK", list(self.headers))
        return [b"app"]


def call_wsgi(app, **changes):
    environ = {
        "REQUEST_METHOD": "GET",
        "wsgi.url_scheme": "http",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/v1/orders",
        "REQUEST_URI": "/v1/orders",
        "QUERY_STRING": "",
        "HTTP_HOST": "api.example.com",
        "REMOTE_ADDR": "192.0.2.1",
        **changes,
    }
    started = []

    def start_response(status, headers, exc_info=None):
        started.append((int(status[:3]), [(n.encode(), v.encode("latin-1")) for n, v in headers]))
        return lambda data: None

    result = app(environ, start_response)
    body = b"".join(result)
    if hasattr(result, "close"):
        result.close()
    [(status, headers)] = started
    return status, headers, body
