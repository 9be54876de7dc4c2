"""Requests as bytes on a socket: no client library tidies them up."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """status 0: the server closed the connection without an answer."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    port: int,
    target: bytes,
    *headers: bytes,
    method: bytes = b"GET",
    body: bytes = b"",
    host: bytes | None = b"localhost",
    secure: bool = True,
    source: str = "127.0.0.1",
) -> Answer:
    """Send one request exactly as given and read the answer until the server closes.

    secure: say, as a proxy would, that it came over TLS. source: the address to send it from; only
    127.0.0.1 is a trusted proxy.
    """
    lines = [method + b" " + target + b" HTTP/1.1"]
    if host is not None:
        lines.append(b"Host: " + host)
    if secure:
        lines.append(b"X-Forwarded-Proto: https")
    lines += [*headers, b"Connection: close"]
    return exchange(port, b"\r\n".join(lines) + b"\r\n\r\n" + body, source)


def handshake(port: int, target: bytes, *headers: bytes) -> Answer:
    """Ask for a websocket, through a proxy that ended TLS; the answer without what follows it."""
    lines = [
        b"GET " + target + b" HTTP/1.1",
        b"Host: localhost",
        b"X-Forwarded-Proto: https",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk:
                break
            received += chunk
    return parse(received.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")


def exchange(port: int, data: bytes, source: str = "127.0.0.1", timeout: float = 10) -> Answer:
    """Send bytes and parse what comes back. timeout: seconds without a byte."""
    address = ("127.0.0.1", port)
    with socket.create_connection(address, timeout, source_address=(source, 0)) as connection:
        received = b""
        # A server that does not want the whole request may answer and hang up in the middle of it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                received += chunk
    return parse(received)


def parse(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return Answer(0, {}, b"")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    if body and headers.get("transfer-encoding") == ["chunked"]:
        body = _dechunk(body)
    return Answer(int(first.split(" ")[1]), headers, body)


def _dechunk(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        count = int(size, 16)
        if count == 0:
            break
        body += rest[:count]
        data = rest[count + 2 :]
    return body
