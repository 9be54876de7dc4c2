"""Who may do what, decided by others, once it is known who asks.

Their own cost is that over Starlette's AuthenticationMiddleware with a token that needs no check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .. import requests as r
from .. import world
from ..lab import Made
from . import these
from .authn import backed

KNOWN = "Starlette Authentication, no check"
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


def deciding(interface: str) -> list[Made]:
    if interface == "WSGI":
        return []
    found = these(("Starlette requires", ("starlette",), _requires))
    if not found:
        return []
    found += these(("casbin", ("casbin",), _casbin), ("cedarpy", ("cedarpy",), _cedar))
    return [(KNOWN, "bare", backed(_known), ""), *found]


def _known(credential: str) -> dict[str, Any]:
    return {"sub": "alice", "scope": "orders:read orders:write"}


def _owned(path: str, subject: str) -> None:
    if world.ORDERS[int(path.rpartition("/")[2])]["owner"] != subject:
        raise PermissionError


def _guarded(judge: Callable[[str, str, str], bool]) -> Any:
    """An ASGI middleware of a few lines, as their documents write one."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if not judge(scope["user"].username, scope["path"], scope["method"]):
            raise PermissionError
        await r.asgi_app(scope, receive, send)

    return backed(_known, wrapped)


def _requires() -> Iterator[Made]:
    from starlette.authentication import has_required_scope
    from starlette.requests import HTTPConnection

    async def scoped(scope: Any, receive: Any, send: Any) -> None:
        if not has_required_scope(HTTPConnection(scope), ["orders:read"]):
            raise PermissionError
        await r.asgi_app(scope, receive, send)

    yield "Starlette requires (scope alone)", "part", backed(_known, scoped), KNOWN


def enforcer(policies: int) -> Any:
    """casbin by roles and `keyMatch2`, the order's rule in the middle."""
    import casbin
    from casbin.persist.adapters import StringAdapter

    lines = [f"p, reader, /v1/r{n}/:id/items, GET" for n in range(policies - 1)]
    lines.insert(policies // 2, "p, reader, /v1/orders/:id, GET")
    lines.append("g, alice, reader")
    return casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL), StringAdapter("\n".join(lines)))


def _casbin() -> Iterator[Made]:
    judge = enforcer(3)

    def allowed(subject: str, path: str, method: str) -> bool:
        _owned(path, subject)
        return bool(judge.enforce(subject, path, method))

    yield "casbin, and the owner by hand", "peer", _guarded(allowed), KNOWN


def _cedar() -> Iterator[Made]:
    import cedarpy

    policies = cedarpy.PolicySet.from_str(
        'permit(principal in Scope::"orders:read", action == Action::"GET", resource)'
        " when { resource.owner == principal };"
        'permit(principal in Scope::"admin", action, resource);'
        'permit(principal, action == Action::"health", resource);'
    )
    none = cedarpy.Entities.from_json_str("[]")
    reader = {"type": "Scope", "id": "orders:read"}

    def allowed(subject: str, path: str, method: str) -> bool:
        number = path.rpartition("/")[2]
        user = {"type": "User", "id": subject}
        order = {"type": "Order", "id": number}
        owner = {"__entity": {"type": "User", "id": world.ORDERS[int(number)]["owner"]}}
        told = [
            {"uid": user, "attrs": {}, "parents": [reader]},
            {"uid": order, "attrs": {"owner": owner}, "parents": []},
        ]
        action = {"type": "Action", "id": method}
        asked = {"principal": user, "action": action, "resource": order, "context": {}}
        entities = none.with_added_json_str(json.dumps(told))
        return bool(cedarpy.is_authorized(asked, policies, entities).allowed)

    yield "cedarpy, with the owner", "peer", _guarded(allowed), KNOWN
