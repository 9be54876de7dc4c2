"""The parts of shared stores that need no server: breaker, remembered denials, URLs."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest
import redis
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st

from ratelimit_support import Clock
from ringwall import RateLimit
from ringwall._errors import ConfigurationError
from ringwall.ratelimit import GCRA, Check, FixedWindow, MemoryStore, Quota, SlidingWindow, Store
from ringwall.ratelimit._breaker import Breaker
from ringwall.ratelimit._complaint import Complaint
from ringwall.ratelimit._deny_cache import DenyCache
from ringwall.ratelimit._redis_node import Node
from ringwall.ratelimit._redis_url import read_client, read_url
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.lmdb import LMDBStore
from ringwall.ratelimit.redis import RedisStore


def limit(quota=3, name="x"):
    return GCRA(name, quota, 60 * SECOND)


# The breaker


def test_three_failures_in_a_row_open_it_and_a_success_between_does_not(caplog):
    breaker = Breaker("it", Clock())
    for _ in range(3):
        breaker.failed("why")
        breaker.failed("why")
        assert breaker.admits()
        breaker.succeeded()
    assert not caplog.records
    for _ in range(3):
        breaker.failed("TimeoutError")
    assert not breaker.admits()
    (message,) = caplog.messages
    assert message.startswith("it does not answer (TimeoutError): ")


def test_after_a_pause_one_probe_passes_and_pauses_grow_to_two_seconds():
    clock = Clock()
    breaker = Breaker("it", clock)
    for _ in range(3):
        breaker.failed("why")
    pauses = []
    for _ in range(6):
        waited = 0.0
        while not breaker.admits():
            clock.forward(0.125)
            waited += 0.125
        assert [breaker.admits() for _ in range(5)] == [False] * 5
        breaker.failed("why")
        pauses.append(waited)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]
    breaker.succeeded()
    assert breaker.admits()
    for _ in range(3):
        breaker.failed("why")
    clock.forward(0.25)
    assert breaker.admits()


def test_of_many_threads_one_is_the_probe(caplog):
    caplog.set_level(logging.CRITICAL)
    clock = Clock()
    breaker = Breaker("it", clock)
    for _ in range(3):
        breaker.failed("why")
    clock.forward(1)
    barrier = threading.Barrier(8)
    admitted = []

    def ask():
        barrier.wait()
        admitted.append(breaker.admits())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted.count(True) == 1


def test_who_finds_it_closed_meanwhile_passes():
    class Closing(Clock):
        def __call__(self):
            breaker._until = None  # another thread's probe succeeded
            return 0.0

    breaker = Breaker("it", Clock())
    for _ in range(3):
        breaker.failed("why")
    breaker._clock = Closing()
    assert breaker.admits()


# Remembered denials


def denial(wait, remaining=0):
    return Quota(False, remaining, wait, 0)


def test_a_denial_is_remembered_until_its_time_and_for_no_smaller_cost():
    clock = Clock(0.0)
    cache = DenyCache(clock=clock)
    check = Check(limit(), "k", 2)
    assert cache.find([check]) is None
    cache.note([check], [denial(5 * SECOND, 1)], asked=0.0)
    clock.forward(1)
    assert cache.find([check]) == [denial(4 * SECOND + 1, 1)]
    # Another unit takes 20 seconds more: whoever comes back then does not come too early.
    assert cache.find([check._replace(cost=3)]) == [denial(24 * SECOND + 1, 1)]
    assert cache.find([check._replace(cost=1)]) is None
    assert cache.find([Check(limit(), "other", 2)]) is None
    assert cache.find([Check(limit(name="y"), "k", 2)]) is None
    clock.forward(4)
    assert cache.find([check]) is None


@pytest.mark.parametrize("kind", [FixedWindow, SlidingWindow])
def test_how_long_another_cost_waits_in_windows_the_store_is_asked(kind):
    cache = DenyCache(clock=Clock(0.0))
    check = Check(kind("x", 3, 60 * SECOND), "k", 2)
    cache.note([check], [denial(5 * SECOND)], asked=0.0)
    assert cache.find([check]) == [denial(5 * SECOND + 1)]
    assert cache.find([check._replace(cost=3)]) is None


def test_a_complaint_is_made_once_a_minute(caplog):
    clock = Clock(0.0)
    complain = Complaint("the store fails (%s)", clock)
    for _ in range(3):
        complain("OOM")
    clock.forward(59)
    complain("MISCONF")
    assert caplog.messages == ["the store fails (OOM)"]
    clock.forward(1)
    complain("MISCONF")
    assert caplog.messages[1:] == ["the store fails (MISCONF)"]


def test_of_several_checks_one_remembered_denial_denies_all():
    cache = DenyCache(clock=Clock(0.0))
    checks = [Check(limit(name="a"), "k"), Check(limit(name="b"), "k")]
    cache.note(checks, [Quota(True, 2, 0, 0), denial(SECOND)], asked=0.0)
    assert len(cache) == 1
    assert cache.find(checks) == [Quota(True, 0, 0, 0), denial(SECOND + 1)]


def test_a_refund_or_reset_is_forgetting():
    cache = DenyCache(clock=Clock(0.0))
    check = Check(limit(), "k")
    cache.note([check], [denial(SECOND)], asked=0.0)
    cache.forget([check, Check(limit(), "never")])
    assert cache.find([check]) is None


def test_it_is_bounded_and_the_oldest_leave_first():
    cache = DenyCache(2, clock=Clock(0.0))
    checks = [Check(limit(), key) for key in "abc"]
    for check in [*checks[:2], checks[0], checks[2]]:
        cache.note([check], [denial(SECOND)], asked=0.0)
    assert len(cache) == 2
    assert [cache.find([check]) is not None for check in checks] == [True, False, True]


def test_where_another_thread_has_just_forgotten_a_denial_the_store_is_asked():
    class Forgetting(Clock):
        def __call__(self):
            cache.forget([check])
            return 0.0

    cache, check = DenyCache(clock=Forgetting()), Check(limit(), "k")
    cache.note([check], [denial(SECOND)], asked=0.0)
    assert cache.find([check]) is None


@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from([GCRA, FixedWindow, SlidingWindow]),
            st.integers(1, 4),
            st.integers(1, 9),
        ),
        min_size=1,
        max_size=3,
    ),
    steps=st.lists(
        st.tuples(
            st.integers(0, 12),
            st.lists(
                st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 5)),
                min_size=1,
                max_size=4,
            ),
        ),
        max_size=25,
    ),
)
def test_what_is_remembered_to_be_denied_is_what_the_store_would_deny(kinds, steps):
    clock = Clock(0.0)
    cache, store = DenyCache(3, clock=clock), MemoryStore(clock=clock)
    limits = [kind(f"x{i}", n, window * SECOND) for i, (kind, n, window) in enumerate(kinds)]
    for quarters, asked in steps:
        clock.forward(quarters / 4)
        checks = [Check(limits[i % len(limits)], key, cost) for i, key, cost in asked]
        found = cache.find(checks)
        if found is None:
            cache.note(checks, store.acquire(checks), clock())
            assert len(cache) <= 3
            continue
        assert not all(quota.allowed for quota in found)
        for check, quota in zip(checks, found, strict=True):
            if not quota.allowed:
                (real,) = store.peek([check])
                assert not real.allowed
                assert quota.wait <= real.wait + 1


# URLs


@pytest.mark.parametrize(
    ("url", "servers", "topology", "service", "tls", "options"),
    [
        ("redis://", [("localhost", 6379)], "", "", False, {}),
        ("REDIS://h:7/2", [("h", 7)], "", "", False, {"db": 2}),
        ("valkey://h?db=3", [("h", 6379)], "", "", False, {"db": 3}),
        ("valkeys://[::1]:7", [("::1", 7)], "", "", True, {}),
        ("rediss://[::1]", [("::1", 6379)], "", "", True, {}),
        (
            "redis://u%40:p%3A%23@h",
            [("h", 6379)],
            "",
            "",
            False,
            {"username": "u@", "password": "p:#"},
        ),
        ("redis://:p@h?password=q", [("h", 6379)], "", "", False, {"password": "q"}),
        (
            "rediss://h?ssl_ca_certs=/ca.pem",
            [("h", 6379)],
            "",
            "",
            True,
            {"ssl_ca_certs": "/ca.pem"},
        ),
        (
            "redis+sentinel://a,b:1/s/4",
            [("a", 26379), ("b", 1)],
            "sentinel",
            "s",
            False,
            {"db": 4},
        ),
        ("rediss+cluster://a,b:1", [("a", 6379), ("b", 1)], "cluster", "", True, {}),
    ],
)
def test_a_url_says_whom_to_ask(url, servers, topology, service, tls, options):
    target = read_url(url)
    assert target.servers == tuple(servers)
    assert (target.topology, target.service, target.tls) == (topology, service, tls)
    if tls:
        options = {**options, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        assert target.sentinel_options.items() <= target.options.items()
        assert target.sentinel_options["ssl_check_hostname"]
    assert target.options == options
    assert RedisStore(url).colours == {"asgi", "wsgi"}


def test_a_url_may_say_the_deadline():
    for url in ("redis://h?timeout=0.25", "unix:///s?timeout=0.25"):
        assert RedisStore(url)._delivery._timeout == 0.25
        assert RedisStore(url, timeout=2)._delivery._timeout == 2
    assert RedisStore("redis://h?timeout=3")._delivery._timeout == 3
    assert RedisStore("redis://h")._delivery._timeout == 0.1
    with pytest.raises(ConfigurationError, match="timeout= takes"):
        RedisStore("redis://h?timeout=99")


def test_a_socket_is_a_path():
    target = read_url("unix://u:p@/run/a%20b.sock?db=1")
    assert (target.path, target.servers) == ("/run/a b.sock", ())
    assert target.options == {"username": "u", "password": "p", "db": 1}
    assert repr(RedisStore("unix:///run/x.sock")) == "<RedisStore rw at /run/x.sock>"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://hunter2", "unknown scheme; use one of"),
        ("redis+cluter://:hunter2@h", r"unknown scheme; did you mean 'redis\+cluster'"),
        ("redis://:hunter#2@h", "write it as %23"),
        ("redis://[hunter2", "malformed"),
        ("redis://hunter2,b", "names several servers"),
        ("redis+sentinel://hunter2", "lacks the service"),
        ("redis+cluster://hunter2/1", "no database but 0"),
        ("redis://:hunter2@h/x", "the database is a number"),
        ("redis://:hunter2@h?db=-1", "db is a number"),
        ("redis://:hunter2@h:x", "a port is a number"),
        ("redis://:hunter2@h:0", "from 1 to 65535"),
        ("redis://:hunter2@h:70000", "from 1 to 65535"),
        ("redis://:hunter2@h?socket_timeout=5", "unknown option; "),
        ("rediss://:hunter2@h?ssl_cert_reqs=none", "unknown option; "),
        ("redis://:hunter2@h?ssl_ca_certs=x", "write rediss://"),
        ("redis://:hunter2@h?timeout=1e9", "timeout is a number of seconds"),
        ("redis://:hunter2@h?timeout=nan", "timeout is a number of seconds"),
        ("redis://:hunter2@h?timeout=1.", "timeout is a number of seconds"),
        ("redis://:hunter2@h?timeout=", "timeout is a number of seconds"),
        ("unix://hunter2", "takes a socket as in"),
        ("unix://:hunter2@host/x", "takes a socket as in"),
    ],
)
def test_a_url_that_cannot_work_teaches_without_its_password(url, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_url(url)
    assert "hunter" not in str(caught.value)


def test_no_repr_holds_a_credential():
    for url in ("redis://u:hunter2@h", "redis+sentinel://:hunter2@h/s"):
        assert "hunter2" not in repr(read_url(url)) + repr(RedisStore(url))


@pytest.mark.parametrize("module", [redis, redis.asyncio])
def test_a_client_lends_its_address_and_credentials(module):
    client = module.Redis(host="h", port=7, db=2, username="u", password="p", ssl=True)
    target = read_client(client)
    assert (target.servers, target.tls) == ((("h", 7),), True)
    assert target.options["ssl_cert_reqs"] == "required"
    assert {"db": 2, "username": "u", "password": "p"}.items() <= target.options.items()
    assert read_client(module.Redis(unix_socket_path="/s")).path == "/s"
    Node(target.servers[0], target.tls, target.options)._sync_pool().make_connection()


@pytest.mark.parametrize(
    "client",
    [5, None, object(), redis.RedisCluster, redis.Redis],
)
def test_what_is_no_client_teaches(client):
    with pytest.raises(ConfigurationError, match=r"takes a URL or a redis\.Redis client"):
        RedisStore(client)


def test_a_client_of_sentinels_is_better_described_by_a_url():
    client = redis.sentinel.Sentinel([("h", 1)]).master_for("shop")
    with pytest.raises(ConfigurationError, match=r"redis\+sentinel://"):
        RedisStore(client)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "REDISS://h",
        "valkey://h",
        "valkeys://h",
        "redis+sentinel://h/s",
        "rediss+cluster://h",
        "unix:///s",
    ],
)
def test_the_layer_takes_the_url(url):
    layer = RateLimit("1/minute", store=url)
    assert isinstance(layer.store, RedisStore)
    assert isinstance(layer.store, Store)


def test_a_store_of_lmdb_is_one(tmp_path):
    assert isinstance(RateLimit("1/minute", store=f"lmdb://{tmp_path}").store, LMDBStore)


@pytest.mark.parametrize(
    ("package", "url", "extra"),
    [
        ("redis", "redis://h", "redis"),
        ("lmdb", "lmdb:///tmp/x", "lmdb"),
        ("limits.storage", "memcached://h", "ratelimit"),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_line_that_mends_it(package, url, extra):
    code = (
        "import sys, limits\n"
        f"sys.modules[{package!r}] = None\n"
        "from ringwall.ratelimit.store import open_store\n"
        "from ringwall._errors import MissingDependency\n"
        f"try: open_store({url!r}, None)\n"
        f"except MissingDependency as error: assert 'ringwall[{extra}]' in str(error)\n"
        "else: raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_alone_loads_no_client():
    code = (
        "import sys, ringwall.ratelimit;assert not {'redis', 'lmdb', 'limits'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
