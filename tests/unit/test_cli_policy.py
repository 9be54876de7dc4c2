"""`ringwall policy test`: tables of decisions run as tests."""

from __future__ import annotations

import sys
import types
from importlib import import_module

import pytest

from authz_support import Orders
from ringwall.authz import Policy, allow, body, network, owner, public, role, scope
from ringwall.cli import main, policy

orders = Orders()
POLICY = Policy(
    public("GET", "/healthz"),
    allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(orders.aload)),
    allow("POST", "/b", owner(orders.load, order_id=body("/id", int))),
    allow("GET", "/admin", role("admin") & network("10.0.0.0/8")),
)
TABLE = """
policy = "shop:policy"
[principals.alice]
scopes = ["orders:read"]
[principals.bob]
scopes = ["orders:read"]
[principals.root]
roles = ["admin"]
issuer = "https://id.example"
claims = { tenant = "acme" }
"""
YAML = """
policy: shop:policy
principals: {alice: {scopes: ["orders:read"]}}
case:
- {request: GET /v1/orders/1001, allow: [alice], deny: [anonymous]}
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    module = types.ModuleType("shop")
    module.policy = POLICY
    monkeypatch.setitem(sys.modules, "shop", module)

    def run(text, *arguments, name="table.toml"):
        orders.read.clear()
        file = tmp_path / name
        if text is not None:
            file.write_bytes(text.encode() if isinstance(text, str) else text)
        status = main(["policy", "test", str(file), *arguments])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def case(text):
    return f"{TABLE}[[case]]\n{text}\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('request="GET /v1/orders/1001"\nallow=["alice"]\ndeny=["bob","anonymous","root"]', 4),
        ('request="GET /healthz"\nallow=["anonymous"]\nrule="GET /healthz"\nreason="public"', 1),
        ('request="POST /b"\nbody={id=1001}\nallow=["alice"]\ndeny=["bob"]', 2),
        ('request="GET /admin"\nclient="10.1.2.3"\nallow=["root"]\ndeny=["bob"]', 2),
        ('request="GET /none?a=1"\ndeny=["root"]\nreason="no-rule"', 1),
    ],
)
def test_a_table_that_the_policy_agrees_with_passes(run, text, count):
    assert run(case(text)) == (0, [f"{count} decisions, 0 not as expected"], "")


def test_a_resource_in_the_table_stands_for_what_would_be_loaded(run):
    text = 'request="GET /v1/orders/5"\nresource={owner="bob"}\nallow=["bob"]\ndeny=["alice"]'
    assert run(case(text))[0] == 0
    assert orders.read == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('deny=["alice"]', "allowed by 'GET /v1/orders/{order_id:int}', granted"),
        ('allow=["bob"]', "refused by 'GET /v1/orders/{order_id:int}', forbidden"),
        ('allow=["alice"]\nrule="other"', "allowed by 'GET /v1/orders/{order_id:int}', granted"),
        ('deny=["bob"]\nreason="x"', "refused by 'GET /v1/orders/{order_id:int}', forbidden"),
    ],
)
def test_a_decision_that_is_another_fails_with_status_1(run, text, line):
    status, lines, _ = run(case('request="GET /v1/orders/1001"\n' + text))
    assert status == 1
    assert lines[0].startswith("FAILED case 1: GET /v1/orders/1001 as ")
    assert lines[0].endswith(line)
    assert lines[1] == "1 decisions, 1 not as expected"


def test_tables_in_yaml(run):
    assert run(YAML, name="t.yaml")[:2] == (0, ["2 decisions, 0 not as expected"])
    assert run(YAML, name="t.yml")[0] == 0


def test_the_policy_of_the_command_line_counts(run):
    text = case('request="GET /healthz"\nallow=["alice"]').replace("shop:policy", "no:such")
    assert run(text)[0] == 2
    assert run(text, "--policy", "shop:policy")[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table names no policy"),
        (TABLE, "the table has no [[case]]"),
        ("x = ", "cannot be parsed: "),
        ("casse = 1", "the table: unknown member 'casse'; did you mean 'case'?"),
        ("policy = 1", "the table: 'policy' is of the wrong type"),
        ("case = [1]\npolicy = 'shop:policy'", "case 1 must be a table"),
        ("policy='shop:policy'\n[principals]\nanonymous={}", "'anonymous' is nobody"),
        (TABLE + "[principals.x]\nscope=[]", "principal 'x': unknown member 'scope'; did you mean"),
        (case('request="GET /a"\nalow=["bob"]'), "case 1: unknown member 'alow'; did you mean"),
        (case('request="GET /a"'), "case 1 expects nothing"),
        (case('request="GET /a"\nallow=[{}]'), "case 1: 'allow' is of the wrong type"),
        (case('allow=["bob"]'), "case 1: request is such as"),
        (case('request="GET /a//b"\nallow=["bob"]'), "case 1: request is such as"),
        (case('request="GET /a"\nallow=["bobb"]'), "case 1: unknown principal 'bobb'; did you"),
        (b"\xff", "cannot read "),
        (None, "cannot read "),
    ],
)
def test_a_table_that_could_test_less_than_it_seems_to_is_refused(run, text, message):
    status, _, err = run(text)
    assert status == 2
    assert err.startswith("ringwall: ")
    assert message in err
    assert err.count("\n") == 1


def test_other_files_are_refused(run):
    assert run("{}", name="t.json")[2] == "ringwall: a table is a .toml, .yaml or .yml file\n"


def test_a_parser_that_is_missing_is_named(run, monkeypatch):
    def missing(name):
        if name in ("yaml", "pyyaml"):
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr(policy, "import_module", missing)
    message = "ringwall: this file needs the package 'pyyaml'; run: pip install pyyaml\n"
    assert run(YAML, name="t.yaml")[2] == message
