"""A log tells with which configuration it was written, and each decision by which policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit_support import Gate, Lines, WSGIApp, call_wsgi
from ringwall import (
    HTTPS,
    JWT,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    Layer,
    RateLimit,
    Stack,
    TrustedProxies,
    allow,
    public,
    scope,
)
from ringwall._fingerprint import Configured, fingerprint
from ringwall.audit import JSONLinesSink
from ringwall.audit.verify import read_lines, verify
from ringwall.authz import Policy, claim, owner
from ringwall.cli import main

ISSUER = {"issuer": "https://id.example", "audience": "https://api.example"}


def load(order_id: int) -> None: ...


def even(facts: Any) -> bool:
    return bool(facts)


def within(bound: int) -> Any:
    return lambda facts: bound > 3


class Model:
    name: str


class Other(Layer):
    def __init__(self, *given: Any, **more: Any) -> None:
        self.given = given


class Loud:
    def __repr__(self) -> str:
        return "<Loud redis://user:s3cret@host/0>"


CASES: list[Any] = [
    lambda: RateLimit("100/minute"),
    lambda: RateLimit("101/minute"),
    lambda: RateLimit("100/minute", key="principal"),
    lambda: HTTPS(hosts=["a.example"]),
    lambda: HTTPS(hosts=["b.example"]),
    lambda: HTTPS(hosts={"a.example", "b.example", "c.example"}),
    lambda: Authentication(JWT(**ISSUER)),  # type: ignore[arg-type]
    lambda: Authentication(JWT(**ISSUER, leeway=30)),  # type: ignore[arg-type]
    lambda: Authentication(JWT(**ISSUER), optional=True),  # type: ignore[arg-type]
    lambda: Authorization(allow("GET", "/a", scope("a"))),
    lambda: Authorization(allow("GET", "/a", scope("b"))),
    lambda: Authorization(allow("GET", "/a", ~scope("b"))),
    lambda: Authorization(allow("GET", "/a", claim("tenant", "one"))),
    lambda: Authorization(allow("GET", "/a", claim("tenant", "two"))),
    lambda: Authorization(allow("GET", "/a", even)),
    lambda: Authorization(allow("GET", "/a", lambda facts: facts is None)),
    lambda: Authorization(allow("GET", "/a", lambda facts: facts is not None)),
    lambda: Authorization(allow("GET", "/a", within(1))),
    lambda: Authorization(allow("GET", "/a", within(2))),
    lambda: Authorization(allow("GET", "/a/{order_id:int}", owner(load))),
    lambda: Authorization(allow("GET", "/a/{order_id:int}", owner(load), hide=True)),
    lambda: Authorization(public("GET", "/a"), roles={"admin": ["editor"]}),
    lambda: Authorization(public("GET", "/a"), roles={"admin": ["viewer"]}),
    lambda: BodyValidation({"POST /a": {"type": "object"}}),
    lambda: BodyValidation({"POST /a": {"type": "array"}}),
    lambda: Other(partial(print, 1), Model, Path("/a"), None, 1.5, True),
    lambda: Other(partial(print, 2), Model, Path("/a"), None, 1.5, True),
    lambda: Other(Other(1)),
    lambda: Other(Other(2)),
    lambda: Other(object()),
    lambda: Other([object(), print]),
    lambda: TrustedProxies(["10.0.0.0/8"]),
    lambda: TrustedProxies(["10.0.0.0/9"]),
]


def test_a_name_changes_with_the_configuration_and_with_nothing_else() -> None:
    names = [fingerprint(make()) for make in CASES]
    assert names == [fingerprint(make()) for make in CASES]
    assert len(set(names)) == len(CASES)


def test_a_name_is_the_same_in_every_process() -> None:
    program = (
        "import test_audit_configuration as t; from ringwall._fingerprint import fingerprint;"
        "print([fingerprint(make()) for make in t.CASES])"
    )
    environment = {
        **os.environ, "PYTHONHASHSEED": "7",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True
    )
    here = subprocess.run(
        [sys.executable, "-c", program], env={**environment, "PYTHONHASHSEED": "8"},
        capture_output=True, check=True,
    )  # fmt: skip
    assert told.stdout == here.stdout != b""


def test_no_secret_can_be_guessed_from_a_name() -> None:
    def named(*values: Any, **more: Any) -> str:
        return fingerprint(Other(*values, **more))

    assert named("redis://u:one@host") == named("redis://u:two@host")
    assert named("redis://u:one@host") != named("redis://u:one@other")
    assert named(b"one") == named(b"two") == named(bytearray(b"two"))
    assert named(client_secret="one") == named(client_secret="two")
    assert named(client_secret="one") != named(client_name="one")
    assert named(Loud()) == named(Loud())
    assert "s3cret" not in repr(named(Loud()))


def test_a_class_without_a_constructor_has_a_name_on_a_python_without_docstrings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(of: object) -> None:
        raise ValueError("no signature found for builtin")

    class Plain(Configured):
        pass

    usual = fingerprint(Plain())
    monkeypatch.setattr("ringwall._fingerprint.signature", missing)
    assert fingerprint(Plain()) == usual


def test_anything_has_a_name() -> None:
    around: list[Any] = []
    around.append(around)
    deep: Any = ()
    for _ in range(500):
        deep = (deep,)

    def unbound() -> Any:
        def inner() -> Any:
            return later

        made = fingerprint(inner)
        later = 1
        return made, later

    class Mute:
        def __repr__(self) -> str:
            raise RuntimeError

    for thing in (
        Mute(),
        around,
        deep,
        "\ud800",
        {1: 2, "a": 3},
        frozenset({1, "a"}),
        unbound()[0],
    ):
        assert len(fingerprint(thing)) == 16


def starts(lines: Lines) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.life]


def test_the_start_tells_the_configuration_of_the_whole_stack() -> None:
    told = []
    for rate in ("5/minute", "5/minute", "6/minute"):
        lines = Lines()
        inner = Stack(RateLimit(rate)).wsgi(WSGIApp())
        call_wsgi(Stack(Audit(lines), Gate()).wsgi(inner))
        (start,) = starts(lines)
        assert [layer.split(" ")[0] for layer in start["layers"]] == [
            "stack", "audit", "gate", "ratelimit",
        ]  # fmt: skip
        told.append(start)
    assert told[0]["configuration"] == told[1]["configuration"] != told[2]["configuration"]
    differing = set(told[2]["layers"]) - set(told[1]["layers"])
    assert [layer.split(" ")[0] for layer in differing] == ["ratelimit"]


def test_options_of_the_stack_count() -> None:
    told = set()
    for options in (
        {}, {"paths": "strict"}, {"relax": "encoded-slash"}, {"answer_errors": False},
        {"proxies": TrustedProxies(["10.0.0.0/8"])},
    ):  # fmt: skip
        lines = Lines()
        call_wsgi(Stack(Audit(lines), **options).wsgi(WSGIApp()))  # type: ignore[arg-type]
        told.add(starts(lines)[0]["layers"][0])
    assert len(told) == 5


def test_an_audit_around_several_apps_tells_each_configuration_once() -> None:
    lines = Lines()
    audit = Audit(lines)
    one = Stack(audit).wsgi(WSGIApp())
    two = Stack(audit, Gate()).wsgi(WSGIApp())
    Stack(audit).wsgi(WSGIApp())
    call_wsgi(one)
    call_wsgi(two)
    Stack(audit, Gate(), RateLimit("5/minute")).wsgi(WSGIApp())
    Stack(audit, Gate()).wsgi(WSGIApp())
    (start,) = starts(lines)
    events = [record for record in lines.records if record["event"] == "configuration"]
    told = [start["configuration"], *(record["configuration"] for record in events)]
    assert len(told) == len(set(told)) == 3


def test_a_decision_tells_the_version_of_the_policy() -> None:
    lines = Lines()
    policy = Policy(allow("GET", "/v1", scope("a")), allow("GET", "/yes", scope("a")))
    layer = Authorization(policy=policy)
    app = Stack(Audit(lines), layer).wsgi(WSGIApp())
    call_wsgi(app)
    other = Policy(public("GET", "/yes"))
    layer.replace(other)
    call_wsgi(app)
    versions = [record["decisions"][-1]["version"] for record in lines.records]
    assert versions == [policy.version, other.version]
    assert policy.version != other.version


def test_layers_without_a_version_tell_none() -> None:
    lines = Lines()
    call_wsgi(Stack(Audit(lines), Gate()).wsgi(WSGIApp()))
    assert "version" not in lines.only["decisions"][0]


def test_verify_tells_that_a_configuration_changed(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "audit.jsonl"

    def run(*layers: Layer) -> None:
        audit = Audit(JSONLinesSink(path))
        call_wsgi(Stack(audit, *layers).wsgi(WSGIApp()))
        audit.close()

    run(RateLimit("5/minute"))
    run(RateLimit("5/minute"))
    assert not verify(read_lines([path])).notes[1:]
    run(RateLimit("6/minute"))
    run(Gate(), RateLimit("6/minute"))
    run(RateLimit("6/minute"), Gate())
    run(RateLimit("5/minute"))
    notes = [note for note in verify(read_lines([path])).notes if "configuration" in note]
    told = [note.partition("before: ")[2] for note in notes]
    assert told == ["ratelimit", "gate", "the order"]
    assert main(["audit", "verify", str(path)]) == 0
    assert "another configuration than before: gate" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more", [{"configuration": []}, {"layers": 3}, {"layers": [[], 1], "configuration": {}}]
)
def test_a_forged_configuration_is_no_crash(tmp_path: Path, more: Any) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)
    for record in ({"configuration": "a", "layers": ["b c"]}, more):
        sink.write(json.dumps({"event": "start", **record}, sort_keys=True,
                              separators=(",", ":")).encode())  # fmt: skip
    sink.close()
    assert verify(read_lines([path])).ok
