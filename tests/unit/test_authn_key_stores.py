"""Where API keys lie: a file, a SQL database, Redis. The same promises for each."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import stat
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

import redis_servers
from authn_support import NOW, Clock, send, send_asgi, send_wsgi
from ringwall import APIKey, Audit, Authentication, ConfigurationError, Stack, generate_api_key
from ringwall._errors import MissingDependency
from ringwall.authn import RedisKeyStore, SQLKeyStore, rotate_api_key
from ringwall.authn.apikeys import _writing
from ringwall.authn.apikeys.file import FileStore
from ringwall.authn.apikeys.open import open_store
from ringwall.authn.apikeys.store import MemoryStore
from ringwall.authn.apikeys.used import LastUsed

START = datetime.fromtimestamp(NOW, timezone.utc)
# The machine may be busy; what must fail fast says so itself.
PATIENT = "?socket_timeout=30&socket_connect_timeout=30"
HOUR = timedelta(hours=1)


def made(owner="alice", **options):
    return generate_api_key(owner, now=START, **{"scopes": ["orders:read"]} | options)


def header(key):
    return b"authorization", b"ApiKey " + key.encode()


def with_another_secret(key):
    """The same id, a well-formed key."""
    body = key[:-9] + ("B" if key[-9] == "A" else "A")
    return f"{body}{crc32(body.encode()):08x}"


def code(answer):
    """The refusal's code; the app must not have been called."""
    assert answer.principal is False, "the app was called"
    return answer.code


@pytest.fixture(scope="module")
def redis_server():
    with redis_servers.server() as server:
        yield server


# A database to try them on by hand: "postgresql+psycopg://postgres@localhost/keys". Its table goes.
POSTGRESQL = os.environ.get("RINGWALL_POSTGRESQL")


@pytest.fixture(params=["toml", "json", "sql", "redis", *(["postgresql"] if POSTGRESQL else [])])
def url(request, tmp_path):
    if request.param == "postgresql":
        engine = sqlalchemy.create_engine(POSTGRESQL)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS ringwall_api_keys"))
        engine.dispose()
        return POSTGRESQL
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.client_call("FLUSHALL")
        return server.url + PATIENT
    if request.param == "sql":
        return f"sqlite:///{tmp_path}/keys.db"
    return str(tmp_path / f"keys.{request.param}")


@pytest.fixture
def store(url):
    opened = open_store(url, missing_ok=True)
    if isinstance(opened, SQLKeyStore):
        opened = SQLKeyStore(url, timeout=30)
        opened.create()
    yield opened
    if hasattr(opened, "close"):
        opened.close()


def in_one_loop(store, question):
    """Run a coroutine and close what it opened, on one event loop."""

    async def run():
        try:
            return await question
        finally:
            if hasattr(store, "aclose"):
                await store.aclose()

    return asyncio.run(run())


def plain(record):
    return None if record is None else (record.id, record.as_dict())


# Management


def test_a_record_comes_back_as_it_went(store):
    _, full = made('a"\\l\u00edce\n', roles=["clerk", "x"], prefix="acme_", not_before=START + HOUR)
    _, bare = made("bob", scopes=[], expires_in=None)
    for record in (full, bare):
        store.add(record)
    for record in (full, bare):
        assert plain(store.find(record.id)) == plain(record)
    assert sorted(map(plain, store.records())) == sorted(map(plain, (full, bare)))
    assert store.find("0" * 12) is None
    for secret in (full.digest.hex(), "pass"):
        assert secret not in repr(store)


def test_an_id_is_taken_once(store):
    _, record = made()
    store.add(record)
    with pytest.raises((ConfigurationError, sqlalchemy.exc.IntegrityError)) as caught:
        store.add(record.replace(owner="eve"))
    assert record.digest.hex() not in str(caught.value)
    assert store.find(record.id).owner == "alice"


def test_rotation_is_one_step_and_happens_once(store):
    _, record = made()
    store.add(record)
    first, second = (rotate_api_key(record, overlap=HOUR, now=START) for _ in range(2))
    assert store.succeed(first.predecessor, first.successor)
    assert not store.succeed(second.predecessor, second.successor)
    assert plain(store.find(record.id)) == plain(first.predecessor)
    assert plain(store.find(first.successor.id)) == plain(first.successor)
    assert store.find(second.successor.id) is None
    lost = rotate_api_key(made()[1], now=START)
    assert not store.succeed(lost.predecessor, lost.successor)
    assert store.find(lost.successor.id) is None


def test_a_revoked_key_is_not_rotated_back_to_life(store):
    _, record = made()
    store.add(record)
    rotation = rotate_api_key(record, now=START)
    assert store.revoke(record.id, START)
    assert not store.succeed(rotation.predecessor, rotation.successor)
    assert store.find(record.id).revoked == START
    assert store.revoke(record.id, START + HOUR), "it is revoked, that is what was asked for"
    assert store.find(record.id).revoked == START
    assert not store.revoke("0" * 12, START)


def test_last_use_is_noted_and_never_goes_back(store):
    _, record = made()
    _, other = made("bob")
    store.add(record)
    store.add(other)
    store.touch({record.id: NOW + 10.0})
    if hasattr(store, "atouch"):
        in_one_loop(store, store.atouch({record.id: NOW + 20.0}))
    else:
        store.touch({record.id: NOW + 20.0})
        store.touch({record.id: NOW + 5.0})
    seen = {found.id: found.last_used for found in store.records()}
    assert seen == {record.id: START + timedelta(seconds=20), other.id: None}


def test_two_who_change_a_store_at_once_lose_nothing(url, store):
    records = [made(f"owner-{number}")[1] for number in range(12)]
    stores = [open_store(url, missing_ok=True) for _ in range(4)]

    def add(number):
        for record in records[number::4]:
            stores[number].add(record)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record.id for record in store.records()} == {record.id for record in records}
    for each in stores:
        if hasattr(each, "close"):
            each.close()


def test_changes_in_redis_are_compared_and_set(redis_server, monkeypatch):
    """Somebody else changes the key between our look and our change."""
    store = RedisKeyStore(redis_server.url + PATIENT)
    redis_server.client_call("FLUSHALL")
    monkeypatch.setattr("ringwall.authn.apikeys.redis._BATCH", 1)
    records = [made(str(number))[1] for number in range(3)]
    for record in records:
        store.add(record)
    swap, foreign = store._swap, []

    def interfered(text, *changed):
        if foreign:
            redis_server.client_call("SET", f"ringwall:keys:{changed[0].id}", foreign.pop())
        return swap(text, *changed)

    monkeypatch.setattr(store, "_swap", interfered)
    first, second, third = records
    foreign.append(json.dumps(first.replace(owner="bob").as_dict()))
    assert store.revoke(first.id, START)
    assert (store.find(first.id).owner, store.find(first.id).revoked) == ("bob", START)
    rotation = rotate_api_key(second, now=START)
    foreign.append(json.dumps(second.replace(revoked=START).as_dict()))
    assert not store.succeed(rotation.predecessor, rotation.successor)
    assert store.find(rotation.successor.id) is None
    assert {record.id for record in store.records()} == {record.id for record in records}
    monkeypatch.setattr("ringwall.authn.apikeys.redis._BATCH", 1000)
    mget = store._client.mget

    def gone(keys):
        redis_server.client_call("DEL", f"ringwall:keys:{third.id}")
        return mget(keys)

    monkeypatch.setattr(store._client, "mget", gone)
    assert third.id not in {record.id for record in store.records()}
    store.close()


# In front of an app


def both(store, question):
    """A request through WSGI and one through ASGI on the given layer: the same answer."""
    layer, *headers = question
    one = send_wsgi(layer, *headers)
    other = in_one_loop(store, send_asgi(layer, *headers))
    assert (one.status, one.body, one.headers) == (other.status, other.body, other.headers)
    assert (one.principal is False) == (other.principal is False)
    return one


def test_keys_open_and_wrong_ones_do_not(store):
    key, record = made()
    store.add(record)
    layer = Authentication(APIKey(store, clock=Clock(), last_used=False))
    assert both(store, (layer, header(key))).principal.subject == "alice"
    stranger, _ = made("eve")
    answer = both(store, (layer, header(stranger)))
    assert (answer.status, code(answer)) == (401, "invalid-api-key")


def test_old_and_new_key_are_good_while_they_overlap(store):
    old_key, record = made()
    store.add(record)
    clock = Clock()
    layer = Authentication(APIKey(store, clock=clock, cache_ttl=0, last_used=False))
    rotation = rotate_api_key(record, overlap=HOUR, now=START)
    assert store.succeed(rotation.predecessor, rotation.successor)
    look_again(store)
    for seconds in (0, 3599):
        clock.now = NOW + seconds
        for key in (old_key, rotation.key):
            assert send_wsgi(layer, header(key)).principal.scopes == {"orders:read"}
    clock.now = NOW + 3600
    assert code(send_wsgi(layer, header(old_key))) == "api-key-expired"
    assert send_wsgi(layer, header(rotation.key)).status == 200


def look_again(store):
    if isinstance(store, FileStore):
        store._file._next_check = float("-inf")


def test_a_revocation_counts_within_the_stated_time(store):
    key, record = made()
    store.add(record)
    clock = Clock()
    layer = Authentication(APIKey(store, clock=clock, cache_ttl=5, last_used=False))
    assert send_wsgi(layer, header(key)).status == 200
    store.revoke(record.id, START)
    look_again(store)
    clock.now += 5
    answer = send_wsgi(layer, header(key))
    assert (answer.status, code(answer)) == (401, "api-key-revoked")
    wrong = with_another_secret(key)
    assert code(send_wsgi(layer, header(wrong))) == "invalid-api-key", "told to the owner alone"


# A store that is down


class Lines(list):
    """The records of exchanges; not those of start and stop."""

    def write(self, record):
        if b'"event":"exchange"' in record:
            self.append(record)

    def close(self):
        pass


def decisions(line):
    return [d for d in json.loads(line)["decisions"] if d["layer"] == "authentication"]


def assert_closed(store, key, caplog, secret):
    lines = Lines()
    layer = Stack(
        Audit(lines, request_id_header=None),
        Authentication(APIKey(store, clock=Clock(), cache_ttl=0)),
    )
    answer = both(store, (layer, header(key)))
    assert (answer.status, code(answer)) == (503, "key-store-unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "www-authenticate" not in answer.headers
    assert len(lines) == 2, "one record for each request"
    for line in map(bytes.decode, lines):
        (only,) = decisions(line)
        assert (only["outcome"], only["reason"]) == ("error", "key-store-unavailable")
        assert key not in line
        assert secret not in line
    assert secret not in caplog.text


def test_without_its_table_a_database_closes_the_door(tmp_path, caplog):
    key, _ = made()
    store = SQLKeyStore(f"sqlite:///{tmp_path}/none.db")
    assert_closed(store, key, caplog, "none.db")
    store.close()


# The driver's thread may answer when the event loop that gave it up is closed, as only tests do.
@pytest.mark.filterwarnings(
    "ignore:Exception in thread .*_connection_worker_thread"
    ":pytest.PytestUnhandledThreadExceptionWarning"
)
def test_a_database_that_is_locked_closes_the_door_in_time(tmp_path, caplog):
    key, record = made()
    store = SQLKeyStore(f"sqlite:///{tmp_path}/keys.db", timeout=0.05)
    store.create()
    store.add(record)
    other = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/keys.db")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        assert_closed(store, key, caplog, "keys.db")
    other.dispose()
    store.close()


def test_a_redis_that_is_away_closes_the_door(caplog):
    key, record = made()
    with redis_servers.server() as server:
        store = RedisKeyStore(f"redis://:s3cret@127.0.0.1:{server.port}/99", timeout=0.2)
        assert_closed(store, key, caplog, "s3cret")  # it has no such database
        store.close()
        store = RedisKeyStore(server.url + PATIENT)
        store.add(record)
        layer = Authentication(APIKey(store, clock=Clock(), cache_ttl=0, last_used=False))
        assert both(store, (layer, header(key))).status == 200
        store.close()
        store = RedisKeyStore(server.url, timeout=0.2)
        with server.stalled():
            assert_closed(store, key, caplog, "s3cret")
        server.kill()
        assert_closed(store, key, caplog, "s3cret")
        store.close()


@pytest.mark.parametrize("value", [b"{", b"5", b'{"owner": "x"}', b"\xff", b"[" * 9999])
def test_a_document_in_redis_that_is_none_closes_the_door(redis_server, value, caplog):
    key, record = made()
    redis_server.client_call("SET", f"ringwall:keys:{record.id}", value)
    store = RedisKeyStore(redis_server.url)
    assert_closed(store, key, caplog, "owner")
    store.close()


# What is remembered


class Asking:
    def __init__(self, *records):
        self.known = {record.id: record for record in records}
        self.asked = 0

    def find(self, key_id):
        self.asked += 1
        return self.known.get(key_id)


def test_a_record_is_remembered_for_a_while_and_no_longer():
    key, record = made()
    store, clock = Asking(record), Clock()
    layer = Authentication(APIKey(store, clock=clock, cache_ttl=5))
    for seconds, asked in ((0, 1), (4.9, 1), (5, 2), (9.9, 2), (-100, 3)):
        clock.now = NOW + seconds
        assert send(layer, header(key), sides="w").status == 200
        assert store.asked == asked
    wrong = with_another_secret(key)
    assert code(send(layer, header(wrong), sides="w")) == "invalid-api-key"


def test_the_memory_does_not_grow_with_what_strangers_send():
    store = Asking()
    scheme = APIKey(store, clock=Clock())
    layer = Authentication(scheme)
    for number in range(50):
        assert code(send(layer, header(made(f"x{number}")[0]), sides="w")) == "invalid-api-key"
    assert store.asked == 50
    assert repr(scheme._recent) == "<Recent 0>"
    assert repr(scheme) == "<APIKey>"


def test_the_memory_of_records_is_bounded():
    keys = [made(f"x{number}") for number in range(30)]
    scheme = APIKey(Asking(*(record for _, record in keys)), clock=Clock(), cache_size=10)
    layer = Authentication(scheme)
    for key, _ in keys:
        assert send(layer, header(key), sides="w").status == 200
    assert len(scheme._recent._cache) <= 10


# Last use, beside the requests


class Noting(Asking):
    def __init__(self, *records):
        super().__init__(*records)
        self.written = []
        self.fails = None
        self.happened = threading.Event()

    def touch(self, used):
        self.happened.set()
        if self.fails:
            raise self.fails
        self.written.append(dict(used))


def test_uses_are_written_in_batches_and_rarely():
    first, second = made("a"), made("b")
    store, clock = Noting(first[1], second[1]), Clock()
    layer = Authentication(APIKey(store, clock=clock, last_used_every=60))

    def use(key, at):
        clock.now = NOW + at
        assert send_wsgi(layer, header(key)).status == 200
        settled()

    use(first[0], 0)
    assert store.written == [{first[1].id: NOW}]
    for at in (1, 2, 59):
        use(first[0], at)
        use(second[0], at)
    assert len(store.written) == 1, "not one write for each request"
    use(first[0], 60)
    assert store.written[1] == {first[1].id: NOW + 60, second[1].id: NOW + 1}
    assert code(send_wsgi(layer, header(made()[0]))) == "invalid-api-key"
    assert len(store.written) == 2


def settled():
    for thread in threading.enumerate():
        if thread.name == "ringwall-background":
            thread.join(10)


def test_a_note_that_fails_fails_no_request(caplog):
    key, record = made()
    store = Noting(record)
    store.fails = OSError("s3cret")
    assert send_wsgi(Authentication(APIKey(store, clock=Clock())), header(key)).status == 200
    settled()
    assert store.happened.is_set()
    assert "OSError" in caplog.text
    assert "s3cret" not in caplog.text


def test_under_asgi_a_note_is_a_task(tmp_path):
    key, record = made()
    store = SQLKeyStore(f"sqlite:///{tmp_path}/keys.db")
    store.create()
    store.add(record)
    layer = Authentication(APIKey(store, clock=Clock()))

    async def run():
        answer = await send_asgi(layer, header(key))
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others)
        return answer.status, len(others)

    assert in_one_loop(store, run()) == (200, 1)
    assert next(store.records()).last_used == START
    store.close()


def test_a_file_notes_in_a_file_of_its_own_where_that_is_asked_for(tmp_path):
    key, record = made()
    path = tmp_path / "keys.toml"
    FileStore(path, missing_ok=True).add(record)
    before = path.read_bytes()
    assert send_wsgi(Authentication(APIKey(path, clock=Clock())), header(key)).status == 200
    settled()
    assert not path.with_name("keys.toml.used").exists()
    layer = Authentication(APIKey(path, clock=Clock(), last_used=True))

    async def run():
        return (await send_asgi(layer, header(key))).status

    assert asyncio.run(run()) == 200
    settled()
    assert path.read_bytes() == before
    assert [each.last_used for each in FileStore(path).records()] == [START]
    for spoilt in ("{", "[]", f'{{"{record.id}": "x"}}'):
        path.with_name("keys.toml.used").write_text(spoilt)
        assert [each.last_used for each in FileStore(path).records()] == [None]


def test_what_is_noted_is_bounded(monkeypatch):
    monkeypatch.setattr("ringwall.authn.apikeys.used._MOST", 4)
    written = []
    noted = LastUsed(written.append, None, 60.0, Clock())
    for number in range(20):
        noted.note(str(number), "wsgi")
    settled()
    assert len(noted._noted) <= 4
    assert len(noted._dirty) <= 4
    assert repr(noted) == "<LastUsed>"


# Files


def test_a_file_is_for_its_owner_alone_and_written_in_one_step(tmp_path, monkeypatch):
    path = tmp_path / "keys.toml"
    store = FileStore(path, missing_ok=True)
    store.add(made()[1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name("keys.toml.lock").stat().st_mode) == 0o600
    path.chmod(0o664)
    store.add(made()[1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640, "its group may go on reading it"
    before = path.read_bytes()

    def fails(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_writing.os, "fsync", fails)
    with pytest.raises(ConfigurationError, match="No space left"):
        store.add(made()[1])
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"keys.toml", "keys.toml.lock"}


def test_the_owner_of_a_file_stays(tmp_path, monkeypatch):
    """root may rotate the keys of a service."""
    path = tmp_path / "keys.toml"
    store = FileStore(path, missing_ok=True)
    store.add(made()[1])
    given = []
    monkeypatch.setattr(_writing.os, "geteuid", lambda: -1)
    monkeypatch.setattr(_writing.os, "fchown", lambda _, uid, gid: given.append((uid, gid)))
    store.add(made()[1])
    assert given == [(path.stat().st_uid, path.stat().st_gid)]


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.toml", tmp_path / "keys.toml"
    FileStore(real, missing_ok=True).add(made()[1])
    link.symlink_to(real)
    FileStore(link).add(made()[1])
    assert link.is_symlink()
    assert len(list(FileStore(real).records())) == 2


def test_comments_of_people_survive(tmp_path):
    path = tmp_path / "keys.toml"
    (_, first), (_, second) = made("a"), made("b")
    path.write_text("# ours\n\n" + first.as_toml() + "\n# theirs\n" + second.as_toml().rstrip("\n"))
    store = FileStore(path)
    rotation = rotate_api_key(first, now=START)
    assert store.succeed(rotation.predecessor, rotation.successor)
    store.revoke(second.id, START)
    text = path.read_text()
    assert text.startswith("# ours\n\n[keys.")
    assert "\n# theirs\n" in text
    assert {each.owner for each in store.records()} == {"a", "b"}


@pytest.mark.parametrize(
    "layout",
    [
        "[keys]\n{id} = {{ hash = '{hash}', owner = 'a' }}\n",
        "[keys.'{id}']\nhash = '{hash}'\nowner = 'a'\n",
        "keys.{id}.hash = '{hash}'\nkeys.{id}.owner = 'a'\n",
        "[keys.{id}]\nhash = '{hash}'\n# owner\nowner = 'a'\n",
    ],
)
def test_a_file_laid_out_otherwise_is_left_alone(tmp_path, layout):
    path = tmp_path / "keys.toml"
    _, record = made("a")
    path.write_text(layout.format(id=record.id, hash=record.hash))
    store, before = FileStore(path), path.read_text()
    with pytest.raises(ConfigurationError, match="by hand"):
        store.revoke(record.id, START)
    assert path.read_text() == before


@pytest.mark.parametrize("name", ["keys.toml", "keys.json"])
def test_a_spoilt_file_is_not_overwritten(tmp_path, name):
    path = tmp_path / name
    store = FileStore(path, missing_ok=True)
    path.write_text("{")
    with pytest.raises(ConfigurationError, match=name):
        store.add(made()[1])
    assert path.read_text() == "{"
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match="directory"):
        list(store.records())


# SQL engines


def test_a_url_is_a_store(tmp_path):
    assert APIKey(f"sqlite:///{tmp_path}/keys.db").colours == {"asgi", "wsgi"}
    assert APIKey("redis://localhost:1").colours == {"asgi", "wsgi"}


def test_a_database_without_a_pool_has_no_wait_for_one(tmp_path, monkeypatch):
    """As older SQLAlchemy has it for SQLite."""
    url = f"sqlite:///{tmp_path}/keys.db"
    dialect = sqlalchemy.make_url(url).get_dialect()
    monkeypatch.setattr(dialect, "get_pool_class", lambda *_: sqlalchemy.NullPool)
    with contextlib.closing(SQLKeyStore(url)) as store:
        store.create()
        _, record = made()
        store.add(record)
        assert store.find(record.id).owner == "alice"


def test_records_in_memory_are_found_by_id_and_make_their_principal_once():
    _, record = made()
    store = MemoryStore([record])
    assert store.find(record.id) is record
    assert store.find("nobody") is None
    assert record.principal is record.principal
    assert record.principal.subject == "alice"


def test_engines_of_ones_own(tmp_path):
    _, record = made()
    url = f"{tmp_path}/keys.db"
    blocking = sqlalchemy.create_engine(f"sqlite:///{url}")
    store = SQLKeyStore(blocking)
    assert store.colours == {"wsgi"}
    store.create()
    assert stat.S_IMODE(Path(url).stat().st_mode) == 0o600
    store.add(record)
    assert store.find(record.id).owner == "alice"

    async def run(store):
        assert (await store.afind(record.id)).owner == "alice"
        await store.atouch({record.id: NOW})
        await store.aclose()

    for store in (
        SQLKeyStore(create_async_engine(f"sqlite+aiosqlite:///{url}")),
        SQLKeyStore(f"sqlite+aiosqlite:///{url}"),
        SQLKeyStore(blocking, async_database=f"sqlite+aiosqlite:///{url}"),
        SQLKeyStore(blocking, async_database=create_async_engine(f"sqlite+aiosqlite:///{url}")),
    ):
        assert "asgi" in store.colours
        asyncio.run(run(store))
        if "wsgi" not in store.colours:
            with pytest.raises(ConfigurationError, match="blocking driver"):
                store.find(record.id)
            with pytest.raises(ConfigurationError):
                Authentication(APIKey(store)).wsgi(lambda environ, start_response: [])
    only_blocking = SQLKeyStore(blocking)
    with pytest.raises(ConfigurationError, match="asynchronous driver"):
        asyncio.run(only_blocking.afind(record.id))
    with pytest.raises(ConfigurationError):
        Authentication(APIKey(only_blocking)).asgi(lambda scope, receive, send: None)
    blocking.dispose()
    gc.collect()


def test_only_sqlite_has_a_file(tmp_path, monkeypatch):
    store = SQLKeyStore(f"sqlite:///{tmp_path}/keys.db")
    asked = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store._sql.metadata, "create_all", asked.append)
    store._engine = SimpleNamespace(url=sqlalchemy.make_url("postgresql://db.example.com/keys"))
    store.create()
    assert len(asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_drivers_are_missed_at_construction(tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match="pip install psycopg") as caught:
        SQLKeyStore("postgresql+psycopg://alice:s3cret@db.example.com/keys")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        SQLKeyStore(f"sqlite:///{tmp_path}/keys.db", async_database="s3cret")
    assert "s3cret" not in str(caught.value)
    monkeypatch.setattr("ringwall.authn.apikeys._sql.find_spec", lambda name: None)
    store = SQLKeyStore(f"sqlite:///{tmp_path}/keys.db")
    assert store.colours == {"wsgi"}
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingDependency, match=r"ringwall\[redis\]"):
        RedisKeyStore("redis://localhost")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delitem(sys.modules, "ringwall.authn.apikeys._sql")
    monkeypatch.delattr("ringwall.authn.apikeys._sql")
    with pytest.raises(MissingDependency, match=r"ringwall\[sql\]"):
        SQLKeyStore("sqlite:///keys.db")


def test_a_driver_for_both_interfaces_serves_both(monkeypatch):
    from ringwall.authn.apikeys import _sql

    monkeypatch.setattr(_sql, "_check", lambda url, is_async: None)
    monkeypatch.setattr(_sql.sa, "create_engine", lambda url, **options: (url, options))
    monkeypatch.setattr(_sql, "create_async_engine", lambda url, **options: (url, options))
    (url, options), make = _sql.engines("postgresql+psycopg://db/keys", None, 2.0)
    assert make() == (url, options)
    assert options == {"hide_parameters": True, "pool_timeout": 2.0, "pool_pre_ping": True}


# Rotation


def test_rotation_keeps_what_the_key_was_made_for():
    _, record = made(roles=["clerk"], prefix="acme_", expires_in=timedelta(days=30))
    key, new, old = rotate_api_key(record, overlap=HOUR, now=START + timedelta(days=10))
    assert key.startswith(f"acme_{new.id}_")
    assert (new.owner, new.scopes, new.roles) == (record.owner, record.scopes, record.roles)
    assert new.expires == START + timedelta(days=40)
    assert old.expires == START + timedelta(days=10) + HOUR
    assert key not in repr(rotate_api_key(record, now=START))
    _, new, old = rotate_api_key(record, overlap=timedelta(days=99), now=START)
    assert old.expires == record.expires, "an overlap does not make a key live longer"
    _, new, old = rotate_api_key(made(expires_in=None)[1], overlap=HOUR, now=START)
    assert (new.expires, old.expires) == (None, START + HOUR)
    bare = record.replace(created=None)
    assert rotate_api_key(bare, now=START).successor.expires == START + timedelta(days=90)
    later = rotate_api_key(record, expires_in=HOUR, now=START).successor
    assert later.expires == START + HOUR


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"revoked": START}, {}, "revoked or expired"),
        ({"expires": START}, {}, "revoked or expired"),
        ({"replaced_by": "A" * 12}, {}, "replaced already, by AAAA"),
        ({}, {"overlap": timedelta(-1)}, "zero or more"),
    ],
)
def test_what_cannot_be_rotated(changes, options, message):
    with pytest.raises(ConfigurationError, match=message):
        rotate_api_key(made()[1].replace(**changes), now=START, **options)


def test_nothing_secret_in_the_log_of_a_database(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    key, record = made("s3cret-owner")
    store = SQLKeyStore(f"sqlite:///{tmp_path}/keys.db")
    store.create()
    store.add(record)
    with pytest.raises(sqlalchemy.exc.IntegrityError) as caught:
        store.add(record)
    store.find(record.id)
    store.close()
    for text in (str(caught.value), caplog.text):
        assert record.digest.hex() not in text
        assert "s3cret-owner" not in text
        assert key not in text
