"""Shared limits on a real redis-server: exact, in one call, and true to the policy in outages."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import itertools
import logging
import os
import socket
import threading
import time
from fractions import Fraction

import pytest
import redis
import redis.asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store_support
from ports import free_port
from ratelimit_support import SENDERS, App
from redis_servers import Server, server, until
from ringwall import RateLimit
from ringwall._errors import ConfigurationError
from ringwall._pending import asettle, settle
from ringwall.ratelimit import GCRA, Check, FixedWindow, MemoryStore, SlidingWindow
from ringwall.ratelimit import _redis_deadline as deadlines
from ringwall.ratelimit import _redis_node as nodes
from ringwall.ratelimit._redis_batch import Batcher
from ringwall.ratelimit._redis_lua import SCRIPT
from ringwall.ratelimit._redis_script import Request, bulk, call, replies
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.redis import RedisStore
from ringwall.ratelimit.store import StoreUnavailable

run = store_support.run

# Forking beside threads is what preloading servers do, and Python 3.12 warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")

HOUR = 3600 * SECOND
# The deadline of tests, longer than the default so that a busy machine does not miss it, and how
# much may pass beside it. The client's own defaults would take seconds.
TIMEOUT = 0.25
IN_TIME = TIMEOUT + 0.6

sender = pytest.mark.parametrize("sender", SENDERS)
names = itertools.count()


@pytest.fixture(scope="module")
def shared():
    with server() as one:
        yield one


@pytest.fixture
def store(shared):
    shared.client_call("FLUSHALL")
    return RedisStore(shared.url, namespace=f"t{next(names)}", timeout=5)


@pytest.fixture
def down():
    """A server of one's own, to be killed."""
    with server() as one:
        yield one


def limit(quota=3, kind=GCRA, window=HOUR, name="x"):
    return kind(name, quota, window)


def scripts_run(one: Server) -> int:
    stats = one.client_call("INFO", "commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))


def fails(run, pending):
    """It is unavailable, in time; returns how long that took."""
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable):
        run(pending)
    spent = time.monotonic() - begin
    assert spent < IN_TIME
    return spent


# Arithmetic: the script against the model, on a clock of the test's


class ClockedNode:
    """Runs the script on a real server, but with the time that the test says."""

    script = SCRIPT.replace(b"redis.call('TIME')", b"redis.call('LRANGE', 'clock', 0, 1)").replace(
        b"floor(life * 1.25)",
        b"600000",  # keys lapse by the clock of the machine
    )

    def __init__(self, one: Server) -> None:
        self.client = redis.Redis(port=one.port, protocol=2)
        self.now = 0

    def send(self, data, count):
        assert count == 1
        words = []
        at = data.index(b"\r\n") + 2
        while at < len(data):
            end = data.index(b"\r\n", at)
            size = int(data[at + 1 : end])
            words.append(data[end + 2 : end + 2 + size])
            at = end + 4 + size
        seconds, rest = divmod(self.now, SECOND)
        with self.client.pipeline() as pipe:
            pipe.delete("clock").rpush("clock", seconds, rest)
            pipe.execute()
        return [self.client.execute_command("EVAL", self.script, *words[2:])]

    asend = None


@pytest.fixture(scope="module")
def clocked(shared):
    node = ClockedNode(shared)
    yield node
    node.client.close()


quotas = st.one_of(st.integers(1, 12), st.sampled_from([10**9, 10**9 - 1, 999_999_937]))
windows = st.one_of(st.integers(1, 60 * SECOND), st.sampled_from([366 * 86_400 * SECOND, 1]))
kinds = st.sampled_from([GCRA, FixedWindow, SlidingWindow])
steps = st.lists(
    st.tuples(
        st.floats(0, 1.5),
        st.sampled_from(["acquire", "acquire", "acquire", "peek", "refund", "debit"]),
        st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.floats(0, 1.2)),
            min_size=1,
            max_size=4,
        ),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(limits=st.lists(st.tuples(kinds, quotas, windows), min_size=3, max_size=3), steps=steps)
def test_the_script_decides_exactly_as_the_memory_store(clocked, limits, steps):
    """All algorithms, several limits and keys in a request, costs, refunds, huge numbers."""
    clocked.client.flushall()
    store = RedisStore("redis://unused", deny_cache=0)
    store._delivery.topology._node = clocked
    clocked.now = 1_800_000_000 * SECOND
    memory = MemoryStore(clock=lambda: Fraction(clocked.now, SECOND))
    limits = [kind(f"l{i}", quota, window) for i, (kind, quota, window) in enumerate(limits)]
    charged = []
    for forward, what, asked in steps:
        window = limits[asked[0][0]].window
        clocked.now += int(forward * window)
        checks = [Check(limits[i], key, int(part * limits[i].quota)) for i, key, part in asked]
        if what == "refund":
            if charged:
                was, ours, theirs = charged.pop()
                settle(store.refund(was, ours))
                memory.refund(was, theirs)
            continue
        if what == "peek":
            assert settle(store.peek(checks)) == memory.peek(checks)
            continue
        if what == "debit":
            settle(store.debit(checks))
            memory.debit(checks)
            continue
        ours, theirs = settle(store.acquire(checks)), memory.acquire(checks)
        assert ours == theirs
        charged.append((checks, ours, theirs))


@pytest.mark.parametrize("kind", [GCRA, FixedWindow, SlidingWindow])
def test_a_server_clock_set_back_an_hour_locks_nobody_out_for_longer_than_the_limit(clocked, kind):
    clocked.client.flushall()
    clocked.now = 1_800_000_000 * SECOND
    store = RedisStore("redis://unused", deny_cache=0)
    store._delivery.topology._node = clocked
    check = Check(kind("x", 3, 60 * SECOND), "k")
    for _ in range(3):
        settle(store.acquire([check]))
    clocked.now -= HOUR
    denied = settle(store.acquire([check]))[0]
    assert not denied.allowed
    assert denied.wait <= 120 * SECOND
    clocked.now += denied.wait
    assert settle(store.acquire([check]))[0].allowed


@pytest.mark.parametrize("kind", [GCRA, FixedWindow, SlidingWindow])
@pytest.mark.parametrize("rubbish", [b"", b"nan", b"inf", b"-", b"9" * 400, b"1:2", b"x:y:z"])
def test_a_state_that_makes_no_sense_denies_and_heals(clocked, kind, rubbish):
    clocked.client.flushall()
    clocked.now = 1_800_000_000 * SECOND
    store = RedisStore("redis://unused", deny_cache=0)
    store._delivery.topology._node = clocked
    check = Check(kind("x", 3, 60 * SECOND), "k")
    settle(store.acquire([check]))
    (key,) = clocked.client.keys("rw:*")
    (field,) = clocked.client.hkeys(key)
    clocked.client.hset(key, field, rubbish)
    assert not settle(store.acquire([check]))[0].allowed
    clocked.now += 120 * SECOND
    assert settle(store.acquire([check]))[0].allowed


# Counting


@pytest.mark.parametrize("kind", [GCRA, FixedWindow, SlidingWindow])
def test_it_counts_on_the_clock_of_the_server(store, run, kind):
    check = Check(limit(3, kind), "k")
    assert [run(store.acquire([check]))[0].allowed for _ in range(5)] == [True] * 3 + [False] * 2


def test_of_three_limits_all_are_charged_or_none_in_one_call(store, run, shared):
    checks = [Check(limit(1, kind, name=kind.algorithm), "k") for kind in (GCRA, FixedWindow)]
    checks.append(Check(limit(2, SlidingWindow), "other"))
    settle(store.peek(checks))
    before = scripts_run(shared)
    assert all(quota.allowed for quota in run(store.acquire(checks)))
    assert scripts_run(shared) == before + 1
    assert not all(quota.allowed for quota in run(store.acquire(checks)))
    assert run(store.peek(checks[2:]))[0].remaining == 1


def test_a_peek_charges_nothing_and_a_refund_gives_back_once(store, run):
    check = Check(limit(2), "k")
    assert run(store.peek([check]))[0] == (True, 2, 0, 0)
    quotas = run(store.acquire([check]))
    run(store.refund([check], quotas))
    assert run(store.peek([check]))[0].remaining == 2
    run(store.acquire([Check(limit(2), "k", 2)]))
    denied = run(store.acquire([check]))
    run(store.refund([check], denied))
    assert run(store.peek([check]))[0].remaining == 0


def test_a_debt_is_paid_and_clears_no_denial(store, run, shared):
    check = Check(limit(3), "k")
    run(store.debit([check._replace(cost=2)]))
    assert run(store.peek([check]))[0].remaining == 1
    run(store.debit([check._replace(cost=10**6)]))
    assert not run(store.acquire([check]))[0].allowed
    run(store.debit([check]))
    before = scripts_run(shared)
    assert not run(store.acquire([check]))[0].allowed
    assert scripts_run(shared) == before


def test_a_reset_forgets(store, run):
    check = Check(limit(1), "k")
    run(store.acquire([check]))
    assert not run(store.acquire([check]))[0].allowed
    run(store.reset([check]))
    assert run(store.acquire([check]))[0].allowed


def test_a_reset_may_name_a_key_twice_with_another_between(store, run):
    """As two rules of one name do, of two routes."""
    checks = [Check(limit(1), "a"), Check(limit(1), "b"), Check(limit(1), "a")]
    for check in checks[:2]:
        run(store.acquire([check]))
    run(store.reset(checks))
    for check in checks[:2]:
        assert run(store.acquire([check]))[0].allowed


def test_nothing_asked_is_nothing_answered(store, run):
    assert run(store.acquire([])) == []


@pytest.mark.parametrize("cost", [-1, 1.0, True, "1"])
def test_a_cost_that_is_none_is_refused(store, cost):
    for ask in (store.acquire, store.peek):
        with pytest.raises(ValueError, match="a cost is a whole number"):
            ask([Check(limit(), "k", cost)])


def test_keys_have_a_fixed_length_and_hold_no_input(store, run, shared):
    for key in ("a", "\r\nFLUSHALL\r\n", "\0", "{x}", "é\ud800", "k" * 1_000_000):
        run(store.acquire([Check(limit(), key)]))
    names = shared.client_call("KEYS", "*")
    assert len(names) == 6
    for name in names:
        space, _, tag = name.partition(b":{")
        assert f"<RedisStore {space.decode()} at" in repr(store)
        assert len(tag) == 33


def test_every_key_lapses_and_one_that_lost_its_expiry_is_repaired(store, run, shared):
    # Not a fixed window: that of an hour may end any moment.
    short, long = limit(1, window=SECOND, name="short"), limit(5, GCRA, HOUR, "long")
    run(store.acquire([Check(long, "k")]))
    run(store.acquire([Check(short, "k")]))
    (key,) = shared.client_call("KEYS", "*")
    assert 890_000 < shared.client_call("PTTL", key) <= HOUR / 5 * 1.25 / 1000 + 2
    shared.client_call("PERSIST", key)
    run(store.acquire([Check(long, "k")]))
    assert shared.client_call("PTTL", key) > 0


# Parallel requests


def test_parallel_threads_are_admitted_exactly_up_to_the_limit(store):
    admitted = []

    def work():
        for _ in range(30):
            answer = store.acquire([Check(limit(100), "k")])
            quota = (answer if isinstance(answer, list) else settle(answer))[0]
            admitted.append(quota.allowed)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted.count(True) == 100


def test_parallel_tasks_share_calls_and_are_admitted_exactly_up_to_the_limit(store, shared):
    async def one():
        answer = store.acquire([Check(limit(100), "k")])
        return (answer if isinstance(answer, list) else await asettle(answer))[0].allowed

    async def main():
        await one()
        before = scripts_run(shared)
        first = await asyncio.gather(*(one() for _ in range(64)))
        assert scripts_run(shared) == before + 1
        return [*first, *await asyncio.gather(*(one() for _ in range(300)))]

    assert asyncio.run(main()).count(True) == 99


@pytest.mark.parametrize("colour", ["wsgi", "asgi"])
def test_four_forked_processes_are_admitted_exactly_up_to_the_limit(store, colour):
    """The store was used before the fork: each process makes connections of its own."""
    check = Check(limit(50), "k")

    async def several(count):
        async def one():
            answer = store.acquire([check])
            return answer if isinstance(answer, list) else await asettle(answer)

        return sum([quotas[0].allowed for quotas in [await one() for _ in range(count)]])

    def work(count):
        if colour == "asgi":
            return asyncio.run(several(count))
        answers = (store.acquire([check]) for _ in range(count))
        return sum((a if isinstance(a, list) else settle(a))[0].allowed for a in answers)

    admitted = work(5)
    children = []
    for _ in range(4):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            count = 255
            with contextlib.suppress(BaseException):
                count = work(30)
            os.write(writing, bytes([count]))
            os._exit(0)
        os.close(writing)
        children.append((pid, reading))
    for pid, reading in children:
        admitted += os.read(reading, 1)[0]
        os.close(reading)
        os.waitpid(pid, 0)
    assert admitted == 50


def test_a_fork_amid_a_running_event_loop_makes_a_batch_of_its_own(store):
    check = Check(limit(9), "k")

    async def main():
        await asettle(store.acquire([check]))
        loop = asyncio.get_running_loop()
        inherited = store._delivery.batchers[loop]
        inherited.pid = -1  # as it looks from a child
        node = store._delivery.topology.known(0)
        node._aio[loop] = {}
        assert (await asettle(store.acquire([check])))[0].remaining == 7
        assert store._delivery.batchers[loop] is not inherited

    asyncio.run(main())


def test_event_loops_may_come_and_go(store):
    check = Check(limit(10), "k")

    async def main():
        return (await asettle(store.acquire([check])))[0].remaining

    assert [asyncio.run(main()) for _ in range(5)] == [9, 8, 7, 6, 5]
    assert len(store._delivery.topology.known(0)._aio) <= 1


# Outages


def test_a_flushed_script_is_healed_without_counting_twice(store, run, shared):
    check = Check(limit(100), "k")
    for i in range(40):
        if i % 5 == 0:
            shared.client_call("SCRIPT", "FLUSH")
        assert run(store.acquire([check]))[0].remaining == 99 - i


def test_scripts_flushed_in_mid_load_admit_exactly_the_limit(store, shared):
    stop = threading.Event()

    def flush():
        while not stop.is_set():
            shared.client_call("SCRIPT", "FLUSH")

    async def one():
        answer = store.acquire([Check(limit(100), "k")])
        return (answer if isinstance(answer, list) else await asettle(answer))[0].allowed

    async def main():
        return [a for _ in range(20) for a in await asyncio.gather(*(one() for _ in range(10)))]

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        assert asyncio.run(main()).count(True) == 100
    finally:
        stop.set()
        thread.join()


def test_a_killed_server_is_unavailable_in_time_and_counts_anew_when_it_is_back(down, run, caplog):
    store = RedisStore(down.url, timeout=TIMEOUT)
    check = Check(limit(2), "k")
    run(store.acquire([check]))
    down.kill()
    for _ in range(4):
        fails(run, store.acquire([check]))
    assert "does not answer" in caplog.text
    down.start()
    quota = until(lambda: recovered(run, store, check))
    assert quota.remaining == 1
    assert "answers again" in caplog.text


def recovered(run, store, check):
    try:
        return run(store.acquire([check]))[0]
    except StoreUnavailable:
        return None


def test_a_restarted_server_serves_the_next_request(down, run):
    """Idle connections died with it: that is noticed before they are used."""
    store = RedisStore(down.url, timeout=1)
    check = Check(limit(2), "k")
    run(store.acquire([check]))
    down.kill()
    down.start()
    assert run(store.acquire([check]))[0].remaining == 1


def test_a_stalled_server_costs_a_deadline_thrice_then_nothing_but_probes(down, run):
    store = RedisStore(down.url, timeout=TIMEOUT)
    check = Check(limit(100), "k")
    run(store.acquire([check]))
    with down.stalled():
        for _ in range(3):
            assert fails(run, store.acquire([check])) > 0.2
        quick = [fails(run, store.acquire([check])) for _ in range(20)]
        assert max(quick) < 0.2
        # One probe after a pause, however many ask.
        time.sleep(0.3)
        spent = [fails(run, store.acquire([check])) for _ in range(10)]
        assert sum(one > 0.2 for one in spent) == 1
    answer = until(lambda: recovered(run, store, check))
    # The calls that timed out reached the server at most once each: four of them.
    assert 94 <= answer.remaining <= 98
    before = answer.remaining
    for i in range(5):  # no late reply answers the wrong question
        assert run(store.acquire([check]))[0].remaining == before - 1 - i


def test_by_default_the_deadline_is_a_tenth_of_a_second(down, run):
    store = RedisStore(down.url)
    with down.stalled():
        assert 0.09 < fails(run, store.acquire([Check(limit(), "k")])) < 0.4


def test_threads_that_meet_a_stalled_server_all_answer_in_time(down):
    store = RedisStore(down.url, timeout=TIMEOUT)
    settle(store.acquire([Check(limit(), "k")]))
    spent = []

    def work():
        spent.append(fails(settle, store.acquire([Check(limit(), "k")])))

    with down.stalled():
        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(spent) == 16


def test_more_threads_than_a_pool_holds_by_itself_do_not_make_the_server_down(
    down, caplog, monkeypatch
):
    """Else whoever sends enough at a time would decide that the store is down."""
    store = RedisStore(down.url, timeout=20)
    settle(store.acquire([Check(limit(), "k")]))
    connection = nodes._SYNC["tcp"]
    send, together, found = connection.send_packed_command, threading.Barrier(120), []

    def held(self, *args, **kwargs):
        together.wait(timeout=10)
        send(self, *args, **kwargs)

    def work():
        with contextlib.suppress(threading.BrokenBarrierError):
            found.extend(settle(store.acquire([Check(limit(), "k")])))

    monkeypatch.setattr(connection, "send_packed_command", held)
    threads = [threading.Thread(target=work) for _ in range(120)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 120
    assert sum(quota.allowed for quota in found) == 2
    assert "does not answer" not in caplog.text


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_name_that_no_host_can_have_is_unavailable(host, run):
    fails(run, RedisStore(f"redis://{host}:6379").acquire([Check(limit(), "k")]))


def test_tasks_that_meet_a_stalled_server_all_answer_in_time(down):
    """More batches than may be on their way at once: those that wait time out, too."""
    store = RedisStore(down.url, timeout=TIMEOUT)

    async def one():
        with pytest.raises(StoreUnavailable):
            await asettle(store.acquire([Check(limit(), "k")]))

    async def main():
        await asettle(store.acquire([Check(limit(), "k")]))
        with down.stalled():
            begin = time.monotonic()
            tasks = []
            for _ in range(12):
                tasks.append(asyncio.create_task(one()))
                await asyncio.sleep(0.001)
            await asyncio.gather(*tasks)
            assert time.monotonic() - begin < IN_TIME

    asyncio.run(main())


def test_a_request_that_is_cancelled_takes_nobody_with_it(store):
    check = Check(limit(9), "k")

    async def main():
        await asettle(store.acquire([check]))
        first = asyncio.create_task(asettle(store.acquire([check])))
        second = asyncio.create_task(asettle(store.acquire([check])))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second)[0].remaining == 6
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await asettle(store.acquire([check])))[0].remaining == 5

    asyncio.run(main())


def one_request():
    return Request(b"a", [Check(limit(), "k")], [bulk(b"k")])


def test_a_fault_of_ours_reaches_every_request_of_the_batch():
    async def main():
        loop = asyncio.get_running_loop()

        async def broken(members):
            raise LookupError("ours")

        batcher = Batcher(loop, broken, 1.0)
        futures = [batcher.submit(one_request()) for _ in range(3)]
        futures[0].cancel()
        for future in futures[1:]:
            with pytest.raises(LookupError):
                await future

    asyncio.run(main())


class Trickle:
    """Answers one byte at a time, for ever."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5)
        self.port = self.listener.getsockname()[1]
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while not self.stop.is_set():
            connection, _ = self.listener.accept()
            if self.stop.is_set():
                connection.close()
                return
            self.threads.append(threading.Thread(target=self.serve, args=(connection,)))
            self.threads[-1].start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"$1000\r\n")
            while not self.stop.wait(0.03):
                connection.sendall(b"x")

    def close(self):
        self.stop.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self.threads:
            thread.join()
        self.listener.close()


@pytest.mark.parametrize("path", ["", "/3", "?username=u&password=p"])
def test_a_server_that_trickles_cannot_prolong_the_deadline(run, path):
    trickle = Trickle()
    try:
        store = RedisStore(f"redis://127.0.0.1:{trickle.port}{path}")
        fails(run, store.acquire([Check(limit(), "k")]))
    finally:
        trickle.close()


@pytest.mark.parametrize("reply", [b"", b"rubbish\r\n", b"$5\r\n1"])
def test_a_connection_that_ends_amid_an_answer_is_not_asked_again(run, reply):
    calls = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    if not connection.recv(65536):
                        return
                    calls.append(1)
                    connection.sendall(reply)

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout=5)
        with pytest.raises(StoreUnavailable):
            run(store.acquire([Check(limit(), "k")]))
        assert len(calls) == 1
    finally:
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()
        listener.close()


def test_no_answer_is_never_asked_for_twice(down, run):
    store = RedisStore(down.url, timeout=TIMEOUT)
    check = Check(limit(100), "k")
    run(store.acquire([check]))
    before = scripts_run(down)
    with down.stalled():
        fails(run, store.acquire([check]))
    assert until(lambda: scripts_run(down)) <= before + 1
    time.sleep(0.2)
    assert scripts_run(down) <= before + 1


def test_a_server_out_of_memory_charges_nobody(down, run, caplog):
    store = RedisStore(down.url, timeout=TIMEOUT)
    check = Check(limit(3), "k")
    run(store.acquire([check]))
    down.client_call("CONFIG", "SET", "maxmemory", 1)
    checks = [check, Check(limit(3), "other")]
    for _ in range(3):
        fails(run, store.acquire(checks))
    assert caplog.text.count("OOM") == 1  # a flood does not fill the log
    assert not run(store.acquire([Check(limit(3), "k", 4)]))[0].allowed  # a denial writes nothing
    down.client_call("CONFIG", "SET", "maxmemory", 0)
    assert run(store.peek([check]))[0].remaining == 2


def test_a_server_that_became_a_replica_is_unavailable_until_it_is_no_more(down, run):
    store = RedisStore(down.url, timeout=TIMEOUT)
    check = Check(limit(3), "k")
    run(store.acquire([check]))
    down.client_call("REPLICAOF", "127.0.0.1", 1)
    fails(run, store.acquire([check]))
    down.client_call("REPLICAOF", "NO", "ONE")
    assert run(store.acquire([check]))[0].remaining == 1


def test_a_foreign_value_under_a_key_concerns_that_key_alone_and_lapses(store, run, shared):
    check = Check(limit(3), "k")
    run(store.acquire([check]))
    (key,) = shared.client_call("KEYS", "*")
    shared.client_call("SET", key, "foreign")
    for _ in range(5):
        fails(run, store.acquire([check]))
    fails(run, store.acquire([check, Check(limit(3, name="y"), "k")]))
    fails(run, store.refund([check], [type_quota()]))
    assert 0 < shared.client_call("PTTL", key) <= 60_000
    assert run(store.acquire([Check(limit(3), "other")]))[0].allowed


def type_quota():
    from ringwall.ratelimit import Quota

    return Quota(True, 1, 0, 10**15)


@pytest.mark.parametrize(
    "answer", [b"", b"x", b"1", b"1 1", b"1 1 2", b"1 1 2 3 4", b"1 0 2 3", [b"1"], None, 5]
)
def test_an_answer_that_is_none_of_the_script_is_no_answer(run, answer):
    class Node:
        def send(self, data, count):
            return [answer]

        async def asend(self, data, count):
            return [answer]

    store = RedisStore("redis://unused", timeout=1)
    store._delivery.topology._node = Node()
    with pytest.raises(StoreUnavailable):
        run(store.acquire([Check(limit(3, GCRA, SECOND), "k")]))


def test_a_script_error_that_stays_is_unavailable(run):
    class Node:
        def send(self, data, count):
            return [redis.exceptions.NoScriptError("no")] * count

        async def asend(self, data, count):
            return self.send(data, count)

    store = RedisStore("redis://unused", timeout=1)
    store._delivery.topology._node = Node()
    with pytest.raises(StoreUnavailable):
        run(store.acquire([Check(limit(), "k")]))


@pytest.mark.parametrize("code", ["MOVED 1 h:1", "ASK 1 h:1", "CLUSTERDOWN x", "TRYAGAIN"])
def test_redirections_of_a_server_that_stands_alone_are_unavailable(run, code, caplog):
    class Node:
        address = ("h", 1)

        def send(self, data, count):
            return [redis.exceptions.ResponseError(code)]

        async def asend(self, data, count):
            return self.send(data, count)

    store = RedisStore("redis://unused", timeout=1)
    store._delivery.topology._node = Node()
    with pytest.raises(StoreUnavailable):
        run(store.acquire([Check(limit(), "k")]))
    assert f"refuses ({code.split()[0]})" in caplog.text


def test_a_user_who_may_not_load_the_script_is_told(down, run, caplog):
    """EVALSHA is allowed and EVAL is not: nothing works, and the log says why."""
    down.client_call("ACL", "SETUSER", "u", "on", ">p", "~*", "+evalsha")
    store = RedisStore(down.url.replace("//", "//u:p@"), timeout=5)
    fails(run, store.acquire([Check(limit(), "k")]))
    assert "refuses (NoPermissionError)" in caplog.text


# Credentials


def test_a_password_opens_and_a_wrong_one_is_told_nowhere(run, caplog):
    caplog.set_level(logging.DEBUG)
    with server("--requirepass", "hunter2") as one:
        url = f"redis://:hunter2@127.0.0.1:{one.port}/0"
        with contextlib.closing(redis.Redis.from_url(url)) as client:
            assert client.ping()
        assert run(RedisStore(url, timeout=5).acquire([Check(limit(), "k")]))[0].allowed
        wrong = RedisStore(url.replace("hunter2", "hunter3"), timeout=TIMEOUT)
        for _ in range(4):
            fails(run, wrong.acquire([Check(limit(), "k")]))
    assert "does not answer (AuthenticationError)" in caplog.text
    assert "hunter" not in caplog.text + repr(wrong) + repr(vars(wrong))


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A server behind TLS, and the certificate that it can be known by."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    today = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "public.pem", folder / "private.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    port = str(free_port())
    files = ["--tls-cert-file", public, "--tls-key-file", private, "--tls-ca-cert-file", public]
    with server("--tls-port", port, "--tls-auth-clients", "no", *map(str, files)):
        yield f"127.0.0.1:{port}", public


def test_a_server_behind_tls_is_verified(tls, run):
    """By certificate and name; and what the client says in the clear is nothing."""
    address, public = tls
    known = RedisStore(f"rediss://{address}?ssl_ca_certs={public}", timeout=5)
    check = Check(limit(100), "k")
    run(known.reset([check]))
    assert [run(known.acquire([check]))[0].remaining for _ in range(3)] == [99, 98, 97]
    for source in (
        f"rediss://{address}",
        f"rediss://{address.replace('127.0.0.1', 'localhost')}?ssl_ca_certs={public}",
        f"redis://{address}",
    ):
        with pytest.raises(StoreUnavailable):
            run(RedisStore(source, timeout=5).acquire([check]))


# A client of the user's


@pytest.mark.parametrize("kind", [redis.Redis, redis.asyncio.Redis])
def test_a_client_of_either_colour_serves_both(shared, run, kind):
    shared.client_call("FLUSHALL")
    client = kind(host="127.0.0.1", port=shared.port, db=2, decode_responses=True)
    store = RedisStore(client, timeout=5)
    assert run(store.acquire([Check(limit(), "k")]))[0].allowed
    with contextlib.closing(redis.Redis(port=shared.port, db=2)) as other:
        assert other.dbsize() == 1


def test_a_unix_socket_serves(run, tmp_path):
    path = str(tmp_path / "s")
    with server("--unixsocket", path) as one:
        for source in (f"unix://{path}?db=1", redis.Redis(unix_socket_path=path, db=1)):
            assert run(RedisStore(source, timeout=5).acquire([Check(limit(), "k")]))[0].allowed
        with contextlib.closing(redis.Redis(port=one.port, db=1)) as other:
            assert other.dbsize() == 1


# Denials remembered


def test_a_denied_key_costs_no_call_until_its_time(shared, run):
    shared.client_call("FLUSHALL")
    now = [0.0]
    store = RedisStore(shared.url, timeout=5, clock=lambda: now[0])
    check = Check(limit(1), "k")
    run(store.acquire([check]))
    denied = run(store.acquire([check]))
    before = scripts_run(shared)
    for _ in range(5):
        cached = store.acquire([check])
        assert isinstance(cached, list)
        assert (cached[0].allowed, cached[0].remaining) == (False, 0)
        assert abs(cached[0].wait - denied[0].wait) <= 1
    assert scripts_run(shared) == before
    assert run(store.acquire([Check(limit(1), "other")]))[0].allowed
    now[0] = 3601.0
    assert not isinstance(store.acquire([check]), list)


def test_a_refund_clears_the_denial(store, run):
    check = Check(limit(1), "k")
    quotas = run(store.acquire([check]))
    run(store.acquire([check]))
    assert isinstance(store.acquire([check]), list)
    run(store.refund([check], quotas))
    assert run(store.acquire([check]))[0].allowed


# Through the layer


@sender
def test_a_url_is_all_it_takes(shared, sender):
    shared.client_call("FLUSHALL")
    app = App()
    url = shared.url + "/0?timeout=5"
    send = sender(RateLimit("2/hour", "10/day", store=url), app)
    other = sender(RateLimit("2/hour", "10/day", store=url), app)
    assert [send().status, other().status, send().status, other().status] == [200, 200, 429, 429]
    assert app.calls == 2
    assert send().json["violated-policies"] == ["client-1h"]
    assert send(client="192.0.2.9").status == 200


@sender
@pytest.mark.parametrize(
    ("when_down", "expected", "reason"),
    [
        ("deny", [503] * 5, "store-unavailable"),
        ("allow", [200] * 5, "store-unavailable"),
        ("local", [200] * 2 + [429] * 3, "local-quota-exceeded"),
    ],
)
def test_a_dead_server_does_what_the_rule_says(sender, when_down, expected, reason):
    with server() as one:
        app = App()
        store = RedisStore(one.url, timeout=TIMEOUT)
        layer = RateLimit("4/hour", store=store, when_down=when_down, workers=2)
        send = sender(layer, app)
        assert send().status == 200
        one.kill()
        begin = time.monotonic()
        answers = [send() for _ in range(5)]
        assert time.monotonic() - begin < 5 * IN_TIME
    assert [answer.status for answer in answers] == expected
    assert app.calls == 1 + expected.count(200)
    assert answers[-1].decisions[0].reason == reason


@sender
def test_a_stalled_server_does_what_the_rule_says(sender):
    with server() as one:
        app = App()
        send = sender(RateLimit("50/hour", store=RedisStore(one.url, timeout=TIMEOUT)), app)
        assert send().status == 200
        with one.stalled():
            begin = time.monotonic()
            assert [send().status for _ in range(5)] == [503] * 5
            assert time.monotonic() - begin < 3 * TIMEOUT + IN_TIME
        until(lambda: send().status == 200)
    assert app.calls == 2


def test_parallel_requests_through_asgi_admit_exactly_the_limit(shared):
    shared.client_call("FLUSHALL")
    app = App()
    wrapped = RateLimit("20/hour", store=RedisStore(shared.url, timeout=5)).asgi(app.asgi)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "client": ("192.0.2.1", 1),
    }
    sent = []

    async def send(message):
        sent.append(message)

    async def main():
        await asyncio.gather(*(wrapped(dict(scope), None, send) for _ in range(100)))

    asyncio.run(main())
    assert app.calls == 20
    assert [m["status"] for m in sent if "status" in m].count(429) == 80


# Arguments


@pytest.mark.parametrize(
    "arguments",
    [
        {"timeout": 0},
        {"timeout": "1"},
        {"timeout": 61},
        {"namespace": ""},
        {"namespace": "a b"},
        {"namespace": "ä"},
        {"namespace": "a" * 33},
        {"deny_cache": -1},
        {"deny_cache": 1.5},
    ],
)
def test_arguments_that_cannot_work_teach(arguments):
    with pytest.raises(ConfigurationError, match=f"{next(iter(arguments))}= takes"):
        RedisStore("redis://localhost", **arguments)


def test_a_deadline_is_asked_for_even_without_one():
    assert deadlines.Deadline().left() == 1.0


def test_nothing_is_read_or_written_after_the_deadline():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        timed = deadlines.TimedSocket(ours)
        theirs.sendall(b"abc")
        buffer = bytearray(1)
        deadlines.deadline.at = time.monotonic() + 5
        try:
            assert (timed.recv_into(buffer), timed.recv(1)) == (1, b"b")
            deadlines.deadline.at = time.monotonic() - 1
            for operation in (
                lambda: timed.recv(1),
                lambda: timed.recv_into(buffer),
                lambda: timed.sendall(b"x"),
            ):
                with pytest.raises(TimeoutError):
                    operation()
        finally:
            deadlines.deadline.at = None


def test_a_batch_that_waits_for_its_turn_expires_unsent():
    async def main():
        never = asyncio.Event()

        async def deliver(members):
            sent.append(members)
            await never.wait()

        sent = []
        batcher = Batcher(asyncio.get_running_loop(), deliver, 5.0)
        for _ in range(8):
            batcher.submit(one_request())
            await asyncio.sleep(0)
        waiting = batcher.submit(one_request())
        batch = batcher._open
        batcher._expire(batch)
        assert isinstance(await waiting, StoreUnavailable)
        assert len(sent) == 8
        batcher._loop.call_soon(never.set)
        assert isinstance(await batcher.submit(one_request()), StoreUnavailable)
        assert len(sent) == 9

    asyncio.run(main())


class Lent:
    """A pool of one connection in either colour, which notes when it is cut."""

    def __init__(self, reply, colour):
        self.reply = reply
        self.events = []
        for name in ("get_connection", "send_packed_command", "read_response", "disconnect"):
            method = getattr(self, "_" + name)
            setattr(self, name, method if colour == "wsgi" else self.awaitable(method))
        self.release = self.get_connection

    def awaitable(self, method):
        async def called(*args, **options):
            return method(*args, **options)

        return called

    def _get_connection(self, *args):
        return self

    def _send_packed_command(self, data, check_health):
        self.events.append("sent")

    def _read_response(self):
        if isinstance(self.reply, type):
            raise self.reply
        return self.reply

    def _disconnect(self, nowait=True):
        self.events.append("cut")


@pytest.mark.parametrize(
    ("reply", "cut"),
    [
        (b"1", False),
        (redis.exceptions.ResponseError("ERR"), False),
        (redis.exceptions.ReadOnlyError("no"), True),
        (ValueError, True),
        (TimeoutError, True),
        (asyncio.CancelledError, True),
        (KeyboardInterrupt, True),
    ],
)
@pytest.mark.parametrize("colour", ["wsgi", "asgi"])
def test_a_connection_that_may_owe_an_answer_or_led_to_a_replica_is_cut(reply, cut, colour):
    node = nodes.Node(("h", 1), False, {})
    pool = Lent(reply, colour)

    async def main():
        node._aio[asyncio.get_running_loop()] = {os.getpid(): pool}
        return await node.asend(b"", 1)

    node._sync[os.getpid()] = pool
    expected = () if not isinstance(reply, type) else (StoreUnavailable, reply)
    with pytest.raises(expected) if expected else contextlib.nullcontext():
        if colour == "wsgi":
            node.send(b"", 1)
        else:
            asyncio.run(main())
    assert pool.events == (["sent", "cut"] if cut else ["sent"])


class Answers:
    def __init__(self, answer):
        self.answer = answer
        self.asked = 0

    def send(self, data, count):
        self.asked += 1
        if isinstance(self.answer, type):
            raise self.answer
        return [self.answer] * count

    async def asend(self, data, count):
        return self.send(data, count)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (nodes.NotSent, redis.exceptions.NoScriptError("no")),
        (nodes.NotSent, nodes.NotSent),
        (redis.exceptions.ReadOnlyError("no"), redis.exceptions.ReadOnlyError("no")),
        (redis.exceptions.ReadOnlyError("no"), StoreUnavailable),
    ],
)
def test_what_was_not_run_is_put_once_more_and_no_more(run, first, other):
    store = RedisStore("redis://unused", timeout=1)
    asked = [Answers(first), Answers(other)]
    store._delivery.topology.known = lambda slot: asked[0]

    def find(slot):
        yield from ()
        return asked[1]

    store._delivery.topology.find = find
    with pytest.raises(StoreUnavailable):
        run(store.acquire([Check(limit(), "k")]))
    assert [node.asked for node in asked] == [1, 1]


def test_requests_of_many_make_one_call_of_many():
    check = Check(limit(), "k")
    data = call([Request(b"a", [check], [b"k"]) for _ in range(3)])
    assert data.startswith(b"*30\r\n$7\r\nEVALSHA\r\n")
    with pytest.raises(ValueError, match="not an answer"):
        replies(b"1 1 2", [Request(b"a", [check], [b"k"])])


def test_an_answer_that_contradicts_itself_is_none(run):
    """The state admits, the status says no."""
    for url, keys in (("redis://unused", "k"), ("redis+cluster://unused", "kl")):
        store = RedisStore(url, timeout=1)
        store._delivery.topology.known = lambda slot: Answers(b"1000 0 0 0")
        with pytest.raises(StoreUnavailable):
            run(store.acquire([Check(limit(), key) for key in keys]))


def test_a_request_that_left_before_a_failure_takes_no_answer_from_the_others():
    store = RedisStore("redis://unused", timeout=1)
    store._delivery.topology.known = lambda slot: Answers(StoreUnavailable)

    async def main():
        tasks = [
            asyncio.ensure_future(asettle(store.acquire([Check(limit(), "k")]))) for _ in range(2)
        ]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(each) for each in asyncio.run(main())] == [
        asyncio.CancelledError,
        StoreUnavailable,
    ]
