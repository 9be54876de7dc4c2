"""Guessing of passwords and codes: charged before the app is asked, given back for a right one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from .._errors import ConfigurationError
from .._exchange import Exchange, Outcome
from .._layer import Layer, ResponseHead, Verdict
from .._pending import Pending
from ..context import exchange_of
from ..problem import Response
from ._account import Account, AccountReader, Unreadable, hashed
from ._bundle import Admitted
from ._judge import Judge
from ._lockout import ladder
from ._routes import Routes
from .engine import Check
from .keys import client_key, joined
from .rates import read_limits, read_seconds
from .store import Store, StoreUnavailable


class LoginLimit(Layer):
    """So few wrong logins, with locks that grow; a right one costs the time it took at most.

    Each attempt is charged before the app sees it, so that no number of parallel guesses exceeds
    the limits, and given back where the app says that it was right. Whatever else happens (an
    error, a client that leaves, a crash) it stays charged. What time may have given back already is
    not given back twice: right ones that overlap let no more wrong ones pass. Three things are
    counted, all or none:

    - one account from one client: after `attempts` wrong ones it is locked for `lock`, after each
      further one for twice as long, at most for `longest`;
    - one account from everywhere (`per_account`), against guessing from many addresses. Wider, as
      it also keeps out the account's owner: nobody alone can exhaust it, for the locks above;
    - one client over all accounts (`per_client`), against trying one password on many accounts.

    Parameters:
        routes: where passwords or codes are tried, such as "POST /login"; one or several.
        account: who logs in: "form:FIELD" or "json:MEMBER" of the body, both (by its type), or a
            function of the exchange. Bodies of other types, and ambiguous ones, are refused.
        success: statuses by which the app says that a login was right, such as [200, 204]. None by
            default, as many apps answer 200 to a wrong one; then a handler calls `refund`.
        attempts: wrong ones before the first lock, 1 to 1000.
        lock, longest: the first and the longest lock, such as "1 minute".
        per_account, per_client: rates.
        when_down: what follows where the store does not answer: "deny" (503) or "local" (counted
            in this process). A login never fails open.
        body_limit: bytes of a body, 1 to 2^20.
        store, workers, ipv6_prefix, clock: as in `RateLimit`.
        policy: begins the names of the limits.

    Raises:
        ConfigurationError: an argument cannot work. MissingDependency: `limits` is missing.

    Source: NIST SP 800-63B section 5.2.2; OWASP Authentication Cheat Sheet.

    >>> LoginLimit("POST /login", account="form:username", success=[303])
    <LoginLimit login>
    """

    name = "login"
    by_path = True

    def __init__(
        self,
        routes: str | Iterable[str],
        *,
        account: Account,
        success: Iterable[int] = (),
        attempts: int = 5,
        lock: str = "1 minute",
        longest: str = "1 hour",
        per_account: str = "100/hour",
        per_client: str = "50/hour",
        store: str | Store | None = None,
        when_down: str = "deny",
        workers: int | None = None,
        ipv6_prefix: int = 64,
        body_limit: int = 16_384,
        policy: str = "login",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if type(attempts) is not int or not 1 <= attempts <= 1000:
            raise ConfigurationError("attempts= takes a number from 1 to 1000")
        if type(body_limit) is not int or not 1 <= body_limit <= 1 << 20:
            raise ConfigurationError("body_limit= takes bytes, from 1 to 2^20")
        first, last = read_seconds("lock", lock), read_seconds("longest", longest)
        if last < first:
            raise ConfigurationError("longest= is shorter than lock=")
        self._success = _statuses(success)
        self._routes = Routes(dict.fromkeys([routes] if isinstance(routes, str) else routes, True))
        self._reader = AccountReader(account, body_limit)
        self.wants: frozenset[bytes] = self._reader.wants
        self._client = client_key(ipv6_prefix)
        self._pair = ladder(f"{policy}-lock", attempts, first, last)
        self._account = read_limits([per_account], f"{policy}-account", "gcra")
        self._clients = read_limits([per_client], f"{policy}-client", "gcra")
        self._judge = Judge(
            self.name, self, policy, store=store, when_down=when_down, headers="off",
            workers=workers, login=True, shadow=False, clock=clock,
        )  # fmt: skip
        self._judge.check_algorithms({"gcra"})
        self.store: Store = self._judge.store
        self.ipv6_prefix: int = ipv6_prefix
        self.colours: frozenset[str] = self.store.colours
        self._policy = policy
        self._bundle = self._judge.make_bundle(
            (*self._pair, *self._account, *self._clients), policy
        )

    def __repr__(self) -> str:
        return f"<LoginLimit {self._policy}>"

    def on_request(self, exchange: Exchange) -> Verdict:
        return self._reserve(exchange) if self._routes.find(exchange) else None

    def _reserve(self, exchange: Exchange) -> Pending[Response | None]:
        try:
            account = hashed((yield from self._reader.read(exchange)))
        except Unreadable as error:
            exchange.decisions.append(self._judge.unreadable)
            return error.response
        checks = self.checks(self._client(exchange), account)
        verdict = self._judge(exchange, self._bundle, checks)
        if verdict is not None and not isinstance(verdict, Response):
            verdict = yield from verdict
        admitted = exchange.state.get(self)
        if admitted is not None:
            exchange.state[self] = Reservation(admitted)
        return verdict

    def checks(self, client: str | None, account: str | None) -> list[Check]:
        """What is counted for the keys of a client, an account, or both."""
        checks: list[Check] = []
        if client is not None and account is not None:
            pair = joined("m", client, account)
            checks += [Check(limit, pair) for limit in self._pair]
        if account is not None:
            checks += [Check(limit, account) for limit in self._account]
        if client is not None:
            checks += [Check(limit, client) for limit in self._clients]
        return checks

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        if head.status in self._success:
            reservation = exchange.state.get(self)
            if reservation is not None:
                reservation.succeeded = True

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> Pending[None] | None:
        reservation: Reservation | None = exchange.state.pop(self, None)
        if reservation is None or not reservation.succeeded:
            return None
        return reservation.give_back()


class Reservation:
    """An attempt that was charged, until it is known how it ended."""

    __slots__ = ("_admitted", "succeeded")

    def __init__(self, admitted: Admitted) -> None:
        self._admitted = admitted
        self.succeeded: bool = False

    def give_back(self) -> Pending[None]:
        _, store, checks, quotas = self._admitted
        with suppress(StoreUnavailable):  # it stays charged
            pending = store.refund(checks, quotas)
            if pending is not None:
                yield from pending


def refund(request: Any) -> None:
    """Say that this login was right: what a `LoginLimit` around the app has charged for it is given
    back when the response has left. To be called once the password, and every further factor
    that this request proves, is verified.

    Parameters:
        request: a WSGI environ, an ASGI scope, or the request of a known framework.

    >>> refund({"type": "http"})
    """
    exchange = exchange_of(request)
    while exchange is not None:
        for value in exchange.state.values():
            if isinstance(value, Reservation):
                value.succeeded = True
        exchange = exchange.parent


def _statuses(success: Iterable[int]) -> frozenset[int]:
    statuses = frozenset(success)
    for status in statuses:
        if type(status) is not int or not 200 <= status <= 399:
            raise ConfigurationError(
                f"success= takes statuses from 200 to 399 that no wrong login gets, not {status!r}"
            )
    return statuses
