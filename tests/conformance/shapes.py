"""The same small layers as a full stack, a lone layer, and nested by hand."""

from __future__ import annotations

import asyncio

from core_support import Script, Scripted
from ringwall import Stack
from ringwall.testing import Request

ADDED = {b"x-constant": [b"1"], b"x-dynamic": [b"decorated"]}
SHAPES = ["stack", "lone", "nested"]


def layers(shape):
    decorating = Script(
        constant=((b"x-constant", b"1"),), response=(("add", b"x-dynamic"),), complete="io"
    )
    if shape == "lone":
        return [Scripted("decorated", decorating)]
    return [
        Scripted("observer", Script(observes=True, tolerant=True)),
        Scripted("decorated", decorating),
        Scripted("io", Script("io", response=(("setdefault", b"content-type"),))),
        Scripted("principal", Script("authenticate", by_path=True)),
    ]


def around(shape, interface, app, made=None, *, answer_errors=True):
    made = layers(shape) if made is None else made
    if shape == "stack":
        return getattr(Stack(*made, answer_errors=answer_errors), interface)(app)
    for layer in reversed(made):
        app = getattr(Stack(layer, answer_errors=answer_errors), interface)(app)
    return app


def refusing(shape):
    """Layers of which the innermost refuses everything."""
    inner = Scripted("refusal", Script("refuse"))
    return [inner] if shape == "lone" else [*layers("stack"), inner]


def call(app, scope=None, messages=None, send=None):
    """Run an ASGI app; returns what it sent."""
    sent = []
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]
    waiting = waiting if messages is None else list(messages)

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def collect(message):
        sent.append(message)

    asyncio.run(app(Request().scope() if scope is None else scope, receive, send or collect))
    return sent


START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/a")]}
END = {"type": "http.response.body", "body": b"end"}


def lines(headers):
    found = {}
    for name, value in headers:
        name = name.lower()
        found.setdefault(name, []).append(value)
    return found
