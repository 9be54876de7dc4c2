"""The stack around the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import falcon
import falcon.asgi

from ringwall import ConfigurationError, Stack
from ringwall.handlers import walled_exchange


def secure(
    app: falcon.App[Any, Any] | falcon.asgi.App[Any, Any], stack: Stack
) -> Callable[..., Any]:
    """Put a stack around an app.

    Parameters:
        app: a `falcon.App` or `falcon.asgi.App`.
        stack: the layers.

    Returns:
        The walled app, for the server and for `falcon.testing.TestClient`.

    Raises:
        ConfigurationError: one of both is something else, or a layer cannot serve the interface.
    """
    if not isinstance(stack, Stack):
        raise ConfigurationError("secure(app, stack) takes a ringwall.Stack(...)")
    inner: Any = app  # its interface is typed more narrowly than the specifications
    if isinstance(app, falcon.asgi.App):
        return stack.asgi(inner)
    if isinstance(app, falcon.App):
        return stack.wsgi(inner)
    raise ConfigurationError("secure(app, stack) takes a falcon.App or falcon.asgi.App")


class PrincipalMiddleware:
    """`request.context.principal` is the principal, or None:
    `falcon.App(middleware=[PrincipalMiddleware()])`. Without a stack around the app nothing is
    served.
    """

    def process_request(self, request: Any, response: Any) -> None:
        """Called by Falcon on WSGI."""
        request.context.principal = walled_exchange(request).principal

    async def process_request_async(self, request: Any, response: Any) -> None:
        """Called by Falcon on ASGI."""
        self.process_request(request, response)
