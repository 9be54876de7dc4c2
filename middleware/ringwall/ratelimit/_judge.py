"""One decision: ask the store, and where it does not answer do what the rule says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Decision, Exchange
from .._layer import Layer, Verdict
from .._pending import Pending
from ..problem import Response
from ._bundle import MANNERS, Admitted, Bundle
from .engine import Check, Limit, Quota
from .headers import out_of_service
from .memory import MemoryStore
from .rates import ALGORITHMS
from .store import Store, StoreUnavailable, open_store

_WHEN_DOWN = ("deny", "allow", "local")


class Judge:
    """Asks a store for limits, and turns its answers into verdicts.

    Parameters: those of `RateLimit`, with these.
        layer: the name in decisions.
        owner: the key of `exchange.state` under which an `Admitted` is kept.
        policy: the rule's name where the store is down.

    Raises:
        ConfigurationError: an argument cannot work.
    """

    def __init__(
        self,
        layer: str,
        owner: object,
        policy: str,
        *,
        store: str | Store | None,
        when_down: str,
        headers: str,
        workers: int | None,
        login: bool,
        shadow: bool,
        clock: Callable[[], float],
    ) -> None:
        self._layer = layer
        self._owner = owner
        self.store = open_store(store, clock)
        one_of("when_down", when_down, _WHEN_DOWN)
        one_of("headers", headers, MANNERS)
        if login and when_down == "allow":
            raise ConfigurationError(
                "a login must not be open to guessing while the store is down: with login=True"
                " write when_down='deny' or when_down='local'"
            )
        if login and shadow:
            raise ConfigurationError("shadow=True lets guessing pass: not with login=True")
        self._when_down = "allow" if shadow and when_down == "deny" else when_down
        self._local = MemoryStore(clock=clock) if when_down == "local" else None
        self._share = _workers(workers)
        self._headers = "off" if shadow else headers
        manner: Any = MANNERS[self._headers]
        self.names: frozenset[bytes] = manner.names
        # A layer's additions leave with the response; who is no layer asks for the lines.
        self.adds = self.names if manner.adds and isinstance(owner, Layer) else frozenset[bytes]()
        self._shadow = shadow
        self._down = Decision(layer, "deny", policy, "store-unavailable")
        self.unreadable = Decision(layer, "deny", policy, "malformed-body")
        self._uncounted = Decision(layer, "allow", policy, "store-unavailable")
        self._out_of_service = out_of_service()
        # Limits are the same objects as long as they are of the same configuration.
        self.bundle = lru_cache(maxsize=1024)(self.make_bundle)

    def check_algorithms(self, algorithms: Collection[str]) -> None:
        """Raises ConfigurationError where the store cannot count by one of them."""
        can = getattr(self.store, "algorithms", ALGORITHMS)
        for algorithm in algorithms:
            if algorithm not in can:
                raise ConfigurationError(
                    f"this store cannot count by algorithm={algorithm!r}"
                    + did_you_mean(algorithm, can)
                )

    def make_bundle(self, limits: tuple[Limit, ...], policy: str) -> Bundle:
        return Bundle(self._owner, limits, self._layer, policy, self._headers, self._share)

    def __call__(self, exchange: Exchange, bundle: Bundle, checks: Sequence[Check]) -> Verdict:
        """Charge all checks, which are of the bundle's limits, or none."""
        try:
            answer = self.store.acquire(checks)
        except StoreUnavailable:
            return self._without_store(exchange, bundle, checks)
        if isinstance(answer, list):
            return self._conclude(
                exchange,
                Admitted(bundle, self.store, checks, answer),
                bundle.allowed,
                bundle.denied,
            )
        return self._await(exchange, bundle, checks, answer)

    def _await(
        self,
        exchange: Exchange,
        bundle: Bundle,
        checks: Sequence[Check],
        answer: Pending[list[Quota]],
    ) -> Pending[Response | None]:
        try:
            quotas = yield from answer
        except StoreUnavailable:
            return self._without_store(exchange, bundle, checks)
        admitted = Admitted(bundle, self.store, checks, quotas)
        return self._conclude(exchange, admitted, bundle.allowed, bundle.denied)

    def _without_store(
        self, exchange: Exchange, bundle: Bundle, checks: Sequence[Check]
    ) -> Response | None:
        if self._local is not None:
            limits, allowed, denied = bundle.here
            here = [
                Check(limit, key, cost)
                for (_, key, cost), limit in zip(checks, limits, strict=True)
            ]
            quotas = self._local.acquire(here)
            admitted = Admitted(bundle, self._local, here, quotas)
            return self._conclude(exchange, admitted, allowed, denied)
        if self._when_down == "allow":
            _record(exchange, self._uncounted)
            return None
        _record(exchange, self._down)
        return self._out_of_service

    def _conclude(
        self,
        exchange: Exchange,
        admitted: Admitted,
        allowed: Decision,
        denied: Sequence[Decision],
    ) -> Response | None:
        quotas = admitted.quotas
        for quota, decision in zip(quotas, denied, strict=True):
            if not quota.allowed:
                if self._shadow:
                    _record(exchange, overlooked(decision))
                    return None
                _record(exchange, decision)
                return admitted.bundle.refuse(quotas)
        if self._owner not in exchange.state:
            exchange.decisions.append(allowed)
        exchange.state[self._owner] = admitted
        if self.adds:
            exchange.additions.append(admitted.bundle.note(quotas))
        return None


def _record(exchange: Exchange, decision: Decision) -> None:
    """Once for an exchange: a websocket has messages, and a handler calls, without end."""
    if decision not in exchange.decisions:
        exchange.decisions.append(decision)


def overlooked(decision: Decision) -> Decision:
    """What is recorded of a refusal in shadow: the request proceeds."""
    return decision._replace(outcome="allow", reason=f"would-deny-{decision.reason}")


def one_of(parameter: str, value: object, options: Collection[str]) -> None:
    if not isinstance(value, str) or value not in options:
        raise ConfigurationError(
            f"unknown {parameter} {value!r}" + did_you_mean(str(value), options)
        )


def _workers(workers: int | None) -> int:
    """How many processes share the app: what was given, or what servers are told (gunicorn,
    uvicorn, hypercorn and platforms read WEB_CONCURRENCY)."""
    if workers is None:
        told = os.environ.get("WEB_CONCURRENCY", "")
        return int(told) if re.fullmatch(r"[1-9][0-9]{0,3}", told) else 1
    if type(workers) is not int or not 1 <= workers <= 10_000:
        raise ConfigurationError("workers= takes how many processes serve the app, 1 to 10000")
    return workers
