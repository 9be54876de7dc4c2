"""The answer that accepts a websocket carries cookies, too: they leave as those of a response."""

from __future__ import annotations

import pytest

from core_support import Script, Scripted
from https_support import call_asgi
from ringwall import HTTPS, SecurityHeaders, Stack

SECURE = {"type": "websocket", "scheme": "wss", "method": None}


class Accepting:
    """Accepts with these headers, says hello, and notes what it was told about the sending."""

    def __init__(self, *headers, key=True):
        self.message = {"type": "websocket.accept", "subprotocol": "chat"}
        if key:
            self.message["headers"] = list(headers)

    async def __call__(self, scope, receive, send):
        await send(self.message)
        await send({"type": "websocket.send", "text": "hello"})


def accepted(stack, app):
    """The messages that the server got."""
    sent = []

    async def walled(scope, receive, send):
        async def noting(message):
            sent.append(message)
            await send(message)

        await stack.asgi(app)(scope, receive, noting)

    call_asgi(walled, **SECURE)
    return sent


def test_its_cookies_are_completed_and_nothing_else_changes():
    app = Accepting((b"x-a", b"1"), (b"Set-Cookie", b"id=7"), (b"server", b"Acme"), (b"x-b", b"2"))
    first, hello = accepted(
        Stack(SecurityHeaders("browser"), HTTPS(hosts=["api.example.com"])), app
    )
    assert first == {
        "type": "websocket.accept",
        "subprotocol": "chat",
        "headers": [
            (b"x-a", b"1"),
            (b"server", b"Acme"),
            (b"x-b", b"2"),
            (b"Set-Cookie", b"id=7; Secure; HttpOnly; SameSite=Lax"),
        ],
    }
    assert hello == {"type": "websocket.send", "text": "hello"}
    assert app.message["headers"][1] == (b"Set-Cookie", b"id=7")  # the app's own is left alone


def test_a_cookie_that_must_not_leave_does_not():
    app = Accepting((b"set-cookie", b"=__Host-id=1"), (b"set-cookie", b"__Host-b=2"))
    [first, _] = accepted(Stack(SecurityHeaders()), app)
    assert first["headers"] == [
        (b"set-cookie", b"__Host-b=2; Path=/; Secure; HttpOnly; SameSite=Lax")
    ]


@pytest.mark.parametrize(
    "app", [Accepting(key=False), Accepting(), Accepting((b"x-a", b"1"))], ids=["no", "[]", "other"]
)
def test_without_cookies_the_message_is_the_app_s_own(app):
    sent = accepted(Stack(SecurityHeaders(), HTTPS(hosts=["api.example.com"])), app)
    assert sent[0] is app.message


def test_fused_is_nested():
    layers = (SecurityHeaders("browser"), HTTPS(hosts=["api.example.com"], exempt=["/x"]))
    app = Accepting((b"set-cookie", b"=x"), (b"set-cookie", b"a=1"), (b"server", b"Acme"))
    fused = accepted(Stack(*layers), app)
    nested = accepted(Stack(layers[0]), layers[1].asgi(app))
    assert fused == nested


def test_where_a_layer_fails_the_handshake_is_refused_and_nothing_follows():
    class Failing(Scripted):
        def on_response(self, exchange, head):
            raise RuntimeError("a bug")

    outcomes = []

    class Watching(Scripted):
        def on_complete(self, exchange, outcome):
            judged = {decision.outcome for decision in exchange.decisions}
            outcomes.append((outcome.status, outcome.close_code, "error" in judged))

    stack = Stack(Watching("watching", Script()), Failing("failing", Script()))
    sent = accepted(stack, Accepting((b"set-cookie", b"a=1")))
    assert sent == [{"type": "websocket.close", "code": 1011, "reason": ""}]
    assert outcomes == [(403, 1011, True)]
