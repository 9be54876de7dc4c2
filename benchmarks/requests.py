"""Realistic requests: ten headers, GET of one order, POST of another, as servers hand them over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import world

HEADERS = [
    (b"host", b"api.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0"),
    (b"accept", b"application/json"),
    (b"accept-language", b"en-GB,en;q=0.8"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"authorization", b"Bearer z"),
    (b"cookie", b"session=abc; theme=dark"),
    (b"x-request-id", b"0f8fad5b-d9cb-469f-a165-70867728950e"),
    (b"sec-fetch-mode", b"cors"),
    (b"connection", b"keep-alive"),
]
RESPONSE_HEADERS = ((b"content-type", b"application/json"), (b"content-length", b"2"))
NATIVE_HEADERS = (("Content-Type", "application/json"), ("Content-Length", "2"))
BODY = {"type": "http.response.body", "body": b"{}"}


def headers(
    method: str,
    credential: tuple[str, str] | None = None,
    more: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = world.ORDER,
) -> list[tuple[bytes, bytes]]:
    """Those of a request with a credential (by default an access token), and with a body where the
    method is POST."""
    made = [line for line in HEADERS if line[0] != b"authorization"]
    name, value = credential or ("authorization", "Bearer " + world.token().decode())
    made.append((name.encode(), value.encode()))
    made += more
    if method == "POST":
        made.append((b"content-type", b"application/json"))
        made.append((b"content-length", b"%d" % len(body)))
    return made


def path(method: str) -> str:
    return "/v1/orders" if method == "POST" else "/v1/orders/1001"


def asgi_scope(method: str = "GET", headers: list[tuple[bytes, bytes]] = HEADERS) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path(method),
        "raw_path": path(method).encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.7", 51000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


def wsgi_environ(
    method: str = "GET", headers: list[tuple[bytes, bytes]] = HEADERS
) -> dict[str, Any]:
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": None,
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path(method),
        "QUERY_STRING": "",
        "RAW_URI": path(method),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "192.0.2.7",
        **{_variable(name): value.decode() for name, value in headers},
    }


def _variable(name: bytes) -> str:
    variable = name.decode().upper().replace("-", "_")
    return variable if variable.startswith("CONTENT_") else "HTTP_" + variable


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    # Its headers are made anew, as frameworks do: some middleware adds to the list it is given.
    headers = list(RESPONSE_HEADERS)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send(BODY)


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", list(NATIVE_HEADERS))
    return [b"{}"]


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    return None


def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    return None
