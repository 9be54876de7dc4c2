"""The host matrix: every Host that has fooled a URL parser is refused, and no app is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_support import Script, Scripted
from ringwall._boundary.host import Host, parse_host
from ringwall.testing import Request, SampleApp, run

MALFORMED = [
    b"",
    b" ",
    b"a b",
    b"evil.example/public?",
    b"evil.example?x",
    b"evil.example#x",
    b"good.example@evil.example",
    b"user:pass@evil.example",
    b"good.example\\evil.example",
    b"good.example,evil.example",
    b"good.example, evil.example",
    b"good.example%2eevil.example",
    b"%2e",
    b"good.example:",
    b"good.example:0",
    b"good.example:99999",
    b"good.example:65536",
    b"good.example:123456",
    b"good.example:80:80",
    b"good.example:8o",
    b"good.example:-1",
    b"good.example: 80",
    b":80",
    b".",
    b"..",
    b".good.example",
    b"good..example",
    b"good.example..",
    b"[::1]evil.example",
    b"[::1",
    b"::1",
    b"[]",
    b"[::1]:",
    b"[1.2.3.4]",
    b"[fe80::1%25eth0]",
    b"[v1.a]",
    b"\xc3\xa9.example",
    b"good.example\x00",
    b"good.example\r\n evil",
    b"good.example\t",
    b"'good.example",
    b"<script>",
    b"${jndi}",
    b"a" * 64 + b".example",
    b"a." * 127 + b"a",
    b"a" * 400,
    b"127.1",
    b"0x7f.0.0.1",
    b"0x7f000001",
    b"2130706433",
    b"1.2.3.4.5",
    b"256.1.1.1",
    b"0177.0.0.1",
    b"127.0.0.0x1",
    b"example.0x",
]


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_host_does_not_parse(value):
    assert parse_host(value) is None


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_host_never_reaches_the_app_and_is_not_echoed(interface, value):
    app = SampleApp()
    request = Request(headers=((b"host", value),))
    done = run(interface, [Scripted("layer", Script())], app, request)
    assert done.result.status == 400
    assert app.seen == []
    (decision,) = done.decisions
    assert decision[:4] == ("boundary", "deny", "strict", "malformed-host")
    assert len(value) < 4 or value not in done.result.body


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_two_hosts_are_refused_even_if_they_agree(interface):
    app = SampleApp()
    for hosts in ([b"a", b"b"], [b"a", b"a"]):
        request = Request(headers=tuple((b"host", value) for value in hosts))
        assert run(interface, [Scripted("layer", Script())], app, request).result.status == 400
    assert app.seen == []


@pytest.mark.parametrize(
    ("value", "host", "authority"),
    [
        (b"Example.COM", Host("example.com", None, False), "example.com"),
        (b"example.com.", Host("example.com", None, False), "example.com"),
        (b"example.com.:443", Host("example.com", 443, False), "example.com:443"),
        (b"localhost:65535", Host("localhost", 65535, False), "localhost:65535"),
        (b"my_service", Host("my_service", None, False), "my_service"),
        (b"xn--bcher-kva.example", Host("xn--bcher-kva.example", None, False), None),
        (b"127.0.0.1:8000", Host("127.0.0.1", 8000, True), "127.0.0.1:8000"),
        (b"[2001:DB8:0::1]:443", Host("2001:db8::1", 443, True), "[2001:db8::1]:443"),
        (b"[::ffff:1.2.3.4]", Host("::ffff:102:304", None, True), "[::ffff:102:304]"),
        (b"a1.0a", Host("a1.0a", None, False), "a1.0a"),
    ],
)
def test_a_well_formed_host_is_parsed_into_one_spelling(value, host, authority):
    parsed = parse_host(value)
    if value.startswith(b"[::ffff"):
        assert parsed.is_ip
        assert parsed.authority in ("[::ffff:102:304]", "[::ffff:1.2.3.4]")
        return
    assert parsed == host
    assert parsed.authority == (authority or host.name)


def test_a_missing_host_is_no_host_and_no_refusal():
    app = SampleApp()
    assert run("asgi", [Scripted("a", Script())], app, Request(headers=())).result.status == 200


@given(st.binary(max_size=300))
def test_whatever_parses_can_stand_in_a_url_as_it_is(value):
    host = parse_host(value)
    if host is not None:
        assert not set(host.authority) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.:[]")
        assert parse_host(host.authority.encode()) == host
