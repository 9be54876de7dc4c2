"""An introspection endpoint as it is asked: under a circuit breaker, and without exceptions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._pending import Call, Pending, perform
from ._answers import Answers
from ._breaker import CircuitBreaker
from ._introspector import JSON, JWT, ClientSecretBasic, HTTPIntrospector, NotAnswered
from ._urls import check_url

_log = logging.getLogger("ringwall.authn")


class Endpoint:
    """Asks about tokens.

    Parameters:
        port: that of the configuration. answers: reads what it says.
        breaker: leaves it alone for a while after failures.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: the port has no method that asks.

    Attributes:
        colours: the interfaces it can serve.
    """

    def __init__(
        self, port: object, answers: Answers, breaker: CircuitBreaker, clock: Callable[[], float]
    ) -> None:
        self._introspect = getattr(port, "introspect", None)
        self._aintrospect = getattr(port, "aintrospect", None)
        ports = (("wsgi", self._introspect), ("asgi", self._aintrospect))
        asked = frozenset(colour for colour, method in ports if method is not None)
        self.colours: frozenset[str] = asked & answers.colours
        if not self.colours:
            raise ConfigurationError(
                "endpoint must be an https:// URL, or an object with introspect(token) for WSGI or"
                " async aintrospect(token) for ASGI"
            )
        self._answers = answers
        self._breaker = breaker
        self._clock = clock

    def ask(self, token: str, exchange: Exchange) -> Pending[dict[str, Any] | None]:
        """The claims about a token; None: there is no answer at present."""
        if not self._breaker.allows():
            return None
        try:
            answer = yield from perform(Call(self._introspect, self._aintrospect, token))
            self._breaker.succeeded()
            return (yield from self._answers.read(answer, exchange, self._clock()))
        except Exception as error:  # noqa: BLE001 - whatever a port throws, nothing is known good
            # What one token can provoke must not open the circuit for all the others.
            if not isinstance(error, NotAnswered):
                self._breaker.failed()
            _log.warning("a token could not be introspected: %s", type(error).__name__)
            return None


class Client(NamedTuple):
    """What this service proves itself with to the server, see `Introspection`."""

    id: str
    secret: str
    auth: object

    def __repr__(self) -> str:
        return "<Client>"


def over_https(url: str, client: Client, *, signed: bool, **options: Any) -> HTTPIntrospector:
    """The port to an endpoint.

    Parameters:
        signed: whether to ask for signed answers. options: of `HTTPIntrospector`.

    Raises:
        ConfigurationError: the URL or the client's credentials cannot work.
    """
    checked = check_url(url, "endpoint")
    if isinstance(client.auth, httpx.Auth):
        return HTTPIntrospector(
            checked, auth=client.auth, form={}, accept=JWT if signed else JSON, **options
        )
    if client.auth not in ("basic", "post"):
        raise ConfigurationError("client_auth is 'basic', 'post' or an httpx.Auth")
    if not client.id or not client.secret:
        raise ConfigurationError(
            "client_id and client_secret are missing: an introspection endpoint answers none but"
            " its clients (RFC 7662 section 2.1); or give client_auth=<an httpx.Auth>"
        )
    basic = client.auth == "basic"
    return HTTPIntrospector(
        checked,
        auth=ClientSecretBasic(client.id, client.secret) if basic else None,
        form={} if basic else {"client_id": client.id, "client_secret": client.secret},
        accept=JWT if signed else JSON,
        **options,
    )
