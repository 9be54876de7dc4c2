"""What the adapters do in one step for most requests: the same as the long way, and bounded."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from ringwall import Exchange, Layer, Stack
from ringwall._boundary import Boundary

LINES = ((b"x-first", b"ours"), (b"x-second", b"ours"))


class Constant(Layer):
    name = "constant"
    constant_headers = LINES


def exchange(boundary: Boundary, host: bytes) -> Exchange:
    headers = {b"host": host}
    return Exchange("asgi", "GET", "https", "", "/", None, b"", headers, None, boundary)


def test_the_hosts_that_are_remembered_are_few_and_the_others_are_parsed_all_the_same() -> None:
    boundary = Boundary()
    for number in range(1000):
        made = exchange(boundary, b"h%d.example.com" % number)
        boundary.derive(made)
        assert made.host is not None
        assert made.host.name == f"h{number}.example.com"
    assert len(boundary.known_hosts) == 256


@pytest.mark.parametrize("host", [b"a b", b"", b"evil.example/x", b"x" * 400])
def test_a_malformed_host_is_never_remembered(host: bytes) -> None:
    boundary = Boundary()
    made = exchange(boundary, host)
    boundary.derive(made)
    assert boundary.judge_target(made) is made.malformed
    assert made.malformed is not None
    assert boundary.known_hosts == {}


def test_a_well_formed_target_is_not_refused() -> None:
    boundary = Boundary()
    made = exchange(boundary, b"example.com")
    boundary.derive(made)
    assert boundary.judge_target(made) is None
    assert made.decisions == []


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], [("x-first", "ours"), ("x-second", "ours")]),
        ([("X-First", "app")], [("X-First", "app"), ("x-second", "ours")]),
        ([("x-a", "1"), ("x-SECOND", "app")], [("x-a", "1"), ("x-SECOND", "app"), LINES[0]]),
    ],
)
def test_constant_headers_yield_to_the_app_s_own(own: Any, expected: Any) -> None:
    wanted = [
        tuple(part.decode() if isinstance(part, bytes) else part for part in line)
        for line in expected
    ]
    given = list(own)
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", given)
        return [b""]

    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "PATH_INFO": "/"}
    Stack(Constant()).wsgi(app)(environ, lambda status, headers: seen.append(headers))
    assert seen == [wanted]
    assert given == list(own)  # the app's list is left alone

    sent: list[Any] = []

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        # The specification allows any iterable here.
        lines = ((name.encode(), value.encode()) for name, value in own)
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(Stack(Constant()).asgi(asgi_app)(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["headers"] == [(name.encode(), value.encode()) for name, value in wanted]


def test_an_error_after_the_start_is_told_on() -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise RuntimeError("late")
        except RuntimeError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return [b"sorry"]

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        seen.append((status, headers, exc_info and exc_info[0]))

    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "PATH_INFO": "/"}
    assert Stack(Constant()).wsgi(app)(environ, start_response) == [b"sorry"]
    lines = [("x-first", "ours"), ("x-second", "ours")]
    assert seen == [
        ("200 OK", lines, None),
        ("500 Internal Server Error", lines, RuntimeError),
    ]


def test_a_head_that_fails_in_an_empty_stream_is_a_complete_500() -> None:
    class Failing(Layer):
        name = "failing"

        def on_response(self, exchange: Exchange, head: Any) -> None:
            raise RuntimeError("a bug")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("X-App", "1")])
        yield from ()

    seen: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        seen.append((status, dict(headers)))

    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "https", "PATH_INFO": "/"}
    body = b"".join(Stack(Failing()).wsgi(app)(environ, start_response))
    [(status, headers)] = seen
    assert status == "500 Internal Server Error"
    assert headers["content-length"] == str(len(body))
    assert b"internal-error" in body
    assert "X-App" not in headers
