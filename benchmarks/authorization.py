"""What one authorization decision costs, with 3 rules and with 10 000.

    python -m benchmarks.authorization

The floor is a hand-written function that decides the same with no generality.
"""

from __future__ import annotations

import statistics

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
    }
    samples = interleaved(variants)
    base = statistics.median(samples["floor: one rule, by hand"])
    print(f"{'':34s}{'us/decision':>12s}{'over floor':>12s}{'best':>8s}")
    for name, values in samples.items():
        middle = statistics.median(values)
        print(f"{name:34s}{middle * 1e6:12.2f}{middle / base:11.1f}x{min(values) * 1e6:8.2f}")


if __name__ == "__main__":
    main()
