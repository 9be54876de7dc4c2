"""Counts shared through Redis or Valkey: one server, a primary with sentinels, or a cluster."""

from __future__ import annotations

import binascii
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from .._errors import ConfigurationError
from .._fingerprint import Configured
from .._pending import Call, Pending
from ._answers import answer, validate
from ._deny_cache import DenyCache
from ._redis_delivery import Delivery
from ._redis_script import Answer, Request
from ._redis_topology import topology
from ._redis_url import read_client, read_url
from .engine import Check, Quota
from .store import StoreUnavailable

_NOTHING = Quota(True, 0, 0, 0)


class RedisStore(Configured):
    """Keeps counts in Redis 5 or later, or Valkey, shared by all processes and machines.

    A decision is one script call on the server's own clock: exact, all or nothing, one round trip
    however many limits a request has. Decisions that an event loop makes at the same time share a
    call. On a cluster the limits of one key are one call; a decision about several keys asks their
    nodes in parallel, and takes back what was charged where one of them denies.

    A call is never repeated unless the server said that it did not run it. Whatever goes wrong,
    there is an answer or `StoreUnavailable` by the deadline; a server that fails three times is
    left alone but for one probe at a time. What was denied is denied in this process without a
    call until its time has come.

    Connections are made when first needed, per process and event loop: a store may be made before
    a fork. The names of keys are hashes of fixed length; they lapse by themselves. Looking up a
    host's name may block a WSGI worker beyond the deadline: give an address where that matters.

    Parameters:
        source: a URL (see `read_url`), or a `redis.Redis` or `redis.asyncio.Redis` client, whose
            address and credentials are used for connections of the store's own.
        timeout: seconds for everything that a decision needs, 0.001 to 60; None: what the URL says,
            else 0.1.
        namespace: begins each key; stores with different ones count apart. 1 to 32 letters,
            digits, "-" and "_".
        deny_cache: how many denials are remembered in this process; 0: none.
        clock: seconds that never go back, for the remembered denials; injected by tests.

    Raises:
        ConfigurationError: an argument cannot work. MissingDependency: redis-py is missing.

    >>> RedisStore("redis://:secret@localhost:6379/0")
    <RedisStore rw at localhost:6379>
    """

    colours: frozenset[str] = frozenset({"asgi", "wsgi"})
    algorithms: frozenset[str] = frozenset({"gcra", "sliding-window", "fixed-window"})

    def __init__(
        self,
        source: Any,
        *,
        timeout: float | None = None,
        namespace: str = "rw",
        deny_cache: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        target = read_url(source) if isinstance(source, str) else read_client(source)
        if timeout is None:
            timeout = 0.1 if target.timeout is None else target.timeout
        if not isinstance(timeout, (int, float)) or not 0.001 <= timeout <= 60:
            raise ConfigurationError("timeout= takes seconds, from 0.001 to 60")
        stripped = namespace.replace("-", "").replace("_", "") if namespace else ""
        if not (stripped.isascii() and stripped.isalnum() and len(namespace) <= 32):
            raise ConfigurationError(
                "namespace= takes 1 to 32 ASCII letters, digits, '-' and '_', such as 'shop'"
            )
        if type(deny_cache) is not int or deny_cache < 0:
            raise ConfigurationError("deny_cache= takes a number of denials, 0 or above")
        where = target.path or ",".join(f"{host}:{port}" for host, port in target.servers)
        self._repr = f"<RedisStore {namespace} at {where}>"
        self._delivery = delivery = Delivery(topology(target), float(timeout))
        self._ask, self._aask = delivery.ask, delivery.aask
        self._sharded = delivery.topology.sharded
        # A copy of a keyed hash costs less than a new one.
        self._hash = hashlib.blake2b(digest_size=16, key=namespace.encode())
        self._before = b"$%d\r\n%b:{" % (len(namespace) + 2 + 32 + 1, namespace.encode())
        self._clock = clock
        self._denials = DenyCache(deny_cache, clock=clock) if deny_cache else None

    def __repr__(self) -> str:
        return self._repr

    def acquire(self, checks: Sequence[Check]) -> list[Quota] | Pending[list[Quota]]:
        """Charge all checks or none, as one step; one answer for each, in order.

        Raises:
            ValueError: a cost is negative or no int. StoreUnavailable: no answer by the deadline.
        """
        validate(checks)
        if self._denials is not None:
            denied = self._denials.find(checks)
            if denied is not None:
                return denied
        return self._judge(checks, b"a")

    def peek(self, checks: Sequence[Check]) -> Pending[list[Quota]]:
        """What `acquire` would answer, without charging. Raises as it does."""
        validate(checks)
        return self._judge(checks, b"p")

    def debit(self, checks: Sequence[Check]) -> Pending[None]:
        """Charge what must be paid: each check by itself, at most everything that is left.

        Raises:
            ValueError: a cost is negative or no int. StoreUnavailable: no answer by the deadline;
                whether it was charged is not known then.
        """
        validate(checks)
        return self._tell(b"f", checks)

    def refund(self, checks: Sequence[Check], quotas: Sequence[Quota]) -> Pending[None]:
        """Give back, once, what `acquire` charged and time has not given back already."""
        held = [(c, q.receipt) for c, q in zip(checks, quotas, strict=True) if q.receipt]
        return self._tell(b"r", [check for check, _ in held], [receipt for _, receipt in held])

    def reset(self, checks: Sequence[Check]) -> Pending[None]:
        """Forget what is counted for these limits and keys."""
        return self._tell(b"d", checks)

    # The policy, once for both colours

    def _judge(self, checks: Sequence[Check], what: bytes) -> Pending[list[Quota]]:
        asked = self._clock()
        requests = self._requests(what, checks)
        if len(requests) != 1:
            return (yield from self._judge_apart(checks, what, requests, asked))
        reply: Answer = yield Call(self._ask, self._aask, requests[0])
        if isinstance(reply, StoreUnavailable):
            raise StoreUnavailable
        status, now, states = reply
        quotas, agreed = answer(checks, states, now, keep=status == 1 and what == b"a")
        if agreed != status:
            raise StoreUnavailable  # a key that is none of ours, or no answer to what was asked
        if not agreed and self._denials is not None:
            self._denials.note(checks, quotas, asked)
        return quotas

    def _judge_apart(
        self, checks: Sequence[Check], what: bytes, requests: Sequence[Request], asked: float
    ) -> Pending[list[Quota]]:
        """The same with several calls, to several nodes of a cluster it may be."""
        found: list[Answer] = yield Call(self._delivery.ask_all, self._delivery.aask_all, requests)
        down, admitted = False, True
        for reply in found:
            if isinstance(reply, StoreUnavailable) or reply.status > 1:
                down, admitted = True, False
            elif not reply.status:
                admitted = False
        if not admitted and what == b"a":
            yield from self._compensate(requests, found)
        if down:
            raise StoreUnavailable
        quotas = [_NOTHING] * len(checks)
        keep = admitted and what == b"a"
        for request, reply in zip(requests, found, strict=True):
            part, agreed = answer(request.checks, reply.states, reply.now, keep=keep)  # type: ignore[union-attr]
            if agreed != reply.status:  # type: ignore[union-attr]
                raise StoreUnavailable  # not an answer to what was asked
            for place, quota in zip(request.places, part, strict=True):
                quotas[place] = quota
        if not admitted and self._denials is not None:
            self._denials.note(checks, quotas, asked)
        return quotas

    def _compensate(self, requests: Sequence[Request], found: Sequence[Answer]) -> Pending[None]:
        """Another node denied, or did not answer: give back what these charged."""
        checks: list[Check] = []
        receipts: list[int] = []
        for request, reply in zip(requests, found, strict=True):
            if not isinstance(reply, StoreUnavailable) and reply.status == 1:
                part, _ = answer(request.checks, reply.states, reply.now, keep=True)
                checks += request.checks
                receipts += [quota.receipt for quota in part]
        with suppress(StoreUnavailable):  # then it stays charged: stricter, never laxer
            yield from self._tell(b"r", checks, receipts)

    def _tell(
        self, what: bytes, checks: Sequence[Check], receipts: Sequence[int] = ()
    ) -> Pending[None]:
        found = yield Call(
            self._delivery.ask_all,
            self._delivery.aask_all,
            self._requests(what, checks, receipts),
        )
        if self._denials is not None and what != b"f":
            self._denials.forget(checks)
        if any(isinstance(reply, StoreUnavailable) or reply.status > 1 for reply in found):
            raise StoreUnavailable

    def _requests(
        self, what: bytes, checks: Sequence[Check], receipts: Sequence[int] = ()
    ) -> list[Request]:
        """What one call can hold, apart: on a cluster each key's own, else everything."""
        keys: list[bytes] = []
        last, name = None, b""
        for _, asked, _ in checks:
            if asked != last:  # most limits of a request are those of one key
                last, name = asked, self._name(asked)
            keys.append(name)
        if not self._sharded:
            return [Request(what, checks, keys, receipts)] if checks else []
        by_key: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys):
            by_key.setdefault(key, []).append(place)
        return [
            Request(
                what,
                [checks[place] for place in places],
                [key] * len(places),
                [receipts[place] for place in places] if receipts else (),
                places,
                # The hash slot (Redis Cluster specification): CRC-16/XMODEM of what is in braces.
                binascii.crc_hqx(key[-35:-3], 0) & 16383,
            )
            for key, places in by_key.items()
        ]

    def _name(self, key: str) -> bytes:
        """The name of a key, as a bulk string."""
        tag = self._hash.copy()
        tag.update(key.encode("utf-8", "surrogatepass"))
        return b"%b%b}\r\n" % (self._before, tag.hexdigest().encode())
