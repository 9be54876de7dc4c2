"""Three real servers in threads: ASGI over TLS, WSGI over TLS, and plain HTTP."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, cast
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

import uvicorn

_STARTING = 15.0  # seconds


class PortInUse(RuntimeError):
    """A port of the demo cannot be listened on."""


class Servers:
    """Starts servers on loopback and stops them all on leaving the `with` block."""

    def __init__(self) -> None:
        self._stops: list[Callable[[], None]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stop in self._stops:
            stop()
        for thread in self._threads:
            thread.join(timeout=5)

    def asgi(self, app: Any, listener: socket.socket, **tls: Any) -> None:
        """Serve an ASGI app with uvicorn; `tls` are its `ssl_*` settings."""
        config = uvicorn.Config(
            app,
            log_level="critical",
            lifespan="off",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            **tls,
        )
        config.load()  # here, where an error is seen, and not in the thread
        server = uvicorn.Server(config)

        def stop() -> None:
            server.should_exit = True

        self._run(lambda: server.run(sockets=[listener]), stop)
        deadline = time.monotonic() + _STARTING
        while not server.started:
            if time.monotonic() > deadline or not self._threads[-1].is_alive():
                raise RuntimeError("the ASGI server did not start")
            time.sleep(0.02)

    def wsgi(self, app: Any, listener: socket.socket, context: ssl.SSLContext) -> None:
        """Serve a WSGI app over TLS with the standard library's server."""
        server = _ThreadingServer(listener)
        server.context = context
        server.set_app(app)

        def stop() -> None:
            server.shutdown()
            server.server_close()

        self._run(server.serve_forever, stop)

    def _run(self, target: Callable[[], object], stop: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        self._threads.append(thread)
        self._stops.append(stop)


def listen(port: int) -> socket.socket:
    """Listen on a port of loopback; 0: on any that is free.

    Raises:
        PortInUse: somebody else does.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortInUse(f"port {port}: {error.strerror}") from error
    return listener


class _ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    context: ssl.SSLContext

    def __init__(self, listener: socket.socket) -> None:
        address = listener.getsockname()
        super().__init__(address, _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        # Not by `server_bind`, whose reverse look-up of the host name may hang.
        self.server_name, self.server_port = "localhost", address[1]
        self.setup_environ()

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake happens here, in the thread of the connection: a silent client stops nobody.
        request.settimeout(10)
        try:
            secured = self.context.wrap_socket(request, server_side=True)
        except OSError:
            return  # not TLS, or a client that does not trust the demo's certificate
        with secured:
            super().finish_request(secured, client_address)
            _linger(secured)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def _linger(connection: socket.socket) -> None:
    """Take in what the client still sends: closing on a body that nobody read resets the
    connection, and the answer is lost with it (RFC 9112 section 9.6)."""
    try:
        connection.settimeout(2)
        connection.shutdown(socket.SHUT_WR)
        for _ in range(32):
            if not connection.recv(65536):
                break
    except OSError:
        return  # the client is gone, which is as good


class _SecureHandler(ServerHandler):
    server_software = ""  # no Server header

    request_handler: WSGIRequestHandler

    def get_scheme(self) -> str:
        return "https"


class _Handler(WSGIRequestHandler):
    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if len(self.raw_requestline) > 65536 or not self.parse_request():
            return
        handler = _SecureHandler(
            cast("IO[bytes]", self.rfile),
            cast("IO[bytes]", self.wfile),
            self.get_stderr(),
            self.get_environ(),
            multithread=True,
        )
        handler.request_handler = self  # its close() logs through it
        handler.run(self.server.get_app())  # type: ignore[attr-defined]

    def log_message(self, format: str, *arguments: Any) -> None:
        """The audit file is the log."""
