"""The plugin: the stack around the app, refusals from inside of it, and who asks."""

from __future__ import annotations

from copy import copy
from typing import Any

from litestar import Litestar, Request, Response
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers.base import BaseRouteHandler
from litestar.plugins import InitPlugin

from ringwall import ConfigurationError, Principal, Stack
from ringwall.handlers import Refused, Requirement, walled_exchange

from ._document import describe
from ._guards import HEADERS

_AUTHENTICATED = Requirement()


class RingwallPlugin(InitPlugin):
    """Handlers may take `principal: Principal`; their refusals are answered with problems; the
    OpenAPI document tells the stack's security schemes, and of each operation what it asks for and
    which problems it answers with.

    A plugin cannot put anything around the app itself: `around` does. Until it has, every handler
    refuses to serve.

    Parameters:
        stack: the layers.

    Raises:
        ConfigurationError: it is no stack.
    """

    def __init__(self, stack: Stack) -> None:
        if not isinstance(stack, Stack):
            raise ConfigurationError("RingwallPlugin(stack) takes a ringwall.Stack(...)")
        self._stack = stack

    def around(self, app: Litestar) -> Litestar:
        """Put the stack around an app that has this plugin; returns the app, changed.

        Raises:
            ConfigurationError: the app lacks this plugin, or has a stack already; or a layer cannot
                serve ASGI.
        """
        if not any(plugin is self for plugin in app.plugins):
            raise ConfigurationError("write Litestar(..., plugins=[wall]) and wall.around(app)")
        if hasattr(app.asgi_handler, "__ringwall__"):
            raise ConfigurationError("this app has a stack already; join both into one Stack(...)")
        handler: Any = self._stack.asgi(_adding_headers(app.asgi_handler))
        app.asgi_handler = handler
        if app.openapi_config is not None:
            describe(app, app.openapi_config, self._stack, PRINCIPAL)
        return app

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Called by Litestar."""
        # Litestar keeps the lifespan protocol from what stands around its handlers.
        app_config.on_shutdown = [*app_config.on_shutdown, self._stack.on_shutdown]
        app_config.guards = [_must_be_walled, *app_config.guards]
        handlers: Any = {Refused: _refuse}
        app_config.exception_handlers = {**handlers, **app_config.exception_handlers}
        app_config.dependencies = {"principal": PRINCIPAL, **app_config.dependencies}
        # A copy: the default one serves every app of the process.
        app_config.openapi_config = copy(app_config.openapi_config)
        return app_config


async def _must_be_walled(
    connection: ASGIConnection[Any, Any, Any, Any], route_handler: BaseRouteHandler
) -> None:
    walled_exchange(connection)


async def _principal(request: Request[Any, Any, Any]) -> Principal:
    refusal = await _AUTHENTICATED.acheck(request)
    if refusal is not None:
        raise Refused(refusal)
    principal: Any = walled_exchange(request).principal
    return principal  # type: ignore[no-any-return]


#: Who asks; nobody is refused with 401.
PRINCIPAL = Provide(_principal)


def _refuse(request: Request[Any, Any, Any], error: Refused) -> Response[bytes]:
    refusal = error.response
    lines = {name.decode("ascii"): value.decode("latin-1") for name, value in refusal.headers}
    media_type = lines.pop("content-type", "application/octet-stream")
    lines.pop("content-length", None)
    return Response(refusal.body, status_code=refusal.status, headers=lines, media_type=media_type)


def _adding_headers(handler: Any) -> Any:
    """Litestar's handler, with the lines that guards left for the response."""

    async def adding(scope: Any, receive: Any, send: Any) -> None:
        async def out(message: Any) -> None:
            if message["type"] == "http.response.start":
                lines = walled_exchange(scope).state.get(HEADERS, ())
                message = {**message, "headers": [*message.get("headers", ()), *lines]}
            await send(message)

        await handler(scope, receive, out)

    return adding
