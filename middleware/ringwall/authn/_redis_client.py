"""Connections to one Redis, in two colours."""

from __future__ import annotations

from typing import Any

from .._errors import ConfigurationError, MissingDependency


class RedisClients:
    """One blocking client, and one asynchronous one for each event loop.

    No command is sent twice: redis-py by itself tries again, beyond every deadline.

    Parameters:
        url: such as "redis://localhost:6379/0", or "rediss://" for TLS, which checks names.
        timeout: the most seconds that connecting, or an answer, may take.
        owner: who needs it, for messages.

    Raises:
        ConfigurationError: the URL is none for Redis.
        MissingDependency: the extra `redis` is not installed.
    """

    def __init__(self, url: str, timeout: float, owner: str) -> None:
        try:
            import redis
            import redis.asyncio
            from anyio.lowlevel import RunVar
            from redis.asyncio.retry import Retry as AsyncRetry
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "redis", owner) from None
        options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        if isinstance(url, str) and url.startswith("rediss:"):
            # Said outright: before version 6 redis-py did not compare names by default.
            options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        try:
            self.sync: Any = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **options)
        except (ValueError, TypeError, AttributeError):
            # The URL may hold a password: the message does not repeat it.
            raise ConfigurationError(
                f"the URL of a {owner} is such as 'redis://localhost:6379/0'"
            ) from None
        self._new: Any = lambda: redis.asyncio.Redis.from_url(
            url, retry=AsyncRetry(NoBackoff(), 0), **options
        )
        # A connection of asyncio belongs to the event loop that made it.
        self._aclients: Any = RunVar(f"ringwall-redis-{id(self)}")

    def __repr__(self) -> str:
        return "<RedisClients>"

    @property
    def aio(self) -> Any:
        """The client of this event loop."""
        try:
            return self._aclients.get()
        except LookupError:
            client = self._new()
            self._aclients.set(client)
            return client
