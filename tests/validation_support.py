"""What the tests of body validation share: one request through either interface."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ringwall import Decision, Layer
from ringwall.context import decisions_of
from ringwall.validation import validated_body_of, validated_parameters_of

JSON = ("content-type", "application/json")
NOTHING = object()

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "minLength": 1, "maxLength": 100},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 100},
        "note": {"type": "string"},
    },
    "required": ["item", "quantity"],
    "additionalProperties": False,
}
GOOD = b'{"item": "kettle", "quantity": 1}'


def vectors(folder: str) -> Path:
    """A folder of the shared test vectors; the test is skipped where they are not there."""
    given = os.environ.get("RINGWALL_VECTORS")
    root = Path(given) if given else Path(__file__).parents[2] / "shared" / "vectors"
    if not (root / folder).is_dir():
        pytest.skip(f"the test vectors {folder} are not at {root}; set RINGWALL_VECTORS")
    return root / folder


@dataclass
class Answer:
    """What came back, and what the app saw. status is None where nothing was sent."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    called: bool = False
    seen: bytes | None = None
    value: Any = NOTHING
    parameters: Any = None
    decisions: tuple[Decision, ...] = ()

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        return document

    @property
    def code(self) -> str:
        return str(self.problem["code"])

    def refused(self, status: int, code: str) -> bool:
        """Refused in this way, and the app was not called."""
        return (self.status, self.code, self.called) == (status, code, False)


def ask(
    layer: Layer,
    interface: str,
    body: bytes | Sequence[bytes] = b"",
    *,
    method: str = "POST",
    path: str = "/v1/orders",
    headers: Sequence[tuple[str, str]] = (JSON,),
    length: str | None = "true",
    query: str = "",
    relax: Sequence[str] = (),
    target: bytes | None = None,
) -> Answer:
    """Send one request.

    Parameters:
        body: the body, or its chunks.
        length: Content-Length as sent; "true": the right one; None: chunked.
        query: the query string, of characters up to U+00FF.
        relax: path refusals of the boundary to lift.
        target: the path as it was sent, undecoded.
    """
    chunks = [body] if isinstance(body, bytes) else list(body)
    lines = list(headers)
    if length is not None:
        lines.append(("content-length", str(sum(map(len, chunks))) if length == "true" else length))
    run = _ask_asgi if interface == "asgi" else _ask_wsgi
    raw = target or path.encode()
    return run(_Recorder(relax), layer, chunks, method, path, raw, lines, query)


def _ask_asgi(
    recorder: _Recorder,
    layer: Layer,
    chunks: list[bytes],
    method: str,
    path: str,
    raw: bytes,
    lines: list[tuple[str, str]],
    query: str,
) -> Answer:
    answer = recorder.answer

    async def app(scope: Any, receive: Any, send: Any) -> None:
        answer.called = True
        answer.value = validated_body_of(scope, NOTHING)
        answer.parameters = validated_parameters_of(scope)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer.seen = body
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    messages = [
        {"type": "http.request", "body": chunk, "more_body": at + 1 < len(chunks)}
        for at, chunk in enumerate(chunks)
    ]

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": raw,
        "http_version": "1.1",
        "query_string": query.encode("latin-1"),
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in lines],
        "client": ("192.0.2.1", 40000),
    }
    asyncio.run(recorder.around(layer).asgi(app)(scope, receive, send))
    return answer


def _ask_wsgi(
    recorder: _Recorder,
    layer: Layer,
    chunks: list[bytes],
    method: str,
    path: str,
    raw: bytes,
    lines: list[tuple[str, str]],
    query: str,
) -> Answer:
    answer = recorder.answer

    def app(environ: Any, start_response: Any) -> list[bytes]:
        answer.called = True
        answer.value = validated_body_of(environ, NOTHING)
        answer.parameters = validated_parameters_of(environ)
        answer.seen = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b"ok"]

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        answer.status = int(status[:3])
        answer.headers = {name.lower(): value for name, value in headers}

    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": raw.decode("latin-1") + (f"?{query}" if query else ""),
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(b"".join(chunks)),
        "wsgi.input_terminated": True,
    }
    for name, value in lines:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    answer.body = b"".join(recorder.around(layer).wsgi(app)(environ, start_response))
    return answer


class _Recorder(Layer):
    """Notes the decisions of the layers inside it, also of a request that was refused."""

    name = "recorder"
    observes = True

    def __init__(self, relax: Sequence[str]) -> None:
        self.answer = Answer()
        self._relax = relax

    def around(self, layer: Layer) -> Any:
        from ringwall import Stack

        return Stack(self, layer, relax=self._relax)

    def on_complete(self, exchange: Any, outcome: Any) -> None:
        self.answer.decisions = decisions_of(exchange)
