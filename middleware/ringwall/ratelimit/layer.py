"""The layer: counts each request before the app sees it, and refuses what exceeds a limit."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache, partial
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Decision, Exchange
from .._layer import Layer, ResponseHead, Verdict
from .._pending import Pending
from ..problem import Response
from .engine import GCRA, Check, Limit, Quota
from .headers import Draft, Legacy, Manner, Off, Standing, out_of_service, refusal
from .keys import key_function
from .memory import MemoryStore
from .rates import read_limits
from .store import Store, StoreUnavailable, open_store

_MANNERS: dict[str, Callable[..., Manner]] = {"draft": Draft, "legacy": Legacy, "off": Off}
_WHEN_DOWN = ("deny", "allow", "local")


class RateLimit(Layer):
    """So many requests in so much time, for each client or principal; more get 429.

    Every request counts: HEAD and OPTIONS, unknown paths, websocket handshakes, and requests that
    the boundary refuses. A refused request costs nothing; of several rates all admit a request or
    none is charged.

    Parameters:
        rates: such as "100/15 minutes", "10/second", "1000 per hour".
        key: whose requests are counted together. "client": one address (IPv6: one network).
            "principal": one issuer and subject; this layer then stands inside Authentication, and
            a request that speaks for nobody counts by client. A function of the exchange: the
            string it returns, and by client where it returns None. No request is exempt: those
            without an address share one bucket.
        store: where counts are kept. None: in this process, several worker processes count apart.
            A URL or a `Store`: as it says.
        when_down: what follows where the store does not answer. "deny": 503. "allow": the request
            passes uncounted. "local": it is counted in this process, each of the `workers` with
            its share of the quotas. Decisions tell, by their reason.
        workers: how many processes serve the app, 1 to 10000; by default what the environment's
            WEB_CONCURRENCY says, else 1.
        login: True for rules that stand before passwords and codes: guessing must not be free
            because a store is down, so that when_down="allow" is an error.
        algorithm: "gcra" (a burst of the quota, then evenly), "sliding-window", "fixed-window".
        policy: the policy's name in headers and decisions; by default that of the key. Two layers
            that one response passes should have two names.
        headers: "draft" (RateLimit and RateLimit-Policy), "legacy" (X-RateLimit-*), or "off".
        exempt: exact paths that are not counted. With it, ambiguous paths are refused first.
        ipv6_prefix: how many leading bits of an IPv6 address make one client, 32 to 64.
        clock: seconds that never go back; injected by tests.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: the package `limits` is missing.

    Source: RFC 6585 section 4 (429), RFC 9110 section 10.2.3 (Retry-After),
        draft-ietf-httpapi-ratelimit-headers-11.

    >>> app = RateLimit("100/15 minutes").wsgi(lambda environ, start_response: [])
    """

    name = "ratelimit"
    tolerant = True

    def __init__(
        self,
        *rates: str,
        key: str | Callable[[Exchange], str | None] = "client",
        store: str | Store | None = None,
        when_down: str = "deny",
        algorithm: str = "gcra",
        policy: str | None = None,
        headers: str = "draft",
        exempt: Iterable[str] = (),
        ipv6_prefix: int = 64,
        workers: int | None = None,
        login: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = key_function(key, ipv6_prefix)
        if policy is None:
            policy = key if isinstance(key, str) else "custom"
        self._limits = read_limits(rates, policy, algorithm)
        self._store = open_store(store, clock)
        self.colours = self._store.colours
        algorithms = getattr(self._store, "algorithms", (algorithm,))
        if algorithm not in algorithms:
            raise ConfigurationError(
                f"this store cannot count by algorithm={algorithm!r}"
                + did_you_mean(algorithm, algorithms)
            )
        _one_of("when_down", when_down, _WHEN_DOWN)
        if login and when_down == "allow":
            raise ConfigurationError(
                "a login must not be open to guessing while the store is down: with login=True"
                " write when_down='deny' or when_down='local'"
            )
        self._when_down = when_down
        self._local = MemoryStore(clock=clock) if when_down == "local" else None
        share = _workers(workers)
        # Never more in sum than the rule says, but at least one request each.
        self._local_limits = tuple(
            type(limit)(limit.name, max(1, limit.quota // share), limit.window)
            for limit in self._limits
        )
        _one_of("headers", headers, _MANNERS)
        self._manner = _MANNERS[headers](self._limits)
        self._note_one, self._tell = self._manner.note_one, self._manner.tell
        self.sets = self._manner.names
        if key == "principal":
            self.inside = frozenset({"authentication"})
        self._exempt = _paths(exempt)
        if self._exempt:
            self.by_path = True

        self._allowed = Decision(self.name, "allow", policy, "within-quota")
        self._exempted = Decision(self.name, "allow", "exempt", "exempt")
        self._denied = {
            limit: Decision(self.name, "deny", limit.name, "quota-exceeded")
            for limit in self._limits
        }
        self._allowed_here = Decision(self.name, "allow", policy, "within-local-quota")
        self._denied_here = {
            limit: Decision(self.name, "deny", limit.name, "local-quota-exceeded")
            for limit in self._limits
        }
        self._down = Decision(self.name, "deny", policy, "store-unavailable")
        self._uncounted = Decision(self.name, "allow", policy, "store-unavailable")
        self._out_of_service = out_of_service()
        self._refusal: Callable[[tuple[Standing, ...]], Response] = partial(refusal, self._manner)
        if self._manner.timeless:
            self._refusal = lru_cache(maxsize=1024)(self._refusal)

        judge: Callable[[Exchange], Verdict] = self._judge
        if isinstance(self._store, MemoryStore) and len(self._limits) == 1:
            only = self._limits[0]
            if isinstance(only, GCRA):
                self._interval = only.interval
                self._charge = self._store.lane(only)
                judge = self._judge_one
        self._counted = judge
        # The compiler takes the hook from the instance: what is configured is not asked again.
        self.__dict__["on_request"] = self._judge_unless_exempt if self._exempt else judge

    def on_request(self, exchange: Exchange) -> Verdict:
        return self._counted(exchange)

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        noted = exchange.state.get(self)
        if noted is not None:
            self._tell(head, noted)

    def _judge_unless_exempt(self, exchange: Exchange) -> Verdict:
        if exchange.path in self._exempt:
            exchange.decisions.append(self._exempted)
            return None
        return self._counted(exchange)

    def _judge_one(self, exchange: Exchange) -> Verdict:
        """The commonest case: one GCRA limit in memory, charged through its `lane`."""
        left = self._charge(self._key(exchange))
        if left < 0:
            return self._refuse(exchange, (Standing(self._limits[0], 0, -left),), self._denied)
        remaining = left // self._interval
        exchange.state[self] = self._note_one(remaining, self._interval - left)
        exchange.decisions.append(self._allowed)
        return None

    def _judge(self, exchange: Exchange) -> Verdict:
        key = self._key(exchange)
        checks = [Check(limit, key) for limit in self._limits]
        try:
            answer = self._store.acquire(checks)
        except StoreUnavailable:
            return self._without_store(exchange, checks)
        if isinstance(answer, list):
            return self._conclude(exchange, answer, self._allowed, self._denied)
        return self._await(exchange, checks, answer)

    def _await(
        self, exchange: Exchange, checks: list[Check], answer: Pending[list[Quota]]
    ) -> Pending[Response | None]:
        try:
            quotas = yield from answer
        except StoreUnavailable:
            return self._without_store(exchange, checks)
        return self._conclude(exchange, quotas, self._allowed, self._denied)

    def _without_store(self, exchange: Exchange, checks: list[Check]) -> Response | None:
        if self._local is not None:
            here = [
                check._replace(limit=limit)
                for check, limit in zip(checks, self._local_limits, strict=True)
            ]
            quotas = self._local.acquire(here)
            return self._conclude(exchange, quotas, self._allowed_here, self._denied_here)
        if self._when_down == "allow":
            exchange.decisions.append(self._uncounted)
            return None
        exchange.decisions.append(self._down)
        return self._out_of_service

    def _conclude(
        self,
        exchange: Exchange,
        quotas: list[Quota],
        allowed: Decision,
        denied: dict[Limit, Decision],
    ) -> Response | None:
        for quota in quotas:
            if not quota.allowed:
                return self._refuse(exchange, self._violated(quotas), denied)
        exchange.state[self] = self._manner.note(quotas)
        exchange.decisions.append(allowed)
        return None

    def _violated(self, quotas: list[Quota]) -> tuple[Standing, ...]:
        return tuple(
            Standing(limit, quota.remaining, quota.wait)
            for limit, quota in zip(self._limits, quotas, strict=True)
            if not quota.allowed
        )

    def _refuse(
        self,
        exchange: Exchange,
        violated: tuple[Standing, ...],
        denied: dict[Limit, Decision],
    ) -> Response:
        exchange.decisions.append(denied[violated[0].limit])
        # In whole seconds there are few different refusals: a flood is answered from the cache.
        return self._refusal(tuple(standing.rounded_up() for standing in violated))


def _one_of(parameter: str, value: object, options: Collection[str]) -> None:
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


def _paths(exempt: Any) -> frozenset[str]:
    paths = [exempt] if isinstance(exempt, str) else list(exempt)
    for path in paths:
        if not isinstance(path, str) or not path.startswith("/"):
            raise ConfigurationError(f"exempt= takes exact paths such as '/healthz', not {path!r}")
    return frozenset(paths)
