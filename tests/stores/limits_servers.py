"""Counts in real servers through `limits`: Memcached, and one with the protocol of MongoDB 8.

`./run test -e stores` runs it. MongoDB has no package of its own server; SecantusDB has one, which
serves its protocol from its storage engine. RINGWALL_LIMITS_STORES names other servers, that run
already: "memcached://127.0.0.1:11211 mongodb://127.0.0.1:27017".
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

import store_support
from ports import free_port
from ringwall._pending import asettle, settle
from ringwall.ratelimit import Check, FixedWindow
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.store import StoreUnavailable
from ringwall.ratelimit.through_limits import LimitsStore

run = store_support.run
NOON = 1_800_000_000.0
COMMANDS = {
    "memcached": ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", "{port}"],
    "mongodb": [
        *(str(Path(sys.executable).with_name("secantusd-py")), "--standalone"),
        *("--host", "127.0.0.1", "--port", "{port}", "--storage-path", "{folder}"),
    ],
}


@pytest.fixture(
    scope="module", params=os.environ.get("RINGWALL_LIMITS_STORES", "").split() or COMMANDS
)
def url(request, tmp_path_factory):
    """A server that counts."""
    command = COMMANDS.get(request.param)
    if command is None:
        yield request.param
        return
    port, folder = free_port(), tmp_path_factory.mktemp(request.param)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [word.format(port=port, folder=folder / "data") for word in command],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not listens(port):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(0.05)
        yield f"{request.param}://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(autouse=True)
def _sockets(monkeypatch):
    """`limits` and its drivers leave connections to the garbage collector, which warns of them."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    yield
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


def hammered(store, check):
    """How 160 requests of eight threads end, that begin at once."""
    ends, begin = Counter(), threading.Barrier(8)

    def ask():
        begin.wait(60)
        for _ in range(20):
            try:
                ends[settle(store.acquire([check]))[0].allowed] += 1
            except StoreUnavailable:
                ends["unavailable"] += 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.total() == 160
    return ends


def test_parallel_threads_admit_the_quota(url):
    store, check = patient(url), Check(limit(50), "k")
    assert settle(store.acquire([check]))[0].allowed
    assert hammered(store, check) == {True: 49, False: 111}


def test_parallel_threads_that_begin_to_count_a_key_admit_no_more_than_the_quota(url):
    """Inserts race there: a server may have no answer for who loses, and that one is refused."""
    for _ in range(20):
        ends = hammered(patient(url), Check(limit(50), "k"))
        assert 50 - ends["unavailable"] <= ends[True] <= 50


def test_parallel_tasks_admit_the_quota(url):
    store, check = patient(url), Check(limit(50), "k")

    async def ask():
        return sum([(await asettle(store.acquire([check])))[0].allowed for _ in range(20)])

    async def everybody():
        assert (await asettle(store.acquire([check])))[0].allowed
        return sum(await asyncio.gather(*(ask() for _ in range(8))))

    assert asyncio.run(everybody()) == 49


def _process(url, check, answers):
    store = patient(url)
    answers.put(sum(settle(store.acquire([check]))[0].allowed for _ in range(40)))


def test_four_processes_admit_the_quota(url):
    context = multiprocessing.get_context("spawn")
    answers, check = context.Queue(), Check(limit(50), "k")
    assert settle(patient(url).acquire([check]))[0].allowed
    processes = [context.Process(target=_process, args=(url, check, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    assert sum(answers.get(timeout=60) for _ in processes) == 49
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
