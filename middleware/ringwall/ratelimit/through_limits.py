"""Counts in Memcached or MongoDB, through the storages of the package `limits`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

from .._errors import ConfigurationError, MissingDependency
from .._fingerprint import Configured
from .._pending import Call, Pending, perform
from ._answers import validate
from ._breaker import Breaker
from .engine import SECOND, Check, FixedWindow, Limit, Quota
from .store import StoreUnavailable

try:
    from limits.storage import storage_from_string
except ImportError:
    raise MissingDependency("limits", "ratelimit", "A store in Memcached or MongoDB") from None

# What `limits` needs for each colour.
_DRIVERS = {
    "memcached": {"wsgi": "pymemcache", "asgi": "memcachio"},
    "mongodb": {"wsgi": "pymongo", "asgi": "motor"},
}

# The protocol of Memcached: an expiry above this is a date since 1970, long past.
_LONGEST_LIFE = 30 * 86_400


class LimitsStore(Configured):
    """Keeps counts in Memcached or MongoDB. Its guarantee is weaker than that of the other stores.

    What holds: no more requests are admitted in a window than the quota, however parallel.
    What does not:

    - Only fixed windows are counted: around a window's end a key may spend twice its quota.
    - Windows are those of the wall clock of each machine: a clock that is set has an effect.
    - Each limit takes two round trips. Where parallel requests race for the last units, some are
      refused and yet charged, in each of several limits.
    - Nothing can be given back: a refund does nothing.
    - Memcached may forget counts when it is full, and forgets all of them when it restarts.
    - Several operations may together take longer than the timeout of each, under WSGI.

    Parameters:
        url: memcached://host:11211[,host:11211] or mongodb://... as `limits` reads it.
        timeout: seconds for each operation, 0.001 to 60; under ASGI for all of a decision.
        wall_clock: seconds since 1970; injected by tests.

    Raises:
        ConfigurationError: an argument cannot work. MissingDependency: a driver is missing.
    """

    algorithms: frozenset[str] = frozenset({FixedWindow.algorithm})

    def __init__(
        self, url: str, *, timeout: float = 0.1, wall_clock: Callable[[], float] = time.time
    ) -> None:
        kind = url.partition("://")[0].lower().partition("+")[0]
        drivers = _DRIVERS.get(kind)
        if drivers is None:
            raise ConfigurationError("LimitsStore takes a URL of memcached:// or mongodb://")
        if not isinstance(timeout, (int, float)) or not 0.001 <= timeout <= 60:
            raise ConfigurationError("timeout= takes seconds, from 0.001 to 60")
        self.colours: frozenset[str] = frozenset(
            colour for colour, module in drivers.items() if find_spec(module) is not None
        )
        if not self.colours:
            raise MissingDependency(drivers["wsgi"], kind, f"A store in {kind}")
        for colour in self.colours:
            # Now, in one thread: `limits` would take a module that another thread is importing.
            import_module(drivers[colour])
        self._url = url
        self._timeout = float(timeout)
        self._wall_clock = wall_clock
        self._options: dict[str, Any] = {"wrap_exceptions": True}
        if kind == "memcached":
            self._options |= {"timeout": self._timeout, "connect_timeout": self._timeout}
        else:
            milliseconds = max(1, int(self._timeout * 1000))
            names = ("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS")
            self._options |= dict.fromkeys(names, milliseconds)
        self._kind = kind
        self._breaker = Breaker(f"the rate limit store in {kind}")
        self._storages: dict[int, Any] = {}
        self._making: dict[int, threading.Lock] = {}
        self._aio: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[int, Any]] = (
            WeakKeyDictionary()
        )

    def __repr__(self) -> str:
        return f"<LimitsStore {self._kind}>"

    def acquire(self, checks: Sequence[Check]) -> Pending[list[Quota]]:
        """Charge all checks or none, but for races; one answer for each, in order.

        Raises:
            ValueError: a cost is negative or no int. StoreUnavailable: no answer came.
        """
        validate(checks)
        return self._judge(checks, keep=True)

    def peek(self, checks: Sequence[Check]) -> Pending[list[Quota]]:
        """What `acquire` would answer, without charging. Raises as it does."""
        validate(checks)
        return self._judge(checks, keep=False)

    def debit(self, checks: Sequence[Check]) -> Pending[None]:
        """Charge what must be paid, also above what is left. Raises as `acquire` does."""
        validate(checks)
        return self._pay(checks)

    def _pay(self, checks: Sequence[Check]) -> Pending[None]:
        names = [_name(check, int(self._wall_clock() * SECOND)) for check in checks]
        yield from self._ask(Call(self._incr, self._aincr, names, checks))

    def refund(self, checks: Sequence[Check], quotas: Sequence[Quota]) -> None:
        """Nothing: these servers count in one direction."""

    def _judge(self, checks: Sequence[Check], keep: bool) -> Pending[list[Quota]]:
        if not self._breaker.admits():
            raise StoreUnavailable
        now = int(self._wall_clock() * SECOND)
        names = [_name(check, now) for check in checks]
        quotas = _quotas(checks, (yield from self._ask(Call(self._get, self._aget, names))), now)
        if keep and all(quota.allowed for quota in quotas):
            after = yield from self._ask(Call(self._incr, self._aincr, names, checks))
            quotas = _quotas(checks, after, now, charged=True)
        self._breaker.succeeded()
        return quotas

    def _ask(self, call: Call[list[int]]) -> Pending[list[int]]:
        try:
            return (yield from perform(call))
        except Exception as error:  # noqa: BLE001  drivers raise more than they say they do
            self._breaker.failed(type(error).__name__)
            raise StoreUnavailable from None

    def _storage(self) -> Any:
        storage = self._storages.get(os.getpid())
        return self._made() if storage is None else storage

    def _made(self) -> Any:
        # `limits` connects to MongoDB when it is first used, in each thread that comes before the
        # first of them is done: clients that nobody closes. A lock for each process: one that was
        # forked does not wait for a thread of its parent.
        making = self._making.setdefault(os.getpid(), threading.Lock())
        if not making.acquire(timeout=self._timeout):
            raise TimeoutError
        try:
            storage = self._storages.get(os.getpid())
            if storage is None:
                storage = storage_from_string(self._url, **self._options)
                getattr(storage, "storage", None)  # makes its index, too: else it is tried again
                self._storages[os.getpid()] = storage
            return storage
        finally:
            making.release()

    def _astorage(self) -> Any:
        loop = asyncio.get_running_loop()
        pid, storage = self._aio.get(loop, (0, None))
        if storage is None or pid != os.getpid():
            options = {"wrap_exceptions": True}
            storage = storage_from_string("async+" + self._url, **options)
            self._aio[loop] = os.getpid(), storage
        return storage

    def _get(self, names: Sequence[str]) -> list[int]:
        storage = self._storage()
        return [storage.get(name) for name in names]

    def _incr(self, names: Sequence[str], checks: Sequence[Check]) -> list[int]:
        storage = self._storage()
        return [
            storage.incr(name, self._life(limit), amount=cost) if cost else storage.get(name)
            for name, (limit, _, cost) in zip(names, checks, strict=True)
        ]

    def _life(self, limit: Limit) -> int:
        """Seconds until a count may be forgotten. Memcached takes more than 30 days for a date."""
        seconds = -(-limit.window // SECOND) + 1
        if self._kind == "memcached" and seconds > _LONGEST_LIFE:
            seconds += int(time.time())
        return seconds

    async def _aget(self, names: Sequence[str]) -> list[int]:
        storage = self._astorage()
        return await self._in_time([storage.get(name) for name in names])

    async def _aincr(self, names: Sequence[str], checks: Sequence[Check]) -> list[int]:
        storage = self._astorage()
        return await self._in_time(
            [
                storage.incr(name, self._life(limit), amount=cost) if cost else storage.get(name)
                for name, (limit, _, cost) in zip(names, checks, strict=True)
            ]
        )

    async def _in_time(self, operations: Sequence[Awaitable[int]]) -> list[int]:
        return await asyncio.wait_for(asyncio.gather(*operations), self._timeout)


def _name(check: Check, now: int) -> str:
    limit, key, _ = check
    raw = f"{limit.id}\x00{key}\x00{now // limit.window}".encode("utf-8", "surrogatepass")
    return "rw:" + hashlib.blake2b(raw, digest_size=16).hexdigest()


def _quotas(
    checks: Sequence[Check], counts: Sequence[int], now: int, *, charged: bool = False
) -> list[Quota]:
    """The answers for counts, of before the charge, or of after it."""
    quotas = []
    for (limit, _, cost), count in zip(checks, counts, strict=True):
        allowed = (count if charged else count + cost) <= limit.quota
        remaining = max(0, limit.quota - count)
        wait = 0 if remaining >= max(1, cost) else limit.window - now % limit.window
        quotas.append(Quota(allowed, remaining, wait, 0))
    return quotas
