"""The WSGI adapter (PEP 3333): the stack as a WSGI app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import MethodType
from typing import Any, cast

from ._app_hooks import watch_routes
from ._app_route import ENVIRON_KEY, note_environ
from ._boundary import COMMON_METHODS, Provenance, remember_host
from ._boundary.host import Host
from ._exchange import KEY, Outcome
from ._failure import FAILED, checked, fail_at, refusal_body
from ._layer import Verdict
from ._measuring import measured_wsgi
from ._pending import settle
from ._plan import Plan, unnamed
from ._tls_of import tls_of
from ._unwind import withdraw
from ._wsgi_body import ReadingExchange
from ._wsgi_proxied import deriving, tell
from ._wsgi_request import (
    Environ,
    StartResponse,
    WSGIExchange,
    environ_keys,
    hand_over,
    headers_of,
)
from ._wsgi_response import WSGIApp, answer_error, refuse, starters
from ._wsgi_result import Result, finish, watched
from .problem import Response

__all__ = ["Environ", "StartResponse", "WSGIApp", "build_wsgi"]

_new, _make_exchange = object.__new__, cast("Callable[[], ReadingExchange]", ReadingExchange)


def build_wsgi(app: WSGIApp, plan: Plan) -> WSGIApp:
    """Wrap a WSGI app in a compiled stack; see `build_asgi`."""
    all_steps, plain_steps = unnamed(plan.steps), unnamed(plan.plain_steps)
    known_steps, by_path = unnamed(plan.known_steps), plan.by_path
    everyone = len(plan.layers)
    boundary, wants_tls = plan.boundary, plan.wants_tls
    known_clients = boundary.known_clients if plan.wants_client else None
    known_hosts: dict[str | None, Host] = {}  # behind proxies it stays empty
    proxies = boundary.proxies
    derive: Callable[[WSGIExchange], Provenance | None] = boundary.derive
    proxied = proxies is not None
    if proxies is not None:
        derive = deriving(boundary, proxies)
    plain_paths = boundary.plain_paths
    completes_of, complete_all = plan.completes, plan.completes[everyone]
    completing, transparent = complete_all is not None, plan.transparent
    adding = plan.adding
    answering = plan.answers_errors
    routing = plan.wants_route
    if routing:
        watch_routes(app)
    wrapped = app
    if plan.wants_sizes:
        app = measured_wsgi(app)
    reading = any(layer.reads_body for layer in plan.layers)
    starts = starters(plan)
    app_starts = starts[everyone]
    keys = environ_keys(plan.wants)
    # Authorization alone is asked for by its own name.
    eager = reading or any(
        each.reads_headers and each.wants != {b"authorization"} for each in plan.layers
    )
    keeping = plan.keeps_state

    def ringwall(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        exchange = _make_exchange()
        exchange.environ = environ.copy()
        exchange.boundary = boundary
        exchange.keys = keys
        if eager:
            exchange.headers = headers_of(environ, keys)
        exchange.decisions = []
        # What is a default of the class costs more to read than to set as well.
        exchange.to_tell = False
        exchange.parent = exchange.route = None
        if reading:
            exchange.body = None
            exchange.query = (environ.get("QUERY_STRING") or "").encode("latin-1")
        if keeping:
            exchange.state = {}
        exchange.method = method = environ["REQUEST_METHOD"]
        exchange.scheme = "https" if environ["wsgi.url_scheme"] == "https" else "http"
        if adding:
            exchange.additions = []
        if wants_tls:
            exchange.tls = tls_of(environ)
        if completing:
            exchange.outcome = _new(Outcome)
        provenance = None
        host = known_hosts.get(environ.get("HTTP_HOST"))
        if host is not None and method in COMMON_METHODS and KEY not in environ:
            exchange.host = host
            steps = plain_steps
            if known_clients is not None:
                exchange.peer = peer = environ.get("REMOTE_ADDR") or None
                exchange.client = known_clients.get(peer) or boundary.client_at(peer)
            if by_path:
                if not environ.get("SCRIPT_NAME"):
                    exchange.root = ""
                path = environ.get("PATH_INFO") or ""
                if path in plain_paths:
                    exchange.path = path
                    # Without a query and without escapes it is the path that the server decoded.
                    if (environ.get("REQUEST_URI") or environ.get("RAW_URI")) == path:
                        steps = known_steps
                elif path.isascii():
                    exchange.path = path
        else:
            if KEY in environ:
                exchange.join(environ[KEY])
            provenance = derive(exchange)
            steps = plain_steps if exchange.malformed is None else all_steps
            if not proxied:
                known = boundary.known_hosts.get(exchange.headers.get(b"host"))
                if known is not None:
                    remember_host(known_hosts, environ["HTTP_HOST"], known)
        environ[KEY] = exchange

        verdict: Verdict = None
        if reading:
            exchange.readable = environ
        app_start: StartResponse | None = None
        depth = completes = everyone
        result: Iterable[bytes]
        try:
            try:
                for hook, depth, completes in steps:  # noqa: B007  read after the loop
                    verdict = hook(exchange)
                    if verdict is not None:
                        if verdict.__class__ is not Response:
                            exchange.readable = environ
                            verdict = _judged(verdict)
                        if verdict is not None:
                            break
            except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
                verdict = fail_at(plan, depth, completes, exchange, error)
            finally:
                exchange.readable = None
            if verdict is not None:
                withdraw(plan, depth, exchange)
                out = MethodType(starts[depth], (exchange, start_response))
                result = refuse(exchange, cast("Response", verdict), out)
            else:
                completes = everyone
                if exchange.to_tell:
                    hand_over(exchange, environ)
                if provenance is not None:
                    tell(provenance, exchange, environ)
                if transparent:
                    return app(environ, start_response)
                app_start = MethodType(app_starts, (exchange, start_response))
                result = app(environ, app_start)
                if routing and ENVIRON_KEY in environ:
                    note_environ(exchange, environ)
        except BaseException as error:
            exchange.outcome.error = error
            if routing and ENVIRON_KEY in environ:
                note_environ(exchange, environ)
            if answering and app_start is not None and isinstance(error, Exception):
                answer = answer_error(app_start, False, exchange, error)
                if answer is not None:
                    return Result([answer], exchange, complete_all, failure=error)
            finish(completes_of[completes], exchange)
            raise
        if verdict is not None:
            finish(completes_of[completes], exchange)
            return result
        if completing:
            exchange.outcome.error = None  # raised and answered between stacks inside
        if type(result) is list or type(result) is tuple:
            # Made already: the server may take its length and send it in one go.
            if completing:
                finish(complete_all, exchange)
            return result if not exchange.replaced else [refusal_body(exchange, FAILED)]
        if not completing and not answering and exchange.started and not exchange.replaced:
            return result
        start = cast("StartResponse", app_start)
        on_error = partial(answer_error, start, True) if answering else None
        return watched(result, exchange, complete_all, on_error)

    ringwall.__ringwall__ = plan  # type: ignore[attr-defined]
    ringwall.app = wrapped  # type: ignore[attr-defined]
    return ringwall


def _judged(verdict: Any) -> Response | None:
    return checked(verdict if isinstance(verdict, Response) else settle(verdict))
