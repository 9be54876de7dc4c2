"""Requests to an app in process, with the path as a server would hand it over: tidied by nobody."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    interface: str, app: Any, target: str, headers: dict[str, str], method: str = "GET"
) -> Answer:
    """One request over https to localhost."""
    headers = {"host": "localhost", **headers}
    if interface == "asgi":
        return asyncio.run(_asgi(app, target, headers, method))
    return _wsgi(app, target, headers, method)


async def _asgi(app: Any, target: str, headers: dict[str, str], method: str) -> Answer:
    raw, _, query = target.encode("latin-1").partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("192.0.2.7", 51000),
        "server": ("localhost", 443),
        "state": {},
        "extensions": {},
    }
    sent: list[Any] = []
    asked = 0
    over = asyncio.Event()

    async def receive() -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    pairs = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], _joined(pairs), body)


def _wsgi(app: Any, target: str, headers: dict[str, str], method: str) -> Answer:
    raw, _, query = target.encode("latin-1").partition(b"?")
    environ = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "RAW_URI": target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
    }
    head: list[Any] = []

    def start_response(status: str, lines: Any, exc_info: Any = None) -> Any:
        head[:] = [status, lines]

    result = app(environ, start_response)
    try:
        body = b"".join(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return Answer(int(head[0][:3]), _joined(head[1]), body)


def _joined(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Repeated lines as one list (RFC 9110 section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in lines:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
