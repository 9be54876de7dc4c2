"""The stack around the app: problems for every refusal, and an OpenAPI document that tells them."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError

import ringwall_starlette
from ringwall import Stack
from ringwall.openapi_security import secure_document

from ._invalid import handler_of_invalid

App = TypeVar("App", bound=FastAPI)


def secure(app: App, stack: Stack) -> App:
    """Put a stack around an app, answer refusals of its dependencies with problems, and write the
    stack's security schemes and refusals into its OpenAPI document.

    What FastAPI itself finds wrong with a request is answered with a problem, too, unless the app
    has a handler of its own for `RequestValidationError`; FastAPI's would repeat the input.

    Call it last: what `add_middleware` adds afterwards stands outside the stack.

    Parameters:
        app: the app; it is changed.
        stack: the layers.

    Returns:
        The app.

    Raises:
        ConfigurationError: what is given is no stack, a layer in it cannot serve ASGI, or the app
            has a stack already.

    >>> from ringwall import RateLimit
    >>> app = secure(FastAPI(), Stack(RateLimit("100/15 minutes")))
    """
    ringwall_starlette.secure(app, stack)
    handlers = app.exception_handlers
    own = handlers.get(RequestValidationError, request_validation_exception_handler)
    if own is request_validation_exception_handler:
        app.add_exception_handler(RequestValidationError, handler_of_invalid(app))
        _describe(app, stack, stale=("HTTPValidationError", "ValidationError"))
    else:
        _describe(app, stack, stale=())
    return app


def _describe(app: FastAPI, stack: Stack, stale: tuple[str, ...]) -> None:
    plain = app.openapi
    secured: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not secured or secured[0] is not app.openapi_schema:
            secured[:] = [secure_document(plain(), stack, stale=stale)]
            app.openapi_schema = secured[0]
        return secured[0]

    app.openapi = openapi  # type: ignore[method-assign]
