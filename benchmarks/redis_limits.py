"""Decisions on a real redis-server, against one bare EVALSHA of the same script on redis-py.

Run: python -m benchmarks.redis_limits
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
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

from .harness import interleaved

ONE = [Check(GCRA("one", 10**6, 10**4 * SECOND), "client")]
THREE = [Check(GCRA(f"three{i}", 10**6, 10**4 * SECOND), "client") for i in range(3)]
DENIED = [Check(GCRA("denied", 1, 10**4 * SECOND), "client")]
KEY = b"rw:{00000000000000000000000000000000}"
# The words of one request, as redis-py's users would pass them.
WORDS = [b"a", b"1", *script.arguments(ONE[0]).split(b"\r\n")[1::2]]
ROUNDS, REPEATS, AT_A_TIME = 60, 20, 64


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout=5)
        samples = blocking(store, port) | asyncio.run(looping(store, port))
        samples |= in_place(store)
    finally:
        process.kill()
        process.wait()
    print(f"{'':44s}{'fastest':>9s}{'quarter':>9s}{'median':>9s}  us")
    for name, values in samples.items():
        low, middle, _ = statistics.quantiles(values, n=4)
        print(f"{name:44s}{min(values):9.1f}{low:9.1f}{middle:9.1f}")
    for colour in ("blocking", "asyncio"):
        bare = samples[f"{colour}: bare EVALSHA"]
        one = samples[f"{colour}: one decision, one limit"]
        three = samples[f"{colour}: one decision, three limits"]
        print(
            f"{colour}: one decision over a bare EVALSHA {ratio(one, bare):.2f} (goal 1.3),"
            f" three limits over one {ratio(three, one):.2f} (goal 1.3)"
        )


def ratio(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def blocking(store: RedisStore, port: int) -> dict[str, list[float]]:
    client = redis.Redis(port=port)
    client.script_load(lua.SCRIPT)
    variants: dict[str, Callable[[], Any]] = {
        "bare EVALSHA": lambda: client.execute_command("EVALSHA", lua.SHA, 1, KEY, *WORDS),
        "one decision, one limit": lambda: settle(store.acquire(ONE)),  # type: ignore[arg-type]
        "one decision, three limits": lambda: settle(store.acquire(THREE)),  # type: ignore[arg-type]
    }
    samples: dict[str, list[float]] = {f"blocking: {name}": [] for name in variants}
    for _ in range(ROUNDS):
        for name, work in variants.items():
            work()
            begin = time.perf_counter()
            for _ in range(REPEATS):
                work()
            samples[f"blocking: {name}"].append((time.perf_counter() - begin) / REPEATS * 1e6)
    client.close()
    return samples


async def looping(store: RedisStore, port: int) -> dict[str, list[float]]:
    client = redis.asyncio.Redis(port=port)

    async def decide(checks: list[Check]) -> Any:
        return await asettle(store.acquire(checks))  # type: ignore[arg-type]

    async def many(work: Callable[[], Awaitable[Any]]) -> None:
        await asyncio.gather(*(work() for _ in range(AT_A_TIME)))

    def bare() -> Awaitable[Any]:
        return client.execute_command("EVALSHA", lua.SHA, 1, KEY, *WORDS)  # type: ignore[no-untyped-call]

    variants: dict[str, tuple[Callable[[], Awaitable[Any]], int]] = {
        "bare EVALSHA": (bare, 1),
        "one decision, one limit": (lambda: decide(ONE), 1),
        "one decision, three limits": (lambda: decide(THREE), 1),
        "64 bare EVALSHA at a time, each": (lambda: many(bare), AT_A_TIME),
        "64 decisions at a time, each": (lambda: many(lambda: decide(ONE)), AT_A_TIME),
    }
    samples: dict[str, list[float]] = {f"asyncio: {name}": [] for name in variants}
    for _ in range(ROUNDS):
        for name, (work, size) in variants.items():
            repeats = REPEATS if size == 1 else 3
            await work()
            begin = time.perf_counter()
            for _ in range(repeats):
                await work()
            spent = (time.perf_counter() - begin) / repeats / size * 1e6
            samples[f"asyncio: {name}"].append(spent)
    await client.aclose()
    return samples


def in_place(store: RedisStore) -> dict[str, list[float]]:
    """What needs no round trip."""
    for _ in range(2):
        settle(store.acquire(DENIED))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        local = LMDBStore(folder)
        samples = interleaved(
            {
                "a denial remembered": lambda: store.acquire(DENIED),
                "LMDB: one decision, one limit": lambda: local.acquire(ONE),
                "LMDB: one decision, three limits": lambda: local.acquire(THREE),
            }
        )
    return {name: [value * 1e6 for value in values] for name, values in samples.items()}


if __name__ == "__main__":
    main()
