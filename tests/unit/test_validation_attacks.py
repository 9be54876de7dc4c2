"""The catalogue of attacks, row by row, through both interfaces: none of them reaches the app."""

from __future__ import annotations

import asyncio
import gc
import io
import itertools
import json
import socket
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from openapi_support import document, layer_of
from ringwall import BodyValidation, ConfigurationError, Layer
from validation_attacks import ATTACKS, GOOD, SECRET, Attack, make_api, make_closing, make_strict
from validation_support import ask

API, STRICT = make_api(), make_strict()
CASES = [
    pytest.param(interface, attack, id=f"{attack.row}-{attack.name}-{interface}")
    for attack in ATTACKS
    for interface in ("asgi", "wsgi")
    if interface in attack.on
]


@pytest.mark.parametrize(("interface", "attack"), CASES)
def test_row(interface: str, attack: Attack) -> None:
    layer = STRICT if attack.path.startswith("/strict") else API
    answer = ask(
        layer,
        interface,
        attack.body,
        method=attack.method,
        path=attack.path,
        headers=attack.lines,
        length=attack.length,
        query=attack.query,
        target=attack.target,
    )
    assert answer.status == attack.status, answer
    if attack.status == 200:
        assert answer.called
        return
    assert not answer.called
    if attack.code:
        assert answer.code == attack.code
    for name, value in attack.answers:
        assert answer.headers[name] == value
    closes = {"connection": "close"} if attack.status == 413 and interface == "asgi" else {}
    assert {k: v for k, v in answer.headers.items() if k == "connection"} == closes
    told: list[Any] = answer.problem.get("errors", []) if attack.code else []
    assert len(told) <= 20
    assert all(set(error) >= {"pointer", "code", "detail"} for error in told)
    if attack.errors:
        assert [(error["pointer"], error["code"]) for error in told] == list(attack.errors)
    assert len(answer.body) < 5000
    assert SECRET not in repr((answer.headers, answer.body, answer.decisions))


# Rows that are more than one request and its answer.

interfaces = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
HEADERS = [(b"content-type", b"application/json")]


class Never:
    """An app that must not be called."""

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the app was called")

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        raise AssertionError("the app was called")


def asgi(layer: Layer, receive: Any, app: Any = None, **fields: Any) -> list[Any]:
    """What is sent for POST /orders."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/orders",
        "headers": HEADERS,
        "http_version": "1.1",
        **fields,
    }
    asyncio.run(layer.asgi(app or Never().asgi)(scope, receive, send))  # type: ignore[arg-type]
    return sent


def wsgi(layer: Layer, stream: Any, app: Any = None, **fields: str) -> tuple[Any, bytes]:
    """The status line and body for POST /orders."""
    seen: list[Any] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/orders",
        "CONTENT_TYPE": "application/json",
        "wsgi.url_scheme": "https",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        **fields,
    }
    result = layer.wsgi(app or Never().wsgi)(environ, lambda *told: seen.append(told))  # type: ignore[arg-type]
    return seen[0], b"".join(result)


class Stream:
    """Hands out one chunk a read, and calls `tick` before each."""

    def __init__(self, chunks: Iterable[bytes], tick: Any = lambda: None) -> None:
        self._chunks = iter(chunks)
        self._tick = tick

    def read(self, size: int = -1) -> bytes:
        self._tick()
        return next(self._chunks, b"")

    async def receive(self) -> Any:
        self._tick()
        chunk = next(self._chunks, None)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": True}


def test_row_6_asgi_a_client_that_goes_away_gets_no_answer() -> None:
    for chunks in ([], [b""], [b"{"], [GOOD[:-1], b""]):
        assert asgi(API, Stream(chunks).receive) == []


def test_row_6_wsgi_a_client_that_goes_away_is_refused() -> None:
    def lost() -> None:
        raise ConnectionResetError

    for stream in (Stream([], lost), Stream([GOOD[:5]])):
        (status, headers), _ = wsgi(API, stream, CONTENT_LENGTH=str(len(GOOD)))
        assert status.startswith("400 ")
        assert "connection" not in {name.lower() for name, _ in headers}


@interfaces
@pytest.mark.parametrize("each", [b"a", b"a" * 900])
def test_row_7_a_body_that_drips_is_given_up(interface: str, each: bytes) -> None:
    """One byte in ten seconds, and 90 bytes a second, where 1000 are asked for."""
    now = 0.0

    def tick() -> None:
        nonlocal now
        now += 10.0

    layer = BodyValidation({"POST /orders": True}, clock=lambda: now)
    stream = Stream(itertools.repeat(each), tick)
    if interface == "asgi":
        start = asgi(layer, stream.receive)[0]
        assert start["status"] == 408
        assert (b"connection", b"close") in start["headers"]
    else:
        (status, _), _ = wsgi(layer, stream)
        assert status.startswith("408 ")
    assert now <= 70


@pytest.mark.parametrize("translate", [None, lambda code, detail, language: code])
@pytest.mark.parametrize("version", ["1.1", "2"])
def test_row_7_nor_is_the_rest_waited_for_where_none_is_declared(
    version: str, translate: Any
) -> None:
    now = 0.0

    def tick() -> None:
        nonlocal now
        now += 10.0

    layer = BodyValidation({"POST /other": True}, clock=lambda: now, translate=translate)
    stream = Stream(itertools.repeat(b""), tick)
    start = asgi(layer, stream.receive, http_version=version)[0]
    assert start["status"] == 408
    assert ((b"connection", b"close") in start["headers"]) == (version == "1.1")


def test_row_7_a_body_that_stops_is_given_up() -> None:
    async def receive() -> Any:
        if chunks:
            return {"type": "http.request", "body": chunks.pop(), "more_body": True}
        return await asyncio.Event().wait()

    chunks = [b"{"]
    layer = BodyValidation({"POST /orders": True}, timeout=0.05)
    assert asgi(layer, receive)[0]["status"] == 408


def test_row_8_endless_empty_chunks_end() -> None:
    taken = itertools.count()
    stream = Stream(itertools.repeat(b""), lambda: next(taken))
    assert asgi(API, stream.receive)[0]["status"] == 400
    assert next(taken) < 2000


@interfaces
def test_row_8_an_endless_body_ends_at_the_limit(interface: str) -> None:
    taken = itertools.count()
    stream = Stream(itertools.repeat(b" " * 64), lambda: next(taken))
    if interface == "asgi":
        assert asgi(API, stream.receive)[0]["status"] == 413
    else:
        assert wsgi(API, stream)[0][0].startswith("413 ")
    assert next(taken) <= 2 + 65536 // 64


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3", None])
@pytest.mark.parametrize("length", [b"70000", None])
def test_rows_1_and_2_only_http_1_knows_connection_close(version: Any, length: Any) -> None:
    """RFC 9113 section 8.2.2 forbids it in HTTP/2. Under WSGI it is the server's (PEP 3333)."""
    headers = [*HEADERS, *([(b"content-length", length)] if length else [])]
    stream = Stream([b" " * 70_000])
    start = asgi(API, stream.receive, headers=headers, http_version=version)[0]
    closes = (b"connection", b"close") in start["headers"]
    assert (start["status"], closes) == (413, version in ("1.0", "1.1"))


@pytest.mark.parametrize(
    "reference",
    ["{url}x.json", "{url}x.json#/a", "//{host}/x.json", "file://{path}", "{path}", "../x.json",
     "x.json", "/etc/passwd", "urn:x", "data:application/json,true", "ftp://{host}/x"],
)  # fmt: skip
@pytest.mark.parametrize("given", ["mapping", "openapi", "openapi 3.0", "parameter", "body"])
def test_row_30_nothing_is_fetched(
    reference: str, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        host = f"127.0.0.1:{server.getsockname()[1]}"
        path = str(tmp_path / "x.json")
        schema = {"$ref": reference.format(url=f"http://{host}/", host=host, path=path)}
        with pytest.raises(ConfigurationError):
            if given == "mapping":
                BodyValidation({"POST /orders": {"properties": {"a": schema}}})
            elif given == "parameter":
                layer_of(parameters=[schema])
            elif given == "body":
                post = {"requestBody": schema, "responses": {}}
                BodyValidation(openapi=document(paths={"/x": {"post": post}}))
            else:
                layer_of(schema, version="3.0.3" if "3.0" in given else "3.1.0")
        with pytest.raises(BlockingIOError):
            server.accept()


@interfaces
def test_row_40_a_response_with_a_secret_does_not_leave(interface: str) -> None:
    leak = json.dumps({"id": 1, "password_hash": SECRET}).encode()
    kind = "application/json"
    assert told_by(make_closing(), interface, [leak], kind) == (
        500,
        [b'{"type":"about:blank","title":"Internal Server Error","status":500,"detail":'
         b'"The response is not as it is declared.","code":"invalid-response"}'],
    )  # fmt: skip
    good = b'{"id":1}'
    assert told_by(make_closing(), interface, [good], kind) == (200, [good])


@interfaces
def test_row_40_streams_are_untouched(interface: str) -> None:
    streamed = {"200": {"description": "", "content": {"text/event-stream": {}}}}
    given = document(paths={"/leak": {"get": {"responses": streamed}}})
    chunks = [b"data: 1\n\n", b"data: 2\n\n", b"", b"data: 3\n\n"]
    for mode in ("report", "enforce", "strip"):
        layer = BodyValidation(openapi=given, base_path="/closing", responses=mode)
        assert told_by(layer, interface, chunks, "text/event-stream") == (200, chunks)


def told_by(
    layer: Layer, interface: str, chunks: list[bytes], kind: str
) -> tuple[int, list[bytes]]:
    """The status and the chunks that leave, for GET /closing/leak."""
    where = "/closing/leak"
    if interface == "asgi":

        async def streaming(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-type", kind.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for at, chunk in enumerate(chunks):
                more = at + 1 < len(chunks)
                await send({"type": "http.response.body", "body": chunk, "more_body": more})

        async def nothing() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        sent = asgi(layer, nothing, streaming, method="GET", path=where, headers=[])
        return sent[0]["status"], [message["body"] for message in sent[1:]]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", kind)])
        return (chunk for chunk in chunks)

    seen: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": where, "wsgi.url_scheme": "https"}
    environ["wsgi.input"] = io.BytesIO()  # type: ignore[assignment]
    result = layer.wsgi(app)(environ, lambda *told: seen.append(told))  # type: ignore[arg-type]
    sent_ = [*result]
    return int(seen[0][0][:3]), sent_


@interfaces
def test_row_41_nothing_that_clients_choose_is_kept(interface: str) -> None:
    def attack(number: int) -> None:
        name = f"{number:05}" * 200
        for layer, kind in (
            (API, "application/json"),
            (STRICT, f"application/json; x={name[:200]}"),
        ):
            prefix = "" if layer is API else "/strict"
            body = json.dumps({name: [name]}).encode()
            headers = [("content-type", kind), ("content-encoding", name)]
            ask(layer, interface, body, path=f"{prefix}/any", headers=headers[:1])
            ask(layer, interface, body, path=f"{prefix}/any", headers=headers)
            ask(layer, interface, method="GET", path=f"{prefix}/{name}", headers=[])
            query = f"{name}={name}"
            ask(layer, interface, method="GET", path=f"{prefix}/orders", query=query, headers=[])

    attack(0)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        for number in range(1, 101):
            attack(number)
        gc.collect()
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    grown = sum(line.size_diff for line in after.compare_to(before, "filename"))
    assert grown < 150_000  # of more than a megabyte of names


@interfaces
def test_row_42_the_app_reads_as_it_likes(interface: str) -> None:
    """Never, once, twice; and then the client's own disconnect."""
    read: list[Any] = []
    if interface == "asgi":

        async def app(scope: Any, receive: Any, send: Any) -> None:
            for _ in range(3):
                read.append(await receive())
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        chunks = [GOOD[:7], GOOD[7:]]

        async def receive() -> Any:
            if chunks:
                body = chunks.pop(0)
                return {"type": "http.request", "body": body, "more_body": bool(chunks)}
            return {"type": "http.disconnect"}

        assert asgi(API, receive, app)[0]["status"] == 200
        gone = {"type": "http.disconnect"}
        assert read == [{"type": "http.request", "body": GOOD, "more_body": False}, gone, gone]
        return

    def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
        stream = environ["wsgi.input"]
        read.extend([environ["CONTENT_LENGTH"], stream.read(7), *stream.readlines(), stream.read()])
        start_response("200 OK", [])
        return []

    wsgi(API, io.BytesIO(GOOD), wsgi_app)
    assert read == [str(len(GOOD)), GOOD[:7], GOOD[7:], b""]


def _fails(*_: Any) -> Any:
    raise LookupError(SECRET)


@interfaces
@pytest.mark.parametrize(
    "options",
    [
        {"checks": {"POST /orders": _fails}},
        {"formats": {"own": _fails}},
        {"translate": _fails},
        {"checks": {"POST /orders": lambda value: [{"pointer": object()}]}},
        {"clock": _fails},
    ],
)
def test_row_43_what_fails_inside_closes_the_door(interface: str, options: dict[str, Any]) -> None:
    schema = {"properties": {"item": {"type": "string"}}}
    if "formats" in options:
        schema["properties"]["item"]["format"] = "own"
    layer = BodyValidation({"POST /orders": schema}, **options)
    body = GOOD if "translate" not in options else b'{"item": 1}'
    # In chunks: where there is nothing to wait for, no clock is asked.
    answer = ask(layer, interface, [body[:5], body[5:]], path="/orders", length=None)
    assert answer.refused(500, "internal-error")
    assert SECRET.encode() not in answer.body
