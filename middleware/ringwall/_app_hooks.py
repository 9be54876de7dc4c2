"""Frameworks that leave no route in the scope or environ tell it through hooks of their own.

They are recognised by name, so that none is imported that is not there already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from .context import exchange_of


def watch_routes(app: Any) -> None:
    """Have an app tell which of its routes matched, if it is of a framework that needs asking.

    Parameters:
        app: what a stack is put around: an app, or its method `wsgi_app` or `asgi_app`.
    """
    while hasattr(app, "__ringwall__"):
        app = app.app
    app = getattr(app, "__self__", app)
    for base in type(app).__mro__:
        hook = _HOOKS.get((base.__module__.partition(".")[0], base.__name__))
        if hook is not None:
            hook(app)
            return


def _tell(request: Any, template: Any) -> None:
    exchange = exchange_of(request)
    if exchange is not None and isinstance(template, str):
        exchange.name_route(template if template.startswith("/") else f"/{template}")


def _flask(app: Any) -> None:
    import_module("flask").request_started.connect(_flask_matched, app)


def _flask_matched(app: Any, **more: Any) -> None:
    request = sys.modules["flask"].request
    if request.url_rule is not None:
        _tell(request.environ, request.url_rule.rule)


def _quart(app: Any) -> None:
    quart = import_module("quart")
    quart.request_started.connect(_quart_matched, app)
    quart.websocket_started.connect(_quart_websocket_matched, app)


# Coroutines: Quart runs plain functions in a thread.
async def _quart_matched(app: Any, **more: Any) -> None:
    request = sys.modules["quart"].request
    if request.url_rule is not None:
        _tell(request.scope, request.url_rule.rule)


async def _quart_websocket_matched(app: Any, **more: Any) -> None:
    websocket = sys.modules["quart"].websocket
    if websocket.url_rule is not None:
        _tell(websocket.scope, websocket.url_rule.rule)


def _pyramid(app: Any) -> None:
    matched = import_module("pyramid.interfaces").IBeforeTraversal
    app.registry.registerHandler(_pyramid_matched, (matched,))


def _pyramid_matched(event: Any) -> None:
    route = event.request.matched_route
    if route is not None:
        _tell(event.request.environ, route.pattern)


def _falcon(app: Any) -> None:
    app.add_middleware(_FalconRoutes())


class _FalconRoutes:
    def process_resource(self, request: Any, response: Any, resource: Any, params: Any) -> None:
        _tell(request, request.uri_template)

    async def process_resource_async(
        self, request: Any, response: Any, resource: Any, params: Any
    ) -> None:
        _tell(request, request.uri_template)

    async def process_resource_ws(
        self, request: Any, websocket: Any, resource: Any, params: Any
    ) -> None:
        _tell(request, request.uri_template)


def _django(app: Any) -> None:
    """Django has no signal between its resolver and the view, and a middleware is a setting: the
    handler's own method is followed by ours, on this one handler."""
    resolve = app.resolve_request
    if getattr(resolve, "__ringwall_told__", False):
        return

    def resolve_request(request: Any) -> Any:
        match = resolve(request)
        _tell(request, getattr(match, "route", None))
        return match

    resolve_request.__ringwall_told__ = True  # type: ignore[attr-defined]
    app.resolve_request = resolve_request


_HOOKS: dict[tuple[str, str], Callable[[Any], None]] = {
    ("flask", "Flask"): _flask,
    ("quart", "Quart"): _quart,
    ("falcon", "App"): _falcon,
    ("django", "BaseHandler"): _django,
    ("pyramid", "Router"): _pyramid,
}
