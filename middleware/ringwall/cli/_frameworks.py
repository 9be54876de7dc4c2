"""The routes of an app, read from its framework. Frameworks are told by name, never imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from .._app_route import flat
from .._errors import ConfigurationError
from .._template import INT, STR, UUID_KIND, Kind

TAIL = "\0tail"  # everything below
_KINDS: dict[str, str | Kind] = {"int": INT, "uuid": UUID_KIND, "path": TAIL}
# A literal, a parameter, or one with literal text around it, by way of an example.
Segment: TypeAlias = "str | Kind | Mixed"


class Mixed(NamedTuple):
    """A segment that is partly a parameter, such as `v{n}`."""

    example: str


class Route(NamedTuple):
    """method: "ANY" where the app does not say. segments: None where they cannot be told."""

    method: str
    path: str
    segments: tuple[Segment, ...] | None


_BRACES = re.compile(r"\{(?P<name>[^{}:]*)(?::(?P<kind>[^{}]*))?\}")
_ANGLES = re.compile(r"<(?:(?P<kind>[^<>:]+):)?(?P<name>[^<>:]+)>")


def _parse(path: str, placeholder: re.Pattern[str]) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    for part in path.split("/")[1:]:
        whole = placeholder.fullmatch(part)
        if whole is None:
            example = placeholder.sub("x", part)
            segments.append(part if example == part else Mixed(example))
            continue
        kind = re.split(r"[^a-z]", (whole["kind"] or "").lower())[0]
        segments.append(_KINDS.get(kind, STR))
        if kind == "path":
            break
    return tuple(segments)


def _routes(
    methods: Iterable[str] | None, path: str, placeholder: re.Pattern[str]
) -> Iterator[Route]:
    path = path if path.startswith("/") else f"/{path}"
    named = sorted(methods or ("ANY",))
    for method in named:
        if method != "HEAD" or "GET" not in named:  # HEAD follows GET
            yield Route(method, path, _parse(path, placeholder))


def _starlette(app: Any) -> Iterator[Route]:
    yield from _starlette_routes(app.routes, "")


def _starlette_routes(routes: Iterable[Any], prefix: str) -> Iterator[Route]:
    for route in flat(routes):
        if hasattr(route, "routes"):
            path = prefix + getattr(route, "path", "")
            if route.routes:
                yield from _starlette_routes(route.routes, path)
            else:  # another app: static files, say
                yield from _routes(None, f"{path}/{{path:path}}", _BRACES)
        elif hasattr(route, "path"):
            websocket = any("WebSocket" in base.__name__ for base in type(route).__mro__)
            methods = ("WEBSOCKET",) if websocket else getattr(route, "methods", None)
            yield from _routes(methods, prefix + route.path, _BRACES)
        else:
            yield Route("ANY", f"{prefix} ({type(route).__name__})", None)


def _werkzeug(app: Any) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        methods = set(rule.methods or ())
        if rule.provide_automatic_options:
            methods.discard("OPTIONS")
        if getattr(rule, "websocket", False):
            methods = {"WEBSOCKET"}
        yield from _routes(methods, rule.rule, _ANGLES)


def _django(app: Any) -> Iterator[Route]:
    resolver = import_module("django.urls").get_resolver()
    yield from _django_patterns(resolver.url_patterns, "/")


def _django_patterns(patterns: Iterable[Any], prefix: str | None) -> Iterator[Route]:
    for pattern in patterns:
        # Only path(...) has a route that tells what it matches; a regex does not.
        part = getattr(pattern.pattern, "_route", None)
        path = None if part is None or prefix is None else prefix + part
        if hasattr(pattern, "url_patterns"):
            yield from _django_patterns(pattern.url_patterns, path)
        elif path is None:
            yield Route("ANY", f"{prefix or ''}{pattern.pattern}", None)
        else:
            view = getattr(pattern.callback, "view_class", None)
            names = () if view is None else view.http_method_names
            methods = {name.upper() for name in names if hasattr(view, name)} - {"OPTIONS"}
            yield from _routes(methods, path, _ANGLES)


def _litestar(app: Any) -> Iterator[Route]:
    for route in app.routes:
        kind = type(route).__name__
        if kind == "HTTPRoute":
            yield from _routes(set(route.methods) - {"OPTIONS"}, route.path, _BRACES)
        elif kind == "WebSocketRoute":
            yield from _routes(("WEBSOCKET",), route.path, _BRACES)
        else:
            yield from _routes(None, route.path.rstrip("/") + "/{path:path}", _BRACES)


def _falcon(app: Any) -> Iterator[Route]:
    nodes = list(app._router._roots)
    while nodes:
        node = nodes.pop(0)
        nodes[:0] = node.children
        if node.resource is not None:
            methods = {name for name, responder in node.method_map.items() if _is_own(responder)}
            yield from _routes(methods, node.uri_template, _BRACES)
    for pattern, *_ in app._sinks:
        yield Route("ANY", f"sink {getattr(pattern, 'pattern', pattern)}", None)
    for static, *_ in app._static_routes:
        prefix = getattr(static, "_prefix", "/").rstrip("/")
        yield from _routes(("GET",), prefix + "/{path:path}", _BRACES)


def _is_own(responder: Any) -> bool:
    """Whether Falcon did not fill it in itself."""
    return not getattr(responder, "__qualname__", "").startswith("create_")


_READERS: dict[tuple[str, str], Callable[[Any], Iterator[Route]]] = {
    ("starlette", "Starlette"): _starlette,
    ("flask", "Flask"): _werkzeug,
    ("quart", "Quart"): _werkzeug,
    ("django", "BaseHandler"): _django,
    ("litestar", "Litestar"): _litestar,
    ("falcon", "App"): _falcon,
}


def reader_of(app: Any) -> Callable[[Any], Iterator[Route]] | None:
    """What reads the routes of such an app."""
    for base in type(app).__mro__:
        reader = _READERS.get((base.__module__.partition(".")[0], base.__name__))
        if reader is not None:
            return reader
    return None


def read_routes(app: Any) -> list[Route]:
    """Every route of a framework's app.

    Raises:
        ConfigurationError: it is of no known framework.
    """
    reader = reader_of(app)
    if reader is None:
        raise ConfigurationError(
            f"{type(app).__name__!r} is no app of FastAPI, Starlette, Flask, Django, Litestar,"
            " Quart or Falcon"
        )
    return list(reader(app))
