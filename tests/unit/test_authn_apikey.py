"""API keys: how they look, what is stored, and what a guesser meets."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import random
import re
import sys
import zlib
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authn_support import NOW, Clock, send, send_asgi, send_wsgi
from ringwall import (
    APIKey,
    Authentication,
    ConfigurationError,
    Layer,
    Principal,
    Stack,
    generate_api_key,
)
from ringwall._errors import MissingDependency
from ringwall.authn import APIKeyRecord, Scheme, apikey
from ringwall.authn.apikeys import _fields, at_hand
from ringwall.authn.apikeys.file import FileStore
from ringwall.authn.apikeys.key import key_id
from ringwall.authn.apikeys.store import MemoryStore

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

START = datetime.fromtimestamp(NOW, timezone.utc)
# The same key in every process: it stands in the names of tests.
with mock.patch("secrets.choice", random.Random(7519).choice):
    KEY, RECORD = generate_api_key(
        "alice", scopes=["orders:read", "orders:write"], roles=["clerk"], now=START
    )


def header(key):
    return b"authorization", b"ApiKey " + (key if isinstance(key, bytes) else key.encode())


def layer(store=None, **options):
    store = [RECORD] if store is None else store
    return Authentication(APIKey(store, **({"clock": Clock()} | options)))


def refused(answer, code, status=401):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)


def with_checksum(body):
    """A well-formed key with any id and secret."""
    return f"{body}{zlib.crc32(body.encode()):08x}"


# The key


def test_a_key_is_made_for_scanners_and_people():
    assert re.fullmatch(r"rw_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}[0-9a-f]{8}", KEY)
    assert KEY.startswith(f"rw_{RECORD.id}_")
    assert key_id(KEY.encode()) == RECORD.id
    own, record = generate_api_key("alice", prefix="acme_live_")
    assert own.startswith(f"acme_live_{record.id}_")
    assert key_id(own.encode()) == record.id


def test_the_checksum_is_crc32_in_hexadecimal():
    assert int(KEY[-8:], 16) == zlib.crc32(KEY[:-8].encode())


def test_keys_and_ids_do_not_repeat():
    made = [generate_api_key("alice") for _ in range(200)]
    assert len({key for key, _ in made}) == len({record.id for _, record in made}) == 200


@given(st.integers(0, 66), st.sampled_from("09AZaz_-"))
@settings(max_examples=100)
def test_a_mistyped_key_is_recognised_offline(position, char):
    spoilt = KEY[:position] + char + KEY[position + 1 :]
    assert (key_id(spoilt.encode()) is None) == (spoilt != KEY)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"abc123xyz", b"rw_", KEY.encode() + b"\n", b" " + KEY.encode(), KEY.encode() * 2),
        *(KEY.encode()[:-1], b"x" * 300, b"a_" * 5000, b"\xff" * 65, KEY.encode() + b"\0"),
        KEY.encode().replace(b"rw_", b"RW-"),
        with_checksum(KEY[:-9] + "-").encode(),
        with_checksum("rw_" + "-" * 12 + KEY[15:-8]).encode(),
        with_checksum(KEY[:-9]).encode(),
        with_checksum("rw_x" + KEY[3:-8]).encode(),
    ],
)
def test_what_is_no_key_has_no_id(text):
    assert key_id(text) is None


# The record


def test_the_record_holds_no_key():
    secret = KEY.split("_")[2]
    assert repr(RECORD) == f"<APIKeyRecord {RECORD.id}>"
    assert secret not in repr(RECORD.as_dict()) + RECORD.as_toml() + repr(RECORD.principal)
    assert RECORD.expires == START + timedelta(days=90)


def test_a_record_cannot_be_changed():
    with pytest.raises(AttributeError):
        RECORD.owner = "root"
    with pytest.raises(AttributeError):
        del RECORD.owner


names = st.text(min_size=1, max_size=8).filter(lambda t: t.isprintable() or "\n" in t)


@given(names, st.lists(names, max_size=3), st.none() | st.integers(1, 900))
@settings(max_examples=60)
def test_a_record_survives_toml_and_json(owner, scopes, days):
    expires = None if days is None else timedelta(days=days)
    _, record = generate_api_key(
        owner, scopes=scopes, expires_in=expires, not_before=START + timedelta(hours=1), now=START
    )
    from_toml = tomllib.loads(record.as_toml())["keys"][record.id]
    from_json = json.loads(json.dumps(record.as_dict()))
    for fields in (from_toml, from_json):
        again = APIKeyRecord.from_dict(record.id, fields)
        assert again.as_dict() == record.as_dict()
        assert (again.since, again.until, again.digest) == (
            record.since,
            record.until,
            record.digest,
        )


GOOD = RECORD.as_dict()


@pytest.mark.parametrize(
    ("id", "fields", "message"),
    [
        ("short", GOOD, "12 letters"),
        ("../../passwd", GOOD, "12 letters"),
        (5, GOOD, "12 letters"),
        (RECORD.id, [], "table"),
        (RECORD.id, GOOD | {"owners": "x"}, "did you mean 'owner'"),
        (RECORD.id, {"owner": "x"}, "lacks the field 'hash'"),
        (RECORD.id, {"hash": GOOD["hash"]}, "lacks the field 'owner'"),
        (RECORD.id, GOOD | {"hash": KEY}, "hash must be"),
        (RECORD.id, GOOD | {"hash": 5}, "hash must be"),
        (RECORD.id, GOOD | {"owner": ""}, "owner must be"),
        (RECORD.id, GOOD | {"owner": 5}, "owner must be"),
        (RECORD.id, GOOD | {"scopes": "orders:read"}, "scopes is a list"),
        (RECORD.id, GOOD | {"scopes": 5}, "scopes is a list"),
        (RECORD.id, GOOD | {"roles": [5]}, "roles holds"),
        (RECORD.id, GOOD | {"roles": [""]}, "roles holds"),
        (RECORD.id, GOOD | {"expires": "soon"}, "expires must be a time"),
        (RECORD.id, GOOD | {"expires": 5}, "expires must be a time"),
        (RECORD.id, GOOD | {"expires": None}, "expires must be a time"),
        (RECORD.id, GOOD | {"expires": "2027-01-01T00:00:00"}, "with its zone"),
    ],
)
def test_bad_records_say_what_to_write(id, fields, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        APIKeyRecord.from_dict(id, fields)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "rw", "rw-", "_", "rw__", "r w_", "é_", "a" * 40 + "_"])
def test_bad_prefixes(prefix):
    with pytest.raises(ConfigurationError, match="prefix"):
        generate_api_key("alice", prefix=prefix)


# The scheme


def test_a_key_names_its_owner():
    principal = send(layer(), header(KEY)).principal
    assert principal.subject == "alice"
    assert principal.scheme == "apikey"
    assert principal.issuer is None
    assert principal.scopes == {"orders:read", "orders:write"}
    assert principal.roles == {"clerk"}
    assert principal.credential_id == RECORD.id


WRONG_SECRET = with_checksum(f"rw_{RECORD.id}_{'A' * 43}")
UNKNOWN_ID = with_checksum("rw_" + "0" * 12 + "_" + KEY.split("_")[2][:43])
OTHER_PREFIX = with_checksum("xx_" + KEY[3:-8])


class InMemory:
    """A store of somebody's own that answers from memory. asked: the ids that it was asked for."""

    immediate = True

    def __init__(self, records):
        self.by_id = {record.id: record for record in records}
        self.asked = []

    def find(self, key_id):
        self.asked.append(key_id)
        return self.by_id.get(key_id)


class Remote(InMemory):
    immediate = False

    async def afind(self, key_id):
        return self.find(key_id)


KINDS = pytest.mark.parametrize("kind", [list, InMemory, Remote])


@KINDS
@pytest.mark.parametrize(
    "key",
    [
        *("abc123xyz", KEY[:-1], KEY.swapcase(), WRONG_SECRET, UNKNOWN_ID, OTHER_PREFIX),
        *("x" * 10_000, "sha256:" + RECORD.digest.hex(), RECORD.id, b"\xff\xfe"),
        *(KEY + "\t", KEY[3:], "x" + KEY, KEY.replace("_", "-"), KEY[3:].rjust(300, "_")),
        *("a_" + "\u0660" * 6 + KEY[15:], KEY[:15] + "_" * 52, "rw_" + "-" * 12 + KEY[15:]),
    ],
)
def test_wrong_keys_are_all_answered_alike(kind, key):
    wrap = layer(kind([RECORD]), cache_ttl=5)
    for _ in range(2):  # a remote record is asked for, and then remembered
        answer = send(wrap, header(key))
        refused(answer, "invalid-api-key")
        assert answer.body == send(wrap, header(WRONG_SECRET)).body
        assert send(wrap, header(KEY)).status == 200


@pytest.mark.parametrize("kind", [InMemory, Remote])
def test_a_store_is_asked_for_ids_alone(kind):
    """And over a wire for those of keys that have the form and the checksum."""
    store = kind([RECORD])
    wrap = layer(store)
    junk = ("abc", KEY[3:], KEY[:15] + "_" * 52, "x" * 10_000, b"\xff" * 67, "rw_" + "-" * 64)
    for key in (*junk, "rw_" + "0" * 12 + KEY[15:], "é" * 12 + KEY[15:]):
        refused(send(wrap, header(key)), "invalid-api-key")
    assert all(re.fullmatch("[0-9A-Za-z]{12}", id) for id in store.asked)
    assert store.asked == [] or kind is InMemory
    store.asked.clear()
    assert send(wrap, header(KEY)).status == 200
    assert set(store.asked) == {RECORD.id}


@KINDS
def test_a_record_under_another_id_opens_nothing(kind):
    """Who revokes the key by its own id would revoke nothing."""
    moved = APIKeyRecord("0" * 12, RECORD.hash, "alice")
    refused(send(layer(kind([moved])), header(KEY)), "invalid-api-key")
    other = APIKeyRecord(RECORD.id, "sha256:" + "0" * 64, "bob")
    refused(send(layer(kind([moved, other])), header(KEY)), "invalid-api-key")


def test_of_many_keys_those_with_equal_scopes_share_them():
    made = [generate_api_key("alice", scopes=["a", "b"])[1] for _ in range(3)]
    assert made[0].scopes is made[1].scopes is made[2].principal.scopes
    assert made[0].roles is made[1].roles
    for number in range(3000):
        scopes = frozenset({f"{number}"})
        assert generate_api_key("alice", scopes=scopes)[1].scopes == scopes
    assert len(_fields._known) <= 1024


@pytest.mark.parametrize("kind", [list, InMemory])
def test_an_unknown_id_takes_the_way_of_a_wrong_secret(monkeypatch, kind):
    """One hash and one constant-time comparison in either case."""
    calls = []
    for module, name in itertools.product((apikey, at_hand), ("sha256", "compare_digest")):
        real = getattr(module, name)

        def counted(*args, real=real, name=name):
            calls.append((name, tuple(len(arg) for arg in args)))
            return real(*args)

        monkeypatch.setattr(module, name, counted)
    scheme = APIKey(kind([RECORD]), clock=Clock())
    ways = []
    for key in (WRONG_SECRET, UNKNOWN_ID, KEY):
        calls.clear()
        scheme.authenticate(key.encode(), None)
        ways.append(list(calls))
    assert ways[0] == ways[1] == ways[2]
    assert [name for name, _ in ways[0]] == ["sha256", "compare_digest"]
    wrap, whole = layer(kind([RECORD])), []
    for key in (WRONG_SECRET, UNKNOWN_ID):
        calls.clear()
        refused(send(wrap, header(key)), "invalid-api-key")
        whole.append(list(calls))
    assert whole[0] == whole[1] != []


def test_a_record_with_an_impossible_hash_opens_nothing(monkeypatch):
    """An unknown id is not let in even if the comparison with the placeholder succeeded."""
    for module in (apikey, at_hand):
        monkeypatch.setattr(module, "compare_digest", lambda left, right: True)
    refused(send(layer(), header(UNKNOWN_ID)), "invalid-api-key")


@KINDS
@pytest.mark.parametrize("name", [b"ApiKey", b"apikey", b"APIKEY"])
def test_the_name_of_the_scheme_has_no_case(kind, name):
    wrap = layer(kind([RECORD]))
    assert send(wrap, (b"authorization", name + b" " + KEY.encode())).status == 200
    for other in (b"Bearer", b"ApiKeys", b"ApiKe", b""):
        answer = send(wrap, (b"authorization", other + b" " + KEY.encode()))
        assert (answer.principal, answer.status in (400, 401)) == (False, True)


@KINDS
def test_a_key_beside_another_credential_opens_nothing(kind):
    wrap = layer(kind([RECORD]))
    refused(send(wrap, header(KEY), header(KEY)), "multiple-credentials", 400)
    refused(send(wrap, header(f"{KEY}, Bearer x")), "multiple-credentials", 400)
    refused(send(wrap, header(f"{KEY} {KEY}")), "malformed-credentials", 400)
    keyed = Authentication(
        APIKey(kind([RECORD])), Plain(), optional=True
    )  # the other one has a header of its own
    refused(send(keyed, header(KEY), (b"x-other", b"y")), "multiple-credentials", 400)


class Plain(Scheme):
    """Believes every credential."""

    name = "Plain"
    header = b"x-other"

    def authenticate(self, credential, exchange):
        return Principal("anybody", scheme="plain")


@KINDS
def test_who_shows_a_key_is_known_to_a_stack_around_this_one(kind):
    seen = []

    class Around(Layer):
        name = "around"
        observes = True

        def on_complete(self, exchange, outcome):
            seen.append((exchange.principal.subject, exchange.decisions[-1].reason))

    class Outer:
        def asgi(self, app):
            return Stack(Around()).asgi(Between(layer(kind([RECORD])).asgi(app)))

        def wsgi(self, app):
            return Stack(Around()).wsgi(Between(layer(kind([RECORD])).wsgi(app)))

    assert send(Outer(), header(KEY)).principal.subject == "alice"
    assert seen == [("alice", "authenticated")] * 2


class Between:
    """Something that is no stack of ours."""

    def __init__(self, app):
        self.app = app

    def __call__(self, *args):
        return self.app(*args)


@KINDS
def test_expiry_and_not_before(kind):
    clock = Clock()
    key, record = generate_api_key(
        "alice", expires_in=timedelta(hours=1), not_before=START + timedelta(minutes=1), now=START
    )
    wrap = layer(kind([record]), clock=clock)
    refused(send(wrap, header(key)), "api-key-not-yet-valid")
    clock.now = NOW + 60
    assert send(wrap, header(key)).status == 200
    clock.now = NOW + 60 + 3599
    assert send(wrap, header(key)).status == 200
    clock.now = NOW + 60 + 3600
    refused(send(wrap, header(key)), "api-key-expired")
    wrong = with_checksum(f"rw_{record.id}_{'A' * 43}")
    refused(send(wrap, header(wrong)), "invalid-api-key")  # only the owner learns of the expiry


@KINDS
def test_a_key_that_is_revoked_is_refused(kind):
    ended = RECORD.replace(revoked=START - timedelta(days=1), expires=START - timedelta(hours=1))
    for record in (RECORD.replace(revoked=START + timedelta(days=1)), ended):
        wrap = layer(kind([record]))
        refused(send(wrap, header(KEY)), "api-key-revoked")
        refused(send(wrap, header(WRONG_SECRET)), "invalid-api-key")


def test_in_a_store_a_revocation_counts_at_once():
    store = InMemory([RECORD])
    wrap = layer(store)
    assert send(wrap, header(KEY)).status == 200
    store.by_id[RECORD.id] = RECORD.replace(revoked=START)
    refused(send(wrap, header(KEY)), "api-key-revoked")
    del store.by_id[RECORD.id]
    refused(send(wrap, header(KEY)), "invalid-api-key")


@KINDS
def test_what_is_too_long_for_a_key_is_not_hashed(monkeypatch, kind):
    """Headers may have a hundred times the length of a key."""
    sizes = []
    for module in (apikey, at_hand):
        monkeypatch.setattr(module, "sha256", lambda data: sizes.append(len(data)) or sha256(data))
    wrap = layer(kind([RECORD]))
    for _ in range(2):  # a remote record is asked for, and then remembered
        refused(send(wrap, header("x" * 10_000 + KEY)), "invalid-api-key")
        assert send(wrap, header(KEY)).status == 200
    assert set(sizes) == {len(KEY)}


def test_nothing_of_a_key_appears_anywhere(caplog):
    caplog.set_level(logging.DEBUG)
    secret = KEY.split("_")[2]
    scheme = APIKey([RECORD], clock=Clock())
    for key in (KEY, KEY[:-1] + "0", secret):
        answer = send(Authentication(scheme), header(key))
        assert secret[:40] not in repr((answer, scheme, scheme._find, MemoryStore([RECORD])))
    assert secret[:40] not in caplog.text


# Files


def write(path, *records, text=None):
    if text is None and path.suffix == ".toml":
        text = "\n".join(record.as_toml() for record in records)
    elif text is None:
        text = json.dumps({"keys": {record.id: record.as_dict() for record in records}})
    path.write_text(text)
    return path


@pytest.fixture(params=["keys.toml", "keys.json"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_keys_in_a_file(path):
    write(path, RECORD)
    for store in (path, str(path)):
        assert send(layer(store), header(KEY)).principal.scopes == RECORD.scopes
    refused(send(layer(path), header(UNKNOWN_ID)), "invalid-api-key")
    assert repr(FileStore(path)) == "<FileStore>"


def test_a_changed_file_is_read_again(path):
    clock = Clock(0.0)
    other_key, other = generate_api_key("bob", now=START)
    store = FileStore(write(path, RECORD), clock=clock)
    store.immediate = True
    wrap = layer(store)
    assert send(wrap, header(KEY)).status == 200
    write(path, other, other_record())
    clock.now = 0.9
    assert send(wrap, header(KEY)).status == 200, "looked at once a second"
    clock.now = 1.0
    refused(send(wrap, header(KEY)), "invalid-api-key")
    assert send(wrap, header(other_key)).status == 200


def other_record():
    return generate_api_key("carol", now=START)[1]


def test_an_unchanged_file_is_not_read_again(path, monkeypatch):
    clock = Clock(0.0)
    store = FileStore(write(path, RECORD), clock=clock)
    monkeypatch.setattr(type(path), "read_bytes", lambda self: pytest.fail("read again"))
    for now in range(5):
        clock.now = now
        assert store.find(RECORD.id).owner == "alice"


def test_a_spoilt_file_closes_the_door_until_it_is_mended(path, caplog):
    clock = Clock(0.0)
    store = FileStore(write(path, RECORD), clock=clock)
    store.immediate = True
    wrap = layer(store)
    spoilt = ["{", "", "[keys]\nx", '{"keys": []}', '{"keys": {}, "x": 1}', "[]", "[" * 100_000]
    for number, text in enumerate([*spoilt, "keys = 5", '{"keys": {}, "keys": {}}', "\x00"], 1):
        write(path, text=text)
        clock.now = number
        refused(send(wrap, header(KEY)), "key-store-unavailable", 503)
    assert len(caplog.records) == 10, "told once for each change, not for each request"
    path.unlink()
    clock.now += 1
    refused(send(wrap, header(KEY)), "key-store-unavailable", 503)
    write(path, RECORD)
    clock.now += 1
    assert send(wrap, header(KEY)).status == 200


def test_a_file_that_is_gone_closes_the_door(path):
    clock = Clock(0.0)
    store = FileStore(write(path, RECORD), clock=clock)
    store.immediate = True
    wrap = layer(store)
    assert send(wrap, header(KEY)).status == 200
    path.unlink()
    clock.now = 1
    refused(send(wrap, header(KEY)), "key-store-unavailable", 503)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("keys.toml", "x = 1", "one table 'keys'"),
        ("keys.toml", "[keys.short]\nhash='x'\nowner='y'", "entry 1 of keys: the id"),
        ("keys.json", '{"keys": {"a": 1, "a": 2}}', "occurs twice"),
        ("keys.json", "[]", "one table 'keys'"),
        ("keys.toml", "[keys", "keys.toml: Expected"),
        ("keys.yaml", "", "ends with .toml or .json"),
    ],
)
def test_a_bad_file_is_told_at_construction(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        APIKey(tmp_path / name)


def test_a_missing_file_is_told_at_construction(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        APIKey(tmp_path / "keys.toml")


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_a_file_that_everybody_can_write_is_refused(path):
    write(path, RECORD).chmod(0o666)
    with pytest.raises(ConfigurationError, match="chmod o-w"):
        APIKey(path)


def test_a_huge_file_is_not_read(path, monkeypatch):
    monkeypatch.setattr("ringwall.authn._files._LARGEST", 10)
    with pytest.raises(ConfigurationError, match="larger than"):
        APIKey(write(path, RECORD))


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="TOML is in the standard library")
def test_toml_needs_a_package_on_old_pythons(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(MissingDependency, match=r"ringwall\[apikey\]"):
        APIKey(write(tmp_path / "keys.toml", RECORD))


# Stores of one's own


class Store:
    def __init__(self, result=RECORD):
        self.result = result
        self.asked = []

    def find(self, key_id):
        self.asked.append(key_id)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result if self.result and self.result.id == key_id else None


class AsyncStore(Store):
    async def find(self, key_id):
        await asyncio.sleep(0)
        return super().find(key_id)


class BothStore(Store):
    async def afind(self, key_id):
        return self.find(key_id)


class ImmediateStore(Store):
    immediate = True


@pytest.mark.parametrize(
    ("make", "sides", "colours"),
    [
        (Store, "w", {"wsgi"}),
        (AsyncStore, "a", {"asgi"}),
        (BothStore, "aw", {"asgi", "wsgi"}),
        (ImmediateStore, "aw", {"asgi", "wsgi"}),
    ],
)
def test_stores_in_their_colours(make, sides, colours, caplog):
    store = make()
    wrap = layer(store, cache_ttl=0)
    assert wrap.colours == colours
    assert send(wrap, header(KEY), sides=sides).principal.subject == "alice"
    refused(send(wrap, header(UNKNOWN_ID), sides=sides), "invalid-api-key")
    refused(send(wrap, header(WRONG_SECRET), sides=sides), "invalid-api-key")
    asked = len(store.asked)
    refused(send(wrap, header("x' OR 1=1 --"), sides=sides), "malformed-credentials", 400)
    refused(send(wrap, header("x'OR'1'='1"), sides=sides), "invalid-api-key")
    assert len(store.asked) == asked, "what is no key never reaches the store"
    store.result = OSError("s3cret")
    answer = send(wrap, header(KEY), sides=sides)
    refused(answer, "key-store-unavailable", 503)
    assert b"s3cret" not in answer.body
    assert "OSError" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_missing_colour_fails_at_construction():
    with pytest.raises(ConfigurationError):
        layer(Store()).asgi(lambda scope, receive, send: None)
    with pytest.raises(ConfigurationError):
        layer(AsyncStore()).wsgi(lambda environ, start_response: [])


def test_a_store_that_returns_nonsense_does_not_open():
    class Nonsense:
        immediate = True

        def find(self, key_id):
            return {"owner": "alice"}

    for send_one in (send_wsgi, lambda *args: asyncio.run(send_asgi(*args))):
        answer = send_one(layer(Nonsense()), header(KEY))
        assert (answer.status, answer.principal) == (500, False)


@pytest.mark.parametrize(
    ("store", "options", "message"),
    [
        (5, {}, "find"),
        (None, {}, "find"),
        ([KEY], {}, "something else than the records"),
        ([RECORD, RECORD], {}, "two API keys have the id"),
        ("keys.db", {}, "a database is a URL"),
        ("sqlite://", {}, "in memory"),
        ("sqlite:///:memory:", {}, "in memory"),
        ("nosuch://x/y", {}, "URL for SQLAlchemy"),
        ("redis://:pass@host:port", {}, "store in Redis is such as"),
        ([], {"cache_ttl": -1}, "cache_ttl is at least 0"),
        ([], {"cache_size": None}, "cache_size is at least 0"),
        ([], {"last_used_every": 0}, "last_used_every is at least 1"),
        ([], {"last_used": True}, "needs a store with touch"),
        ([], {"header": "two words"}, "header is the name"),
        ([], {"header": ""}, "header is the name"),
        ([], {"header": "Authorization"}, "header is the name"),
        ([], {"header": "cookie"}, "header is the name"),
        (type("S", (AsyncStore,), {"immediate": True})(), {}, "plain find"),
    ],
)
def test_bad_configuration_says_what_to_write(store, options, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        APIKey(store, **options)
    assert KEY not in str(caught.value)
