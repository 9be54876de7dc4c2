"""System checks: what would leave the wall out, or contradict it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.http.request import validate_host
from django.utils.module_loading import import_string

from ringwall import ConfigurationError, Stack
from ringwall.description import hosts_of, layers_of

from ._settings import load_stack, load_user

MIDDLEWARE = "ringwall_django.RingwallMiddleware"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


@checks.register(checks.Tags.security)
def check_ringwall(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
    """Every check; `manage.py check` and `runserver` run them."""
    try:
        stack = load_stack()
        load_user()
    except ConfigurationError as error:
        return [checks.Error(str(error), id="ringwall.E001")]
    return [*_entrances(), *_order(), *_hosts(stack), *_doubles(stack)]


def _entrances() -> Iterator[checks.CheckMessage]:
    for setting in ("WSGI_APPLICATION", "ASGI_APPLICATION"):
        path = getattr(settings, setting, None)
        if path is None:
            continue
        try:
            application = import_string(path)
        except ImportError:
            continue  # Django tells that itself
        if not hasattr(application, "__ringwall__"):
            name = f"get_{setting[:4].lower()}_application"
            yield checks.Error(
                f"{setting} leads past the wall: {path} is Django's own application.",
                hint=f"from ringwall_django import {name}; application = {name}()",
                id="ringwall.E002",
            )


def _order() -> Iterator[checks.CheckMessage]:
    names = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in names:
        yield checks.Error(
            "RingwallMiddleware is missing: request.user is not who the wall let in.",
            hint=f"add {MIDDLEWARE!r} to MIDDLEWARE",
            id="ringwall.E003",
        )
    elif _AUTHENTICATION in names[names.index(MIDDLEWARE) :]:
        yield checks.Error(
            "AuthenticationMiddleware would replace the user that the wall let in.",
            hint=f"put {MIDDLEWARE!r} after it",
            id="ringwall.E004",
        )


def _hosts(stack: Stack) -> Iterator[checks.CheckMessage]:
    allowed = settings.ALLOWED_HOSTS
    if settings.DEBUG and not allowed:
        allowed = [".localhost", "127.0.0.1", "[::1]"]
    missing = [
        host
        for host in sorted(hosts_of(stack))
        if not validate_host(host.replace("*.", "any."), allowed)
    ]
    if missing:
        yield checks.Warning(
            f"The wall lets in hosts that ALLOWED_HOSTS does not have: {', '.join(missing)}.",
            hint="Django answers them with 400; name the same hosts in both",
            id="ringwall.W005",
        )


def _doubles(stack: Stack) -> Iterator[checks.CheckMessage]:
    header = getattr(settings, "SECURE_PROXY_SSL_HEADER", None)
    if header is not None:
        yield checks.Error(
            f"SECURE_PROXY_SSL_HEADER lets {header[0]} say what the scheme is, whoever sent it.",
            hint="remove it, and name your proxy: Stack(..., proxies=TrustedProxies([...]))",
            id="ringwall.E006",
        )
    if settings.USE_X_FORWARDED_HOST:
        yield checks.Error(
            "USE_X_FORWARDED_HOST lets any client say what the host is.",
            hint="remove it, and name your proxy: Stack(..., proxies=TrustedProxies([...]))",
            id="ringwall.E007",
        )
    if layers_of(stack, "https"):
        for name in ("SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS"):
            if getattr(settings, name, None):
                yield checks.Warning(
                    f"{name} does again what the HTTPS layer does; its own value wins inside.",
                    hint="remove it",
                    id="ringwall.W008",
                )
