"""Tickets for websockets: short-lived, for one use, and never seen by the app."""

from __future__ import annotations

import asyncio
import sys

import pytest

import redis_servers
from authn_support import AUDIENCE, ISSUER, Clock, bearer, jwks, send, sign
from ringwall import JWT, Authentication, ConfigurationError, Principal, WebSocketTickets
from ringwall._errors import MissingDependency
from ringwall.authn import MemoryTickets
from ringwall.authn._grants import freeze
from ringwall.authn._redis_tickets import RedisTickets

ALICE = Principal(
    "alice",
    scheme="bearer",
    issuer=ISSUER,
    scopes={"orders:read"},
    roles={"clerk"},
    claims=freeze({"sub": "alice", "n": [1], "realm_access": {"roles": ["clerk"]}}),
    credential_id="c1",
)
JWT_SCHEME = JWT(ISSUER, AUDIENCE, keys=jwks("rsa"), clock=Clock())


async def connect(layer, ticket, name="ticket", *headers):
    """The scope that the app saw, or None, and what was sent."""
    seen, sent = [], []

    async def app(scope, receive, send):
        seen.append(scope)
        await send({"type": "websocket.accept"})

    async def receive():
        return {"type": "websocket.connect"}

    async def collect(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "raw_path": b"/", "scheme": "wss"}
    scope |= {"headers": [(b"host", b"api.example.com"), *headers], "subprotocols": []}
    scope["query_string"] = f"a=1&{name}={ticket}".encode() if ticket is not None else b""
    await layer.asgi(app)(scope, receive, collect)
    return (seen[0] if seen else None), sent


def knock(layer, ticket, *arguments):
    scope, sent = asyncio.run(connect(layer, ticket, *arguments))
    if scope is None:
        assert [message["type"] for message in sent] == ["websocket.close"], "never accepted"
        assert sent[0]["code"] == 1008
    return scope


def test_a_ticket_opens_one_websocket_and_is_seen_by_nobody():
    tickets = WebSocketTickets()
    layer = Authentication(JWT_SCHEME, tickets)
    ticket = tickets.issue(ALICE)
    assert repr(tickets) == "<WebSocketTickets>"
    scope = knock(layer, ticket)
    principal = scope["ringwall.exchange"].principal
    for name in ("subject", "scheme", "issuer", "scopes", "roles", "credential_id"):
        assert getattr(principal, name) == getattr(ALICE, name)
    assert dict(principal.claims) == dict(ALICE.claims)
    assert scope["query_string"] == b"a=1"
    assert ticket not in repr(scope)
    assert ticket.encode() not in scope["ringwall.exchange"].query
    assert knock(layer, ticket) is None, "used"
    assert knock(layer, None, "ticket", bearer(sign())) is not None


def test_of_two_who_share_a_ticket_one_gets_in():
    tickets = WebSocketTickets()
    layer = Authentication(tickets)

    async def run():
        ticket = await tickets.aissue(ALICE)
        return await asyncio.gather(*(connect(layer, ticket) for _ in range(8)))

    assert sum(scope is not None for scope, _ in asyncio.run(run())) == 1


def test_a_ticket_lapses():
    clock = Clock(0.0)
    tickets = WebSocketTickets(MemoryTickets(clock=clock), lifetime=30)
    layer = Authentication(tickets)
    first, second = tickets.issue(ALICE), tickets.issue(ALICE)
    clock.now = 29.9
    assert knock(layer, first) is not None
    clock.now = 30.0
    assert knock(layer, second) is None


@pytest.mark.parametrize(
    "ticket",
    ["", "x", "A" * 43, "A" * 42, "A" * 44, "..%2f" * 9, "A" * 42 + "%0a", "A" * 9999, "a,b"],
)
def test_what_is_no_ticket_opens_nothing(ticket):
    tickets = WebSocketTickets()
    tickets.issue(ALICE)
    assert knock(Authentication(tickets), ticket) is None
    assert len(tickets._store) == 1


def test_a_ticket_beside_another_credential_is_refused_and_stays_unused():
    tickets = WebSocketTickets()
    layer = Authentication(JWT_SCHEME, tickets)
    ticket = tickets.issue(ALICE)
    assert knock(layer, ticket, "ticket", bearer(sign())) is None
    assert knock(layer, f"{ticket}&ticket={ticket}") is None
    assert knock(layer, ticket) is not None


def test_over_http_a_parameter_of_this_name_is_the_apps_own():
    tickets = WebSocketTickets()
    layer = Authentication(JWT_SCHEME, tickets)
    ticket = tickets.issue(ALICE)
    answer = send(layer, query=f"ticket={ticket}".encode())
    assert (answer.status, answer.code, answer.principal) == (401, "missing-credentials", False)
    assert answer.headers["www-authenticate"].endswith('Ticket realm="api", query="ticket"')
    assert send(layer, bearer(sign()), query=b"ticket=5").principal.subject == "alice"
    assert send(layer, (b"authorization", f"Ticket {ticket}".encode())).status == 401
    assert knock(layer, ticket) is not None


def test_the_number_of_tickets_is_bounded_and_the_oldest_give_way():
    clock = Clock(0.0)
    store = MemoryTickets(size=3, clock=clock)
    tickets = WebSocketTickets(store, query="t")
    layer = Authentication(tickets)
    made = [tickets.issue(ALICE) for _ in range(5)]
    assert len(store) == 3
    assert repr(store) == "<MemoryTickets 3>"
    assert [knock(layer, ticket, "t") is not None for ticket in made] == [False, False] + [True] * 3
    for _ in range(3):
        tickets.issue(ALICE)
    clock.now = 31.0
    tickets.issue(ALICE)
    assert len(store) == 1


def test_nobody_gets_no_ticket():
    with pytest.raises(TypeError, match="nobody is authenticated"):
        WebSocketTickets().issue(None)


def test_a_store_that_fails_closes_the_door(caplog):
    class Store:
        result = OSError("s3cret")

        async def atake(self, name):
            if isinstance(self.result, BaseException):
                raise self.result
            return self.result

    store = Store()
    layer = Authentication(WebSocketTickets(store))
    for result in (OSError("s3cret"), "s3cret", "{}", '{"subject": "x"}', 5):
        store.result = result
        assert knock(layer, "A" * 43) is None
    assert "s3cret" not in caplog.text
    assert "OSError" in caplog.text


def test_tickets_in_redis(caplog):
    with redis_servers.server() as server:
        store = RedisTickets(server.url, timeout=30)
        tickets = WebSocketTickets(store)
        other = WebSocketTickets(RedisTickets(server.url, timeout=30))
        layer = Authentication(other)

        async def run():
            first = await tickets.aissue(ALICE)
            second = await asyncio.to_thread(tickets.issue, ALICE)
            results = await asyncio.gather(
                *(connect(layer, ticket) for ticket in (first, second, first, "A" * 43))
            )
            await store.aclose()
            await other._store.aclose()
            return [scope is not None for scope, _ in results]

        assert sorted(asyncio.run(run())) == [False, False, True, True]
        ticket = tickets.issue(ALICE)
        (name,) = server.client_call("KEYS", "*")
        assert ticket.encode() not in name
        assert 0 < server.client_call("PTTL", name) <= 30_000
        server.kill()

        async def down():
            scope, _ = await connect(Authentication(tickets), ticket)
            await store.aclose()
            return scope

        assert asyncio.run(down()) is None
        assert "the store of tickets failed" in caplog.text
        assert repr(store) == "<RedisTickets>"
        store.close()
        other._store.close()


def test_bad_configuration_says_what_to_write(monkeypatch):
    for build, message in (
        (lambda: WebSocketTickets(lifetime=0), "lifetime is at least"),
        (lambda: WebSocketTickets(lifetime=301), "at most 300"),
        (lambda: WebSocketTickets(query="a b"), "query= is one name"),
        (lambda: WebSocketTickets(object()), "async atake"),
        (lambda: WebSocketTickets("redis://:s3cret@h:port"), "such as 'redis://localhost"),
        (lambda: MemoryTickets(size=0), "size is at least"),
    ):
        with pytest.raises(ConfigurationError, match=message) as caught:
            build()
        assert "s3cret" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingDependency):
        WebSocketTickets("redis://localhost")
