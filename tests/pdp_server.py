"""A policy decision point on loopback that speaks OPA's data API and AuthZEN 1.0, or misbehaves.

    with PDPServer() as pdp:
        OPA(pdp.url, "app/allow")

Both decide alike: the subject "alice" may "read". What was asked lies in `pdp.asked`: path, headers
and the parsed body. `pdp.behave` is how it answers.
"""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PDPServer:
    """behave: "well", or a key of `_MISBEHAVE`."""

    def __enter__(self):
        self.asked = []
        self.behave = "well"
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *args: None  # clients that give up
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *exc_info):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(pdp):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            asked = json.loads(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            pdp.asked.append((self.path, headers, asked))
            opa = self.path.startswith("/v1/data/")
            question = asked["input"] if opa else asked
            allowed = question["subject"]["id"] == "alice" and question["action"]["name"] == "read"
            member = "result" if opa else "decision"
            if pdp.behave == "undefined":
                return self.answer(b"{}")
            if pdp.behave == "well":
                return self.answer(json.dumps({member: allowed}).encode())
            return _MISBEHAVE[pdp.behave](self, member)

        do_GET = do_POST  # noqa: N815  where a redirect would lead

        def answer(self, body, status=200, **headers):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return

        def hang(self):
            pdp.released.wait(20)
            self.close_connection = True

        def drip(self):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            try:
                while not pdp.released.wait(0.02):
                    self.wfile.write(b" ")
            except OSError:
                self.close_connection = True

        def log_message(self, *args): ...

    return Handler


def _yes(member):
    return json.dumps({member: True}).encode()


_MISBEHAVE = {
    "slow": lambda handler, member: handler.hang(),
    "drip": lambda handler, member: handler.drip(),
    "huge": lambda handler, member: handler.answer(b" " * 100_000 + _yes(member)),
    "500": lambda handler, member: handler.answer(_yes(member), 500),
    "201": lambda handler, member: handler.answer(_yes(member), 201),
    "redirect": lambda handler, member: handler.answer(b"", 307, Location="/elsewhere"),
    "gzip": lambda handler, member: handler.answer(
        gzip.compress(_yes(member)), content_encoding="gzip"
    ),
    "empty": lambda handler, member: handler.answer(b""),
    "garbage": lambda handler, member: handler.answer(b"<html>yes</html>"),
    "bom": lambda handler, member: handler.answer(b"\xef\xbb\xbf" + _yes(member)),
    "twice": lambda handler, member: handler.answer(
        b'{"%b": false, "%b": true}' % (member.encode(), member.encode())
    ),
    "text": lambda handler, member: handler.answer(b'{"%b": "true"}' % member.encode()),
    "one": lambda handler, member: handler.answer(b'{"%b": 1}' % member.encode()),
    "null": lambda handler, member: handler.answer(b'{"%b": null}' % member.encode()),
    "object": lambda handler, member: handler.answer(
        b'{"%b": {"allow": true}}' % member.encode()
    ),
    "list": lambda handler, member: handler.answer(b'[{"%b": true}]' % member.encode()),
    "bare": lambda handler, member: handler.answer(b"true"),
    "deep": lambda handler, member: handler.answer(b"[" * 10_000),
    "cut": lambda handler, member: handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n" + _yes(member)
    ) and setattr(handler, "close_connection", True),
    "no http": lambda handler, member: handler.wfile.write(b"yes\r\n\r\n") and setattr(
        handler, "close_connection", True
    ),
}  # fmt: skip
MISBEHAVIOURS = sorted(_MISBEHAVE)
