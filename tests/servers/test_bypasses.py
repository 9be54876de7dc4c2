"""Every class of bypass that made the news, as bytes on a socket, at real servers and routers.

The names are those of the advisories. Each attack is sent by alice, who is no admin and owns order
1001; afterwards the app is asked which guarded handlers were reached.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ports import free_port
from servers import harness
from servers.raw import Answer, exchange, handshake

ALICE = b"X-Test-Name: alice"
ROOT = b"X-Test-Name: root"


@pytest.fixture(
    scope="module",
    params=["uvicorn-httptools", "hypercorn", "gunicorn", "waitress"],
)
def port(request, tmp_path_factory):
    _, arguments = harness.COMMANDS[request.param]
    number, log = free_port(), tmp_path_factory.mktemp("bypass") / "log"
    words = [word.format(port=number).replace("app:", "bypass_app:") for word in arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=Path(__file__).parent,
            env={**os.environ},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            harness._wait_for(number, process, log)
            yield number
        finally:
            process.terminate()
            process.wait(timeout=15)


def send(port: int, target: bytes, *headers: bytes, method: bytes = b"GET", host=b"localhost"):
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, *headers]
    return exchange(port, b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n")


def hits(port: int) -> list[str]:
    found: list[str] = send(port, b"/hits").json()
    return found


def check_closed(port: int, before: list[str], answer: Answer) -> None:
    assert hits(port) == before
    assert b"secret" not in answer.body
    assert answer.status != 200 or b"public" in answer.body


def test_who_may_gets_through(port):
    """Else the attacks below would prove nothing."""
    before = len(hits(port))
    assert send(port, b"/public").status == 200
    assert send(port, b"/public/a/b").status == 200
    assert send(port, b"/v1/orders/1001", ALICE).json() == {"order": 1001}
    assert send(port, b"/admin/users", ROOT).json() == {"secret": "admin"}
    assert send(port, b"/admin/users/x", ROOT, method=b"DELETE").status == 200
    assert send(port, b"/mounted/admin/x", ROOT).status == 200
    assert send(port, b"/%61dmin/users", ROOT).json() == {"secret": "admin"}
    assert hits(port)[before:] == ["order 1001", "admin", "admin", "mounted", "admin"]


PATHS = {
    "plain": [b"/admin/users", b"/admin/users/x", b"/v1/orders/1002", b"/mounted/admin/x"],
    "CVE-2022-22978 newline and regex": [
        b"/admin/users%0a", b"/admin/users%0d", b"/admin/users%0d%0a", b"/admin%0a/users",
        b"/admin/users/%0a", b"/v1/orders/1002%0a", b"/public%0a/../admin/users",
        b"/%0aadmin/users",
        b"/admin/users%0b", b"/admin/users%85", b"/admin/users%e2%80%a8",
    ],
    "CVE-2019-9901, CVE-2025-32431 dot segments": [
        b"/public/../admin/users", b"/public/./../admin/users", b"/./admin/users",
        b"/public/%2e%2e/admin/users", b"/public/.%2e/admin/users", b"/public/%2E./admin/users",
        b"/%2e/admin/users", b"/public/..%2fadmin/users", b"/public/x/../../admin/users",
        b"/v1/orders/1001/../1002", b"/admin/x/../users", b"/../admin/users", b"/admin/./users",
    ],
    "CVE-2021-29492 encoded slashes": [
        b"/admin%2fusers", b"/admin%2Fusers", b"/admin%5cusers", b"/admin\\users",
        b"/%2fadmin/users",
        b"/public%2f..%2fadmin%2fusers", b"/public/..%5cadmin/users", b"/admin/users%2fx",
        b"/v1/orders%2f1002", b"/mounted%2fadmin%2fx", b"/mounted/admin%2fx",
    ],
    "CVE-2021-32779 fragments": [
        b"/admin/users#", b"/admin/users#/public", b"/public#/../admin/users", b"/admin/users%23",
        b"/public#", b"/v1/orders/1002#1001",
    ],
    "CVE-2021-31920 empty segments": [
        b"//admin/users", b"///admin/users", b"/admin//users", b"/admin/users//",
        b"/v1//orders/1002",
        b"//localhost/admin/users", b"/public//../admin/users", b"/mounted//admin/x",
    ],
    "CVE-2020-1957, CVE-2020-13933 path parameters": [
        b"/admin;/users", b"/admin/users;x", b"/admin/users;", b"/public;/../admin/users",
        b"/public/..;/admin/users", b"/;/admin/users", b"/admin/%3busers", b"/admin/users%3bx",
        b"/v1/orders/1002;1001", b"/admin/users;jsessionid=1",
    ],
    "CVE-2020-11989, CVE-2025-66490 encoded twice, NUL": [
        b"/%2561dmin/users", b"/admin%252fusers", b"/public/%252e%252e/admin/users",
        b"/admin/users%00", b"/admin%00/users", b"/admin/users%00.json", b"/v1/orders/1002%00",
        b"/v1/orders/%31%30%30%32", b"/admin/users%25", b"/%61dmin/users",
        b"/%61%64%6d%69%6e/users",
    ],
    "CVE-2026-27587 letters": [
        b"/ADMIN/users", b"/Admin/Users", b"/%41dmin/users", b"/admin/USERS",
        b"/\xc4\xb1admin/users", b"/adm%c4%b1n/users", b"/%ef%bd%81dmin/users",
    ],
    "bad UTF-8": [
        b"/admin/users%ff", b"/%c0%afadmin/users", b"/admin%c0%afusers", b"/%ff/admin/users",
    ],
    "trailing": [
        b"/admin/users/", b"/admin/users/.", b"/admin/users/..", b"/admin/users.",
        b"/admin/users%20",
        b"/admin/users.json", b"/admin/users%09", b"/v1/orders/1002/", b"/v1/orders/1002/.",
    ],
    "CVE-2025-54576 queries": [
        b"/admin/users?/public", b"/admin/users?x=/public/", b"/admin/users?", b"/admin/users?.css",
        b"/admin/users%3f/public", b"/v1/orders/1002?order_id=1001", b"/admin/users??",
    ],
    "CVE-2026-54282 other forms of the target": [
        b"admin/users", b"http://localhost/admin/users", b"http://evil/admin/users",
        b"http://localhost/public/../admin/users", b"http:/admin/users", b"*", b"localhost:80",
        b"http://localhost/v1/orders/1002", b"?/admin/users", b"http://admin/users",
        b"https://localhost//admin/users", b"http://x@localhost/admin/users",
    ],
    "no rule": [b"/forgotten", b"/forgotten/", b"/Forgotten", b"/", b"/nowhere"],
    "other spellings of an id": [
        b"/v1/orders/01002", b"/v1/orders/+1002", b"/v1/orders/%2b1002", b"/v1/orders/1002.0",
        b"/v1/orders/%201002", b"/v1/orders/1002%20", b"/v1/orders/1_002", b"/v1/orders/-1002",
        b"/v1/orders/%d9%a1%d9%a0%d9%a0%d9%a2", b"/v1/orders/%ef%bc%91%ef%bc%90%ef%bc%90%ef%bc%92",
        b"/v1/orders/1002e0", b"/v1/orders/0x3ea", b"/v1/orders/1002,1001", b"/v1/orders/1001,1002",
        b"/v1/orders/%c2%a01002", b"/v1/orders/01001", b"/v1/orders/1001%20",
    ],
}  # fmt: skip


@pytest.mark.parametrize("advisory", PATHS)
def test_no_spelling_of_a_path_gets_past(port, advisory):
    for target in PATHS[advisory]:
        before = hits(port)
        for who in ((), (ALICE,)):
            answer = send(port, target, *who)
            assert hits(port) == before, target
            check_closed(port, before, answer)


HEADERS = {
    "CVE-2026-48710 the host as path": [
        (b"/admin/users", b"x/public?"), (b"/admin/users", b"localhost/public"),
        (b"/admin/users", b"localhost/public#"), (b"/v1/orders/1002", b"x/v1/orders/1001?"),
        (b"/admin/users", b"localhost/public/.."), (b"/forgotten", b"localhost@x/public?"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("target", "host"), HEADERS["CVE-2026-48710 the host as path"])
def test_no_host_changes_the_path(port, target, host):
    before = hits(port)
    check_closed(port, before, send(port, target, ALICE, host=host))


@pytest.mark.parametrize(
    "line",
    [
        b"X-Original-URL: /public",
        b"X-Rewrite-URL: /public",
        b"X-Forwarded-Uri: /public",
        b"X-Original-URI: /public",
        b"X-Forwarded-Path: /public",
        b"X-Forwarded-Prefix: /public",
        b"X-Script-Name: /admin",
        b"Script-Name: /admin",
        b"Path-Info: /public",
        b"X-Forwarded-Method: OPTIONS",
        b"X-HTTP-Method-Override: GET",
        b"X-HTTP-Method: HEAD",
        b"X-Forwarded-User: root",
        b"X-User: root",
        b"X_User: root",
        b"Remote-User: root",
        b"X-Test_Name: root",
        b"X-Forwarded-For: 127.0.0.1",
        b"Forwarded: for=127.0.0.1",
        b"Upgrade: websocket",
        b"Content-Length: 0",
    ],
)
def test_no_header_changes_what_is_asked_for(port, line):
    """CVE-2026-40575 and its kin: what a proxy would say, said by the client."""
    for target in (b"/admin/users", b"/v1/orders/1002", b"/forgotten"):
        before = hits(port)
        check_closed(port, before, send(port, target, ALICE, line))


@pytest.mark.parametrize(
    "method",
    [
        *(b"HEAD", b"OPTIONS", b"POST", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"CONNECT"),
        *(b"get", b"Get", b"PURGE", b"PROPFIND", b"WEBSOCKET", b"GET\t", b"JEFF"),
    ],
)
def test_no_method_gets_past(port, method):
    for target in (b"/admin/users", b"/v1/orders/1002", b"/forgotten"):
        before = hits(port)
        check_closed(port, before, send(port, target, ALICE, method=method))


def test_no_second_request_rides_on_the_first(port):
    """Whatever a server makes of both lengths, no guarded handler is reached."""
    smuggled = b"GET /admin/users HTTP/1.1\r\nHost: localhost\r\nX-Test-Name: alice\r\n\r\n"
    for framing in (
        b"Content-Length: 0\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 0",
        b"Transfer-Encoding: xchunked",
    ):
        before = hits(port)
        first = b"GET /public HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n\r\n0\r\n\r\n"
        exchange(port, first + smuggled[:-2] + b"Connection: close\r\n\r\n")
        assert hits(port) == before


def test_no_websocket_gets_past(port, request):
    name = request.node.callspec.params["port"]
    if name in ("gunicorn", "waitress"):
        pytest.skip("WSGI has no websockets")
    before = hits(port)
    for target in (b"/admin/feed", b"/public/feed", b"/public/../admin/feed", b"//admin/feed"):
        answer = handshake(port, target, ALICE)
        assert (answer.status != 101, hits(port)) == (True, before), target
    assert handshake(port, b"/admin/feed", ROOT).status == 101
    assert hits(port) == [*before, "feed"]
