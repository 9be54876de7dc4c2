"""Small layers that do as they are told, and apps that behave in every way they may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ringwall import Addition, Decision, Layer, Principal, ReadBody, Response
from ringwall._exchange import BodyIncomplete, BodyTooLarge
from ringwall._pending import Call

TEXT = (b"content-type", b"text/plain")


class LayerBug(Exception):
    """What a failing hook raises; its message must come out nowhere."""

    def __init__(self):
        super().__init__("SECRET-IN-EXCEPTION")


def blocking():
    return 7


async def waiting():
    await asyncio.sleep(0)
    return 7


def failing():
    raise LayerBug


async def failing_later():
    await asyncio.sleep(0)
    raise LayerBug


@dataclass(frozen=True)
class Script:
    """What one layer does.

    request: pass, refuse, authenticate, deauthenticate, raise, garbage; io (then pass), io-refuse,
        io-raise, io-caught, io-garbage; read, read-lenient, read-replace (by upper case).
    response: pairs of an operation (add, set, setdefault, remove, status, raise) and its header.
    complete: nothing, note, raise, io, io-raise.
    reading: of the response: nothing (""), untouched; same, upper, refuse, raise, garbage; the same
        three at the head, such as raise-head; large bodies pass with "same", else get a 502.
    adds: lines that on_request leaves, whatever it does then.
    seldom: on_response takes headers away and does nothing else, which it declares.
    """

    request: str = "pass"
    response: tuple = ()
    complete: str = "note"
    constant: tuple = ()
    adds: tuple = ()
    reading: str = ""
    limit: int = 100
    observes: bool = False
    tolerant: bool = False
    by_path: bool = False
    seldom: bool = False
    hooks: frozenset = field(default=frozenset({"on_request", "on_response", "on_complete"}))


class Scripted(Layer):
    """A layer that follows a script; every hook leaves a decision, so that its turn can be seen."""

    wants = frozenset({b"x-want"})

    def __init__(self, name, script):
        self.name = name
        self.script = script
        self.constant_headers = script.constant
        self.adds = frozenset(header for header, _ in script.adds)
        self.sets = self.adds.union(header for do, header in script.response if header)
        self.observes = script.observes
        self.tolerant = script.tolerant
        self.by_path = script.by_path
        if script.seldom:
            own = self.adds.union(name for name, _ in script.constant)
            self.edits_only = self.sets - own
        self.replaces_body = script.request == "read-replace"
        for hook in ("on_request", "on_response", "on_complete"):
            if hook not in script.hooks:
                setattr(self, hook, getattr(Layer, hook).__get__(self))
        if not script.reading:
            self.on_response_body = Layer.on_response_body.__get__(self)

    def _note(self, exchange, rule, reason=""):
        exchange.decisions.append(Decision(self.name, "allow", rule, reason))

    def on_request(self, exchange):
        do = self.script.request
        if self.script.adds:
            exchange.additions.append(Addition(self, self.script.adds))
        self._note(exchange, f"on_request {do}", f"{exchange.client} {exchange.principal}")
        if do == "refuse":
            return Response(403, [TEXT, (b"x-refused-by", self.name.encode())], b"no")
        if do == "authenticate":
            exchange.authenticate(Principal(self.name, scheme="test"))
        if do == "deauthenticate":
            exchange.authenticate(None)
        if do == "raise":
            raise LayerBug
        if do == "garbage":
            return True
        if do.startswith("io"):
            return self._io(exchange, do)
        if do.startswith("read"):
            return self._read(exchange, lenient=do == "read-lenient")
        return None

    def _io(self, exchange, do):
        bad = do in ("io-raise", "io-caught")
        try:
            got = yield Call(failing if bad else blocking, failing_later if bad else waiting)
        except LayerBug:
            self._note(exchange, "io failed")
            if do == "io-raise":
                raise
            return None
        self._note(exchange, f"io {got}")
        if do == "io-refuse":
            return Response(429, [TEXT, (b"retry-after", b"1")], b"later")
        return True if do == "io-garbage" else None

    def _read(self, exchange, *, lenient):
        try:
            body = yield from exchange.read_body(self.script.limit)
        except BodyTooLarge:
            self._note(exchange, "too large")
            return None if lenient else Response(413, [TEXT], b"too large")
        except BodyIncomplete:
            self._note(exchange, "incomplete")
            return None if lenient else Response(400, [TEXT], b"incomplete")
        self._note(exchange, f"read {body!r}")
        if self.replaces_body:
            exchange.replacement = body.upper()
        return None

    def on_response(self, exchange, head):
        if self.script.seldom:
            for name in self.edits_only:
                head.remove(name)
            return
        self._note(exchange, "on_response", str(head.status))
        for do, header in self.script.response:
            if do == "raise":
                raise LayerBug
            if do == "status":
                head.status = 299
            elif do == "remove":
                head.remove(header)
            else:
                getattr(head, do)(header, self.name.encode())

    def on_response_body(self, exchange, head):
        do = self.script.reading
        self._note(exchange, f"on_response_body {do}", str(head.status))
        if do == "raise-head":
            raise LayerBug
        if do == "garbage-head":
            return True
        if do == "refuse-head":
            return Response(502, [TEXT], b"no head")
        if do == "untouched":
            return None
        return ReadBody(self.script.limit, self._judge, None if do == "same" else self._large)

    def _judge(self, exchange, head, body):
        do = self.script.reading
        self._note(exchange, f"judge {do}", repr(body))
        if do == "raise":
            raise LayerBug
        if do == "garbage":
            return True
        if do == "refuse":
            return Response(502, [TEXT], b"no body")
        return body.upper() if do == "upper" else body

    def _large(self, exchange):
        self._note(exchange, "large")
        return Response(502, [TEXT], b"large")

    def on_complete(self, exchange, outcome):
        if self.script.complete == "nothing":
            return None
        error = type(outcome.error).__name__
        self._note(exchange, "on_complete", f"{outcome.status} {error} {outcome.close_code}")
        if self.script.complete == "raise":
            raise LayerBug
        return self._end(exchange) if self.script.complete.startswith("io") else None

    def _end(self, exchange):
        bad = self.script.complete == "io-raise"
        yield Call(failing if bad else blocking, failing_later if bad else waiting)
        self._note(exchange, "ended")


def layers_of(scripts):
    return [Scripted(f"layer-{number}", script) for number, script in enumerate(scripts)]


class AppError(Exception):
    """What a failing app raises."""


@dataclass(frozen=True)
class ASGIBehaviour:
    """An ASGI app: reads the body or not, then does each of `acts` in order."""

    acts: tuple = ("start", "body", "end")
    headers: tuple = ((b"content-type", b"text/plain"),)
    status: int = 200
    reads: bool = True

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await self._websocket(receive, send)
            return
        got = [await receive()] if self.reads else []
        while got and got[-1].get("more_body", False):
            got.append(await receive())
        body = b"".join(message.get("body", b"") for message in got)
        for act in self.acts:
            if act == "raise":
                raise AppError("app")
            await send(self._message(act, body))

    def _message(self, act, body):
        if act == "start":
            headers = [*self.headers, (b"x-body", b"%d" % len(body))]
            return {"type": "http.response.start", "status": self.status, "headers": headers}
        if act == "bare-start":
            return {"type": "http.response.start", "status": 204}
        if act == "iterated-start":
            start = {"type": "http.response.start", "status": 200}
            return {**start, "headers": (line for line in self.headers)}
        if act == "hint":
            return {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}
        if act == "body":
            return {"type": "http.response.body", "body": b"chunk", "more_body": True}
        if act == "empty":
            return {"type": "http.response.body", "more_body": True}
        return {"type": "http.response.body", "body": b"last"}

    async def _websocket(self, receive, send):
        await receive()
        for act in self.acts:
            if act == "raise":
                raise AppError("app")
            if act == "start":
                await send({"type": "websocket.accept", "headers": [(b"x-a", b"1")]})
            elif act == "body":
                await send({"type": "websocket.send", "text": "hello"})
            elif act == "end":
                await send({"type": "websocket.close", "code": 4001})


@dataclass(frozen=True)
class WSGIBehaviour:
    """A WSGI app.

    style: list, tuple, iterator, lazy (start_response at the first item), write, restart (a second
        start_response with exc_info), empty, file (through wsgi.file_wrapper).
    fails: nothing, call, before (an iterable is there), first (of its items), within, close.
    """

    style: str = "list"
    headers: tuple = (("Content-Type", "text/plain"),)
    status: str = "200 OK"
    fails: str = ""
    reads: bool = True

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read() if self.reads else b""
        headers = [*self.headers, ("X-Body", str(len(body)))]
        if self.fails == "call":
            raise AppError("app")
        if self.style == "lazy":
            return Closing(self._items(start_response, headers), self.fails)
        write = start_response(self.status, headers)
        if self.style == "restart":
            try:
                raise AppError("first")
            except AppError as error:
                start_response("500 Oops", [("X-A", "restarted")], (AppError, error, None))
        if self.style == "write":
            write(b"written")
        if self.fails == "before":
            raise AppError("app")
        if self.style == "list":
            return [b"one", b"two"]
        if self.style == "tuple":
            return (b"one",)
        if self.style == "empty":
            return []
        return Closing(self._items(None, headers), self.fails)

    def _items(self, start_response, headers):
        if start_response is not None:
            start_response(self.status, headers)
        if self.fails == "first":
            raise AppError("app")
        yield b"one"
        if self.fails == "within":
            raise AppError("app")
        yield b""
        yield b"two"


class Closing:
    """An iterator with a close(); `closed` tells how often each was called."""

    def __init__(self, items, fails=""):
        self.items = items
        self.fails = fails
        self.closed = 0

    def __iter__(self):
        return self.items

    def close(self):
        self.closed += 1
        if self.fails == "close":
            raise AppError("close")
