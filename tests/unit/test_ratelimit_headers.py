"""The headers: draft-ietf-httpapi-ratelimit-headers-11, read back by a strict parser."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit_support import SENDERS, App, Clock, Token, parse_list, sf_vectors
from ringwall import ConfigurationError, Stack
from ringwall.ratelimit import GCRA, RateLimit
from ringwall.ratelimit.engine import SECOND
from ringwall.ratelimit.headers import Draft, Legacy, Off, Standing, refusal


def vectors():
    for name in ("param-list", "list", "string", "number"):
        for case in json.loads((sf_vectors() / f"{name}.json").read_text()):
            flat = "(" not in "".join(case["raw"])
            if flat and (case["header_type"] == "list" or case["header_type"] == "item"):
                yield case


def test_the_parser_of_these_tests_is_itself_right():
    """By the structured-field vectors: it reads what they read, and refuses what they refuse."""
    read = refused = 0
    for case in vectors():
        text = ", ".join(case["raw"])
        if case.get("must_fail"):
            if case["header_type"] == "item" and "," in text:
                continue  # an item only: as a list it can be right
            with pytest.raises(ValueError):
                parse_list(text)
            refused += 1
        elif not case.get("can_fail"):
            items = parse_list(text)
            expected = case["expected"]
            if case["header_type"] == "item":
                expected = [expected]
            assert items == [(plain(v), {k: plain(x) for k, x in ps}) for v, ps in expected], case
            read += 1
    assert read > 40, "the vectors are not there"
    assert refused > 30, "the vectors are not there"


def plain(value):
    if isinstance(value, dict):
        assert value["__type"] == "token"
        return Token(value["value"])
    return value


@pytest.fixture(params=SENDERS)
def sender(request):
    return request.param


def test_each_response_tells_policy_and_standing(sender):
    clock = Clock()
    send = sender(RateLimit("3/30 seconds", clock=clock), App())
    told = []
    for _ in range(3):
        answer = send()
        assert parse_list(answer["ratelimit-policy"]) == [("client", {"q": 3, "w": 30})]
        told += parse_list(answer["ratelimit"])
    assert told == [
        ("client", {"r": 2, "t": 20}),
        ("client", {"r": 1, "t": 10}),
        ("client", {"r": 0, "t": 10}),
    ]


def test_a_refusal_tells_when_to_come_back(sender):
    clock = Clock()
    app = App()
    send = sender(RateLimit("3/30 seconds", clock=clock), app)
    for _ in range(3):
        send()
    clock.forward(2.5)
    answer = send()
    assert answer.status == 429
    assert parse_list(answer["ratelimit"]) == [("client", {"r": 0, "t": 8})]
    assert parse_list(answer["ratelimit-policy"]) == [("client", {"q": 3, "w": 30})]
    assert answer["retry-after"] == "8"
    assert answer["content-type"] == "application/problem+json"
    assert answer["cache-control"] == "no-store"
    assert answer.json == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Request cannot be satisfied as assigned quota has been exceeded",
        "status": 429,
        "detail": "Too many requests. Wait 8 seconds.",
        "code": "quota-exceeded",
        "violated-policies": ["client"],
    }
    assert app.calls == 3
    clock.forward(8)
    assert send().status == 200


def test_several_rates_are_items_of_one_list_and_a_refusal_names_those_violated(sender):
    clock = Clock()
    send = sender(RateLimit("2/second", "100/hour", clock=clock), App())
    answer = send()
    assert parse_list(answer["ratelimit-policy"]) == [
        ("client-1s", {"q": 2, "w": 1}),
        ("client-1h", {"q": 100, "w": 3600}),
    ]
    assert [name for name, _ in parse_list(answer["ratelimit"])] == ["client-1s", "client-1h"]
    assert parse_list(send()["ratelimit"])[0] == ("client-1s", {"r": 0, "t": 1})
    refused = send()
    assert parse_list(refused["ratelimit"]) == [("client-1s", {"r": 0, "t": 1})]
    assert len(parse_list(refused["ratelimit-policy"])) == 2
    assert refused.json["violated-policies"] == ["client-1s"]
    assert refused["retry-after"] == "1"


def test_two_layers_both_show(sender):
    clock = Clock()
    outer = RateLimit("100/hour", clock=clock)
    inner = RateLimit("1/minute", policy="burst", key=lambda exchange: "all", clock=clock)
    send = sender(Stack(outer, inner), App(headers=(("RateLimit", '"upstream";r=5'),)))
    both = {"client", "burst"}
    answer = send()
    assert {name for line in answer.all("ratelimit") for name, _ in parse_list(line)} == {
        *both,
        "upstream",
    }
    refused = send()
    assert refused.status == 429
    for name in ("ratelimit", "ratelimit-policy"):
        assert {item for line in refused.all(name) for item, _ in parse_list(line)} == both
    assert refused.json["violated-policies"] == ["burst"]
    assert parse_list(refused.all("ratelimit")[-1]) == [("client", {"r": 98, "t": 3528})]


@given(
    quota=st.integers(1, 10**9),
    seconds=st.integers(1, 366 * 86_400),
    remaining=st.integers(0, 10**9),
    wait=st.integers(0, 366 * 86_400 * SECOND),
)
def test_the_ratio_told_never_exceeds_the_policys(quota, seconds, remaining, wait):
    """Section 8.5 of the draft: `r` over `t` must not invite more than the policy allows."""
    limit = GCRA("x", quota, seconds * SECOND)
    standing = Standing(limit, min(remaining, quota), wait)
    ((_, told),) = parse_list(Draft(None, [limit]).lines([standing])[1][1].decode())
    assert told["r"] * seconds <= told["t"] * quota
    assert told["t"] >= 1
    if not told["r"]:
        assert told["t"] * SECOND >= wait


@given(
    quota=st.integers(1, 100),
    seconds=st.integers(1, 3600),
    remaining=st.integers(0, 100),
    wait=st.integers(1, 10**10),
)
def test_retry_after_is_never_earlier_than_the_wait_or_the_window(quota, seconds, remaining, wait):
    limit = GCRA("x", quota, seconds * SECOND)
    response = refusal(Draft(None, [limit]), [Standing(limit, min(remaining, quota), wait)])
    headers = dict(response.headers)
    retry_after = int(headers[b"retry-after"])
    ((_, told),) = parse_list(headers[b"ratelimit"].decode())
    assert retry_after * SECOND >= wait
    assert retry_after >= told["t"]


def test_any_policy_name_that_is_accepted_reads_back(sender):
    name = "".join(chr(c) for c in range(0x20, 0x7F) if chr(c) not in '"\\')
    for policy in (name[:64], name[64:]):
        answer = sender(RateLimit("1/second", policy=policy), App())()
        assert parse_list(answer["ratelimit"])[0][0] == policy
        assert parse_list(answer["ratelimit-policy"])[0][0] == policy


# The other manners


def test_legacy_headers(sender, monkeypatch):
    wall = Clock(1_800_000_000.9)
    monkeypatch.setattr(Legacy, "wall_clock", wall)
    layer = RateLimit("3/30 seconds", headers="legacy", clock=Clock())
    send = sender(layer, App())
    answer = send()
    assert answer["x-ratelimit-limit"] == "3"
    assert answer["x-ratelimit-remaining"] == "2"
    assert answer["x-ratelimit-reset"] == "1800000020"
    assert not answer.all("ratelimit")
    send(), send()
    refused = send()
    assert refused.status == 429
    assert refused["x-ratelimit-remaining"] == "0"
    assert refused["x-ratelimit-reset"] == "1800000010"
    assert refused["retry-after"] == "10"
    wall.now = 1_800_000_005.0
    assert send()["x-ratelimit-reset"] == "1800000015"


@pytest.mark.parametrize("tight_first", [True, False])
def test_legacy_headers_tell_of_the_limit_nearest_to_its_end(sender, tight_first):
    clock = Clock()
    tight = RateLimit("2/minute", headers="legacy", clock=clock)
    wide = RateLimit("100/hour", "50/day", headers="legacy", clock=clock)
    layers = (tight, wide) if tight_first else (wide, tight)
    answer = sender(Stack(*layers), App())()
    assert (answer["x-ratelimit-limit"], answer["x-ratelimit-remaining"]) == ("2", "1")


@pytest.mark.parametrize("garbage", ["many", "-1", ""])
def test_legacy_headers_replace_what_is_no_number(sender, garbage):
    app = App(headers=(("X-RateLimit-Remaining", garbage),))
    answer = sender(RateLimit("2/minute", headers="legacy"), app)()
    assert answer["x-ratelimit-remaining"] == "1"


@pytest.mark.parametrize("rates", [("1/hour",), ("1/hour", "5/day")])
def test_off_tells_nothing_but_when_to_come_back(sender, rates):
    send = sender(RateLimit(*rates, headers="off", clock=Clock()), App())
    assert not [name for name, _ in send().headers if "ratelimit" in name]
    refused = send()
    assert refused.status == 429
    assert not [name for name, _ in refused.headers if "ratelimit" in name]
    assert refused["retry-after"] == "3600"


@pytest.mark.parametrize("headers", ["drafts", "draft-6", None, True, []])
def test_an_unknown_manner_teaches(headers):
    with pytest.raises(ConfigurationError, match="unknown headers"):
        RateLimit("1/second", headers=headers)


def test_off_writes_nothing_whatever_it_is_handed():
    head = object()  # no method of a head may be touched
    assert Off(None, []).tell(head, None) is None


def test_the_manners_declare_what_they_write():
    assert RateLimit("1/s").sets == {b"ratelimit", b"ratelimit-policy"}
    assert RateLimit("1/s", headers="legacy").sets == Legacy.names
    assert RateLimit("1/s", headers="off").sets == frozenset()
