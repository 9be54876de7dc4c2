"""Rates as people write them, and whom a request is counted for."""

from __future__ import annotations

import logging
import sys
import time

import pytest

from ratelimit_support import exchange
from ringwall import ConfigurationError, Principal
from ringwall._errors import MissingDependency
from ringwall.ratelimit import GCRA, RateLimit, SlidingWindow
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.keys import NOBODY, bounded, compile_key
from ringwall.ratelimit.rates import read_limits


def read(*rates, policy="client", algorithm="gcra"):
    return [(x.name, x.quota, x.window // SECOND) for x in read_limits(rates, policy, algorithm)]


@pytest.mark.parametrize(
    ("rate", "quota", "seconds"),
    [
        ("100/15 minutes", 100, 900),
        ("100 per 15 minutes", 100, 900),
        ("100 / 15 MINUTES", 100, 900),
        (" 10/second ", 10, 1),
        ("10/s", 10, 1),
        ("10/1s", 10, 1),
        ("5/30 secs", 5, 30),
        ("5/m", 5, 60),
        ("5/15m", 5, 900),
        ("5 per min", 5, 60),
        ("1000/h", 1000, 3600),
        ("1000/hour", 1000, 3600),
        ("7/2 hrs", 7, 7200),
        ("1/d", 1, 86400),
        ("1000/30 days", 1000, 2592000),
        ("10/01 second", 10, 1),
        ("100\t/15" + " " * 100_000 + "minutes", 100, 900),
    ],
)
def test_a_rate_is_read(rate, quota, seconds):
    assert read(rate) == [("client", quota, seconds)]


def test_several_rates_bear_their_windows_in_their_names():
    expected = [
        ("client-1s", 10, 1),
        ("client-15m", 100, 900),
        ("client-2h", 500, 7200),
        ("client-1d", 900, 86400),
    ]
    assert read("10/second; 100/15 minutes", "500/2 hours", "900/day") == expected


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ((), "at least one rate"),
        ((100,), "a rate is a string, not 'int'"),
        ((["1/s"],), "a rate is a string, not 'list'"),
        (("",), "out of place"),
        (("100",), "'100' is not a rate; write for example '100/15 minutes'"),
        (("100/fortnight",), "is not a rate"),
        (("fast",), "is not a rate"),
        (("-1/second",), "out of place"),
        (("1.5/second",), "out of place"),
        (("1/second:,2/minute",), "out of place"),
        (("\u0661/second",), "out of place"),
        (("1/second\x00",), "out of place"),
        (("1" * 200 + "/second",), "too long"),
        (("0/second",), "the quota must be from 1"),
        (("9999999999/second",), "the quota must be from 1"),
        (("1/0 second",), "has a window of 0"),
        (("1 per 00 seconds",), "has a window of 0"),
        (("1/second, 1/0 minute",), "has a window of 0"),
        (("1/month",), "write for example '1000/30 days'"),
        (("1/year",), "write for example '1000/30 days'"),
        (("1/400 days",), "longer than a year"),
        (("10/minute", "20/60 seconds"), "the same window"),
        (("900000/second",), "too fast"),
        (tuple(f"1/{n} seconds" for n in range(1, 10)), "more than 8 rates"),
    ],
)
def test_a_rate_that_cannot_work_teaches(rates, message):
    with pytest.raises(ConfigurationError, match=message):
        read(*rates)


def test_reading_a_hostile_rate_takes_no_time():
    start = time.perf_counter()
    for hostile in ("1/" + " " * 1_000_000 + "x", "1" * 1_000_000, "1/second," * 100_000):
        with pytest.raises(ConfigurationError):
            read(hostile)
    assert time.perf_counter() - start < 1


def test_a_rate_too_fast_for_gcra_can_be_a_window():
    (limit,) = read_limits(["900000/second"], "x", "sliding-window")
    assert isinstance(limit, SlidingWindow)


@pytest.mark.parametrize("algorithm", ["GCRA", "token", None, []])
def test_an_unknown_algorithm_teaches(algorithm):
    with pytest.raises(ConfigurationError, match=r"unknown algorithm .*(did you mean|use one of)"):
        read("1/second", algorithm=algorithm)


@pytest.mark.parametrize(
    "policy", ["", 'a"b', "a\\b", "a\r\nset-cookie: x", "\x00", "\xe9", "a" * 65, 5]
)
def test_a_policy_name_that_could_break_a_header_is_refused(policy):
    with pytest.raises(ConfigurationError, match="policy= takes a name"):
        RateLimit("1/second", policy=policy)


def test_a_missing_library_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "limits", None)
    with pytest.raises(MissingDependency, match=r"pip install 'ringwall\[ratelimit\]'"):
        RateLimit("1/second")


def test_the_interval_is_never_shorter_than_the_rate_says():
    (limit,) = read_limits(["7/second"], "x", "gcra")
    assert isinstance(limit, GCRA)
    assert limit.interval * 7 >= SECOND


# Keys


def client_of(address, prefix=64):
    return compile_key("client", prefix).of(exchange(address))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"),
        ("2001:db8::1", "2001:0DB8:0:0::2"),
        ("2001:db8::1", "2001:db8::192.0.2.1"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2.1", "::ffff:c000:201"),
        ("192.0.2.1", "0:0:0:0:0:FFFF:c000:0201"),
        ("fe80::1%eth0", "fe80::1%eth1"),
        (None, "testclient"),
        (None, ""),
        (None, "unix:/run/app.sock"),
        (None, "192.0.2.1:80"),
        (None, "\x00" * 10_000),
    ],
)
def test_two_spellings_of_one_client_share_one_bucket(one, other):
    assert client_of(one) == client_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "192.0.2.2"),
        ("2001:db8:0:1::1", "2001:db8:0:2::1"),
        ("192.0.2.1", "::192.0.2.1"),
        ("192.0.2.1", None),
    ],
)
def test_two_clients_do_not_share(one, other):
    assert client_of(one) != client_of(other)


def test_the_network_can_be_wider():
    assert client_of("2001:db8:1:2::1", 48) == "2001:db8:1::/48" == client_of("2001:db8:1:3::9", 48)
    assert client_of("2001:db8:1:2::1") == "2001:db8:1:2::/64"


def test_a_mapped_or_broken_address_that_a_stack_was_handed_is_judged_by_its_bits():
    key = compile_key("client", 64).of
    given = exchange()
    given.client = "::ffff:192.0.2.9"
    assert key(given) == "192.0.2.9"
    given.client = ":bogus:"
    assert key(given) == NOBODY


@pytest.mark.parametrize("prefix", [31, 65, 128, 0, -1, "64", True, 64.0])
def test_a_prefix_that_splits_a_customer_is_refused(prefix):
    with pytest.raises(ConfigurationError, match="from 32 to 64"):
        compile_key("client", prefix)


def test_requests_without_an_address_are_counted_and_warned_of_once(caplog):
    key = compile_key("client", 64).of
    with caplog.at_level(logging.WARNING, "ringwall"):
        assert {key(exchange(None)), key(exchange(None))} == {NOBODY}
    assert len(caplog.records) == 1
    assert "proxies=TrustedProxies" in caplog.text


def principal_of(subject, issuer=None):
    given = exchange()
    given.authenticate(Principal(subject, scheme="bearer", issuer=issuer))
    return compile_key("principal", 64).of(given)


def test_principals_are_told_apart_by_issuer_and_subject():
    keys = [
        principal_of("alice"),
        principal_of("bob"),
        principal_of("alice", "https://a"),
        principal_of("alice", "https://b"),
        principal_of("alice", ""),
        principal_of("aalice", "https://"),
        principal_of("1:aalice"),
        principal_of("192.0.2.1"),
        principal_of("nobody"),
        compile_key("principal", 64).of(exchange("192.0.2.1")),
        compile_key("principal", 64).of(exchange(None)),
    ]
    assert len(set(keys)) == len(keys)
    assert principal_of("alice", "https://a") == principal_of("alice", "https://a")


def test_a_request_that_speaks_for_nobody_counts_by_client():
    assert compile_key("principal", 64).of(exchange("192.0.2.7")) == "192.0.2.7"


def test_a_function_of_the_exchange_makes_keys_that_no_client_has():
    key = compile_key(lambda given: given.path.strip("/") or None, 64).of
    assert key(exchange(path="/192.0.2.1")) != key(exchange(path="/"))
    assert key(exchange(path="/")) == "192.0.2.1"


@pytest.mark.parametrize("value", [b"bytes", 5, ["x"], ""[:0] or 0])
def test_a_function_that_returns_no_string_is_an_error(value):
    key = compile_key(lambda given: value, 64).of
    with pytest.raises(TypeError, match="a string or None"):
        key(exchange())


@pytest.mark.parametrize(
    "text", ["u:" + "a" * 1_000_000, "u:" + "\ud800" * 100, "k:\r\n\x00{}" * 50]
)
def test_a_long_key_is_hashed_to_a_fixed_length(text):
    assert len(bounded(text)) == 65
    assert bounded(text) != bounded(text + "x")
    assert bounded(bounded(text)) != bounded(text), "no short key can be a long one's hash"


def test_a_key_of_the_longest_plain_length_stays():
    assert bounded("u" * 64) == "u" * 64


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("clients", "did you mean 'client'"),
        ("ip", "use one of"),
        (5, "takes 'client', 'principal'"),
    ],
)
def test_an_unknown_key_teaches(key, message):
    with pytest.raises(ConfigurationError, match=message):
        RateLimit("1/second", key=key)
