"""Which hosts are ours: names, wildcards, addresses, ports, and what is no host at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall._boundary import parse_host
from ringwall._errors import ConfigurationError
from ringwall.https.hosts import ANY_HOST, AllowList


def allows(entries, value, default=443):
    host = parse_host(value)
    assert host is not None
    return AllowList(entries).allows(host.name, host.port or default)


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("example.com", b"example.com"),
        ("example.com", b"EXAMPLE.com"),
        ("EXAMPLE.com", b"example.com"),
        ("example.com", b"example.com."),
        ("example.com.", b"example.com"),
        ("example.com", b"example.com:8000"),
        ("example.com:443", b"example.com"),
        ("example.com:443", b"example.com:443"),
        ("example.com:8443", b"example.com:8443"),
        ("*.example.com", b"api.example.com"),
        ("*.example.com", b"API.Example.com.:8000"),
        ("*.example.com:8443", b"api.example.com:8443"),
        ("localhost", b"localhost:8000"),
        ("my_service", b"my_service"),
        ("192.0.2.1", b"192.0.2.1"),
        ("192.0.2.1:8443", b"192.0.2.1:8443"),
        ("[::1]", b"[::1]"),
        ("[2001:DB8:0::1]:8443", b"[2001:db8::1]:8443"),
        ("bücher.example", b"xn--bcher-kva.example"),
        ("BÜCHER.example:8443", b"xn--bcher-kva.example:8443"),
        ("*.bücher.example", b"a.xn--bcher-kva.example"),
    ],
)
def test_a_host_that_was_named_is_ours(entry, host):
    assert allows([entry], host) is True
    assert allows(["other.example", entry], host) is True


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("example.com", b"exampleXcom"),  # a dot is a dot, not a regular expression's
        ("example.com", b"evil-example.com"),
        ("example.com", b"evil.example.com"),
        ("example.com", b"example.com.evil.example"),
        ("example.com:443", b"example.com:8443"),
        ("example.com:8443", b"example.com"),
        ("*.example.com", b"example.com"),
        ("*.example.com", b"a.b.example.com"),
        ("*.example.com", b"evilexample.com"),
        ("*.example.com:8443", b"api.example.com"),
        ("192.0.2.1", b"192.0.2.2"),
        ("[::1]", b"[::2]"),
        ("[::1]", b"[::ffff:0.0.0.1]"),
        ("*.example.com", b"com"),
    ],
)
def test_a_host_that_was_not_named_is_not_ours(entry, host):
    assert allows([entry], host) is False


@given(st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9}){0,3}", fullmatch=True), st.integers(1, 65535))
def test_a_list_allows_nothing_but_its_entries(name, port):
    ours = AllowList(["example.com:8443", "*.example.org", "one.example"])
    expected = (
        (name, port) == ("example.com", 8443)
        or (name.endswith(".example.org") and name.count(".") == 2)
        or name == "one.example"
    )
    assert ours.allows(name, port) is expected


def test_any_host_is_a_choice_by_name():
    assert AllowList(ANY_HOST).allows("whatever.example", 1) is True
    assert repr(ANY_HOST) == "ANY_HOST"


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("api.example.com", r"takes a list of hosts: hosts=\['api.example.com'\]"),
        (b"api.example.com", "takes a list of hosts"),
        (None, r"takes a list of hosts: hosts=\['api.example.com'\]"),
        ([], "hosts=ANY_HOST if something in front"),
        ([b"api.example.com"], "takes strings, not 'bytes'"),
        (["*"], "write hosts=ANY_HOST"),
        (["https://api.example.com/v1"], "write the host alone: 'api.example.com'"),
        (["api.example.com/v1"], "write the host alone: 'api.example.com'"),
        (["::1"], r"in brackets, such as '\[2001:db8::1\]'"),
        (["2001:db8::1"], "in brackets"),
        (["api.*.example.com"], "is no host; write a name"),
        (["*.192.0.2.1"], "is no host"),
        (["*.0.2.1"], "is no host"),
        (["*.[::1]"], "is no host"),
        (["*."], "is no host"),
        (["**.example.com"], "is no host"),
        ([""], "is no host"),
        (["exa mple.com"], "is no host"),
        (["user@example.com"], "is no host"),
        (["example.com:0"], "is no host"),
        (["example.com:99999"], "is no host"),
        (["-\n.example"], "is no host"),
        (["straße.example"], "write its A-labels"),  # IDNA 2003 makes it strasse.example
        (["example\u3002com"], "write its A-labels"),
        (["\ud800.example"], "write its A-labels"),
        (["a" * 64 + "ü.example"], "write its A-labels"),
    ],
)
def test_what_is_no_host_is_refused_with_what_to_write(hosts, message):
    with pytest.raises(ConfigurationError, match=message):
        AllowList(hosts)
