"""Used DPoP proofs in a real Redis, for several workers."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
import redis

import redis_servers
from authn_support import send_asgi, send_wsgi
from dpop_support import bound, layer, prove, with_proof
from ringwall._errors import MissingDependency
from ringwall.authn import RedisReplays
from ringwall.authn._redis_client import RedisClients


@pytest.fixture(scope="module")
def server():
    with redis_servers.server() as running:
        yield running


def asked_twice(wrap, store, *headers):
    """Through ASGI, then through WSGI: another worker, as it were."""

    async def over_asgi():
        try:
            return await send_asgi(wrap, *headers)
        finally:
            await store.aclose()

    return asyncio.run(over_asgi()), send_wsgi(wrap, *headers)


def test_a_proof_is_good_once_for_all_workers(server):
    store = RedisReplays(server.url, prefix="t:")
    token = bound()
    first, second = asked_twice(layer(replays=store), store, *with_proof(token, prove(token)))
    assert (first.status, second.status) == (200, 401)
    assert (second.code, second.principal) == ("proof-replayed", False)
    other = RedisReplays(server.url, prefix="t:")
    assert send_wsgi(layer(replays=other), *with_proof(token, prove(token))).status == 200
    with redis.Redis.from_url(server.url) as raw:
        names = raw.keys("*")
        assert len(names) == 2
        assert all(name.startswith(b"t:") and len(name) == 2 + 64 for name in names), "digests"
        assert all(70_000 < raw.pttl(name) <= 75_001 for name in names)
        assert {raw.get(name) for name in names} == {b""}
    assert repr(store) == "<RedisReplays>"
    assert repr(store._clients) == "<RedisClients>"
    store.close()
    other.close()


def test_a_url_is_enough(server):
    token = bound()
    wrap = layer(replays=server.url)
    proof = prove(token)
    answers = [send_wsgi(wrap, *with_proof(token, proof)) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 401]


def test_of_many_at_once_one_gets_in(server):
    stores = [RedisReplays(server.url, timeout=30) for _ in range(4)]
    token = bound()
    proof = prove(token)
    statuses = []

    def ask(store):
        wrap = layer(replays=store)
        statuses.extend(send_wsgi(wrap, *with_proof(token, proof)).status for _ in range(5))

    threads = [threading.Thread(target=ask, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 19
    for store in stores:
        store.close()


def test_a_redis_that_stalls_or_is_away_closes_the_door(caplog):
    with redis_servers.server() as server:
        store = RedisReplays(server.url, timeout=0.1)
        wrap = layer(replays=store)
        token = bound()
        with server.stalled():
            answers = asked_twice(wrap, store, *with_proof(token, prove(token)))
        server.kill()
        answers += asked_twice(wrap, store, *with_proof(token, prove(token)))
    for answer in answers:
        assert (answer.status, answer.code) == (503, "replays-unavailable")
        assert answer.principal is False
    assert server.url not in caplog.text


def test_names_are_compared_under_tls():
    clients = RedisClients("rediss://localhost", 1.0, "x")
    given = clients.sync.connection_pool.connection_kwargs
    assert given["ssl_check_hostname"] is True
    assert given["ssl_cert_reqs"] == "required"


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingDependency, match=r"RedisReplays.*ringwall\[redis\]"):
        RedisReplays("redis://localhost")
