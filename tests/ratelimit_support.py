"""What the tests of rate limits share: a clock, a request through both sides, an SF parser."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ringwall import Call, Layer, perform
from ringwall._boundary import Boundary
from ringwall._exchange import Exchange
from ringwall.ratelimit import MemoryStore, StoreUnavailable


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    decisions: list[Any]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def __getitem__(self, name: str) -> str:  # type: ignore[override]
        values = self.all(name)
        assert len(values) == 1, (name, values)
        return values[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class App:
    """An app in both colours that counts how often it is called."""

    def __init__(self, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.calls = 0
        self.status = status
        self.headers = headers

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            return
        headers = [(name.encode(), value.encode()) for name, value in self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"app"})

    def wsgi(self, environ: Any, start_response: Any) -> list[bytes]:
        self.calls += 1
        start_response(f"{self.status} Whatever", list(self.headers))
        return [b"app"]


class Remote:
    """A store behind I/O: a memory store whose answers take a call in either colour."""

    def __init__(self, clock, colours=("asgi", "wsgi")):
        self.memory = MemoryStore(clock=clock)
        self.colours = frozenset(colours)
        self.down = None

    def answer(self, operation, *args):
        if self.down == "at once":
            raise StoreUnavailable

        def sync():
            if self.down:
                raise StoreUnavailable
            return operation(*args)

        async def aio():
            await asyncio.sleep(0)
            return sync()

        return perform(Call(sync, aio))

    def acquire(self, checks):
        return self.answer(self.memory.acquire, checks)

    def peek(self, checks):
        return self.answer(self.memory.peek, checks)

    def debit(self, checks):
        return self.answer(self.memory.debit, checks)

    def refund(self, checks, quotas):
        return self.answer(self.memory.refund, checks, quotas)


class Spy(Layer):
    """Stands outside and keeps the decisions of the exchange."""

    name = "spy"
    tolerant = True

    def __init__(self) -> None:
        self.decisions: list[Any] = []

    def on_complete(self, exchange: Any, outcome: Any) -> None:
        self.decisions = list(exchange.decisions)


Send = Callable[..., Answer]


def asgi_sender(layer: Any, app: App) -> Send:
    wrapped = layer.asgi(app.asgi)

    def send(
        path: str = "/",
        method: str = "GET",
        client: str | None = "192.0.2.1",
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        lines = [(n.replace("_", "-").encode(), v.encode("latin-1")) for n, v in headers.items()]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": lines,
            "client": None if client is None else (client, 1234),
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def out(message: Any) -> None:
            sent.append(message)

        spy = Spy()
        asyncio.run(spy.asgi(wrapped)(scope, receive, out))
        start = sent[0]
        pairs = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
        answer = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(start["status"], pairs, answer, spy.decisions)

    return send


def wsgi_sender(layer: Any, app: App) -> Send:
    wrapped = layer.wsgi(app.wsgi)

    def send(
        path: str = "/",
        method: str = "GET",
        client: str | None = "192.0.2.1",
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.errors": io.StringIO(),
        }
        if client is not None:
            environ["REMOTE_ADDR"] = client
        for name, value in headers.items():
            prefix = "" if name == "content_type" else "HTTP_"
            environ[prefix + name.upper()] = value
        started: list[Any] = []
        spy = Spy()

        def start_response(status: str, lines: Any, exc_info: Any = None) -> Any:
            started.append((int(status[:3]), lines))

        result = spy.wsgi(wrapped)(environ, start_response)
        try:
            answer = b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        status, lines = started[-1]
        pairs = [(name.lower(), value) for name, value in lines]
        return Answer(status, pairs, answer, spy.decisions)

    return send


SENDERS = [pytest.param(asgi_sender, id="asgi"), pytest.param(wsgi_sender, id="wsgi")]


def exchange(client: str | None = "192.0.2.1", path: str = "/") -> Exchange:
    return Exchange("asgi", "GET", "http", "", path, path.encode(), b"", {}, client, Boundary())


# A strict parser for a Structured Field List without inner lists (RFC 9651 section 4.2).

_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


class Token(str):
    __slots__ = ()


def parse_list(text: str) -> list[tuple[Any, dict[str, Any]]]:
    """The items of a list with their parameters; ValueError where the text is none."""
    text = text.strip(" ")
    items: list[tuple[Any, dict[str, Any]]] = []
    at = 0
    while at < len(text):
        value, at = _bare(text, at)
        parameters: dict[str, Any] = {}
        while text[at : at + 1] == ";":
            at += 1
            while text[at : at + 1] == " ":
                at += 1
            name = _KEY.match(text, at)
            if name is None:
                raise ValueError("no parameter name")
            at = name.end()
            parameter: Any = True
            if text[at : at + 1] == "=":
                parameter, at = _bare(text, at + 1)
            parameters.pop(name.group(), None)
            parameters[name.group()] = parameter
        items.append((value, parameters))
        if at == len(text):
            break
        comma = _COMMA.match(text, at)
        if comma is None or comma.end() == len(text):
            raise ValueError("no item after an item")
        at = comma.end()
    return items


def _bare(text: str, at: int) -> tuple[Any, int]:
    if string := _STRING.match(text, at):
        return re.sub(r"\\(.)", r"\1", string.group(1)), string.end()
    if number := _NUMBER.match(text, at):
        whole, _, part = number.group().lstrip("-").partition(".")
        if len(whole) > (12 if "." in number.group() else 15) or len(part) > 3:
            raise ValueError("too many digits")
        if text[number.end() : number.end() + 1] == ".":
            raise ValueError("two points")
        return (float if part else int)(number.group()), number.end()
    if token := _TOKEN.match(text, at):
        return Token(token.group()), token.end()
    if text[at : at + 2] in ("?0", "?1"):
        return text[at + 1] == "1", at + 2
    raise ValueError("no item")


def sf_vectors() -> Path:
    root = os.environ.get("RINGWALL_VECTORS") or Path(__file__).parents[2] / "shared" / "vectors"
    folder = Path(root) / "sf"
    if not folder.is_dir():
        pytest.skip("the structured-field vectors are not there; see RINGWALL_VECTORS")
    return folder
