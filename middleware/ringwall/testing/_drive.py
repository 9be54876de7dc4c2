"""Send one described request through an app and collect everything that comes back."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from ..problem import Header
from ._request import Request

Interface = Literal["asgi", "wsgi"]

# Set by the driver, read by the app, and the other way round: both must flow through every layer.
TO_APP: ContextVar[str] = ContextVar("to_app", default="lost")
FROM_APP: ContextVar[str] = ContextVar("from_app", default="lost")

_PATIENCE = 10.0


@dataclass
class Result:
    """What came back.

    status: None if no response began. headers: lower-case names, in order. chunks: the body as it
    came; a WSGI `write()` counts as a chunk. events: types of ASGI messages, or the calls that a
    WSGI server saw. error: what the app raised. close_code: of a websocket that was closed.
    context: what the app put into a context variable, as seen by the server.
    """

    status: int | None = None
    headers: list[Header] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    error: BaseException | None = None
    close_code: int | None = None
    context: str = "lost"

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def lines(self) -> dict[bytes, list[bytes]]:
        """Values by name: the order of different names means nothing (RFC 9110 section 5.3)."""
        lines: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            lines.setdefault(name, []).append(value)
        return lines


def drive(interface: Interface, app: Any, request: Request) -> Result:
    """One request to an app, in this thread.

    Parameters:
        interface: "asgi" (in an event loop of its own) or "wsgi".
        app: the app; what it raises lands in `error`.
        request: what to send.

    >>> def hello(environ, start_response):
    ...     start_response("200 OK", [("Content-Type", "text/plain")])
    ...     return [b"hello"]
    >>> drive("wsgi", hello, Request()).body
    b'hello'
    """
    if interface == "asgi":
        return asyncio.run(_asgi(app, request))
    if request.websocket:
        raise ValueError("WSGI knows no websockets")
    return _wsgi(app, request)


async def _asgi(app: Any, request: Request) -> Result:
    result = Result()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    waiting = _arriving(request)

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        patience = loop.call_later(_PATIENCE, over.set)
        await over.wait()
        patience.cancel()
        return {"type": "websocket.disconnect" if request.websocket else "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        _note(result, message)
        if message["type"] == "websocket.close" or (
            message["type"].endswith("http.response.body") and not message.get("more_body")
        ):
            over.set()

    TO_APP.set("from the server")
    try:
        await app(request.scope(), receive, send)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  part of what came back
        result.error = error
    result.context = FROM_APP.get()
    return result


def _arriving(request: Request) -> list[dict[str, Any]]:
    if request.websocket:
        return [{"type": "websocket.connect"}]
    chunks = request.body or (b"",)
    more = [True] * (len(chunks) - 1) + [request.cut]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": follows}
        for chunk, follows in zip(chunks, more, strict=True)
    ]
    return [*messages, {"type": "http.disconnect"}] if request.cut else messages


def _note(result: Result, message: dict[str, Any]) -> None:
    kind = message["type"]
    result.events.append(kind)
    if kind.endswith("http.response.start"):
        result.status = message["status"]
        result.headers = [(bytes(n).lower(), bytes(v)) for n, v in message.get("headers", ())]
    elif kind.endswith("http.response.body"):
        result.chunks.append(message.get("body", b""))
    elif kind == "websocket.accept":
        result.status = 101
    elif kind == "websocket.close":
        result.close_code = message.get("code", 1000)


def _wsgi(app: Any, request: Request) -> Result:
    result = Result()
    sent = False

    def write(chunk: bytes) -> None:
        nonlocal sent
        if "start" not in result.events:
            raise AssertionError("a body chunk before start_response()")
        sent = sent or bool(chunk)
        result.chunks.append(chunk)

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Any:
        try:
            if exc_info and sent:
                raise exc_info[1].with_traceback(exc_info[2])
            if not exc_info and "start" in result.events:
                raise AssertionError("start_response() called twice without exc_info")
        finally:
            exc_info = None
        result.events.append("start")
        result.status = int(status[:3])
        result.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return write

    TO_APP.set("from the server")
    FROM_APP.set("lost")
    iterable: Any = ()
    try:
        iterable = app(request.environ(), start_response)
        for chunk in iterable:
            write(chunk)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  part of what came back
        result.error = error
    finally:
        _close(iterable, result)
    result.context = FROM_APP.get()
    return result


def _close(iterable: Any, result: Result) -> None:
    close = getattr(iterable, "close", None)
    if close is not None:
        result.events.append("close")
        try:
            close()
        except BaseException as error:  # noqa: BLE001  part of what came back
            result.error = result.error or error
