"""Keys over the network: renewed ahead of need, events for the audit, RFC 8414 discovery."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from authn_support import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    Asked,
    Clock,
    Port,
    b64,
    bearer,
    compact,
    jwks,
    key,
    landed,
    pem,
    send,
    send_asgi,
    send_wsgi,
    sign,
)
from ringwall import JWT, Authentication, ConfigurationError, Decision, Stack
from ringwall._layer import Layer
from ringwall.authn import _background
from ringwall.authn._background import in_background
from ringwall.authn._by_id import KeysByID
from ringwall.authn._urls import metadata_urls

URL = "https://id.example.com/jwks.json"


class Decisions(Layer):
    """Keeps what was decided."""

    name = "seen"

    def __init__(self):
        self.all = []

    def on_complete(self, exchange, outcome):
        self.all.append(list(exchange.decisions))


def remote(port, clock, **options):
    options = {"keys": URL, "fetcher": port, "monotonic": clock, "clock": Clock()} | options
    return JWT(ISSUER, AUDIENCE, **options)


def fresh(number):
    """A token that no cache has seen."""
    return sign({**CLAIMS, "jti": str(number)})


# No request waits


def test_under_wsgi_old_keys_serve_while_a_thread_renews_them():
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    judge = remote(port, clock, refresh_every=600)
    wrap = Authentication(judge)
    assert send(wrap, bearer(sign()), sides="w").status == 200
    clock.now = 600
    gate, fetching = threading.Event(), []
    port.before = lambda: (fetching.append(threading.current_thread().name), gate.wait(10))
    for number in range(50):
        assert send(wrap, bearer(fresh(number)), sides="w").status == 200
    port.documents[URL] = jwks("rsa-2")
    gate.set()
    landed()
    assert fetching == ["ringwall-background"], "one flight, and no request flew it"
    answer = send(wrap, bearer(fresh("x")), sides="w")
    assert (answer.status, answer.code) == (401, "unknown-key")
    assert send(wrap, bearer(sign(name="rsa-2")), sides="w").status == 200
    assert len(port.urls) == 2


def test_under_asgi_old_keys_serve_while_a_task_renews_them():
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    wrap = Authentication(remote(port, clock, refresh_every=600))
    trace = contextvars.ContextVar("trace", default="none")
    seen = []

    async def run():
        trace.set("request")
        assert (await send_asgi(wrap, bearer(sign()))).status == 200
        clock.now = 600
        port.documents[URL] = jwks("rsa", "rsa-2")
        port.before = lambda: seen.append(trace.get())
        for number in range(50):
            # The fetch is one `await` away: nobody went through it.
            assert (await send_asgi(wrap, bearer(fresh(number)))).status == 200
            assert not seen
            if number == 0:
                (task,) = _background._tasks
        await task
        assert seen == ["none"], "nothing of the request goes along"
        assert (await send_asgi(wrap, bearer(sign(name="rsa-2")))).status == 200

    # `send_asgi` never waits for anything but the fetch.
    asyncio.run(run())
    assert len(port.urls) == 2
    assert not _background._tasks


def test_keys_that_nobody_asked_for_are_renewed_before_they_are_used():
    """Else a key withdrawn days ago would open the door to the first who knocks."""
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    wrap = Authentication(remote(port, clock, refresh_every=600))
    assert send(wrap, bearer(sign())).status == 200
    clock.now = 1200
    port.documents[URL] = jwks("rsa-2")
    answer = send(wrap, bearer(fresh(1)))
    assert (answer.status, answer.code, answer.principal) == (401, "unknown-key", False)


def test_during_an_outage_no_request_waits_for_the_issuer():
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    wrap = Authentication(remote(port, clock, refresh_every=600, cooldown=30))
    assert send(wrap, bearer(sign())).status == 200
    port.documents[URL] = OSError()
    threads = []
    port.before = lambda: threads.append(threading.current_thread().name)
    for number in range(100):
        clock.now = 600 + number * 10
        assert send(wrap, bearer(fresh(number)), sides="w").status == 200
        landed()
    assert set(threads) == {"ringwall-background"}
    assert len(threads) == 34, "one attempt for each cooldown"


def test_where_nothing_runs_in_the_background_the_request_renews():
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    judge = remote(port, clock, refresh_every=600)
    assert send(Authentication(judge), bearer(sign())).status == 200
    clock.now = 600
    with_no_loop = judge.authenticate(fresh(1), Asked("asgi"))
    call = next(with_no_loop)
    assert call.aio is not None
    with_no_loop.close()
    assert send(Authentication(judge), bearer(fresh(2)), sides="a").status == 200


def test_a_process_that_can_start_no_thread_renews_in_the_request(monkeypatch):
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    wrap = Authentication(remote(port, clock, refresh_every=600))
    assert send(wrap, bearer(sign())).status == 200

    def full(self):
        raise RuntimeError("can't start new thread")

    clock.now = 600
    monkeypatch.setattr(threading.Thread, "start", full)
    assert send_wsgi(wrap, bearer(fresh(1))).status == 200
    assert len(port.urls) == 2


def test_two_requests_at_once_start_one_renewal(monkeypatch):
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    judge = remote(port, clock, refresh_every=600)
    assert send(Authentication(judge), bearer(sign())).status == 200
    clock.now = 600
    source = judge._source
    source._next_attempt = 630  # the other one was first
    assert source._renew(600.0, "wsgi")
    assert len(port.urls) == 1


def test_work_that_is_not_started_is_closed():
    closed = []

    def work():
        try:
            yield
        finally:
            closed.append(True)

    pending = work()
    assert not in_background(pending, "asgi")
    assert list(pending) == []


def test_a_new_key_is_found_by_tokens_that_name_none():
    """The header stays the same when the key changes: what is remembered of it must not hide it."""
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    wrap = Authentication(remote(port, clock))
    assert send(wrap, bearer(sign(kid=None))).status == 200
    port.documents[URL] = jwks("rsa-2")
    new = bearer(sign(name="rsa-2", kid=None))
    for _ in range(100):
        answer = send(wrap, new, sides="w")
        assert (answer.code, answer.principal) == ("invalid-signature", False)
    assert len(port.urls) == 1
    clock.now = 31
    assert send(wrap, new).status == 200
    assert len(port.urls) == 2


# Floods


def test_10_000_unknown_kids_cause_one_fetch_per_cooldown():
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    wrap = Authentication(remote(port, clock, cooldown=30))
    assert send(wrap, bearer(sign())).status == 200
    clock.now = 31
    for number in range(10_000):
        clock.now = 31 + number / 10_000  # within one second
        head = b64(compact({"alg": "RS256", "kid": f"invented-{number}"}))
        answer = send_wsgi(wrap, bearer(head + b".e30.e30"))
        assert (answer.status, answer.principal) == (401, False)
    assert len(port.urls) == 2


# What the audit hears


def test_rotation_and_outage_are_decisions_of_the_next_request():
    clock, port = Clock(0.0), Port({URL: jwks("rsa")})
    seen = Decisions()
    wrap = Stack(seen, Authentication(remote(port, clock, refresh_every=600)))
    steps = (
        (jwks("rsa"), []),
        (jwks("rsa", "p256"), [("allow", "keys-rotated")]),
        (OSError(), [("error", "keys-outage")]),
        (OSError(), []),
        (jwks("rsa", "p256"), [("allow", "keys-restored")]),
        (jwks("rsa", "p256"), []),
    )
    allowed = Decision("authentication", "allow", "bearer", "authenticated")
    assert send(wrap, bearer(sign()), sides="w").status == 200
    assert seen.all.pop() == [allowed]
    for number, (document, expected) in enumerate(steps):
        clock.now += 700
        port.documents[URL] = document
        assert send(wrap, bearer(fresh(number)), sides="w").status == 200
        landed()
        # The thread may be quick enough for the request that started it.
        assert send(wrap, bearer(fresh(f"{number}b")), sides="w").status == 200
        events = [Decision("authentication", o, ISSUER, r) for o, r in expected]
        assert [d for done in seen.all for d in done if d != allowed] == events, number
        assert [done[-1] for done in seen.all] == [allowed] * 2
        seen.all.clear()


def test_events_that_nobody_fetches_take_no_memory():
    source = remote(Port({}), Clock())._source
    for _ in range(100):
        source.events.append("keys-outage")
    assert len(source.events) == 8


def test_a_key_file_tells_its_events_too(tmp_path):
    path, clock = tmp_path / "key.pem", Clock(0.0)
    path.write_text(pem("rsa"))
    seen = Decisions()
    judge = JWT(ISSUER, AUDIENCE, keys=path, clock=Clock(), monotonic=clock, cache_size=0)
    wrap = Stack(seen, Authentication(judge))

    def told(content):
        clock.now += 2
        path.unlink(missing_ok=True)
        if content:
            path.write_text(content)
        send(wrap, bearer(sign()), sides="w")
        return [d.reason for d in seen.all.pop()]

    assert told(pem("rsa")) == ["authenticated"], "another file with the same key"
    assert told(pem("rsa") + pem("p256")) == ["keys-rotated", "authenticated"]
    assert told(None) == ["keys-outage", "keys-unavailable"]
    assert told(None) == ["keys-unavailable"]
    assert told(pem("rsa")) == ["keys-restored", "authenticated"]


# Discovery


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        (
            "https://id.example.com",
            (
                "https://id.example.com/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server",
            ),
        ),
        (
            "https://id.example.com:8443/a/b/",
            (
                "https://id.example.com:8443/a/b/.well-known/openid-configuration",
                "https://id.example.com:8443/.well-known/oauth-authorization-server/a/b",
            ),
        ),
    ],
)
def test_rfc_8414_inserts_where_openid_connect_appends(issuer, urls):
    assert metadata_urls(issuer) == urls


def test_the_second_place_of_the_metadata_is_asked_if_the_first_is_no_good():
    issuer = "https://id.example.com/tenant"
    first, second = metadata_urls(issuer)
    other = {"issuer": "https://evil.example", "jwks_uri": "https://evil.example/jwks"}
    port = Port({first: other, second: {"issuer": issuer, "jwks_uri": URL}, URL: jwks("rsa")})
    judge = JWT(issuer, AUDIENCE, fetcher=port, clock=Clock(), monotonic=Clock())
    assert send(Authentication(judge), bearer(sign({**CLAIMS, "iss": issuer}))).status == 200
    assert port.urls == [first, second, URL]


def test_metadata_of_another_issuer_are_refused_in_both_places():
    first, second = metadata_urls(ISSUER)
    other = {"issuer": ISSUER + "/", "jwks_uri": URL}
    port = Port({first: other, second: other, URL: jwks("rsa")})
    wrap = Authentication(JWT(ISSUER, AUDIENCE, fetcher=port, clock=Clock()))
    answer = send(wrap, bearer(sign()))
    assert (answer.status, answer.principal) == (503, False)
    assert port.urls == [first, second]


# Keys by their id

KID = "8a3f0c6e-2b1d-4c9a-9f57-0e6d1b2c3d4e"
OTHER = "00000000-2b1d-4c9a-9f57-0e6d1b2c3d4e"
BASE = "https://keys.example.com/"


def by_id(port, clock, **options):
    source = KeysByID(BASE, port, frozenset({"ES256"}), clock=clock, **options)
    return Authentication(JWT(ISSUER, AUDIENCE, keys=source, clock=Clock(), cache_size=0))


def test_keys_are_fetched_by_their_id():
    clock, port = Clock(0.0), Port({BASE + KID: pem("p256").encode()})
    wrap = by_id(port, clock, ttl=100, cooldown=1)
    for _ in range(3):
        assert send(wrap, bearer(sign(alg="ES256", kid=KID))).status == 200
    assert port.urls == [BASE + KID]
    clock.now = 100
    assert send(wrap, bearer(sign(alg="ES256", kid=KID))).status == 200
    assert port.urls == [BASE + KID] * 2


def test_the_fetch_of_another_key_lengthens_the_life_of_none():
    documents = {BASE + KID: pem("p256").encode(), BASE + OTHER: pem("p256").encode()}
    clock, port = Clock(0.0), Port(documents)
    wrap = by_id(port, clock, ttl=100, cooldown=1)
    for now, kid in ((0, KID), (60, OTHER), (99, KID), (99, OTHER)):
        clock.now = now
        assert send(wrap, bearer(sign(alg="ES256", kid=kid)), sides="w").status == 200
    assert port.urls == [BASE + KID, BASE + OTHER]
    clock.now = 100
    del port.documents[BASE + KID]
    answer = send(wrap, bearer(sign(alg="ES256", kid=KID)), sides="w")
    assert (answer.status, answer.principal) == (401, False)
    assert send(wrap, bearer(sign(alg="ES256", kid=OTHER)), sides="w").status == 200
    assert port.urls == [BASE + KID, BASE + OTHER, BASE + KID]
    clock.now = 160
    port.documents.clear()
    assert send(wrap, bearer(sign(alg="ES256", kid=OTHER)), sides="w").status == 401


@pytest.mark.parametrize(
    "kid",
    [
        "../../evil",
        "https://evil.example/",
        KID.upper(),
        KID + "\n",
        KID + "/../x",
        KID + "?a",
        "",
        None,
        "8a3f0c6e2b1d4c9a9f570e6d1b2c3d4e",
    ],
)
def test_no_stranger_chooses_what_is_fetched(kid):
    port = Port({})
    answer = send(by_id(port, Clock(0.0)), bearer(sign(alg="ES256", kid=kid)))
    assert (answer.status, answer.code, answer.principal) == (401, "unknown-key", False)
    assert port.urls == []


def test_unknown_ids_are_fetched_once_per_cooldown_and_bad_answers_are_no_keys():
    clock = Clock(0.0)
    port = Port({BASE + KID: (pem("p256") + pem("rsa")).encode(), BASE + OTHER: b"nonsense"})
    wrap = by_id(port, clock, cooldown=5)
    for kid in (KID, OTHER, KID):
        answer = send(wrap, bearer(sign(alg="ES256", kid=kid)))
        assert (answer.status, answer.principal) == (401, False)
    assert port.urls == [BASE + KID]
    clock.now = 5
    assert send(wrap, bearer(sign(alg="ES256", kid=OTHER))).status == 401
    port.documents[BASE + KID] = (pem("p256") * 2).encode()
    clock.now = 10
    assert send(wrap, bearer(sign(alg="ES256", kid=KID))).status == 401


def test_the_newest_keys_are_kept():
    clock, port = Clock(0.0), Port({})
    wrap = by_id(port, clock, cooldown=1)
    for number in range(20):
        kid = f"{number:08d}" + KID[8:]
        port.documents[BASE + kid] = pem("p256").encode()
        clock.now += 2
        assert send(wrap, bearer(sign(alg="ES256", kid=kid)), sides="w").status == 200
    assert send(wrap, bearer(sign(alg="ES256", kid=kid)), sides="w").status == 200
    assert len(port.urls) == 20
    first = f"{0:08d}" + KID[8:]
    assert send(wrap, bearer(sign(alg="ES256", kid=first)), sides="w").status == 401
    clock.now += 2
    assert send(wrap, bearer(sign(alg="ES256", kid=first)), sides="w").status == 200
    assert len(port.urls) == 21


def test_a_burst_for_a_key_that_is_there_meanwhile_fetches_nothing():
    port = Port({BASE + KID: pem("p256").encode()})
    source = KeysByID(BASE, port, frozenset({"ES256"}), clock=Clock(0.0))
    source._known[KID] = key("p256"), 100.0
    for token in (sign(alg="ES256", kid=KID), b"no token", b"e30.e30.e30"):
        assert list(source.refresh(token)) == []


def test_a_fetcher_without_methods_is_refused():
    with pytest.raises(ConfigurationError, match="fetch"):
        KeysByID(BASE, object(), frozenset({"ES256"}))
