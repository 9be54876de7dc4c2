"""HTTP/2 frames as they are told to be: no client library tidies the header fields up."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Sequence

import h2.config
import h2.connection
import h2.events

from servers.raw import Answer

Fields = Sequence[tuple[bytes, bytes]]
# The stream, or the whole connection, was ended by the server in place of an answer.
RESET = Answer(0, {}, b"")


class Connection:
    """One connection: over TLS, agreed on by ALPN, or plain, with prior knowledge (h2c)."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        if tls is not None:
            wrapped = tls.wrap_socket(self._socket, server_hostname="localhost")
            assert wrapped.selected_alpn_protocol() == "h2"
            self._socket = wrapped
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._h2 = h2.connection.H2Connection(config)
        self._h2.initiate_connection()
        self._flush()
        self._heads: dict[int, list[tuple[bytes, bytes]]] = {}
        self._bodies: dict[int, bytes] = {}
        self._ended: set[int] = set()
        self._reset: set[int] = set()
        self._gone = False

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _flush(self) -> None:
        # A server that does not like the beginning may hang up before the end.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(self._h2.data_to_send())

    def start(self, fields: Fields, *, ends: bool = True) -> int:
        """Open a stream; returns its number."""
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, fields, end_stream=ends)
        self._flush()
        return stream

    def send(self, stream: int, data: bytes, *, ends: bool = False) -> None:
        """A DATA frame."""
        self._h2.send_data(stream, data, end_stream=ends)
        self._flush()

    def answer(self, stream: int, *, whole: bool = True) -> Answer:
        """What came back on a stream; `RESET` where the server broke it off.

        whole: wait for its end; else for its head alone, as of a websocket.
        """
        while stream not in (self._ended if whole else self._heads) and stream not in self._reset:
            if self._gone:
                return RESET
            self._read()
        if stream not in self._heads:
            return RESET
        headers: dict[str, list[str]] = {}
        for name, value in self._heads[stream]:
            headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
        status = int(headers.pop(":status")[0])
        return Answer(status, headers, self._bodies.get(stream, b""))

    def _read(self) -> None:
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self._gone = True
            return
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self._heads[event.stream_id] = list(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                so_far = self._bodies.get(event.stream_id, b"")
                self._bodies[event.stream_id] = so_far + event.data
            elif isinstance(event, h2.events.StreamEnded):
                self._ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self._reset.add(event.stream_id)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self._gone = True
        self._flush()

    def ask(
        self,
        path: bytes,
        *fields: tuple[bytes, bytes],
        method: bytes = b"GET",
        authority: bytes | None = b"localhost",
        scheme: bytes = b"https",
        body: bytes = b"",
    ) -> Answer:
        """One request and its answer."""
        named = [] if authority is None else [(b":authority", authority)]
        pseudo = [(b":method", method), (b":scheme", scheme), *named, (b":path", path)]
        stream = self.start([*pseudo, *fields], ends=not body)
        if body:
            self.send(stream, body, ends=True)
        return self.answer(stream)
