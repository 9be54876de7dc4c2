"""An audited app that crashes, streams and dawdles, for tests of what is recorded."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from ringwall import Audit, Layer, Stack
from ringwall._exchange import Decision
from ringwall.audit import JSONLinesSink, QueuedSink, Sink, close_on_sigterm
from ringwall.problem import problem

_NO = problem(403, "No.", code="forbidden")


class Gate(Layer):
    """Refuses what begins with /refused."""

    name = "gate"

    def on_request(self, exchange: Any) -> Any:
        if exchange.path.startswith("/refused"):
            exchange.decisions.append(Decision("gate", "deny", "list", "forbidden"))
            return _NO
        return None


class Broken(Layer):
    """Has a bug on /bug."""

    name = "broken"

    def on_request(self, exchange: Any) -> Any:
        if exchange.path.startswith("/bug"):
            raise RuntimeError
        return None


sink: Sink = JSONLinesSink(
    os.environ["RINGWALL_TEST_AUDIT"],
    key=os.environ["RINGWALL_TEST_KEY"],
    checkpoint_every=40,
    rotate_size=60_000,
)
if "RINGWALL_TEST_QUEUE" in os.environ:
    sink = QueuedSink(sink)
close_on_sigterm()  # uvicorn ends by that signal
stack = Stack(Audit(sink), Gate(), Broken())


async def _lifespan(receive: Any, send: Any) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


async def _websocket(path: str, receive: Any, send: Any) -> None:
    """Echoes until its peer goes, unless the path says otherwise."""
    await receive()
    if path.startswith("/wsno"):
        await send({"type": "websocket.close", "code": 1008})
        return
    if path.startswith("/wsearly"):
        raise RuntimeError
    await send({"type": "websocket.accept"})
    if path.startswith("/wsbye"):
        await send({"type": "websocket.close", "code": 1000})
        return
    while (message := await receive())["type"] == "websocket.receive":
        if path.startswith("/wscrash"):
            raise RuntimeError
        await send({"type": "websocket.send", "text": message["text"]})


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        await _websocket(scope["path"], receive, send)
        return
    path = scope["path"]
    if path.startswith("/crash"):
        raise RuntimeError
    if path.startswith("/slow"):
        await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if path.startswith("/stream"):
        for _ in range(50):
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
            await asyncio.sleep(0.001)
    if path.startswith("/half"):
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise RuntimeError
    await send({"type": "http.response.body", "body": b"ok"})


def _stream(fails: bool) -> Any:
    for _ in range(50):
        yield b"x" * 10_000
        if fails:
            raise RuntimeError
        time.sleep(0.001)


def _wsgi(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"]
    if path.startswith("/crash"):
        raise RuntimeError
    if path.startswith("/slow"):
        time.sleep(0.05)
    start_response("200 OK", [])
    if path.startswith(("/stream", "/half")):
        return _stream(path.startswith("/half"))
    return [b"ok"]


asgi, wsgi = stack.asgi(_asgi), stack.wsgi(_wsgi)
