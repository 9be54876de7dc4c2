"""`Basic`: user names and passwords, slowly and boundedly checked."""

from __future__ import annotations

import asyncio
import logging
import threading
import unicodedata
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authn_support import Asked, send, send_asgi, send_wsgi
from ringwall import APIKey, Authentication, Basic, ConfigurationError, generate_api_key
from ringwall.authn import Password, basic, hash_password
from ringwall.authn._workers import Busy, Workers
from ringwall.authn.passwords import DEFAULT, impossible, read_hash

PASSWORD = "correct horse: b\u00e4ttery"


def cheap(password=PASSWORD):
    return hash_password(password, ln=10, r=1, p=1)


HASH = cheap()
USERS = {"alice": Password(HASH, scopes=["orders:read"], roles=["clerk"]), "bob": cheap("b0b")}


def header(user="alice", password=PASSWORD):
    return raw(f"{user}:{password}".encode())


def raw(data):
    return b"authorization", b"Basic " + b64encode(data)


def layer(users=USERS, **options):
    return Authentication(Basic(users, **options))


def refused(answer, code, status=401):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    return answer


def test_the_right_password_names_the_user():
    principal = send(layer(), header()).principal
    assert (principal.subject, principal.scheme) == ("alice", "basic")
    assert (principal.scopes, principal.roles) == ({"orders:read"}, {"clerk"})
    assert send(layer(), header("bob", "b0b")).principal.subject == "bob"


def test_the_challenge_is_that_of_the_rfc():
    wrap = Authentication(Basic(USERS), APIKey([generate_api_key("x")[1]]))
    for headers in ([], [header("alice", "wrong")]):
        challenge = send(wrap, *headers).headers["www-authenticate"]
        assert challenge == 'Basic realm="api", charset="UTF-8", ApiKey realm="api"'
    assert repr(Basic(USERS)) == "<Basic>"


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", PASSWORD + " "),
        ("alice", PASSWORD[:-1]),
        ("bob", PASSWORD),
        ("eve", PASSWORD),
        ("", PASSWORD),
        ("", ""),
        ("Alice", PASSWORD),
        ("alice' OR '1'='1", "x"),
        ("\u202ealice", "x"),
    ],
)
def test_everybody_else_gets_one_answer(user, password):
    wrap = layer()
    refused(send(wrap, header("alice", HASH)), "invalid-user-or-password")
    answer = refused(send(wrap, header(user, password)), "invalid-user-or-password")
    assert answer.body == send(wrap, header("nobody", "x")).body


@pytest.mark.parametrize(
    "value",
    [
        b64encode(b"alice"),  # no colon
        b64encode(b"alice:\xff"),
        b64encode(b"alice:a\0b"),
        b64encode(b"alice:a\nb"),
        b64encode("alice:\x85".encode()),
        b64encode(b"alice:x").rstrip(b"="),
        b64encode(b"alice:x") + b"=",
        b"YWxpY2U6eB==",  # stray bits
        b"YWxp!Y2U6eA==",
        b"*",
        b"\xff\xfe",
        b"YWxpY2U6\teA==",
        b64encode(b"alice:" + b"x" * 1000),
    ],
)
def test_malformed_credentials_are_400(value):
    answer = send(layer(), (b"authorization", b"Basic " + value))
    refused(answer, "malformed-credentials", 400)


@given(st.binary(max_size=60))
def test_no_bytes_reach_the_app_or_crash(data):
    answer = send(CHEAP, raw(data), sides="w")
    assert answer.principal is False
    assert answer.status in (400, 401)


CHEAP = layer({})
CHEAP.schemes[0]._like = read_hash(HASH)


def test_one_password_in_two_normal_forms():
    decomposed = unicodedata.normalize("NFD", PASSWORD)
    assert decomposed != PASSWORD
    assert send(layer(), header("alice", decomposed)).status == 200
    assert send(layer({"alice": cheap(decomposed)}), header()).status == 200


def test_several_credentials_are_400():
    refused(send(layer(), header(), header()), "multiple-credentials", 400)


def test_a_user_who_does_not_exist_is_nobody_even_with_a_password_that_fits(monkeypatch):
    monkeypatch.setattr(basic.Scrypt, "matches", lambda stored, password: True)
    wrap = layer()
    refused(send(wrap, header("eve")), "invalid-user-or-password")
    refused(send(wrap, header("eve")), "invalid-user-or-password")
    assert send(wrap, header()).status == 200


# What it costs


class Counted:
    """Counts how often scrypt ran, and with which cost."""

    def __init__(self, monkeypatch):
        self.costs = []
        real = basic.Scrypt.matches

        def matches(stored, password):
            self.costs.append((stored.ln, stored.r, stored.p, len(stored.salt), len(stored.hash)))
            return real(stored, password)

        monkeypatch.setattr(basic.Scrypt, "matches", matches)


def test_a_user_who_does_not_exist_costs_as_much_as_one_who_does(monkeypatch):
    counted = Counted(monkeypatch)
    wrap = layer()
    for user in ("alice", "eve", "alice", ""):
        send(wrap, header(user, "wrong"), sides="w")
    assert len(counted.costs) == 4
    assert len(set(counted.costs)) == 1

    class Store:
        def find(self, user):
            return USERS.get(user)

    wrap = layer(Store())
    send(wrap, header("alice", "wrong"), sides="w")
    send(wrap, header("eve", "wrong"), sides="w")
    assert len(set(counted.costs)) == 1


def test_a_right_password_is_checked_once_and_a_wrong_one_each_time(monkeypatch):
    counted = Counted(monkeypatch)
    wrap = layer()
    for _ in range(3):
        assert send(wrap, header(), sides="w").status == 200
    assert len(counted.costs) == 1
    for _ in range(3):
        refused(send(wrap, header("alice", "wrong"), sides="w"), "invalid-user-or-password")
    assert len(counted.costs) == 4


def test_a_password_that_is_changed_or_withdrawn_is_forgotten_at_once():
    class Store:
        immediate = True

        def __init__(self):
            self.users = {"alice": HASH}

        def find(self, user):
            return self.users.get(user)

    store = Store()
    wrap = layer(store)
    assert send(wrap, header()).status == 200
    store.users = {"alice": cheap("new")}
    refused(send(wrap, header()), "invalid-user-or-password")
    assert send(wrap, header("alice", "new")).status == 200
    store.users = {}
    refused(send(wrap, header("alice", "new")), "invalid-user-or-password")


def test_what_is_remembered_is_bounded_and_holds_no_password():
    users = {f"u{number}": cheap(f"p{number}") for number in range(20)}
    scheme = Basic(users, cache_size=8)
    wrap = Authentication(scheme)
    for number in range(20):
        assert send(wrap, header(f"u{number}", f"p{number}"), sides="w").status == 200
    assert len(scheme._right) <= 8
    for user in range(50):
        send(wrap, header(f"x{user}", "x"), sides="w")
    assert len(scheme._right) <= 8
    assert "p19" not in repr((scheme._right._young, scheme._right._old))


def test_the_line_is_bounded(monkeypatch):
    """While one password is checked and one waits, a third is told to come back; others pass."""
    entered, go = threading.Semaphore(0), threading.Event()
    real = basic.Scrypt.matches

    def slow(stored, password):
        entered.release()
        assert go.wait(30)
        return real(stored, password)

    scheme = Basic(USERS, parallel=1, waiting=1)
    wrap = Authentication(scheme)
    assert send(wrap, header(), sides="w").status == 200
    monkeypatch.setattr(basic.Scrypt, "matches", slow)
    wrong = header("alice", "wrong")
    with ThreadPoolExecutor(2) as pool:
        try:
            first = pool.submit(send_wsgi, wrap, wrong)
            assert entered.acquire(timeout=30)
            second = pool.submit(lambda: asyncio.run(send_asgi(wrap, wrong)))
            assert entered.acquire(timeout=30)
            answer = refused(send(wrap, wrong), "verification-busy", 503)
            assert answer.headers["retry-after"] == "5"
            assert send(wrap, header()).status == 200, "who is known need not wait"
        finally:
            go.set()
        for late in (first, second):
            refused(late.result(30), "invalid-user-or-password")
    assert repr(scheme._workers) == "<Workers 0 of 2>"


def test_under_asgi_the_event_loop_goes_on(monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(basic.Scrypt, "matches", lambda stored, password: go.wait(30))

    async def run():
        asked = asyncio.ensure_future(send_asgi(layer(), header()))
        await asyncio.sleep(0)
        assert not asked.done()
        go.set()  # only a loop that is not blocked comes here
        return await asked

    assert asyncio.run(run()).status == 200


def test_a_client_that_goes_away_gives_its_place_back(monkeypatch):
    workers = Workers(1, 1, 5.0)
    go = threading.Event()

    async def run():
        first = asyncio.ensure_future(workers.arun(lambda: go.wait(30)))
        second = asyncio.ensure_future(workers.arun(lambda: True))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await workers.arun(lambda: True)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go.set()
        assert await first
        assert await workers.arun(lambda: True)

    asyncio.run(run())
    assert workers._inside == 0

    def broken():
        raise RuntimeError

    monkeypatch.setattr(workers, "_threads", broken)
    with pytest.raises(RuntimeError):
        asyncio.run(workers.arun(lambda: True))
    assert workers._inside == 0


def test_who_waits_too_long_is_told_so():
    workers = Workers(1, 5, 0.001)
    with workers._turns, pytest.raises(Busy):
        workers.run(lambda: True)
    assert workers.run(lambda: 5) == 5
    assert workers._inside == 0


def test_threads_are_made_anew_after_a_fork():
    workers = Workers(1, 0, 1.0)
    first = workers._threads()
    assert workers._threads() is first
    workers._pid = -1
    assert workers._threads() is not first


# Stores


class Store:
    def __init__(self, result):
        self.result = result

    def find(self, user):
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class AsyncStore(Store):
    async def afind(self, user):
        return Store.find(self, user)

    find = None


class Immediate(Store):
    immediate = True


@pytest.mark.parametrize(("make", "sides"), [(Store, "w"), (AsyncStore, "a"), (Immediate, "aw")])
def test_stores_in_their_colours(make, sides, caplog):
    caplog.set_level(logging.DEBUG)
    store = make(HASH)
    wrap = layer(store)
    assert wrap.colours == {{"w": "wsgi", "a": "asgi"}[side] for side in sides}
    assert send(wrap, header(), sides=sides).principal.subject == "alice"
    assert send(wrap, header(), sides=sides).status == 200
    refused(send(wrap, header("alice", "x"), sides=sides), "invalid-user-or-password")
    for result in (OSError("s3cret"), "s3cret", "", b"s3cret", 5, Password("s3cret")):
        store.result = result
        answer = send(wrap, header(), sides=sides)
        refused(answer, "password-store-unavailable", 503)
        assert "s3cret" not in caplog.text
    assert PASSWORD not in caplog.text


# Hashes


def test_hashes_are_salted_and_tell_nothing():
    assert cheap() != cheap()
    assert hash_password("x", ln=10).startswith("$scrypt$ln=10,r=8,p=3$")
    assert (DEFAULT.ln, DEFAULT.r, DEFAULT.p) == (15, 8, 3)
    assert repr(read_hash(HASH)) == "<Scrypt ln=10, r=1, p=1>"
    assert repr(Password(HASH)) == "<Password>"
    assert not impossible(read_hash(HASH)).matches("")


def test_a_hash_of_other_software_is_read():
    """RFC 7914 section 12: scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1), 64 bytes."""
    expected = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    salt, digest = (b64encode(part).rstrip(b"=").decode() for part in (b"SodiumChloride", expected))
    stored = read_hash(f"$scrypt$ln=14,r=8,p=1${salt}${digest}")
    assert stored.matches("pleaseletmein")
    assert not stored.matches("pleaseletmeout")


SALTED = "$" + "A" * 22 + "$" + "A" * 43


@pytest.mark.parametrize(
    "text",
    [
        *("", "password", PASSWORD, None, 5, b"x", "$scrypt$", "$argon2id$v=19$m=1,t=1,p=1$AA$AA"),
        *(f"$scrypt$ln=9,r=8,p=1{SALTED}", f"$scrypt$ln=21,r=8,p=1{SALTED}"),
        *(f"$scrypt$ln=15,r=0,p=1{SALTED}", f"$scrypt$ln=15,r=8,p=17{SALTED}"),
        f"$scrypt$ln=20,r=8,p=1{SALTED}",
        f"$scrypt$ln=15,r=8,p=1{SALTED}\n",
        f"$scrypt$ln=15,r=8,p=1{SALTED}AA",  # no base64 is so long
        f"$scrypt$ln=15,r=8,p=1{SALTED[:-1]}B",  # stray bits
        "$scrypt$ln=10,r=1,p=1$" + "A" * 11 + "$" + "A" * 5,
    ],
)
def test_what_is_no_hash_is_told_at_construction(text):
    with pytest.raises(ConfigurationError) as caught:
        Basic({"alice": text})
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Basic(5), "users is a mapping"),
        (lambda: Basic({"a:b": HASH}), "without ':'"),
        (lambda: Basic({"a\n": HASH}), "without ':'"),
        (lambda: Basic({"": HASH}), "without ':'"),
        (lambda: Basic({5: HASH}), "without ':'"),
        (lambda: Basic({"a\u0308": HASH}), "normal form C"),
        (lambda: Basic({}, parallel=0), "parallel is at least"),
        (lambda: Basic({}, waiting=-1), "waiting is at least"),
        (lambda: Basic({}, timeout=0), "timeout is at least"),
        (lambda: Basic({}, cache_size=-1), "cache_size is at least"),
        (lambda: hash_password(""), "is empty"),
        (lambda: hash_password("x", ln=30), "the cost"),
    ],
)
def test_bad_configuration_says_what_to_write(build, message):
    with pytest.raises(ConfigurationError, match=message):
        build()


def test_two_users_of_different_cost():
    users = {"a": hash_password("a", ln=11, r=1, p=1), "b": HASH, "c": HASH}
    assert Basic(users)._like.ln == 11
    assert isinstance(Basic({}).authenticate(b"*", Asked()), basic.Failure)
