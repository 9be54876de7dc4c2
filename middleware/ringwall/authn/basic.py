"""`Authorization: Basic` (RFC 7617): user names and passwords, for machines that know no better."""

from __future__ import annotations

import functools
import hmac
import logging
import os
import secrets
from collections.abc import Awaitable, Mapping
from typing import Protocol

from .._exchange import Exchange
from .._pending import Call, Pending, perform
from ..principal import Principal
from ._basic_users import Users, decode
from ._cache import BoundedCache
from ._failure import Failure
from ._ports import port_of
from ._scheme import Judgement, Scheme, at_least
from ._workers import Busy, Workers
from .passwords import DEFAULT, Password, Scrypt, impossible, read_hash

# One answer for a user who does not exist and a wrong password.
WRONG = Failure("invalid-user-or-password", "The user name or the password is not correct.")
MALFORMED_BASIC = Failure(
    "malformed-credentials",
    "Send 'Basic' and the base64 of 'user:password' in UTF-8, without control characters.",
    error="invalid_request",
    status=400,
)
BUSY = Failure(
    "verification-busy",
    "Too many passwords are being checked at the moment; try again later.",
    error=None,
    status=503,
)
STORE_UNAVAILABLE = Failure(
    "password-store-unavailable",
    "Passwords cannot be checked at the moment; try again later.",
    error=None,
    status=503,
)

_log = logging.getLogger("ringwall.authn")


class PasswordStore(Protocol):
    """A store of users under WSGI; with `immediate = True` it answers from memory, for both."""

    def find(self, user: str) -> Password | str | None:
        """What is known of a user: a `Password`, or its hash alone; None: there is no such user.
        An exception means: not to be known now (503)."""
        ...


class AsyncPasswordStore(Protocol):
    """The same under ASGI. One object may be both."""

    def afind(self, user: str) -> Awaitable[Password | str | None]:
        """As `PasswordStore.find`."""
        ...


class Basic(Scheme):
    """Accept user names and passwords, whose scrypt hashes a store holds.

    A password is checked slowly on purpose, by few threads at a time; one that was right is
    remembered by a keyed hash of it for as long as the stored hash stays the same. A wrong one, and
    one of a user who does not exist, costs the full time each time: put a `RateLimit` outside.

    Parameters:
        users: a mapping of user names to hashes made by `hash_password` (or to a `Password`), or
            an object with `find(user)` for WSGI and/or `async afind(user)` for ASGI.
        parallel: how many passwords are checked at the same time; None: half of the processors.
        waiting: how many more may wait for their turn; beyond that the answer is 503.
        timeout: the most seconds that a request waits for its turn under WSGI.
        cache_size: how many right passwords are remembered.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.

    >>> from ringwall.authn import hash_password
    >>> Basic({"alice": hash_password("correct horse battery staple", ln=10)})
    <Basic>
    """

    name = "Basic"
    parameters: tuple[tuple[str, str], ...] = (("charset", "UTF-8"),)  # RFC 7617 section 2.1
    tells_error = False  # those of RFC 6750 are for tokens
    max_length = 1024
    failures: tuple[Failure, ...] = (WRONG, MALFORMED_BASIC, BUSY, STORE_UNAVAILABLE)

    def __init__(
        self,
        users: Mapping[str, str | Password] | PasswordStore | AsyncPasswordStore,
        *,
        parallel: int | None = None,
        waiting: int = 32,
        timeout: float = 5.0,
        cache_size: int = 1024,
    ) -> None:
        parallel = max(1, (os.cpu_count() or 1) // 2) if parallel is None else parallel
        at_least("parallel", parallel, 1)
        at_least("waiting", waiting, 0)
        at_least("timeout", timeout, 0.001)
        at_least("cache_size", cache_size, 0)
        # Users who do not exist cost as much as those who do: as the last one that was seen.
        self._like = DEFAULT
        source: object = users
        if isinstance(users, Mapping):
            known = Users(users)
            source, self._like = known, known.dearest or self._like
        self._port = port_of(
            source,
            "find",
            "users is a mapping of names to hashes made by hash_password(), or an object with"
            " find(user) for WSGI or async afind(user) for ASGI",
        )
        self.colours: frozenset[str] = self._port.colours
        self._workers = Workers(parallel, waiting, timeout)
        self._right: BoundedCache[bool] = BoundedCache(cache_size)
        self._secret = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return "<Basic>"

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        found = decode(credential) if len(credential) <= self.max_length else None
        if found is None:
            return MALFORMED_BASIC
        user, password = found
        if self._port.immediate:
            try:
                return self._judge(user, password, self._port.sync(user))
            except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known
                return _unavailable(error)
        return self._ask(user, password)

    def _ask(self, user: str, password: str) -> Pending[Principal | Failure]:
        try:
            known = yield from perform(Call(self._port.sync, self._port.aio, user))
            judgement = self._judge(user, password, known)
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known
            return _unavailable(error)
        return judgement if isinstance(judgement, Principal) else (yield from judgement)

    def _judge(
        self, user: str, password: str, known: Password | str | None
    ) -> Principal | Pending[Principal | Failure]:
        if known is None:
            return self._verify(None, b"", password, impossible(self._like))
        record = Password(known) if isinstance(known, str) else known
        stored = self._like = read_hash(record.hash)
        principal = Principal(
            user, scheme="basic", scopes=frozenset(record.scopes), roles=frozenset(record.roles)
        )
        # With the stored hash in it: a password that is changed is forgotten at once.
        parts = "\0".join((user, password, record.hash)).encode("utf-8")
        digest = hmac.digest(self._secret, parts, "sha256")
        if self._right.get(digest):
            return principal
        return self._verify(principal, digest, password, stored)

    def _verify(
        self, principal: Principal | None, digest: bytes, password: str, stored: Scrypt
    ) -> Pending[Principal | Failure]:
        work = functools.partial(stored.matches, password)
        try:
            right = yield from perform(Call(self._workers.run, self._workers.arun, work))
        except Busy:
            return BUSY
        if not right or principal is None:
            return WRONG
        self._right.put(digest, True)
        return principal


def _unavailable(error: Exception) -> Failure:
    # The kind of error only: a message could quote the query.
    _log.error("the store of passwords failed: %s", type(error).__name__)
    return STORE_UNAVAILABLE
