"""The page about the demo's audit log, live: read-only, for this machine, without a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...audit.canonical import parse
from ...audit.page import page
from ...audit.report import Report

_REFRESH = 2  # seconds
_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
        b" frame-ancestors 'none'",
    ),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class LiveReport:
    """An ASGI app: GET / is the page, as of now.

    Parameters:
        log: the audit log. port: where it is served, on loopback. A request for another host is
            refused: a page from elsewhere, whose name was rebound to this address, reads nothing.
    """

    def __init__(self, log: Path, port: int) -> None:
        self._log = log
        self._read = 0
        self._report = Report()
        self._hosts = {f"{name}:{port}".encode() for name in ("localhost", "127.0.0.1")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        body = b""
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            status = 421
        elif scope["path"] != "/":
            status = 404
        elif scope["method"] not in ("GET", "HEAD"):
            status = 405
        else:
            status, body = 200, self._page()
        headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
        if status == 405:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown})

    def _page(self) -> bytes:
        """Reads what was written since the last time."""
        if self._log.exists():
            with self._log.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self._read += len(line)
                    self._report.add(parse(line[:-1]))
        return page(self._report, "Ringwall demo", _REFRESH).encode()
