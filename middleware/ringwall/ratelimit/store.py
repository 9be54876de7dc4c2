"""Where counts are kept: the contract of a store, and the store that a user names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from .._errors import ConfigurationError, did_you_mean
from .._pending import Pending
from .engine import Check, Quota
from .memory import MemoryStore

_REDIS = ("redis", "rediss", "valkey", "valkeys", "unix")
_LIMITS = ("memcached", "mongodb", "mongodb+srv")
_KNOWN = ("redis", "rediss", "redis+sentinel", "redis+cluster", "valkey", "lmdb", "memcached",
          "mongodb")  # fmt: skip


class StoreUnavailable(Exception):
    """The store did not answer in time, or at all. The layer's `when_down` says what follows."""


@runtime_checkable
class Store(Protocol):
    """Keeps one integer per limit and key.

    An operation answers at once, or returns a `Pending` that does I/O in the colour of the
    interface. It raises `StoreUnavailable` where it cannot answer.

    Attributes:
        colours: the interfaces it can serve, of "asgi" and "wsgi".
        algorithms: those it can count by; a store without this attribute can all.
    """

    @property
    def colours(self) -> frozenset[str]: ...

    def acquire(self, checks: Sequence[Check]) -> list[Quota] | Pending[list[Quota]]:
        """Charge all checks or none, as one indivisible step; one answer for each, in order."""
        ...

    def peek(self, checks: Sequence[Check]) -> list[Quota] | Pending[list[Quota]]:
        """What `acquire` would answer, without charging."""
        ...

    def debit(self, checks: Sequence[Check]) -> Pending[None] | None:
        """Charge what must be paid: each check by itself, at most everything that is left."""
        ...

    def refund(self, checks: Sequence[Check], quotas: Sequence[Quota]) -> Pending[None] | None:
        """Give back, once, what an `acquire` charged; `quotas` are its answers."""
        ...


def open_store(store: object, clock: Callable[[], float]) -> Store:
    """The store that `store=` names.

    Raises:
        MissingDependency: a package that it needs is missing.
        ConfigurationError: it names none. The message never holds the URL: it may hold a password.
    """
    if store is None:
        return MemoryStore(clock=clock)
    if isinstance(store, str):
        scheme, separator, _ = store.partition("://")
        if not separator:
            raise ConfigurationError("store= takes a URL such as 'redis://localhost:6379/0'")
        return _store_of(scheme.lower(), store)
    if isinstance(store, type) or not isinstance(store, Store):
        raise ConfigurationError(
            f"store= takes a URL or a store object, not {type(store).__name__!r}"
        )
    return store


def _store_of(scheme: str, url: str) -> Store:
    if scheme.partition("+")[0] in _REDIS:
        from .redis import RedisStore

        return RedisStore(url)
    if scheme == "lmdb":
        from .lmdb import store_of

        return store_of(url)
    if scheme in _LIMITS:
        from .through_limits import LimitsStore

        return LimitsStore(url)
    hint = did_you_mean(scheme[:32], _KNOWN)
    raise ConfigurationError(f"store= has a URL of an unknown scheme{hint}")
