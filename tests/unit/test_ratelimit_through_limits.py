"""Counts through the storages of `limits`: against a server that speaks Memcached's protocol."""

from __future__ import annotations

import asyncio
import socketserver
import threading
import time

import pytest
from limits.aio.storage import MemoryStorage as AsyncMemoryStorage
from pymemcache.client.base import Client

import store_support
from ratelimit_support import SENDERS, App, Clock
from ringwall import RateLimit
from ringwall._errors import ConfigurationError, MissingDependency
from ringwall._pending import asettle, settle
from ringwall.ratelimit import Check, FixedWindow
from ringwall.ratelimit import through_limits as module
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.store import Store, StoreUnavailable
from ringwall.ratelimit.through_limits import LimitsStore

run = store_support.run


class Memcached(socketserver.ThreadingTCPServer):
    """The commands get, incr, add and set of the text protocol (memcached's protocol.txt)."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        self.values = {}
        self.lives = {}
        self.lock = threading.Lock()
        self.delay = 0.0
        super().__init__(("127.0.0.1", 0), Memcached.Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self):
        return f"memcached://127.0.0.1:{self.server_address[1]}"

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while line := self.rfile.readline():
                words = line.split()
                data = self.rfile.readline().strip() if words[0] in (b"add", b"set") else b""
                time.sleep(self.server.delay)
                with self.server.lock:
                    self.wfile.write(self.answer(words, data))

        def answer(self, words, data):
            values, key = self.server.values, words[1]
            if words[0] in (b"get", b"gets"):
                found = b""
                for key in words[1:]:
                    if key in values:
                        value = values[key]
                        found += b"VALUE %b 0 %d\r\n%b\r\n" % (key, len(value), value)
                return found + b"END\r\n"
            if words[0] == b"incr":
                if key not in values:
                    return b"NOT_FOUND\r\n"
                values[key] = b"%d" % (int(values[key]) + int(words[2]))
                return values[key] + b"\r\n"
            if words[0] == b"add" and key in values:
                return b"NOT_STORED\r\n"
            values[key] = data
            self.server.lives[key] = int(words[3])
            return b"STORED\r\n"


@pytest.fixture
def memcached(monkeypatch):
    clients = []
    connect = Client._connect

    def connecting(client):
        clients.append(client)
        connect(client)

    monkeypatch.setattr(Client, "_connect", connecting)
    server = Memcached()
    yield server
    for client in clients:  # `limits` leaves that to the garbage collector
        client.close()
    server.stop()


def limit(quota=3, window=60 * SECOND, name="x"):
    return FixedWindow(name, quota, window)


@pytest.fixture
def store(memcached, monkeypatch, run, request):
    """Under WSGI in Memcached; under ASGI in memory, by the same interface of `limits`."""
    if request.node.callspec.params.get("run") == "asgi":
        storage = AsyncMemoryStorage()
        monkeypatch.setattr(module, "storage_from_string", lambda url, **options: storage)
    made = LimitsStore(memcached.url, timeout=5, wall_clock=Clock(6000.0))
    made._timeout = 5.0
    return made


def test_it_admits_the_quota_in_each_window(store, run):
    check = Check(limit(), "k")
    seen = [run(store.acquire([check])) for _ in range(5)]
    assert [quotas[0].allowed for quotas in seen] == [True] * 3 + [False] * 2
    assert [quotas[0].remaining for quotas in seen] == [2, 1, 0, 0, 0]
    assert seen[3][0].wait == 60 * SECOND
    store._wall_clock.forward(60)
    assert run(store.acquire([check]))[0].remaining == 2


def test_without_races_all_are_charged_or_none(store, run):
    checks = [Check(limit(9, name="a"), "k"), Check(limit(1, name="b"), "k")]
    assert [quota.allowed for quota in run(store.acquire(checks))] == [True, True]
    assert [quota.allowed for quota in run(store.acquire(checks))] == [True, False]
    assert [quota.remaining for quota in run(store.peek(checks))] == [8, 0]


def test_a_peek_and_a_cost_of_nothing_charge_nothing_and_a_refund_does_nothing(
    store,
    run,
):
    check = Check(limit(), "k")
    assert run(store.peek([check]))[0] == (True, 3, 0, 0)
    assert run(store.acquire([check._replace(cost=0)]))[0] == (True, 3, 0, 0)
    quotas = run(store.acquire([check]))
    assert store.refund([check], quotas) is None
    assert run(store.peek([check]))[0].remaining == 2
    for cost in (-1, True):
        with pytest.raises(ValueError, match="a cost"):
            store.acquire([check._replace(cost=cost)])
        with pytest.raises(ValueError, match="a cost"):
            store.peek([check._replace(cost=cost)])


def test_a_debt_is_paid_also_above_what_is_left(store, run):
    check = Check(limit(), "k")
    run(store.debit([check._replace(cost=2)]))
    assert run(store.peek([check]))[0].remaining == 1
    run(store.debit([check._replace(cost=9)]))
    assert not run(store.acquire([check]))[0].allowed
    with pytest.raises(ValueError, match="a cost"):
        store.debit([check._replace(cost=-1)])


def test_parallel_threads_are_never_admitted_beyond_the_limit(memcached):
    store = LimitsStore(memcached.url, timeout=5, wall_clock=Clock())
    admitted = []

    def work():
        for _ in range(10):
            admitted.append(settle(store.acquire([Check(limit(40), "k")]))[0].allowed)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 30 <= admitted.count(True) <= 40


def test_a_long_window_is_not_taken_for_a_date_of_1970(memcached):
    """Memcached reads more than 30 days as a date: the count would lapse at once."""
    store = LimitsStore(memcached.url, timeout=5)
    for name, days in (("short", 1), ("long", 31)):
        settle(store.acquire([Check(limit(window=days * 86_400 * SECOND, name=name), "k")]))
    lives = sorted(set(memcached.lives.values()))
    assert lives[0] == 86_401
    assert time.time() < lives[1] < time.time() + 32 * 86_400


def test_a_server_that_is_gone_is_unavailable_and_then_left_alone(memcached):
    store = LimitsStore(memcached.url)
    check = Check(limit(9), "k")
    settle(store.acquire([check]))
    memcached.delay = 0.3
    for _ in range(3):
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable):
            settle(store.acquire([check]))
        assert time.monotonic() - begin < 0.8
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable):
        settle(store.acquire([check]))
    assert time.monotonic() - begin < 0.05


def test_under_asgi_the_deadline_is_for_all(memcached, monkeypatch):
    class Slow(AsyncMemoryStorage):
        async def get(self, key):
            await asyncio.sleep(5)

    monkeypatch.setattr(module, "storage_from_string", lambda url, **options: Slow())
    store = LimitsStore(memcached.url, timeout=0.05)
    checks = [Check(limit(name=str(i)), "k") for i in range(3)]
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable):
        asyncio.run(asettle(store.acquire(checks)))
    assert time.monotonic() - begin < 0.5


class Strange:
    """Connects at its first use, as the storage of MongoDB does, and is there once it could."""

    made = 0
    failing = True

    def __init__(self, url, **options):
        type(self).made += 1

    @property
    def storage(self):
        if self.failing:
            raise ZeroDivisionError

    def get(self, name):
        raise TypeError("'NoneType' object is not subscriptable")


def test_whatever_a_driver_raises_is_no_answer(memcached, monkeypatch):
    """A TypeError was seen where a server answers what it should not."""
    monkeypatch.setattr(module, "storage_from_string", Strange)
    store = LimitsStore(memcached.url)
    for failing, made in ((True, 1), (True, 2), (False, 3)):  # not kept before it could connect
        monkeypatch.setattr(Strange, "failing", failing)
        with pytest.raises(StoreUnavailable):
            settle(store.acquire([Check(limit(), "k")]))
        assert Strange.made == made


def test_threads_that_come_first_share_one_client_and_wait_in_time(memcached, monkeypatch):
    at_work, go_on = threading.Event(), threading.Event()
    made = []

    class Slow:
        @property
        def storage(self):
            made.append(self)
            at_work.set()
            go_on.wait(60)

        def get(self, name):
            return 0

        def incr(self, name, life, amount):
            return amount

    monkeypatch.setattr(module, "storage_from_string", lambda url, **options: Slow())
    store, admitted = LimitsStore(memcached.url, timeout=0.01), []
    check = Check(limit(), "k")

    def ask():
        admitted.extend(quota.allowed for quota in settle(store.acquire([check])))

    first, second = (threading.Thread(target=ask) for _ in range(2))
    first.start()
    at_work.wait(60)
    with pytest.raises(StoreUnavailable):
        settle(store.acquire([check]))
    monkeypatch.setattr(store, "_timeout", 60.0)
    second.start()
    go_on.set()
    first.join(60)
    second.join(60)
    assert len(made) == 1
    assert admitted == [True, True]


def test_each_process_and_event_loop_has_a_storage_of_its_own(memcached, monkeypatch):
    made = []

    def make(url, **options):
        made.append(url)
        return AsyncMemoryStorage()

    monkeypatch.setattr(module, "storage_from_string", make)
    store = LimitsStore(memcached.url)

    async def main():
        await asettle(store.acquire([Check(limit(), "k")]))
        await asettle(store.acquire([Check(limit(), "k")]))

    for _ in range(2):
        asyncio.run(main())
    assert made == ["async+" + memcached.url] * 2


@pytest.mark.parametrize(
    ("kind", "present", "colours"),
    [
        ("memcached", {"pymemcache"}, {"wsgi"}),
        ("memcached", {"memcachio"}, {"asgi"}),
        ("mongodb", {"pymongo", "motor"}, {"wsgi", "asgi"}),
    ],
)
def test_the_colours_are_those_that_have_a_driver(monkeypatch, kind, present, colours):
    imported = set()
    monkeypatch.setattr(module, "find_spec", lambda name: name if name in present else None)
    monkeypatch.setattr(module, "import_module", imported.add)
    store = LimitsStore(f"{kind}://h")
    assert store.colours == colours
    assert imported == present  # in one thread, before several ask for it at once
    assert isinstance(store, Store)
    assert repr(store) == f"<LimitsStore {kind}>"


def test_without_a_driver_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"'pymongo'; run: pip install 'ringwall.mongodb"):
        LimitsStore("mongodb://u:hunter2@h")


def test_what_mongodb_is_asked_to_keep_to(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    monkeypatch.setattr(module, "import_module", lambda name: name)
    options = LimitsStore("mongodb+srv://h", timeout=0.25)._options
    assert options["serverSelectionTimeoutMS"] == options["socketTimeoutMS"] == 250


@pytest.mark.parametrize("timeout", [0, 61, "1"])
def test_a_timeout_that_cannot_be_teaches(timeout):
    with pytest.raises(ConfigurationError, match="timeout= takes"):
        LimitsStore("memcached://h", timeout=timeout)


def test_another_scheme_teaches():
    with pytest.raises(ConfigurationError, match="takes a URL of memcached"):
        LimitsStore("redis://h")


def test_the_layer_decides_the_weaker_guarantee_at_construction(memcached):
    with pytest.raises(ConfigurationError, match="use one of 'fixed-window'"):
        RateLimit("1/minute", store=memcached.url)
    layer = RateLimit("2/hour", store=memcached.url, algorithm="fixed-window")
    app = App()
    send = {param.id: param.values[0] for param in SENDERS}["wsgi"](layer, app)
    assert [send().status for _ in range(3)] == [200, 200, 429]
    assert app.calls == 2
