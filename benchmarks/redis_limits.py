"""Decisions on a real redis-server, against one bare EVALSHA of the same script on redis-py.

Whole time, not the time of this process alone: it waits for the server.

Run: python -m benchmarks.redis_limits
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import redis
import redis.asyncio

from ringwall._pending import asettle, settle
from ringwall.ratelimit import GCRA, Check
from ringwall.ratelimit import _redis_lua as lua
from ringwall.ratelimit import _redis_script as script
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.lmdb import LMDBStore
from ringwall.ratelimit.redis import RedisStore

from .harness import Goal, Measured, Role, Row, interleaved
from .lab import Lab, run
from .load import redis_server
from .peers import LEFT_OUT, lacking

ONE = [Check(GCRA("one", 10**6, 10**4 * SECOND), "client")]
THREE = [Check(GCRA(f"three{i}", 10**6, 10**4 * SECOND), "client") for i in range(3)]
DENIED = [Check(GCRA("denied", 1, 10**4 * SECOND), "client")]
KEY = b"rw:{00000000000000000000000000000000}"
# The words of one request, as redis-py's users would pass them.
WORDS = [b"a", b"1", *script.arguments(ONE[0]).split(b"\r\n")[1::2]]
BARE, ONE_LIMIT, THREE_LIMITS = "bare EVALSHA", "one decision, one limit", "three limits"
GOALS = (
    Goal("one decision over a bare EVALSHA", ONE_LIMIT, BARE, 1.3),
    Goal("three limits over one", THREE_LIMITS, ONE_LIMIT, 1.3),
)
REPEATS, AT_A_TIME = 20, 64


def comparisons(lab: Lab) -> Iterator[Measured]:
    if lacking("redis") or shutil.which("redis-server") is None:
        LEFT_OUT["limits on Redis"] = "redis-server or the package redis is not installed"
        return
    rounds = 60 if lab.full else 15
    with redis_server(lab.folder) as port:
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout=5)
        colours = {
            "blocking": blocking(store, port, rounds),
            "asyncio": asyncio.run(looping(store, port, rounds)),
        }
        for colour, samples in colours.items():
            yield Measured(f"Limits on Redis, {colour}", "", _rows(samples), GOALS)
        yield Measured("Limits without a round trip", "", _rows(in_place(store, lab.folder)))


def _rows(samples: dict[str, list[float]]) -> tuple[Row, ...]:
    found = []
    for name, values in samples.items():
        low, middle, high = statistics.quantiles(values, n=4)
        role: Role = "floor" if "bare" in name else "ringwall"
        found.append(Row(name, role, middle, middle, low, high))
    return tuple(found)


def blocking(store: RedisStore, port: int, rounds: int) -> dict[str, list[float]]:
    client = redis.Redis(port=port)
    client.script_load(lua.SCRIPT)
    variants: dict[str, Callable[[], Any]] = {
        BARE: lambda: client.execute_command("EVALSHA", lua.SHA, 1, KEY, *WORDS),
        ONE_LIMIT: lambda: settle(store.acquire(ONE)),  # type: ignore[arg-type]
        THREE_LIMITS: lambda: settle(store.acquire(THREE)),  # type: ignore[arg-type]
    }
    samples: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            work()
            begin = time.perf_counter()
            for _ in range(REPEATS):
                work()
            samples[name].append((time.perf_counter() - begin) / REPEATS * 1e6)
    client.close()
    return samples


async def looping(store: RedisStore, port: int, rounds: int) -> dict[str, list[float]]:
    client = redis.asyncio.Redis(port=port)

    async def decide(checks: list[Check]) -> Any:
        return await asettle(store.acquire(checks))  # type: ignore[arg-type]

    async def many(work: Callable[[], Awaitable[Any]]) -> None:
        await asyncio.gather(*(work() for _ in range(AT_A_TIME)))

    def bare() -> Awaitable[Any]:
        return client.execute_command("EVALSHA", lua.SHA, 1, KEY, *WORDS)  # type: ignore[no-untyped-call]

    variants: dict[str, tuple[Callable[[], Awaitable[Any]], int]] = {
        BARE: (bare, 1),
        ONE_LIMIT: (lambda: decide(ONE), 1),
        THREE_LIMITS: (lambda: decide(THREE), 1),
        "64 bare EVALSHA at a time, each": (lambda: many(bare), AT_A_TIME),
        "64 decisions at a time, each": (lambda: many(lambda: decide(ONE)), AT_A_TIME),
    }
    samples: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, (work, size) in variants.items():
            repeats = REPEATS if size == 1 else 3
            await work()
            begin = time.perf_counter()
            for _ in range(repeats):
                await work()
            spent = (time.perf_counter() - begin) / repeats / size * 1e6
            samples[name].append(spent)
    await client.aclose()
    return samples


def in_place(store: RedisStore, folder: Path) -> dict[str, list[float]]:
    """What needs no round trip."""
    for _ in range(2):
        settle(store.acquire(DENIED))  # type: ignore[arg-type]
    variants: dict[str, Callable[[], object]] = {
        "a denial remembered": lambda: store.acquire(DENIED)
    }
    if not lacking("lmdb"):
        local = LMDBStore(folder / "limits")
        variants["LMDB: one decision, one limit"] = lambda: local.acquire(ONE)
        variants["LMDB: one decision, three limits"] = lambda: local.acquire(THREE)
    samples = interleaved(variants, rounds=15)
    return {name: [value * 1e6 for value in values] for name, values in samples.items()}


if __name__ == "__main__":
    run(comparisons)
