"""The entry points, walled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from django.core.asgi import get_asgi_application as _asgi
from django.core.wsgi import get_wsgi_application as _wsgi

from ._settings import load_stack


def get_wsgi_application() -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """Django's WSGI application behind the stack of the setting `RINGWALL`.

    Raises:
        ConfigurationError: there is no stack, or a layer in it cannot serve WSGI.
    """
    application: Any = _wsgi()  # it sets Django up, which the stack may need
    return load_stack().wsgi(application)


def get_asgi_application() -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Django's ASGI application behind the stack of the setting `RINGWALL`.

    Raises:
        ConfigurationError: there is no stack, or a layer in it cannot serve ASGI.
    """
    application: Any = _asgi()
    return load_stack().asgi(application)
