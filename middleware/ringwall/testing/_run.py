"""Layers around an app, driven once, with what the layers decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._exchange import Decision, Exchange, Outcome
from .._layer import Layer
from ..principal import Principal
from ..stack import Stack
from ._app import SampleApp, Seen
from ._drive import Interface, Result, drive
from ._request import Request


class Probe(Layer):
    """An observer to put outermost: remembers every exchange and how it ended, changes nothing."""

    name = "probe"
    observes = True
    tolerant = True

    def __init__(self) -> None:
        self.ended: list[tuple[Exchange, Outcome]] = []

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        self.ended.append((exchange, outcome))


@dataclass
class Run:
    """One request through layers and app.

    result: what came back. decisions, principal, outcome: what the layers left behind. seen: what
    reached a `SampleApp`.
    """

    result: Result
    decisions: tuple[Decision, ...]
    principal: Principal | None
    outcome: Outcome | None
    seen: list[Seen]


def wrap(
    interface: Interface,
    layers: Sequence[Layer],
    app: Any,
    *,
    nested: bool = False,
    answer_errors: bool = True,
) -> Any:
    """The layers around the app: as one stack, or each by itself around the next."""
    app = getattr(app, interface, app)
    if not nested:
        return getattr(Stack(*layers, answer_errors=answer_errors), interface)(app)
    for layer in reversed(layers):
        app = getattr(Stack(layer, answer_errors=answer_errors), interface)(app)
    return app


def run(
    interface: Interface,
    layers: Sequence[Layer],
    app: Any,
    request: Request,
    *,
    nested: bool = False,
    probed: bool = True,
    answer_errors: bool = True,
) -> Run:
    """Send a request through layers around an app.

    Parameters:
        interface: "asgi" or "wsgi".
        layers: outermost first.
        app: a `SampleApp`, or an app of that interface.
        request: what to send.
        nested: wrap the layers one by one instead of as one stack.
        probed: put a `Probe` outermost; without one, decisions and outcome stay empty.
        answer_errors: as of `Stack`.

    >>> run("asgi", [], SampleApp(204), Request()).result.status
    204
    """
    probe = Probe()
    around: Sequence[Layer] = (probe, *layers) if probed else layers
    before = len(app.seen) if isinstance(app, SampleApp) else 0
    wrapped = wrap(interface, around, app, nested=nested, answer_errors=answer_errors)
    result = drive(interface, wrapped, request)
    exchange, outcome = probe.ended[-1] if probe.ended else (None, None)
    return Run(
        result,
        tuple(exchange.decisions) if exchange else (),
        exchange.principal if exchange else None,
        outcome,
        app.seen[before:] if isinstance(app, SampleApp) else [],
    )
