"""The wall behind HTTP/2, over TLS and plain: the decisions are those of HTTP/1.1."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from audit_support import exchanges
from ports import free_port
from servers.harness import Server, serving
from servers.http2 import RESET, Connection
from servers.raw import Answer, parse, request
from tls_support import SERVER, Authority, client_context

SECURE = (b"x-forwarded-proto", b"https")  # from 127.0.0.1, a trusted proxy of the walled app
JSON = (b"content-type", b"application/json")


class Served(NamedTuple):
    """hypercorn on two ports; `tls` is its client's context, without a protocol to agree on."""

    server: Server
    plain: int
    authority: Authority

    def context(self, *protocols: str) -> ssl.SSLContext:
        return client_context(self.authority, alpn=list(protocols))

    def over(self, way: str) -> Connection:
        if way == "h2c":
            return Connection(self.plain)
        return Connection(self.server.port, self.context("h2"))

    def key(self, who: str = "alice") -> tuple[bytes, bytes]:
        return b"authorization", b"ApiKey " + self.server.keys[who].encode()

    def reached(self) -> int:
        """How often the app was reached so far."""
        count: int = request(self.plain, b"/calls").json()["reached"]
        return count


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, plain = tmp_path_factory.mktemp("http2"), free_port()
    authority = Authority(folder)
    identity = authority.issue("localhost", SERVER)
    arguments = [
        *("-m", "hypercorn", "app:asgi", "--bind", "127.0.0.1:{port}"),
        *("--insecure-bind", f"127.0.0.1:{plain}"),
        *("--certfile", identity.certfile, "--keyfile", identity.keyfile),
    ]
    with serving("hypercorn-h2", "asgi", arguments, folder, plain) as server:
        yield Served(server, plain, authority)


@pytest.fixture(params=["h2", "h2c"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def connection(served: Served, way: str) -> Iterator[Connection]:
    with served.over(way) as connection:
        yield connection


def proxied(way: str) -> tuple[tuple[bytes, bytes], ...]:
    """What a proxy that ended TLS says; over TLS nobody needs to."""
    return (SECURE,) if way == "h2c" else ()


def http1(served: Served, data: bytes) -> Answer:
    """Bytes over TLS, the protocol agreed on being HTTP/1.1."""
    with (
        socket.create_connection(("127.0.0.1", served.server.port), timeout=20) as plain,
        served.context("http/1.1").wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == "http/1.1"
        connection.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            while chunk := connection.recv(65536):
                received += chunk
    return parse(received)


def told(served: Served, at_least: int) -> list[str]:
    """The decisions on record, without those of `reached`, once there are so many."""
    deadline = time.monotonic() + 20
    while True:
        records = (json.dumps(each["decisions"]) for each in exchanges(served.server.audit))
        found = [each for each in records if '"GET /calls"' not in each]
        if len(found) >= at_least or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


# Method, path, authority, whose key, body.
REQUESTS: list[tuple[bytes, bytes, bytes, str | None, bytes]] = [
    (b"GET", b"/healthz", b"localhost", None, b""),
    (b"GET", b"/v1/orders/1001", b"localhost", "alice", b""),
    (b"HEAD", b"/v1/orders/1001", b"localhost", "alice", b""),
    (b"GET", b"/v1/orders/1001?a=1&b=%2f", b"localhost", "alice", b""),
    (b"GET", b"/v1/orders/1001", b"localhost", "bob", b""),
    (b"GET", b"/v1/orders/1001", b"localhost", None, b""),
    (b"GET", b"/v1/orders/9", b"localhost", "alice", b""),
    (b"DELETE", b"/v1/orders/1001", b"localhost", "alice", b""),
    (b"GET", b"/v1/admin/x", b"localhost", "alice", b""),
    (b"GET", b"/v1/admin/x", b"localhost", "admin", b""),
    (b"POST", b"/v1/orders", b"localhost", "alice", b'{"item": "tea"}'),
    (b"POST", b"/v1/orders", b"localhost", "alice", b'{"item": 7}'),
    (b"POST", b"/v1/orders", b"localhost", "alice", b'{"item":'),
    (b"GET", b"//v1/orders/1001", b"localhost", "alice", b""),
    (b"GET", b"/v1/admin/../orders/1001", b"localhost", "alice", b""),
    (b"GET", b"/v1/orders%2f1001", b"localhost", "alice", b""),
    (b"GET", b"/v1/orders/1001%00", b"localhost", "alice", b""),
    (b"GET", b"/v1/orders/1001;x", b"localhost", "alice", b""),
    (b"GET", b"/v1/orders/1001", b"evil.example", "alice", b""),
    (b"GET", b"/v1/orders/1001", b"localhost@evil.example", "alice", b""),
    (b"GET", b"/v1/orders/1001", b"127.0.0.1", "alice", b""),
]
# Of the time, the connection, or the request alone.
OWN = {"date", "server", "connection", "ratelimit", "x-request-id", "traceresponse"}
OWN |= {"alt-svc", "content-length"}


def comparable(answer: Answer) -> tuple[int, dict[str, list[str]], object]:
    headers = {name: value for name, value in answer.headers.items() if name not in OWN}
    body = json.loads(answer.body) if answer.body else None
    if isinstance(body, dict):
        body.pop("reached", None)
        body.pop("forwarded", None)
    return answer.status, headers, body


@pytest.mark.parametrize(
    ("method", "path", "authority", "who", "body"), REQUESTS, ids=lambda each: None
)
def test_decisions_are_those_of_http_1_1(
    served: Served,
    method: bytes,
    path: bytes,
    authority: bytes,
    who: str | None,
    body: bytes,
) -> None:
    fields = [served.key(who)] if who else []
    if body:
        fields += [JSON, (b"content-length", b"%d" % len(body))]
    lines = [b"%s %s HTTP/1.1" % (method, path), b"Host: " + authority, b"Connection: close"]
    lines += [b"%s: %s" % field for field in fields]
    so_far = len(told(served, 0))
    counts = [served.reached()]
    expected = comparable(http1(served, b"\r\n".join(lines) + b"\r\n\r\n" + body))
    counts.append(served.reached())
    for way in ("h2", "h2c"):
        with served.over(way) as connection:
            more = proxied(way)
            answer = connection.ask(
                path, *fields, *more, method=method, authority=authority, body=body
            )
        assert comparable(answer) == expected, way
        counts.append(served.reached())
    reached = {after - before for before, after in itertools.pairwise(counts)}
    assert reached == ({1} if expected[0] == 200 else {0})
    decisions = set(told(served, so_far + 3)[so_far:])
    assert len(decisions) == 1, decisions


def test_what_is_plain_is_sent_to_tls(served: Served) -> None:
    before = served.reached()
    with Connection(served.plain) as connection:
        answer = connection.ask(b"/v1/orders/1001?a=1")
        # A credential that was sent in the clear is not sent on, but told to be burnt.
        assert connection.ask(b"/v1/orders/1001", served.key()).status == 403
    assert answer.status == 308
    assert answer.headers["location"] == ["https://localhost/v1/orders/1001?a=1"]
    assert "strict-transport-security" not in answer.headers
    assert served.reached() == before


@pytest.mark.parametrize("scheme", [b"https", b"wss", b"HTTPS"])
def test_a_scheme_that_the_client_claims_is_no_tls(served: Served, scheme: bytes) -> None:
    """`:scheme` is a header of the client: what counts is how the connection was made."""
    before = served.reached()
    with Connection(served.plain) as connection:
        assert connection.ask(b"/v1/orders/1001", scheme=scheme).status == 308
        assert connection.ask(b"/v1/orders/1001", served.key(), scheme=scheme).status == 403
    assert served.reached() == before


def test_over_tls_browsers_are_told_to_stay_there(served: Served) -> None:
    with served.over("h2") as connection:
        for fields in ((), (served.key(),)):
            answer = connection.ask(b"/v1/orders/1001", *fields)
            assert answer.headers["strict-transport-security"]


def test_another_host_on_a_shared_connection_is_misdirected(
    served: Served, way: str, connection: Connection
) -> None:
    """RFC 9110 section 15.5.20: browsers reuse a connection for whatever its certificate names."""
    more = (served.key(), *proxied(way))
    before = served.reached()
    assert connection.ask(b"/v1/orders/1001", *more, authority=b"evil.example").status == 421
    assert served.reached() == before
    assert connection.ask(b"/v1/orders/1001", *more).status == 200


@pytest.mark.parametrize(
    ("authority", "hosts"),
    [
        (b"localhost", [b"evil.example"]),
        (b"evil.example", [b"localhost"]),
        (b"localhost", [b"localhost", b"evil.example"]),
        (None, [b"localhost", b"evil.example"]),
        (None, [b"evil.example", b"localhost"]),
        (None, [b"evil.example"]),
        (None, []),
        (b"", [b"localhost"]),
        (b"localhost,evil.example", []),
        (b"user@localhost", []),
        (b"localhost:99999", []),
    ],
)
def test_authority_and_host_that_contradict_each_other_are_refused(
    served: Served,
    way: str,
    connection: Connection,
    authority: bytes | None,
    hosts: list[bytes],
) -> None:
    """RFC 9113 section 8.3.1: both layers and app would have to choose."""
    before = served.reached()
    fields = [(b"host", host) for host in hosts]
    answer = connection.ask(
        b"/v1/orders/1001", *fields, served.key(), *proxied(way), authority=authority
    )
    assert answer == RESET or answer.status in (400, 421), answer
    assert served.reached() == before


def test_a_host_that_agrees_is_the_same_host(
    served: Served, way: str, connection: Connection
) -> None:
    more = (served.key(), *proxied(way))
    assert connection.ask(b"/v1/orders/1001", (b"host", b"localhost"), *more).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        [(b"authorization", b"ApiKey a")],  # beside the good one
        [(b"transfer-encoding", b"chunked")],
        [(b"connection", b"close")],
        [(b":path", b"/calls")],
        [(b":method", b"GET")],
        [(b"X-Upper", b"1")],
        [(b"x-line", b"1\r\nhost: evil.example")],
        [(b"te", b"gzip")],
    ],
)
def test_malformed_fields_are_refused(
    served: Served, way: str, connection: Connection, fields: list[tuple[bytes, bytes]]
) -> None:
    before = served.reached()
    answer = connection.ask(b"/v1/orders/1001", served.key(), *proxied(way), *fields)
    assert answer == RESET or answer.status in (400, 401), answer
    assert served.reached() == before


@pytest.mark.parametrize(
    "path", [b"", b"v1/orders/1001", b"*", b"https://localhost/calls", b"/calls#/v1/x", b"/c alls"]
)
def test_a_path_that_is_none_is_refused(
    served: Served, way: str, connection: Connection, path: bytes
) -> None:
    before = served.reached()
    answer = connection.ask(path, served.key(), *proxied(way))
    assert answer == RESET or answer.status in (400, 403, 404), answer
    assert served.reached() == before


def test_streams_of_one_connection_are_judged_apart(
    served: Served, way: str, connection: Connection
) -> None:
    """Identity belongs to a request; bodies that come in turns do not mix."""
    pseudo = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"localhost")]
    head = [*pseudo, (b":path", b"/v1/orders"), JSON, *proxied(way)]
    good = connection.start([*head, served.key()], ends=False)
    nobody = connection.start(head, ends=False)
    wrong = connection.start([*head, served.key("bob")], ends=False)
    before = served.reached()
    assert connection.answer(nobody).status == 401
    connection.send(good, b'{"item":')
    connection.send(wrong, b'{"item": "tea", ')
    connection.send(good, b' "tea"}', ends=True)
    connection.send(wrong, b'"owner": "alice"}', ends=True)
    answer = connection.answer(good)
    assert (answer.status, answer.json()["subject"]) == (200, "alice")
    assert connection.answer(wrong).status == 422
    assert served.reached() == before + 1


@pytest.mark.parametrize("length", [b"1", b"400", b"-1", b"1,2", b"x"])
def test_a_length_that_lies_is_refused(
    served: Served, way: str, connection: Connection, length: bytes
) -> None:
    before = served.reached()
    fields = (served.key(), JSON, (b"content-length", length), *proxied(way))
    answer = connection.ask(b"/v1/orders", *fields, method=b"POST", body=b'{"item": "tea"}')
    assert answer == RESET or answer.status == 400, answer
    assert served.reached() == before


@pytest.mark.parametrize(("who", "status"), [("alice", 200), (None, 401)])
def test_a_websocket_over_http_2_is_judged_like_any(
    served: Served, way: str, connection: Connection, who: str | None, status: int
) -> None:
    """RFC 8441: the handshake is a CONNECT."""
    before = served.reached()
    stream = connection.start(
        [
            *((b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"https")),
            *((b":authority", b"localhost"), (b":path", b"/v1/feed")),
            (b"sec-websocket-version", b"13"),
            *([served.key(who)] if who else []),
            *proxied(way),
        ],
        ends=False,
    )
    answer = connection.answer(stream, whole=False)
    assert answer.status == status
    assert served.reached() - before == (1 if who else 0)
