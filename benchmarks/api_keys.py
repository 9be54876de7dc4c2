"""What finding an API key costs with 10 to 10^6 keys, by store, and the memory they take.

Each lookup is of another key, at random; nothing is remembered (`cache_ttl=0`), so that the store
itself is measured. CPU time of this process: for Redis that is the client's part, and the whole
time stands beside it. The floor is a dictionary of hashes, the comparison and nothing else.

Run: python -m benchmarks.api_keys [most keys]
"""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from hmac import compare_digest
from pathlib import Path
from typing import Any

from ringwall import APIKey
from ringwall._pending import settle
from ringwall.authn import APIKeyRecord
from ringwall.authn.apikeys.key import new_key
from ringwall.authn.apikeys.store import MemoryStore

from .harness import interleaved

SAMPLE = 4096


class Asked:
    interface = "wsgi"


def make(count: int) -> tuple[list[bytes], list[APIKeyRecord]]:
    """Some of the keys, and the records of all."""
    keys, records = [], []
    for number in range(count):
        key, id = new_key("rw_")
        digest = "sha256:" + hashlib.sha256(key.encode()).hexdigest()
        records.append(APIKeyRecord(id, digest, f"owner-{number}", scopes=("orders:read",)))
        if number < SAMPLE:
            keys.append(key.encode())
    random.Random(1).shuffle(keys)  # noqa: S311  no secret
    return keys, records


def floor(keys: list[bytes], records: list[APIKeyRecord]) -> Any:
    digests = {record.id.encode(): record.digest for record in records}
    turn = itertools.cycle(keys)

    def work() -> None:
        key = next(turn)
        assert compare_digest(hashlib.sha256(key).digest(), digests[key[3:15]])

    return work


def scheme(store: Any, keys: list[bytes]) -> Any:
    made = APIKey(store, cache_ttl=0, last_used=False)
    turn, asked = itertools.cycle(keys), Asked()

    def work() -> None:
        judgement: Any = made.authenticate(next(turn), asked)  # type: ignore[arg-type]
        if not hasattr(judgement, "subject"):
            judgement = settle(judgement)
        assert judgement.subject

    return work


def sql(folder: str, records: list[APIKeyRecord]) -> Any:
    from ringwall.authn import SQLKeyStore
    from ringwall.authn.apikeys.sql import _row

    store = SQLKeyStore(f"sqlite:///{folder}/keys-{len(records)}.db")
    store.create()
    with store._blocking.begin() as connection:
        for begin in range(0, len(records), 10_000):
            rows = [_row(record) for record in records[begin : begin + 10_000]]
            connection.execute(store._sql.insert, rows)
    return store


def redis(port: int, records: list[APIKeyRecord]) -> Any:
    from ringwall.authn import RedisKeyStore
    from ringwall.authn.apikeys.redis import _text

    store = RedisKeyStore(f"redis://127.0.0.1:{port}", prefix=f"{len(records)}:", timeout=5)
    for begin in range(0, len(records), 10_000):
        some = records[begin : begin + 10_000]
        store._client.mset({f"{len(records)}:{record.id}": _text(record) for record in some})
    return store


def whole(work: Any, count: int = 500) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - begin) / count * 1e6


def main() -> None:
    most = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    sizes = [size for size in (10, 100, 1000, 10_000, 100_000, 1_000_000) if size <= most]
    variants: dict[str, Any] = {}
    memory: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        server = None
        if shutil.which("redis-server"):
            command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)
            time.sleep(1)
        try:
            for size in sizes:
                tracemalloc.start()
                before = tracemalloc.get_traced_memory()[0]
                keys, records = make(size)
                store = MemoryStore(records)
                memory[size] = (tracemalloc.get_traced_memory()[0] - before) / size
                tracemalloc.stop()
                variants[f"floor {size}"] = floor(keys, records)
                variants[f"memory {size}"] = scheme(store, keys)
                variants[f"SQLite {size}"] = scheme(sql(folder, records), keys)
                if server:
                    variants[f"Redis {size}"] = scheme(redis(port, records), keys)
            samples = interleaved(variants, rounds=20)
            cost = {name: statistics.median(values) * 1e6 for name, values in samples.items()}
            print(f"{'keys':>10s}" + "".join(f"{name:>22s}" for name in ("floor", *STORES)))
            for size in sizes:
                line = f"{size:10d}{cost[f'floor {size}']:22.2f}"
                for name in STORES:
                    if f"{name} {size}" in cost:
                        ratio = cost[f"{name} {size}"] / cost[f"{name} {sizes[0]}"]
                        line += f"{cost[f'{name} {size}']:14.2f} ({ratio:4.2f}x)"
                print(line)
            print("\nmicroseconds of CPU time; in brackets: over the first line")
            for size in (sizes[0], sizes[-1]):
                line = ", ".join(
                    f"{name} {whole(variants[f'{name} {size}']):.0f}"
                    for name in STORES
                    if f"{name} {size}" in variants
                )
                print(f"whole time with {size} keys, microseconds: {line}")
            for size in (1000, sizes[-1]):
                print(f"memory of a record among {size}: {memory.get(size, 0):.0f} bytes")
            file = Path(folder) / f"keys-{sizes[-1]}.db"
            print(f"SQLite file of {sizes[-1]} keys: {file.stat().st_size / 1e6:.0f} MB")
        finally:
            if server:
                server.terminate()
                server.wait()


STORES = ("memory", "SQLite", "Redis")


if __name__ == "__main__":
    main()
