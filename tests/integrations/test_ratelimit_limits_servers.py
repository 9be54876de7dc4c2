"""Counts in real servers through `limits`. None is started here: RINGWALL_LIMITS_STORES names them,
"memcached://127.0.0.1:11211 mongodb://127.0.0.1:27017", and the drivers have to be installed."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import secrets
import socket
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import store_support
from ringwall._pending import asettle, settle
from ringwall.ratelimit import Check, FixedWindow
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.store import StoreUnavailable
from ringwall.ratelimit.through_limits import LimitsStore

run = store_support.run
URLS = os.environ.get("RINGWALL_LIMITS_STORES", "").split()
NOON = 1_800_000_000.0

if not URLS:
    pytest.skip("no servers: RINGWALL_LIMITS_STORES names none", allow_module_level=True)
pytestmark = pytest.mark.parametrize("url", URLS)


@pytest.fixture(autouse=True)
def _sockets(monkeypatch):
    """`limits` and its drivers leave connections to the garbage collector, which warns of them."""
    yield
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    gc.collect()


def limit(quota, window=3600):
    return FixedWindow(f"x-{secrets.token_hex(8)}", quota, window * SECOND)


def patient(url):
    return LimitsStore(url, timeout=20, wall_clock=lambda: NOON)


def test_it_admits_the_quota_in_each_window(url, run):
    now = [NOON]
    store = LimitsStore(url, timeout=20, wall_clock=lambda: now[0])
    check = Check(limit(3, 60), "k")
    seen = [run(store.acquire([check]))[0] for _ in range(5)]
    assert [quota.allowed for quota in seen] == [True] * 3 + [False] * 2
    assert [quota.remaining for quota in seen] == [2, 1, 0, 0, 0]
    assert seen[3].wait == 60 * SECOND
    now[0] += 60
    assert run(store.acquire([check]))[0].allowed


def test_all_are_charged_or_none_and_a_peek_charges_nothing(url, run):
    store = patient(url)
    wide, narrow = Check(limit(5), "k"), Check(limit(1), "k")
    assert [q.allowed for q in run(store.acquire([wide, narrow]))] == [True, True]
    assert [q.allowed for q in run(store.acquire([wide, narrow]))] == [True, False]
    assert run(store.peek([wide]))[0].remaining == 4
    assert run(store.acquire([wide._replace(cost=0)]))[0].remaining == 4
    run(store.debit([wide._replace(cost=7)]))
    assert run(store.peek([wide]))[0].remaining == 0


def test_parallel_threads_admit_no_more_than_the_quota(url):
    store, check, admitted = patient(url), Check(limit(50), "k"), []

    def ask():
        admitted.extend(settle(store.acquire([check]))[0].allowed for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 160
    assert sum(admitted) == 50


def test_parallel_tasks_admit_no_more_than_the_quota(url):
    store, check = patient(url), Check(limit(50), "k")

    async def ask():
        return sum([(await asettle(store.acquire([check])))[0].allowed for _ in range(20)])

    async def everybody():
        return sum(await asyncio.gather(*(ask() for _ in range(8))))

    assert asyncio.run(everybody()) == 50


def _process(url, check, answers):
    store = patient(url)
    answers.put(sum(settle(store.acquire([check]))[0].allowed for _ in range(40)))


def test_four_processes_admit_no_more_than_the_quota(url):
    context = multiprocessing.get_context("spawn")
    answers, check = context.Queue(), Check(limit(50), "k")
    processes = [context.Process(target=_process, args=(url, check, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    assert sum(answers.get(timeout=60) for _ in processes) == 50
    for process in processes:
        process.join()


@contextmanager
def silent():
    """A port that takes connections and never answers, as a stopped server's does."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_a_server_that_does_not_answer_is_unavailable_in_time_and_then_left_alone(url, run):
    with silent() as port:
        store = LimitsStore(f"{url.partition('://')[0]}://127.0.0.1:{port}", timeout=0.2)
        check, waits = Check(limit(5), "k"), []
        for _ in range(8):
            start = time.monotonic()
            with pytest.raises(StoreUnavailable):
                run(store.acquire([check]))
            waits.append(time.monotonic() - start)
    assert max(waits) < 2
    assert min(waits) < 0.05, "the breaker never opened"


def test_a_server_that_is_gone_is_unavailable(url, run):
    with silent() as port:
        pass
    store = LimitsStore(f"{url.partition('://')[0]}://127.0.0.1:{port}", timeout=0.2)
    start = time.monotonic()
    with pytest.raises(StoreUnavailable):
        run(store.acquire([Check(limit(5), "k")]))
    assert time.monotonic() - start < 2
