"""Counts shared by the processes of one machine, in a memory-mapped file: no server to run."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from .._errors import ConfigurationError, did_you_mean
from .._fingerprint import Configured
from .._pending import Call, Pending, perform
from ._answers import answer, validate
from ._lmdb_entries import entry_of, name_of, state_in, sweep
from ._lmdb_file import SharedFile, open_file
from .engine import SECOND, Check, Limit, Quota
from .store import StoreUnavailable

logger: logging.Logger = logging.getLogger("ringwall")

T = TypeVar("T")

_MOST_KEYS = 100_000_000
# Entries looked at for a new key, in search of one that has lapsed.
_PROBES = 4
_PROBES_WHEN_FULL = 16

_FIRST_NAP, _LONGEST_NAP = 0.00002, 0.002


def boottime() -> float:
    """Seconds since the machine started: one clock for all of its processes, that nobody sets."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class LMDBStore(Configured):
    """Keeps counts in a file that all worker processes of this machine share.

    Exact, all or nothing, under threads and processes. Counts survive restarts of the app and the
    kill of a worker at any moment, and begin anew when the machine starts (other than on Linux,
    those from before may then deny for one window). A decision takes some 20 microseconds and is
    made in place; while another process holds the file, an event loop waits without blocking, at
    most until the deadline.

    At most `max_keys` are held. Only one that says nothing any more gives up its place; a key that
    finds none is counted in one bucket with all the others that found none.

    Parameters:
        path: a directory on a local file system that only the app may write; it is made where it
            is missing.
        max_keys: 1 to 10^8; 256 bytes each.
        timeout: seconds to wait for another process, 0.001 to 60.
        clock: seconds since the machine started; injected by tests.

    Raises:
        ConfigurationError: an argument cannot work. MissingDependency: lmdb is missing.
    """

    colours: frozenset[str] = frozenset({"asgi", "wsgi"})
    algorithms: frozenset[str] = frozenset({"gcra", "sliding-window", "fixed-window"})

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_keys: int = 100_000,
        timeout: float = 0.1,
        clock: Callable[[], float] = boottime,
    ) -> None:
        if type(max_keys) is not int or not 1 <= max_keys <= _MOST_KEYS:
            raise ConfigurationError("max_keys= takes a number from 1 to 10^8")
        if not isinstance(timeout, (int, float)) or not 0.001 <= timeout <= 60:
            raise ConfigurationError("timeout= takes seconds, from 0.001 to 60")
        self._folder = os.path.realpath(path)
        try:
            Path(self._folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the directory of the LMDB store cannot be made: {type(error).__name__}"
            ) from None
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise ConfigurationError("the directory of the LMDB store cannot be written")
        self._max_keys = max_keys
        self._timeout = float(timeout)
        self._clock = clock
        self._warned = False

    def __repr__(self) -> str:
        return f"<LMDBStore max_keys={self._max_keys}>"

    def acquire(self, checks: Sequence[Check]) -> list[Quota] | Pending[list[Quota]]:
        """Charge all checks or none, as one step; one answer for each, in order.

        Raises:
            ValueError: a cost is negative or no int. StoreUnavailable: another process held the
                file until the deadline, or the file system fails.
        """
        validate(checks)
        return self._run(self._judge, checks, True)

    def peek(self, checks: Sequence[Check]) -> list[Quota] | Pending[list[Quota]]:
        """What `acquire` would answer, without charging. Raises as it does."""
        validate(checks)
        return self._run(self._judge, checks, False)

    def debit(self, checks: Sequence[Check]) -> Pending[None] | None:
        """Charge what must be paid: each check by itself, at most everything that is left. Raises
        as `acquire` does."""
        validate(checks)
        return self._run(self._debit, checks, None)

    def refund(self, checks: Sequence[Check], quotas: Sequence[Quota]) -> Pending[None] | None:
        """Give back, once, what `acquire` charged and time has not given back already."""
        return self._run(self._refund, checks, quotas)

    def reset(self, checks: Sequence[Check]) -> Pending[None] | None:
        """Forget what is counted for these limits and keys."""
        return self._run(self._delete, checks, None)

    # In one transaction

    def _judge(self, txn: Any, checks: Sequence[Check], keep: bool) -> tuple[list[Quota], bool]:
        now = int(self._clock() * SECOND)
        slots = [self._slot(txn, limit, key, now) for limit, key, _ in checks]
        states = [
            limit.at(state, now) for (limit, _, _), (_, state, _) in zip(checks, slots, strict=True)
        ]
        # Two keys without a place share a bucket, and must see each other there.
        named = [
            Check(check.limit, slot[0].hex(), check.cost)
            for check, slot in zip(checks, slots, strict=True)
        ]
        quotas, admitted = answer(named, states, now, keep=keep)
        if not (keep and admitted):
            # A state of the future, left behind by a clock that was set back, must heal.
            ahead = False
            for (limit, _, _), (name, held, _), state in zip(checks, slots, states, strict=True):
                if keep and state < held:
                    self._put(txn, limit, name, state)
                    ahead = True
            return quotas, ahead
        after: dict[bytes, int] = {}
        for i, (name, _, shared) in enumerate(slots):
            limit, _, cost = checks[i]
            # There is room for it, so that it is paid in full.
            after[name] = limit.debit(after.get(name, states[i]), now, cost)
            self._put(txn, limit, name, after[name])
            if shared:
                quotas[i] = quotas[i]._replace(receipt=0)
        return quotas, True

    def _debit(self, txn: Any, checks: Sequence[Check], _: None) -> tuple[None, bool]:
        now = int(self._clock() * SECOND)
        for limit, key, cost in checks:
            name, held, _shared = self._slot(txn, limit, key, now)
            self._put(txn, limit, name, limit.debit(limit.at(held, now), now, cost))
        return None, True

    def _refund(
        self, txn: Any, checks: Sequence[Check], quotas: Sequence[Quota]
    ) -> tuple[None, bool]:
        now = int(self._clock() * SECOND)
        for (limit, key, cost), quota in zip(checks, quotas, strict=True):
            name = name_of(limit, key)
            entry = txn.get(name) if quota.receipt else None
            if entry is not None:
                state = limit.at(state_in(entry), now)
                self._put(txn, limit, name, limit.refund(state, quota.receipt, now, cost))
        return None, True

    def _delete(self, txn: Any, checks: Sequence[Check], _: None) -> tuple[None, bool]:
        for limit, key, _cost in checks:
            txn.delete(name_of(limit, key))
        return None, True

    def _put(self, txn: Any, limit: Limit, name: bytes, state: int) -> None:
        txn.put(name, entry_of(limit, state))

    def _slot(self, txn: Any, limit: Limit, key: str, now: int) -> tuple[bytes, int, bool]:
        """Where a state lies, what it is, and whether that place is the shared one."""
        name = name_of(limit, key)
        entry = txn.get(name)
        if entry is not None:
            return name, state_in(entry), False
        full = txn.stat()["entries"] >= self._max_keys
        if not sweep(txn, now, _PROBES_WHEN_FULL if full else _PROBES) and full:
            if not self._warned:
                self._warned = True
                logger.warning(
                    "the LMDB store has no room beside the keys it holds (at most %d):"
                    " further ones share one bucket for each limit",
                    self._max_keys,
                )
            name = name_of(limit, "\x00overflow")
            entry = txn.get(name)
            return name, 0 if entry is None else state_in(entry), True
        return name, 0, False

    # Alone with the file

    def _run(self, work: Callable[..., tuple[T, bool]], *args: Any) -> T | Pending[T]:
        file = open_file(self._folder, self._max_keys)
        if file.max_keys < self._max_keys:  # another store of this process has opened it for fewer
            self._max_keys = file.max_keys
        if file.enter():
            return file.run(work, args)
        return perform(Call(self._wait, self._await, file, work, args))

    def _wait(self, file: SharedFile, work: Callable[..., tuple[T, bool]], args: Any) -> T:
        end, nap = time.monotonic() + self._timeout, _FIRST_NAP
        while not file.enter():
            if time.monotonic() > end:
                raise StoreUnavailable
            time.sleep(nap)
            nap = min(2 * nap, _LONGEST_NAP)
        return file.run(work, args)

    async def _await(self, file: SharedFile, work: Callable[..., tuple[T, bool]], args: Any) -> T:
        end, nap = time.monotonic() + self._timeout, _FIRST_NAP
        while not file.enter():
            if time.monotonic() > end:
                raise StoreUnavailable
            await asyncio.sleep(nap)
            nap = min(2 * nap, _LONGEST_NAP)
        return file.run(work, args)


def store_of(url: str) -> LMDBStore:
    """The store of a URL: lmdb:///path, lmdb:///path?max_keys=1000000.

    Raises:
        ConfigurationError: it is malformed.
    """
    parts = urlsplit(url)
    if parts.netloc or len(parts.path) < 2 or parts.fragment:
        raise ConfigurationError("store= takes an absolute path: 'lmdb:///var/lib/app/limits'")
    options: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name != "max_keys":
            raise ConfigurationError(
                "store= has a URL with an unknown option" + did_you_mean(name[:32], ("max_keys",))
            )
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise ConfigurationError("store=: max_keys is a number")
        options[name] = int(value)
    return LMDBStore(unquote(parts.path), **options)
