"""The way out under ASGI: the one wrapper around `send`, and answers instead of the app's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from ._asgi_head import Head
from ._asgi_request import ASGIExchange, Message, Receive, Scope, Send
from ._exchange import ClientDisconnected, Outcome
from ._failure import FAILED, refusal_body
from ._plan import Plan
from ._unwind import editor
from ._watch import Watch
from .problem import Response

ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Out: TypeAlias = Callable[[ASGIExchange, Message], Awaitable[None]]


class ResponseReplaced(OSError):
    """Raised into an app that streams a response which a failing layer has replaced: nobody
    listens any more, which ASGI tells an app by an OSError."""


def senders(plan: Plan) -> tuple[Out, ...]:
    """By depth, what stands around `send`: it edits heads, and notes the status.

    The adapter binds it to an exchange, as a method: that costs half of what a closure does.
    """
    return tuple(_sender(plan, depth) for depth in range(len(plan.unwinds)))


def _sender(plan: Plan, depth: int) -> Out:
    unwind, noting = plan.unwinds[depth], plan.completes[-1] is not None
    other = partial(_other, plan, depth)
    if not unwind:
        return _noting(other)
    if unwind.looked_at is None:
        return _editing(plan, depth, other, noting)
    return _appending(plan, depth, other, noting)


# They are plain functions that return the inner awaitable, which costs half of an `async def`.


def _noting(other: Out) -> Out:
    """No layer edits, some hear of the end."""

    def out(exchange: ASGIExchange, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.start":
            exchange.started = True
            exchange.outcome.status = message["status"]
        elif kind != "http.response.body":
            return other(exchange, message)
        send = exchange.send
        return send(message)

    return out


def _editing(plan: Plan, depth: int, other: Out, noting: bool) -> Out:
    """Some layer sees every response."""
    edit, new = editor(plan, depth), object.__new__

    def out(exchange: ASGIExchange, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.body":
            send = exchange.send
            return send(message)
        if kind != "http.response.start":
            return other(exchange, message)
        exchange.started = True
        head = new(Head)  # without a call of its own
        head.status = message["status"]
        head.headers = [*(message.get("headers") or ())]
        if not edit(exchange, head):
            return _replace(plan, exchange, head, "http.response")
        if noting:
            exchange.outcome.status = head.status
        send = exchange.send
        return send({**message, "status": head.status, "headers": head.headers})

    return out


def _appending(plan: Plan, depth: int, other: Out, noting: bool) -> Out:
    """What is appended to most responses is known; some layer may look at a few of them."""
    unwind = plan.unwinds[depth]
    defaults, adding = unwind.defaults, unwind.adding
    if adding and not (unwind.looked_at or defaults or noting):
        return _adding(other)
    watch = Watch(unwind.looked_at or frozenset())
    watching, unwatched = bool(unwind.looked_at), watch.unwatched
    edited = _editing(plan, depth, other, noting)

    def out(exchange: ASGIExchange, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.body":
            send = exchange.send
            return send(message)
        if kind != "http.response.start":
            return other(exchange, message)
        exchange.started = True
        try:
            headers = [*(message["headers"] or ())]
        except KeyError:  # apps need not send any
            headers = []
        if watching:
            for line in headers:
                if line[0] not in unwatched and watch(line[0]):
                    return edited(exchange, {**message, "headers": headers})
        if defaults:
            headers += defaults
        if adding:
            additions = exchange.additions
            if len(additions) == 1:
                headers += additions[0].lines
            else:
                for addition in reversed(additions):
                    headers += addition.lines
        if noting:
            exchange.outcome.status = message["status"]
        message = {**message}
        message["headers"] = headers
        send = exchange.send
        return send(message)

    return out


def _adding(other: Out) -> Out:
    """What layers left with the exchange is appended, and no more."""

    def out(exchange: ASGIExchange, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.start":
            exchange.started = True
            message = {**message}
            additions = exchange.additions
            try:
                lines = message["headers"] or ()
            except KeyError:  # apps need not send any
                lines = ()
            if len(additions) == 1:
                message["headers"] = [*lines, *additions[0].lines]
            else:
                message["headers"] = headers = [*lines]
                for addition in reversed(additions):
                    headers += addition.lines
        elif kind != "http.response.body":
            return other(exchange, message)
        send = exchange.send
        return send(message)

    return out


def _replace(plan: Plan, exchange: ASGIExchange, head: Head, prefix: str) -> Awaitable[None]:
    """Send the 500 of a layer that failed on the head; the rest of the app's is dropped."""
    send, exchange.send = exchange.send, _drop
    exchange.replaced = True
    if plan.completes[-1] is not None:
        exchange.outcome.status = head.status
    return _send_response(send, head, refusal_body(exchange, FAILED), prefix)


def _other(plan: Plan, depth: int, exchange: ASGIExchange, message: Message) -> Awaitable[None]:
    """Messages that most responses do not have."""
    if exchange.replaced:
        return _drop(message)
    send, kind = exchange.send, message["type"]
    if kind == "websocket.http.response.start":
        head = Head(message["status"], [*(message.get("headers") or ())])
        if not editor(plan, depth)(exchange, head):
            return _replace(plan, exchange, head, "websocket.http.response")
        exchange.outcome.status = head.status
        return send({**message, "status": head.status, "headers": head.headers})
    if kind == "websocket.accept":
        exchange.outcome.status = 101
        if message.get("headers"):
            message = _accept(exchange, plan, depth, message)
            if message["type"] != kind:
                exchange.replaced, exchange.send = True, _drop
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
    if not editor(plan, depth)(exchange, head):
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


def forget_answered(outcome: Outcome) -> None:
    """The app returned: what a stack inside it raised was answered between the two."""
    if outcome.error.__class__ is not ClientDisconnected:
        outcome.error = None


async def answer_for_app(exchange: ASGIExchange, out: Send, error: BaseException) -> None:
    """Our 500, through the layers, for an app that raised before its response started."""
    if exchange.started or not isinstance(error, Exception):
        return
    head = Head(FAILED.status, list(FAILED.headers))
    try:
        await _send_response(out, head, refusal_body(exchange, FAILED), "http.response")
    except OSError:
        return  # the client is gone; what the app raised goes on all the same
