"""Revocation before expiry: tokens, subjects and sessions, asked at every request."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time

import pytest
import redis

from authn_support import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    Clock,
    Port,
    b64,
    bearer,
    jwks,
    send,
    send_asgi,
    send_wsgi,
    sign,
    unb64,
)
from ringwall import JWT, Authentication, ConfigurationError, Denylist, RedisDenylist
from ringwall._errors import MissingDependency
from ringwall.authn import DenylistFull
from ringwall.authn._denylist import ALWAYS, NEVER, Name

IAT = int(NOW) - 10
FULL = {**CLAIMS, "iat": IAT, "jti": "token-1", "sid": "session-1"}


def layer(denylist, **options):
    options = {"keys": jwks("rsa"), "clock": Clock()} | options
    return Authentication(JWT(ISSUER, AUDIENCE, denylist=denylist, **options))


def revoked(answer):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (401, "token-revoked")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    return True


def down(answer):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (503, "denylist-unavailable")
    return True


class Store:
    """A store behind I/O, in both colours."""

    def __init__(self, inner=None):
        self.inner = Denylist(clock=Clock()) if inner is None else inner
        self.asked = []
        self.error = None

    def revoked_at(self, names):
        self.asked.append(names)
        if self.error:
            raise self.error
        return self.inner.revoked_at(names)

    async def arevoked_at(self, names):
        await asyncio.sleep(0)
        return self.revoked_at(names)


@pytest.fixture(params=["memory", "store"])
def pair(request):
    denylist = Denylist(clock=Clock())
    return denylist, denylist if request.param == "memory" else Store(denylist)


@pytest.mark.parametrize(
    "name", [{"jti": "token-1"}, {"subject": "alice"}, {"session": "session-1"}]
)
def test_what_is_denied_is_refused_at_the_next_request(pair, name):
    denylist, store = pair
    wrap = layer(store)
    token = bearer(sign(FULL))
    assert send(wrap, token).status == 200
    assert send(wrap, token).status == 200, "remembered as verified"
    denylist.deny(ISSUER, keep=3600, **name)
    for _ in range(2):
        assert revoked(send(wrap, token)), "at a hit of the cache"
    assert revoked(send(layer(store), token)), "at a first sight"


def test_others_are_not_refused(pair):
    denylist, store = pair
    wrap = layer(store)
    denylist.deny(ISSUER, keep=3600, jti="token-2")
    denylist.deny(ISSUER, keep=3600, subject="token-1")
    denylist.deny(ISSUER, keep=3600, session="alice")
    denylist.deny("https://other.example", keep=3600, subject="alice")
    assert send(wrap, bearer(sign(FULL))).status == 200


def test_a_credential_can_be_denied_by_the_id_that_the_audit_shows(pair):
    denylist, store = pair
    wrap = layer(store)
    token = bearer(sign())
    principal = send(wrap, token).principal
    denylist.deny(ISSUER, keep=3600, credential_id=principal.credential_id)
    assert revoked(send(wrap, token))
    assert send(wrap, bearer(sign(FULL))).status == 200


def test_a_subject_who_logs_in_again_is_welcome():
    clock = Clock()
    denylist = Denylist(clock=clock)
    wrap = layer(denylist, clock=clock)
    denylist.deny(ISSUER, keep=3600, subject="alice")
    assert revoked(send(wrap, bearer(sign({**CLAIMS, "iat": int(NOW)}))))
    assert revoked(send(wrap, bearer(sign({**CLAIMS, "iat": int(NOW), "nbf": int(NOW)}))))
    without = {name: value for name, value in CLAIMS.items() if name != "iat"}
    assert revoked(send(wrap, bearer(sign(without)))), "it may be from before"
    clock.now += 5
    assert send(wrap, bearer(sign({**CLAIMS, "iat": int(NOW) + 5}))).status == 200


def test_a_token_once_denied_stays_denied_whenever_it_was_issued():
    denylist = Denylist(clock=Clock())
    denylist.deny(ISSUER, keep=3600, jti="token-1")
    assert revoked(send(layer(denylist), bearer(sign({**FULL, "iat": int(NOW) + 5}))))


def test_odd_claims_name_nothing():
    wrap = layer(Store())
    assert send(wrap, bearer(sign({**CLAIMS, "jti": ["token-1"], "sid": 5}))).status == 200


def test_a_bad_token_is_not_looked_up():
    store = Store()
    assert send(layer(store), bearer(sign(FULL)[:-8] + b"AAAAAAAA")).code == "invalid-signature"
    assert send(layer(store), bearer(sign({**FULL, "exp": 1}))).code == "token-expired"
    assert store.asked == []


def test_the_store_is_asked_in_each_way_of_the_judgement():
    """Also where the keys had to be fetched first."""
    for wanted in (Denylist(clock=Clock()), Store()):
        port = Port({"https://id.example.com/jwks": jwks("rsa")})
        options = {"keys": "https://id.example.com/jwks", "fetcher": port}
        inner = getattr(wanted, "inner", wanted)
        assert send(layer(wanted, **options), bearer(sign(FULL))).status == 200
        inner.deny(ISSUER, keep=60, jti="token-1")
        assert revoked(send_wsgi(layer(wanted, **options), bearer(sign(FULL))))
        assert revoked(asyncio.run(send_asgi(layer(wanted, **options), bearer(sign(FULL)))))
        bad = sign({**FULL, "exp": 1})
        assert send(layer(wanted, **options), bearer(bad)).code == "token-expired"


# What cannot be checked does not pass


@pytest.mark.parametrize("error", [OSError("s3cret"), ValueError("s3cret"), KeyError("s3cret")])
def test_a_store_that_fails_closes_the_door(error, caplog):
    store = Store()
    wrap = layer(store)
    assert send(wrap, bearer(sign(FULL))).status == 200
    store.error = error
    answer = send(wrap, bearer(sign(FULL)))
    assert down(answer)
    assert answer.headers["retry-after"] == "5"
    assert type(error).__name__ in caplog.text
    assert "s3cret" not in caplog.text + repr(answer)


def test_an_immediate_store_that_fails_closes_the_door():
    class Broken:
        immediate = True

        def revoked_at(self, names):
            raise OSError

    assert down(send(layer(Broken()), bearer(sign(FULL))))


@pytest.mark.parametrize("answer", [None, "never", [], object()])
def test_a_store_that_answers_nonsense_closes_the_door(answer):
    class Odd:
        immediate = True

        def revoked_at(self, names):
            return answer

    assert send(layer(Odd()), bearer(sign(FULL))).principal is False


def test_not_a_number_is_no_permission():
    class Odd:
        immediate = True

        def revoked_at(self, names):
            return float("nan")

    assert revoked(send(layer(Odd()), bearer(sign(FULL))))


# Colours


def test_a_store_of_one_colour_serves_one_interface():
    class Blocking:
        revoked_at = Store().revoked_at

    class Awaiting:
        arevoked_at = Store().arevoked_at

    class Async:
        async def revoked_at(self, names):
            return NEVER

    assert send_wsgi(layer(Blocking()), bearer(sign())).status == 200
    for store in (Awaiting(), Async()):
        assert send(layer(store), bearer(sign()), sides="a").status == 200
        with pytest.raises(ConfigurationError):
            layer(store).wsgi(lambda environ, start_response: [])
    with pytest.raises(ConfigurationError):
        layer(Blocking()).asgi(lambda scope, receive, send: None)


def test_a_store_without_methods_is_refused():
    class Immediate:
        immediate = True

        async def arevoked_at(self, names):
            return NEVER

    with pytest.raises(ConfigurationError, match="denylist must be"):
        layer(object())
    with pytest.raises(ConfigurationError, match="immediate needs a plain"):
        layer(Immediate())


# In process


def test_an_entry_is_forgotten_when_the_tokens_are_dead():
    clock = Clock()
    denylist = Denylist(clock=clock)
    denylist.deny(ISSUER, keep=60, jti="token-1")
    name = Name("jti", ISSUER, "token-1")
    clock.now += 59
    assert denylist.revoked_at([name]) == ALWAYS
    clock.now += 1
    assert denylist.revoked_at([name]) == NEVER


def test_denying_again_never_shortens():
    clock = Clock()
    denylist = Denylist(clock=clock)
    denylist.deny(ISSUER, keep=600, subject="alice")
    clock.now += 1
    denylist.deny(ISSUER, keep=5, subject="alice")
    clock.now += 100
    assert denylist.revoked_at([Name("sub", ISSUER, "alice")]) == NOW + 1
    clock.now = NOW - 60  # the clock was set back
    denylist.deny(ISSUER, keep=5, subject="alice")
    assert denylist.revoked_at([Name("sub", ISSUER, "alice")]) == NOW + 1
    assert len(denylist) == 1


def test_a_full_denylist_says_so_and_forgets_nothing():
    clock = Clock()
    denylist = Denylist(size=3, clock=clock)
    for number in range(3):
        denylist.deny(ISSUER, keep=60 + number, jti=f"t{number}")
    with pytest.raises(DenylistFull):
        denylist.deny(ISSUER, keep=60, jti="one too many")
    denylist.deny(ISSUER, keep=60, jti="t0")  # known already
    clock.now += 60
    denylist.deny(ISSUER, keep=60, jti="t3")
    assert denylist.revoked_at([Name("jti", ISSUER, "t2")]) == ALWAYS
    assert len(denylist) == 3
    assert repr(denylist) == "<Denylist 3>"


@pytest.mark.parametrize("names", [{}, {"jti": "a", "subject": "b"}, {"jti": ""}])
def test_one_thing_is_denied_at_a_time(names):
    with pytest.raises(ValueError, match="name one of"):
        Denylist().deny(ISSUER, keep=1, **names)


# Redis


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def test_another_signature_that_fits_does_not_make_another_token():
    """Of an ECDSA signature (r, s), anyone can make (r, n - s)."""
    denylist = Denylist(clock=Clock())
    wrap = layer(denylist, keys=jwks("p256"))
    token = sign(FULL, alg="ES256")
    signed, _, last = token.rpartition(b".")
    raw, order = unb64(last), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    twin = signed + b"." + b64(other)
    principal = send(wrap, bearer(token)).principal
    assert send(wrap, bearer(twin)).principal.credential_id == principal.credential_id
    denylist.deny(ISSUER, credential_id=principal.credential_id, keep=600)
    assert revoked(send(wrap, bearer(token)))
    assert revoked(send(wrap, bearer(twin)))


def test_a_denylist_in_redis(redis_url):
    clock = Clock()
    denylist = RedisDenylist(redis_url, prefix="t:", clock=clock)
    wrap = layer(denylist)
    raw = redis.Redis.from_url(redis_url)

    async def over_asgi(*headers):
        try:
            return await send_asgi(wrap, *headers)
        finally:
            await denylist.aclose()

    async def deny(**name):
        await denylist.adeny(ISSUER, keep=600, **name)
        await denylist.aclose()

    tokens = [bearer(sign({**FULL, "sub": s, "jti": s, "sid": s})) for s in "abc"]
    for token in tokens:
        assert send_wsgi(wrap, token).status == 200
        assert asyncio.run(over_asgi(token)).status == 200
    denylist.deny(ISSUER, keep=600, jti="a")
    denylist.deny(ISSUER, keep=600, subject="b")
    asyncio.run(deny(session="c"))
    for token in tokens:
        assert revoked(send_wsgi(wrap, token))
        assert revoked(asyncio.run(over_asgi(token)))
    assert send_wsgi(wrap, bearer(sign(FULL))).status == 200
    again = {**CLAIMS, "sub": "b", "iat": int(NOW) + 1, "jti": "new"}
    assert send_wsgi(wrap, bearer(sign(again))).status == 200

    keys = raw.keys("*")
    assert len(keys) == 3
    assert all(name.startswith(b"t:") and len(name) == 2 + 64 for name in keys), "hashes only"
    denylist.deny(ISSUER, keep=5, subject="b")
    assert all(500_000 < raw.pttl(name) <= 600_001 for name in keys), "never shortened"
    raw.set(keys[0], "nonsense")
    assert sorted(send_wsgi(wrap, token).status for token in tokens) == [401, 401, 503]
    assert repr(denylist) == "<RedisDenylist>"
    denylist.close()
    raw.close()


def test_a_redis_that_is_away_closes_the_door(caplog):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"redis://:hunter2@127.0.0.1:{free.getsockname()[1]}/0"
        denylist = RedisDenylist(url, timeout=0.1)
        assert down(send(layer(denylist), bearer(sign(FULL))))
        with pytest.raises(redis.exceptions.ConnectionError):
            denylist.deny(ISSUER, keep=1, jti="x")
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("url", ["http://:hunter2@h", "hunter2", "", None])
def test_a_url_that_is_none_for_redis(url):
    with pytest.raises(ConfigurationError) as caught:
        RedisDenylist(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingDependency, match=r"ringwall\[redis\]"):
        RedisDenylist("redis://localhost")
