"""How long the layers of a stack took to judge a request, where a layer asked for it
(`wants_timings`); else nothing of this is in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ._exchange import Exchange
from ._layer import Layer, Verdict
from ._pending import Pending
from ._plan import RequestHook, Step
from .problem import Response


class Timings:
    """Seconds by the name of the layer, for one exchange. clock: seconds, monotonic. passing: the
    last layer asked has let it pass."""

    __slots__ = ("clock", "passing", "spent")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock: Callable[[], float] = clock
        self.passing: bool = True
        self.spent: dict[str, float] = {}

    def add(self, name: str, since: float) -> None:
        self.spent[name] = self.spent.get(name, 0.0) + self.clock() - since


def timed_steps(steps: Sequence[Step], layers: Sequence[Layer]) -> tuple[Step, ...]:
    """Steps whose layers are timed on exchanges that have `timings`."""
    return tuple(
        step
        if step.completes == step.depth  # the boundary's
        else step._replace(hook=_timed(layers[step.depth].name, step.hook))
        for step in steps
    )


def _timed(name: str, hook: RequestHook) -> RequestHook:
    def timed(exchange: Exchange) -> Verdict:
        timings: Timings | None = exchange.timings
        if timings is None:
            return hook(exchange)
        since, timings.passing = timings.clock(), False
        verdict = None
        try:
            verdict = hook(exchange)
        finally:
            timings.add(name, since)
        if verdict is None:
            timings.passing = True
            return None
        if isinstance(verdict, Response):
            return verdict
        return _timed_pending(name, timings, verdict)

    return timed


def _timed_pending(
    name: str, timings: Timings, pending: Pending[Response | None]
) -> Pending[Response | None]:
    """Waiting counts, too: for a store, for the keys of an issuer, for the body of a client."""
    since = timings.clock()
    try:
        verdict = yield from pending
    finally:
        timings.add(name, since)
    timings.passing = verdict is None
    return verdict
