"""The way out under ASGI: the response head, and the one wrapper around `send`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from ._compile import FAILED, Plan, edit, refusal_body
from ._exchange import Exchange, Outcome
from ._layer import ResponseHead
from .problem import Header, Response, check_header

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class ResponseReplaced(OSError):
    """Raised into an app that streams a response which a failing layer has replaced: nobody
    listens any more, which ASGI tells an app by an OSError."""


class Head(ResponseHead):
    """A response head over a list of byte pairs."""

    __slots__ = ("headers",)

    def __init__(self, status: int, headers: list[Header]) -> None:
        self.status = status
        self.headers = headers

    def get(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def add(self, name: bytes, value: bytes) -> None:
        check_header(name, value)
        self.headers.append((name, value))

    def extend(self, lines: Iterable[Header]) -> None:
        self.headers += lines

    def remove(self, name: bytes) -> None:
        self.headers = [line for line in self.headers if line[0].lower() != name]

    def add_missing(self, lines: tuple[Header, ...], names: frozenset[bytes]) -> None:
        present = {name.lower() for name, _ in self.headers}
        if names.isdisjoint(present):
            self.headers += lines
        else:
            self.headers += [line for line in lines if line[0] not in present]

    def rewrite(
        self, names: frozenset[bytes], edit: Callable[[bytes, bytes], bytes | None]
    ) -> bool:
        headers = self.headers
        for name, _ in headers:
            if name.lower() in names:
                break
        else:
            return False  # most responses
        kept = []
        for line in headers:
            name = line[0].lower()
            if name in names:
                value = edit(name, line[1])
                if value is None:
                    continue
                if value != line[1]:
                    check_header(name, value)
                    line = (line[0], value)
            kept.append(line)
        self.headers = kept
        return True

    def replace(self, response: Response) -> None:
        self.status, self.headers = response.status, list(response.headers)


def sender(exchange: Exchange, plan: Plan, depth: int, outcome: Outcome, send: Send) -> Send:
    """The one wrapper around `send`: edits heads, notes the status.

    A plain function that returns the inner awaitable costs half of an `async def`.
    """
    replaced = False

    def out(message: Message) -> Awaitable[None]:
        nonlocal replaced
        kind = message["type"]
        if kind == "http.response.start" or kind == "websocket.http.response.start":
            head = Head(message["status"], list(message.get("headers") or ()))
            replaced = not edit(plan, depth, exchange, head)
            outcome.status = head.status
            if replaced:
                return _send_response(send, head, refusal_body(exchange, FAILED), kind[:-6])
            return send({**message, "status": head.status, "headers": head.headers})
        if replaced:
            return _drop(message)
        if kind == "websocket.accept":
            outcome.status = 101
            if message.get("headers"):
                message = _accept(exchange, plan, depth, outcome, message)
                replaced = message["type"] != kind
        elif kind == "websocket.close":
            outcome.status = outcome.status or 403
            outcome.close_code = message.get("code", 1000)
        return send(message)

    return out


def _accept(
    exchange: Exchange, plan: Plan, depth: int, outcome: Outcome, message: Message
) -> Message:
    """Let the cookies of an accepted handshake pass the layers outside; nothing else of it is a
    response. Where a layer fails, the handshake is refused instead."""
    lines = list(message["headers"])
    cookies = [line for line in lines if line[0].lower() == b"set-cookie"]
    if not cookies:
        return message
    head = Head(101, cookies)
    if not edit(plan, depth, exchange, head):
        outcome.status, outcome.close_code = 403, 1011
        return {"type": "websocket.close", "code": 1011, "reason": ""}
    others = [line for line in lines if line[0].lower() != b"set-cookie"]
    kept = [line for line in head.headers if line[0].lower() == b"set-cookie"]
    return {**message, "headers": others + kept}


def constant_sender(plan: Plan) -> Callable[[Send], Send]:
    """For a stack whose response headers never change and that observes no end: a wrapper of
    `send` that can only append."""
    defaults, names, _ = plan.unwinds[-1]

    def wrapping(send: Send) -> Send:
        def out(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = [*(message.get("headers") or ())]
                for line in headers:
                    if line[0].lower() in names:
                        present = {name.lower() for name, _ in headers}
                        headers += [line for line in defaults if line[0] not in present]
                        break
                else:
                    headers += defaults
                message = {**message, "headers": headers}
            return send(message)

        return out

    return wrapping


async def _drop(message: Message) -> None:
    """What becomes of the rest of a response that was replaced.

    A stream is stopped: without a client to wait for, an endless one would block the event loop.
    """
    if message.get("more_body", False):
        raise ResponseReplaced


async def _send_response(send: Send, head: Head, body: bytes, prefix: str) -> None:
    await send({"type": f"{prefix}.start", "status": head.status, "headers": head.headers})
    await send({"type": f"{prefix}.body", "body": body, "more_body": False})


async def refuse(
    exchange: Exchange, response: Response, scope: Scope, receive: Receive, out: Send
) -> None:
    """Answer instead of the app. A websocket handshake is denied by a response if the server
    offers that, else by a close before the accept, which servers turn into a 403."""
    prefix = "http.response"
    if exchange.kind == "websocket":
        message = await receive()  # the connect event comes first
        if message["type"] == "websocket.disconnect":
            return
        if "websocket.http.response" not in (scope.get("extensions") or ()):
            await out({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        prefix = "websocket.http.response"
    head = Head(response.status, list(response.headers))
    await _send_response(out, head, refusal_body(exchange, response), prefix)
