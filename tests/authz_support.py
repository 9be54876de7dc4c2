"""People, orders, and requests through a whole stack, for the tests of authorization."""

from __future__ import annotations

import asyncio
import io
import json
from urllib.parse import unquote_to_bytes

from ringwall import Layer, Principal, Stack
from ringwall._boundary import Boundary
from ringwall._exchange import Exchange
from ringwall.authz import Authorization

BOUNDARY = Boundary()
UUID1 = "0b9b9a3c-0a3e-4c1a-9a55-6a3a5e3c1111"


def person(subject, *scopes, roles=(), scheme="bearer", issuer=None, **claims):
    return Principal(
        subject,
        scheme=scheme,
        issuer=issuer,
        scopes=frozenset(scopes),
        roles=frozenset(roles),
        claims=claims,
    )


ALICE = person("alice", "orders:read", "orders:write")
BOB = person("bob", "orders:read")
ADMIN = person("root", "orders:read", roles=["admin"])


class Orders:
    """The guide's orders, and which of them were read."""

    def __init__(self):
        self.rows = {
            7: {"id": 7, "owner": "alice", "tenant": "acme", "status": "open"},
            8: {"id": 8, "owner": "alice", "tenant": "acme", "status": "closed"},
            1001: {"id": 1001, "owner": "alice", "tenant": "acme", "status": "open"},
            1002: {"id": 1002, "owner": "bob", "tenant": "umbrella", "status": "open"},
        }
        self.read = []

    def load(self, order_id: int):
        self.read.append(order_id)
        return self.rows.get(order_id)

    async def aload(self, order_id: int):
        await asyncio.sleep(0)
        return self.load(order_id)


class As(Layer):
    """Stands for an authentication layer: the request speaks for this principal."""

    name = "authentication"

    def __init__(self, principal):
        self.principal = principal

    def on_request(self, exchange):
        exchange.authenticate(self.principal)


class Answer:
    """status, headers (lower-case, str) and body; `called`: how often the app was.

    seen: what `look(scope or environ)` returned in the app. received: the body that the app read.
    exchange: the outermost layer's.
    """

    def __init__(self, status, headers, body, app):
        self.status = status
        self.headers = {k.lower(): v for k, v in headers}
        self.body = body
        self.called = app.called
        self.seen = app.seen
        self.received = app.body
        self.exchange = app.exchange

    @property
    def problem(self):
        assert self.headers["content-type"] == "application/problem+json"
        document = json.loads(self.body)
        assert document["status"] == self.status
        return document

    @property
    def code(self):
        return self.problem["code"]


class Spy(Layer):
    """Keeps the exchange, refused or not."""

    name = "spy"
    observes = True

    def __init__(self, app):
        self.app = app

    def on_request(self, exchange):
        self.app.exchange = exchange


class App:
    """Both interfaces; counts its calls, reads its body, and looks at what it got."""

    def __init__(self, look=lambda x: None):
        self.called = 0
        self.seen = None
        self.exchange = None
        self.body = None
        self._look = look

    async def asgi(self, scope, receive, send):
        self.called += 1
        self.seen = self._look(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            return
        self.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"secret"})

    def wsgi(self, environ, start_response):
        self.called += 1
        self.seen = self._look(environ)
        self.body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b"secret"]


def send(
    interface,
    layer,
    target,
    method="GET",
    who=ALICE,
    body=b"",
    content_type=None,
    look=lambda x: None,
    length=None,
    raw=True,
    root="",
):
    """One request to an app behind `layer`. who: a principal, None (anonymous), or "unknown": no
    authentication layer at all."""
    app = App(look)
    layers = [Spy(app)] if who == "unknown" else [Spy(app), As(who)]
    stack = Stack(*layers, layer)
    headers = [] if content_type is None else [("content-type", content_type)]
    if body or length is not None:
        headers.append(("content-length", str(len(body) if length is None else length)))
    if interface == "asgi":
        return asyncio.run(
            _asgi(stack.asgi(app.asgi), app, target, method, headers, body, raw, root)
        )
    return _wsgi(stack.wsgi(app.wsgi), app, target, method, headers, body, raw, root)


async def _asgi(wrapped, app, target, method, headers, body, raw, root):
    path, _, query = target.encode("utf-8").partition(b"?")
    sent = []
    events = [{"type": "http.request", "body": body, "more_body": False}]
    scope = {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": root + unquote_to_bytes(path).decode("utf-8", "replace"),
        "query_string": query,
        "root_path": root,
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers],
        "client": ("192.0.2.7", 5000),
    }
    if raw:
        scope["raw_path"] = path
    if method == "WEBSOCKET":
        scope = {**scope, "type": "websocket", "extensions": {"websocket.http.response": {}}}
        del scope["method"]
        events = [{"type": "websocket.connect"}]

    async def receive():
        return events.pop(0)

    async def collect(message):
        sent.append(message)

    await wrapped(scope, receive, collect)
    if sent[0]["type"] == "websocket.accept":
        return Answer(101, [], b"", app)
    pairs = [(k.decode(), v.decode("latin-1")) for k, v in sent[0]["headers"]]
    return Answer(sent[0]["status"], pairs, b"".join(m.get("body", b"") for m in sent[1:]), app)


def _wsgi(wrapped, app, target, method, headers, body, raw, root):
    path, _, query = target.encode("utf-8").partition(b"?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": root,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if raw:
        environ["RAW_URI"] = target
    for name, value in headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    head = []

    def start_response(status, lines, exc_info=None):
        head[:] = [status, lines]

    result = wrapped(environ, start_response)
    content = b"".join(result)
    if hasattr(result, "close"):
        result.close()
    return Answer(int(head[0][:3]), head[1], content, app)


def exchange(path="/", method="GET", who=ALICE, query=b"", client="192.0.2.7"):
    """An exchange made by hand."""
    made = Exchange("asgi", method, "https", "", path, path.encode(), query, {}, client, BOUNDARY)
    made.authenticate(who)
    return made


def decide(*rules, path, method="GET", who=ALICE, **options):
    """The decision of a layer of these rules, driven directly; it must not need I/O."""
    made = exchange(path, method, who)
    Authorization(*rules, **options).on_request(made)
    (decision,) = made.decisions
    return decision
