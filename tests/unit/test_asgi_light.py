"""The straight way through light stacks: whatever comes, it does what the general way does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from ringwall import Addition, Decision, Layer, Stack
from ringwall import asgi as adapter
from ringwall._asgi_light import is_light
from ringwall._exchange import KEY, ClientDisconnected
from ringwall._pending import Call
from ringwall.problem import problem

REFUSED = problem(403, "Not you.", code="not-you")
HEADERS = [(b"host", b"example.com"), (b"x-want", b"1"), (b"accept", b"*/*"), (b"x-want", b"2")]


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


class Judging(Layer):
    """Does with the request what its name says, and tells what it has seen."""

    wants = frozenset({b"x-want"})
    wants_client = True
    adds = sets = frozenset({b"x-added"})

    def __init__(
        self, name: str, eager: bool = False, stateful: bool = False, by_path: bool = False
    ) -> None:
        self.name = name
        self.by_path = by_path
        self.reads_headers = eager
        self.keeps_state = stateful
        self.seen: list[Any] = []

    def on_request(self, exchange: Any) -> Any:
        if self.name == "unwanted":
            return None
        exchange.state[self] = "mine"
        exchange.decisions.append(Decision(self.name, "allow", "rule", "reason"))
        exchange.additions.append(Addition(self, ((b"x-added", self.name.encode()),)))
        self.seen.append(
            (exchange.method, exchange.scheme, exchange.peer, exchange.client, exchange.host,
             dict(exchange.headers), exchange.path, exchange.kind, exchange.protocol_version)
        )  # fmt: skip
        if self.name == "refuses":
            return REFUSED
        if self.name == "authenticates":
            exchange.authenticate(None)
        if self.name == "raises":
            raise RuntimeError
        if self.name == "disconnected":
            raise ClientDisconnected
        return self._later(exchange) if self.name.startswith("later") else None

    def _later(self, exchange: Any) -> Any:
        yield Call(None, later, 1)
        if self.name == "later-raises":
            raise RuntimeError
        if self.name == "later-reads":
            self.seen.append((yield from exchange.read_body(100)))
        return REFUSED if self.name == "later-refuses" else None


class Plain(Layer):
    name = "plain"
    keeps_state = False

    def on_request(self, exchange: Any) -> None:
        return None


class App:
    """Answers, and keeps what it was given."""

    def __init__(self, ends: str) -> None:
        self.ends = ends
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        told = dict(scope)
        exchange = told.pop(KEY)
        self.scopes[-1] = told, [*exchange.decisions], exchange.parent is None
        scope["headers"] = ()
        if self.ends == "early":
            raise KeyError
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        if self.ends == "late":
            raise KeyError
        if self.ends == "cancelled":
            raise asyncio.CancelledError
        await send({"type": "http.response.body", "body": b"x"})


def scope_of(**changes: Any) -> dict[str, Any]:
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "https", "path": "/a",
        "raw_path": b"/a", "query_string": b"", "root_path": "", "headers": [*HEADERS],
        "client": ("192.0.2.7", 5), "state": {},
    }  # fmt: skip
    return {key: value for key, value in {**scope, **changes}.items() if value is not ...}


REQUESTS: dict[str, Any] = {
    "usual": {},
    "post": {"method": "POST"},
    "plain http": {"scheme": "http"},
    "two hosts": {"headers": [*HEADERS, (b"host", b"example.com")]},
    "no host": {"headers": HEADERS[1:]},
    "bad host": {"headers": [(b"host", b"a b")]},
    "tuple of headers": {"headers": (*HEADERS,)},
    "iterator of headers": {"headers": lambda: iter(HEADERS)},
    "no headers": {"headers": ...},
    "unix socket": {"client": None},
    "no client": {"client": ...},
    "no address": {"client": ("nonsense", 0)},
    "mapped address": {"client": ["::ffff:192.0.2.7", 5]},
    "no scheme": {"scheme": ...},
    "odd method": {"method": "PURGE"},
    "bad method": {"method": "get"},
    "handshake as method": {"method": "WEBSOCKET"},
    "odd path": {"path": "/a//b", "raw_path": b"/a//b"},
    "the path sent otherwise": {"raw_path": b"/%61"},
    "the path sent badly": {"raw_path": b"/%2fa"},
    "a path that was decoded": {"path": "/a b", "raw_path": b"/a%20b"},
    "no path as sent": {"raw_path": ...},
    "mounted": {"root_path": "/m", "path": "/m/a", "raw_path": b"/m/a"},
    "a root that is mounted": {"root_path": "/m", "path": "/m", "raw_path": b"/m"},
    "no mount point told": {"root_path": ...},
    "websocket": {"type": "websocket", "method": ..., "scheme": "wss"},
    "websocket with a method": {"type": "websocket", "scheme": "wss"},
}


async def outcome(app: Any, request: dict[str, Any]) -> Any:
    """What the server gets to see."""
    sent: list[Any] = []

    async def receive() -> Any:
        if request.get("type") == "websocket":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": b"body", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    made = scope_of(
        **{key: value() if callable(value) else value for key, value in request.items()}
    )
    before = dict(made)
    error: BaseException | None = None
    try:
        await app(made, receive, send)
    except BaseException as raised:  # noqa: BLE001  compared
        error = raised
    assert made == before, "the server's scope stays as it was"
    return sent, type(error)


def outcomes(app: Any, requests: Iterable[str] = REQUESTS) -> list[Any]:
    """Of each request twice: the second time the host is known."""

    async def each() -> list[Any]:
        return [await outcome(app, REQUESTS[name]) for name in requests for _ in range(2)]

    return asyncio.run(each())


NAMES = [
    "passes", "authenticates", "refuses", "raises", "disconnected", "later-passes", "later-refuses",
    "later-raises", "later-reads",
]  # fmt: skip


@pytest.mark.parametrize("ends", ["well", "early", "late", "cancelled"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("by_path", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_it_does_what_the_general_way_does(
    name: str,
    by_path: bool,
    eager: bool,
    nested: bool,
    ends: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def everything(light: bool) -> Any:
        monkeypatch.setattr(adapter, "is_light", is_light if light else lambda plan: False)
        layers = [
            *(Judging("first", eager), Judging(name, eager, stateful=eager, by_path=by_path)),
            Judging("last", by_path=by_path),
        ]
        app = App(ends)
        wrapped = Stack(*layers).asgi(app)
        if nested:
            wrapped = Stack(Judging("outside")).asgi(wrapped)
        return outcomes(wrapped), app.scopes, [layer.seen for layer in layers]

    assert everything(light=True) == everything(light=False)


class Broken(Plain):
    def on_response(self, exchange: Any, head: Any) -> None:
        raise RuntimeError


def test_a_stream_that_a_failing_layer_has_replaced_is_stopped() -> None:
    chunks: list[int] = []

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            chunks.append(1)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    app = Stack(Broken()).asgi(endless)
    for sent, error in outcomes(app, ["usual"]):
        assert (sent[0]["status"], len(sent), error) == (500, 2, type(None))
    assert chunks == [1, 1]


@pytest.mark.parametrize("answers", [False, True])
@pytest.mark.parametrize("ends", ["well", "early"])
def test_so_it_does_where_no_layer_has_anything_to_say(
    ends: str, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(light: bool) -> Any:
        monkeypatch.setattr(adapter, "is_light", is_light if light else lambda plan: False)
        app = App(ends)
        wrapped = Stack(Plain(), answer_errors=answers).asgi(app)
        return outcomes(wrapped), app.scopes

    assert everything(light=True) == everything(light=False)


def test_it_is_the_way_that_is_gone() -> None:
    seen: list[Any] = []

    class Looking(Plain):
        def on_request(self, exchange: Any) -> None:
            seen.append(exchange.told_host)  # which the general way has no use for

    app = Stack(Looking()).asgi(App("well"))
    outcomes(app, ["usual", "two hosts", "odd method", "websocket"])
    assert seen == [None, b"example.com", None, None, None, None]
