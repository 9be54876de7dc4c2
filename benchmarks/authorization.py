"""What one authorization decision costs, with 3 rules and with 10 000.

    python -m benchmarks.authorization

The floor is a hand-written function that decides the same with no generality. The peers decide the
same, too: casbin by roles and `keyMatch2`, and cedarpy by policies and entities that were parsed
before. They are given no request to read and no layer around them: their decision alone is timed.
"""

from __future__ import annotations

import json
import statistics

import casbin
import cedarpy
from casbin.persist.adapters import StringAdapter

from ringwall import Principal
from ringwall.authz import Facts, Policy, RequestContext, allow, owner, public, role, scope

from .harness import Work, interleaved

ALICE = Principal("alice", scheme="bearer", scopes={"orders:read"})
ORDERS = {1001: {"owner": "alice"}}


def load_order(order_id: int) -> dict[str, str] | None:
    return ORDERS.get(order_id)


def make_policy(rules: int) -> Policy:
    """A policy of so many rules and one more, for the owner's check."""
    more = (
        allow("GET", f"/v1/r{n}/{{id:int}}/items", scope("items:read")) for n in range(rules - 3)
    )
    return Policy(
        public("GET", "/healthz"),
        allow("GET", "/v1/orders/{order_id:int}", scope("orders:read")),
        allow("*", "/v1/admin/**", role("admin")),
        allow("GET", "/v1/mine/{order_id:int}", scope("orders:read") & owner(load_order)),
        *more,
    )


def decision(policy: Policy, path: str) -> Work:
    context = RequestContext("GET", path)

    def decide() -> object:
        match = policy.match("GET", path)
        facts = Facts(ALICE, match.params, context)
        facts.inline = True
        return policy.decide(match, facts)

    return decide


def floor(path: str) -> Work:
    table = {("GET", "/v1/orders/"): "orders:read"}

    def decide() -> object:
        cut = path.rfind("/") + 1
        wanted = table.get(("GET", path[:cut]))
        text = path[cut:]
        if wanted is None or not (text.isascii() and text.isdigit()) or text[0] == "0" != text:
            return None
        return {"order_id": int(text)} if wanted in ALICE.scopes else None

    return decide


MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && r.act == p.act
"""


def with_casbin(policies: int, path: str) -> Work:
    more = [f"p, reader, /v1/r{n}/:id/items, GET" for n in range(policies - 3)]
    lines = [
        "p, reader, /v1/orders/:id, GET",
        "p, admin, /v1/admin/*, GET",
        "p, anyone, /healthz, GET",
        *more,
        "g, alice, reader",
    ]
    model = casbin.Enforcer.new_model(text=MODEL)
    enforcer = casbin.Enforcer(model, StringAdapter("\n".join(lines)))
    if not enforcer.enforce("alice", path, "GET") or enforcer.enforce("bob", path, "GET"):
        raise RuntimeError("casbin decides otherwise")
    return lambda: enforcer.enforce("alice", path, "GET")


def with_cedar(policies: int, owner: bool, known: bool = True) -> Work:
    """known: person and order are among the parsed entities; else they come with the request."""
    own = "resource.owner == principal" if owner else 'principal in Scope::"orders:read"'
    more = [
        f'permit(principal in Scope::"s{n}", action == Action::"a{n}", resource);'
        for n in range(policies - 3)
    ]
    parsed = cedarpy.PolicySet.from_str(
        f'permit(principal, action == Action::"read", resource) when {{ {own} }};'
        'permit(principal in Scope::"admin", action, resource);'
        'permit(principal, action == Action::"health", resource);' + "".join(more)
    )
    alice, order = {"type": "User", "id": "alice"}, {"type": "Order", "id": "1001"}
    scope = {"type": "Scope", "id": "orders:read"}
    told = [
        {"uid": alice, "attrs": {}, "parents": [scope]},
        {"uid": order, "attrs": {"owner": {"__entity": alice}}, "parents": []},
    ]
    entities = cedarpy.Entities.from_json_str(json.dumps(told))
    none = cedarpy.Entities.from_json_str("[]")
    action = {"type": "Action", "id": "read"}
    asked = {"principal": alice, "action": action, "resource": order, "context": {}}
    if not cedarpy.is_authorized(asked, parsed, entities).allowed:
        raise RuntimeError("cedarpy decides otherwise")
    if known:
        return lambda: cedarpy.is_authorized(asked, parsed, entities)
    return lambda: cedarpy.is_authorized(asked, parsed, none.with_added_json_str(json.dumps(told)))


def main() -> None:
    few, many = make_policy(3), make_policy(10_000)
    order, mine = "/v1/orders/1001", "/v1/mine/1001"
    variants: dict[str, Work] = {
        "floor: one rule, by hand": floor(order),
        "3 rules: public": decision(few, "/healthz"),
        "3 rules: scope, typed id": decision(few, order),
        "3 rules: scope and owner": decision(few, mine),
        "10 000 rules: public": decision(many, "/healthz"),
        "10 000 rules: scope, typed id": decision(many, order),
        "10 000 rules: scope and owner": decision(many, mine),
        "casbin, 3 policies": with_casbin(3, order),
        "casbin, 50 policies": with_casbin(50, order),
        "cedarpy, 3 policies: scope": with_cedar(3, owner=False),
        "cedarpy, 3 policies: owner": with_cedar(3, owner=True),
        "cedarpy, 3, entities of the request": with_cedar(3, owner=True, known=False),
        "cedarpy, 50 policies: scope": with_cedar(50, owner=False),
    }
    samples = interleaved(variants)
    base = statistics.median(samples["floor: one rule, by hand"])
    print(f"{'':36s}{'us/decision':>12s}{'over floor':>12s}{'best':>8s}")
    for name, values in samples.items():
        middle = statistics.median(values)
        print(f"{name:36s}{middle * 1e6:12.2f}{middle / base:11.1f}x{min(values) * 1e6:8.2f}")
    ours = statistics.median(samples["10 000 rules: scope, typed id"])
    peers = [name for name in samples if name.startswith(("casbin", "cedarpy"))]
    for name in peers:
        print(f"{name}: {statistics.median(samples[name]) / ours:.0f} times a scope and a typed id")


if __name__ == "__main__":
    main()
