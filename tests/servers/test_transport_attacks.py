"""Attacks on transport as bytes on a socket: hosts, targets, proxy headers, origins, framing.

The app counts how often a walled request has reached it, and tells whom it takes for the client.
Only 127.0.0.1 and 10.0.0.0/8 are proxies; 127.0.0.2 is a stranger.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ports import free_port
from servers import harness
from servers.raw import Answer, exchange, handshake

STRANGER = "127.0.0.2"
SECURE = b"X-Forwarded-Proto: https"
PAGE = b"Origin: https://page.example"
ASK = b"Access-Control-Request-Method: PUT"
# Spells X_A and X-A alike in the environ, and keeps the last of two lines.
KEEPS_THE_LAST = {"granian-wsgi"}
# Puts the trailers of a body that came in one piece among the headers, where nothing marks them.
TRAILERS_ARE_HEADERS = {"uvicorn-httptools"}


class Server(NamedTuple):
    name: str
    interface: str
    port: int

    def send(
        self,
        *headers: bytes,
        wall: bytes = b"x-forwarded",
        method: bytes = b"GET",
        target: bytes = b"/",
        host: bytes | None = b"localhost",
        source: str = "127.0.0.1",
        version: bytes = b"1.1",
    ) -> Answer:
        lines = [method + b" " + target + b" HTTP/" + version]
        lines += [] if host is None else [b"Host: " + host]
        lines += [b"X-Wall: " + wall, *headers, b"Connection: close"]
        return exchange(self.port, b"\r\n".join(lines) + b"\r\n\r\n", source)

    def reached(self) -> int:
        data = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        count: int = exchange(self.port, data).json()["reached"]
        return count


@pytest.fixture(scope="module", params=sorted(harness.COMMANDS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    interface, arguments = harness.COMMANDS[request.param]
    port, log = free_port(), tmp_path_factory.mktemp("transport") / "log"
    words = [word.format(port=port).replace("app:", "transport_app:") for word in arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=Path(__file__).parent,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            harness._wait_for(port, process, log)
            yield Server(request.param, interface, port)
        finally:
            process.terminate()
            process.wait(timeout=15)


@pytest.fixture
def asgi(server: Server) -> Server:
    if server.interface == "wsgi":
        pytest.skip("WSGI has no websockets")
    return server


def check_refused(server: Server, answer: Answer, before: int, *statuses: int) -> None:
    """0: the server itself hung up. 431: it would not read so much."""
    assert server.reached() == before, "the app was called"
    assert answer.status in statuses, answer
    assert b"reached" not in answer.body


def refused(server: Server, *headers: bytes, statuses: Any = (400,), **options: Any) -> Answer:
    before = server.reached()
    answer = server.send(*headers, **options)
    check_refused(server, answer, before, *statuses)
    return answer


def test_friends_get_through(server: Server) -> None:
    """Else the attacks below would prove nothing."""
    told = server.send(SECURE, b"X-Forwarded-For: 192.0.2.9").json()
    assert (told["client"], told["scheme"]) == ("192.0.2.9", "https")
    told = server.send(b"Forwarded: for=192.0.2.9;proto=https", wall=b"forwarded").json()
    assert (told["client"], told["scheme"]) == ("192.0.2.9", "https")
    lines = (SECURE, b"X-Forwarded-For: 192.0.2.9", b"X-Forwarded-Host: a.shop.example:8443")
    assert server.send(*lines, wall=b"vouched").json()["host"] == "a.shop.example:8443"


# --- what a proxy says -------------------------------------------------------------------------

CHAINS = {
    b"192.0.2.9:51000": "192.0.2.9",
    b"[2001:db8::9]:51000": "2001:db8::9",
    b"2001:DB8:0:0::9": "2001:db8::9",
    b"::ffff:192.0.2.9": "192.0.2.9",
    b"[::ffff:192.0.2.9]:1": "192.0.2.9",
    b"fe80::9%eth0": "fe80::9",
    b"[fe80::9%25eth0]": "fe80::9",
    b"6.6.6.6, 192.0.2.9": "192.0.2.9",
    b"127.0.0.1, 192.0.2.9, 10.1.1.1": "192.0.2.9",
    b"10.6.6.6, 192.0.2.9:1, 10.1.1.1:2": "192.0.2.9",
    b"unknown, 10.1.1.1": "10.1.1.1",
    b"192.0.2.9, _gateway": "127.0.0.1",
    b"192.0.2.9, unknown": "127.0.0.1",
}
BROKEN_CHAINS = [
    b"", b",", b"192.0.2.9,", b",192.0.2.9", b"192.0.2.9,,10.1.1.1", b"192.0.2.9, ,10.1.1.1",
    b"192.0.2.9 10.1.1.1", b"192.0.2.9;10.1.1.1", b"192.0.2.9|10.1.1.1", b"192.0.2.9:",
    b"192.0.2.9:port", b"192.0.2.9:123456", b"192.0.2.9:-1", b"192.0.2.9%eth0", b"192.0.2.9%",
    b"fe80::9%", b"[fe80::9%eth0", b"fe80::9%eth0]", b"[192.0.2.9", b"192.0.2.09", b"0300.0.2.9",
    b"0xc0.0.2.9", b"3221225993", b"192.0.521", b"192.0.2.9/32", b"192.0.2.256", b"::g", b":::",
    b"[::1]evil", b"evil[::1]", b"localhost", b"<script>", b"\"192.0.2.9\"", b"for=192.0.2.9",
    b"192.0.2.9\\", b"192.0.2.9#", b"http://192.0.2.9", b"0.0.0.0", b"::", b"\xb9.1.1.1",
    b"1" * 300, b"192.0.2.9, " * 40 + b"192.0.2.9", b"," * 7000, b"10.1.1.1," * 700,
]  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS)
def test_the_client_is_the_last_that_is_no_proxy(server: Server, chain: bytes) -> None:
    answer = server.send(SECURE, b"X-Forwarded-For: " + chain)
    assert (answer.status, answer.json()["client"]) == (200, CHAINS[chain])


def test_broken_chains_are_refused(server: Server) -> None:
    for chain in BROKEN_CHAINS:
        refused(server, SECURE, b"X-Forwarded-For: " + chain, statuses=(0, 400, 431))


@pytest.mark.parametrize(
    "lines",
    [
        (b"X-Forwarded-Proto: https, http",),
        (b"X-Forwarded-Proto: https,",),
        (b"X-Forwarded-Proto: ",),
        (b"X-Forwarded-Proto: https;",),
        (b"X-Forwarded-Proto: https://",),
        (b"X-Forwarded-Proto: h\xc5\xbfttps",),
        (b"X-Forwarded-Proto: javascript",),
        (b"X-Forwarded-Proto: http\r\n https",),
        (b"X-Forwarded-Proto: https\r\n\thttp",),
        (SECURE, b"X-Forwarded-For: 192.0.2.9\r\n , 6.6.6.6,"),
        (SECURE, b"X-Forwarded-For : 6.6.6.6, "),
        (SECURE, b"X-Forwarded-For\x00: 6.6.6.6"),
        (SECURE, b"X-Forwarded-For: 6.6.6.6\x00"),
        (SECURE, b"X-Forwarded-For: 6.6.6.6\x0b"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(server: Server, lines: Any) -> None:
    before = server.reached()
    answer = server.send(*lines)
    if (
        answer.status == 200
    ):  # the server dropped the line, or made it one value: nothing is spoofed
        told = answer.json()
        assert told["client"] in ("127.0.0.1", "192.0.2.9") and lines[0] == SECURE, told
        return
    check_refused(server, answer, before, 0, 308, 400, 403)


FORWARDED = {
    b"for=192.0.2.9;proto=https": "192.0.2.9",
    b'FOR="192.0.2.9";Proto=HTTPS': "192.0.2.9",
    b'for="\\1\\9\\2.0.2.9";proto="\\h\\ttps"': "192.0.2.9",
    b'for="[2001:db8::9]:51000";proto=https': "2001:db8::9",
    b'for="192.0.2.9:_port";proto=https': "192.0.2.9",
    b"for=_secret;proto=https": "127.0.0.1",
    b"for=unknown;proto=https": "127.0.0.1",
    b'for="_secret:_port";proto=https': "127.0.0.1",
    b"for=6.6.6.6;proto=http, for=192.0.2.9;proto=https": "192.0.2.9",
    b"for=6.6.6.6, for=_secret;proto=https, for=10.1.1.1;proto=https": "10.1.1.1",
    b"for=192.0.2.9;proto=https;by=10.0.0.1;secret=x": "192.0.2.9",
    b'for=192.0.2.9;proto=https;x="for=6.6.6.6, for=7.7.7.7"': "192.0.2.9",
    b'for=192.0.2.9;proto=https;x="\\",for=6.6.6.6"': "192.0.2.9",
}
BROKEN_FORWARDED = [
    b"for=192.0.2.9;proto=https;", b"for=192.0.2.9;proto=https,", b";proto=https", b",proto=https",
    b"for=192.0.2.9;;proto=https", b"for=192.0.2.9,,proto=https", b"for=192.0.2.9 ; ; proto=https",
    b"for =192.0.2.9;proto=https", b"for= 192.0.2.9;proto=https", b"for;proto=https",
    b"for=192.0.2.9;for=6.6.6.6;proto=https", b"for=192.0.2.9;FOR=6.6.6.6;proto=https",
    b"for=192.0.2.9;proto=https;proto=http", b'for="192.0.2.9;proto=https', b'for="192.0.2.9\\',
    b'for="192.0.2.9\\";proto=https', b'for=192.0.2.9";proto=https', b"for='192.0.2.9';proto=https",
    b'for="192.0.2.9, 6.6.6.6";proto=https', b'for="192.0.2.9""6.6.6.6";proto=https',
    b'for=192.0.2.9x"6.6.6.6";proto=https', b"for=<script>;proto=https", b"for=;proto=https",
    b'for="";proto=https', b"for=192.0.2.9;proto=javascript", b"for=192.0.2.9;proto=",
    b"for=192.0.2.9%eth0;proto=https", b'for="[fe80::9";proto=https', b'for="fe80::9]";proto=https',
    b'for="192.0.2.9:";proto=https', b'for="192.0.2.9:_";proto=https', b"for=0.0.0.0;proto=https",
    b"for=localhost;proto=https", b"192.0.2.9;proto=https", b"f\xf6r=192.0.2.9;proto=https",
    b"for=192.0.2.9;proto=https, " * 40 + b"for=192.0.2.9;proto=https", b"for=1.1.1.1," * 600,
    b'for="' + b"\\\\" * 3500, b"for=" + b"a" * 7000, b"a=b;" * 1700, b"=" * 7000, b'"' * 7000,
]  # fmt: skip


@pytest.mark.parametrize("value", FORWARDED)
def test_forwarded_is_read_as_rfc_7239_has_it(server: Server, value: bytes) -> None:
    answer = server.send(b"Forwarded: " + value, wall=b"forwarded")
    assert (answer.status, answer.json()["client"]) == (200, FORWARDED[value])


def test_a_broken_forwarded_is_refused(server: Server) -> None:
    for value in BROKEN_FORWARDED:
        # Where a server drops a line with other characters, nobody has said anything.
        statuses = (0, 400, 431) if value.isascii() else (0, 308, 400)
        refused(server, b"Forwarded: " + value, wall=b"forwarded", statuses=statuses)


def test_long_chains_cost_little(server: Server) -> None:
    """A regular expression that looks back, or a list without a limit, would show."""
    begin = time.monotonic()
    for value in (b"," * 7000, b"10.1.1.1," * 750, b"1" * 7000, b":" * 7000, b"[" * 7000):
        for _ in range(20):
            server.send(SECURE, b"X-Forwarded-For: " + value)
    for value in (b'for="' + b"\\a" * 3400, b"for=a;" * 1100, b" " * 7000, b'for="' * 1300):
        for _ in range(20):
            server.send(b"Forwarded: " + value, wall=b"forwarded")
    assert time.monotonic() - begin < 10


MIXED = (b"X-Forwarded-For: 6.6.6.6", SECURE, b"X-Forwarded-Host: evil.example")


def test_of_two_families_one_counts(server: Server) -> None:
    lines = (*MIXED, b"Forwarded: for=192.0.2.9;proto=https")
    told = server.send(*lines, wall=b"forwarded").json()
    assert (told["client"], told["host"]) == ("192.0.2.9", "localhost")
    assert told["forwarded"] == ["forwarded"]
    told = server.send(*lines).json()
    assert (told["client"], told["host"]) == ("6.6.6.6", "localhost")
    assert told["forwarded"] == ["x-forwarded-for", "x-forwarded-proto"]
    # The scheme of the other family is nobody's word.
    refused(server, *MIXED, wall=b"forwarded", statuses=(308,))
    refused(server, b"Forwarded: for=6.6.6.6;proto=https", statuses=(308,))


@pytest.mark.parametrize("wall", [b"x-forwarded", b"forwarded", b"vouched", b"nobody"])
def test_a_stranger_is_who_he_is(server: Server, wall: bytes) -> None:
    lines = (*MIXED, b"Forwarded: for=6.6.6.6;proto=https;host=evil.example")
    answer = refused(server, *lines, wall=wall, source=STRANGER, statuses=(308,))
    assert answer.headers["location"] == ["https://localhost/"]


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example", b"shop.example", b"a.b.shop.example", b"a.shop.example.evil.example",
        b"a.shop.example@evil.example", b"a.shop.example, evil.example", b"a.shop.example/", b"",
        b"a.shop.example:0", b"a.shop.example:65536", b"a.shop.example:x", b"a..shop.example",
        b".shop.example", b"*.shop.example", b"a.shop.example\\.evil.example", b"\xe4.shop.example",
        b"a.shop.example#", b"a.shop.example?", b"a%2eshop.example", b"[::1]", b"2130706433",
    ],
)  # fmt: skip
def test_a_host_that_is_vouched_for_is_judged_like_any(server: Server, host: bytes) -> None:
    lines = (SECURE, b"X-Forwarded-For: 192.0.2.9", b"X-Forwarded-Host: " + host)
    refused(server, *lines, wall=b"vouched", statuses=(0, 400, 421))


# --- hosts and targets -------------------------------------------------------------------------

HOSTS = [
    b"localhost:0", b"localhost:65536", b"localhost:443:443", b"localhost:+443", b"localhost: 443",
    b"localhost:4 43", b"localhost:\xb2", b"localhost..", b".localhost", b"local..host", b"-",
    b"xn--", b"l\xc3\xb6calhost", b"xn--lcalhost-n4a", b"\xef\xbd\x8cocalhost", b"localhost%00",
    b"localhost\x00.evil.example", b"localhost;evil.example", b"localhost&evil", b"(localhost)",
    b"user:pass@localhost", b"@localhost", b"localhost@", b"http://localhost", b"//localhost",
    b"localhost/..", b"127.1", b"0177.0.0.1", b"0x7f.0.0.1", b"0x7f000001", b"2130706433",
    b"127.0.0.1.", b"127.0.0.01", b"127.0.0.1.evil.example", b"127.0.0.256", b"[127.0.0.1]",
    b"[::ffff:127.0.0.1]", b"[::1%25lo]", b"[fe80::1%eth0]", b"[::1]:99999", b"::1", b"[]", b"[",
    b"[v1.localhost]", b"*", b"*.shop.example", b"a.b.shop.example", b"shop.example", b"a" * 64,
    b"a." * 127 + b"shop.example", b"localhost, localhost", b"localhost localhost", b'"localhost"',
]  # fmt: skip


def test_no_other_spelling_is_our_host(server: Server) -> None:
    for host in HOSTS:
        if host == b"127.0.0.1.":  # an address with the dot of a name: the same to all who read it
            continue
        refused(server, SECURE, host=host, statuses=(0, 400, 421))


@pytest.mark.parametrize(
    "lines",
    [
        (b"Host: localhost",),
        (b"Host: evil.example",),
        (b"host: evil.example",),
        (b"Host : evil.example",),
        (b"Host:",),
        (b" Host: evil.example",),
        (b"X-A: b\r\n Host: evil.example",),
    ],
)
def test_a_second_host_is_never_served(server: Server, lines: Any) -> None:
    before = server.reached()
    answer = server.send(SECURE, *lines)
    if answer.status == 200:
        # A fold is one value with the line above it; one server drops a name with a space.
        assert lines[0] != b"Host: evil.example"
        assert answer.json()["host"] == "localhost", answer
        return
    check_refused(server, answer, before, 0, 400, 421)


def test_no_host_at_all_is_refused(server: Server) -> None:
    for version in (b"1.0", b"1.1"):
        refused(server, SECURE, host=None, version=version, statuses=(0, 400))
        lines = (SECURE, b"X-Forwarded-Host: localhost", b"X-Forwarded-For: 192.0.2.9")
        refused(server, *lines, host=None, version=version, statuses=(0, 400))


TARGETS = [
    b"http://evil.example/", b"https://evil.example/", b"http://localhost@evil.example/",
    b"http://localhost:x@evil.example/", b"http:evil.example", b"http:///evil.example",
    b"//evil.example/", b"///evil.example", b"/\\evil.example", b"\\\\evil.example",
    b"@evil.example", b".evil.example/", b":443@evil.example/", b"evil.example:443", b"*",
    b"/%0d%0aLocation:%20https://evil.example", b"/%0aSet-Cookie:%20a=b", b"/\x0bx", b"/a b",
    b"/#@evil.example", b"?@evil.example", b"ftp://evil.example/", b"javascript:alert(1)",
    b"/..//evil.example", b"/%2f%2fevil.example", b"/%5cevil.example", b"/;@evil.example",
]  # fmt: skip


def test_no_target_leads_a_redirect_elsewhere(server: Server) -> None:
    for target in TARGETS:
        before = server.reached()
        answer = server.send(target=target)
        check_refused(server, answer, before, 0, 308, 400, 403, 404, 421)
        for location in answer.headers.get("location", []):
            assert location.startswith("https://localhost/"), (target, location)
        assert "set-cookie" not in answer.headers


def test_the_host_is_judged_whatever_the_target_says(server: Server) -> None:
    for target in (b"http://localhost/", b"https://localhost:443/", b"//localhost/"):
        refused(server, SECURE, target=target, host=b"evil.example", statuses=(0, 400, 404, 421))


# --- origins -----------------------------------------------------------------------------------

ORIGINS = [
    b"null", b"NULL", b"", b"https://page.example/", b"https://page.example:443",
    b"HTTPS://page.example", b"https://PAGE.example", b"http://page.example", b"https:page.example",
    b"//page.example", b"page.example", b"https://page.example.", b"https://page.example.evil.com",
    b"https://evilpage.example", b"https://page.example@evil.com", b"https://page.example:8443",
    b"https://page.example:x@evil.com", b"https://evil.com#https://page.example",
    b"https://evil.com/https://page.example", b"https://evil.com?.page.example",
    b"https://a.b.page.example", b"https://.page.example", b"https://*.page.example",
    b"https://-.page.example", b"https://a_.b.page.example", b"https://evil.com/.page.example",
    b"https://evil.com\\.page.example", b"https://evil.com%00.page.example",
    b"https://evil.com,https://page.example", b"https://page.example, https://evil.com",
    b"https://page.example https://evil.com", b"https://p\xc3\xa4ge.example",
    b"https://page\xef\xbc\x8eexample", b"https://page.examp\xc5\x82e", b"https://page.example\x00",
    b"wss://page.example", b"file://page.example", b"https://" + b"a" * 64 + b".page.example",
    b"https://a\t.page.example", b"https://a.page.example:443", b"https://xn--\xc3\xa4.page.example",
]  # fmt: skip


def test_no_other_origin_may_ask_or_write(server: Server) -> None:
    for origin in ORIGINS:
        line = b"Origin: " + origin
        for headers, method in (((ASK,), b"OPTIONS"), ((b"Content-Length: 0",), b"POST")):
            answer = refused(server, SECURE, line, *headers, method=method, statuses=(0, 400, 403))
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_no_other_origin_may_read(server: Server) -> None:
    for origin in ORIGINS:
        answer = server.send(SECURE, b"Origin: " + origin)
        assert answer.status in (0, 200, 400)
        assert not [name for name in answer.headers if name.startswith("access-control-")], origin


def test_no_other_origin_opens_a_websocket(asgi: Server) -> None:
    before = asgi.reached()
    for origin in ORIGINS:
        wall = b"X-Wall: x-forwarded"
        answer = handshake(asgi.port, b"/", wall, b"Origin: " + origin)
        check_refused(asgi, answer, before, 0, 400, 403)
    for two in ((PAGE, b"Origin: https://evil.com"), (b"Origin: https://evil.com", PAGE)):
        answer = handshake(asgi.port, b"/", b"X-Wall: x-forwarded", *two)
        check_refused(asgi, answer, before, 0, 400, 403)


@pytest.mark.parametrize("origin", [b"https://page.example", b"https://a-1.page.example"])
def test_our_own_pages_open_websockets(asgi: Server, origin: bytes) -> None:
    before = asgi.reached()
    line = b"Origin: " + origin
    assert handshake(asgi.port, b"/", b"X-Wall: x-forwarded", line).status == 101
    assert asgi.reached() == before + 1


def test_two_origins_are_none(server: Server) -> None:
    if server.name in KEEPS_THE_LAST:
        pytest.skip("of two lines this server hands over the last")
    for two in ((PAGE, b"Origin: https://evil.com"), (b"Origin: https://evil.com", PAGE)):
        refused(server, SECURE, *two, ASK, method=b"OPTIONS", statuses=(400, 403))
        refused(server, SECURE, *two, method=b"POST", statuses=(400, 403))


def test_a_preflight_that_asks_for_a_lot_is_answered_soon_or_not_at_all(server: Server) -> None:
    begin = time.monotonic()
    before = server.reached()
    names = b"Access-Control-Request-Headers: " + b",".join(b"x-%d" % n for n in range(10_000))
    lines = [b"Access-Control-Request-Headers: x-%d" % n for n in range(10_000)]
    for headers in ((names,), lines, [b"X-%d: 1" % n for n in range(10_000)]):
        answer = server.send(SECURE, PAGE, ASK, *headers, method=b"OPTIONS")
        check_refused(server, answer, before, 0, 204, 400, 431)
        assert b"x-9999" not in b"".join(" ".join(v).encode() for v in answer.headers.values())
    assert time.monotonic() - begin < 20


def test_a_private_network_stays_closed(server: Server) -> None:
    private = b"Access-Control-Request-Private-Network: true"
    answer = refused(server, SECURE, PAGE, ASK, private, method=b"OPTIONS", statuses=(204,))
    assert "access-control-allow-private-network" not in answer.headers


def test_preflights_in_clear_are_refused_and_not_redirected(server: Server) -> None:
    answer = refused(server, PAGE, ASK, method=b"OPTIONS", statuses=(403,))
    assert "location" not in answer.headers


# --- framing -----------------------------------------------------------------------------------

FRAMINGS = [
    b"Content-Length: 0\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: \"chunked\"",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding: chunked\x00",
    b"X: y\nTransfer-Encoding: chunked",
    b"Content-Length: 5\r\nContent-Length: 0",
    b"Content-Length: 0\r\nContent-Length: 5",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: 0x5",
    b"Content-Length: 5\r\n 0",
    b"Content-Length : 5",
    b"Content-Length: 0",
]  # fmt: skip
BODIES = [b"0\r\n\r\n", b"0;\n\r\n\r\n", b"0\n\n", b"+0\r\n\r\n", b"0x0\r\n\r\n", b"0\r\nX: "]


def test_no_second_request_gets_past_the_wall(server: Server) -> None:
    """Whatever a server makes of the framing: what rides on a request that a proxy passed on is
    judged by itself. It says that it came over TLS only if the proxy lets it say so."""
    smuggled = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Wall: x-forwarded\r\n"
    smuggled += SECURE + b"\r\nOrigin: https://evil.com\r\nContent-Length: 0\r\n"
    smuggled += b"Connection: close\r\n\r\n"
    for framing in FRAMINGS:
        for body in BODIES:
            before = server.reached()
            first = b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nX-Wall: x-forwarded\r\n"
            first += b"\r\n".join((SECURE, PAGE, ASK, framing)) + b"\r\n\r\n"
            status = 0
            with suppress(TimeoutError):  # the server waits for what such a body still lacks
                status = exchange(server.port, first + body + smuggled, timeout=0.3).status
            assert server.reached() == before, (framing, body)
            assert status in (0, 204, 400, 403, 408, 501), (framing, body)


def test_a_trailer_is_no_header(server: Server) -> None:
    if server.name in TRAILERS_ARE_HEADERS:
        pytest.skip("to this server they are: a proxy in front of it has to drop them")
    for trailer in (SECURE, b"X-Forwarded-For: 6.6.6.6", b"Origin: https://page.example"):
        before = server.reached()
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Wall: x-forwarded\r\n"
        head += b"Transfer-Encoding: chunked\r\nTrailer: " + trailer.partition(b":")[0]
        tail = b"\r\nConnection: close\r\n\r\n0\r\n" + trailer + b"\r\n\r\n"
        check_refused(server, exchange(server.port, head + tail), before, 0, 400, 403)
