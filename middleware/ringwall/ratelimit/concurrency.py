"""How many requests may be in flight at a time: for each client, and in all."""

from __future__ import annotations

from collections.abc import Iterable
from threading import RLock
from typing import Any, Literal

from .._errors import ConfigurationError
from .._exchange import Decision, Exchange, Outcome
from .._layer import Layer, Verdict
from ..problem import problem
from ._judge import one_of
from ._lists import Lists
from .headers import REDUCED_CAPACITY
from .keys import Key, compile_key

_MOST = 1_000_000
_KINDS = ("all", "http", "websocket")
_NO_POLICY: dict[str, Any] = {"violated-policies": []}


class ConcurrencyLimit(Layer):
    """So many requests in flight at a time; more get 503.

    A request holds its place until its response has ended, a websocket until it is closed, and
    gives it back exactly once: also where the client leaves, the app fails or is cancelled, or a
    body is never read. Places are those of this process: four workers have four times as many. A
    worker that is killed takes its places with it.

    Parameters:
        per_key: how many at a time for each key; None: no limit.
        total: how many at a time in all; None: no limit.
        key: whose requests are counted together, as in `Rule`. What a client can choose (a header)
            is no key here.
        kind: "all", "http", or "websocket": then only those are counted, and limited.
        exempt: exact paths and client networks that are not counted, such as a health check's.
        retry_after: seconds that a refusal tells, 1 to 3600.
        policy: the name in decisions; by default that of the key.
        ipv6_prefix: as in `RateLimit`.

    Raises:
        ConfigurationError: an argument cannot work.

    Source: RFC 9110 sections 15.6.4 and 10.2.3.

    >>> app = ConcurrencyLimit(10, total=200).wsgi(lambda environ, start_response: [])
    """

    name = "concurrency"
    tolerant = True

    def __init__(
        self,
        per_key: int | None = None,
        *,
        total: int | None = None,
        key: Key = "client",
        kind: Literal["all", "http", "websocket"] = "all",
        exempt: str | Iterable[str] = (),
        retry_after: int = 1,
        policy: str | None = None,
        ipv6_prefix: int = 64,
    ) -> None:
        if per_key is None and total is None:
            raise ConfigurationError(
                "ConcurrencyLimit needs a number, such as ConcurrencyLimit(10, total=200)"
            )
        for name, number, most in (
            ("per_key", per_key, _MOST),
            ("total", total, _MOST),
            ("retry_after", retry_after, 3600),
        ):
            if number is not None and (type(number) is not int or not 1 <= number <= most):
                raise ConfigurationError(f"{name}= takes a number from 1 to {most}")
        one_of("kind", kind, _KINDS)
        compiled = compile_key(key, ipv6_prefix)
        if compiled.chosen:
            raise ConfigurationError("whoever chooses the header chooses the place; use 'client'")
        if compiled.identified:
            self.inside: frozenset[str] = frozenset({"authentication"})
        self._key = compiled.of
        self.wants_client: bool = "client" in compiled.parts
        self._per_key = _MOST if per_key is None else per_key
        self._total = _MOST if total is None else total
        self._other = {"all": None, "http": "websocket", "websocket": "http"}[kind]
        policy = compiled.policy if policy is None else policy
        self._allowed = Decision(self.name, "allow", policy, "within-capacity")
        self._denied = Decision(self.name, "deny", policy, "too-many-in-flight")
        self._full = Decision(self.name, "deny", "total", "too-many-in-flight")
        self._refusal = problem(
            503,
            "Too many requests are in progress. Try again soon.",
            code="too-many-in-flight",
            type=REDUCED_CAPACITY,
            headers=((b"retry-after", b"%d" % retry_after),),
            **_NO_POLICY,
        )
        # A key is held as long as something of it is in flight, and no longer.
        # Reentrant: the collector may end an exchange (a WSGI body that nobody closed) in the midst
        # of a change. So a change calls nothing: a call is where the collector may come.
        self._lock = RLock()
        self._held: dict[str, int] = {}
        self._sum = 0
        lists = Lists(exempt, (), self.name, shadow=False)
        self.by_path: bool = bool(lists.paths)
        if lists:
            self.__dict__["on_request"] = lists.before(self.on_request)

    def __repr__(self) -> str:
        return f"<ConcurrencyLimit {self._sum} in flight>"

    def on_request(self, exchange: Exchange) -> Verdict:
        if exchange.kind == self._other:
            return None
        key = self._key(exchange)
        with self._lock:
            held = self._held[key] if key in self._held else 0  # noqa: SIM401
            if held < self._per_key and self._sum < self._total:
                self._held[key] = held + 1
                self._sum += 1
                exchange.state[self] = key
                exchange.decisions.append(self._allowed)
                return None
        exchange.decisions.append(self._denied if held >= self._per_key else self._full)
        return self._refusal

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        key: str | None = exchange.state.pop(self, None)
        if key is None:
            return
        with self._lock:
            self._sum -= 1
            if self._held[key] == 1:
                del self._held[key]
            else:
                self._held[key] -= 1
