"""The layer: counts each request before the app sees it, and refuses what exceeds a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Layer, ResponseHead, Verdict
from ._after import After
from ._by_route import EVERYTHING, Hook, RouteRule, by_route, canonical_only, route_rules
from ._costs import Charge, Cost
from ._judge import Judge
from ._lists import Lists
from ._quick import quick, serves
from ._selection import Selection
from .keys import Key
from .rules import Rate, Rule, check_rules
from .store import Store


class RateLimit(Layer):
    """So many requests in so much time, for each client or principal; more get 429.

    Every request counts: HEAD and OPTIONS, unknown paths, websocket handshakes, and requests that
    the boundary refuses. A refused request costs nothing; of several rates and rules all admit a
    request or none is charged.

    Parameters:
        rates: such as "100/15 minutes", "10/second", "1000 per hour"; or one `Tiers`, or one
            function (see `Rule`); and any number of `Rule` objects, with keys of their own.
        key, policy, algorithm, cost, charge: of the rates that are not `Rule` objects; see there.
            With key="principal", "credential" or "claim:...", this layer stands inside
            Authentication.
        routes: more rates, by "METHOD /path/{template}": a string, several, or a `Rule`. They are
            charged beside the others, per client and template. The most specific template wins;
            None: none of these rates. Ambiguous paths are counted and refused. Without other
            rates there must be one for "* /**": no path goes unlimited by accident.
        store: where counts are kept. None: in this process, several worker processes count apart.
            A URL or a `Store`: as it says.
        when_down: what follows where the store does not answer. "deny": 503. "allow": the request
            passes uncounted. "local": it is counted in this process, each of the `workers` with
            its share of the quotas. Decisions tell, by their reason.
        workers: how many processes serve the app, 1 to 10000; by default what the environment's
            WEB_CONCURRENCY says, else 1.
        login: True for rules that stand before passwords and codes: guessing must not be free
            because a store is down, so that when_down="allow" is an error.
        headers: "draft" (RateLimit and RateLimit-Policy), "legacy" (X-RateLimit-*), or "off".
        exempt: who is not counted: exact paths, and client networks such as "10.0.0.0/8". With a
            path, ambiguous paths are counted and refused. Behind a proxy that was not named as
            trusted, everybody has its address: do not exempt its network.
        deny: client networks that get 403, exempt or not.
        shadow: True: nobody is refused; decisions tell who would have been ("would-deny-..."). No
            headers are written, and a store that is down lets pass.
        ipv6_prefix: how many leading bits of an IPv6 address make one client, 32 to 64.
        clock: seconds that never go back; injected by tests.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: the package `limits` is missing.

    Source: RFC 6585 section 4 (429), RFC 9110 section 10.2.3 (Retry-After),
        draft-ietf-httpapi-ratelimit-headers-11.

    >>> app = RateLimit("100/15 minutes", routes={"POST /login": "5/minute"}).wsgi(
    ...     lambda environ, start_response: [])
    """

    name = "ratelimit"
    tolerant = True
    wants_client = True

    def __init__(
        self,
        *rates: Rate | Rule,
        key: Key = "client",
        policy: str | None = None,
        algorithm: str = "gcra",
        cost: Cost = 1,
        charge: Charge | None = None,
        routes: Mapping[str, RouteRule] | None = None,
        store: str | Store | None = None,
        when_down: str = "deny",
        headers: str = "draft",
        exempt: str | Iterable[str] = (),
        deny: str | Iterable[str] = (),
        shadow: bool = False,
        ipv6_prefix: int = 64,
        workers: int | None = None,
        login: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        plain = [rate for rate in rates if not isinstance(rate, Rule)]
        rules = [rate for rate in rates if isinstance(rate, Rule)]
        if plain or not (rules or routes is not None):
            rules.insert(0, Rule(*plain, key=key, policy=policy, algorithm=algorithm, cost=cost,
                                 charge=charge))  # fmt: skip
        at_routes = {} if routes is None else route_rules(routes, algorithm)
        if not rules and EVERYTHING not in at_routes:
            raise ConfigurationError(
                "routes= alone leaves every other path unlimited: add a rate, or one for '* /**'"
            )
        if rules:
            check_rules(rules)
        everything = [*rules, *(rule for rule in at_routes.values() if rule is not None)]
        if not everything:
            raise ConfigurationError("routes= without a rate limits nothing")
        judge = Judge(
            self.name, self, everything[0].policy, store=store, when_down=when_down,
            headers=headers, workers=workers, login=login, shadow=shadow, clock=clock,
        )  # fmt: skip
        judge.check_algorithms({rule.algorithm for rule in everything})
        self.rules: tuple[Rule, ...] = tuple(everything)
        self.store: Store = judge.store
        self.ipv6_prefix: int = ipv6_prefix
        self.colours: frozenset[str] = self.store.colours
        self.wants: frozenset[bytes] = frozenset[bytes]().union(
            *(rule.wants for rule in everything)
        )
        self.reads_headers: bool = bool(self.wants)
        if any(rule.identified for rule in everything):
            self.inside: frozenset[str] = frozenset({"authentication"})

        self._after = After(self)
        is_quick = serves(self.store, everything) and not shadow
        self.keeps_state: bool = not (is_quick and judge.adds)
        lists = Lists(exempt, deny, self.name, shadow=shadow)

        def select(rules: Sequence[Rule], policy: str) -> Hook:
            if serves(self.store, rules) and not shadow:
                return quick(self, judge, rules, policy, ipv6_prefix)
            after = self._after
            return Selection(judge, rules, policy, after=after, ipv6_prefix=ipv6_prefix).judge

        decide: Hook
        others: Hook
        if at_routes:
            decide, others = by_route(select, rules, at_routes, self.name)
        else:
            decide = others = select(rules, rules[0].policy)
        charges = [rule.charge for rule in everything if rule.charge is not None]
        self.adds: frozenset[bytes] = judge.adds
        self.sets: frozenset[bytes] = judge.names.union(*(charge.reads for charge in charges))
        if charges:
            self.__dict__["on_response"] = self._tell_and_charge
            self.__dict__["on_complete"] = self._after.on_complete
        elif judge.adds or not judge.names:
            self.__dict__["on_response"] = super().on_response  # as good as unset: it costs nothing
        if lists:
            decide = lists.before(decide)
        if (at_routes or lists.paths) and not shadow:
            decide = canonical_only(decide, others)
        # The compiler takes the hook from the instance: what is configured is not asked again.
        self.__dict__["on_request"] = decide

    def __repr__(self) -> str:
        return f"<RateLimit {', '.join(rule.policy for rule in self.rules)}>"

    def on_request(self, exchange: Exchange) -> Verdict:
        hook: Hook = self.__dict__["on_request"]
        return hook(exchange)

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        admitted = exchange.state.get(self)
        if admitted is not None:
            admitted.tell(head)

    def _tell_and_charge(self, exchange: Exchange, head: ResponseHead) -> None:
        self._after.on_response(exchange, head)
        RateLimit.on_response(self, exchange, head)
