"""The template of the app's own router, where no layer knew one: what frameworks leave behind.

Never the path: it is the client's to choose, and names of spans and series must be few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._exchange import Exchange

# The keys that say that a router was here: of Starlette, FastAPI and Litestar; of Bottle.
SCOPE_KEY = "path_params"
ENVIRON_KEY = "bottle.route"


def note_scope(exchange: Exchange, scope: Mapping[str, Any]) -> None:
    """Note the route that the app left in its scope."""
    _note(exchange, _of_scope, scope)


def note_environ(exchange: Exchange, environ: Mapping[str, Any]) -> None:
    """Note the route that the app left in its environ."""
    _note(exchange, _of_environ, environ)


def _note(exchange: Exchange, find: Any, left: Mapping[str, Any]) -> None:
    if exchange.route is None:
        try:
            template = find(left, exchange)
        except Exception:  # noqa: BLE001  another version may leave something else: no route then
            return
        if isinstance(template, str):
            exchange.name_route(template)


def _of_environ(environ: Mapping[str, Any], exchange: Exchange) -> Any:
    return getattr(environ.get(ENVIRON_KEY), "rule", None)


def _of_scope(scope: Mapping[str, Any], exchange: Exchange) -> Any:
    if "path_template" in scope:
        return scope["path_template"]  # Litestar
    route, root = scope.get("route"), scope.get("root_path") or ""
    mounted = root[len(scope.get("app_root_path", root)) :]
    if not mounted:
        return _own(scope, route) or _by_endpoint(scope["router"], scope["endpoint"], exchange.path)
    # Inside a mount the scope tells of the last router only, and the path of the mount as it came.
    for prefix, mount in _mounts(scope["router"].routes, mounted):
        own = None if hasattr(route, "routes") else _own(scope, route)
        if own is None and mount.app is not scope["endpoint"]:
            own = _by_endpoint(mount, scope["endpoint"], scope["path"].removeprefix(root))
        return prefix + (own or "/{path}")  # it has no routes, or none that matched
    return None


def _own(scope: Mapping[str, Any], route: Any) -> str | None:
    """The template of the route that Starlette or FastAPI named."""
    included = (scope.get("fastapi") or {}).get("effective_route_context")
    if included is not None and getattr(included, "original_route", None) is route:
        # A router that FastAPI includes without copying its routes: with the prefix.
        route = getattr(included, "starlette_route", None) or included
    return _path(route)


def _path(route: Any) -> str | None:
    """The template of a route, of a mount with what is below it."""
    path = getattr(route, "path_format" if hasattr(route, "routes") else "path", None)
    return path if isinstance(path, str) else None


def _by_endpoint(router: Any, endpoint: Any, path: str) -> str | None:
    """Where the scope names the endpoint alone (Starlette before it named routes)."""
    found: str | None = None
    for route in flat(router.routes):
        if getattr(route, "endpoint", getattr(route, "app", None)) is endpoint:
            found = _path(route)
            if found is not None and route.path_regex.match(path):
                break
    return found


def _mounts(routes: Iterable[Any], mounted: str) -> Iterator[tuple[str, Any]]:
    """The templates of mounts that lead to a mount point, each with what is mounted there."""
    for route in flat(routes):
        if not hasattr(route, "routes"):
            continue
        if not hasattr(route, "path_regex"):  # a Host: it takes nothing of the path
            yield from _mounts(route.routes, mounted)
            continue
        match = route.path_regex.match(mounted + "/")
        if match is None:
            continue
        rest = match.groupdict().get("path", "")
        if rest == "":
            yield route.path, route
        else:
            for inner, last in _mounts(route.routes, "/" + rest[:-1]):
                yield route.path + inner, last


def flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes, those of routers that FastAPI includes without copying them among them."""
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            yield from (getattr(each, "starlette_route", None) or each for each in contexts())
