"""Corners that no other test walks into."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ringwall import Exchange, Layer, ResponseHead
from ringwall._watch import Watch
from ringwall.cli.demo.api import handle


def test_a_watch_forgets_nothing_and_grows_no_further() -> None:
    watch = Watch(frozenset({b"server"}))
    names = [b"x-%d" % number for number in range(300)]
    assert not any(map(watch, names))
    assert len(watch.unwatched) == 256
    assert watch(b"Server")
    assert not watch(names[-1])


def test_a_denial_that_a_layer_fails_on_is_our_500() -> None:
    class Failing(Layer):
        name = "failing"

        def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
            raise RuntimeError("a bug")

    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "websocket.http.response.start", "status": 403, "headers": []}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"no"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {
        "type": "websocket",
        "scheme": "wss",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.1", 40000),
        "extensions": {"websocket.http.response": {}},
    }
    asyncio.run(Failing().asgi(app)(scope, receive, send))
    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["code"] == "internal-error"


def test_a_layer_without_hooks_lets_messages_pass() -> None:
    assert Layer().on_message(None, {"type": "websocket.receive"}) is None  # type: ignore[arg-type]


def test_the_demo_serves_its_document() -> None:
    answer = handle("GET", "/openapi.json", b"", {"type": "http"})
    assert answer.status == 200
    assert json.loads(answer[2])["openapi"].startswith("3.")
