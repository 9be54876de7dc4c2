"""Whose proxy headers count, and what they say."""

from __future__ import annotations

import json
import os
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_support import Script, Scripted
from ringwall import ConfigurationError, Stack, TrustedProxies
from ringwall._boundary.address import canonical_address, parse_address
from ringwall._boundary.proxies import Malformed
from ringwall._exchange import KEY
from ringwall.testing import Request, SampleApp, drive

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


def vectors():
    here = os.environ.get("RINGWALL_VECTORS")
    folder = Path(here) if here else Path(__file__).parents[3] / "shared" / "vectors"
    file = folder / "http" / "forwarded_for_vectors.json"
    if not file.exists():
        pytest.skip("the vectors are neither at RINGWALL_VECTORS nor beside the project")
    return json.loads(file.read_text())


def seen_by_app(interface, proxies, request):
    """The client, scheme and host that the app and the layers see; None: refused."""
    found = []

    class Looking(Scripted):
        def on_request(self, exchange):
            found.append((exchange.client, exchange.scheme, exchange.host))

    given_to_app = []

    async def asgi(scope, receive, send):
        given_to_app.append((scope["client"] and scope["client"][0], scope["scheme"]))
        await SampleApp().asgi(scope, receive, send)

    def wsgi(environ, start_response):
        given_to_app.append((environ["REMOTE_ADDR"] or None, environ["wsgi.url_scheme"]))
        return SampleApp().wsgi(environ, start_response)

    stack = Stack(Looking("looking", Script()), proxies=proxies)
    app = asgi if interface == "asgi" else wsgi
    result = drive(interface, getattr(stack, interface)(app), request)
    if result.status == 400:
        assert found == []
        assert given_to_app == []
        assert b"malformed-forwarding" in result.body
        return None
    client, scheme, host = found[0]
    assert given_to_app == [(client, scheme)]
    return client, scheme, host and host.authority


def asked(*headers, client="10.0.0.1", scheme="http"):
    return Request(headers=((b"host", b"api.example.com"), *headers), client=client, scheme=scheme)


def forwarded(value, name=b"x-forwarded-for"):
    return (name, value)


PRIVATE = TrustedProxies(["10.0.0.0/8", "2001:db8::/32"])
RFC7239 = TrustedProxies(["10.0.0.0/8"], headers="forwarded", host=True)


def test_every_forwarded_element_of_the_vectors_reads_as_they_say():
    proxies = TrustedProxies(["10.0.0.0/8"], headers="forwarded")
    disagreements = []
    for case in vectors()["forwarded_list_item"]:
        try:
            got = proxies.read({b"forwarded": case["forwarded"].encode()}).client
        except Malformed:
            got = None
        expected = canonical_address(case["for_ip"]) if case["for_ip"] else None
        if got != expected:
            disagreements.append(case["forwarded"])
    # The one case of lenience in the vectors: whitespace that the grammar forbids.
    assert disagreements == ["for= 1.1.1.1"]


# Where we answer otherwise than the vectors' library, on purpose: a chain of trusted addresses only
# comes from the first of them; a peer that is no address is trusted by nobody.
OTHERWISE = {
    "Fail: no non-trusted IP": "2.2.2.2",
    "Peer garbage: walks header as normal": None,
    "Peer unspecified IP: walks header as normal": "0.0.0.0",
}


def bare(peer):
    """The address without the port that Go's servers add."""
    address = peer.removeprefix("[").partition("]")[0]
    return address.partition(":")[0] if "." in address else address


def test_every_chain_of_the_vectors_reads_as_they_say():
    disagreements = []
    for case in vectors()["rightmost_trusted_range"]:
        if case["want_error"]:
            continue  # of its constructor: ours takes one of two words
        name = case["header"].lower()
        peer = case["remote_addr"]
        trusted = [str(ip_network(network, strict=False)) for network in case["trusted"]]
        proxies = TrustedProxies(
            [*trusted, "unix"], headers="forwarded" if name == "forwarded" else "x-forwarded"
        )
        request = Request(
            headers=tuple((name.encode(), line.encode()) for line in case["header_lines"]),
            client=None if peer in (None, "", "@") else bare(peer),
        )
        for interface in ("asgi", "wsgi"):
            found = []

            class Looking(Scripted):
                def on_request(self, exchange, found=found):
                    found.append(exchange.client)

            stack = Stack(Looking("looking", Script()), proxies=proxies)
            drive(interface, getattr(stack, interface)(getattr(SampleApp(), interface)), request)
            want = OTHERWISE.get(case["name"], canonical_address(case["want_client"]))
            if (found or [None]) != [want]:
                disagreements.append((case["name"], interface, found, want))
    assert disagreements == []


@INTERFACES
@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"x-forwarded-proto"])
def test_nobodys_headers_count_by_default(interface, header):
    value = {b"x-forwarded-for": b"6.6.6.6", b"forwarded": b"for=6.6.6.6"}.get(header, b"https")
    request = asked((header, value))
    assert seen_by_app(interface, None, request) == ("10.0.0.1", "http", "api.example.com")


@INTERFACES
def test_a_peer_that_is_not_trusted_is_not_believed(interface):
    request = asked(forwarded(b"6.6.6.6"), (b"x-forwarded-proto", b"https"), client="203.0.113.9")
    assert seen_by_app(interface, PRIVATE, request) == ("203.0.113.9", "http", "api.example.com")


@INTERFACES
@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (b"192.0.2.7", "192.0.2.7"),
        (b"6.6.6.6, 192.0.2.7", "192.0.2.7"),
        (b"6.6.6.6,192.0.2.7,10.9.9.9", "192.0.2.7"),
        (b"10.1.1.1, 10.2.2.2", "10.1.1.1"),
        (b"evil, 192.0.2.7", None),
        (b"192.0.2.7:51000", "192.0.2.7"),
        (b"[2001:db8:1::1]:443", "2001:db8:1::1"),
        (b"2A00::1", "2a00::1"),
        (b"fe80::1%eth0.7, 10.1.1.1", "fe80::1"),
        (b"[fe80::1%25eth0]:443", "fe80::1"),
        (b"::ffff:192.0.2.7", "192.0.2.7"),
        (b"unknown", "10.0.0.1"),
        (b"192.0.2.7, unknown", "10.0.0.1"),
        (b"_hidden, 10.3.3.3", "10.3.3.3"),
    ],
)
def test_the_chain_is_read_from_the_right(interface, chain, client):
    got = seen_by_app(interface, PRIVATE, asked(forwarded(chain)))
    assert (got and got[0]) == client


@INTERFACES
@pytest.mark.parametrize(
    ("addresses", "schemes", "scheme"),
    [
        (b"192.0.2.7", b"https", "https"),
        (b"192.0.2.7", b"HTTPS", "https"),
        (b"192.0.2.7", b"wss", "https"),
        (b"192.0.2.7", b"ws", "http"),
        (b"6.6.6.6, 192.0.2.7", b"https, http", "http"),
        (b"6.6.6.6, 192.0.2.7", b"http, https", "https"),
        (b"6.6.6.6, 192.0.2.7", b"https", "https"),
        (b"6.6.6.6, 192.0.2.7, 10.1.1.1", b"https, https", "https"),
        (b"6.6.6.6, 192.0.2.7, 10.1.1.1", b"https, http", None),
        (b"192.0.2.7", b"https, http", None),
        (b"192.0.2.7", b"javascript", None),
        (b"192.0.2.7", b"", None),
        (None, b"https", "https"),
        (None, None, "http"),
    ],
)
def test_the_scheme_is_that_of_the_hop_whose_client_counts(interface, addresses, schemes, scheme):
    headers = [] if addresses is None else [forwarded(addresses)]
    headers += [] if schemes is None else [(b"x-forwarded-proto", schemes)]
    got = seen_by_app(interface, PRIVATE, asked(*headers))
    assert (got and got[1]) == scheme


@INTERFACES
@pytest.mark.parametrize(
    "bad",
    [
        *(b"<script>", b"1.2.3", b"1.2.3.4, ,5.6.7.8", b"", b"[::1", b"1.2.3.4:999999"),
        *(b"1.2.3.4%eth0", b"1.2.3.4%", b"fe80::1%", b"fe80::1%25", b"fe80::1%a b", b"fe80::1%<"),
    ],
)
def test_malformed_chains_from_a_proxy_are_refused(interface, bad):
    assert seen_by_app(interface, PRIVATE, asked(forwarded(bad))) is None


@pytest.mark.parametrize("host", [None, b"shop.example:8443", b" a/b"])
@pytest.mark.parametrize("scheme", [b"https", b" HTTP\t", b"wss", b"", b"gopher"])
@pytest.mark.parametrize(
    "address", [b"192.0.2.7", b" 2001:DB8:1::1 ", b"[::1]:80", b"unknown", b"_x", b"0.0.0.0", b"x"]
)
def test_one_proxy_is_read_like_the_last_of_several(address, scheme, host):
    proxies = TrustedProxies(["10.0.0.0/8"], host=True)

    def read(*lines):
        names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
        given = {name: line for name, line in zip(names, lines, strict=True) if line is not None}
        try:
            return proxies.read(given)
        except Malformed:
            return None

    several = read(b"6.6.6.6," + address, b"http," + scheme, host and b"evil.example," + host)
    assert read(address, scheme, host) == several


def test_a_chain_of_unlikely_length_is_refused_before_it_is_parsed():
    assert PRIVATE.read({b"x-forwarded-for": b", ".join([b"10.1.1.1"] * 32)}).client == "10.1.1.1"
    with pytest.raises(Malformed):
        PRIVATE.read({b"x-forwarded-for": b"," * 60000})
    with pytest.raises(Malformed):
        PRIVATE.read({b"x-forwarded-for": b", ".join([b"10.1.1.1"] * 33)})


@INTERFACES
@pytest.mark.parametrize("host", [True, False])
def test_the_forwarded_host_counts_only_if_asked_for(interface, host):
    proxies = TrustedProxies(["10.0.0.0/8"], host=host)
    request = asked(forwarded(b"192.0.2.7"), (b"x-forwarded-host", b"Public.example:8443"))
    expected = "public.example:8443" if host else "api.example.com"
    assert seen_by_app(interface, proxies, request)[2] == expected


@INTERFACES
def test_a_malformed_forwarded_host_is_refused(interface):
    proxies = TrustedProxies(["10.0.0.0/8"], host=True)
    request = asked(forwarded(b"192.0.2.7"), (b"x-forwarded-host", b"a/b"))
    assert seen_by_app(interface, proxies, request) is None


@INTERFACES
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"for=192.0.2.7;proto=https;host=a.example", ("192.0.2.7", "https", "a.example")),
        (b'For="[2001:DB8::1]:443"; Proto=HTTPS', ("2001:db8::1", "https", "api.example.com")),
        (b"for=6.6.6.6;proto=https, for=192.0.2.7", ("192.0.2.7", "http", "api.example.com")),
        (b'for="192.0.2.7, 6.6.6.6"', None),
        (b'for="a\\"b"', None),
        (b"for=_hidden", ("10.0.0.1", "http", "api.example.com")),
        (b"proto=https", ("10.0.0.1", "https", "api.example.com")),
        (b"", ("10.0.0.1", "http", "api.example.com")),
        (b"for=192.0.2.7;for=6.6.6.6", None),
        (b"for=192.0.2.7;", None),
        (b"for=192.0.2.7,", None),
        (b"for=192.0.2.7 x", None),
        (b"for 192.0.2.7", None),
        (b'for="192.0.2.7', None),
        (b"for=192.0.2.7;proto=gopher", None),
        (b"for=192.0.2.7;host=a b", None),
    ],
)
def test_forwarded_is_read_by_its_grammar(interface, value, expected):
    assert seen_by_app(interface, RFC7239, asked(forwarded(value, b"forwarded"))) == expected


@INTERFACES
def test_the_family_that_was_not_chosen_is_never_read(interface):
    request = asked(forwarded(b"6.6.6.6"), (b"x-forwarded-proto", b"https"))
    assert seen_by_app(interface, RFC7239, request) == ("10.0.0.1", "http", "api.example.com")
    request = asked(forwarded(b"for=6.6.6.6;proto=https", b"forwarded"))
    assert seen_by_app(interface, PRIVATE, request) == ("10.0.0.1", "http", "api.example.com")


@INTERFACES
def test_underscored_twins_are_not_the_header(interface):
    request = asked((b"x_forwarded_for", b"6.6.6.6"), (b"x_forwarded_proto", b"https"))
    assert seen_by_app(interface, PRIVATE, request) == ("10.0.0.1", "http", "api.example.com")


@INTERFACES
@pytest.mark.parametrize(("trusted", "scheme"), [(["unix"], "https"), (["10.0.0.0/8"], "http")])
def test_a_unix_socket_is_trusted_only_by_name(interface, trusted, scheme):
    request = asked((b"x-forwarded-proto", b"https"), client=None)
    assert seen_by_app(interface, TrustedProxies(trusted), request)[1] == scheme


def test_a_websocket_behind_a_proxy_gets_the_scheme_of_websockets():
    schemes = []

    async def app(scope, receive, send):
        schemes.append(scope["scheme"])
        await SampleApp().asgi(scope, receive, send)

    wrapped = Stack(proxies=PRIVATE).asgi(app)
    for scheme, expected in ((b"https", "wss"), (b"http", "ws")):
        request = Request(
            headers=((b"x-forwarded-proto", scheme),), client="10.0.0.1", websocket=True
        )
        assert drive("asgi", wrapped, request).status == 101
        assert schemes.pop() == expected


@INTERFACES
def test_a_stack_inside_one_with_proxies_sees_what_that_one_derived(interface):
    """Not only client and scheme: the peer, too, for a stack that trusts proxies itself."""
    found = []

    class Looking(Scripted):
        def on_request(self, exchange):
            found.append((exchange.client, exchange.scheme, exchange.peer))

    request = asked(forwarded(b"192.0.2.7"), (b"x-forwarded-proto", b"https"))
    for inner in (Stack(Looking("a", Script())), Stack(Looking("a", Script()), proxies=PRIVATE)):
        app = getattr(inner, interface)(getattr(SampleApp(), interface))
        outer = getattr(Stack(Scripted("b", Script()), proxies=PRIVATE), interface)(app)
        assert drive(interface, outer, request).status == 200
        assert found.pop() == ("192.0.2.7", "https", "10.0.0.1")


def test_a_host_that_was_changed_between_two_stacks_is_judged_anew():
    """The inner stack must not vouch for a host that the app does not get."""
    hosts = []

    class Looking(Scripted):
        def on_request(self, exchange):
            hosts.append(exchange.host and exchange.host.name)

    inner = Looking("inner", Script()).asgi(SampleApp().asgi)

    async def between(scope, receive, send):
        await inner({**scope, "headers": [(b"host", between.host)]}, receive, send)

    outer = Looking("outer", Script()).asgi(between)
    between.host = b"changed.example"
    assert drive("asgi", outer, Request()).status == 200
    assert hosts == ["api.example.com", "changed.example"]
    between.host = b"a b"
    assert drive("asgi", outer, Request()).status == 400
    assert len(hosts) == 3


def test_a_method_that_was_changed_between_two_stacks_is_judged_anew():
    app = SampleApp()
    inner = Scripted("inner", Script()).asgi(app.asgi)

    async def between(scope, receive, send):
        await inner({**scope, "method": "delete"}, receive, send)

    assert drive("asgi", Scripted("outer", Script()).asgi(between), Request()).status == 400
    assert app.seen == []


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:DB8::1", True),
        ("2001:db8::1%eth0", True),
        ("11.0.0.1", False),
        ("2001:db9::1", False),
        ("not an address", False),
        ("1" * 100, False),
        (None, False),
        ("", False),
    ],
)
def test_trust_goes_by_network(peer, trusted):
    assert PRIVATE.trusts(peer) is trusted


def test_a_v4_mapped_network_is_the_network():
    proxies = TrustedProxies(["::ffff:10.0.0.0/104"])
    assert proxies.trusts("10.1.2.3")
    assert proxies.trusts("::ffff:10.1.2.3")
    assert repr(proxies) == "<TrustedProxies 1>"


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "::ffff:0:0/96"])
def test_trusting_everybody_is_refused(network):
    with pytest.raises(ConfigurationError, match="trusts every client"):
        TrustedProxies([network])


def test_bad_arguments_teach():
    with pytest.raises(ConfigurationError, match="takes a list"):
        TrustedProxies("10.0.0.0/8")
    with pytest.raises(ConfigurationError, match="did you mean 'forwarded'"):
        TrustedProxies(["unix"], headers="forwarde")
    with pytest.raises(ConfigurationError, match="neither an address"):
        TrustedProxies(["proxy.internal"])
    with pytest.raises(ConfigurationError, match=r"write '10\.0\.0\.0/8'"):
        TrustedProxies(["10.0.0.1/8"])
    with pytest.raises(ConfigurationError, match="TrustedProxies"):
        Stack(proxies=["10.0.0.0/8"])


def test_one_address_has_one_spelling():
    assert canonical_address("2001:DB8:0:0::1") == "2001:db8::1"
    assert canonical_address("::ffff:192.0.2.1") == "192.0.2.1"
    assert canonical_address("testclient") is None
    assert canonical_address(None) is None
    assert canonical_address("1" * 65) is None
    assert parse_address("1" * 65) is None


@given(st.binary(max_size=80), st.binary(max_size=20), st.sampled_from([PRIVATE, RFC7239]))
def test_no_header_makes_it_fail_in_another_way(chain, scheme, proxies):
    headers = {b"x-forwarded-for": chain, b"x-forwarded-proto": scheme, b"forwarded": chain}
    try:
        said = proxies.read(headers)
    except Malformed:
        return
    assert said.scheme in (None, "http", "https")
    assert said.client is None or canonical_address(said.client) == said.client


def test_the_exchange_is_under_one_key():
    assert KEY == "ringwall.exchange"


@pytest.mark.parametrize(
    ("peer", "forwarded", "told_asgi", "told_wsgi"),
    [
        # Nobody's proxy, in the spelling of a socket that takes both families: its own port.
        ("::ffff:192.0.2.7", None, ("192.0.2.7", 5000), ("192.0.2.7", "5000")),
        ("192.0.2.7", None, ("192.0.2.7", 5000), ("192.0.2.7", "5000")),
        # A proxy, whose port is not the client's.
        ("::ffff:10.0.0.1", b"192.0.2.9", ("192.0.2.9", 0), ("192.0.2.9", None)),
        ("::ffff:10.0.0.1", None, ("10.0.0.1", 5000), ("10.0.0.1", "5000")),
    ],
)
def test_an_address_comes_with_its_own_port_or_none(peer, forwarded, told_asgi, told_wsgi):
    stack = Stack(Scripted("any", Script()), proxies=TrustedProxies(["10.0.0.0/8"]))
    headers = ((b"host", b"a"), *(((b"x-forwarded-for", forwarded),) if forwarded else ()))
    request = Request(headers=headers, client=peer)
    told = []

    async def asgi(scope, receive, send):
        told.append(tuple(scope["client"]))
        await SampleApp().asgi(scope, receive, send)

    def wsgi(environ, start_response):
        told.append((environ["REMOTE_ADDR"], environ.get("REMOTE_PORT")))
        assert "REMOTE_HOST" not in environ or told_wsgi[1]
        return SampleApp().wsgi(environ, start_response)

    async def with_port(scope, receive, send):
        await stack.asgi(asgi)({**scope, "client": (peer, 5000)}, receive, send)

    def with_port_wsgi(environ, start_response):
        named = {**environ, "REMOTE_PORT": "5000", "REMOTE_HOST": "proxy.example"}
        return stack.wsgi(wsgi)(named, start_response)

    drive("asgi", with_port, request)
    drive("wsgi", with_port_wsgi, request)
    assert told == [told_asgi, told_wsgi]
