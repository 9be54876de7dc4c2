"""The ASGI adapter: the stack as an ASGI app."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, cast

from ._app_hooks import watch_routes
from ._app_route import SCOPE_KEY, note_scope
from ._asgi_body import ReadingExchange
from ._asgi_light import Begun, is_light, light
from ._asgi_proxied import deriving, tell
from ._asgi_request import (
    SCHEMES,
    ASGIExchange,
    Message,
    Receive,
    Scope,
    Send,
    forbid_response,
    hand_over,
    watch_disconnect,
)
from ._asgi_response import (
    ASGIApp,
    ResponseReplaced,
    answer_for_app,
    forget_answered,
    refuse,
    senders,
)
from ._boundary import COMMON_METHODS, UNKNOWN, Provenance
from ._exchange import KEY, ClientDisconnected, Outcome
from ._failure import checked, fail_at
from ._layer import Verdict
from ._lifespan import enders, telling_end
from ._measuring import measured_asgi
from ._pending import asettle
from ._plan import Plan, unnamed
from ._tls_of import tls_of
from ._unwind import withdraw
from ._websocket import Opener, choosing
from ._websocket_messages import listen, listeners
from .problem import Response

__all__ = ["ASGIApp", "Message", "Receive", "Scope", "Send", "build_asgi"]

_new, _make_exchange = object.__new__, cast("Callable[[], ReadingExchange]", ReadingExchange)


def build_asgi(app: ASGIApp, plan: Plan) -> ASGIApp:
    """Wrap an ASGI app in a compiled stack.

    What the stack needs is decided here, once. Opening the exchange is written out in `ringwall`,
    without a call of its own, because the calls would cost more than what they do. Where less has
    to be done for most requests, `light` stands in front of it, and may have begun.
    """
    all_steps, plain_steps = unnamed(plan.steps), unnamed(plan.plain_steps)
    known_steps, by_path = unnamed(plan.known_steps), plan.by_path
    everyone = len(plan.layers)
    completes_of, completing = plan.completes, plan.completes[everyone] is not None
    adding = plan.adding
    listening, answering = listeners(plan.layers), plan.answers_errors
    leaving = enders(plan.layers)
    reading = any(layer.reads_body for layer in plan.layers)
    transparent = plan.transparent and not listening
    outs = senders(plan)
    app_out = outs[everyone]
    wants, wants_tls, boundary = plan.wants, plan.wants_tls, plan.boundary
    known_clients = boundary.known_clients if plan.wants_client else None
    known_hosts, proxies = boundary.known_hosts, boundary.proxies
    derive: Callable[[ASGIExchange], Provenance | None] = boundary.derive
    if proxies is not None:
        known_hosts = {}  # there is always something to derive
        derive = deriving(boundary, proxies)
    keeping = plan.keeps_state
    known_paths = boundary.known_paths
    routing = plan.wants_route
    if routing:
        watch_routes(app)
    wrapped = app
    if plan.wants_sizes:
        app = measured_asgi(app)

    async def ringwall(
        scope: Scope, receive: Receive, send: Send, begun: Begun | None = None
    ) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            if leaving and kind == "lifespan":
                send = telling_end(leaving, send)
            return await app(scope, receive, send)

        provenance, note_route = None, routing
        if begun is not None:
            exchange, scope, steps = begun
            lines = scope["headers"]
        else:
            try:
                lines, peer, scheme = scope["headers"], scope["client"], scope["scheme"]
            except KeyError:  # servers need not tell them
                lines = scope.get("headers") or ()
                peer, scheme = scope.get("client"), scope.get("scheme")
            if type(lines) is not list and type(lines) is not tuple:
                lines = list(lines or ())
                scope = {**scope, "headers": lines}
            exchange = _make_exchange()
            headers: dict[bytes, bytes] = {}
            for name, value in lines:
                if name in wants:
                    headers[name] = value if name not in headers else headers[name] + b", " + value
            exchange.headers = headers
            exchange.scope = scope
            exchange.boundary = boundary
            exchange.decisions = []
            if keeping:
                exchange.state = {}
            # Now: it may be a list, which apps can change.
            exchange.peer = peer = peer[0] if peer else None
            exchange.scheme = SCHEMES.get(scheme or "", "http")
            if kind == "http":
                exchange.method = method = scope["method"]
            else:
                exchange.method = method = "WEBSOCKET"
                exchange.kind = "websocket"
            if adding:
                exchange.additions = []
            if wants_tls:
                exchange.tls = tls_of(scope)
            if completing:
                exchange.outcome = _new(Outcome)
            try:
                host = known_hosts[headers.get(b"host")]
            except KeyError:
                host = None
            if host is not None and method in COMMON_METHODS and KEY not in scope:
                exchange.host = host
                steps = plain_steps
                if known_clients is not None:
                    exchange.client = known_clients.get(peer) or boundary.client_at(peer)
                if by_path and not scope.get("root_path"):
                    exchange.root = ""
                    exchange.path = path = scope["path"]
                    exchange.raw_path = raw_path = scope.get("raw_path")
                    if known_paths.get(path, UNKNOWN) == raw_path:
                        steps = known_steps
            else:
                if KEY in scope:
                    exchange.join(scope[KEY])
                    note_route = True  # for those outside, which do not see this copy of the scope
                provenance = derive(exchange)
                steps = plain_steps if exchange.malformed is None else all_steps
            scope = {**scope}
            scope[KEY] = exchange

        verdict: Verdict = None
        if reading and kind == "http":
            exchange.receive = receive
        opener: Opener | None = None
        app_send: Send | None = None
        served: Send | None = None
        depth = completes = everyone
        try:
            try:
                for hook, depth, completes in steps:  # noqa: B007  read after the loop
                    verdict = hook(exchange)
                    if verdict is not None:
                        if verdict.__class__ is not Response:
                            if kind == "websocket":
                                opener = opener or Opener(receive, send)
                                exchange.opener = opener
                            else:
                                exchange.receive = receive
                            verdict = await _judged(verdict)
                        if verdict is not None:
                            break
            except ClientDisconnected as error:
                exchange.outcome.error = error
                exchange.receive = None
                return None
            except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
                verdict = fail_at(plan, depth, completes, exchange, error)
            finally:
                if opener is not None:
                    exchange.opener = None
            if opener is not None and opener.opened:
                exchange.outcome.status = 101
                receive, send = opener.receive, opener.sending(send)
                forbid_response(scope)
            if verdict is not None:
                withdraw(plan, depth, exchange)
                exchange.receive = None  # nobody reads the body of what was refused
                exchange.send = send
                out = MethodType(outs[depth], exchange)
                return await refuse(exchange, cast("Response", verdict), scope, receive, out)
            completes = everyone
            if exchange.to_tell:
                hand_over(exchange, scope)
                if exchange.subprotocol is not None:
                    send = choosing(send, exchange.subprotocol)
            if provenance is not None:
                tell(provenance, exchange, scope)
            if exchange.was_read:
                receive = exchange.replay
            else:
                exchange.receive = None  # from here on the body is the app's
            if transparent:
                return await app(scope, receive, send)
            if completing and kind == "websocket":
                receive = watch_disconnect(receive, exchange.outcome)
            if listening and kind == "websocket":
                served = send
                receive, send = listen(exchange, listening, receive, send)
            exchange.send = send
            app_send = MethodType(app_out, exchange)
            await app(scope, receive, app_send)
            if completing and exchange.outcome.error is not None:
                forget_answered(exchange.outcome)
        except ResponseReplaced:
            return None  # the app was told to stop, and did
        except BaseException as error:
            exchange.outcome.error = error
            if answering and app_send is not None and kind == "http":
                await answer_for_app(exchange, app_send, error)
            raise
        finally:
            if served is not None:
                exchange.send = served  # what listens knows the exchange: no cycle may outlive this
            if note_route and SCOPE_KEY in scope:
                note_scope(exchange, scope)
            if completing and (complete := completes_of[completes]) is not None:
                ending = complete(exchange, exchange.outcome)
                if ending is not None:
                    await asettle(ending)

    outermost: Any = light(app, plan, app_out, ringwall) if is_light(plan) else ringwall
    outermost.__ringwall__, outermost.app = plan, wrapped
    return cast("ASGIApp", outermost)


async def _judged(verdict: Any) -> Response | None:
    return checked(verdict if isinstance(verdict, Response) else await asettle(verdict))
