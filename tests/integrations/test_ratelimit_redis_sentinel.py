"""Shared limits behind Sentinel: the primary is found, lost, and found again after a failover."""

from __future__ import annotations

import contextlib
import time

import pytest

import store_support
from ports import free_port
from ratelimit_support import App, asgi_sender, wsgi_sender
from redis_servers import HOST, Replicated, until
from ringwall import RateLimit
from ringwall._pending import settle
from ringwall.ratelimit import GCRA, Check
from ringwall.ratelimit._redis_topology import Sentinels
from ringwall.ratelimit._redis_url import read_url
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.redis import RedisStore
from ringwall.ratelimit.store import StoreUnavailable

run = store_support.run

LIMIT = GCRA("x", 100, 3600 * SECOND)
CHECK = Check(LIMIT, "k")


class Told:
    """A sentinel that answers what a test says."""

    def __init__(self, answer):
        self.answer = answer

    def send(self, data, count):
        return [self.answer]

    asend = None


@pytest.fixture
def replicated():
    made = Replicated()
    yield made
    made.close()


def remaining(run, store):
    with contextlib.suppress(StoreUnavailable):
        return run(store.acquire([CHECK]))[0].remaining
    return None


def reached(run, store):
    """The connections stand, and nothing is counted: further on the short deadline is enough."""

    def peeked():
        with contextlib.suppress(StoreUnavailable):
            return run(store.peek([CHECK]))

    until(peeked)
    return store


def test_the_primary_counts_and_after_a_failover_the_new_one(replicated, run):
    """What was replicated is kept: the limit is not exceeded by more than one late write."""
    dead = f"{HOST}:{free_port()}"
    url = replicated.url.replace("//", f"//{dead},")
    store = reached(run, RedisStore(url, timeout=0.25))
    for i in range(10):
        assert remaining(run, store) == 99 - i
    replicated.catch_up()
    replicated.primary.kill()
    begin = time.monotonic()
    assert remaining(run, store) is None
    assert time.monotonic() - begin < 0.9
    replicated.await_failover()
    assert until(lambda: remaining(run, store)) in (88, 89, 90)


def test_a_primary_that_was_demoted_is_left_in_the_same_request(replicated, run):
    store = RedisStore(replicated.url, timeout=20)
    assert remaining(run, store) == 99
    replicated.catch_up()
    # Once the sentinel holds the replica for a good one.
    until(lambda: replicated.sentinel.client_call("SENTINEL", "FAILOVER", "shop"))
    replicated.await_failover()
    replicated.primary.client_call("REPLICAOF", HOST, replicated.replica.port)
    assert remaining(run, store) == 98


def test_a_stalled_primary_is_left_for_the_new_one(replicated, run):
    store = reached(run, RedisStore(replicated.url, timeout=0.25))
    assert remaining(run, store) == 99
    replicated.catch_up()
    with replicated.primary.stalled():
        spent = []
        for _ in range(4):
            begin = time.monotonic()
            assert remaining(run, store) is None
            spent.append(time.monotonic() - begin)
        assert max(spent) < 0.9
        replicated.await_failover()
        assert until(lambda: remaining(run, store)) in (98, 97)


def test_without_any_sentinel_the_rule_decides_in_time():
    for sender in (asgi_sender, wsgi_sender):
        app = App()
        url = f"redis+sentinel://{HOST}:{free_port()},{HOST}:{free_port()}/shop"
        send = sender(RateLimit("5/hour", store=url), app)
        begin = time.monotonic()
        assert [send().status for _ in range(8)] == [503] * 8
        assert time.monotonic() - begin < 2
        assert app.calls == 0


@pytest.mark.parametrize(
    "answer",
    [None, 5, b"OK", [], [b"h"], [b"h", b"x"], [b"h", None], [5, b"7"], [b"h", b"70000"]],
)
def test_an_answer_that_names_no_primary_is_passed_over(answer):
    topology = Sentinels(read_url("redis+sentinel://a:1,b:2/shop"), lambda: 0.0)
    topology._sentinels = [Told(answer), Told([b"n1", b"7001"])]
    assert settle(topology.find(0)).address == ("n1", 7001)
    topology = Sentinels(read_url("redis+sentinel://a:1/shop"), lambda: 0.0)
    topology._sentinels = [Told(answer)]
    with pytest.raises(StoreUnavailable):
        settle(topology.find(0))


def test_a_service_that_no_sentinel_knows_is_unavailable(replicated, run):
    store = RedisStore(replicated.url.replace("/shop", "/other/3"))
    assert remaining(run, store) is None
