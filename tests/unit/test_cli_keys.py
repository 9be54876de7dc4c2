"""`ringwall keys`: what it prints, what it never prints, and its exit status."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

import redis_servers
from authn_support import send
from ringwall import APIKey, Authentication
from ringwall.authn import generate_api_key
from ringwall.authn.apikeys.file import FileStore
from ringwall.authn.apikeys.open import open_store
from ringwall.cli import main


@pytest.fixture(scope="module")
def redis_server():
    with redis_servers.server() as server:
        yield server


@pytest.fixture(params=["toml", "json", "sql", "redis"])
def store(request, tmp_path):
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.client_call("FLUSHALL")
        return server.url + "?socket_timeout=30&socket_connect_timeout=30"
    if request.param == "sql":
        return f"sqlite:///{tmp_path}/keys.db"
    return str(tmp_path / f"keys.{request.param}")


@pytest.fixture
def run(capsys):
    def call(*arguments):
        """The exit status, what went to stdout, and what to stderr."""
        status = main(["keys", *arguments])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return call


def opens(store, key):
    opened = open_store(store)
    layer = Authentication(APIKey(opened, cache_ttl=0, last_used=False))
    answer = send(layer, (b"authorization", f"ApiKey {key}".encode()), sides="w")
    if hasattr(opened, "close"):
        opened.close()
    return answer.status == 200


def test_the_life_of_a_key(store, run):
    status, out, err = run("new", store, "--owner", "alice", "--scopes", "a,b", "--roles", "clerk")
    key = out.strip()
    id = key.split("_")[1]
    assert (status, out.count("\n")) == (0, 1)
    assert id in err
    assert key not in err
    assert opens(store, key)

    status, out, _ = run("list", store)
    assert status == 0
    line = out.splitlines()[1]
    assert line.startswith(f"{id}  alice  active")
    assert line.endswith("a b role:clerk")

    status, out, err = run("rotate", store, id, "--overlap", "1h", "--json")
    new = json.loads(out)
    assert status == 0
    assert (new["owner"], new["scopes"], new["roles"]) == ("alice", ["a", "b"], ["clerk"])
    assert opens(store, key)
    assert opens(store, new["key"])
    assert run("rotate", store, id)[::2] == (
        2,
        f"ringwall: key {id} was replaced already, by {new['id']}\n",
    )

    listed = json.loads(run("list", store, "--json")[1])
    assert {each["id"]: each["state"] for each in listed} == {id: "replaced", new["id"]: "active"}

    assert run("revoke", store, id)[:2] == (0, f"revoked {id}\n")
    assert not opens(store, key)
    assert opens(store, new["key"])
    assert json.loads(run("revoke", store, new["id"], "--json")[1]) == {
        "id": new["id"],
        "revoked": True,
    }
    assert not opens(store, new["key"])

    for name in ("list", "audit"):
        for option in ((), ("--json",)):
            shown = "".join(map(str, run(name, store, *option)))
            for secret in (key, new["key"]):
                assert secret[20:40] not in shown
            assert "sha256" not in shown
            assert "hash" not in shown


NOW = datetime.now(timezone.utc)


def made(owner, days, **changes):
    at = NOW - timedelta(days=days)
    options = {name: changes.pop(name) for name in ("not_before", "expires_in") if name in changes}
    return generate_api_key(owner, now=at, **{"expires_in": None} | options)[1].replace(**changes)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys.toml"
    store = FileStore(path, missing_ok=True)
    for record in (
        made("old", 91),
        made("young", 89),
        made("unknown", 0, created=None),
        made("revoked", 91, revoked=NOW),
        made("expired", 91, expires_in=timedelta(days=90)),
        made("later", 1, not_before=NOW + timedelta(days=1)),
        made("busy", 40, last_used=NOW - timedelta(days=1)),
        made("idle", 60, last_used=NOW - timedelta(days=50)),
    ):
        store.add(record)
    return str(path)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], ["old", "unknown"]),
        (["--older-than", "30d"], ["busy", "idle", "old", "unknown", "young"]),
        (["--older-than", "99w"], ["unknown"]),
        (["--unused-for", "45d"], ["idle", "old", "unknown", "young"]),
    ],
)
def test_old_and_unused_keys_are_found(file, run, options, found):
    status, out, _ = run("audit", file, "--json", *options)
    assert [each["owner"] for each in json.loads(out)] == found
    assert status == 1
    status, out, _ = run("audit", file, *options)
    assert status == 1
    assert [line.split()[1] for line in out.splitlines()[1:]] == found


def test_where_all_is_well_the_status_is_0(run, tmp_path):
    path = str(tmp_path / "keys.toml")
    run("new", path, "--owner", "alice")
    assert run("audit", path)[0] == 0
    assert run("audit", path, "--json")[:2] == (0, "[]\n")
    assert run("audit", path, "--older-than", "0s")[0] in (0, 1)


def test_every_state_has_a_word(file, run):
    states = {each["owner"]: each["state"] for each in json.loads(run("list", file, "--json")[1])}
    assert states == {
        **dict.fromkeys(("old", "young", "unknown", "busy", "idle"), "active"),
        "revoked": "revoked",
        "expired": "expired",
        "later": "not-yet",
    }


def test_options_of_new(run, tmp_path):
    path = str(tmp_path / "keys.json")
    status, out, _ = run(
        *("new", path, "--owner", "bob", "--expires", "never", "--prefix", "acme_", "--json"),
        *("--not-before", "2100-01-01T00:00:00Z"),
    )
    made = json.loads(out)
    assert status == 0
    assert made["key"].startswith("acme_")
    assert (made["not_before"], "expires" in made) == ("2100-01-01T00:00:00Z", False)
    until = json.loads(run("new", path, "--owner", "bob", "--expires", "12h", "--json")[1])
    begin, end = (
        datetime.fromisoformat(until[n].replace("Z", "+00:00")) for n in ("created", "expires")
    )
    assert end - begin == timedelta(hours=12)


def test_what_an_owner_is_called_cannot_drive_the_terminal(run, tmp_path):
    path = str(tmp_path / "keys.toml")
    run("new", path, "--owner", "a\x1b[31m\u202e", "--scopes", "x\x07")
    out = run("list", path)[1]
    assert "\x1b" not in out
    assert "\\x1b[31m\\u202e" in out
    assert "\x07" not in out


def test_a_url_may_come_from_the_environment(run, tmp_path, monkeypatch):
    monkeypatch.setenv("KEYS", f"sqlite:///{tmp_path}/keys.db")
    assert run("new", "env:KEYS", "--owner", "alice")[0] == 0
    assert "alice" in run("list", "env:KEYS")[1]
    assert run("list", "env:NOWHERE")[::2] == (2, "ringwall: the variable NOWHERE is not set\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "nosuch.toml"), "No such file"),
        (("list", "keys.yaml"), "ends with .toml or .json"),
        (("list", "redis://:s3cret@127.0.0.1:1"), "the store failed: ConnectionError"),
        (("list", "nosuch://:s3cret@x"), "URL for SQLAlchemy"),
        (("rotate", "KEYS", "0" * 12), "there is no key"),
        (("revoke", "KEYS", "0" * 12), "there is no key"),
        (("revoke", "KEYS", "\x1b[31m"), "there is no key \\\\x1b"),
        (("new", "KEYS", "--owner", ""), "owner must be"),
        (("new", "KEYS", "--owner", "x", "--prefix", "-"), "prefix must be"),
    ],
)
def test_what_fails_is_told_in_one_line(run, tmp_path, arguments, message):
    path = str(tmp_path / "keys.toml")
    run("new", path, "--owner", "alice")
    status, out, err = run(*(path if each == "KEYS" else each for each in arguments))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "s3cret" not in err
    assert re.search(message, err)


def test_a_race_for_one_key_is_told(run, tmp_path, monkeypatch):
    path = str(tmp_path / "keys.toml")
    key = run("new", path, "--owner", "alice")[1]
    monkeypatch.setattr(FileStore, "succeed", lambda self, old, new: False)
    status, out, err = run("rotate", path, key.split("_")[1])
    assert (status, out) == (2, "")
    assert "somebody else" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--expires", "soon"),
        ("--expires", "-1d"),
        ("--expires", "1d1h"),
        ("--not-before", "tomorrow"),
        ("--not-before", "2030-01-01T00:00:00"),
    ],
)
def test_bad_times_are_refused(run, tmp_path, arguments):
    with pytest.raises(SystemExit) as caught:
        run("new", str(tmp_path / "keys.toml"), "--owner", "x", *arguments)
    assert caught.value.code == 2
