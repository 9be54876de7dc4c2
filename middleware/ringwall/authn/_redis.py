"""The denylist in Redis, for several processes and machines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from .._fingerprint import Configured
from ._denylist import NEVER, Name, entry
from ._redis_client import RedisClients

# Denying twice never shortens what was said before. One command, so that no reader sees a gap.
_DENY = """
local left = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', math.max(left, tonumber(ARGV[2])))
"""


class RedisDenylist(Configured):
    """Revoked tokens, subjects and sessions, in one Redis (or Valkey) for all processes.

    A request costs one round trip (MGET). A Redis that does not answer in time is a 503: what
    cannot be checked does not pass. The names are stored as hashes. Give it a database that does
    not evict (`maxmemory-policy noeviction`): an entry dropped is a token let in again.

    Parameters:
        url: such as "redis://localhost:6379/0", or "rediss://" for TLS.
        prefix: what its keys begin with.
        timeout: the most seconds a round trip may take.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: the URL is none for Redis.
        MissingDependency: the extra `redis` is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "ringwall:denied:",
        timeout: float = 0.5,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clients = RedisClients(url, timeout, "RedisDenylist")
        self._prefix = prefix
        self._clock = clock

    def __repr__(self) -> str:
        return "<RedisDenylist>"

    def deny(
        self,
        issuer: str,
        *,
        keep: float,
        jti: str | None = None,
        subject: str | None = None,
        session: str | None = None,
        credential_id: str | None = None,
    ) -> None:
        """As `Denylist.deny`; it never is full. Errors of Redis come out: nothing was denied."""
        name, until = entry(issuer, jti, subject, session, credential_id, self._clock())
        self._clients.sync.eval(_DENY, 1, self._key(name), repr(until), int(keep * 1000) + 1)

    async def adeny(
        self,
        issuer: str,
        *,
        keep: float,
        jti: str | None = None,
        subject: str | None = None,
        session: str | None = None,
        credential_id: str | None = None,
    ) -> None:
        """As `deny`, for asynchronous code."""
        name, until = entry(issuer, jti, subject, session, credential_id, self._clock())
        arguments = (_DENY, 1, self._key(name), repr(until), int(keep * 1000) + 1)
        await self._clients.aio.eval(*arguments)

    def revoked_at(self, names: Sequence[Name]) -> float:
        return _latest(self._clients.sync.mget([self._key(name) for name in names]))

    async def arevoked_at(self, names: Sequence[Name]) -> float:
        return _latest(await self._clients.aio.mget([self._key(name) for name in names]))

    def close(self) -> None:
        """Close the blocking connections."""
        self._clients.sync.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._clients.aio.aclose()

    def _key(self, name: Name) -> str:
        return self._prefix + sha256(json.dumps(name).encode()).hexdigest()


def _latest(values: Sequence[bytes | str | None]) -> float:
    return max([NEVER, *(float(value) for value in values if value is not None)])
