"""One-time tickets for websockets: browsers cannot set a header on a handshake, but any URL."""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Protocol

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._fingerprint import Configured
from .._pending import Call, Pending, asettle, perform, settle
from ..principal import Principal
from ._failure import Failure
from ._grants import freeze
from ._scheme import Judgement, Scheme, at_least

BAD_TICKET = Failure(
    "invalid-ticket", "The ticket is unknown, used or expired; get a new one.", error=None
)
STORE_UNAVAILABLE = Failure(
    "ticket-store-unavailable",
    "Tickets cannot be checked at the moment; try again later.",
    error=None,
    status=503,
)

_log = logging.getLogger("ringwall.authn")
_TICKET = re.compile(rb"[A-Za-z0-9_-]{43}\Z")


class TicketStore(Protocol):
    """Keeps tickets for their short life. Names are hashes; values hold who they are for."""

    def put(self, name: str, value: str, lifetime: float) -> None:
        """Keep a value for so many seconds."""
        ...

    def take(self, name: str) -> str | None:
        """Give the value back once, to one of those who ask at the same time, and forget it."""
        ...


class AsyncTicketStore(Protocol):
    """The same for asyncio. One object may be both."""

    def aput(self, name: str, value: str, lifetime: float) -> Awaitable[None]:
        """As `TicketStore.put`."""
        ...

    def atake(self, name: str) -> Awaitable[str | None]:
        """As `TicketStore.take`."""
        ...


class MemoryTickets(Configured):
    """Tickets in the memory of this process.

    Parameters:
        size: the most tickets; the oldest give way. Such a one is refused, which is safe.
        clock: monotonic seconds.
    """

    def __init__(self, *, size: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        at_least("size", size, 1)
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._tickets: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def __repr__(self) -> str:
        return f"<MemoryTickets {len(self)}>"

    def put(self, name: str, value: str, lifetime: float) -> None:
        with self._lock:
            now = self._clock()
            for old, (_, ends) in [*self._tickets.items()]:
                if ends > now and len(self._tickets) < self._size:
                    break  # those behind it are younger
                del self._tickets[old]
            self._tickets[name] = value, now + lifetime

    def take(self, name: str) -> str | None:
        with self._lock:
            found = self._tickets.pop(name, None)
        return found[0] if found is not None and found[1] > self._clock() else None

    async def aput(self, name: str, value: str, lifetime: float) -> None:
        self.put(name, value, lifetime)

    async def atake(self, name: str) -> str | None:
        return self.take(name)


class WebSocketTickets(Scheme):
    """Accept tickets that an endpoint of yours gave to somebody authenticated: in the query of a
    websocket handshake, once, and soon. The app does not see them.

    Parameters:
        store: None: in the memory of this process; a URL of Redis ("redis://...") for several; or
            an object as `TicketStore` and `AsyncTicketStore` say.
        lifetime: how long a ticket is good, in seconds, at most 300.
        query: the name of the query parameter.

    Raises:
        ConfigurationError: an argument cannot work.

    >>> tickets = WebSocketTickets()
    >>> ticket = tickets.issue(Principal("alice", scheme="bearer"))
    >>> len(ticket), tickets
    (43, <WebSocketTickets>)
    """

    name = "Ticket"
    # In the URL of a page it would be seen, sent on and used up by accident; there, a parameter of
    # this name is the app's own affair.
    kinds: frozenset[str] = frozenset({"websocket"})
    conceals = True
    tells_error = False
    failures: tuple[Failure, ...] = (BAD_TICKET, STORE_UNAVAILABLE)

    def __init__(
        self,
        store: str | TicketStore | AsyncTicketStore | None = None,
        *,
        lifetime: float = 30.0,
        query: str = "ticket",
    ) -> None:
        at_least("lifetime", lifetime, 0.001)
        if lifetime > 300:
            raise ConfigurationError("lifetime is at most 300 seconds: a ticket lies in a URL")
        if not re.match(r"[A-Za-z0-9_-]+\Z", query):
            raise ConfigurationError("query= is one name of letters, digits, '-' and '_'")
        self.query: str | None = query
        self.parameters: tuple[tuple[str, str], ...] = (("query", query),)
        self._lifetime = lifetime
        if isinstance(store, str):
            from ._redis_tickets import RedisTickets

            store = RedisTickets(store)
        self._store: Any = MemoryTickets() if store is None else store
        # Websockets are a thing of ASGI; under WSGI there is nothing to take.
        if not hasattr(self._store, "atake"):
            raise ConfigurationError("a store of tickets needs async atake(name)")

    def __repr__(self) -> str:
        return "<WebSocketTickets>"

    def issue(self, principal: Principal) -> str:
        """A new ticket, for a handler that is no coroutine. Errors of the store come out.

        Parameters:
            principal: whom the websocket will speak for, such as `principal_of(request)`.
        """
        return settle(self._issue(principal))

    async def aissue(self, principal: Principal) -> str:
        """As `issue`, for a coroutine."""
        return await asettle(self._issue(principal))

    def _issue(self, principal: Principal) -> Pending[str]:
        if not isinstance(principal, Principal):
            raise TypeError("a ticket is for a Principal: nobody is authenticated here")
        ticket = secrets.token_urlsafe(32)
        name, value = _name(ticket.encode("ascii")), _write(principal)
        put, aput = getattr(self._store, "put", None), getattr(self._store, "aput", None)
        yield from perform(Call(put, aput, name, value, self._lifetime))
        return ticket

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        return self._take(_name(credential)) if _TICKET.match(credential) else BAD_TICKET

    def _take(self, name: str) -> Pending[Principal | Failure]:
        try:
            value = yield from perform(Call(None, self._store.atake, name))
            return BAD_TICKET if value is None else _read(value)
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known good
            _log.error("the store of tickets failed: %s", type(error).__name__)
            return STORE_UNAVAILABLE


def _name(ticket: bytes) -> str:
    return sha256(ticket).hexdigest()


def _write(principal: Principal) -> str:
    return json.dumps(
        {
            "subject": principal.subject,
            "scheme": principal.scheme,
            "issuer": principal.issuer,
            "scopes": sorted(principal.scopes),
            "roles": sorted(principal.roles),
            "claims": dict(principal.claims),
            "credential_id": principal.credential_id,
        },
        default=dict,  # the objects among the claims of a token cannot be changed, and are no dicts
    )


def _read(value: str) -> Principal:
    fields = json.loads(value)
    sets = {name: frozenset(fields[name]) for name in ("scopes", "roles")}
    claims = {name: freeze(claim) for name, claim in fields["claims"].items()}
    return Principal(fields.pop("subject"), **{**fields, **sets, "claims": claims})
