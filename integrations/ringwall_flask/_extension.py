"""The extension: the stack around the app, and refusals from inside of it."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.utils import import_string

import ringwall
from ringwall import ConfigurationError, Stack
from ringwall.handlers import Refused
from ringwall.problem import problem


class Ringwall:
    """Puts a stack around an app.

    Parameters:
        app: the app; None: call `init_app` later.
        stack: the layers; None: `RINGWALL_STACK` of the app's configuration.

    Configuration of the app:
        RINGWALL_STACK: a Stack, or where one is: "mysite.security:stack".
        RINGWALL_PROBLEMS: True: what Flask itself refuses (404, 405, 413, ...) is answered with a
            problem document, too. Default: False.

    Raises:
        ConfigurationError: there is no stack, a layer in it cannot serve WSGI, or the app has one
            already.

    >>> from ringwall import RateLimit
    >>> app = Flask("orders")
    >>> extension = Ringwall(app, Stack(RateLimit("100/15 minutes")))
    """

    def __init__(self, app: Flask | None = None, stack: Stack | str | None = None) -> None:
        self._stack = stack
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, stack: Stack | str | None = None) -> None:
        """Put the stack around an app: from here, the constructor, or the app's configuration."""
        found = stack or self._stack or app.config.get("RINGWALL_STACK")
        if found is None:
            raise ConfigurationError(
                "there is no stack: write Ringwall(app, stack), or set"
                " app.config['RINGWALL_STACK'] = 'mysite.security:stack'"
            )
        if "ringwall" in app.extensions:
            raise ConfigurationError("this app has a stack already; join both into one Stack(...)")
        loaded = _load(found)
        app.wsgi_app = loaded.wsgi(app.wsgi_app)  # type: ignore[method-assign,assignment]
        app.extensions["ringwall"] = loaded
        app.register_error_handler(Refused, _refuse)
        if app.config.get("RINGWALL_PROBLEMS", False):
            app.register_error_handler(HTTPException, _tell)


def _load(found: Any) -> Stack:
    if isinstance(found, str):
        try:
            found = import_string(found)
        except ImportError as error:
            raise ConfigurationError(f"RINGWALL_STACK: {str(error).splitlines()[0]}") from error
    if not isinstance(found, Stack):
        raise ConfigurationError(f"{type(found).__name__!r} is no ringwall.Stack(...)")
    return found


def response_of(refusal: ringwall.Response) -> Response:
    """A refusal, as the framework sends it."""
    answer = Response(refusal.body, refusal.status)
    answer.headers.clear()
    for name, value in refusal.headers:
        answer.headers.add(name.decode("ascii"), value.decode("latin-1"))
    return answer


def _refuse(error: Refused) -> Response:
    return response_of(error.response)


def _tell(error: HTTPException) -> Any:
    """Flask's own refusals. A response that a handler gave to abort() stays."""
    if error.response is not None:
        return error
    lines = [
        (name.lower().encode("ascii"), str(value).encode("latin-1"))
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length")
    ]
    detail = type(error).description or "The request was refused."
    return response_of(problem(error.code or 500, detail, code=_code(error), headers=lines))


def _code(error: HTTPException) -> str:
    return error.name.lower().replace(" ", "-")
