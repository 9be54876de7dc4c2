"""`ringwall limits`: what is counted for somebody, and who is refused most."""

from __future__ import annotations

import io
import json
import os
import sys
import types

import pytest

from audit_support import Lines
from ratelimit_support import App, wsgi_sender
from redis_servers import server
from ringwall import (
    Audit,
    Layer,
    LMDBStore,
    LoginLimit,
    MessageLimit,
    Principal,
    RateLimit,
    RedisStore,
    Stack,
)
from ringwall.cli import main
from ringwall.ratelimit import Rule, StoreUnavailable, Tiers
from ringwall.ratelimit.inspection import Subject, reset


@pytest.fixture(scope="module")
def redis():
    with server() as one:
        yield one


class Says(Layer):
    name = "authentication"

    def on_request(self, exchange):
        exchange.authenticate(
            Principal("alice", scheme="x", issuer="https://i", claims={"tenant": "acme"})
        )


def stack_on(store):
    return Stack(
        Says(),
        RateLimit("1000/hour", policy="in each process"),
        RateLimit(
            "5/hour",
            Rule(Tiers("plan", {"free": "7/hour", "pro": "9/hour"}, default="free"),
                 key="principal"),
            Rule("8/hour", key=("claim:tenant", "route"), policy="tenant"),
            Rule("9/hour", key="header:x-device"),
            Rule("4/hour", key=lambda exchange: "all", policy="everything"),
            Rule(lambda exchange: "30/hour", key=lambda exchange: "all", policy="dynamic"),
            store=store,
        ),
        MessageLimit("6/hour", policy="messages", store=store),
        LoginLimit("POST /login", account=lambda exchange: "Alice", store=store),
    )  # fmt: skip


@pytest.fixture(params=["lmdb", "redis"])
def run(request, tmp_path, monkeypatch, capsys):
    if request.param == "lmdb":
        store = LMDBStore(tmp_path)
    else:
        one = request.getfixturevalue("redis")
        one.client_call("FLUSHALL")
        store = RedisStore(one.url, timeout=5)
    module = types.ModuleType("shop")
    module.stack = stack_on(store)
    monkeypatch.setitem(sys.modules, "shop", module)
    send = wsgi_sender(module.stack, App())
    for _ in range(2):
        assert send(path="/login", method="POST", x_device="one").status == 200

    def command(*arguments):
        status = main(["limits", *arguments])
        return status, capsys.readouterr()

    return command


def lines(out):
    """The units left by the limit's name."""
    rows = [line.split() for line in out.splitlines()[1:]]
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def test_show_tells_what_is_counted_for_a_client(run):
    status, printed = run("show", "192.0.2.1", "--stack", "shop:stack")
    assert status == 0
    assert lines(printed.out) == {"client": (3, 5), "messages": (6, 6), "login-client": (48, 50)}
    assert lines(run("show", "::ffff:192.0.2.1", "--stack", "shop:stack")[1].out)["client"][0] == 3
    assert lines(run("show", "client:192.0.2.2", "--stack", "shop:stack")[1].out)["client"][0] == 5


def test_show_asks_for_everything_else_too(run):
    target = ("--stack", "shop:stack", "--issuer", "https://i")
    shown = run("show", "principal:alice", *target)[1].out
    assert [line.split()[:3] for line in shown.splitlines()[1:]] == [
        ["principal", "5", "7"],
        ["principal", "9", "9"],
    ]
    tenant = run("show", "claim:tenant=acme", "route:", *target)[1].out
    assert lines(tenant) == {"tenant": (6, 8)}
    assert lines(run("show", "header:x-device=one", *target)[1].out) == {"x-device": (7, 9)}
    assert lines(run("show", "key:all", *target)[1].out) == {"everything": (2, 4)}
    assert lines(run("show", "account:ALICE", *target)[1].out) == {"login-account": (98, 100)}
    both = lines(run("show", "account:alice", "192.0.2.1", *target)[1].out)
    assert both["login-lock-1"] == (3, 5)


def test_what_is_used_up_is_told_by_the_status(run):
    target = ("--stack", "shop:stack")
    assert run("show", "key:all", *target)[0] == 0
    send = wsgi_sender(sys.modules["shop"].stack, App())
    for _ in range(2):
        send(path="/login", method="POST", x_device="one")
    assert run("show", "key:all", *target)[0] == 1


def test_reset_forgets_and_says_so(run, caplog):
    target = ("--stack", "shop:stack")
    status, printed = run("reset", "192.0.2.1", *target)
    assert status == 0
    assert "reset: client\n" in printed.out
    assert lines(run("show", "192.0.2.1", *target)[1].out)["client"] == (5, 5)
    assert "rate limits were reset for one key: client, login-client, messages" in caplog.text
    assert "192.0.2.1" not in caplog.text


def test_a_reset_leaves_layers_alone_that_count_nothing_of_him(tmp_path):
    store = LMDBStore(str(tmp_path / "counts"))
    layers = [RateLimit("5/minute", key=key, store=store) for key in ("principal", "client")]
    (check,) = reset(layers, Subject(["192.0.2.1"]))
    assert check.limit.name == "client"


def test_a_reset_is_recorded_before_it_is_done(run, tmp_path, monkeypatch):
    target, log = ("--stack", "shop:stack"), tmp_path / "audit.jsonl"
    assert run("reset", "192.0.2.1", *target, "--audit", str(log))[0] == 0
    assert main(["audit", "verify", str(log)]) == 0
    (record,) = [json.loads(line) for line in log.read_text().splitlines() if "limits-" in line]
    assert record["event"] == "limits-reset"
    assert record["keys"] == ["192.0.2.1"]
    assert record["limits"] == ["client", "login-client", "messages"]
    assert record["uid"] == os.getuid()

    def down(*arguments):
        raise StoreUnavailable

    monkeypatch.setattr("ringwall.ratelimit.inspection.reset", down)
    keys = ("claim:tenant=acme", "route:", "--issuer", "https://i\n")
    assert run("reset", *keys, *target, "--audit", str(log))[0] == 3
    told = [json.loads(line) for line in log.read_text().splitlines() if "limits-" in line]
    assert [one["event"] for one in told[1:]] == ["limits-reset", "limits-reset-failed"]
    assert {one["issuer"] for one in told[1:]} == {"https://i\\n"}


def test_what_cannot_be_recorded_is_not_done(run, tmp_path, monkeypatch):
    target = ("--stack", "shop:stack")
    status, printed = run("reset", "192.0.2.1", *target, "--audit", str(tmp_path / "no" / "log"))
    assert status == 2

    def full(sink, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ringwall.audit.jsonlines.JSONLinesSink.write", full)
    status, printed = run("reset", "192.0.2.1", *target, "--audit", str(tmp_path / "log"))
    assert status == 2
    assert "cannot write the audit log: OSError" in printed.err
    assert lines(run("show", "192.0.2.1", *target)[1].out)["client"] == (3, 5)


@pytest.mark.parametrize("action", ["show", "reset"])
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["nonsense"], "is no address; other keys are written as in 'principal:alice'"),
        (["princpal:alice"], "did you mean 'principal'"),
        (["credential:x"], "no limit of this stack"),
    ],
)
def test_keys_that_name_nobody_teach(run, action, keys, message):
    status, printed = run(action, *keys, "--stack", "shop:stack")
    assert status == 2
    assert message in printed.err


@pytest.mark.parametrize("action", ["show", "reset"])
def test_stores_that_cannot_be_asked(action, monkeypatch, capsys):
    module = types.ModuleType("shop")
    module.memory = Stack(RateLimit("1/minute"), MessageLimit("1/minute", policy="talk"))
    module.empty = Stack()
    module.down = RateLimit("1/minute", store=RedisStore("redis://127.0.0.1:1"))
    monkeypatch.setitem(sys.modules, "shop", module)
    assert main(["limits", action, "192.0.2.1", "--stack", "shop:memory"]) == 2
    told = capsys.readouterr().err
    assert "not asked: <RateLimit client>" in told
    assert "not asked: <MessageLimit talk>" in told
    assert "holds no limit in a shared store" in told
    assert main(["limits", action, "192.0.2.1", "--stack", "shop:empty"]) == 2
    assert "holds no limit in a shared store" in capsys.readouterr().err
    assert main(["limits", action, "192.0.2.1", "--stack", "shop:down"]) == 3
    assert "does not answer" in capsys.readouterr().err


# The most refused


def record(client, rule, subject=None, layer="ratelimit", outcome="deny"):
    decision = {"layer": layer, "outcome": outcome, "rule": rule, "reason": "x"}
    return json.dumps({"client": client, "actor": {"subject": subject}, "decisions": [decision]})


def top(monkeypatch, capsys, text, *arguments):
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert main(["limits", "top", "-", *arguments]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_top_counts_refusals_in_what_audit_wrote(tmp_path, capsys):
    sink = Lines()
    layers = Stack(Audit(sink), RateLimit("1/minute", policy="mine"))
    send = wsgi_sender(layers, App())
    for _ in range(3):
        send()
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b"\n".join(line.rstrip(b"\n") for line in sink.lines))
    assert main(["limits", "top", str(file)]) == 0
    assert capsys.readouterr().out.split() == ["2", "mine", "192.0.2.1", "-"]
    assert main(["limits", "top", str(tmp_path / "none")]) == 2


def test_top_sorts_and_passes_over_what_is_no_record(monkeypatch, capsys):
    text = "\n".join([
        record("192.0.2.1", "client"), record("192.0.2.3", "x", None, "authz"),
        *[record("192.0.2.2", "login-lock-1", "bob", "login")] * 2,
        record("192.0.2.4", "client", outcome="allow"), '{"deny": "deny"', '["deny"]', "",
        '{"client": 1, "actor": {"subject": 2}, "decisions": "deny"}',
        record("192.0.2.9\u001b[2J", "client"), '{"x": "' + "y" * (1 << 20) + '", "deny": "deny"}',
    ])  # fmt: skip
    assert top(monkeypatch, capsys, text) == [
        ["2", "login-lock-1", "192.0.2.2", "bob"],
        ["1", "client", "192.0.2.1", "-"],
        ["1", "client", "192.0.2.9?[2J", "-"],
    ]
    assert len(top(monkeypatch, capsys, text, "--most", "1")) == 1


def test_top_counts_a_bounded_number_of_names(monkeypatch, capsys):
    monkeypatch.setattr("ringwall.cli.limits._MOST_NAMES", 10)
    often = [record("192.0.2.1", "client")] * 5
    text = "\n".join([*often, *(record(f"198.51.100.{i}", "client") for i in range(50))])
    assert top(monkeypatch, capsys, text)[0] == ["5", "client", "192.0.2.1", "-"]


def test_top_prints_names_that_the_terminal_cannot_show(monkeypatch):
    hostile = record("192.0.2.9", "client", "\N{SNOWMAN}\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 9000)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(hostile.encode())))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["limits", "top", "-"]) == 0
    sys.stdout.flush()
    assert written.getvalue().split() == [b"1", b"client", b"192.0.2.9", b"??" + b"x" * 254]


def test_a_header_is_asked_for_as_it_was_typed(run):
    send = wsgi_sender(sys.modules["shop"].stack, App())
    send(x_device="\N{SNOWMAN}".encode().decode("latin-1"))
    shown = run(
        "show", "header:x-device=\N{SNOWMAN}", "--stack", "shop:stack", "--issuer", "https://i"
    )
    assert lines(shown[1].out) == {"x-device": (8, 9)}
    unknown = run("show", "header:\N{SNOWMAN}=x", "--stack", "shop:stack")
    assert unknown[0] == 2
