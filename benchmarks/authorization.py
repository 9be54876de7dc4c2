"""Who may do what: the layer over authentication, and a decision alone with 3 rules and 10 000.

The layer's cost is that over the same stack without it. Its peers are given the same token's claims
and decide the same; the floor is the same two rules by hand. Beneath, decisions alone, without a
request around them.

Run: python -m benchmarks.authorization
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ringwall import Principal, Stack
from ringwall.authz import Facts, Policy, RequestContext, allow, owner, public, role, scope

from . import floors, world
from .harness import Comparison, Variant, repeated
from .lab import Lab, Made, run
from .layers import INTERFACES, bare_app
from .peers import authz as peers
from .peers import lacking
from .stacks import ringwall_layers

ALICE = Principal("alice", scheme="bearer", scopes={"orders:read"})
ORDER, MINE = "/v1/orders/1001", "/v1/mine/1001"


def comparisons(lab: Lab) -> Iterator[Comparison]:
    layers = ringwall_layers(lab.folder / "authorization.jsonl", lab.provider)
    authn, authz = layers["authentication"], layers["authorization"]
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        known = getattr(floors, f"authentication_{colour}")
        judged = getattr(floors, f"authorization_{colour}")
        made: list[Made] = [
            ("bare", "bare", bare, ""),
            ("authentication by hand", "bare", known(bare), ""),
            ("floor", "floor", known(judged(bare)), "authentication by hand"),
            ("Authentication", "bare", getattr(authn, colour)(bare), ""),
            ("Ringwall", "ringwall", getattr(Stack(authn, authz), colour)(bare), "Authentication"),
            *peers.deciding(interface),
        ]
        variants = lab.variants(made, interface)
        yield Comparison(
            "Authorization: scope and owner", interface, variants, layers=("authorization",)
        )
    yield Comparison("An authorization decision alone", "", tuple(_decisions()))


def _decisions() -> Iterator[Variant]:
    yield Variant("nothing", "bare", repeated(lambda: None), "")
    yield Variant("floor: scope, typed id", "floor", repeated(by_hand(ORDER)), "nothing")
    for count in (3, 10_000):
        policy = make_policy(count)
        for words, path in (
            ("public", "/healthz"),
            ("scope, typed id", ORDER),
            ("scope and owner", MINE),
        ):
            work = repeated(decision(policy, path))
            yield Variant(f"{count:,} rules: {words}", "ringwall", work, "nothing")
    if not lacking("casbin"):
        for count in (3, 50):
            judge = peers.enforcer(count)
            work = repeated(_enforcing(judge))
            yield Variant(f"casbin, {count} policies", "peer", work, "nothing")


def _enforcing(judge: Any) -> Callable[[], object]:
    return lambda: judge.enforce("alice", ORDER, "GET")


def load_order(order_id: int) -> dict[str, Any] | None:
    return world.ORDERS.get(order_id)


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


def decision(policy: Policy, path: str) -> Callable[[], object]:
    context = RequestContext("GET", path)

    def decide() -> object:
        match = policy.match("GET", path)
        facts = Facts(ALICE, match.params, context)
        facts.inline = True
        return policy.decide(match, facts)

    return decide


def by_hand(path: str) -> Callable[[], object]:
    table = {("GET", "/v1/orders/"): "orders:read"}

    def decide() -> object:
        cut = path.rfind("/") + 1
        wanted = table.get(("GET", path[:cut]))
        text = path[cut:]
        if wanted is None or not (text.isascii() and text.isdigit()) or text[0] == "0" != text:
            return None
        return {"order_id": int(text)} if wanted in ALICE.scopes else None

    return decide


if __name__ == "__main__":
    run(comparisons)
