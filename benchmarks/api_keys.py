"""What finding an API key costs with 10 to 10^6 keys (10^5 elsewhere), by store, and their memory.

Each lookup is of another key, at random; nothing is remembered (`cache_ttl=0`), so that the store
itself is measured. CPU time of this process: for Redis that is the client's part. The floor is a
dictionary of hashes, the comparison and nothing else.

Run: python -m benchmarks.api_keys
"""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from hmac import compare_digest
from pathlib import Path
from typing import Any
from uuid import uuid4

from ringwall import APIKey
from ringwall._pending import settle
from ringwall.authn import APIKeyRecord
from ringwall.authn.apikeys.key import new_key
from ringwall.authn.apikeys.store import MemoryStore

from .growth import Curve, Maker, curve
from .harness import Role, Work
from .lab import Lab, run
from .load import redis_server
from .peers import lacking

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


def sql(folder: Path, records: list[APIKeyRecord]) -> Any:
    from ringwall.authn import SQLKeyStore
    from ringwall.authn.apikeys.sql import _row

    store = SQLKeyStore(f"sqlite:///{folder}/keys-{uuid4().hex}.db")
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


def comparisons(lab: Lab) -> Iterator[Curve]:
    sizes = [10**power for power in range(1, 7)] if lab.full else [10, 1000]
    fewer = dict.fromkeys(("SQLite", "Redis"), sizes[:5])  # a million takes minutes to write
    folder = lab.folder

    def made(store: Callable[[list[APIKeyRecord]], Any]) -> Maker:
        def make(size: int) -> Callable[[], tuple[Work, Work]]:
            keys, records = _made(size)
            kept = store(records)
            return lambda: (scheme(kept, keys), lambda: None)

        return make

    def by_hand(size: int) -> Callable[[], tuple[Work, Work]]:
        work = floor(*_made(size))
        return lambda: (work, lambda: None)

    makers: dict[tuple[str, Role], Maker] = {
        ("in memory", "ringwall"): made(MemoryStore),
        ("floor", "floor"): by_hand,
    }
    if not lacking("sqlalchemy"):
        makers["SQLite", "ringwall"] = made(lambda records: sql(folder, records))
    with ExitStack() as stack:
        if shutil.which("redis-server") and not lacking("redis"):
            port = stack.enter_context(redis_server(folder))
            makers["Redis", "ringwall"] = made(lambda records: redis(port, records))
        yield curve("API keys by store", "keys", sizes, makers, rounds=9, fewer=fewer)


@cache
def _made(size: int) -> tuple[list[bytes], list[APIKeyRecord]]:
    return make(size)


if __name__ == "__main__":
    run(comparisons)
