"""`ringwall explain`: the decision as a tree."""

from __future__ import annotations

import sys
import types

import pytest

from authz_support import Orders
from ringwall import Authorization, Stack
from ringwall.authz import Policy, allow, body, claim, forbid, network, owner, public, query, scope
from ringwall.cli import main

orders = Orders()
READ = scope("orders:read") & owner(orders.aload)
POLICY = Policy(
    public("GET", "/healthz"),
    allow("GET", "/v1/orders/{order_id:int}", READ),
    allow("GET", "/q", owner(orders.load, order_id=query("id", int))),
    allow("POST", "/b", owner(orders.load, order_id=body("/id", int))),
    allow("GET", "/tenant", claim("tenant", "acme") | ~scope("x"), shadow=True),
    allow("GET", "/shadow", lambda facts: False, shadow=True),
    allow("GET", "/inner", network("10.0.0.0/8")),
    forbid("*", "/v1/**", ~network("192.0.2.0/24"), name="outside"),
    forbid("GET", "/v1/orders/{x:int}", name="never", shadow=True),
)


@pytest.fixture
def run(monkeypatch, capsys):
    module = types.ModuleType("shop")
    module.policy = POLICY
    module.layer = Authorization(policy=POLICY)
    module.stack = Stack(module.layer)
    module.app = module.stack.asgi(lambda scope, receive, send: None)
    module.make = lambda: POLICY
    module.twice = Stack(module.layer, Authorization(policy=POLICY))
    module.odd = 3

    def boom():
        raise RuntimeError("password=hunter2")

    def leave():
        raise SystemExit(3)

    module.boom, module.leave = boom, leave
    monkeypatch.setitem(sys.modules, "shop", module)

    def run(*arguments, policy="shop:policy"):
        orders.read.clear()
        status = main(["explain", *arguments, "--policy", policy])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def test_the_guides_attack(run):
    status, lines, _ = run(
        "GET",
        "/v1/orders/1002",
        "--as",
        "alice",
        "--scopes",
        "orders:read",
        "--client",
        "192.0.2.7",
    )
    assert status == 1
    assert lines == [
        "GET /v1/orders/1002 as alice: refused with 403 (forbidden)",
        "├─ governed by allow rule 'GET /v1/orders/{order_id:int}'",
        "│  └─ fails: scope('orders:read') & owner(Orders.aload)",
        "│     ├─ holds: scope('orders:read')",
        "│     └─ fails: owner(Orders.aload)",
        "├─ besides forbid rule 'outside'",
        "│  └─ fails: ~network('192.0.2.0/24')",
        "│     └─ holds: network('192.0.2.0/24')",
        "└─ besides forbid rule 'never', in shadow",
    ]


def test_what_is_not_needed_is_not_loaded(run):
    status, lines, _ = run("get", "/v1/orders/1002", "--as", "alice")
    assert status == 1
    assert "│     └─ not asked: owner(Orders.aload)" in lines
    assert orders.read == []


def test_an_owner_is_allowed_with_status_0(run):
    status, lines, _ = run("GET", "/q?id=1001", "--as", "alice")
    assert (status, lines[0]) == (0, "GET /q as alice: allowed (granted)")


def test_ids_in_the_body_are_given_on_the_command_line(run):
    assert run("POST", "/b", "--as", "alice", "--body", '{"id": 1001}')[0] == 0
    assert run("POST", "/b", "--as", "alice", "--body", '{"id": 1002}')[0] == 1
    status, lines, _ = run("POST", "/b", "--as", "alice")
    assert (status, lines[-1]) == (1, "   └─ unknown, malformed-id: owner(Orders.load)")


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["/healthz"], 0, "└─ governed by public rule 'GET /healthz'"),
        (["/none"], 1, "└─ no rule governs: refused by default"),
        (["/b"], 1, "└─ no rule for this method; the path has POST"),
        (["/v1/orders/07", "--as", "a"], 1,
         "│  └─ a path parameter is not in its canonical spelling"),
        (["/tenant", "--as", "a", "--claims", '{"tenant": "acme"}'], 0,
         "└─ governed by allow rule 'GET /tenant', in shadow"),
        (["/tenant", "--as", "a", "--roles", "b, c"], 0, "      └─ holds: ~scope('x')"),
        (["/shadow"], 0, "GET /shadow as nobody: allowed (would-deny, unauthenticated)"),
        (["/inner", "--as", "a"], 1, "   └─ unknown, undecided: network('10.0.0.0/8')"),
        (["/a//b"], 1, "refused with 400: the path is not canonical, so no rule is asked"),
        (["/a%2fb"], 1, "refused with 400: the path is not canonical, so no rule is asked"),
        (["/a%ff"], 1, "refused with 400: the path is not canonical, so no rule is asked"),
    ],
)  # fmt: skip
def test_what_the_tree_says(run, arguments, status, line):
    given, lines, _ = run("GET", *arguments)
    assert line in lines
    assert given == status


@pytest.mark.parametrize("target", ["shop:layer", "shop:stack", "shop:app", "shop:make()"])
def test_a_policy_is_found_in_whatever_holds_it(run, target):
    assert run("GET", "/healthz", policy=target)[0] == 0


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shop", "'shop' is no target; write module:attribute, such as main:app"),
        ("shop:none", "cannot load 'shop:none': module 'shop' has no attribute 'none'"),
        ("no_such_shop:x", "cannot load 'no_such_shop:x': No module named 'no_such_shop'"),
        ("shop:odd", "'shop:odd' holds no policy; name a Policy,"),
        ("shop:twice", "'shop:twice' holds several policies; name a Policy,"),
        ("shop:boom()", "cannot load 'shop:boom()': RuntimeError in "),
        ("shop:leave()", "cannot load 'shop:leave()': SystemExit in "),
    ],
)
def test_a_target_that_cannot_be_loaded_is_one_line_without_secrets(run, target, message):
    status, lines, err = run("GET", "/healthz", policy=target)
    assert (status, lines) == (2, [])
    assert err.startswith(f"ringwall: {message}")
    assert err.count("\n") == 1
    assert "hunter2" not in err


def test_modules_of_the_current_directory_are_found(run, monkeypatch, tmp_path):
    (tmp_path / "shop_of_cwd.py").write_text("from shop import policy\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert run("GET", "/healthz", policy="shop_of_cwd:policy")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["GET", "healthz"], "the path 'healthz' must begin with '/'"),
        (["GET", "/healthz", "--roles", "x"], "--scopes, --roles and --claims are those of"),
    ],
)
def test_arguments_that_make_no_sense(run, arguments, message):
    status, _, err = run(*arguments)
    assert status == 2
    assert err.startswith(f"ringwall: {message}")


@pytest.mark.parametrize(
    "arguments", [["--claims", "x"], ["--claims", "[]"], ["--body", "{"], ["--bogus"]]
)
def test_malformed_options_end_with_usage(run, arguments):
    with pytest.raises(SystemExit) as end:
        run("GET", "/healthz", *arguments)
    assert end.value.code == 2
