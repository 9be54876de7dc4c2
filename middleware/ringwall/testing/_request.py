"""One description of a request, as a server would hand it to an ASGI or a WSGI app."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from ..problem import Header

_UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


@dataclass(frozen=True)
class Request:
    """A request, tidied by nobody.

    Parameters:
        method: the method.
        target: path and query as sent, undecoded.
        headers: pairs of lower-case name and value, in order; names may repeat. `content-length`
            is added for a body unless it or `transfer-encoding` is there.
        body: the chunks it arrives in.
        scheme: "http" or "https".
        client: the address of the peer; None: a unix socket.
        root: the mount point, a prefix of the path of `target`.
        websocket: a handshake instead of a plain request; ASGI only.
        denial: the server offers `websocket.http.response`.
        cut: the client goes away before the end of the body.

    >>> Request(target=b"/a%20b?c").scope()["path"]
    '/a b'
    """

    method: str = "GET"
    target: bytes = b"/"
    headers: tuple[Header, ...] = ((b"host", b"api.example.com"),)
    body: tuple[bytes, ...] = ()
    scheme: str = "https"
    client: str | None = "192.0.2.7"
    root: str = ""
    websocket: bool = False
    denial: bool = True
    cut: bool = False

    def lines(self) -> list[Header]:
        """The header lines that are sent."""
        names = {name for name, _ in self.headers}
        if not self.body or names & {b"content-length", b"transfer-encoding"}:
            return list(self.headers)
        length = sum(map(len, self.body)) + self.cut
        return [*self.headers, (b"content-length", b"%d" % length)]

    def scope(self) -> dict[str, Any]:
        """A fresh ASGI scope, as uvicorn makes it."""
        raw, _, query = self.target.partition(b"?")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": self.scheme,
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
            "raw_path": raw,
            "query_string": query,
            "root_path": self.root,
            "headers": self.lines(),
            "client": None if self.client is None else (self.client, 51000),
            "server": ("192.0.2.1", 443),
            "state": {},
            "extensions": {},
        }
        if self.websocket:
            del scope["method"]
            scope |= {"type": "websocket", "subprotocols": []}
            scope["scheme"] = {"http": "ws", "https": "wss"}[self.scheme]
            if self.denial:
                scope["extensions"] = {"websocket.http.response": {}}
        return scope

    def environ(self) -> dict[str, Any]:
        """A fresh WSGI environ, as gunicorn makes it: underscored header names are dropped."""
        raw, _, query = self.target.partition(b"?")
        path = unquote_to_bytes(raw).decode("latin-1")
        root = self.root.encode("utf-8").decode("latin-1")
        environ: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.scheme,
            "wsgi.input": io.BytesIO(b"".join(self.body)),
            "wsgi.input_terminated": True,
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": root,
            "PATH_INFO": path[len(root) :] if path.startswith(root) else path,
            "QUERY_STRING": query.decode("latin-1"),
            "RAW_URI": self.target.decode("latin-1"),
            "SERVER_NAME": "192.0.2.1",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.client or "",
        }
        for name, value in self.lines():
            if b"_" not in name:
                key = _UNPREFIXED.get(name)
                key = key or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
                text = value.decode("latin-1")
                environ[key] = f"{environ[key]},{text}" if key in environ else text
        return environ
