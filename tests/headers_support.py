"""One response through both interfaces, for the tests of the headers layer."""

from __future__ import annotations

from https_support import call_asgi, call_wsgi
from ringwall.headers import nonce_of

INTERFACES = ("asgi", "wsgi")


class App:
    """Answers with these lines, and notes what it was told."""

    def __init__(self, interface, *lines, status=200):
        self.lines, self.status, self.interface = lines, status, interface
        self.calls = 0
        self.nonce = None

    def __call__(self, *args):
        self.calls += 1
        self.nonce = nonce_of(args[0])
        if self.interface == "asgi":
            return self._asgi(*args)
        native = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.lines]
        args[1](f"{self.status} Whatever", native)
        return [b"app"]

    async def _asgi(self, scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send(
            {"type": "http.response.start", "status": self.status, "headers": list(self.lines)}
        )
        await send({"type": "http.response.body", "body": b"app"})


def call(layer, app, method="GET", scheme="https", host=b"api.example.com"):
    """Status, header lines and body of one request; `layer` is a layer or a stack."""
    if app.interface == "asgi":
        lines = [(b"host", host)]
        return call_asgi(layer.asgi(app), method=method, scheme=scheme, headers=lines)
    environ = {"wsgi.url_scheme": scheme, "HTTP_HOST": host.decode("latin-1")}
    return call_wsgi(layer.wsgi(app), REQUEST_METHOD=method, **environ)


def send(layer, interface, *lines, **request):
    """The header lines of an answer with these lines, as it leaves; their case is kept."""
    app = App(interface, *lines)
    status, headers, body = call(layer, app, **request)
    assert (status, body, app.calls) == (200, b"app", 1)
    return headers


def values(headers, name):
    return [value for key, value in headers if key.lower() == name]
