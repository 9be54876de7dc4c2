"""The stack around the app, and refusals from inside of it."""

from __future__ import annotations

from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response as StarletteResponse
from starlette.websockets import WebSocket

from ringwall import ConfigurationError, Response, Stack
from ringwall.handlers import Refused

App = TypeVar("App", bound=Starlette)


def secure(app: App, stack: Stack) -> App:
    """Put a stack around an app, and answer refusals from its endpoints with problems.

    Call it last: what `add_middleware` adds afterwards stands outside the stack.

    Parameters:
        app: the app; it is changed.
        stack: the layers.

    Returns:
        The app.

    Raises:
        ConfigurationError: what is given is no stack, a layer in it cannot serve ASGI, or the app
            has a stack already.
    """
    if not isinstance(stack, Stack):
        raise ConfigurationError("secure(app, stack) takes a ringwall.Stack(...)")
    if getattr(app.state, "ringwall", None) is not None:
        raise ConfigurationError("this app has a stack already; join both into one Stack(...)")
    stack.asgi(app)  # tells now what cannot work, not at the first request
    app.state.ringwall = stack
    app.add_middleware(stack.asgi)
    app.add_exception_handler(Refused, handle_refusal)  # type: ignore[arg-type]  # for both kinds
    return app


def problem_response(response: Response) -> StarletteResponse:
    """A refusal, as the framework sends it."""
    answer = StarletteResponse(response.body, response.status)
    answer.raw_headers = list(response.headers)
    return answer


async def handle_refusal(connection: HTTPConnection, error: Exception) -> StarletteResponse | None:
    """The exception handler for `Refused`: the problem. A websocket that was not accepted yet is
    denied with it where the server can send one, else closed."""
    if not isinstance(error, Refused):
        raise error
    answer = problem_response(error.response)
    if not isinstance(connection, WebSocket):
        return answer
    if "websocket.http.response" in connection.scope.get("extensions", {}):
        await connection.send_denial_response(answer)
    else:
        await connection.close(1008)
    return None
