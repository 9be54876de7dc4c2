"""A limit for one handler, wherever it is called from: the base of decorators and dependencies."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

from .._errors import ConfigurationError
from .._pending import asettle, settle
from ..context import exchange_of
from ..problem import Header, Response
from ._after import After
from ._bundle import Admitted
from ._costs import Cost
from ._judge import Judge
from ._selection import Selection
from .keys import Key
from .rules import Rate, Rule, check_rules
from .store import Store

_NAME = re.compile(r"[ !#-\[\]-~]{1,64}\Z")


class limit:  # noqa: N801  used as a decorator is
    """So many calls of one handler in so much time, asked for in the handler itself.

    It knows no framework. The app stands inside a Ringwall stack (any layer will do), which tells
    who the client is. What an integration does with it, before its handler runs:

        refused = limit.check(request)            # WSGI; in ASGI: await limit.acheck(request)
        if refused is not None:
            return <refused.status, refused.headers, refused.body as the framework's response>
        response = handler(request)
        for name, value in limit.headers(request):     # bytes, to append to the response
            ...

    One `limit` object counts for all handlers that share it. An integration that makes one object
    for each handler calls `named(handler_name)`, so that handlers do not share counts in a shared
    store by accident. Several limits on one handler are asked one after the other.

    Parameters:
        rates, key, policy, algorithm, cost: as in `Rule`.
        store, when_down, workers, login, headers, ipv6_prefix, clock: as in `RateLimit`. Give
            several limits one store object, not one URL each: an object is one set of connections.

    Raises:
        ConfigurationError: an argument cannot work. MissingDependency: `limits` is missing.

    >>> from ringwall import Stack
    >>> login = limit("5/minute", policy="login")
    >>> def app(environ, start_response):
    ...     refused = login.check(environ)
    ...     start_response(f"{refused.status if refused else 200} x", [])
    ...     return [b""]
    >>> app = Stack().wsgi(app)
    """

    def __init__(
        self,
        *rates: Rate,
        key: Key = "client",
        policy: str | None = None,
        algorithm: str = "gcra",
        cost: Cost = 1,
        store: str | Store | None = None,
        when_down: str = "deny",
        workers: int | None = None,
        login: bool = False,
        headers: str = "draft",
        ipv6_prefix: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rule = Rule(*rates, key=key, policy=policy, algorithm=algorithm, cost=cost)
        check_rules([rule])
        if rule.wants:
            raise ConfigurationError(
                "a limit in a handler cannot read request headers: give a function, or write a"
                " Rule in a RateLimit layer"
            )
        judge = Judge(
            "ratelimit", self, rule.policy, store=store, when_down=when_down, headers=headers,
            workers=workers, login=login, shadow=False, clock=clock,
        )  # fmt: skip
        judge.check_algorithms({algorithm})
        self._judge = Selection(
            judge, [rule], rule.policy, after=After(self), ipv6_prefix=ipv6_prefix
        ).judge
        self._named = policy is not None
        self._again: dict[str, Any] = {
            "key": key, "algorithm": algorithm, "cost": cost, "store": judge.store,
            "when_down": when_down, "workers": workers, "login": login, "headers": headers,
            "ipv6_prefix": ipv6_prefix, "clock": clock,
        }  # fmt: skip
        self._rates = rates
        self.policy: str = rule.policy
        self.colours: frozenset[str] = judge.store.colours

    def __repr__(self) -> str:
        return f"<limit {self.policy}>"

    def named(self, name: str) -> limit:
        """The same limit for one handler: its counts, in the same store, are its own. A limit that
        was given `policy=` keeps that, and is returned as it is."""
        if self._named:
            return self
        policy = f"{self.policy} {name}"
        if not _NAME.match(policy):
            digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8)
            policy = f"{self.policy[:40]} {digest.hexdigest()}"
        return limit(*self._rates, policy=policy, **self._again)

    def check(self, request: Any) -> Response | None:
        """Count a call: None lets it pass, a Response (429 or 503) is the answer.

        Parameters:
            request: a WSGI environ, an ASGI scope, or the request of a known framework.

        Raises:
            RuntimeError: no Ringwall stack stands around the app. MissingColour: the store, or a
                function of yours, is asynchronous only.
        """
        verdict = self._judge(_exchange(request))
        if verdict is None or isinstance(verdict, Response):
            return verdict
        return settle(verdict)

    async def acheck(self, request: Any) -> Response | None:
        """`check` on an event loop. Raises as it does."""
        verdict = self._judge(_exchange(request))
        if verdict is None or isinstance(verdict, Response):
            return verdict
        return await asettle(verdict)

    def headers(self, request: Any) -> tuple[Header, ...]:
        """The lines to add to the response of a call that `check` let pass."""
        admitted = _exchange(request).state.get(self)
        if not isinstance(admitted, Admitted):
            return ()
        return admitted.bundle.lines(admitted.quotas)


def _exchange(request: Any) -> Any:
    exchange = exchange_of(request)
    if exchange is None:
        raise RuntimeError(
            "a limit needs a Ringwall stack around the app, which tells who the client is; write"
            " app = Stack().asgi(app), or Stack().wsgi(app)"
        )
    return exchange
