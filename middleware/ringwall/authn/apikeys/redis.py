"""API keys in Redis (or Valkey)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from weakref import WeakKeyDictionary

from ..._errors import ConfigurationError, MissingDependency
from ..._fingerprint import Configured
from .record import APIKeyRecord

_BATCH = 1000

# Compare and set: two people who change one key never overwrite each other.
_SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 1]) end
return 1
"""


class RedisKeyStore(Configured):
    """API keys in one Redis for all processes: a JSON document for each, under its id.

    Give it a database that keeps what it is given (`maxmemory-policy noeviction`, and persistence):
    a key that is gone is refused.

    Parameters:
        url: such as "redis://localhost:6379/0", "rediss://" for TLS, or "unix://".
        prefix: what its keys begin with.
        timeout: the most seconds an answer may take; `?socket_timeout=` in the URL goes before it.

    Raises:
        ConfigurationError: the URL is none for Redis.
        MissingDependency: the extra `redis` is not installed.
    """

    def __init__(self, url: str, *, prefix: str = "ringwall:keys:", timeout: float = 0.5) -> None:
        try:
            import redis
            import redis.asyncio
            from redis.asyncio.retry import Retry as AsyncRetry
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "redis", "A store in Redis") from None
        limits: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        try:
            # redis-py tries again by itself, beyond every deadline.
            self._client: Any = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits)
        except (ValueError, TypeError, AttributeError):
            # The URL may hold a password: the message does not repeat it.
            raise ConfigurationError(
                "the URL of a store in Redis is such as 'redis://localhost:6379/0'"
            ) from None
        self._new_aclient: Any = lambda: redis.asyncio.Redis.from_url(
            url, retry=AsyncRetry(NoBackoff(), 0), **limits
        )
        self._aclients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._timeout = self._client.connection_pool.connection_kwargs["socket_timeout"]
        self._prefix = prefix
        self._used = prefix + "used"  # no id has four letters

    def __repr__(self) -> str:
        return "<RedisKeyStore>"

    def find(self, key_id: str) -> APIKeyRecord | None:
        return _record(key_id, self._client.get(self._prefix + key_id))

    async def afind(self, key_id: str) -> APIKeyRecord | None:
        question = self._aclient().get(self._prefix + key_id)
        return _record(key_id, await asyncio.wait_for(question, self._timeout))

    def touch(self, used: Mapping[str, float]) -> None:
        self._client.hset(self._used, mapping=dict(used))

    async def atouch(self, used: Mapping[str, float]) -> None:
        await self._aclient().hset(self._used, mapping=dict(used))

    # Management

    def records(self) -> Iterator[APIKeyRecord]:
        keys: list[bytes] = []
        for key in self._client.scan_iter(match=self._prefix + "?" * 12, count=_BATCH):
            keys.append(key)
            if len(keys) == _BATCH:
                yield from self._records(keys)
                keys = []
        if keys:
            yield from self._records(keys)

    def _records(self, keys: list[bytes]) -> Iterator[APIKeyRecord]:
        ids = [key.decode()[-12:] for key in keys]
        values, used = self._client.mget(keys), self._client.hmget(self._used, ids)
        for id, value, at in zip(ids, values, used, strict=True):
            record = _record(id, value)
            if record is not None:
                when = None if at is None else datetime.fromtimestamp(float(at), timezone.utc)
                yield record.replace(last_used=when)

    def add(self, record: APIKeyRecord) -> None:
        """Keep a new one.

        Raises:
            ConfigurationError: its id is taken.
        """
        if not self._client.set(self._prefix + record.id, _text(record), nx=True):
            raise ConfigurationError(f"there is a key {record.id} already")

    def succeed(self, predecessor: APIKeyRecord, successor: APIKeyRecord) -> bool:
        change = {"expires": predecessor.expires, "replaced_by": predecessor.replaced_by}
        while True:
            text = self._client.get(self._prefix + predecessor.id)
            now = _record(predecessor.id, text)
            if now is None or now.replaced_by is not None or now.revoked is not None:
                return False
            if self._swap(text, now.replace(**change), successor):
                return True

    def revoke(self, key_id: str, at: datetime) -> bool:
        while True:
            text = self._client.get(self._prefix + key_id)
            now = _record(key_id, text)
            if now is None:
                return False
            if now.revoked is not None or self._swap(text, now.replace(revoked=at)):
                return True

    def _swap(self, text: Any, *records: APIKeyRecord) -> bool:
        """Write these, unless the first is no longer what was read."""
        keys = [self._prefix + record.id for record in records]
        return bool(self._client.eval(_SWAP, len(keys), *keys, text, *map(_text, records)))

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


def _text(record: APIKeyRecord) -> str:
    return json.dumps(record.as_dict())


def _record(key_id: str, value: Any) -> APIKeyRecord | None:
    return None if value is None else APIKeyRecord.from_dict(key_id, json.loads(value))
