"""The requests that the demo suggests and the tour sends."""

from __future__ import annotations

from .credentials import Issuer
from .tour import JSON, Stop

_ORDER = '{"item": "teapot", "quantity": 1}'


def make_stops(issuer: Issuer, api_keys: dict[str, str]) -> list[Stop]:
    """Requests in the order of the layers that answer them, friendly ones first."""
    alice, bob, admin = (
        {"Authorization": f"Bearer {issuer.token(who)}"} for who in ("alice", "bob", "admin")
    )
    alice_key = {"Authorization": f"ApiKey {api_keys['alice']}"}
    token = issuer.token("alice")
    forged = {
        "Authorization": "Bearer " + token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")
    }
    expired = {"Authorization": f"Bearer {issuer.token('alice', exp=1)}"}
    other = {"Authorization": f"Bearer {issuer.token('alice', aud='https://other.example')}"}
    order, second = "/v1/orders/1001", "/v1/orders/1002"
    return [
        Stop("health check, open to all", "GET", "/healthz", 200, "app"),
        Stop("alice reads her order", "GET", order, 200, "app", alice),
        Stop("... with an API key", "GET", order, 200, "app", alice_key),
        Stop("bob reads his", "GET", second, 200, "app", bob),
        Stop("alice places an order", "POST", "/v1/orders", 201, "app", {**alice, **JSON}, _ORDER),
        Stop("alice lists hers", "GET", "/v1/orders", 200, "app", alice),
        Stop("admin lists users", "GET", "/v1/admin/users", 200, "app", admin),
        Stop("plain HTTP is redirected", "GET", "/healthz", 308, "https", plain=True),
        Stop("a token in clear is refused", "GET", order, 403, "https", alice, plain=True),
        Stop("a write in clear is refused", "POST", "/v1/orders", 403, "https", JSON, _ORDER, True),
        Stop("a host that is not ours", "GET", "/healthz", 421, "https", {"Host": "evil.example"}),
        Stop("no credential", "GET", order, 401, "authentication"),
        Stop("forged signature", "GET", order, 401, "authentication", forged),
        Stop("expired token", "GET", order, 401, "authentication", expired),
        Stop("token for another API", "GET", order, 401, "authentication", other),
        Stop(
            "unknown API key",
            "GET",
            order,
            401,
            "authentication",
            {"Authorization": "ApiKey abc123xyz"},
        ),
        Stop("BOLA: alice tries bob's order", "GET", second, 403, "authorization", alice),
        Stop("... spelt otherwise", "GET", "/v1/orders/01002", 403, "authorization", alice),
        Stop("... through a dot segment", "GET", "/v1/orders/1001/../1002", 400, "boundary", alice),
        Stop(
            "bob may not write", "POST", "/v1/orders", 403, "authorization", {**bob, **JSON}, _ORDER
        ),
        Stop("alice is no admin", "GET", "/v1/admin/users", 403, "authorization", alice),
        Stop("no rule means no", "GET", "/v1/invoices", 403, "authorization", alice),
        Stop(
            "undeclared property",
            "POST",
            "/v1/orders",
            422,
            "validation",
            {**alice, **JSON},
            '{"item": "teapot", "quantity": 1, "price": 0}',
        ),
        Stop(
            "duplicate key",
            "POST",
            "/v1/orders",
            400,
            "validation",
            {**alice, **JSON},
            '{"item": "a", "item": "b", "quantity": 1}',
        ),
        Stop(
            "wrong media type",
            "POST",
            "/v1/orders",
            415,
            "validation",
            {**alice, "Content-Type": "text/plain"},
            _ORDER,
        ),
    ]


def flood() -> Stop:
    """The request that is repeated until the rate limit answers."""
    return Stop("too many requests from one client", "GET", "/healthz", 429, "ratelimit")
