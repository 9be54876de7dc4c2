"""Code as users write it. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from typing_extensions import assert_type

from ringwall import (
    HSTS,
    HTTPS,
    JWT,
    APIKey,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    ClientCertificate,
    ConcurrencyLimit,
    Decision,
    Denylist,
    DPoP,
    Exchange,
    Layer,
    LoginLimit,
    MemoryStore,
    MessageLimit,
    MutualTLS,
    Outcome,
    Pending,
    Principal,
    RateLimit,
    Response,
    ResponseHead,
    Stack,
    TrustedProxies,
    allow,
    decisions_of,
    forbid,
    generate_api_key,
    limit,
    owner,
    principal_of,
    public,
    refund,
    role,
    scope,
    validated_body_of,
    validated_parameters_of,
)
from ringwall.authn import (
    ANY_AUDIENCE,
    Basic,
    Certificate,
    Introspection,
    Nonces,
    ProtectedResource,
    RedisDenylist,
    Scheme,
    WebSocketTickets,
    hash_password,
    presets,
)
from ringwall.ratelimit import Rule, Tiers

Environ = dict[str, Any]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None: ...


def wsgi_app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    principal = principal_of(environ)
    assert_type(principal, Principal | None)
    assert_type(decisions_of(environ), tuple[Decision, ...])
    assert_type(validated_body_of(environ), Any)
    parameters = validated_parameters_of(environ)
    if parameters is not None:
        assert_type(parameters.query, dict[str, Any])
    if principal is not None:
        assert_type(principal.subject, str)
        assert_type(principal.scopes, frozenset[str])
    return []


def load_order(order_id: int) -> dict[str, str] | None:
    return None


key, record = generate_api_key("alice", scopes=["orders:read"], roles={"admin"})
assert_type(key, str)

stack = Stack(
    Audit(sink="audit.jsonl"),
    HTTPS(hosts=["api.example.com"], redirect="browsers", hsts=HSTS(preload=True)),
    RateLimit("100/15 minutes", "10/second"),
    Authentication(
        JWT(issuer="https://id.example.com", audience="https://api.example.com"),
        APIKey([record]),
        exempt=["/healthz"],
    ),
    RateLimit("1000/hour", key="principal", when_down="local"),
    RateLimit(
        "20/second",
        Rule("100000/day", key=("claim:tenant", "route"), cost=lambda exchange: 2),
        routes={"POST /v1/reports": "5/hour", "GET /v1/feed": ["2/second"], "* /**": None},
        exempt=["/healthz", "10.0.0.0/8"],
        store=MemoryStore(),
    ),
    RateLimit(Tiers("plan", {"free": "1/s", "pro": ["5/s"]}, default="free"), key="principal"),
    RateLimit(lambda exchange: "5/second", charge=lambda exchange, head: head.status),
    LoginLimit("POST /login", account=["form:name", "json:name"], success=[200]),
    ConcurrencyLimit(10, total=200),
    MessageLimit("20/second"),
    Authorization(
        public("GET", "/healthz"),
        allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
        allow("*", "/v1/admin/**", role("admin") | ~scope("orders:read")),
        forbid("DELETE", "/v1/orders/{order_id:int}"),
    ),
    BodyValidation({"POST /v1/orders": {"type": "object"}}, limit="64 kB"),
    BodyValidation(openapi={"openapi": "3.1.0"}, responses="strip", undeclared="pass"),
    proxies=TrustedProxies(["10.0.0.0/8"]),
)


def known(certificate: Certificate) -> Principal | None:
    assert_type(certificate.uris, tuple[str, ...])
    return Principal(certificate.subject, scheme="clientcertificate")


class OwnReplays:
    def first_use(self, key: str, proof: str, keep: float) -> bool:
        return True


class OwnTickets:
    async def aput(self, name: str, value: str, lifetime: float) -> None: ...

    async def atake(self, name: str) -> str | None:
        return None


tokens = JWT(
    "https://id.example.com",
    ["https://api.example.com"],
    keys={"keys": []},
    algorithms=["ES256"],
    roles=[("realm_access", "roles"), "groups"],
    mtls=MutualTLS(header="client-cert"),
    denylist=Denylist(),
)
opaque = Introspection(
    "https://id.example.com/introspect",
    ANY_AUDIENCE,
    client_id="orders",
    client_secret="secret",
    client_auth="post",
    denylist=RedisDenylist("redis://localhost"),
)
proven = DPoP(tokens, opaque, origin="https://api.example.com", nonces=Nonces(b"x" * 32))
elsewhere = DPoP(tokens, origin=["https://a.example", "https://b.example"], replays=OwnReplays())
shared = DPoP(tokens, origin="https://a.example", replays="redis://localhost", max_age=30)
assert_type(proven, DPoP)
authentication = Authentication(
    proven,
    elsewhere,
    presets.keycloak("https://id.example.com", "acme", "orders"),
    presets.x509_svid("example.org", header="x-forwarded-client-cert"),
    ClientCertificate({"billing": ["orders:read"]}, by="dns"),
    ClientCertificate(known, header="ssl-client-cert"),
    Basic({"alice": hash_password("correct horse battery staple")}),
    WebSocketTickets(OwnTickets()),
    optional=True,
    resource=ProtectedResource("https://api.example.com"),
    subprotocol="bearer",
    first_message=5,
    waiting=100,
    strip=True,
)
assert_type(authentication.schemes, tuple[Scheme, ...])

on_asgi = stack.asgi(asgi_app)
on_wsgi = stack.wsgi(wsgi_app)
alone = RateLimit("100/15 minutes").asgi(asgi_app)
nested = Stack(Audit(None), stack)


class Teapot(Layer):
    name = "teapot"
    sets = frozenset({b"x-tea"})

    def on_request(self, exchange: Exchange) -> Response | Pending[Response | None] | None:
        assert_type(exchange.principal, Principal | None)
        return Response(418) if exchange.method == "BREW" else None

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        head.set(b"x-tea", b"oolong")

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> None:
        assert_type(outcome.status, int | None)


own = Teapot().wsgi(wsgi_app)


search = limit("5/minute", policy="search").named("app.search")


def searching(environ: dict[str, Any]) -> None:
    assert_type(search.check(environ), Response | None)
    assert_type(search.headers(environ), tuple[tuple[bytes, bytes], ...])
    refund(environ)


async def asearching(request: object) -> None:
    assert_type(await search.acheck(request), Response | None)
