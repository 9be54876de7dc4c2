"""What the adapters do in one step for most requests: the same as the long way, and bounded."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import sys
from collections import UserDict
from typing import Any

import pytest

from ringwall import Exchange, Layer, RateLimit, Stack
from ringwall._boundary import Boundary
from ringwall._boundary.address import canonical_address
from ringwall._exchange import KEY
from ringwall.testing import Request, SampleApp, drive

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
        assert b"h%d.example.com" % number in boundary.known_hosts
        assert len(boundary.known_hosts) <= 256


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_junk_hosts_do_not_shut_the_others_out(
    monkeypatch: pytest.MonkeyPatch, interface: Any
) -> None:
    """Whoever sends more of them than are remembered makes an honest host slower once in so many
    requests, and not for ever."""
    derived: list[bytes | None] = []
    derive = Boundary.derive

    def counted(self: Boundary, exchange: Exchange) -> Any:
        derived.append(exchange.headers.get(b"host"))
        return derive(self, exchange)

    monkeypatch.setattr(Boundary, "derive", counted)
    app = SampleApp()
    wrapped = getattr(Layer(), interface)(getattr(app, interface))
    junk = (Request(headers=((b"host", b"junk%d.example.com" % n),)) for n in itertools.count())
    for _ in range(300):
        drive(interface, wrapped, next(junk))
    assert len(derived) == 300
    for _ in range(3):
        drive(interface, wrapped, Request())
    assert derived.count(b"api.example.com") == 1  # it is remembered, late as it comes
    for _ in range(1024):
        drive(interface, wrapped, next(junk))
        drive(interface, wrapped, Request())
    assert derived.count(b"api.example.com") == 1 + 4
    assert len(app.seen) == 300 + 3 + 2 * 1024
    known = dict(zip(wrapped.__code__.co_freevars, wrapped.__closure__, strict=True))
    assert len(known["known_hosts"].cell_contents) <= 256


def test_the_clients_that_are_remembered_are_few() -> None:
    boundary = Boundary()
    for number in range(3000):
        address = f"::ffff:10.0.{number // 250}.{number % 250}"
        assert boundary.client_at(address) == address[7:]
        assert boundary.known_clients[address] == address[7:]
        assert len(boundary.known_clients) <= 1024


@pytest.mark.parametrize("peer", [None, "", "nonsense", "1" * 400, "10.0.0.1:80"])
def test_what_is_no_address_is_never_remembered(peer: Any) -> None:
    boundary = Boundary()
    assert boundary.client_at(peer) is None
    assert boundary.known_clients == {}


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "255.255.255.255", "10.1.2.3", "256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.4."),
        *(
            ".1.2.3",
            "1..2.3",
            "01.2.3.4",
            "1.2.3.04",
            "00.0.0.0",
            "+1.2.3.4",
            "-1.2.3.4",
            "1.2.3.-4",
        ),
        *(
            " 1.2.3.4",
            "1.2.3.4 ",
            "1.2.3.4\n",
            "1. 2.3.4",
            "1_0.2.3.4",
            "\uff11.2.3.4",
            "\u0661.2.3.4",
        ),
        *(
            "1.2.3.4%eth0",
            "1.2.3.4:80",
            "0x1.2.3.4",
            "1e1.2.3.4",
            "...",
            "::ffff:1.2.3.4",
            "::1.2.3.4",
        ),
    ],
)
def test_an_address_that_is_not_parsed_is_in_its_one_spelling(text: str) -> None:
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        assert canonical_address(text) is None
    else:
        mapped = getattr(parsed, "ipv4_mapped", None)
        assert canonical_address(text) == str(mapped or parsed)


class Asks(Layer):
    name = "asks"
    wants_client = True

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    def on_request(self, exchange: Exchange) -> None:
        self.seen.append(exchange.client)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_client_that_is_remembered_is_the_one_that_is_derived(interface: Any) -> None:
    layer, app = Asks(), SampleApp()
    for outer in ([], [Layer()]):  # alone, and inside another stack
        wrapped = getattr(layer, interface)(getattr(app, interface))
        if outer:
            wrapped = getattr(Stack(*outer), interface)(wrapped)
        for client in ("::ffff:192.0.2.7", "::FFFF:192.0.2.7", "192.0.2.7", "2001:DB8::1", None):
            for _ in range(2):
                drive(interface, wrapped, Request(client=client))
    once = ["192.0.2.7"] * 6 + ["2001:db8::1"] * 2 + [None] * 2
    assert layer.seen == once * 2


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


def asked(boundary: Boundary, path: str, raw_path: bytes | None) -> bool:
    made = Exchange("asgi", "GET", "https", "", path, raw_path, b"", {}, None, boundary)
    return boundary.judge_path(made) is None


def test_the_paths_that_are_remembered_are_few_and_short() -> None:
    boundary = Boundary()
    for number in range(3000):
        assert asked(boundary, f"/{number}", b"/%d" % number)
        assert asked(boundary, f"/{number}", b"/%d" % number)
    assert asked(boundary, "/" + "a" * 200, None)
    assert asked(boundary, "/b", b"/" + b"a" * 200)
    assert len(boundary.known_paths) == 3000 - 2 * 1024
    assert max(map(len, boundary.known_paths)) < 10
    assert boundary.plain_paths == boundary.known_paths.keys()
    assert asked(boundary, "/\xe9", b"/%C3%A9")
    assert asked(boundary, "/b", b"/%62")
    assert asked(boundary, "/c", None)
    assert boundary.plain_paths.isdisjoint({"/\xe9", "/b", "/c"})


@pytest.mark.parametrize(
    ("path", "raw_path"), [("/a", b"/%2561"), ("/a", b"/a#"), ("/a;b", None), ("", None)]
)
def test_a_path_that_is_remembered_vouches_for_no_other(path: str, raw_path: bytes | None) -> None:
    boundary = Boundary()
    for _ in range(2):
        assert asked(boundary, "/a", b"/a")
        assert asked(boundary, "/a", None)
        assert not asked(boundary, path, raw_path)


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


@pytest.mark.parametrize("kind", [dict, UserDict])
def test_mappings_of_any_kind_are_copied_and_left_as_they_were(kind: Any) -> None:
    """ASGI has dicts; a middleware of somebody else may make others. And apps need no headers."""
    start = kind({"type": "http.response.start", "status": 204})
    scope = kind({"type": "http", "method": "GET", "path": "/", "headers": []})
    given: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append(scope)
        await send(start)

    async def send(message: Any) -> None:
        sent.append(message)

    before = [dict(start), dict(scope)]
    asyncio.run(Stack(Constant()).asgi(app)(scope, None, send))  # type: ignore[arg-type]
    assert sent == [{**start, "headers": [*LINES]}]
    assert [dict(start), dict(scope)] == before
    assert given[0].keys() == {*scope, KEY}


@pytest.mark.parametrize("headers", [{}, {"headers": None}, {"headers": ((b"x-own", b"1"),)}])
def test_what_layers_add_does_not_need_headers_of_the_app(headers: Any) -> None:
    start = {"type": "http.response.start", "status": 204, **headers}
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = Request().scope()
    for layers in (
        [RateLimit("5/minute")],
        [RateLimit("5/minute"), RateLimit("9/hour", policy="hour")],
    ):
        wrapped = Stack(*layers).asgi(app)
        asyncio.run(wrapped(scope, None, send))  # type: ignore[arg-type]
        own = list(headers.get("headers") or ())
        names = [b"ratelimit-policy", b"ratelimit"] * len(layers)
        assert [name for name, _ in sent[-1]["headers"]] == [*dict(own), *names]
    assert start == {"type": "http.response.start", "status": 204, **headers}


class Headers(Layer):
    """Asks for headers in on_request, perhaps nearly always, perhaps for none but the Host."""

    name = "headers"
    tolerant = True

    def __init__(self, eager: bool, wants: frozenset[bytes]) -> None:
        self.reads_headers, self.wants = eager, wants
        self.seen: list[dict[bytes, bytes]] = []

    def on_request(self, exchange: Exchange) -> None:
        self.seen.append(dict(exchange.headers))


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("wants", [frozenset[bytes](), frozenset({b"x-want"})])
def test_headers_are_the_same_whenever_they_are_derived(
    interface: Any, eager: bool, wants: frozenset[bytes]
) -> None:
    layer, app = Headers(eager, wants), SampleApp()
    wrapped = getattr(Stack(layer), interface)(getattr(app, interface))
    host = b"api.example.com"
    for hosts, status in (([host], 200), ([host, b"evil.example"], 400), ([host, host], 400)):
        for _ in range(2):  # a host that is known takes a quicker way
            lines = (*((b"host", each) for each in hosts), (b"x-want", b"1"), (b"x-want", b"2"))
            before = len(app.seen)
            assert drive(interface, wrapped, Request(headers=lines)).status == status
            assert len(app.seen) - before == (status == 200)
            asked = layer.seen.pop()
            assert asked.pop(b"host").replace(b" ", b"") == b",".join(hosts)
            assert asked == ({b"x-want": asked[b"x-want"]} if wants else {})
            assert asked.get(b"x-want", b"1, 2").replace(b" ", b"") == b"1,2"


class Keeper(Layer):
    """Keeps something, whatever it says of that."""

    name = "keeper"

    def __init__(self, keeps: bool) -> None:
        self.keeps_state = keeps
        self.kept: list[Any] = []

    def on_request(self, exchange: Exchange) -> None:
        exchange.state[self] = 1

    def on_response(self, exchange: Exchange, head: Any) -> None:
        self.kept.append(exchange.state)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_state_is_that_of_one_request_whenever_it_is_made(interface: Any) -> None:
    for first, second in itertools.product((False, True), repeat=2):
        layers = Keeper(first), Keeper(second)
        wrapped = getattr(Stack(*layers), interface)(getattr(SampleApp(), interface))
        for _ in range(2):
            drive(interface, wrapped, Request())
        assert [*layers[0].kept, *layers[1].kept] == [dict.fromkeys(layers, 1)] * 4
        assert layers[0].kept[0] is not layers[0].kept[1]


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


class ByPath(Layer):
    name = "by path"
    by_path = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes | None]] = []

    def on_request(self, exchange: Exchange) -> None:
        self.seen.append((exchange.path, exchange.raw_path))


TARGETS = (
    *(b"/a", b"/%61", b"/a?b", b"/a%3Fb", b"/\xc3\xa4", b"/%C3%A4", b"/a/b", b"/", b"/b%20c"),
    *(b"/a%2Fb", b"/%2561", b"/a;b", b"/a%00", b"//a", b"/a/../b", b"/\xff", b"/a%5Cb"),
)


@pytest.mark.parametrize("root", ["", "/a"])
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_path_that_is_remembered_is_as_it_was_and_vouches_for_no_other(
    interface: Any, root: str
) -> None:
    layer, app = ByPath(), SampleApp()
    wrapped = getattr(layer, interface)(getattr(app, interface))

    def ask(target: bytes, wrapped: Any) -> int | None:
        return drive(interface, wrapped, Request(target=root.encode() + target, root=root)).status

    for target in (*TARGETS, *reversed(TARGETS), *TARGETS):
        fresh = ByPath()
        alone = getattr(fresh, interface)(getattr(SampleApp(), interface))
        layer.seen.clear()
        app.seen.clear()
        assert ask(target, wrapped) == ask(target, alone)
        assert layer.seen == fresh.seen
        assert len(app.seen) == len(fresh.seen)
    assert ask(b"/a", wrapped) == 200
    assert ask(b"/a;b", wrapped) == 400


@pytest.mark.parametrize("raw", [b"/%2561", b"/a#", b"/%61%00"])
def test_a_server_that_tells_another_raw_path_is_not_believed(raw: bytes) -> None:
    layer, app = ByPath(), SampleApp()
    wrapped = layer.asgi(app.asgi)

    async def ask(raw_path: bytes) -> int:
        status: list[int] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            status.append(message.get("status", 0))

        await wrapped({**Request(target=b"/a").scope(), "raw_path": raw_path}, receive, send)
        return status[0]

    assert [asyncio.run(ask(told)) for told in (b"/a", b"/a", raw, b"/a")] == [200, 200, 400, 200]
    assert len(app.seen) == len(layer.seen) == 3
