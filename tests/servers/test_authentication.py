"""Credentials as bytes on a socket, good and bad, over real servers. After each attack the app is
asked how often it was reached."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import struct
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from authn_support import CLAIMS, b64, compact, jwks, sign, sign_raw
from ports import free_port
from servers import harness
from servers.raw import Answer, exchange, parse

NOW = int(time.time())
TIMES = {"iat": NOW - 10, "exp": NOW + 3600}
GOOD = {**CLAIMS, **TIMES}
TOKEN = sign(GOOD)


# Names of `harness.COMMANDS`, with what is added to their command lines.
SERVERS = ["uvicorn-httptools", "hypercorn", "hypercorn --worker-class trio", "gunicorn"]


class Running(NamedTuple):
    name: str
    port: int
    key: bytes
    log: Path


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("authn")
    keys = harness.write_keys(folder / "keys.json")
    (folder / "jwks.json").write_text(json.dumps(jwks("rsa")))
    name, *options = request.param.split()
    _, arguments = harness.COMMANDS[name]
    arguments = [*arguments, *options]
    port, log = free_port(), folder / "log"
    words = [word.format(port=port).replace("app:", "authn_app:") for word in arguments]
    settings = {
        "RINGWALL_TEST_KEYS": str(folder / "keys.json"),
        "RINGWALL_TEST_JWKS": str(folder / "jwks.json"),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=Path(__file__).parent,
            env={**os.environ, **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            harness._wait_for(port, process, log)
            yield Running(name, port, keys["alice"].encode(), log)
        finally:
            process.terminate()
            process.wait(timeout=15)


def ask(
    server: Running, *headers: bytes, target: bytes = b"/", source: str = "127.0.0.1"
) -> Answer:
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: localhost", *headers, b"Connection: close"]
    return exchange(server.port, b"\r\n".join(lines) + b"\r\n\r\n", source)


def calls(server: Running) -> int:
    found: int = ask(server, target=b"/calls").json()["reached"]
    return found


@contextlib.contextmanager
def not_reached(server: Running) -> Iterator[None]:
    before = calls(server)
    yield
    assert calls(server) == before, "the app was called"


def bearer(token: bytes) -> bytes:
    return b"Authorization: Bearer " + token


def closed(answer: Answer, *statuses: int) -> None:
    # 0: the server itself hung up; 431: the server's own limit for a header.
    assert answer.status in (*(statuses or (400, 401)), 0, 431), answer
    if answer.status == 401:
        (challenges,) = answer.headers["www-authenticate"]
        assert challenges.startswith('Bearer realm="api"')
    for secret in (TOKEN, TOKEN.rpartition(b".")[2], b"alice"):
        assert secret not in answer.body
        assert secret not in repr(answer.headers).encode()


def test_good_credentials(server: Running) -> None:
    for header in (
        bearer(TOKEN),
        b"authorization: bearer  " + TOKEN,
        b"Authorization: ApiKey " + server.key,
    ):
        told = ask(server, header).json()
        assert told["subject"] == "alice"
        assert "authorization" not in told["seen"]["headers"]


HEADER = {"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}
HEAD, PAYLOAD, SIGNATURE = TOKEN.split(b".")


def signed(claims: bytes = compact(GOOD), **header: Any) -> bytes:
    """What no library would sign."""
    return sign_raw(compact({**HEADER, **header}), claims)


def expiring(number: bytes) -> bytes:
    return signed(compact({**GOOD, "exp": 0}).replace(b'"exp":0', b'"exp":' + number))


def headed(**header: Any) -> bytes:
    return b".".join([b64(compact({**HEADER, **header})), PAYLOAD, SIGNATURE])


ATTACKS: dict[str, bytes] = {
    "alg none": b64(compact({**HEADER, "alg": "none"})) + b"." + PAYLOAD + b".",
    "alg nOnE": headed(alg="nOnE"),
    "hs256": headed(alg="HS256"),
    "embedded key": signed(alg="RS256", jwk={"kty": "RSA"}, kid="other"),
    "another key": sign(GOOD, name="rsa-2", kid="rsa"),
    "jku": sign(GOOD, name="rsa-2", kid="rsa", jku="https://evil.example/keys"),
    "kid path": sign(GOOD, kid="../../../../dev/null"),
    "kid sql": sign(GOOD, kid="' OR 1=1 --"),
    "kid number": signed(kid=1),
    "crit": signed(crit=["exp"], exp=1),
    "b64 false": signed(b64=False),
    "header is a list": sign_raw(b'["alg"]', compact(GOOD)),
    "header twice": sign_raw(b'{"alg":"RS256","alg":"none","kid":"rsa"}', compact(GOOD)),
    "claims twice": signed(compact(GOOD)[:-1] + b',"sub":"root"}'),
    "lone surrogate": signed(compact(GOOD)[:-1] + b',"x":"\\ud800"}'),
    "deep": signed(b"[" * 5000),
    "utf-16": signed(json.dumps(GOOD).encode("utf-16")),
    "bom": signed(b"\xef\xbb\xbf" + compact(GOOD)),
    "five parts": TOKEN + b".a.b",
    "many dots": b"." * 7000,
    "one part": HEAD,
    "padding": TOKEN + b"==",
    "standard alphabet": TOKEN.replace(b"-", b"+").replace(b"_", b"/") + b"+/",
    "json serialisation": b'{"protected":"x","payload":"y","signature":"z"}',
    "no signature": HEAD + b"." + PAYLOAD + b".",
    "truncated": TOKEN[:-3],
    "empty": b"",
    "nul": TOKEN[:40] + b"\x00" + TOKEN[40:],
    "latin-1": TOKEN + b"\xe9",
    "utf-8": TOKEN + "é".encode(),
    "huge": b"a" * 60_000,
    "expired": sign({**GOOD, "exp": NOW - 60}),
    "exp text": sign({**GOOD, "exp": str(NOW + 60)}),
    "exp infinite": expiring(b"1e999"),
    "exp huge": expiring(b"1" + b"0" * 400),
    "not yet": sign({**GOOD, "nbf": NOW + 600}),
    "another issuer": sign({**GOOD, "iss": "https://id.example.com.evil.example"}),
    "issuer list": sign({**GOOD, "iss": ["https://id.example.com"]}),
    "another audience": sign({**GOOD, "aud": "https://other.example.com"}),
    "no audience": sign({name: value for name, value in GOOD.items() if name != "aud"}),
    "bound to a key": sign({**GOOD, "cnf": {"jkt": "A" * 43}}),
    "bound to a certificate": sign({**GOOD, "cnf": {"x5t#S256": "A" * 43}}),
    "a logout token": sign(GOOD, typ="logout+jwt"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_bad_token_gets_in(server: Running, name: str) -> None:
    with not_reached(server):
        closed(ask(server, bearer(ATTACKS[name])))


AMBIGUOUS: dict[str, list[bytes]] = {
    "twice": [bearer(TOKEN), bearer(TOKEN)],
    "good and bad": [bearer(TOKEN), bearer(b"x.y.z")],
    "bad and good": [bearer(b"x.y.z"), bearer(TOKEN)],
    "two schemes": [bearer(TOKEN), b"Authorization: ApiKey x"],
    "a list": [bearer(TOKEN + b", Bearer " + TOKEN)],
    "a comma": [bearer(TOKEN + b"," + TOKEN)],
    "two words": [bearer(TOKEN + b" " + TOKEN)],
    "a tab": [b"Authorization: Bearer\t" + TOKEN],
    "no space": [b"Authorization: Bearer" + TOKEN],
    "no scheme": [b"Authorization: " + TOKEN],
    "nothing": [b"Authorization:"],
    "another scheme": [b"Authorization: Digest username=alice"],
    "a certificate scheme": [b"Authorization: ClientCertificate x"],
    "a proxy's header": [b"Proxy-Authorization: Bearer " + TOKEN],
    "an underscore": [b"Authorization_: Bearer " + TOKEN],
    "a name with a space": [b"Authorization : Bearer " + TOKEN],
    "who the server says it is": [b"Remote-User: alice", b"Remote_User: alice"],
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_no_odd_request_gets_in(server: Running, name: str) -> None:
    with not_reached(server):
        closed(ask(server, *AMBIGUOUS[name]))


@pytest.mark.parametrize("target", [b"/?access_token=", b"/?token=", b"/?ticket=", b"/?bearer="])
def test_no_token_in_a_url_gets_in(server: Running, target: bytes) -> None:
    with not_reached(server):
        closed(ask(server, target=target + TOKEN))


# Certificates that a proxy tells


def certificate(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    return b":" + b64encode(made.public_bytes(Encoding.DER)) + b":"


BILLING, EVE = certificate("billing.example.org"), certificate("eve.example.org")


def test_a_certificate_from_the_proxy(server: Running) -> None:
    told = ask(server, b"Client-Cert: " + BILLING).json()
    assert told["subject"] == "billing.example.org"


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ([b"Client-Cert: " + BILLING], "127.0.0.2"),
        ([b"Client-Cert: " + EVE], "127.0.0.1"),
        ([b"Client-Cert: " + EVE, b"Client-Cert: " + BILLING], "127.0.0.1"),
        ([b"Client-Cert: " + BILLING + b", " + BILLING], "127.0.0.1"),
        ([b"Client-Cert: " + BILLING[:-40] + b":"], "127.0.0.1"),
        ([b"Client-Cert: :" + b"A" * 50_000 + b":"], "127.0.0.1"),
        ([b"Client_Cert: " + BILLING], "127.0.0.2"),
        ([b"SSL_CLIENT_CERT: x", b"SSL_CLIENT_VERIFY: SUCCESS"], "127.0.0.1"),
        ([b"Client-Cert: " + BILLING, bearer(b"x.y.z")], "127.0.0.1"),
    ],
)
def test_no_other_certificate_gets_in(server: Running, headers: list[bytes], source: str) -> None:
    with not_reached(server):
        closed(ask(server, *headers, source=source))


# Websockets


class Socket:
    """A websocket as bytes."""

    def __init__(self, server: Running, *headers: bytes, target: bytes = b"/") -> None:
        lines = [
            b"GET " + target + b" HTTP/1.1",
            b"Host: localhost",
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *headers,
        ]
        self.connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = self.connection.recv(65536)
            if not chunk:
                break
            received += chunk
        head, separator, self.received = received.partition(b"\r\n\r\n")
        self.answer = parse(head + separator)

    def say(self, text: bytes) -> None:
        length = (
            bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text))
        )
        self.connection.sendall(b"\x81" + length + bytes(4) + text)

    def hear(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        opcode, size = self._read(2)
        if size == 126:
            (size,) = struct.unpack(">H", self._read(2))
        return opcode & 15, self._read(size)

    def _read(self, count: int) -> bytes:
        while len(self.received) < count:
            chunk = self.connection.recv(65536)
            if not chunk:
                raise ConnectionError
            self.received += chunk
        found, self.received = self.received[:count], self.received[count:]
        return found

    def told(self) -> dict[str, Any]:
        opcode, text = self.hear()
        assert opcode == 1
        found: dict[str, Any] = json.loads(text)
        return found

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *exception: object) -> None:
        self.connection.close()


@pytest.fixture
def asgi(server: Running) -> Running:
    if harness.COMMANDS[server.name][0] == "wsgi":
        pytest.skip("WSGI knows no websockets")
    return server


def protocols(*names: bytes) -> bytes:
    return b"Sec-WebSocket-Protocol: " + b", ".join(names)


def ticket(server: Running) -> bytes:
    answer = ask(server, bearer(TOKEN), target=b"/ticket")
    return b"/?a=1&ticket=" + answer.json()["ticket"].encode() + b"&b=2"


def test_a_websocket_with_each_kind_of_credential(asgi: Running) -> None:
    openings: list[tuple[list[bytes], bytes]] = [
        ([bearer(TOKEN)], b"/"),
        ([protocols(b"bearer", TOKEN, b"chat")], b"/"),
        ([], ticket(asgi)),
    ]
    for headers, target in openings:
        with Socket(asgi, *headers, target=target) as opened:
            assert opened.answer.status == 101
            told = opened.told()
            assert told["subject"] == "alice"
            assert TOKEN.decode() not in json.dumps(told)
            assert "ticket" not in told["seen"]["query"]
            assert "authorization" not in told["seen"]["headers"]
    with Socket(asgi) as opened:
        assert opened.answer.status == 101
        opened.say(b"Bearer " + TOKEN)
        assert opened.told()["subject"] == "alice"


def test_a_ticket_opens_once(asgi: Running) -> None:
    target = ticket(asgi)
    with Socket(asgi, target=target) as opened:
        assert opened.answer.status == 101
    with not_reached(asgi), Socket(asgi, target=target) as again:
        assert again.answer.status in (401, 403)


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ([bearer(b"x.y.z")], b"/"),
        ([bearer(TOKEN), bearer(TOKEN)], b"/"),
        ([protocols(b"bearer", b"x.y.z")], b"/"),
        ([protocols(b"bearer", TOKEN), bearer(TOKEN)], b"/"),
        ([protocols(b"bearer", TOKEN, b"bearer", TOKEN)], b"/"),
        ([protocols(b"bearer")], b"/"),
        ([protocols(b"bearer", TOKEN), protocols(b"bearer", b"x.y.z")], b"/"),
        ([], b"/?ticket=x"),
        ([], b"/?ticket="),
        ([], b"/?ticket=x&ticket=y"),
        ([bearer(TOKEN)], b"/?ticket=x"),
        ([b"Client-Cert: " + EVE], b"/"),
    ],
)
def test_no_bad_handshake_gets_in(asgi: Running, headers: list[bytes], target: bytes) -> None:
    with not_reached(asgi), Socket(asgi, *headers, target=target) as refused:
        assert refused.answer.status in (400, 401, 403), refused.answer


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"Bearer",
        b"Bearer x.y.z",
        TOKEN,
        b"Bearer " + TOKEN + b" x",
        b"Bearer " + b"x" * 20_000,
    ],
)
def test_no_bad_first_message_gets_in(asgi: Running, message: bytes) -> None:
    with not_reached(asgi), Socket(asgi) as opened:
        assert opened.answer.status == 101
        opened.say(message)
        opcode, reason = opened.hear()
        assert (opcode, reason[:2]) == (8, struct.pack(">H", 1008))


def test_few_wait_for_a_first_message(asgi: Running) -> None:
    with not_reached(asgi), Socket(asgi) as first, Socket(asgi) as second:
        assert (first.answer.status, second.answer.status) == (101, 101)
        with Socket(asgi) as third:
            assert third.answer.status in (403, 503), "refused before it is accepted"
        with Socket(asgi, bearer(b"x.y.z")) as other:
            assert other.answer.status in (401, 403)
    # Both have gone; the server notices when it comes to it.
    deadline = time.monotonic() + 20
    while True:
        with Socket(asgi) as late:
            if late.answer.status == 101:
                late.say(b"Bearer " + TOKEN)
                assert late.told()["subject"] == "alice"
                return
        assert time.monotonic() < deadline, "those who went still hold their places"
        time.sleep(0.05)


def test_nothing_of_a_credential_is_in_the_log(server: Running) -> None:
    """Servers write their access log themselves; what a client puts into its URL is in there."""
    ask(server, bearer(TOKEN))
    ask(server, bearer(ATTACKS["another key"]))
    log = server.log.read_bytes()
    assert b"Traceback" not in log
    assert SIGNATURE not in log.replace(b"?access_token=" + TOKEN, b"").replace(TOKEN, b"")
    assert server.key not in log
    assert BILLING.strip(b":") not in log
