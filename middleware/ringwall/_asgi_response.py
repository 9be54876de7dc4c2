"""The way out under ASGI: the one wrapper around `send`, and answers instead of the app's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ._asgi_head import Head
from ._asgi_request import ASGIExchange, Message, Receive, Scope
from ._compile import FAILED, Plan, edit, refusal_body
from ._watch import Watch
from .problem import Header, Response

Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class ResponseReplaced(OSError):
    """Raised into an app that streams a response which a failing layer has replaced: nobody
    listens any more, which ASGI tells an app by an OSError."""


def senders(plan: Plan) -> tuple[Callable[[ASGIExchange, Send], Send], ...]:
    """By depth, what makes the one wrapper around `send`: it edits heads, and notes the status."""
    return tuple(_sender(plan, depth) for depth in range(len(plan.unwinds)))


def _sender(plan: Plan, depth: int) -> Callable[[ASGIExchange, Send], Send]:
    unwind, noting = plan.unwinds[depth], bool(plan.completes[-1])
    defaults, unedited = unwind.defaults, not unwind
    watch = None if unwind.looked_at is None else Watch(unwind.looked_at)
    unwatched = frozenset[bytes]() if watch is None else watch.unwatched

    def wrapping(exchange: ASGIExchange, send: Send) -> Send:
        replaced = False

        # A plain function that returns the inner awaitable costs half of an `async def`.
        def out(message: Message) -> Awaitable[None]:
            nonlocal replaced
            kind = message["type"]
            if kind == "http.response.start":
                exchange.started = True
                if noting:
                    exchange.outcome.status = message["status"]
                if unedited:
                    return send(message)
                headers = [*(message.get("headers") or ())]
                if watch is not None:
                    for line in headers:
                        if line[0] not in unwatched and watch(line[0]):
                            break
                    else:
                        headers += defaults
                        return send({**message, "headers": headers})
                sending = _edited(plan, depth, exchange, send, message, headers)
            elif kind == "http.response.body" and not replaced:
                return send(message)
            else:
                sending = _other(plan, depth, exchange, send, message)
            replaced = exchange.replaced
            return sending

        return out

    return wrapping


def _edited(
    plan: Plan,
    depth: int,
    exchange: ASGIExchange,
    send: Send,
    message: Message,
    headers: list[Header],
) -> Awaitable[None]:
    head = Head(message["status"], headers)
    exchange.replaced = not edit(plan, depth, exchange, head)
    if plan.completes[-1]:
        exchange.outcome.status = head.status
    if exchange.replaced:
        prefix = message["type"].removesuffix(".start")
        return _send_response(send, head, refusal_body(exchange, FAILED), prefix)
    return send({**message, "status": head.status, "headers": head.headers})


def _other(
    plan: Plan, depth: int, exchange: ASGIExchange, send: Send, message: Message
) -> Awaitable[None]:
    """Messages that most responses do not have."""
    if exchange.replaced:
        return _drop(message)
    kind = message["type"]
    if kind == "websocket.http.response.start":
        headers = [*(message.get("headers") or ())]
        return _edited(plan, depth, exchange, send, message, headers)
    if kind == "websocket.accept":
        exchange.outcome.status = 101
        if message.get("headers"):
            message = _accept(exchange, plan, depth, message)
            exchange.replaced = message["type"] != kind
    elif kind == "websocket.close":
        exchange.outcome.status = exchange.outcome.status or 403
        exchange.outcome.close_code = message.get("code", 1000)
    return send(message)


def _accept(exchange: ASGIExchange, plan: Plan, depth: int, message: Message) -> Message:
    """Let the cookies of an accepted handshake pass the layers outside; nothing else of it is a
    response. Where a layer fails, the handshake is refused instead."""
    lines = list(message["headers"])
    cookies = [line for line in lines if line[0].lower() == b"set-cookie"]
    if not cookies:
        return message
    head = Head(101, cookies)
    if not edit(plan, depth, exchange, head):
        exchange.outcome.status, exchange.outcome.close_code = 403, 1011
        return {"type": "websocket.close", "code": 1011, "reason": ""}
    others = [line for line in lines if line[0].lower() != b"set-cookie"]
    kept = [line for line in head.headers if line[0].lower() == b"set-cookie"]
    return {**message, "headers": others + kept}


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
    exchange: ASGIExchange, response: Response, scope: Scope, receive: Receive, out: Send
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


async def answer_error(exchange: ASGIExchange, out: Send) -> None:
    """Our 500, through the layers, for an app that raised before its response started."""
    head = Head(FAILED.status, list(FAILED.headers))
    try:
        await _send_response(out, head, refusal_body(exchange, FAILED), "http.response")
    except OSError:
        return  # the client is gone; what the app raised goes on all the same
