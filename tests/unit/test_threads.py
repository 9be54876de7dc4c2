"""Whatever several threads share holds, with the GIL and without it."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

import redis_servers
from parallel import together
from ratelimit_support import Clock, exchange
from ringwall import Audit, ConcurrencyLimit, RateLimit
from ringwall._pending import settle
from ringwall.audit import JSONLinesSink, QueuedSink
from ringwall.audit._segments import segments
from ringwall.audit.sqlite import SQLiteSink
from ringwall.audit.verify import database_lines, read_lines, verify
from ringwall.authn._cache import BoundedCache
from ringwall.authn._files import WatchedFile
from ringwall.authn._source import ROTATED, KeySource
from ringwall.ratelimit import GCRA, Check, MemoryStore
from ringwall.ratelimit._deny_cache import DenyCache
from ringwall.ratelimit._redis_node import Node
from ringwall.ratelimit.engine import SECOND, Quota
from ringwall.ratelimit.redis import RedisStore
from ringwall.ratelimit.store import open_store

THREADS = 8
HOUR = 3600 * SECOND


def environ(client="192.0.2.1"):
    return {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "wsgi.url_scheme": "http",
        "REMOTE_ADDR": client, "SERVER_NAME": "x", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }  # fmt: skip


def status_of(app, client="192.0.2.1"):
    """Send one request through a WSGI app; the first part of its status line."""
    told = []
    body = app(environ(client), lambda status, headers, exc_info=None: told.append(status))
    try:
        b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()
    return told[0][:3]


def answer(environ, start_response):
    start_response("200 OK", [])
    return [b"app"]


# Rate limits


@pytest.mark.parametrize("rates", [("60/hour",), ("60/hour", "900/day")])
def test_parallel_requests_are_admitted_exactly_up_to_the_limit(rates):
    app = RateLimit(*rates, clock=Clock()).wsgi(answer)
    found = together(THREADS, lambda number: [status_of(app) for _ in range(30)])
    assert Counter(itertools.chain(*found)) == {"200": 60, "429": THREADS * 30 - 60}


def test_of_several_limits_parallel_threads_charge_all_or_none():
    store = MemoryStore(clock=Clock())
    narrow, wide = GCRA("narrow", 50, HOUR), GCRA("wide", 1000, HOUR)

    def work(number):
        checks = [Check(wide, "k"), Check(narrow, "k")]
        return sum(all(q.allowed for q in store.acquire(checks)) for _ in range(40))

    assert sum(together(THREADS, work)) == 50
    assert store.peek([Check(wide, "k")])[0].remaining == 950


@pytest.fixture(params=["lmdb", "redis"])
def shared_store(request, tmp_path):
    """A store of several processes. Not every library is there for each Python."""
    if request.param == "lmdb":
        pytest.importorskip("lmdb")
        yield open_store(f"lmdb://{tmp_path}", time.monotonic)
    else:
        with redis_servers.server() as server:
            store = RedisStore(server.url, timeout=10)
            yield store
            (pool,) = store._delivery.topology.known(0)._sync.values()
            pool.disconnect()  # a Python without the GIL would do it later, with a warning


def test_parallel_threads_that_share_a_store_are_admitted_exactly_up_to_the_limit(shared_store):
    limit = GCRA("x", 100, HOUR)

    def work(number):
        admitted = 0
        for _ in range(40):
            answer = shared_store.acquire([Check(limit, "k")])
            quotas = answer if isinstance(answer, list) else settle(answer)
            admitted += quotas[0].allowed
        return admitted

    assert sum(together(THREADS, work)) == 100


def test_parallel_refunds_give_back_all_that_was_charged_and_no_more():
    store, limit = MemoryStore(clock=Clock()), GCRA("x", 1000, HOUR)
    store.acquire([Check(limit, "k", 7)])

    def work(number):
        for _ in range(100):
            checks = [Check(limit, "k", number + 1)]
            store.refund(checks, store.acquire(checks))

    together(THREADS, work)
    assert store.peek([Check(limit, "k")])[0].remaining == 993


def test_a_flood_in_parallel_threads_neither_grows_the_store_nor_evicts_who_is_denied():
    store, limit = MemoryStore(64, clock=Clock()), GCRA("x", 1, HOUR)
    assert store.acquire([Check(limit, "denied")])[0].allowed
    charge = store.lane(limit)

    def work(number):
        for i in range(200):
            charge(f"{number}-{i}")
            assert not store.acquire([Check(limit, "denied")])[0].allowed
            assert len(store) <= 64

    together(THREADS, work)
    assert len(store) == 64
    # Each of these found a place of its own, but for the one that the shared bucket admits.
    assert store.overflows >= THREADS * 200 - 63


def test_who_is_remembered_to_be_denied_is_never_let_in_while_others_come_and_go():
    cache, limit = DenyCache(4, clock=Clock(0.0)), GCRA("x", 1, HOUR)
    denial = [Quota(False, 0, HOUR, 0)]

    def work(number):
        for i in range(300):
            check = [Check(limit, str((number + i) % 6))]
            found = cache.find(check)
            assert found is None or not found[0].allowed
            if i % 7 == 3:
                cache.forget(check)
            else:
                cache.note(check, denial, asked=0.0)
            assert len(cache) <= 4

    together(THREADS, work)


def test_in_flight_are_never_more_than_the_limit_and_none_is_left_behind():
    inside, most = [], []

    def app(environ, start_response):
        inside.append(None)
        most.append(len(inside))
        time.sleep(0)
        inside.pop()
        return answer(environ, start_response)

    layer = ConcurrencyLimit(2, total=3)
    wrapped = layer.wsgi(app)
    clients = [f"192.0.2.{number % 3}" for number in range(THREADS)]
    found = together(THREADS, lambda n: [status_of(wrapped, clients[n]) for _ in range(60)])
    assert set(itertools.chain(*found)) <= {"200", "503"}
    assert max(most) <= 3
    assert (layer._sum, layer._held) == (0, {})


def test_event_loops_of_several_threads_share_a_server():
    """Each leaves its connections behind; who comes next clears up after those that have ended."""
    node = Node(("127.0.0.1", 1), False, {})

    def work(number):
        for _ in range(25):
            asyncio.run(node._aio_pool())

    together(THREADS, work)


# The collector may end an exchange, a body that nobody closed, in the midst of anything


def in_time(work):
    """Whether a thread is done: one that waits for a lock of its own never is."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    return not thread.is_alive()


@pytest.mark.parametrize("ending", ["refund", "debit"])
def test_what_is_given_back_amid_an_operation_does_not_wait_for_it(ending):
    class Collecting(Clock):
        def __call__(self):
            endings, self.endings = self.endings, []
            for end in endings:
                end()
            return 1000.0

    clock = Collecting()
    clock.endings = []
    store, limit = MemoryStore(clock=clock), GCRA("x", 9, HOUR)
    charge, charge_both = store.lane(limit), store.lanes([limit, GCRA("y", 9, HOUR)], [0, 0])
    held = [Check(limit, "held")]
    quotas = store.acquire(held)
    for work in (lambda: store.acquire(held), lambda: charge("k"), lambda: charge_both(["k"])):
        end = {"refund": lambda: store.refund(held, quotas), "debit": lambda: store.debit(held)}
        clock.endings = [end[ending]]
        assert in_time(work)
        assert not clock.endings


def test_a_denial_that_is_forgotten_amid_a_change_does_not_wait_for_it():
    class Collecting(str):
        __slots__ = ()
        __eq__ = str.__eq__

        def __hash__(self):
            if ends:
                ends.pop()()
            return super().__hash__()

    cache, limit, ends = DenyCache(1, clock=Clock(0.0)), GCRA("x", 1, HOUR), []
    old, new = [Check(limit, "old")], [Check(limit, Collecting("new"))]
    cache.note(old, [Quota(False, 0, HOUR, 0)], asked=0.0)
    ends.append(lambda: cache.forget(old))
    assert in_time(lambda: cache.note(new, [Quota(False, 0, HOUR, 0)], asked=0.0))
    assert not ends
    assert cache.find(new)


def test_a_place_that_is_given_back_amid_a_change_does_not_wait_for_it():
    class Collecting(list):
        def append(self, decision):
            layer.on_complete(left, None)
            super().append(decision)

    layer = ConcurrencyLimit(2)
    left, come = exchange(), exchange()
    assert layer.on_request(left) is None
    come.decisions = Collecting()
    assert in_time(lambda: layer.on_request(come))
    assert layer._held == {"192.0.2.1": 1}
    layer.on_complete(come, None)
    assert (layer._sum, layer._held) == (0, {})


# Authentication


def test_a_bounded_cache_stays_bounded_and_answers_nobody_with_another_ones_entry():
    cache = BoundedCache[int](64)

    def work(number):
        for i in range(2000):
            key = (number * 31 + i * 7) % 200
            digest = key.to_bytes(32, "big")
            found = cache.recent(digest) or cache.get(digest)
            assert found in (None, key + 1)
            cache.put(digest, key + 1)
            assert len(cache) <= 64 + 2 * THREADS

    together(THREADS, work)


def test_what_happened_to_keys_is_told_once_in_whichever_thread():
    told = []

    def work(number):
        for _ in range(100):
            seen = exchange()
            source.events.append(ROTATED)
            source.tell(seen, "issuer")
            told.extend(seen.decisions)

    source = KeySource(None)
    together(THREADS, work)
    assert len(told) == THREADS * 100
    assert not source.events


def test_a_file_that_is_replaced_serves_all_threads_all_the_time(tmp_path: Path):
    path, clock = tmp_path / "keys", itertools.count()
    path.write_text("0" * 9)

    def parse(data):
        time.sleep(0)  # while it is read, others ask
        return data.decode()

    file = WatchedFile(path, parse, clock=lambda: float(next(clock)))

    def work(number):
        for i in range(60):
            if number == 0:
                fresh = tmp_path / "fresh"
                fresh.write_text(f"{i:09}")
                fresh.replace(path)
            assert len(file.get()) == 9

    together(THREADS, work)
    assert file.get() == f"{59:09}"


def test_who_waited_while_another_thread_read_the_file_does_not_read_it_again(tmp_path: Path):
    """The clock is asked twice: before the wait, and after it."""
    path, times = tmp_path / "keys", iter([5.0, 5.0, 6.0, 5.0])
    path.write_text("old")
    file = WatchedFile(path, bytes.decode, clock=lambda: next(times))
    assert file.get() == "old"
    path.write_text("newer")
    assert file.get() == "old"


def test_a_file_is_read_by_one_thread_at_a_time(tmp_path: Path):
    """Who read an older version more slowly must not put it in the place of the newer one."""
    path, reading, most = tmp_path / "keys", [], []
    path.write_text("x")

    def parse(data):
        reading.append(None)
        most.append(len(reading))
        time.sleep(0.001)
        reading.pop()
        return data

    clock = itertools.count(0, 2)
    file = WatchedFile(path, parse, clock=lambda: float(next(clock)))

    def work(number):
        for i in range(5):
            path.write_text("x" * (number * 5 + i + 1))
            file.get()

    together(THREADS, work)
    assert max(most) == 1


# Audit


@pytest.mark.parametrize("kind", ["file", "file queued", "database", "database queued"])
def test_parallel_requests_leave_one_record_each_in_an_unbroken_chain(kind, tmp_path: Path):
    path = tmp_path / "audit"
    sink = JSONLinesSink(path) if "file" in kind else SQLiteSink(path)
    outer = QueuedSink(sink, interval=0.001) if "queued" in kind else sink
    layer = Audit(outer)
    app = layer.wsgi(answer)
    each = 25
    together(THREADS, lambda number: [status_of(app) for _ in range(each)])
    layer.close()
    lines = [*(read_lines(segments(path)) if "file" in kind else database_lines(path))]
    assert not verify(lines).findings
    records = [json.loads(line.data) for line in lines]
    requests = [record for record in records if "request_id" in record]
    assert len(requests) == THREADS * each
    for name in ("id", "request_id"):
        assert len({record[name] for record in requests}) == THREADS * each
    assert [record["event"] for record in records if "event" in record].count("start") == 1
    assert layer._recorder.lost == 0
