"""Several layers around one app, compiled into one callable."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from ._asgi_reading import read_asgi
from ._boundary import Boundary, TrustedProxies
from ._compile import compile_plan, innermost_plan
from ._contract import check_colours, check_contract, check_order
from ._errors import ConfigurationError
from ._layer import Layer
from ._lifespan import end, enders
from ._plan import Plan
from ._response_body import segments
from ._wsgi_reading import read_wsgi
from .asgi import ASGIApp, build_asgi
from .wsgi import WSGIApp, build_wsgi


class Stack:
    """Layers in order, the outermost first.

    Parameters:
        layers: the layers; a Stack among them counts as its layers, and must have no options of
            its own.
        proxies: whose proxy headers tell scheme and client; None: nobody's.
        paths: "auto": ambiguous paths are refused before the first layer that decides by path;
            "strict": always.
        answer_errors: True: an app that raises before its response starts is answered with a 500
            problem, which gets the headers of the layers (CORS, HSTS), as no server's would; then
            the exception is raised on, for servers and error trackers to see. Where no layer edits
            responses or hears of their end, the server answers. False: always the server, or the
            debugger around the stack.
        relax: path refusals to lift, of "double-slash", "semicolon", "backslash",
            "encoded-slash", "encoded-backslash", "encoded-percent".

    Raises:
        ConfigurationError: something that is no layer, a layer that breaks the contract of
            `Layer`, or an order that cannot work.

    >>> from ringwall import HTTPS, RateLimit
    >>> stack = Stack(HTTPS(hosts=["api.example.com"]), RateLimit("100/15 minutes"))
    >>> app = stack.wsgi(lambda environ, start_response: [])
    """

    def __init__(
        self,
        *layers: Layer | Stack,
        proxies: TrustedProxies | None = None,
        paths: str = "auto",
        relax: Iterable[str] = (),
        answer_errors: bool = True,
    ) -> None:
        flat: list[Layer] = []
        for layer in layers:
            if isinstance(layer, Stack):
                if not layer._plain:
                    raise ConfigurationError(
                        "a Stack inside a Stack would lose its options; write proxies=, paths=,"
                        " relax= and answer_errors= on the outer one"
                    )
                flat += layer.layers
            elif isinstance(layer, Layer):
                flat.append(layer)
            else:
                raise ConfigurationError(_not_a_layer(layer))
        if proxies is not None and not isinstance(proxies, TrustedProxies):
            raise ConfigurationError("proxies= takes TrustedProxies(['10.0.0.0/8'])")
        if paths not in ("auto", "strict"):
            raise ConfigurationError(f"paths={paths!r} is unknown; use 'auto' or 'strict'")
        if type(answer_errors) is not bool:
            raise ConfigurationError("answer_errors= takes True or False")
        for layer in flat:
            check_contract(layer)
        check_order(flat)
        relaxed = frozenset((relax,) if isinstance(relax, str) else relax)
        self.layers: tuple[Layer, ...] = tuple(flat)
        self._boundary = Boundary(proxies, relaxed)
        self._inside = Boundary(None, relaxed)  # what proxies say is told on from the outside
        self._boundary.layers = self._inside.layers = self.layers
        self._strict_paths = paths == "strict"
        self._answer_errors = answer_errors
        self._plain: bool = proxies is None and not relaxed and paths == "auto" and answer_errors

    def __repr__(self) -> str:
        return f"<Stack {' > '.join(layer.name for layer in self.layers)}>"

    def asgi(self, app: ASGIApp) -> ASGIApp:
        """Wrap an ASGI app. Usable as a factory: `api.add_middleware(stack.asgi)`.

        Raises:
            ConfigurationError: a layer cannot serve ASGI, or cannot stand outside one that the
                app is wrapped in already.
        """
        built: ASGIApp = self._build("asgi", app, build_asgi, read_asgi)
        return built

    def wsgi(self, app: WSGIApp) -> WSGIApp:
        """Wrap a WSGI app.

        Raises:
            ConfigurationError: a layer cannot serve WSGI, or cannot stand outside one that the
                app is wrapped in already.
        """
        built: WSGIApp = self._build("wsgi", app, build_wsgi, read_wsgi)
        return built

    def __call__(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap an app whose interface is told from its signature.

        Raises:
            ConfigurationError: it cannot be told; write `.asgi(app)` or `.wsgi(app)`.
        """
        return self.asgi(app) if _interface(app) == "asgi" else self.wsgi(app)

    def on_shutdown(self) -> None:
        """Tell the layers that the server ends, the innermost first, as `asgi` does by itself where
        it sees the lifespan protocol: for frameworks that keep that protocol to themselves."""
        end(enders(self.layers))

    def _build(
        self,
        interface: str,
        app: Any,
        build: Callable[[Any, Plan], Any],
        read: Callable[[Any, Layer], Any],
    ) -> Any:
        if not callable(app):
            raise ConfigurationError(f"{type(app).__name__!r} is not an app: it cannot be called")
        check_colours(self.layers, interface)
        parts = segments(self.layers)
        for position in reversed(range(1, len(parts))):
            if parts[position]:
                app = build(app, self._plan(parts[position], self._inside, app))
            app = read(app, parts[position - 1][-1])
        return build(app, self._plan(parts[0], self._boundary, app))

    def _plan(self, layers: tuple[Layer, ...], boundary: Boundary, app: Any) -> Plan:
        return compile_plan(
            layers, boundary, self._strict_paths, self._answer_errors, innermost_plan(app)
        )


def _interface(app: Any) -> str:
    """By the rule of uvicorn: a coroutine function is ASGI 3; two plain arguments are WSGI."""
    target = app
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target) and not inspect.isclass(target):
        target = getattr(target, "__call__", target)  # noqa: B004  the bound method is wanted
    if inspect.iscoroutinefunction(target):
        return "asgi"
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) == 2 and not inspect.isclass(app):
        return "wsgi"
    raise ConfigurationError(
        "cannot tell whether this app speaks ASGI or WSGI; write stack.asgi(app) or stack.wsgi(app)"
    )


def _not_a_layer(given: object) -> str:
    if inspect.isclass(given) and issubclass(given, Layer):
        return f"{given.__name__} is a class; write {given.__name__}(...)"
    if callable(given):
        return "a Stack takes layers; write Stack(...).asgi(app) or Stack(...).wsgi(app)"
    return f"{type(given).__name__!r} is not a layer"
