"""The layers that Ringwall ships, configured as a user would, and requests that try them all."""

from __future__ import annotations

import functools
import json

from hypothesis import strategies as st

from audit_support import Lines
from authn_support import AUDIENCE, CLAIMS, ISSUER, NOW, jwks, sign
from dpop_support import ORIGIN, bound, prove, with_proof
from ringwall import (
    CORS,
    HTTPS,
    JWT,
    APIKey,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    ClientCertificate,
    ConcurrencyLimit,
    DPoP,
    LoginLimit,
    MutualTLS,
    RateLimit,
    SecurityHeaders,
    allow,
    generate_api_key,
    owner,
    public,
    role,
    scope,
)
from ringwall.authn import Nonces
from ringwall.ratelimit import Rule
from ringwall.testing import Request

NAMES = [
    "audit",
    "https",
    "cors",
    "headers",
    "flight",
    "client",
    "routes",
    "login",
    "authn",
    "principal",
    "authz",
    "body",
    "openapi",
]
ORDER = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["item"],
    "additionalProperties": False,
}
ORDER_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "orders", "version": "1"},
    "paths": {
        "/v1/orders": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": ORDER}}},
                "responses": {},
            }
        },
        "/v1/orders/{id}": {
            "parameters": [ORDER_ID],
            "get": {"responses": {}},
            "head": {"responses": {}},
        },
    },
}
OWNERS = {1001: "alice", 1002: "bob"}


def at_noon():
    return NOW


def load_order(order_id):
    found = OWNERS.get(order_id)
    return None if found is None else {"owner": found}


@functools.cache
def api_key():
    return generate_api_key("bob", scopes=["orders:read"], expires_in=None)


class Forgetful:
    """Each run sends the same proof again: here that must not matter."""

    immediate = True

    def first_use(self, key, proof, keep):
        return True


NONCES = Nonces(b"0123456789abcdef0123456789abcdef", span=60)


@functools.cache
def stateless():
    """Layers that keep nothing of a request can serve every run."""
    jwt = JWT(issuer=ISSUER, audience=AUDIENCE, keys=jwks("rsa"), mtls=MutualTLS(), clock=at_noon)
    dpop = {"origin": ORIGIN, "nonces": NONCES, "replays": Forgetful(), "clock": at_noon}
    return {
        "https": HTTPS(hosts=["api.example.com"]),
        "cors": CORS(["https://app.example.com"], credentials=True),
        "headers": SecurityHeaders(),
        "authn": Authentication(
            jwt,
            DPoP(jwt, **dpop),
            APIKey([api_key()[1]], clock=at_noon),
            ClientCertificate({"CN=alice": ["orders:read"]}, by="subject", clock=at_noon),
            exempt=["/healthz"],
        ),
        "authz": Authorization(
            public("GET", "/healthz"),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("POST", "/v1/orders", scope("orders:write")),
            allow("*", "/v1/admin/**", role("admin")),
        ),
        "body": BodyValidation({"POST /v1/orders": ORDER}, limit="1 KiB"),
        "openapi": BodyValidation(
            openapi=DOCUMENT,
            limit="1 KiB",
            exempt=["/healthz"],
            ijson_numbers=True,
            nul="refuse",
            forbidden_names=["$*"],
        ),
    }


def layers(names, sink=None):
    """Some of the layers, in the order that the documentation shows."""
    made = dict(stateless())
    made["audit"] = Audit(
        Lines() if sink is None else sink,
        request_id_header=None,
        body_sizes=True,
        clock=at_noon,
        wall_clock=at_noon,
    )
    made["flight"] = ConcurrencyLimit(2, total=9)
    made["login"] = LoginLimit("POST /v1/orders", account="json:item", success=[200], clock=at_noon)
    made["routes"] = RateLimit(
        "9/minute",
        Rule("5/minute", policy="costs", cost=2, charge=lambda exchange, head: 1),
        routes={"POST /v1/orders": "2/minute", "GET /v1/admin/**": lambda exchange: "1/minute"},
        exempt=["/healthz"],
        clock=at_noon,
    )
    made["client"] = RateLimit("3/minute", clock=at_noon)
    made["principal"] = RateLimit("1/hour", key="principal", clock=at_noon)
    return [made[name] for name in NAMES if name in names]


@functools.cache
def credentials():
    token = sign()
    return [
        (),
        ((b"authorization", b"Bearer " + token),),
        ((b"authorization", b"Bearer " + token[:-4] + b"AAAA"),),
        ((b"authorization", b"Bearer " + sign({"sub": "eve"})),),
        ((b"authorization", b"ApiKey " + api_key()[0].encode()),),
        ((b"authorization", b"ApiKey rw_wrong"),),
        ((b"authorization", b"Basic YTpi"),),
        ((b"authorization", b"Bearer " + token), (b"authorization", b"ApiKey x")),
        *bound_credentials(),
    ]


def bound_credentials():
    """A good proof with the nonce before this one, one without a nonce, a replaced scheme, and a
    token that is bound to a certificate."""
    token = bound()
    order = {"htu": ORIGIN + "/v1/orders/1001", "nonce": NONCES.current(NOW - 60)}
    for scheme, proof in (
        (b"DPoP", prove(token, **order)),
        (b"DPoP", prove(token, htu=order["htu"])),
        (b"Bearer", prove(token, **order)),
    ):
        yield tuple(with_proof(token, proof, scheme=scheme))
    certified = sign({**CLAIMS, "cnf": {"x5t#S256": "A" * 43}})
    yield ((b"authorization", b"Bearer " + certified),)


stacks = st.sets(st.sampled_from(NAMES), min_size=1).map(sorted).filter(bool)

bodies = st.sampled_from(
    [
        (),
        (json.dumps({"item": "tea", "count": 2}).encode(),),
        (b'{"item": ', b'"tea"', b"}"),
        (b'{"item": "tea", "price": 0}',),
        (b'{"item": NaN}',),
        (b"not json",),
        (b"x" * 2000,),
    ]
)
origins = st.sampled_from(
    [
        (),
        ((b"origin", b"https://app.example.com"),),
        ((b"origin", b"https://evil.example"),),
        (
            (b"origin", b"https://app.example.com"),
            (b"access-control-request-method", b"POST"),
            (b"access-control-request-headers", b"authorization"),
        ),
    ]
)
targets = st.sampled_from(
    [
        b"/healthz",
        b"/v1/orders/1001",
        b"/v1/orders/1002?a=b",
        b"/v1/orders/07",
        b"/v1/orders",
        b"/v1/admin/users",
        b"/nowhere",
        b"//v1/admin/users",
        b"/v1/admin%2fusers",
        b"/v1/orders/1001%0a",
        b"/healthz/../v1/admin/users",
        b"/healthz;/v1/admin",
        b"*",
    ]
)


def with_everything(method, target, host, credential, origin, content_type, body, **others):
    headers = (*host, *credential, *origin)
    headers += ((b"content-type", content_type),) if content_type else ()
    return Request(method=method, target=target, headers=headers, body=body, **others)


def requests(**others):
    return st.builds(
        with_everything,
        method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "get"]),
        target=targets,
        host=st.sampled_from(
            [
                ((b"host", b"api.example.com"),),
                ((b"host", b"api.example.com"),),
                ((b"host", b"evil.example"),),
                ((b"host", b"api.example.com@evil"),),
                (),
            ]
        ),
        credential=st.deferred(lambda: st.sampled_from(credentials())),
        origin=origins,
        content_type=st.sampled_from([b"application/json", b"text/plain", None]),
        body=bodies,
        scheme=st.sampled_from(["https", "https", "http"]),
        client=st.sampled_from(["192.0.2.7", "2001:db8::1", None]),
        **others,
    )
