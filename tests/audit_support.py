"""Drives an audited app on both interfaces and reads what it left."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ringwall._exchange import Decision, Exchange
from ringwall._layer import Layer
from ringwall.problem import problem

FORBIDDEN = problem(403, "No.", code="forbidden")


class Lines:
    """A sink in memory; `failing` makes it raise. Starts and stops lie in `life`."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.life: list[bytes] = []
        self.failing: Exception | None = None
        self.closed = False

    def write(self, record: bytes) -> None:
        if self.failing is not None:
            raise self.failing
        is_life = b'"event":"start"' in record or b'"event":"stop"' in record
        (self.life if is_life else self.lines).append(record)

    def close(self) -> None:
        self.closed = True

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def only(self) -> dict[str, Any]:
        (record,) = self.records
        return record


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Gate(Layer):
    """Refuses /no, lets the rest pass, and says so."""

    name = "gate"
    by_path = True

    def on_request(self, exchange: Exchange) -> Any:
        exchange.found_route("/{name}", {"name": exchange.path[1:]})
        if exchange.path == "/no":
            exchange.decisions.append(Decision("gate", "deny", "list", "forbidden"))
            return FORBIDDEN
        exchange.decisions.append(Decision("gate", "allow", "list", "listed"))
        return None


class Broken(Layer):
    """An enforcing layer with a bug."""

    name = "broken"

    def on_request(self, exchange: Exchange) -> Any:
        raise RuntimeError("s3cret")


class WSGIApp:
    def __init__(self, status: str = "200 OK", error: BaseException | None = None) -> None:
        self.status = status
        self.error = error
        self.calls = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.calls += 1
        if self.error is not None:
            raise self.error
        start_response(self.status, [("x-request-id", "forged")])
        return [b"ok"]


class ASGIApp:
    def __init__(self, status: int = 200, error: BaseException | None = None) -> None:
        self.status = status
        self.error = error
        self.calls = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [(b"x-request-id", b"forged")],
            }
        )
        await send({"type": "http.response.body", "body": b"ok"})


def environ(path: str = "/yes", **more: Any) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "api.example.com",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "https",
        **more,
    }


def scope(path: str = "/yes", **more: Any) -> dict[str, Any]:
    headers = [(b"host", b"api.example.com"), *more.pop("headers", [])]
    return {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 4321),
        **more,
    }


def call_wsgi(app: Any, given: dict[str, Any] | None = None) -> tuple[str, dict[str, str], bytes]:
    head: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        head[:] = [status, dict(headers)]

    result = app(environ() if given is None else given, start_response)
    try:
        body = b"".join(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return head[0], head[1], body


def call_asgi(
    app: Any, given: dict[str, Any] | None = None, *events: dict[str, Any]
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    incoming = list(events) or [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope() if given is None else given, receive, send))
    return sent


def vectors(*parts: str) -> Path:
    """The folder of test vectors by others; skips where it is not."""
    told = os.environ.get("RINGWALL_VECTORS")
    root = Path(told) if told else Path(__file__).parents[2] / "shared" / "vectors"
    if not root.is_dir():
        pytest.skip("no test vectors: set RINGWALL_VECTORS")
    return root.joinpath(*parts)


def exchanges(path: Path) -> list[dict[str, Any]]:
    """The records of exchanges in a log, which may be being written."""
    lines = path.read_bytes().splitlines(keepends=True)
    records = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [record for record in records if record["event"] == "exchange"]
