"""One limit for the processes of a machine: exact, bounded, whoever is killed or stopped."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store_support
from ratelimit_support import SENDERS, App, Clock
from redis_servers import until
from ringwall import RateLimit
from ringwall._errors import ConfigurationError
from ringwall._pending import asettle, settle
from ringwall.ratelimit import GCRA, Check, FixedWindow, MemoryStore, SlidingWindow
from ringwall.ratelimit import _lmdb_file as file_module
from ringwall.ratelimit import lmdb as module
from ringwall.ratelimit._lmdb_entries import name_of
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.lmdb import LMDBStore, store_of
from ringwall.ratelimit.store import StoreUnavailable

run = store_support.run

# Forking beside threads is what preloading servers do, and Python 3.12 warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")

HOUR = 3600 * SECOND


@pytest.fixture
def store(tmp_path):
    return LMDBStore(tmp_path, timeout=5)


@pytest.fixture(autouse=True)
def _closed():
    yield
    for file in file_module._files.values():
        file.close()
    file_module._files.clear()


def limit(quota=3, kind=GCRA, window=HOUR, name="x"):
    return kind(name, quota, window)


# Arithmetic

quotas = st.one_of(st.integers(1, 12), st.sampled_from([10**9]))
windows = st.one_of(st.integers(1, 60 * SECOND), st.sampled_from([366 * 86_400 * SECOND]))
kinds = st.sampled_from([GCRA, FixedWindow, SlidingWindow])
steps = st.lists(
    st.tuples(
        st.floats(0, 1.5),
        st.sampled_from(["acquire", "acquire", "peek", "refund", "debit"]),
        st.lists(
            st.tuples(st.integers(0, 1), st.sampled_from("ab"), st.floats(0, 1.2)),
            min_size=1,
            max_size=3,
        ),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(limits=st.lists(st.tuples(kinds, quotas, windows), min_size=2, max_size=2), steps=steps)
def test_it_decides_exactly_as_the_memory_store(tmp_path, limits, steps):
    now = [10**12]
    store = LMDBStore(tmp_path, timeout=5, clock=lambda: Fraction(now[0], SECOND))
    memory = MemoryStore(clock=lambda: Fraction(now[0], SECOND))
    limits = [kind(f"l{i}", quota, window) for i, (kind, quota, window) in enumerate(limits)]
    store.reset([Check(one, key) for one in limits for key in "ab"])
    charged = []
    for forward, what, asked in steps:
        now[0] += int(forward * limits[asked[0][0]].window)
        checks = [Check(limits[i], key, int(part * limits[i].quota)) for i, key, part in asked]
        if what == "peek":
            assert store.peek(checks) == memory.peek(checks)
        elif what == "refund":
            if charged:
                was, ours, theirs = charged.pop()
                store.refund(was, ours)
                memory.refund(was, theirs)
        elif what == "debit":
            store.debit(checks)
            memory.debit(checks)
        else:
            ours, theirs = store.acquire(checks), memory.acquire(checks)
            assert ours == theirs
            charged.append((checks, ours, theirs))


class Noting(LMDBStore):
    """It notes which checks of an operation were without a place of their own."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.shared = []

    def empty(self, txn):
        with txn.cursor() as cursor:
            while cursor.first():
                cursor.delete()
        return None, True

    def size(self, txn):
        return txn.stat()["entries"], False

    def _slot(self, *of):
        slot = super()._slot(*of)
        self.shared.append(slot[2])
        return slot


@settings(suppress_health_check=list(HealthCheck))
@given(
    places=st.integers(1, 3),
    limits=st.lists(st.tuples(kinds, st.integers(1, 4), st.integers(1, 9)), min_size=1, max_size=3),
    steps=st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from(["acquire", "acquire", "peek", "refund", "debit"]),
            st.lists(
                st.tuples(st.integers(0, 2), st.sampled_from("abcde"), st.integers(0, 5)),
                min_size=1,
                max_size=4,
            ),
        ),
        max_size=20,
    ),
    places_looked_at=st.randoms(use_true_random=False),
)
def test_few_places_are_never_laxer_than_a_place_for_each_key(
    tmp_path, places, limits, steps, places_looked_at
):
    """What is counted in the bucket of those without a place, the other store counts under a key of
    its own: so both answer alike, whoever has lost a place or found one."""
    clock = Clock()
    limits = [kind(f"x{i}", n, window * SECOND) for i, (kind, n, window) in enumerate(limits)]
    store = Noting(tmp_path, max_keys=places, timeout=5, clock=clock)
    store._run(store.empty)
    memory = MemoryStore(clock=clock)
    charged = []
    for forward, what, asked in steps:
        clock.forward(forward)
        checks = [Check(limits[i % len(limits)], key, cost) for i, key, cost in asked]
        if what == "refund":
            if charged:
                was, ours, named, theirs = charged.pop()
                store.refund(was, ours)
                memory.refund(named, theirs)
            continue
        store.shared = []
        with patch("os.urandom", places_looked_at.randbytes):
            ours = getattr(store, what)(checks)
        named = [
            Check(limit, "without a place" if shared else key, cost)
            for (limit, key, cost), shared in zip(checks, store.shared, strict=True)
        ]
        theirs = getattr(memory, what)(named)
        assert store._run(store.size) <= places + len(limits) + 3
        if what == "debit":
            continue
        for i, shared in enumerate(store.shared):
            if shared:  # what was counted together is never given back
                theirs[i] = theirs[i]._replace(receipt=0)
        assert ours == theirs
        if what == "acquire":
            charged.append((checks, ours, named, theirs))


@pytest.mark.parametrize("cost", [-1, 1.0, True])
def test_a_cost_that_is_none_is_refused(store, cost):
    for ask in (store.acquire, store.peek):
        with pytest.raises(ValueError, match="a cost is a whole number"):
            ask([Check(limit(), "k", cost)])


def test_a_reset_forgets(store):
    check = Check(limit(1), "k")
    assert [store.acquire([check])[0].allowed for _ in range(2)] == [True, False]
    store.reset([check])
    assert store.acquire([check])[0].allowed


def test_keys_of_any_kind_are_hashed(store):
    for key in ("", "\0", "\r\n", "\ud800", "k" * 1_000_000):
        assert store.acquire([Check(limit(1), key)])[0].allowed
        assert not store.acquire([Check(limit(1), key)])[0].allowed


# Clocks


def test_the_clock_of_the_machine_is_one_that_nobody_sets(monkeypatch):
    assert abs(module.boottime() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert abs(module.boottime() - time.monotonic()) < 5


@pytest.mark.parametrize("kind", [GCRA, FixedWindow, SlidingWindow])
def test_a_clock_that_began_anew_locks_nobody_out_for_longer_than_the_limit(tmp_path, kind):
    clock = Clock(1_000_000.0)
    store = LMDBStore(tmp_path, clock=clock)
    check = Check(kind("x", 3, 60 * SECOND), "k")
    for _ in range(3):
        store.acquire([check])
    clock.now = 100.0
    denied = store.acquire([check])[0]
    assert not denied.allowed
    assert denied.wait <= 120 * SECOND
    clock.forward(denied.wait / SECOND + 0.001)
    assert store.acquire([check])[0].allowed


def test_counts_of_an_earlier_start_of_the_machine_are_not_looked_at(tmp_path):
    """Its clock began anew, and what was written without fsync may be torn."""
    (tmp_path / "counts-other.mdb").write_bytes(b"torn")
    (tmp_path / "counts-other.mdb-lock").write_bytes(b"torn")
    store = LMDBStore(tmp_path)
    assert store.acquire([Check(limit(), "k")])[0].allowed
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        f"counts-{file_module.boot_id()}.mdb",
        f"counts-{file_module.boot_id()}.mdb-lock",
        "lock",
    ]
    assert file_module.boot_id(str(tmp_path / "none")) == "0"


# Processes


def parallel(work, processes=4):
    """What each of several forked processes returns, as whole numbers."""
    children = []
    for _ in range(processes):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            number = -1
            try:
                number = work()
            finally:
                os.write(writing, str(number).encode())
                os._exit(0)
        os.close(writing)
        children.append((pid, reading))
    results = []
    for pid, reading in children:
        results.append(int(os.read(reading, 20)))
        os.close(reading)
        os.waitpid(pid, 0)
    return results


@pytest.mark.parametrize("colour", ["wsgi", "asgi"])
def test_four_processes_are_admitted_exactly_up_to_the_limit(store, colour):
    """The file was opened before the fork: each process opens it anew."""
    check = Check(limit(300), "k")

    async def one():
        answer = store.acquire([check])
        return (answer if isinstance(answer, list) else await asettle(answer))[0].allowed

    async def several():
        return sum([await one() for _ in range(200)])

    def work():
        if colour == "asgi":
            return asyncio.run(several())
        answers = (store.acquire([check]) for _ in range(200))
        return sum((a if isinstance(a, list) else settle(a))[0].allowed for a in answers)

    store.acquire([check])
    results = parallel(work)
    assert min(results) >= 0
    assert sum(results) == 299
    assert store.peek([check])[0].remaining == 0


def test_threads_are_admitted_exactly_up_to_the_limit(store):
    admitted = []

    def work():
        for _ in range(100):
            answer = store.acquire([Check(limit(200), "k")])
            quota = (answer if isinstance(answer, list) else settle(answer))[0]
            admitted.append(quota.allowed)

    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted.count(True) == 200


AMID = """
import os, sys, time
from ringwall.ratelimit import GCRA, Check
from ringwall.ratelimit.lmdb import LMDBStore
store = LMDBStore(sys.argv[1])
def amid(txn, limit, name, state):
    put(txn, limit, name, state)
    print("amid", flush=True)
    time.sleep(60)
put = store._put
store._put = amid
store.acquire([Check(GCRA("x", 3, 3600_000_000), "k")])
"""


@pytest.fixture
def holder(tmp_path):
    """A process that stands still amid a transaction."""
    process = subprocess.Popen([sys.executable, "-c", AMID, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"amid\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_worker_killed_amid_a_transaction_charged_nobody_and_blocks_nobody(tmp_path, holder, run):
    store = LMDBStore(tmp_path, timeout=5)
    holder.kill()
    holder.wait()
    assert run(store.acquire([Check(limit(), "k")]))[0].remaining == 2


def test_a_worker_stopped_amid_a_transaction_makes_others_answer_in_time(tmp_path, holder, run):
    store = LMDBStore(tmp_path)
    os.kill(holder.pid, signal.SIGSTOP)
    begin = time.monotonic()
    for ask in (store.acquire, store.peek):
        with pytest.raises(StoreUnavailable):
            run(ask([Check(limit(), "k")]))
    assert 0.2 <= time.monotonic() - begin < 0.8


def test_an_event_loop_that_waits_for_the_file_is_not_blocked(tmp_path, holder):
    store = LMDBStore(tmp_path, timeout=0.2)

    async def main():
        task = asyncio.ensure_future(asettle(store.acquire([Check(limit(), "k")])))
        longest = 0.0
        while not task.done():
            begin = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - begin)
        with pytest.raises(StoreUnavailable):
            await task
        return longest

    assert asyncio.run(main()) < 0.1


def test_who_waits_gets_the_file_when_it_is_free(tmp_path, holder, run):
    store = LMDBStore(tmp_path, timeout=10)
    pending = store.acquire([Check(limit(), "k")])
    assert not isinstance(pending, list)
    Thread(target=lambda: (time.sleep(0.05), holder.kill())).start()
    assert run(pending)[0].allowed


def test_threads_that_fork_do_not_hand_down_a_transaction(store):
    """A fork waits until no thread is amid one: the child works at once."""
    stop = []

    def load():
        while not stop:
            answer = store.acquire([Check(limit(10**6), "load")])
            if not isinstance(answer, list):
                settle(answer)

    thread = Thread(target=load)
    thread.start()
    try:
        for _ in range(5):
            assert parallel(lambda: settle_any(store, "child"), 1) == [1]
    finally:
        stop.append(True)
        thread.join()


def settle_any(store, key):
    answer = store.acquire([Check(limit(100), key)])
    return (answer if isinstance(answer, list) else settle(answer))[0].allowed * 1


def test_what_a_fork_does_in_parent_and_child(store):
    """In this process, so that both sides are seen."""
    check = Check(limit(), "k")
    store.acquire([check])
    file_module._before_fork()
    (file,) = file_module._files.values()
    assert not file.enter()
    file_module._after_fork_in_parent()
    assert store.acquire([check])[0].remaining == 1
    file_module._before_fork()
    file_module._after_fork_in_child()
    assert not file_module._files
    assert store.acquire([check])[0].remaining == 0


# Bounds


def test_a_flood_of_keys_stays_within_the_cap_and_forgets_no_denial(tmp_path, caplog):
    clock = Clock()
    store = LMDBStore(tmp_path, max_keys=100, clock=clock)
    denied = Check(limit(1), "denied")
    store.acquire([denied])
    for i in range(1000):
        store.acquire([Check(limit(1), f"flood{i}")])
        assert i % 100 or not store.acquire([denied])[0].allowed
    (file,) = file_module._files.values()
    assert file._environment.stat()["entries"] <= 101
    assert caplog.text.count("has no room") == 1
    # What found no place shares a bucket, which is stricter, and gives no receipt.
    assert not store.acquire([Check(limit(1), "late")])[0].allowed
    shared = store.acquire([Check(limit(5, name="y"), "late")])
    assert shared[0].allowed
    assert shared[0].receipt == 0
    store.refund([Check(limit(5, name="y"), "late")], shared)
    both = [Check(limit(5, name="y"), "late1"), Check(limit(5, name="y"), "late2", 4)]
    assert [quota.allowed for quota in store.acquire(both)] == [True, False]
    # With time, lapsed ones give up their places.
    clock.forward(7200)
    for i in range(1000):
        assert store.acquire([Check(limit(1), f"again{i}")])[0].allowed
        clock.forward(3601)
    assert file._environment.stat()["entries"] <= 101


def test_the_map_has_room_for_all_keys_that_are_allowed(tmp_path):
    store = LMDBStore(tmp_path, max_keys=20_000)
    for i in range(25_000):
        store.acquire([Check(limit(5, SlidingWindow), f"{i}")])
    (file,) = file_module._files.values()
    assert file._environment.stat()["entries"] == 20_001


def test_a_file_that_is_full_is_unavailable_and_charges_nobody(tmp_path, caplog):
    store = LMDBStore(tmp_path)
    check = Check(limit(), "k")
    store.acquire([check])
    (file,) = file_module._files.values()

    def full(txn):
        txn.put(b"x" * 16, b"y" * (64 << 20))
        return None, True

    for _ in range(3):
        assert file.enter()
        with pytest.raises(StoreUnavailable):
            file.run(full, ())
    assert caplog.text.count("MapFullError") == 1  # a flood does not fill the log
    assert store.acquire([check])[0].remaining == 1


def test_a_file_that_another_process_made_larger_is_adopted(tmp_path):
    """Workers of an old and a new configuration work side by side during a restart."""
    small = LMDBStore(tmp_path, max_keys=10)
    small.acquire([Check(limit(), "k")])

    def larger():
        large = LMDBStore(tmp_path, max_keys=100_000)
        for i in range(60_000):
            answer = large.acquire([Check(limit(), f"{i}")])
            if not isinstance(answer, list):
                settle(answer)
        return 1

    assert parallel(larger, 1) == [1]
    assert small.acquire([Check(limit(), "k")])[0].remaining == 1


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path, caplog):
    store = LMDBStore(tmp_path)
    (tmp_path / f"counts-{file_module.boot_id()}.mdb").write_bytes(b"rubbish" * 10_000)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            store.acquire([Check(limit(), "k")])
    assert caplog.text.count("cannot be opened (") == 1


def no_space(file, begin, size):
    raise OSError(errno.ENOSPC, "no space left")


@pytest.mark.parametrize("trouble", ["rubbish", "a full disk"])
def test_a_file_that_cannot_be_opened_leaves_nothing_open(tmp_path, monkeypatch, trouble):
    """Each request tries again: a descriptor for each would soon stop the whole process."""
    store = LMDBStore(tmp_path)
    if trouble == "rubbish":
        (tmp_path / f"counts-{file_module.boot_id()}.mdb").write_bytes(b"rubbish" * 10_000)
    else:
        monkeypatch.setattr(os, "posix_fallocate", no_space)
    opened = set()
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            store.acquire([Check(limit(), "k")])
        opened.add(len([*Path("/dev/fd").iterdir()]))
    assert len(opened) == 1
    assert file_module._files == {}
    monkeypatch.undo()
    if trouble == "a full disk":  # and once there is room, it serves
        assert store.acquire([Check(limit(), "k")])[0].remaining == 2


def test_two_stores_of_a_process_hold_as_many_keys_as_the_first_made_room_for(tmp_path):
    """The later one fills its file no further: a flood must not make it unavailable."""
    LMDBStore(tmp_path, max_keys=10).acquire([Check(limit(), "k")])
    store = LMDBStore(tmp_path, max_keys=100_000)
    for i in range(30):
        store.acquire([Check(limit(), str(i))])
    (file,) = file_module._files.values()
    assert file._environment.stat()["entries"] == 11  # and the shared bucket


def test_a_system_that_cannot_reserve_room_counts_all_the_same(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    assert LMDBStore(tmp_path).acquire([Check(limit(), "k")])[0].remaining == 2


def test_an_entry_that_is_none_of_ours_concerns_its_key_alone_and_is_swept(tmp_path, monkeypatch):
    store = LMDBStore(tmp_path)
    store.acquire([Check(limit(), "other")])
    (file,) = file_module._files.values()
    with file._environment.begin(write=True) as txn:
        txn.put(name_of(limit(), "k"), b"of another make")
    with pytest.raises(StoreUnavailable):
        store.acquire([Check(limit(), "k")])
    assert store.acquire([Check(limit(), "other")])[0].remaining == 1
    # A new key looks at entries from a random place on; here from that one.
    at = SimpleNamespace(urandom=lambda size: name_of(limit(), "k"))
    monkeypatch.setattr("ringwall.ratelimit._lmdb_entries.os", at)
    store.acquire([Check(limit(), "new")])
    assert store.acquire([Check(limit(), "k")])[0].remaining == 2


def test_two_stores_of_a_process_share_the_file(tmp_path):
    check = Check(limit(), "k")
    assert LMDBStore(tmp_path).acquire([check])[0].remaining == 2
    assert LMDBStore(f"{tmp_path}/../{tmp_path.name}").acquire([check])[0].remaining == 1
    assert len(file_module._files) == 1


def test_the_first_threads_open_one_file(tmp_path, monkeypatch):
    store = LMDBStore(tmp_path)
    opened = []
    original = file_module.SharedFile

    def slow(*args):
        opened.append(args)
        time.sleep(0.05)
        return original(*args)

    monkeypatch.setattr(file_module, "SharedFile", slow)
    threads = [Thread(target=settle_any, args=(store, "k")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1


# Through the layer, and arguments


@pytest.mark.parametrize("sender", SENDERS)
def test_a_url_is_all_it_takes(tmp_path, sender):
    app = App()
    url = f"lmdb://{tmp_path}/limits?max_keys=1000"
    send = sender(RateLimit("2/hour", "9/day", store=url), app)
    other = sender(RateLimit("2/hour", "9/day", store=url), app)
    assert [send().status, other().status, send().status, other().status] == [200, 200, 429, 429]
    assert app.calls == 2
    assert (tmp_path / "limits").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("sender", SENDERS)
def test_a_stopped_worker_does_what_the_rule_says(tmp_path, holder, sender):
    app = App()
    send = sender(RateLimit("2/hour", store=f"lmdb://{tmp_path}"), app)
    os.kill(holder.pid, signal.SIGSTOP)
    assert send().status == 503
    assert app.calls == 0
    holder.kill()
    until(lambda: send().status == 200)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("lmdb://relative/path", "takes an absolute path"),
        ("lmdb:///", "takes an absolute path"),
        ("lmdb:///a#b", "takes an absolute path"),
        ("lmdb:///a?max_key=5", "unknown option; did you mean 'max_keys'"),
        ("lmdb:///a?max_keys=-5", "max_keys is a number"),
        ("lmdb:///a?max_keys=0", "max_keys= takes a number"),
        ("lmdb:///proc/none/x", "cannot be made"),
    ],
)
def test_urls_that_cannot_work_teach(url, message):
    with pytest.raises(ConfigurationError, match=message):
        store_of(url)


def test_arguments_that_cannot_work_teach(tmp_path, monkeypatch):
    for timeout in (0, 61, "1"):
        with pytest.raises(ConfigurationError, match="timeout= takes"):
            LMDBStore(tmp_path, timeout=timeout)
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        LMDBStore(tmp_path)


def test_its_repr_names_no_path(tmp_path):
    assert repr(LMDBStore(tmp_path)) == "<LMDBStore max_keys=100000>"
