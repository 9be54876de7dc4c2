"""The wall on real servers, over raw sockets: nothing that is refused reaches the app."""

from __future__ import annotations

import time
from base64 import b64encode
from hashlib import sha256

import pytest

from audit_support import exchanges
from authn_support import CLAIMS, b64, sign
from dpop_support import jkt, prove
from servers.harness import Server
from servers.raw import Answer, exchange, handshake, request

# Servers that spell X_A and X-A alike in the environ, and keep the last.
KEEPS_THE_LAST = {"granian-wsgi"}
# Servers that send no headers of the app's with a 101.
BARE_ACCEPT = {"granian-asgi"}
MARK = b"zqx7attackerzqx7"


def reached(server: Server) -> int:
    """How often the app was reached so far."""
    count: int = request(server.port, b"/calls").json()["reached"]
    return count


def assert_refused(server: Server, before: int, answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, answer
    assert reached(server) == before, "the app was called"
    assert MARK not in answer.body
    assert MARK.decode() not in str(answer.headers)


class TestFriends:
    def test_an_owner_reads_her_order(self, server: Server) -> None:
        answer = request(server.port, b"/v1/orders/1001", server.auth("alice"))
        assert answer.status == 200
        assert answer.json()["subject"] == "alice"
        assert len(answer.headers["ratelimit"]) == 1

    def test_a_valid_body_arrives(self, server: Server) -> None:
        body = b'{"item": "kettle"}'
        answer = request(
            server.port,
            b"/v1/orders",
            server.auth(),
            b"Content-Type: application/json",
            b"Content-Length: %d" % len(body),
            method=b"POST",
            body=body,
        )
        assert answer.status == 200

    def test_a_chunked_body_arrives(self, server: Server) -> None:
        answer = request(
            server.port,
            b"/v1/orders",
            server.auth(),
            b"Content-Type: application/json",
            b"Transfer-Encoding: chunked",
            method=b"POST",
            body=b'8\r\n{"item":\r\n4\r\n"a"}\r\n0\r\n\r\n',
        )
        assert answer.status == 200

    def test_head_follows_get_and_has_no_body(self, server: Server) -> None:
        answer = request(server.port, b"/v1/orders/1001", server.auth(), method=b"HEAD")
        assert answer.status == 200
        assert answer.body == b""

    def test_a_refused_head_has_no_body(self, server: Server) -> None:
        answer = request(server.port, b"/v1/orders/1001", method=b"HEAD")
        assert answer.status == 401
        assert answer.body == b""

    def test_two_requests_on_one_connection_are_judged_apart(self, server: Server) -> None:
        head = b"GET /v1/orders/1001 HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n"
        first = head + server.auth() + b"\r\n\r\n"
        second = head + b"Connection: close\r\n\r\n"
        before = reached(server)
        exchange(server.port, first + second)
        assert reached(server) == before + 1


class TestAuthentication:
    def test_no_credential_is_a_challenge(self, server: Server) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001")
        assert_refused(server, before, answer, 401)
        assert answer.headers["content-type"] == ["application/problem+json"]
        assert answer.headers["www-authenticate"]

    @pytest.mark.parametrize(
        "lines",
        [
            (b"Authorization: ApiKey " + MARK,),
            (b"Authorization: Bearer " + MARK,),
            (b"Authorization: Basic " + MARK,),
            (b"Authorization:",),
            (b"Authorization: ApiKey a", b"Authorization: ApiKey b"),
            (b"X_Authorization: ApiKey a",),
        ],
    )
    def test_a_bad_credential_is_refused(self, server: Server, lines: tuple[bytes, ...]) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", *lines)
        assert_refused(server, before, answer, 400, 401)

    def test_a_good_key_beside_a_bad_one_is_refused(self, server: Server) -> None:
        before = reached(server)
        answer = request(
            server.port, b"/v1/orders/1001", server.auth(), b"Authorization: ApiKey " + MARK
        )
        assert_refused(server, before, answer, 400, 401)


# What some reader between the client and the handler could take for /v1/orders/1002 or
# /v1/admin/users. Each is sent as it stands.
ODD_TARGETS = [
    b"//v1/admin/users",
    b"///v1/admin/users",
    b"/v1//admin/users",
    b"/v1/admin//users",
    b"/%2fv1/admin/users",
    b"/v1/admin%2fusers",
    b"/v1%2Fadmin/users",
    b"/v1/%61dmin/users",
    b"/v1/admin%5cusers",
    b"/v1/admin\\users",
    b"/v1/admin/users%0a",
    b"/v1/admin/users%00",
    b"/v1/admin/users%0d%0aX-Injected:%201",
    b"/v1/admin/users;x=1",
    b"/v1/admin;/users",
    b"/v1/orders/../admin/users",
    b"/v1/orders/%2e%2e/admin/users",
    b"/v1/orders/..%2fadmin/users",
    b"/v1/./admin/users",
    b"/v1/admin%252fusers",
    b"/V1/ADMIN/users",
    b"/v1/admin/users/",
    b"/v1/admin/\xff\xfe",
    b"/v1/admin/%ff%fe",
    b"/v1/admin/%c0%af",
    b"v1/admin/users",
    b"@localhost/v1/admin/users",
    b".localhost/v1/admin/users",
    b"http://localhost/v1/admin/users",
    b"http://evil.example/v1/admin/users",
    b"*",
    b"/v1/orders/1002",
    b"/v1/orders/01002",
    b"/v1/orders/+1002",
    b"/v1/orders/%201002",
    b"/v1/orders/1002%20",
    b"/v1/orders/1002%0a",
    b"/v1/orders/1002.0",
    b"/v1/orders/1_002",
    b"/v1/orders/%d9%a1%d9%a0%d9%a0%d9%a2",
    b"/v1/orders/%ef%bc%91%ef%bc%90%ef%bc%90%ef%bc%92",
    b"/v1/orders/1001/../1002",
    b"/v1/orders/1002?order_id=1001",
    b"/v1/orders/1002#/v1/orders/1001",
    b"/v1/orders/1001%23/../1002",
    b"/healthz/../v1/orders/1002",
    b"/healthz%2f..%2fv1/orders/1002",
    b"/healthz;/../v1/orders/1002",
    b"localhost:443",
    b"?/v1/admin/users",
    b"#/v1/admin/users",
]


class TestPaths:
    @pytest.mark.parametrize("target", ODD_TARGETS)
    def test_no_spelling_reaches_what_alice_may_not_see(
        self, server: Server, target: bytes
    ) -> None:
        before = reached(server)
        answer = request(server.port, target, server.auth("alice"))
        # 0: the server itself hung up. 404 only ever comes from a server, never from the app.
        assert_refused(server, before, answer, 0, 400, 403, 404, 405)

    @pytest.mark.parametrize(
        "method", [b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"X-CUSTOM", b"WEBSOCKET", b"CONNECT"]
    )
    def test_no_method_slips_past_the_rules(self, server: Server, method: bytes) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", server.auth(), method=method)
        assert_refused(server, before, answer, 0, 400, 403, 405, 501)

    @pytest.mark.parametrize("method", [b"get", b"Get", b"gEt"])
    def test_no_spelling_of_a_method_opens_what_is_closed(
        self, server: Server, method: bytes
    ) -> None:
        """Some servers hand it over as GET: then rule and app both see GET."""
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1002", server.auth(), method=method)
        assert_refused(server, before, answer, 0, 400, 403, 405, 501)

    def test_a_method_override_changes_nothing(self, server: Server) -> None:
        before = reached(server)
        answer = request(
            server.port,
            b"/v1/admin/users",
            server.auth(),
            b"X-HTTP-Method-Override: GET",
            b"X-Original-URL: /healthz",
            b"X-Rewrite-URL: /healthz",
        )
        assert_refused(server, before, answer, 403)


class TestPlainHTTP:
    def test_a_read_is_redirected_with_its_target_as_it_stands(self, server: Server) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001?a=%41&b=c", secure=False)
        assert_refused(server, before, answer, 308)
        location = "https://localhost/v1/orders/1001?a=%41&b=c"
        assert answer.headers["location"] == [location]
        assert "strict-transport-security" not in answer.headers

    @pytest.mark.parametrize(
        ("method", "line"),
        [
            (b"POST", b"Content-Length: 0"),
            (b"DELETE", b"Accept: */*"),
            (b"OPTIONS", b"Origin: https://localhost"),
            (b"GET", b"Authorization: Bearer " + MARK),
            (b"GET", b"X-Api-Key: " + MARK),
            (b"GET", b"Upgrade: websocket"),
        ],
    )
    def test_what_must_not_travel_in_clear_is_refused(
        self, server: Server, method: bytes, line: bytes
    ) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", line, method=method, secure=False)
        assert_refused(server, before, answer, 400, 403)

    @pytest.mark.parametrize(
        "target",
        [
            b"//evil.example/x",
            b"/\\evil.example",
            b"/%0d%0aLocation:%20https://evil.example",
            b".evil.example/x",
            b"@evil.example/x",
            b"http://evil.example/x",
            b"https:evil.example",
            b"/x\r\nX: y",
        ],
    )
    def test_no_redirect_leaves_our_host(self, server: Server, target: bytes) -> None:
        before = reached(server)
        answer = request(server.port, target, secure=False)
        assert_refused(server, before, answer, 0, 308, 400, 403, 404, 421)
        for location in answer.headers.get("location", []):
            assert location.startswith("https://localhost/")
        assert "x" not in answer.headers

    @pytest.mark.parametrize(
        "line",
        [
            b"X-Forwarded-Protocol: https",
            b"X-Forwarded-Ssl: on",
            b"Front-End-Https: on",
            b"Forwarded: proto=https",
            b"X-Url-Scheme: https",
        ],
    )
    def test_no_other_header_speaks_for_the_scheme(self, server: Server, line: bytes) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", line, secure=False)
        assert_refused(server, before, answer, 308)

    @pytest.mark.parametrize("first", [True, False])
    def test_an_underscore_twin_does_not_override_the_proxy(
        self, server: Server, first: bool
    ) -> None:
        """CGI variables spell both names alike; what the proxy says must not be drowned."""
        lines = [b"X_Forwarded_Proto: https", b"X-Forwarded-Proto: http"]
        before = reached(server)
        answer = request(
            server.port, b"/v1/orders/1001", *(lines if first else lines[::-1]), secure=False
        )
        if server.name in KEEPS_THE_LAST and not first:
            # Nothing is left to see in the environ. The page on proxies says: let the proxy drop
            # names with underscores, as nginx does.
            assert_refused(server, before, answer, 401)
        else:
            assert_refused(server, before, answer, 308, 400)

    @pytest.mark.parametrize("line", [b"X-Forwarded-Proto: javascript", b"X-Forwarded-For: a, b"])
    def test_malformed_proxy_headers_are_refused(self, server: Server, line: bytes) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", server.auth(), line)
        assert_refused(server, before, answer, 400, 403)


STRANGER = "127.0.0.2"  # another address of loopback; the stack trusts 127.0.0.1 alone
CHAINS = [
    (b"X-Forwarded-Proto: http", b"X-Forwarded-Proto: https"),
    (b"X-Forwarded-Proto: https, http",),
    (b"X-Forwarded-For: 192.0.2.9, 192.0.2.8", b"X-Forwarded-Proto: https, http, https"),
    (b"X-Forwarded-For: 192.0.2.9", b"X-Forwarded-For: <script>"),
]
FORWARDING = (
    b"X-Forwarded-For: 192.0.2.9",
    b"X-Forwarded-Host: localhost",
    b"X-Forwarded-Port: 443",
    b"Forwarded: for=192.0.2.9;proto=https",
    b"X_Forwarded_Prefix: /x",
    b"X-Forwarded_Prefix: /x",
)


class TestProxies:
    @pytest.mark.parametrize("line", [b"Accept: */*", b"X-Forwarded-For: 127.0.0.1"])
    def test_a_stranger_s_word_for_the_scheme_counts_nothing(
        self, server: Server, line: bytes
    ) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", line, source=STRANGER)
        assert_refused(server, before, answer, 308)
        answer = request(server.port, b"/v1/orders/1001", line, server.auth(), source=STRANGER)
        assert_refused(server, before, answer, 403)

    @pytest.mark.parametrize("lines", CHAINS)
    def test_chains_that_contradict_themselves_are_refused(
        self, server: Server, lines: tuple[bytes, ...]
    ) -> None:
        if server.name in KEEPS_THE_LAST and len(lines) == 2:
            pytest.skip("of two lines this server hands over the last")
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", server.auth(), *lines, secure=False)
        assert_refused(server, before, answer, 400, 403)

    def test_the_app_sees_no_proxy_header_of_a_stranger(self, server: Server) -> None:
        answer = request(server.port, b"/healthz", *FORWARDING, source=STRANGER)
        assert (answer.status, answer.json()["forwarded"]) == (200, [])

    def test_the_app_sees_what_its_proxy_vouches_for(self, server: Server) -> None:
        answer = request(server.port, b"/healthz", *FORWARDING)
        vouched = ["x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"]
        if server.name in KEEPS_THE_LAST:
            # The twin is one with the header in the environ: it comes through under its name.
            vouched.insert(2, "x-forwarded-prefix")
        assert (answer.status, answer.json()["forwarded"]) == (200, vouched)


class TestWebSockets:
    def test_an_accepted_one_gets_its_cookie_completed(self, server: Server) -> None:
        before = reached(server)
        answer = handshake(server.port, b"/v1/feed", server.auth())
        if server.interface == "wsgi":  # which knows no websockets: this is a GET without a rule
            assert_refused(server, before, answer, 403)
            return
        cookies = ["feed=1; Secure; HttpOnly; SameSite=Lax"]
        assert answer.status == 101
        assert answer.headers.get("set-cookie", []) == (
            [] if server.name in BARE_ACCEPT else cookies
        )
        assert reached(server) == before + 1

    @pytest.mark.parametrize("target", [b"/v1/feed", b"/v1/other"])
    def test_one_without_a_credential_is_refused(self, server: Server, target: bytes) -> None:
        before = reached(server)
        assert_refused(server, before, handshake(server.port, target), 401, 403)


BAD_HOSTS = [
    b"",
    b"localhost/evil",
    b"localhost?x",
    b"localhost#x",
    b"evil@localhost",
    b"localhost@evil",
    b"localhost\\evil",
    b"localhost,evil",
    b"localhost evil",
    b"local%68ost",
    b"localhost:99999",
    b"localhost:80a",
    b"localhost:",
    b"[::1]evil",
    b"[::1",
    b"loc\xe4lhost",
    b"<script>" + MARK,
]
OTHER_HOSTS = [b"evil.example", b"localhost.evil.example", b"localhostXevil", b"127.0.0.1.evil"]


class TestHosts:
    @pytest.mark.parametrize("host", BAD_HOSTS)
    def test_a_malformed_host_is_refused(self, server: Server, host: bytes) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", server.auth(), host=host)
        assert_refused(server, before, answer, 0, 400, 421)

    @pytest.mark.parametrize("host", OTHER_HOSTS)
    def test_a_foreign_host_is_refused(self, server: Server, host: bytes) -> None:
        before = reached(server)
        answer = request(
            server.port,
            b"/v1/orders/1001",
            server.auth(),
            b"X-Forwarded-Host: localhost",
            host=host,
        )
        assert_refused(server, before, answer, 400, 421)
        assert host not in answer.body

    def test_two_hosts_are_refused(self, server: Server) -> None:
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1001", server.auth(), b"Host: evil.example")
        assert_refused(server, before, answer, 400, 421)

    @pytest.mark.parametrize("fold", [b"localhost\r\n evil.example", b"\r\n localhost"])
    def test_a_folded_host_is_refused_or_one_host(self, server: Server, fold: bytes) -> None:
        """An obs-fold is a 400, or spaces (RFC 9112 section 5.2), never a line of its own."""
        before = reached(server)
        answer = request(server.port, b"/v1/orders/1002", server.auth(), host=fold)
        assert_refused(server, before, answer, 0, 400, 403, 421)
        assert b"evil" not in answer.body

    def test_no_host_is_refused_whatever_a_stranger_forwards(self, server: Server) -> None:
        before = reached(server)
        answer = request(
            server.port,
            b"/v1/orders/1001",
            server.auth(),
            b"X-Forwarded-Host: localhost",
            host=None,
        )
        assert_refused(server, before, answer, 400)

    @pytest.mark.parametrize("host", [b"LOCALHOST", b"localhost.", b"LocalHost:8443", b"127.0.0.1"])
    def test_every_spelling_of_our_host_is_ours(self, server: Server, host: bytes) -> None:
        answer = request(server.port, b"/v1/orders/1001", server.auth(), host=host)
        assert answer.status == 200


PAGE = b"Origin: https://page.example"
FOREIGN = [b"null", b"https://evil.example", b"https://page.example.evil", b"http://page.example"]


class TestCORS:
    def test_a_preflight_needs_no_credential_and_is_ours_to_answer(self, server: Server) -> None:
        before = reached(server)
        ask = b"Access-Control-Request-Method: PUT"
        answer = request(server.port, b"/v1/orders/1001", PAGE, ask, method=b"OPTIONS")
        assert_refused(server, before, answer, 204)
        assert answer.headers["access-control-allow-origin"] == ["https://page.example"]
        assert answer.headers["access-control-allow-credentials"] == ["true"]

    @pytest.mark.parametrize("origin", FOREIGN)
    @pytest.mark.parametrize("target", [b"/v1/orders/1001", b"/v1//orders/1001", b"/v1/%6frders/1"])
    def test_a_foreign_page_is_granted_nothing_on_any_path(
        self, server: Server, origin: bytes, target: bytes
    ) -> None:
        before = reached(server)
        ask = b"Access-Control-Request-Method: PUT"
        lines = (b"Origin: " + origin, ask)
        preflight = request(server.port, target, *lines, method=b"OPTIONS")
        assert_refused(server, before, preflight, 400, 403)
        read = request(server.port, target, b"Origin: " + origin, server.auth())
        for answer in (preflight, read):
            assert not [name for name in answer.headers if name.startswith("access-control-")]

    @pytest.mark.parametrize("lines", [(), (PAGE,), (b"Origin: null",)])
    def test_every_answer_says_that_it_depends_on_the_origin(
        self, server: Server, lines: tuple[bytes, ...]
    ) -> None:
        for target in (b"/v1/orders/1001", b"/v1/orders/1002"):
            answer = request(server.port, target, server.auth(), *lines)
            assert answer.headers["vary"] == ["Origin"]

    def test_a_foreign_page_opens_no_websocket(self, server: Server) -> None:
        before = reached(server)
        foreign = handshake(server.port, b"/v1/feed", server.auth(), b"Origin: null")
        assert_refused(server, before, foreign, 403)

    def test_a_500_keeps_its_headers_and_the_server_logs_the_error(self, server: Server) -> None:
        answer = request(server.port, b"/v1/fails", server.auth(), PAGE)
        assert answer.status == 500
        assert answer.json()["code"] == "internal-error"
        assert answer.headers["access-control-allow-origin"] == ["https://page.example"]
        assert answer.headers["x-content-type-options"] == ["nosniff"]
        assert b"deliberate" not in answer.body
        deadline = time.monotonic() + 10
        while b"RuntimeError: deliberate" not in server.log.read_bytes():
            assert time.monotonic() < deadline, "the server heard nothing of it"


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "media_type", "statuses"),
        [
            (b'{"item": "a", "admin": true}', b"application/json", (422,)),
            (b'{"item": "a", "item": "b"}', b"application/json", (400,)),
            (b'{"item": NaN}', b"application/json", (400,)),
            (b"[" * 100_000, b"application/json", (400,)),
            (b'{"item": "\xff"}', b"application/json", (400,)),
            (b"", b"application/json", (400, 422)),
            (b'{"item": "a"}', b"text/plain", (415,)),
            (b'{"item": "a"}', b"application/json; charset=utf-7", (415,)),
            (b"x" * (2 << 20), b"application/json", (413,)),
        ],
    )
    def test_a_bad_body_is_refused(
        self, server: Server, body: bytes, media_type: bytes, statuses: tuple[int, ...]
    ) -> None:
        before = reached(server)
        answer = request(
            server.port,
            b"/v1/orders",
            server.auth(),
            b"Content-Type: " + media_type,
            b"Content-Length: %d" % len(body),
            method=b"POST",
            body=body,
        )
        assert_refused(server, before, answer, *statuses)

    def test_an_endless_chunked_body_is_cut_off(self, server: Server) -> None:
        before = reached(server)
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        answer = request(
            server.port,
            b"/v1/orders",
            server.auth(),
            b"Content-Type: application/json",
            b"Transfer-Encoding: chunked",
            method=b"POST",
            body=chunk * 20 + b"0\r\n\r\n",
        )
        assert_refused(server, before, answer, 413)

    @pytest.mark.parametrize("length", [b"1_3", b"+13", b"-13", b"0x0d", b"abc", b"\xd9\xa1"])
    def test_a_malformed_content_length_is_refused(self, server: Server, length: bytes) -> None:
        before = reached(server)
        answer = request(
            server.port,
            b"/v1/orders",
            server.auth(),
            b"Content-Type: application/json",
            b"Content-Length: " + length,
            method=b"POST",
            body=b'{"item": "a"}',
        )
        assert_refused(server, before, answer, 0, 400)


class TestAudit:
    def test_every_answer_of_ours_is_one_record(self, server: Server) -> None:
        request(server.port, b"/v1/orders/1002", server.auth("bob"))  # nobody else is bob
        request(server.port, b"/v1/orders/1001", server.auth("bob"))
        deadline = time.monotonic() + 10  # a record may follow its answer by a moment
        bobs: list[int] = []
        while len(bobs) < 2:
            assert time.monotonic() < deadline, "a record is missing"
            records = exchanges(server.audit)
            bobs = [record["status"] for record in records if record["actor"]["subject"] == "bob"]
        assert sorted(bobs) == [200, 403]
        assert server.keys["bob"] not in server.audit.read_text()
        assert server.keys["alice"] not in server.audit.read_text()
        assert MARK.decode() not in server.audit.read_text()


class TestBoundTokens:
    """Tokens bound to a key or a certificate, with the path as each server tells it."""

    FILE = b"/v1/files/a%20b%3Ac%c3%a4%7Ed"

    def token(self, **cnf: str) -> bytes:
        now = int(time.time())
        return sign({**CLAIMS, "cnf": cnf, "iat": now, "exp": now + 300})

    def ask(self, server: Server, token: bytes, proof: bytes, target: bytes = FILE) -> Answer:
        return request(server.port, target, b"Authorization: DPoP " + token, b"DPoP: " + proof)

    def prove(self, token: bytes, url: str = "https://localhost/v1/files/a%20b%3Ac%C3%A4~d"):
        return prove(token, htu=url, iat=int(time.time()))

    def test_a_proof_is_good_once(self, server: Server) -> None:
        token = self.token(jkt=jkt("p256"))
        proof = self.prove(token)
        answer = self.ask(server, token, proof)
        assert answer.status == 200, answer
        assert answer.json()["subject"] == "alice"
        before = reached(server)
        assert_refused(server, before, self.ask(server, token, proof), 401)
        assert_refused(
            server, before, self.ask(server, token, self.prove(token), b"/v1/orders/1001"), 401
        )
        assert_refused(
            server,
            before,
            self.ask(server, token, self.prove(token, "https://localhost/v1/files/a%20b%3Ac~d")),
            401,
        )
        bearer = request(server.port, self.FILE, b"Authorization: Bearer " + token)
        assert_refused(server, before, bearer, 401)
        two = request(
            server.port,
            self.FILE,
            b"Authorization: DPoP " + token,
            *(b"DPoP: " + self.prove(token) for _ in range(2)),
        )
        # A server that keeps one of two lines makes one proof of them, and a good one.
        assert two.status == 401 or (two.status == 200 and server.name in KEEPS_THE_LAST)

    def test_a_certificate_counts_from_a_proxy_alone(self, server: Server) -> None:
        der = b"a certificate"
        token = self.token(**{"x5t#S256": b64(sha256(der).digest()).decode()})
        lines = b"Authorization: Bearer " + token, b"Client-Cert: :" + b64encode(der) + b":"
        assert request(server.port, self.FILE, *lines).status == 200
        before = reached(server)
        assert_refused(server, before, request(server.port, self.FILE, lines[0]), 401)
        # A stranger's word for the scheme does not count either: plain HTTP is turned away first.
        stranger = request(server.port, self.FILE, *lines, source="127.0.0.2")
        assert_refused(server, before, stranger, 401, 403, 308)
