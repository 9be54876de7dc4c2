"""What route handlers ask of the wall around their app: the ground that integrations with
frameworks stand on, and enough for a framework without one.

Here nothing is judged anew: a requirement is a rule of `Authorization` that stands at the handler.
It fails closed: without a stack around the app there is no answer but an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

from ._errors import ConfigurationError
from ._exchange import Exchange
from ._failure import fail
from ._layer import Verdict
from ._pending import asettle, settle
from .authz import Authorization, Condition, Facts, Need, Policy, allow
from .authz._condition import as_condition
from .authz._roles import Roles
from .context import exchange_of
from .description import challenge_of
from .problem import Header, Response

__all__ = ["Guard", "NotWalled", "Refused", "Requirement", "name_of", "walled_exchange"]


_MOST_JUDGES = 16


class Guard(Protocol):
    """What can stand before a handler: a `Requirement`, a `ringwall.limit`."""

    def check(self, request: Any) -> Response | None:
        """The refusal, or None: it may proceed. Blocking."""
        ...

    async def acheck(self, request: Any) -> Response | None:
        """`check` on an event loop."""
        ...

    def headers(self, request: Any) -> tuple[Header, ...]:
        """Lines to add to the response of a request that may proceed."""
        ...


def name_of(handler: Any) -> str:
    """What to call a handler, where each has a limit of its own: see `ringwall.limit.named`."""
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    return f"{getattr(handler, '__module__', '')}.{name}"


class NotWalled(RuntimeError):
    """A handler asked for protection, and no stack is around the app. It is not called."""


class Refused(Exception):
    """A handler's requirement is not met. Integrations answer with `response`."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status}")
        self.response = response


def walled_exchange(request: Any) -> Exchange:
    """The exchange of a request.

    Parameters:
        request: an ASGI scope, a WSGI environ, or the request object of a known framework.

    Raises:
        NotWalled: no stack is around the app.
    """
    exchange = exchange_of(request)
    if exchange is None:
        raise NotWalled(
            "no Ringwall stack is around this app, so nothing here can be decided; wrap it:"
            " stack.asgi(app) or stack.wsgi(app)"
        )
    return exchange


class Requirement:
    """What a principal must have to pass: the conditions of `allow`, at a handler.

    Parameters:
        conditions: `scope(...)`, `role(...)`, `claim(...)`, `owner(...)` and others, joined with
            `&`, `|`, `~`; several must all hold. None: every authenticated principal passes.
        path: the template that names what a loader takes, such as "/v1/orders/{order_id:int}";
            a request for another path, or with an id in another spelling, is refused.
        hide: refuse with 404 instead of 403.
        roles: the hierarchy of roles, as for `Authorization`; None: that of the `Authorization`
            around the app. Without it `~role("editor")` would let those pass who are more.
        interface: "asgi" or "wsgi", where it is known: a loader that cannot serve it is refused at
            once.

    Raises:
        ConfigurationError: a condition cannot work here; the message says what to write instead.

    The refusal is the problem document that `Authorization` would answer with, and the decision
    goes to the audit.

    >>> from ringwall import scope
    >>> Requirement(scope("orders:write"))
    <Requirement scope('orders:write')>
    >>> Requirement(scope("orders:write")).check({"type": "http"})
    Traceback (most recent call last):
    ringwall.handlers.NotWalled: no Ringwall stack is around this app, so nothing here can be decided; wrap it: stack.asgi(app) or stack.wsgi(app)
    """  # noqa: E501 - a message in full

    def __init__(
        self,
        *conditions: Condition | Callable[[Facts], bool],
        path: str | None = None,
        hide: bool = False,
        roles: Mapping[str, Iterable[str]] | None = None,
        interface: Literal["asgi", "wsgi"] | None = None,
    ) -> None:
        condition: Condition | None = None
        for given in conditions:
            each = as_condition(given)
            condition = each if condition is None else condition & each
        self._text = "authenticated" if condition is None else repr(condition)
        self._path = path
        self._rule = allow("GET", path or "/", condition, name=f"require {self._text}", hide=hide)
        self._roles = None if roles is None else Roles(roles)
        self._policy = Policy(self._rule, roles=self._roles)
        if self._policy.reads_body:
            raise ConfigurationError(
                "a handler has its body already: ids from the body belong into a rule of"
                " Authorization(...)"
            )
        if interface is not None and interface not in self._policy.colours:
            other = "async" if interface == "wsgi" else "blocking"
            raise ConfigurationError(
                f"{self._text}: a loader here is {other} only, which this handler cannot wait for"
            )
        #: The scopes that it names, for descriptions.
        self.scopes: tuple[str, ...] = _scopes(condition)
        # One for each challenge and hierarchy, that is: for each stack and policy.
        self._judges: dict[tuple[str | None, Roles | None], _Judge] = {}

    def __repr__(self) -> str:
        return f"<Requirement {self._text}>"

    def check(self, request: Any) -> Response | None:
        """Judge a request, blocking where a loader does.

        Parameters:
            request: an ASGI scope, a WSGI environ, or the request object of a known framework.

        Returns:
            The refusal, or None: it may proceed.

        Raises:
            NotWalled: no stack is around the app.
        """
        exchange = walled_exchange(request)
        try:
            verdict = self._judge(exchange)
            if verdict is None or isinstance(verdict, Response):
                return verdict
            return settle(verdict)
        except Exception as error:  # noqa: BLE001  a failure of ours is a refusal
            return fail("authorization", exchange, error)

    async def acheck(self, request: Any) -> Response | None:
        """`check`, with async loaders awaited."""
        exchange = walled_exchange(request)
        try:
            verdict = self._judge(exchange)
            if verdict is None or isinstance(verdict, Response):
                return verdict
            return await asettle(verdict)
        except Exception as error:  # noqa: BLE001  a failure of ours is a refusal
            return fail("authorization", exchange, error)

    def headers(self, request: Any) -> tuple[Header, ...]:
        """None."""
        return ()

    def _judge(self, exchange: Exchange) -> Verdict:
        roles = self._roles or _hierarchy(exchange)
        key = challenge_of(exchange), roles
        judge = self._judges.get(key)
        if judge is None:
            if len(self._judges) >= _MOST_JUDGES:  # policies that were reloaded leave theirs
                self._judges.clear()
            policy = self._policy if roles is None else Policy(self._rule, roles=roles)
            judge = self._judges[key] = _Judge(policy=policy, challenge=key[0])
        return judge.judge(exchange, "/" if self._path is None else exchange.path or "/")


class _Judge(Authorization):
    """The layer, asked by a handler: it leaves the route of the request alone."""

    def judge(self, exchange: Exchange, path: str) -> Verdict:
        match = self.policy.match("GET", path)
        facts = Facts(exchange.principal, match.params, exchange)
        facts.inline = True
        answer = self.policy.decide(match, facts)
        if isinstance(answer, Need):
            return self._wait(exchange, match, facts, answer)
        return self._conclude(exchange, match, facts, answer)


def _hierarchy(exchange: Exchange) -> Roles | None:
    """The hierarchy of roles of the innermost authorization around the app."""
    stack: Exchange | None = exchange
    while stack is not None:
        for layer in reversed(stack.boundary.layers):
            if isinstance(layer, Authorization):
                return layer.policy.roles
        stack = stack.parent
    return None


def _scopes(condition: Condition | None) -> tuple[str, ...]:
    parts = () if condition is None else condition.walk()
    hints = (part.hint for part in parts)
    return tuple(dict.fromkeys(hint.scope for hint in hints if hint and hint.scope))
