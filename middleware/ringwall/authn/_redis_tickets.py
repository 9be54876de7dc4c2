"""Tickets for websockets in Redis, for several processes."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from .._errors import ConfigurationError, MissingDependency
from .._fingerprint import Configured

# One step: of two who come with one ticket, one gets in.
_TAKE = "local v = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return v"


class RedisTickets(Configured):
    """See `WebSocketTickets`.

    Parameters:
        url: such as "redis://localhost:6379/0".
        prefix: what its keys begin with.
        timeout: the most seconds an answer may take.
    """

    def __init__(self, url: str, *, prefix: str = "ringwall:ticket:", timeout: float = 0.5) -> None:
        try:
            import redis
            import redis.asyncio
            from redis.asyncio.retry import Retry as AsyncRetry
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "redis", "Tickets in Redis") from None
        limits: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        try:
            self._client: Any = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits)
        except (ValueError, TypeError, AttributeError):
            raise ConfigurationError(
                "the URL of a store of tickets is such as 'redis://localhost:6379/0'"
            ) from None
        self._new_aclient: Any = lambda: redis.asyncio.Redis.from_url(
            url, retry=AsyncRetry(NoBackoff(), 0), **limits
        )
        self._aclients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._timeout = timeout
        self._prefix = prefix

    def __repr__(self) -> str:
        return "<RedisTickets>"

    def put(self, name: str, value: str, lifetime: float) -> None:
        self._client.set(self._prefix + name, value, px=int(lifetime * 1000) or 1)

    async def aput(self, name: str, value: str, lifetime: float) -> None:
        work = self._aclient().set(self._prefix + name, value, px=int(lifetime * 1000) or 1)
        await asyncio.wait_for(work, self._timeout)

    async def atake(self, name: str) -> str | None:
        work = self._aclient().eval(_TAKE, 1, self._prefix + name)
        value = await asyncio.wait_for(work, self._timeout)
        return None if value is None else str(value, "utf-8")

    def close(self) -> None:
        """Close the blocking connections."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        await self._aclient().aclose()

    def _aclient(self) -> Any:
        loop = asyncio.get_running_loop()
        client = self._aclients.get(loop)
        if client is None:
            client = self._aclients[loop] = self._new_aclient()
        return client
