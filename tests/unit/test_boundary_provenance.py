"""What is remembered of proxies: the same as what is derived, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_support import Script, Scripted
from ringwall import Stack, TrustedProxies
from ringwall._boundary.provenance import padded
from ringwall._boundary.withheld import withheld
from ringwall.testing import Request, SampleApp, drive

INTERFACES = ["asgi", "wsgi"]
PEERS = [None, "10.0.0.1", "::ffff:10.0.0.1", "192.0.2.7", "6.6.6.6", "2001:DB8::1"]
LINES = [
    (b"x-forwarded-for", b"6.6.6.6"),
    (b"x-forwarded-for", b"7.7.7.7, 10.1.1.1"),
    (b"x-forwarded-for", b"unknown"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-proto", b"HTTP"),
    (b"x-forwarded-host", b"shop.example"),
    (b"x-forwarded-host", b"Shop.example:8443"),
    (b"forwarded", b"for=6.6.6.6;proto=https;host=h.example"),
    (b"x_forwarded_for", b"8.8.8.8"),
    (b"X-Forwarded-For", b"9.9.9.9"),
    (b"client-cert", b":MIIB:"),
    (b"x-request-id", b"7"),
]
HOSTS = [(b"host", host) for host in (b"api.example.com", b"API.example.com.")]
MALFORMED = [
    (b"host", b"a b"),
    (b"x-forwarded-for", b""),
    (b"x-forwarded-proto", b"gopher"),
    (b"x-forwarded-host", b"/"),
    (b"forwarded", b"for"),
]
OTHER_FAMILY = {"headers": "forwarded"}
configurations = st.fixed_dictionaries(
    {
        "networks": st.sampled_from([[], ["10.0.0.0/8", "unix"], ["10.0.0.0/8", "2001:db8::/32"]]),
        "headers": st.sampled_from(["x-forwarded", "x-forwarded", "forwarded"]),
        "host": st.booleans(),
    }
)


def few(lines, most):
    return st.lists(st.sampled_from(lines), max_size=most, unique_by=lambda line: line[0])


@st.composite
def requests(draw):
    bad = draw(few(MALFORMED, 1)) if draw(st.integers(0, 7)) == 0 else []
    lines = [*draw(few(HOSTS, 1)), *draw(few(LINES, 6)), *bad]
    return Request(
        method=draw(st.sampled_from(["GET", "GET", "POST", "PURGE", "get"])),
        headers=tuple(draw(st.permutations(lines))),
        client=draw(st.sampled_from(PEERS)),
        scheme=draw(st.sampled_from(["http", "https"])),
    )


class World:
    """A stack, another one inside it where there is a second configuration, and what is seen."""

    def __init__(self, interface, configuration, inside=None):
        self.seen = []
        self.interface = interface
        stack = self.stack = Stack(self.looking(), proxies=TrustedProxies(**configuration))
        app = getattr(self, interface)
        if inside is not None:
            inner = Stack(self.looking(), proxies=TrustedProxies(**inside))
            app = getattr(inner, interface)(app)
        self.app = getattr(stack, interface)(app)

    def looking(self):
        world = self

        class Looking(Scripted):
            wants = frozenset({b"x-request-id"})

            def on_request(self, exchange):
                host = exchange.headers.get(b"host")
                world.seen.append((exchange.client, exchange.scheme, exchange.host, host))

        return Looking("looking", Script())

    async def asgi(self, scope, receive, send):
        self.seen.append((scope["client"], scope["scheme"], scope["headers"]))
        await SampleApp().asgi(scope, receive, send)

    def wsgi(self, environ, start_response):
        kept = ("REMOTE_ADDR", "wsgi.url_scheme")
        self.seen.append({k: v for k, v in environ.items() if k in kept or k[:5] == "HTTP_"})
        return SampleApp().wsgi(environ, start_response)

    def ask(self, request):
        self.seen.clear()
        result = drive(self.interface, self.app, request)
        return result.status, result.body, [*self.seen]


@pytest.mark.parametrize("interface", INTERFACES)
@settings(max_examples=200)
@given(
    configurations,
    st.none() | configurations,
    st.lists(requests(), min_size=1, max_size=5),
    st.randoms(),
)
def test_what_is_remembered_is_what_is_derived(interface, configuration, inside, asked, random):
    """Whatever was asked before, a request is judged as by a stack that has seen none."""
    used = World(interface, configuration, inside)
    order = asked * 2
    random.shuffle(order)
    for request in order:
        assert used.ask(request) == World(interface, configuration, inside).ask(request)


def test_a_stack_inside_goes_by_the_peer_and_not_by_what_was_told_of_it():
    """The variables of both requests are the same in there; what is behind them is not."""
    world = World("wsgi", {"networks": ["10.0.0.0/8"]}, {"networks": ["10.0.0.0/8"]} | OTHER_FAMILY)
    through = Request(headers=(*HOSTS[:1], LINES[0]), client="10.0.0.1")
    directly = Request(headers=(*HOSTS[:1],), client="6.6.6.6")
    for request, client in ((through, "10.0.0.1"), (directly, "6.6.6.6")) * 2:
        assert world.ask(request)[2][1][0] == client


def chain(number, length=1):
    address = b"203.0.%d.%d" % (113 + number // 250, number % 250)
    return (b"x-forwarded-for", b", ".join([address] * length))


@pytest.mark.parametrize("interface", INTERFACES)
def test_few_are_remembered_and_none_that_is_long(interface):
    world = World(interface, {"networks": ["10.0.0.0/8"]})
    known = world.stack._boundary.known_provenances
    for number in range(2500):
        status, _, seen = world.ask(Request(headers=(chain(number),), client="10.0.0.1"))
        assert (status, seen[0][0]) == (200, chain(number)[1].decode())
        assert len(known) <= 1024
    assert len(known) == 2500 - 2 * 1024
    for headers in ((chain(1, length=20),), ((b"host", b"a" * 63 + b".example" * 12),)):
        assert world.ask(Request(headers=headers, client="10.0.0.1"))[0] == 200
    assert len(known) == 2500 - 2 * 1024


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("line", [chain(1, length=40), (b"x-forwarded-proto", b"gopher")])
def test_what_is_refused_is_not_remembered(interface, line):
    world = World(interface, {"networks": ["10.0.0.0/8"]})
    for _ in range(2):
        status, _, seen = world.ask(Request(headers=(line,), client="10.0.0.1"))
        assert (status, seen) == (400, [])
    assert world.stack._boundary.known_provenances == {}


@pytest.mark.parametrize("interface", INTERFACES)
def test_names_that_a_client_makes_up_are_not_kept_for_long(interface):
    proxies = TrustedProxies([])
    app = getattr(Stack(Scripted("any", Script()), proxies=proxies), interface)
    walled = app(getattr(SampleApp(), interface))
    others = proxies.withheld(trusted=False)._others
    for number in range(40):
        names = [b"x-%d-%d" % (number, each) for each in range(50)]
        headers = tuple((name, b"1") for name in (*names, b"y" * 5000, b"x-forwarded-for"))
        assert drive(interface, walled, Request(headers=headers)).status == 200
        assert 0 < len(others) <= 512
        assert max(map(len, others)) <= 64


def test_a_name_that_was_let_through_vouches_for_no_other():
    strangers, proxies = withheld("x-forwarded", host=False)
    for _ in range(2):
        for names in (strangers, proxies):
            assert b"x-forwardedness" not in names
            assert b"forwarded" in names
            lines = [(b"x-forwardedness", b"1"), (b"forwarded", b"2"), (b"x-a", b"3")]
            assert names.kept(lines) == [lines[0], lines[2]]
            assert names.kept(lines := lines[2:]) is lines
            environ = {"HTTP_X_A": "1", "HTTP_FORWARDED": "2", "FORWARDED": "3"}
            assert names.variables(environ) == ["HTTP_FORWARDED"]


def test_no_header_that_counts_is_left_out_of_what_is_remembered():
    assert set(padded(frozenset({b"a", b"b", b"c"}))) == {b"a", b"b", b"c"}
    with pytest.raises(ValueError, match="too many"):
        padded(frozenset({b"a", b"b", b"c", b"d"}))
