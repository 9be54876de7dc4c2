"""One Redis server: its connections in both colours, and its circuit breaker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio.connection as aio
import redis.connection as sync
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from ._breaker import Breaker
from ._redis_deadline import timed
from .store import StoreUnavailable

# RESP2: what RESP3 adds (push messages, maintenance notifications) has no use here, and makes
# redis-py keep connections that are stale.
_ALWAYS: dict[str, Any] = {"protocol": 2}
# Nor do two more commands with each connection, to say which client it is.
_ALWAYS |= (
    {"driver_info": None}
    if "driver_info" in signature(sync.AbstractConnection).parameters
    else {"lib_name": None, "lib_version": None}
)

# As many as threads ask at a time. A hundred, the default of some releases of redis-py, would make
# a flood look like a server that is down.
_NO_MOST = 1 << 31


class NotSent(StoreUnavailable):
    """The question never reached the server: it charged nobody, and may be put again."""


_SYNC = {
    "tcp": timed(sync.Connection),
    "tls": timed(sync.SSLConnection),
    "unix": timed(sync.UnixDomainSocketConnection),
}
_AIO: dict[str, type[Any]] = {
    "tcp": aio.Connection,
    "tls": aio.SSLConnection,
    "unix": aio.UnixDomainSocketConnection,
}


class Node:
    """One server. Connections are made per process and per event loop, when first needed: it may
    be made before a fork, and outlive event loops.

    Parameters:
        address: host and port, or the path of a socket.
        tls: whether to encrypt. options: keyword arguments of redis-py's connections.
    """

    __slots__ = ("_aio", "_kind", "_options", "_sync", "address", "breaker")

    def __init__(self, address: tuple[str, int] | str, tls: bool, options: dict[str, Any]) -> None:
        self.address = address
        where: dict[str, Any]
        if isinstance(address, str):
            self._kind, where = "unix", {"path": address}
            name = address
        else:
            host, port = address
            self._kind = "tls" if tls else "tcp"
            where = {"host": host, "port": port, "socket_keepalive": True}
            name = f"{host}:{port}"
        self._options = {**options, **_ALWAYS, **where}
        self.breaker = Breaker(f"the rate limit store at {name}")
        # Pools of other processes are kept, not closed: their connections are not ours.
        self._sync: dict[int, sync.ConnectionPool] = {}
        self._aio: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, aio.ConnectionPool]] = (
            WeakKeyDictionary()
        )

    def send(self, data: bytes, count: int) -> list[Any]:
        """Send commands, wait for `count` replies; a reply may be a ResponseError.

        Raises:
            NotSent: no connection could be had. StoreUnavailable: no answer came.
        """
        if not self.breaker.admits():
            raise NotSent
        pool = self._sync.get(os.getpid())
        if pool is None:
            pool = self._sync.setdefault(os.getpid(), self._sync_pool())
        try:
            connection: Any = pool.get_connection()
        except (RedisError, OSError, UnicodeError) as error:  # a name that no host can have
            self.breaker.failed(type(error).__name__)
            raise NotSent from None
        answered = False
        try:
            connection.send_packed_command([data], check_health=False)
            replies = []
            for _ in range(count):
                try:
                    replies.append(connection.read_response())
                except ResponseError as error:
                    replies.append(error)
            answered = not _is_demoted(replies)
        except (RedisError, OSError, ValueError) as error:
            self.breaker.failed(type(error).__name__)
            raise StoreUnavailable from None
        finally:
            if not answered:  # a late reply must not answer the next question
                connection.disconnect()
            pool.release(connection)
        self.breaker.succeeded()
        return replies

    async def asend(self, data: bytes, count: int) -> list[Any]:
        """`send` on the running event loop. The caller sees to the deadline, by cancelling."""
        if not self.breaker.admits():
            raise NotSent
        pools = self._aio.get(asyncio.get_running_loop())
        pool = None if pools is None else pools.get(os.getpid())
        if pool is None:
            pool = await self._aio_pool()
        connection: Any
        try:
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, UnicodeError, asyncio.CancelledError) as error:
            self.breaker.failed(type(error).__name__)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise NotSent from None
        answered = False
        try:
            await connection.send_packed_command([data], check_health=False)
            replies = []
            for _ in range(count):
                try:
                    replies.append(await connection.read_response())
                except ResponseError as error:
                    replies.append(error)
            answered = not _is_demoted(replies)
        except (RedisError, OSError, ValueError, asyncio.CancelledError) as error:
            self.breaker.failed(type(error).__name__)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise StoreUnavailable from None
        finally:
            if not answered:
                await connection.disconnect(nowait=True)
            await pool.release(connection)
        self.breaker.succeeded()
        return replies

    def _sync_pool(self) -> sync.ConnectionPool:
        return sync.ConnectionPool(
            connection_class=_SYNC[self._kind],
            retry=Retry(NoBackoff(), 0),
            max_connections=_NO_MOST,
            **self._options,
        )

    async def _aio_pool(self) -> aio.ConnectionPool:
        pool = aio.ConnectionPool(
            connection_class=_AIO[self._kind],
            retry=AsyncRetry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=None,
            **self._options,
        )
        running = asyncio.get_running_loop()
        keeper = _closing(pool)
        await keeper.__anext__()
        # A list at one stroke: other threads have event loops of their own, and add them.
        for reference in _keepers.keyrefs():
            loop = reference()
            if loop is not None and loop.is_closed():
                self._aio.pop(loop, None)
                _keepers.pop(loop, None)
        _keepers.setdefault(running, []).append(keeper)
        self._aio.setdefault(running, {})[os.getpid()] = pool
        return pool


# An event loop that shuts down closes the asynchronous generators which began on it: the one hook
# there is to close connections in time. It holds them weakly, so they are kept here, whatever
# becomes of the store.
_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, list[AsyncGenerator[None, None]]] = (
    WeakKeyDictionary()
)


async def _closing(pool: aio.ConnectionPool) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await pool.disconnect()


def _is_demoted(replies: list[Any]) -> bool:
    """A server that became a replica: behind its name there may be another one by now, which only
    a new connection reaches."""
    return any(isinstance(reply, ReadOnlyError) for reply in replies)
