"""The straight way through light stacks: whatever comes, it does what the general way does."""

from __future__ import annotations

import asyncio
import gc
import types
import weakref
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
        self.reads_body = name.startswith("reads")
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
             dict(exchange.headers), exchange.path, exchange.kind, exchange.protocol_version,
             exchange.query)
        )  # fmt: skip
        if self.name.startswith("reads"):
            self.seen.append(exchange.body_at_once(1 if self.name == "reads-little" else 100))
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


class Hearing(Judging):
    """Hears of the end, too."""

    wants_route = True

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.heard: list[Any] = []

    def on_complete(self, exchange: Any, outcome: Any) -> Any:
        self.heard.append(
            (outcome.status, type(outcome.error), exchange.route, [*exchange.decisions])
        )
        if self.name == "raises":
            raise RuntimeError
        return self._end() if self.name.startswith("later") else None

    def _end(self) -> Any:
        yield Call(None, later, 1)
        self.heard.append("later")
        if self.name == "later-raises":
            raise RuntimeError


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
        scope["path_params"], scope["path_template"] = {}, "/{of_the_app}"  # as routers do
        if self.ends == "early":
            raise KeyError
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        self.scopes.append(await receive())
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
    "post": {"method": "POST", "query_string": b"a=1"},
    "no query": {"query_string": ...},
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
    bodies = [b"body"]

    async def receive() -> Any:
        if request.get("type") == "websocket":
            return {"type": "websocket.connect"}
        if not bodies:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": bodies.pop(), "more_body": False}

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
    "later-raises", "later-reads", "reads", "reads-little",
]  # fmt: skip


@pytest.mark.parametrize("ends", ["well", "early", "late", "cancelled"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", [Judging, Hearing])
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("by_path", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_it_does_what_the_general_way_does(
    name: str,
    by_path: bool,
    eager: bool,
    kind: type[Judging],
    nested: bool,
    ends: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def everything(light: bool) -> Any:
        monkeypatch.setattr(adapter, "is_light", is_light if light else lambda plan: False)
        layers = [
            *(kind("first", eager), kind(name, eager, stateful=eager, by_path=by_path)),
            kind("last", by_path=by_path),
        ]
        app, outside = App(ends), kind("outside")
        wrapped = Stack(*layers).asgi(app)
        if nested:
            wrapped = Stack(outside).asgi(wrapped)
        layers.append(outside)
        heard = [layer.heard for layer in layers if isinstance(layer, Hearing)]
        return outcomes(wrapped), app.scopes, [layer.seen for layer in layers], heard

    assert everything(light=True) == everything(light=False)


class Interrupted(Hearing):
    def on_request(self, exchange: Any) -> Any:
        raise KeyboardInterrupt  # by a signal


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_those_who_saw_an_interrupted_request_hear_of_it(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(light: bool) -> Any:
        monkeypatch.setattr(adapter, "is_light", is_light if light else lambda plan: False)
        layers = [Hearing("passes"), Hearing("passes"), Hearing("passes")]
        layers[depth] = Interrupted("interrupted")
        app = App("well")
        return outcomes(Stack(*layers).asgi(app), ["usual"]), [each.heard for each in layers]

    assert everything(light=True) == everything(light=False)
    sent, heard = everything(light=True)
    assert sent == [([], KeyboardInterrupt)] * 2
    told = (None, KeyboardInterrupt, None)
    assert [[each[:3] for each in each_heard] for each_heard in heard] == [
        [told] * 2 if at <= depth else [] for at in range(3)
    ]


@types.coroutine
def pause() -> Any:
    yield


def broken_off(app: Any, steps: int, error: type[BaseException] | None) -> Any:
    """Drive one request by hand, and let it fail where it waits for so many steps."""
    sent: list[Any] = []

    async def receive() -> Any:
        await pause()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        await pause()
        sent.append(message)
        await pause()

    running = app(scope_of(), receive, send)
    try:
        for _ in range(steps):
            running.send(None)
        if error is None:
            running.close()
            return sent, "closed", False
        running.throw(error())
        while True:
            running.send(None)
    except BaseException as raised:  # noqa: BLE001  compared
        return sent, type(raised), isinstance(raised, StopIteration)


class Slow(Hearing):
    async def _waits(self) -> None:
        await pause()

    def on_complete(self, exchange: Any, outcome: Any) -> Any:
        self.heard.append((outcome.status, type(outcome.error)))
        return self._end() if self.name.startswith("later") else None

    def _end(self) -> Any:
        yield Call(None, self._waits)
        self.heard.append("later")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        *(("passes", error) for error in (asyncio.CancelledError, OSError, None)),
        # It awaits, which what is closed cannot.
        *(("later-ends", error) for error in (asyncio.CancelledError, OSError)),
    ],
)
def test_they_hear_once_wherever_it_is_broken_off(
    name: str, error: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b"y"})

    def everything(light: bool, answers: bool) -> Any:
        monkeypatch.setattr(adapter, "is_light", is_light if light else lambda plan: False)
        found = []
        for steps in range(10):
            layers = [Slow(name), Slow("passes"), Slow(name)]
            for layer in layers:
                layer.on_request = lambda exchange: None  # type: ignore[method-assign]
            wrapped = Stack(*layers, answer_errors=answers).asgi(app)
            for _ in range(2):  # the second time the host is known
                ended = broken_off(wrapped, steps, error)
            found.append((ended, [layer.heard for layer in layers]))
        return found

    for answers in (False, True):
        assert everything(True, answers) == everything(False, answers)
    for ended, heard in everything(light=True, answers=False)[1:]:
        assert [len([each for each in one if each != "later"]) for one in heard] == [2, 2, 2], ended


def test_a_hook_that_raises_leaves_no_cycle() -> None:
    seen: list[Any] = []

    class Raising(Plain):
        def on_request(self, exchange: Any) -> None:
            seen.append(weakref.ref(exchange))
            raise RuntimeError

    app = Stack(Raising()).asgi(App("well"))
    gc.collect()
    gc.disable()
    try:
        outcomes(app, ["usual"])
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()


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


class Naming(Plain):
    def on_request(self, exchange: Any) -> None:
        exchange.authenticate(None)


@pytest.mark.parametrize("layer", [Plain(), Naming()])
@pytest.mark.parametrize("answers", [False, True])
@pytest.mark.parametrize("ends", ["well", "early"])
def test_so_it_does_where_no_layer_has_anything_to_say(
    ends: str, answers: bool, layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(light: bool) -> Any:
        monkeypatch.setattr(adapter, "is_light", is_light if light else lambda plan: False)
        app = App(ends)
        wrapped = Stack(layer, answer_errors=answers).asgi(app)
        return outcomes(wrapped), app.scopes

    assert everything(light=True) == everything(light=False)


def test_it_is_the_way_that_is_gone() -> None:
    seen: list[Any] = []

    class Looking(Plain):
        def on_request(self, exchange: Any) -> None:
            seen.append(exchange.told)  # which the general way has no use for

    app = Stack(Looking()).asgi(App("well"))
    outcomes(app, ["usual", "two hosts", "odd method", "websocket"])
    assert seen == [None, b"example.com", None, None, None, None]


def test_it_is_the_way_of_bodies_too_and_leaves_no_cycle() -> None:
    seen: list[Any] = []

    class Reading(Plain):
        reads_body = True

        def on_request(self, exchange: Any) -> Any:
            seen.append(weakref.ref(exchange))
            assert exchange.body_at_once(100) == b"body"
            return REFUSED if len(seen) > 2 else None

    app: Any = Stack(Reading()).asgi(App("well"))
    assert is_light(app.__ringwall__)
    gc.collect()
    gc.disable()
    try:
        outcomes(app, ["usual", "usual"])
        assert [reference() for reference in seen] == [None] * 4
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("name", "heard"), [("passes", None), ("disconnected", ClientDisconnected)]
)
def test_what_was_answered_between_two_stacks_is_no_failure(
    name: str, heard: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything(light: bool) -> Any:
        monkeypatch.setattr(adapter, "is_light", is_light if light else lambda plan: False)
        outside, inside = Hearing("passes"), Hearing(name)
        inner = Stack(inside).asgi(App("early"))

        async def answering(scope: Any, receive: Any, send: Any) -> None:
            try:
                await inner(scope, receive, send)
            except KeyError:
                await send({"type": "http.response.start", "status": 404, "headers": []})
                await send({"type": "http.response.body", "body": b""})

        return outcomes(Stack(outside).asgi(answering), ["usual"]), outside.heard, inside.heard

    assert everything(light=True) == everything(light=False)
    _, outside, inside = everything(light=True)
    assert [told[1] for told in outside] == [heard or type(None)] * 2
    assert [told[1] for told in inside] == [heard or KeyError] * 2
