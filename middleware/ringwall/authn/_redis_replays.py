"""Used DPoP proofs in Redis, for several processes and machines."""

from __future__ import annotations

from .._fingerprint import Configured
from ._redis_client import RedisClients


class RedisReplays(Configured):
    """Used proofs, in one Redis (or Valkey) for all processes: one SET for each, with NX and PX.

    A Redis that does not answer in time is a 503: what cannot be checked does not pass. Give it a
    database that does not evict (`maxmemory-policy noeviction`): an entry dropped is a proof let in
    again. Redis forgets each by itself.

    Parameters:
        url: such as "redis://localhost:6379/0", or "rediss://" for TLS.
        prefix: what its keys begin with.
        timeout: the most seconds that connecting, or an answer, may take.

    Raises:
        ConfigurationError: the URL is none for Redis.
        MissingDependency: the extra `redis` is not installed.
    """

    def __init__(self, url: str, *, prefix: str = "ringwall:dpop:", timeout: float = 0.5) -> None:
        self._clients = RedisClients(url, timeout, "RedisReplays")
        self._prefix = prefix

    def __repr__(self) -> str:
        return "<RedisReplays>"

    def first_use(self, key: str, proof: str, keep: float) -> bool:
        milliseconds = int(keep * 1000) + 1
        return bool(self._clients.sync.set(self._prefix + proof, b"", nx=True, px=milliseconds))

    async def afirst_use(self, key: str, proof: str, keep: float) -> bool:
        milliseconds = int(keep * 1000) + 1
        answer = await self._clients.aio.set(self._prefix + proof, b"", nx=True, px=milliseconds)
        return bool(answer)

    def close(self) -> None:
        """Close the blocking connections."""
        self._clients.sync.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._clients.aio.aclose()
