"""Shared limits on a cluster: routed by slot, through a resharding, all or nothing across nodes."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

import store_support
from ports import free_port
from ratelimit_support import SENDERS, App
from redis_servers import HOST, Sharded, until
from ringwall import RateLimit
from ringwall._pending import asettle, settle
from ringwall.ratelimit import GCRA, Check, FixedWindow, SlidingWindow
from ringwall.ratelimit._redis_topology import Cluster
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.redis import RedisStore
from ringwall.ratelimit.store import StoreUnavailable

run = store_support.run

HOUR = 3600 * SECOND


@pytest.fixture(scope="module")
def cluster():
    made = Sharded()
    yield made
    made.close()


@pytest.fixture
def store(cluster):
    for node in cluster.nodes:
        node.client_call("FLUSHALL")
    # What is tried with it is what is counted, on a machine however busy.
    return RedisStore(cluster.url, timeout=20)


def limit(quota=3, name="x", kind=GCRA):
    return kind(name, quota, HOUR)


def slot_of(store, key):
    return store._requests(b"a", [Check(limit(), key)])[0].slot


def key_on(cluster, store, node):
    return next(k for k in map(str, range(1000)) if cluster.owner(slot_of(store, k)) is node)


def test_the_slot_is_that_of_the_servers(cluster, store):
    for key in map(str, range(20)):
        name = store._name(key).split(b"\r\n")[1]
        assert cluster.nodes[0].client_call("CLUSTER", "KEYSLOT", name) == slot_of(store, key)


def test_keys_of_all_nodes_are_counted(cluster, store, run):
    for key in map(str, range(30)):
        seen = [run(store.acquire([Check(limit(2), key)]))[0].allowed for _ in range(3)]
        assert seen == [True, True, False]
    assert all(node.client_call("DBSIZE") for node in cluster.nodes)


def test_parallel_tasks_over_many_keys_are_admitted_exactly(cluster, store):
    async def one(key):
        answer = store.acquire([Check(limit(5), key)])
        return (answer if isinstance(answer, list) else await asettle(answer))[0].allowed

    async def main():
        return await asyncio.gather(*(one(str(i % 20)) for i in range(300)))

    assert asyncio.run(main()).count(True) == 100


def test_a_request_over_two_nodes_is_all_or_nothing(cluster, store, run):
    here, there = (key_on(cluster, store, cluster.nodes[i]) for i in (0, 2))
    checks = [Check(limit(9, "a"), here), Check(limit(1, "b"), there), Check(limit(9, "c"), here)]
    assert [quota.remaining for quota in run(store.acquire(checks))] == [8, 0, 8]
    assert [quota.allowed for quota in run(store.acquire(checks))] == [True, False, True]
    assert [quota.remaining for quota in run(store.peek(checks))] == [8, 0, 8]


def test_a_refund_over_two_nodes_gives_each_back(cluster, store, run):
    here, there = (key_on(cluster, store, cluster.nodes[i]) for i in (0, 1))
    checks = [Check(limit(5), here), Check(limit(5), there), Check(limit(5), here)]
    begin = time.monotonic()
    quotas = run(store.acquire(checks))
    assert [quota.remaining for quota in quotas] == [3, 4, 3]
    run(store.refund(checks, quotas))
    whole = [Check(limit(5), key, 5) for key in (here, there)]
    twice, once = run(store.peek(whole))
    assert once == (True, 5, 0, 0)
    # Of two charges of one key, time may have given back one already: each lacks what passed since.
    assert twice.wait <= (time.monotonic() - begin) * SECOND
    run(store.reset(checks))


@pytest.mark.parametrize("count", [1, 3])
def test_a_slot_that_moves_is_followed_without_counting_twice(cluster, store, run, count):
    """ASK while it is on its way, MOVED when it is there; also for keys not seen before."""
    source, to = cluster.nodes[1], cluster.nodes[2]
    old = key_on(cluster, store, source)
    slot = slot_of(store, old)
    kinds = [GCRA, FixedWindow, SlidingWindow][:count]
    checks = [Check(limit(50, kind.algorithm, kind), old) for kind in kinds]

    def remaining():
        answers = run(store.acquire(checks))
        assert len({quota.remaining for quota in answers}) == 1
        return answers[0].remaining

    assert remaining() == 49
    cluster.begin_move(slot, source, to)
    try:
        assert remaining() == 48
        cluster.move_keys(slot, source, to)
        assert remaining() == 47  # by ASK, where the script may not be loaded
        to.client_call("SCRIPT", "FLUSH")
        assert remaining() == 46
    finally:
        cluster.end_move(slot, source, to)
    assert remaining() == 45  # by MOVED
    assert remaining() == 44
    assert store._delivery.topology.known(slot).address[1] == to.port
    cluster.begin_move(slot, to, source)
    cluster.move_keys(slot, to, source)
    cluster.end_move(slot, to, source)
    assert remaining() == 43


def test_scripts_flushed_everywhere_are_healed(cluster, store):
    async def main():
        quotas = []
        for _ in range(3):
            for node in cluster.nodes:
                node.client_call("SCRIPT", "FLUSH")
            asked = (asettle(store.acquire([Check(limit(9), str(i))])) for i in range(20))
            quotas += await asyncio.gather(*asked)
        return quotas

    assert [quotas[0].remaining for quotas in asyncio.run(main())] == [8] * 20 + [7] * 20 + [6] * 20


def test_a_stalled_node_concerns_its_keys_alone(cluster, run):
    store = RedisStore(cluster.url, timeout=0.25)
    bad, good = (key_on(cluster, store, cluster.nodes[i]) for i in (1, 0))
    both = [Check(limit(90), good), Check(limit(90), bad)]
    for check in both:
        until(lambda check=check: served(run, store, [check]))  # connected, and the script there
    with cluster.nodes[1].stalled():
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable):
            run(store.acquire(both))
        assert time.monotonic() - begin < 0.9
        for _ in range(3):
            with contextlib.suppress(StoreUnavailable):
                run(store.acquire([Check(limit(90), bad)]))
        before = until(lambda: peeked(run, store, both[:1]))[0].remaining
        with pytest.raises(StoreUnavailable):  # the breaker is open: there is time to give back
            run(store.acquire(both))
        assert until(lambda: peeked(run, store, both[:1]))[0].remaining == before
    until(lambda: ready(cluster))
    until(lambda: served(run, store, both))


def ready(cluster):
    infos = [node.client_call("CLUSTER", "INFO") for node in cluster.nodes]
    return all(b"cluster_state:ok" in info for info in infos)


def served(run, store, checks):
    with contextlib.suppress(StoreUnavailable):
        return run(store.acquire(checks))


def peeked(run, store, checks):
    with contextlib.suppress(StoreUnavailable):
        return run(store.peek(checks))


@pytest.mark.parametrize("sender", SENDERS)
def test_the_layer_counts_on_a_cluster(cluster, store, sender):
    app = App()
    send = sender(RateLimit("2/hour", "9/day", store=cluster.url + "?timeout=5"), app)
    assert [send().status for _ in range(4)] == [200, 200, 429, 429]
    assert app.calls == 2


def test_seeds_that_are_dead_are_passed_over(cluster, store, run):
    other = RedisStore(cluster.url.replace("//", f"//{HOST}:{free_port()},"), timeout=20)
    assert run(other.acquire([Check(limit(), "k")]))[0].allowed


def test_no_seed_alive_is_unavailable(run):
    store = RedisStore(f"redis+cluster://{HOST}:{free_port()}")
    with pytest.raises(StoreUnavailable):
        run(store.acquire([Check(limit(), "k")]))
    with pytest.raises(StoreUnavailable):
        run(store.acquire([Check(limit(), "k")]))


class Told:
    """A node that answers what a test says."""

    address = ("seed", 7000)

    def __init__(self, *answers):
        self.answers = list(answers)

    def send(self, data, count):
        return [self.answers.pop(0)]

    asend = None


@pytest.mark.parametrize(
    ("host", "expected"), [(b"", "seed"), (None, "seed"), (b"?", "seed"), (b"n1", "n1")]
)
def test_a_node_that_does_not_know_its_name_is_the_one_that_was_asked(host, expected):
    from ringwall.ratelimit._redis_url import read_url

    clock = [0.0]
    topology = Cluster(read_url("redis+cluster://seed:7000"), lambda: clock[0])
    topology._nodes = {("seed", 7000): Told([[0, 16383, [host, 7001, b"id"]]], [], 5)}
    found = settle(topology.find(9))
    assert found.address == (expected, 7001)
    assert settle(topology.find(9)) is found  # asked a moment ago
    assert topology.redirected(9, found, ":7005", keep=False).address == (expected, 7005)
    assert topology.known(9) is found


@pytest.mark.parametrize(
    "answer",
    [
        [5],
        [[0, 16383]],
        [[0, 16383, []]],
        [[0, 16383, [b"n1", None]]],
        [[0, 16383, [b"n1", b"x"]]],
        [[0, 16383, [b"n1", 99999]]],
        [[0, 16383, [5, 7001]]],
        [[0, 16383, [b"\xff", 7001]]],
        [[None, 16383, [b"n1", 7001]]],
        [[0, 10**15, [b"n1", 7001]]],
        [[-1, 5, [b"n1", 7001]]],
        b"OK",
        7,
    ],
)
def test_an_answer_that_is_no_map_of_slots_is_passed_over(answer):
    from ringwall.ratelimit._redis_url import read_url

    topology = Cluster(read_url("redis+cluster://seed:7000"), lambda: 0.0)
    told = Told([[0, 16383, [b"n2", 7002]]])
    topology._nodes = {("a", 1): Told(answer), ("b", 2): told}
    assert settle(topology.find(9)).address == ("n2", 7002)
    topology = Cluster(read_url("redis+cluster://seed:7000"), lambda: 0.0)
    topology._nodes = {}
    topology._seeds = [Told(answer)]
    with pytest.raises(StoreUnavailable):
        settle(topology.find(9))


def test_a_node_that_knows_of_no_slots_is_passed_over():
    from ringwall.ratelimit._redis_url import read_url

    topology = Cluster(read_url("redis+cluster://seed:7000"), lambda: 0.0)
    knowing = Told([[0, 16383, [b"n1", 7001]]])
    topology._nodes = {("a", 1): Told([]), ("b", 2): Told(None), ("c", 3): knowing}
    assert settle(topology.find(9)).address == ("n1", 7001)
