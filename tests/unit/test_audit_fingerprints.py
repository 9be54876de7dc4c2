"""Whatever a layer is given counts for the configuration that a log tells, and no secret does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit_support import Lines, WSGIApp, call_wsgi
from ringwall import (
    HSTS,
    HTTPS,
    JWT,
    OPA,
    APIKey,
    Audit,
    Authentication,
    Authorization,
    Cedar,
    ConcurrencyLimit,
    Denylist,
    DPoP,
    Introspection,
    LoginLimit,
    MessageLimit,
    MutualTLS,
    Policy,
    RateLimit,
    RedisDenylist,
    SecurityHeaders,
    Stack,
    WebSocketTickets,
    allow,
    fields,
    owner,
    scope,
)
from ringwall._fingerprint import fingerprint
from ringwall.audit import JSONLinesSink, QueuedSink, Redaction, SigningKey, SQLiteSink
from ringwall.authn import (
    MemoryTickets,
    Nonces,
    ProtectedResource,
    RedisKeyStore,
    RedisReplays,
    Replays,
    SQLKeyStore,
)
from ringwall.authz import Loader, ObjectCache, query
from ringwall.headers import Cookies
from ringwall.ratelimit import MemoryStore, Rule, Tiers
from ringwall.ratelimit.redis import RedisStore

ISSUER = {"issuer": "https://id.example", "audience": "https://api.example"}
NONCE = bytes(32)
KEYS = SigningKey.generate(), SigningKey.generate()


def limited(*rates: Any, **more: Any) -> Any:
    return lambda: RateLimit(Rule(*rates, **more))


def tiers(claim: str, default: str, **rates: str) -> Any:
    return lambda: RateLimit(Tiers(claim, rates, default=default))


def counted(store: Any) -> Any:
    return lambda: RateLimit("9/minute", store=store())


def tokens(**more: Any) -> Any:
    return lambda: Authentication(JWT(**ISSUER, **{k: v() for k, v in more.items()}))


def proofs(**more: Any) -> Any:
    return lambda: Authentication(
        DPoP(JWT(**ISSUER), origin="https://api.example", **{k: v() for k, v in more.items()})  # type: ignore[arg-type]
    )


def authenticated(scheme: Any) -> Any:
    return lambda: Authentication(scheme())


def ruled(condition: Any, **more: Any) -> Any:
    return lambda: Authorization(allow("GET", "/{id}", condition(), **more))


def opa(rule: str, **more: Any) -> Any:
    return ruled(lambda: OPA("http://127.0.0.1:1/", rule, **more).permits("read"))


def resource(name: str) -> ProtectedResource:
    return ProtectedResource("https://api.example", scopes=[name])


def load(id: str) -> int: ...


def other(id: str) -> int:
    return 1


def audited(sink: Any, **more: Any) -> Any:
    return lambda path: Audit(sink(path), **more)


CEDAR = """
entity User; entity Order;
action read, write appliesTo { principal: [User], resource: [Order] };
"""
GRANT = 'permit(principal, action == Action::"{}", resource);'
# Each differs from its neighbours, in the one thing that its name tells.
FAMILIES: dict[str, list[Any]] = {
    "rates": [
        limited("5/minute"), limited("6/minute"), limited("5/minute", "50/hour"),
        limited("5/minute", key="principal"), limited("5/minute", policy="other"),
        limited("5/minute", algorithm="sliding-window"), limited("5/minute", cost=2),
        limited("5/minute", cost=lambda exchange: 1), limited("5/minute", cost=lambda exchange: 2),
        limited("5/minute", charge="header:a"), limited("5/minute", charge="header:b"),
        limited(lambda exchange: "5/minute"), limited(lambda exchange: "6/minute"),
    ],
    "tiers": [
        tiers("tier", "a", a="5/minute"), tiers("tier", "a", a="6/minute"),
        tiers("plan", "a", a="5/minute"), tiers("tier", "a", a="5/minute", b="6/minute"),
        tiers("tier", "b", a="5/minute", b="6/minute"),
    ],
    "limits of routes": [
        lambda: RateLimit("9/minute", routes={"GET /a": Rule("5/minute", policy="a")}),
        lambda: RateLimit("9/minute", routes={"GET /a": Rule("6/minute", policy="a")}),
        lambda: RateLimit("9/minute", routes={"GET /b": Rule("6/minute", policy="a")}),
        lambda: RateLimit("9/minute", routes={"GET /a": None}),
    ],
    "stores of limits": [
        counted(lambda: MemoryStore(100)), counted(lambda: MemoryStore(200)),
        counted(lambda: RedisStore("redis://host")), counted(lambda: RedisStore("redis://other")),
        counted(lambda: RedisStore("redis://host", namespace="a")),
        counted(lambda: RedisStore("redis://host", timeout=2.0)),
    ],
    "other limits": [
        lambda: ConcurrencyLimit(5), lambda: ConcurrencyLimit(6), lambda: ConcurrencyLimit(total=5),
        lambda: MessageLimit("5/minute"), lambda: MessageLimit("6/minute"),
        lambda: LoginLimit("POST /l", account="json:/user", success=[200]),
        lambda: LoginLimit("POST /l", account="json:/name", success=[200]),
        lambda: LoginLimit("POST /l", account="json:/user", success=[204]),
    ],
    "tokens": [
        tokens(), tokens(denylist=lambda: Denylist(size=5)),
        tokens(denylist=lambda: Denylist(size=6)),
        tokens(denylist=lambda: RedisDenylist("redis://host")),
        tokens(denylist=lambda: RedisDenylist("redis://host", prefix="a")),
        tokens(mtls=MutualTLS), tokens(mtls=lambda: MutualTLS(header="client-cert")),
    ],
    "proofs": [
        proofs(nonces=lambda: Nonces(NONCE, span=60)),
        proofs(nonces=lambda: Nonces(NONCE, span=70)),
        proofs(replays=lambda: Replays(size=20_000, share=100)),
        proofs(replays=lambda: Replays(size=20_000, share=200)),
        proofs(replays=lambda: RedisReplays("redis://host", prefix="a")),
        proofs(replays=lambda: RedisReplays("redis://host", prefix="b")),
    ],
    "keys and tickets": [
        authenticated(lambda: APIKey(RedisKeyStore("redis://host", prefix="a"))),
        authenticated(lambda: APIKey(RedisKeyStore("redis://host", prefix="b"))),
        authenticated(lambda: APIKey(SQLKeyStore("sqlite:///none", table="a"))),
        authenticated(lambda: APIKey(SQLKeyStore("sqlite:///none", table="b"))),
        authenticated(lambda: WebSocketTickets(MemoryTickets(size=5))),
        authenticated(lambda: WebSocketTickets(MemoryTickets(size=6))),
    ],
    "resources": [
        lambda: Authentication(JWT(**ISSUER), resource=resource("a")),  # type: ignore[arg-type]
        lambda: Authentication(JWT(**ISSUER), resource=resource("b")),  # type: ignore[arg-type]
    ],
    "policies": [
        lambda: Authorization(policy=Policy(allow("GET", "/a", scope("a")))),
        lambda: Authorization(policy=Policy(allow("GET", "/a", scope("b")))),
        ruled(lambda: owner(load)), ruled(lambda: owner(other)),
        ruled(lambda: owner(load, id=query("a"))),
        ruled(lambda: owner(load, id=query("b"))),
        ruled(lambda: owner(Loader(load, cache=ObjectCache(seconds=1)))),
        ruled(lambda: owner(Loader(load, cache=ObjectCache(seconds=2)))),
        ruled(lambda: scope("a"), reads=[fields("/a")]),
        ruled(lambda: scope("a"), reads=[fields("/b")]),
    ],
    "engines": [
        opa("a/b"), opa("a/c"), opa("a/b", timeout=2.0),
        ruled(lambda: Cedar(GRANT.format("read"), CEDAR).permits("read")),
        ruled(lambda: Cedar(GRANT.format("write"), CEDAR).permits("read")),
    ],
    "headers": [
        lambda: SecurityHeaders("api", cookies=Cookies()),
        lambda: SecurityHeaders("api", cookies=Cookies(same_site=None)),
        lambda: SecurityHeaders("api", cookies=Cookies(readable=["a"])),
        lambda: HTTPS(hosts=["a.example"], hsts=HSTS(max_age=1)),
        lambda: HTTPS(hosts=["a.example"], hsts=HSTS(max_age=2)),
    ],
}  # fmt: skip
SINKS: list[Any] = [
    audited(JSONLinesSink),
    audited(lambda path: JSONLinesSink(path, fsync="always")),
    audited(lambda path: JSONLinesSink(path, retention=86_400)),
    audited(lambda path: JSONLinesSink(path, key=KEYS[0])),
    audited(lambda path: JSONLinesSink(path, key=KEYS[1])),
    audited(lambda path: QueuedSink(JSONLinesSink(path))),
    audited(lambda path: QueuedSink(JSONLinesSink(path), policy="fail_closed")),
    audited(SQLiteSink),
    audited(lambda path: SQLiteSink(path, fsync="always")),
    audited(JSONLinesSink, redact=Redaction(query=["a"])),
    audited(JSONLinesSink, redact=Redaction(query=["b"])),
]
INTROSPECTION = {"audience": "https://api.example", "client_id": "us"}
# By pairs: alike but for a secret.
SECRETS: dict[str, tuple[Any, Any]] = {
    "introspection": (
        lambda: Introspection("https://id.example/i", client_secret="one", **INTROSPECTION),
        lambda: Introspection("https://id.example/i", client_secret="two", **INTROSPECTION),
    ),
    "nonces": (lambda: Nonces(b"1" * 32), lambda: Nonces(b"2" * 32)),
    "engine": (opa("a/b", token="one"), opa("a/b", token="two")),
    "redis": (
        counted(lambda: RedisStore("redis://:one@host")),
        counted(lambda: RedisStore("redis://:two@host")),
    ),
    "redis, in the query": (
        counted(lambda: RedisStore("redis://host/0?password=one")),
        counted(lambda: RedisStore("redis://host/0?password=two")),
    ),
    "denylist": (
        tokens(denylist=lambda: RedisDenylist("redis://:one@host")),
        tokens(denylist=lambda: RedisDenylist("redis://:two@host")),
    ),
    "redaction": (
        lambda: Redaction(fields={"client": "hash"}, key=b"1" * 32),
        lambda: Redaction(fields={"client": "hash"}, key=b"2" * 32),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_that_a_layer_is_given_counts(family: str) -> None:
    names = [fingerprint(make()) for make in FAMILIES[family]]
    assert names == [fingerprint(make()) for make in FAMILIES[family]]
    assert len(set(names)) == len(names), names


def test_how_a_log_is_kept_counts(tmp_path: Path) -> None:
    def names() -> list[str]:
        made = [make(tmp_path / str(n)) for n, make in enumerate(SINKS)]
        for audit in made:
            audit.close()
        return [fingerprint(audit).replace(str(tmp_path), "") for audit in made]

    assert names() == names()
    assert len(set(names())) == len(SINKS)


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_counts(kind: str) -> None:
    one, two = SECRETS[kind]
    assert fingerprint(one()) == fingerprint(two())


def test_a_secret_is_known_by_the_name_of_its_parameter_also_where_that_is_not_written() -> None:
    class Own(RateLimit):
        def __init__(self, rate: str, client_secret: str) -> None:
            super().__init__(rate)

    assert fingerprint(Own("5/minute", "one")) == fingerprint(Own("5/minute", "two"))
    assert fingerprint(Own("5/minute", "one")) == fingerprint(
        Own(client_secret="two", rate="5/minute")
    )
    assert fingerprint(Own("5/minute", "one")) != fingerprint(Own("6/minute", "one"))


def test_the_log_tells_that_the_rule_of_a_limit_was_changed() -> None:
    told = []
    for rule in (Rule("5/minute"), Rule("5/minute"), Rule("5/minute", key="principal")):
        lines = Lines()
        call_wsgi(Stack(Audit(lines), RateLimit(rule)).wsgi(WSGIApp()))
        told.append(set(json.loads(lines.life[0])["layers"]))

    assert told[0] == told[1]
    assert [name.split(" ")[0] for name in told[2] - told[1]] == ["ratelimit"]


@pytest.mark.parametrize(
    "made",
    [
        Introspection("https://id.example/i", client_secret="hunter2", **INTROSPECTION),
        RedisStore("redis://:hunter2@host"),
        RedisStore("redis://host/0?password=hunter2"),
    ],
)
def test_what_is_remembered_for_it_holds_no_secret(made: Any) -> None:
    assert made._given
    assert "hunter2" not in repr(made._given)
