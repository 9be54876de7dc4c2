"""What is measured of exchanges. No attribute takes a value that a client can choose, so the number
of series is bounded by the configuration and the app.

What is counted for each exchange is counted here and read when metrics are collected: an addition
to a dictionary, where an instrument would cost ten times that.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, Observation
from opentelemetry.util.types import AttributeValue

from .._exchange import Decision, Exchange, Outcome
from .._health import states
from .._version import __version__
from .sizes import sizes

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_MOST_DECISIONS = 1024
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"


class Measurements:
    """The instruments, made once. idle: nobody will ever read them.

    Parameters:
        meter_provider: None: the global one, also when it is set later.
        body_sizes: measure bodies, too.
    """

    def __init__(self, meter_provider: Any, *, body_sizes: bool) -> None:
        meter = metrics.get_meter(
            "ringwall", __version__, meter_provider=meter_provider, schema_url=SCHEMA
        )
        self.idle: bool = isinstance(meter, metrics.NoOpMeter)
        self._duration = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._sizes: list[Histogram] = []
        if body_sizes:
            self._sizes = [
                meter.create_histogram(
                    f"http.server.{which}.body.size",
                    unit="By",
                    description=f"Size of HTTP server {which} bodies.",
                )
                for which in ("request", "response")
            ]
        self._active: Counter[tuple[str, str]] = Counter()
        self._decided: Counter[tuple[Decision, ...]] = Counter()
        self._lock = threading.RLock()
        meter.create_observable_up_down_counter(
            "http.server.active_requests",
            [self._observe_active],
            unit="{request}",
            description="Number of active HTTP server requests.",
        )
        meter.create_observable_counter(
            "ringwall.decisions",
            [self._observe_decisions],
            unit="{decision}",
            description="Decisions of layers.",
        )
        meter.create_observable_gauge(
            "ringwall.dependency.healthy",
            [_observe_health],
            description="1 if what a layer depends on (a store, an issuer) answers, else 0.",
        )

    def started(self, method: str, scheme: str) -> None:
        """Count an exchange that has begun."""
        with self._lock:
            self._active[method, scheme] += 1

    def ended(
        self,
        exchange: Exchange,
        method: str,
        outcome: Outcome,
        error: str | None,
        duration: float,
        context: Context,
    ) -> None:
        """Measure an exchange that has ended. `context` leads exemplars to its trace."""
        decisions = tuple(exchange.decisions)
        with self._lock:
            self._active[method, exchange.scheme] -= 1
            if decisions and (decisions in self._decided or len(self._decided) < _MOST_DECISIONS):
                self._decided[decisions] += 1
        if exchange.kind != "http":  # a websocket lasts as long as its user stays
            return
        series = _series(
            method, exchange.scheme, outcome.status, exchange.route, error,
            exchange.protocol_version,
        )  # fmt: skip
        self._duration.record(duration, series, context)
        if self._sizes:
            for histogram, size in zip(self._sizes, sizes(exchange, outcome), strict=True):
                if size is not None:
                    histogram.record(size, series, context)

    def _observe_active(self, options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            active = [*self._active.items()]
        for (method, scheme), count in active:
            yield Observation(count, {"http.request.method": method, "url.scheme": scheme})

    def _observe_decisions(self, options: CallbackOptions) -> Iterator[Observation]:
        counts: Counter[tuple[str, ...]] = Counter()  # whatever the version of the policy
        with self._lock:
            decided = [*self._decided.items()]
        for decisions, count in decided:
            for decision in decisions:
                counts[decision[:4]] += count
        for (layer, outcome, rule, reason), count in counts.items():
            attributes = {
                "ringwall.layer": layer,
                "ringwall.outcome": outcome,
                "ringwall.rule": rule,
                "ringwall.reason": reason,
            }
            yield Observation(count, attributes)


def _observe_health(options: CallbackOptions) -> Iterator[Observation]:
    for what, healthy in states().items():
        yield Observation(int(healthy), {"ringwall.dependency": what})


@lru_cache(maxsize=2048)
def _series(
    method: str,
    scheme: str,
    status: int | None,
    route: str | None,
    error: str | None,
    version: str | None,
) -> dict[str, AttributeValue]:
    series: dict[str, AttributeValue] = {"http.request.method": method, "url.scheme": scheme}
    if status is not None:
        series["http.response.status_code"] = status
    if route is not None:
        series["http.route"] = route
    if error is not None:
        series["error.type"] = error
    if version is not None:
        series["network.protocol.version"] = version
    return series
