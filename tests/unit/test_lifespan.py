"""What layers do when an ASGI server ends."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ringwall import Audit, Layer, Stack
from ringwall.audit import JSONLinesSink, QueuedSink, SQLiteSink


class Leaving(Layer):
    def __init__(self, name: str, told: list[Any], error: Exception | None = None) -> None:
        self.name, self._told, self._error = name, told, error

    def on_shutdown(self) -> None:
        self._told.append(self.name)
        if self._error is not None:
            raise self._error


MESSAGES = [
    {"type": "lifespan.startup.complete"},
    {"type": "lifespan.shutdown.complete"},
]


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for message in scope.get("test.messages", MESSAGES):
            await send(message)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def live(walled: Any, told: list[Any], *messages: dict[str, Any]) -> None:
    """Let a server begin and end."""

    async def send(message: Any) -> None:
        told.append(message)

    scope = {"type": "lifespan", "test.messages": messages or MESSAGES}
    asyncio.run(walled(scope, None, send))


def ask(walled: Any) -> None:
    async def send(message: Any) -> None:
        return None

    scope = {
        "type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a.example")],
        "scheme": "https", "query_string": b"",
    }  # fmt: skip
    asyncio.run(walled(scope, None, send))


def test_layers_hear_of_the_end_from_the_inside_out_before_the_server_does() -> None:
    told: list[Any] = []
    inner = Stack(Leaving("third", told)).asgi(app)
    live(Stack(Leaving("first", told), Leaving("second", told)).asgi(inner), told)
    assert told == [MESSAGES[0], "third", "second", "first", MESSAGES[1]]


def test_a_failed_shutdown_is_an_end_too() -> None:
    told: list[Any] = []
    failed = {"type": "lifespan.shutdown.failed", "message": "no"}
    live(Stack(Leaving("layer", told)).asgi(app), told, failed)
    assert told == ["layer", failed]


def test_a_layer_that_fails_at_the_end_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []
    failing = Leaving("failing", told, RuntimeError("secret"))
    live(Stack(Leaving("outer", told), failing).asgi(app), told)
    assert told == [MESSAGES[0], "failing", "outer", MESSAGES[1]]
    assert "failing failed with RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_without_such_a_layer_the_app_gets_the_server_s_own_send() -> None:
    seen: list[Any] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        seen.append(send)

    async def send(message: Any) -> None:
        return None

    asyncio.run(Stack(Layer()).asgi(noting)({"type": "lifespan"}, None, send))
    assert seen == [send]


def events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("queued", [False, True])
def test_the_audit_is_on_disk_when_the_server_ends(queued: bool, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)
    audit = Audit(QueuedSink(sink, interval=0.001) if queued else sink)
    walled = audit.asgi(app)
    ask(walled)
    live(walled, [])
    assert events(path) == ["opened", "start", "exchange", "stop"]
    # A test client begins anew: as another writer, for record ids never come twice.
    ask(walled)
    live(walled, [])
    live(walled, [])
    assert events(path) == ["opened", *["start", "exchange", "stop"] * 2]
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len({line["id"] for line in lines if "id" in line}) == len(lines) - 1
    audit.close()
    assert events(path) == ["opened", *["start", "exchange", "stop"] * 2]
    live(walled, [])  # closed: there is nothing left to do


def test_a_database_is_signed_when_the_server_ends(tmp_path: Path) -> None:
    audit = Audit(SQLiteSink(tmp_path / "audit.db"))
    walled = audit.asgi(app)
    live(walled, [])
    ask(walled)
    live(walled, [])
    audit.close()
    live(walled, [])
    assert audit.lost == 0


def test_a_sink_that_hangs_holds_the_end_up_no_longer_than_its_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Hanging:
        def __init__(self) -> None:
            self.free = threading.Event()

        def write(self, record: bytes) -> None:
            self.free.wait()

        def close(self) -> None: ...

    hanging = Hanging()
    audit = Audit(QueuedSink(hanging, interval=0.001, timeout=0.01))
    walled = audit.asgi(app)
    ask(walled)
    live(walled, [])
    assert "the audit sink is late; records wait: " in caplog.text
    hanging.free.set()
    live(walled, [])  # a sink without `commit` is asked for none
    audit.close()
