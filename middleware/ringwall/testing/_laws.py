"""The laws as checks. Layers are made anew for every run, so that their state tells nothing."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast, get_args

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._failure import FAILED
from .._layer import Layer, Verdict
from ..principal import Principal
from ..stack import Stack
from ._app import SampleApp
from ._drive import Interface
from ._request import Request
from ._run import Run, run, wrap

MakeLayers: TypeAlias = Callable[[], Sequence[Layer]]


class LawBroken(AssertionError):
    """A layer breaks a law; the message says which, and where the two sides part."""


def check_fusion(make_layers: MakeLayers, app: Any, request: Request, interface: Interface) -> None:
    """Fusion: one stack of layers equals the same layers wrapped one by one.

    Parameters:
        make_layers: makes equal layers each time, outermost first.
        app: a `SampleApp` or an app of that interface; it must answer equal requests alike.
        request: what to send.
        interface: "asgi" or "wsgi".

    Raises:
        LawBroken: the two differ in what the client, the app or an observer can see.
    """
    for probed in (True, False):
        fused = run(interface, make_layers(), app, request, probed=probed)
        nested = run(interface, make_layers(), app, request, nested=True, probed=probed)
        _compare("fusion", "fused", _everything(fused), "nested", _everything(nested))


def check_interface(make_layers: MakeLayers, app: SampleApp, request: Request) -> None:
    """Interface: the same request through ASGI and WSGI gives the same.

    The request should not be `cut`: where nobody waits for the answer, there need not be one.

    Raises:
        LawBroken: the two differ in status, headers, body, decisions, principal, or what the app
            saw of the request.
    """
    asgi = run("asgi", make_layers(), app, request)
    wsgi = run("wsgi", make_layers(), app, request)
    _compare("interface", "asgi", _visible(asgi, request), "wsgi", _visible(wsgi, request))


def check_transparency(
    make_layers: MakeLayers, app: Any, request: Request, interface: Interface
) -> None:
    """Transparency: layers that let a request pass are invisible but for the headers they declare.

    Chunks, message types, errors, context variables and the one `close()` of an iterable are those
    of the app alone; lifespan and unknown scopes reach it untouched. The one thing to be seen is
    the 500 for an app that raises before its response leaves; what it raises passes all the same.

    Raises:
        LawBroken: the layers refuse this request, or can be seen.
    """
    layers = make_layers()
    declared = frozenset[bytes]().union(
        *(layer.sets | {name for name, _ in layer.constant_headers} for layer in layers)
    )
    bare = run(interface, [], app, request, probed=False)
    alone = _through(bare, declared)
    for nested, answers in itertools.product((False, True), (False, True)):
        wrapped = run(
            interface,
            make_layers(),
            app,
            request,
            nested=nested,
            probed=False,
            answer_errors=answers,
        )
        if bare.seen and not wrapped.seen:
            raise LawBroken(f"transparency: the request was refused with {wrapped.result.status}")
        answered = answers and bare.result.error is not None and _is_answer(wrapped, request)
        but = ("status", "headers", "chunks") if answered else ()
        _compare("transparency", "alone", alone, "wrapped", _through(wrapped, declared), but)
    if interface == "asgi":
        for kind in ("lifespan", "ringwall.unknown"):
            _check_untouched(make_layers(), kind)


def check_closed(
    make_layers: MakeLayers, app: SampleApp, request: Request, interface: Interface
) -> None:
    """Closed: where an enforcing layer fails, the answer is a 500 problem and the app is not
    called; where an observing layer fails, all goes on as if it had had nothing to say.

    Each layer in turn is made to fail in `on_request`.

    Raises:
        LawBroken: the app is called that should not be, or the other way round.
    """
    for position, layer in enumerate(make_layers()):
        layers = list(make_layers())
        layers[position] = _with_hook(layers[position], _fail)
        broken = run(interface, layers, app, request)
        where = f"{layer.name} fails in on_request"
        if layer.observes:
            layers = list(make_layers())
            layers[position] = _with_hook(layers[position], _pass)
            passed = run(interface, layers, app, request)
            _compare("closed", "passes", _everything(passed), where, _everything(broken))
            continue
        if broken.seen:
            raise LawBroken(f"closed: {where}, and the app is called")
        if broken.result.error is not None:
            raise LawBroken(f"closed: {where}, and the server sees the exception")
        alone = run(interface, [_with_hook(layer, _fail)], app, request)
        refused_before = alone.result.status == 400  # by the boundary
        websocket = request.websocket and alone.result.events == ["websocket.close"]
        if not (refused_before or websocket or alone.result.status == FAILED.status):
            raise LawBroken(f"closed: {where}, and the answer is {alone.result.status}")


def check_order(make_layers: MakeLayers) -> None:
    """Order: of these layers, only orders that can work construct, fused and nested, on both
    interfaces; the error of the others names the layers to change.

    Raises:
        LawBroken: an order that `inside` forbids constructs, or one that it allows does not.
    """
    for layers in itertools.permutations(make_layers()):
        wrong = [
            (outer, inner)
            for outer, inner in itertools.combinations(layers, 2)
            if inner.name in outer.inside
        ]
        for interface in get_args(Interface):
            for nested in (False, True):
                label = " > ".join(layer.name for layer in layers)
                try:
                    wrap(interface, layers, SampleApp(), nested=nested)
                except ConfigurationError as error:
                    if not any(
                        type(outer).__name__ in str(error) and type(inner).__name__ in str(error)
                        for outer, inner in wrong
                    ):
                        raise LawBroken(f"order: {label} does not construct: {error}") from error
                else:
                    if wrong:
                        raise LawBroken(f"order: {label} constructs, and cannot work")


def _compare(
    law: str,
    one: str,
    first: dict[str, Any],
    other: str,
    second: dict[str, Any],
    but: tuple[str, ...] = (),
) -> None:
    for what, value in first.items():
        if what not in but and second[what] != value:
            raise LawBroken(
                f"{law}: {what} differs\n  {one}: {value!r}\n  {other}: {second[what]!r}"
            )


def _everything(done: Run) -> dict[str, Any]:
    result, outcome = done.result, done.outcome
    return {
        "status": result.status,
        "headers": result.lines,
        "chunks": result.chunks,
        # Whether there is a close() to call is nobody's business; what it does is in `seen`.
        "events": [event for event in result.events if event != "close"],
        "error": _error(result.error),
        "close code": result.close_code,
        "context": result.context,
        "decisions": done.decisions,
        "principal": _principal(done.principal),
        "outcome": outcome and (outcome.status, _error(outcome.error), outcome.close_code),
        "requests seen by the app": _seen(done),
    }


def _visible(done: Run, request: Request) -> dict[str, Any]:
    return {
        "decisions": done.decisions,
        "status": done.result.status,
        # ASGI apps may ask for the end of a connection; WSGI leaves it to servers (PEP 3333).
        "headers": {
            name: values
            for name, values in done.result.lines.items()
            if (name, values) != (b"connection", [b"close"])
        },
        # No server sends the body of a HEAD response on, and apps need not care.
        "body": b"" if request.method == "HEAD" else done.result.body,
        "error": _error(done.result.error),
        "principal": _principal(done.principal),
        "outcome": done.outcome and (done.outcome.status, _error(done.outcome.error)),
        "requests seen by the app": [seen[:-1] for seen in _seen(done)],
    }


def _through(done: Run, declared: frozenset[bytes]) -> dict[str, Any]:
    everything = _everything(done)
    everything["headers"] = {
        name: values for name, values in done.result.lines.items() if name not in declared
    }
    everything["requests seen by the app"] = [
        (seen.method, seen.path, seen.body, seen.context, seen.closed) for seen in done.seen
    ]
    del everything["events"]
    everything["close calls"] = done.result.events.count("close") <= 1
    return everything


def _is_answer(done: Run, request: Request) -> bool:
    """Whether this is the 500 for an app that raised."""
    body = b"" if request.method == "HEAD" else FAILED.body
    return (done.result.status, done.result.body) == (FAILED.status, body)


def _seen(done: Run) -> list[Any]:
    return [
        (s.method, s.path, s.body, _principal(s.principal), s.decisions, s.context, s.closed)
        for s in done.seen
    ]


def _error(error: BaseException | None) -> Any:
    return None if error is None else (type(error), error.args)


def _principal(principal: Principal | None) -> Any:
    if principal is None:
        return None
    return tuple(
        getattr(principal, name) for name in Principal.__slots__ if name != "claims"
    ), dict(principal.claims)


class _Bug(Exception):
    pass


def _fail(exchange: Exchange) -> Verdict:
    raise _Bug


def _pass(exchange: Exchange) -> Verdict:
    return None


def _with_hook(layer: Layer, hook: Callable[[Exchange], Verdict]) -> Layer:
    """The same layer with another `on_request`."""
    changed = copy.copy(layer)
    changed.on_request = hook  # type: ignore[assignment, method-assign]
    return changed


_ENDS = ({"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"})


def _check_untouched(layers: Sequence[Layer], kind: str) -> None:
    given: list[Any] = []
    sent: list[Any] = []

    async def app(*arguments: Any) -> None:
        given.extend(arguments)
        for message in _ENDS:  # a layer may listen for the end
            await arguments[2](message)
        raise _Bug

    async def receive() -> Any: ...

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind}
    try:
        asyncio.run(cast("Any", Stack(*layers).asgi(app)(scope, receive, send)))
    except _Bug:
        same = given[0] is scope and given[1] is receive and len(given) == 3
        passed = [id(message) for message in sent] == [id(message) for message in _ENDS]
        if same and passed and scope == {"type": kind}:
            return
    raise LawBroken(f"transparency: a scope of type {kind!r} does not pass untouched")
