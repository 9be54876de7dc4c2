"""What the tests of authentication share: an issuer with keys, and a request through both sides."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import os
import threading
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact

ISSUER = "https://id.example.com"
AUDIENCE = "https://api.example.com"
NOW = 1_800_000_000.0
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "alice",
    "iat": int(NOW) - 10,
    "exp": int(NOW) + 300,
    "scope": "orders:read orders:write",
    "roles": ["clerk"],
}
ASYMMETRIC = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "rsa"),
    "ES256": "p256",
    "ES384": "p384",
    "ES512": "p521",
    "EdDSA": "ed25519",
}
JWS = JWSRegistry(algorithms=[*ASYMMETRIC, "HS256", "HS384", "HS512"], strict_check_header=False)


class Asked:
    """An exchange as far as a scheme looks at it."""

    def __init__(self, interface: str = "wsgi") -> None:
        self.interface = interface
        self.decisions: list[Any] = []


def landed() -> None:
    """Wait for what WSGI requests started in the background."""
    for thread in threading.enumerate():
        if thread.name == "ringwall-background":
            thread.join(10)


class Port:
    """An issuer: documents by URL, or exceptions; counts the fetches."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.urls: list[str] = []
        self.before: Callable[[], object] = lambda: None

    def fetch(self, url: str) -> bytes:
        self.urls.append(url)
        self.before()
        document = self.documents[url]
        if isinstance(document, BaseException):
            raise document
        return document if isinstance(document, bytes) else json.dumps(document).encode()

    async def afetch(self, url: str) -> bytes:
        await asyncio.sleep(0)
        return self.fetch(url)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@functools.cache
def key(name: str) -> Any:
    """A private key, made once; its kid is its name."""
    parameters = {"kid": name}
    if name.startswith("rsa"):
        return RSAKey.generate_key(2048, parameters)
    if name.startswith("ed"):
        return OKPKey.generate_key(name.split("-")[0].capitalize(), parameters)
    if name.startswith("oct"):
        return OctKey.generate_key(512, parameters)
    return ECKey.generate_key({"p256": "P-256", "p384": "P-384", "p521": "P-521"}[name], parameters)


def public(name: str, **members: Any) -> dict[str, Any]:
    return {**key(name).as_dict(private=False), **members}


def jwks(*names: str) -> dict[str, Any]:
    return {"keys": [public(name) for name in names]}


def pem(name: str) -> str:
    return key(name).as_pem(private=False).decode()


def b64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def unb64(data: bytes) -> bytes:
    return urlsafe_b64decode(data + b"=" * (-len(data) % 4))


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def sign(
    claims: Any = CLAIMS, *, alg: str = "RS256", name: str | None = None, **header: Any
) -> bytes:
    """A token by joserfc; `claims` may be raw bytes."""
    name = name or ASYMMETRIC.get(alg, "oct")
    payload = claims if isinstance(claims, bytes) else compact(claims)
    protected = {"alg": alg, "kid": name, **header}
    protected = {member: value for member, value in protected.items() if value is not None}
    with warnings.catch_warnings():
        # "EdDSA is deprecated": issuers will send it for years to come.
        warnings.simplefilter("ignore", SecurityWarning)
        return serialize_compact(protected, payload, key(name), registry=JWS).encode()


def sign_raw(header: bytes, payload: bytes = compact(CLAIMS), name: str = "rsa") -> bytes:
    """An RS256 signature over any header bytes, which no decent library would make."""
    signed = b64(header) + b"." + b64(payload)
    signature = key(name).private_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return signed + b"." + b64(signature)


def spki(name: str) -> bytes:
    return key(name).public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


class Answer(NamedTuple):
    """status and headers of the answer, its document, the principal that the app saw.

    principal is False where the app was not called.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    principal: Any

    @property
    def code(self) -> str:
        return json.loads(self.body)["code"]


def send(
    layer: Any,
    *headers: tuple[bytes, bytes],
    path: str = "/",
    sides: str = "aw",
    query: bytes = b"",
    method: str = "GET",
) -> Answer:
    """One request through ASGI and through WSGI: both must answer alike."""
    answers = []
    if "a" in sides:
        answers.append(
            asyncio.run(send_asgi(layer, *headers, path=path, query=query, method=method))
        )
    if "w" in sides:
        answers.append(send_wsgi(layer, *headers, path=path, query=query, method=method))
    first = answers[0]
    for other in answers[1:]:
        assert other.status == first.status
        assert other.body == first.body
        assert other.headers == first.headers
        assert (other.principal is False) == (first.principal is False)
    return first


async def send_asgi(
    layer: Any,
    *headers: tuple[bytes, bytes],
    path: str = "/",
    query: bytes = b"",
    method: str = "GET",
) -> Answer:
    seen: list[Any] = []
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["ringwall.exchange"].principal)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def collect(message: Any) -> None:
        messages.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}
    scope |= {"headers": [(b"host", b"api.example.com"), *headers], "scheme": "https"}
    scope |= {"query_string": query, "client": ("192.0.2.1", 1234), "http_version": "1.1"}
    await layer.asgi(app)(scope, receive, collect)
    found = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(messages[0]["status"], found, body, seen[0] if seen else False)


def send_wsgi(
    layer: Any,
    *headers: tuple[bytes, bytes],
    path: str = "/",
    query: bytes = b"",
    method: str = "GET",
) -> Answer:
    seen: list[Any] = []
    start: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(environ["ringwall.exchange"].principal)
        start_response("200 OK", [])
        return [b"ok"]

    environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path}
    environ |= {"QUERY_STRING": query.decode("latin-1")}
    environ |= {"SERVER_NAME": "api.example.com", "SERVER_PORT": "443", "REMOTE_ADDR": "192.0.2.1"}
    environ |= {"SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "api.example.com"}
    environ |= {
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    environ |= {"wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": False}
    environ |= {"wsgi.run_once": False}
    for name, value in headers:
        variable = "HTTP_" + name.decode().upper().replace("-", "_")
        text = value.decode("latin-1")
        environ[variable] = f"{environ[variable]}, {text}" if variable in environ else text

    def start_response(status: str, lines: Any, exc_info: Any = None) -> Any:
        start.append((status, lines))
        return lambda data: None

    chunks = layer.wsgi(app)(environ, start_response)
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    status, lines = start[0]
    found = {name.lower(): value for name, value in lines}
    return Answer(int(status[:3]), found, body, seen[0] if seen else False)


def bearer(token: bytes) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + token


def vectors(*parts: str) -> Path:
    """The folder of test vectors by others; skips where it is not."""
    given = os.environ.get("RINGWALL_VECTORS")
    root = Path(given) if given else Path(__file__).parents[2] / "shared" / "vectors"
    if not root.is_dir():
        pytest.skip("no test vectors: set RINGWALL_VECTORS to their folder")
    return root.joinpath(*parts)
