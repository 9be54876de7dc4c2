"""The straight way through stacks that judge requests, edit response heads and hear of the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import MethodType
from typing import TypeAlias, cast

from ._app_route import SCOPE_KEY, note_scope
from ._asgi_body import ReadingExchange
from ._asgi_request import SCHEMES, Receive, Scope, Send, hand_over
from ._asgi_response import ASGIApp, Out, ResponseReplaced, answer_for_app, forget_answered
from ._boundary import COMMON_METHODS, UNKNOWN
from ._exchange import KEY, Exchange, Outcome
from ._layer import Verdict
from ._pending import asettle
from ._plan import Plan, RequestHook, Step, unnamed

Steps: TypeAlias = Sequence[tuple[RequestHook, int, int]]
# An exchange that is open, with the scope for the app, and the steps that it has not passed.
Begun: TypeAlias = tuple[ReadingExchange, Scope, Steps]
General: TypeAlias = Callable[[Scope, Receive, Send, "Begun | None"], Awaitable[None]]

_new, _make_exchange = object.__new__, cast("Callable[[], ReadingExchange]", ReadingExchange)
_NO_STEPS: Steps = ()


def is_light(plan: Plan) -> bool:
    """Whether `light` can serve a stack."""
    return not (plan.wants_tls or plan.boundary.proxies is not None)


def light(app: ASGIApp, plan: Plan, app_out: Out, general: General) -> ASGIApp:
    """What `general` does, for requests like most that all layers let pass at once: of a host that
    was met before. Others are left to `general`, and so are those that a layer does not let pass.
    """
    # Without the boundary's judgement of the path where it has met that one before.
    known, unknown = _with_rest(plan.known_steps), _with_rest(plan.plain_steps)
    by_path, known_paths = plan.by_path, plan.boundary.known_paths
    boundary, wants = plan.boundary, plan.wants
    known_hosts = boundary.known_hosts
    known_clients = boundary.known_clients if plan.wants_client else None
    reading = any(layer.reads_body for layer in plan.layers)
    # The Origin is no variable of its own here, and who asks for it asks in every request.
    eager = plan.reads_headers or reading or b"origin" in wants
    more, adding = wants != {b"host"}, plan.adding
    transparent, answering = plan.transparent, plan.answers_errors
    complete, routing = plan.completes[-1], plan.wants_route
    keeping = plan.keeps_state or complete is not None

    async def ringwall(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            method = scope["method"]
            lines = scope["headers"]
            peer = scope["client"]
            scheme = SCHEMES[scope["scheme"]]
        except KeyError:  # no HTTP request, or a server that does not tell all of it
            return await general(scope, receive, send, None)
        if (
            scope["type"] != "http"
            or type(lines) is not list
            or method not in COMMON_METHODS
            or KEY in scope
        ):
            return await general(scope, receive, send, None)
        exchange = _make_exchange()
        if eager:
            headers: dict[bytes, bytes] = {}
            for name, value in lines:
                if name in wants:
                    headers[name] = value if name not in headers else headers[name] + b", " + value
            exchange.headers = headers
            told_host = headers.get(b"host")
        else:
            told_host = None
            for name, value in lines:
                if name == b"host":
                    if told_host is not None:
                        return await general(scope, receive, send, None)
                    told_host = value
            exchange.told = (lines[:], wants) if more else told_host
        try:
            exchange.host = known_hosts[told_host]
        except KeyError:
            return await general(scope, receive, send, None)
        exchange.scope = scope
        exchange.boundary = boundary
        exchange.decisions = []
        exchange.to_tell = False  # a default of the class costs more to read than to set
        if keeping:
            exchange.state = {}
            if complete is not None:
                exchange.outcome = _new(Outcome)
        if adding:
            exchange.additions = []
        exchange.peer = peer = peer[0] if peer else None
        exchange.scheme = scheme
        exchange.method = method
        if known_clients is not None:
            try:
                exchange.client = known_clients[peer]
            except KeyError:
                exchange.client = boundary.client_at(peer)
        hooks = unknown
        if by_path and not scope.get("root_path"):
            exchange.parent = exchange.route = None
            exchange.root = ""
            exchange.path = path = scope["path"]
            if known_paths.get(path, UNKNOWN) == scope.get("raw_path"):
                hooks = known
        scope = {**scope}
        scope[KEY] = exchange
        if reading:
            exchange.query = scope.get("query_string") or b""
            exchange.receive = receive
            exchange.body = None
            exchange.was_read = False
        left: Steps | None = None
        rest = _NO_STEPS
        try:
            for hook, rest in hooks:
                verdict = hook(exchange)
                if verdict is not None:
                    left = _judged(rest, verdict)
                    break
        except BaseException as error:  # noqa: BLE001  `general` knows what becomes of it
            left = _failed(rest, error)
        if left is not None:
            return await general(scope, receive, send, (exchange, scope, left))
        if reading:
            if exchange.was_read:
                receive = exchange.replay
            else:
                exchange.receive = None  # from here on the body is the app's
        if transparent:
            if exchange.to_tell:
                hand_over(exchange, scope)
            return await app(scope, receive, send)
        exchange.send = send
        try:
            if exchange.to_tell:
                hand_over(exchange, scope)
            await app(scope, receive, MethodType(app_out, exchange))
            if complete is not None and exchange.outcome.error is not None:
                forget_answered(exchange.outcome)
        except ResponseReplaced:
            return None  # the app was told to stop, and did
        except BaseException as error:
            exchange.outcome.error = error
            if answering:
                await answer_for_app(exchange, MethodType(app_out, exchange), error)
            raise
        finally:
            if complete is not None:
                if routing and SCOPE_KEY in scope:
                    note_scope(exchange, scope)
                ending = complete(exchange, exchange.outcome)
                if ending is not None:
                    await asettle(ending)

    return ringwall


def _with_rest(steps: tuple[Step, ...]) -> tuple[tuple[RequestHook, Steps], ...]:
    """Each hook with the steps that are left when it is asked."""
    plain = unnamed(steps)
    return tuple((step[0], plain[at:]) for at, step in enumerate(plain))


def _judged(rest: Steps, verdict: Verdict) -> Steps:
    """The steps that are left once the first of them has come to a verdict."""
    (_, depth, completes), *others = rest
    return [((lambda exchange: verdict), depth, completes), *others]


def _failed(rest: Steps, error: BaseException) -> Steps:
    """The steps that are left once the first of them has raised."""

    def again(exchange: Exchange) -> Verdict:
        nonlocal error
        try:
            raise error
        finally:
            del error  # its traceback knows the frame that knows this step

    (_, depth, completes), *others = rest
    return [(again, depth, completes), *others]
