"""Presets: what each issuer or gateway sends passes, and the trap of each is closed."""

from __future__ import annotations

import sys
from base64 import urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from authn_support import (
    NOW,
    Clock,
    Port,
    bearer,
    compact,
    jwks,
    key,
    pem,
    public,
    send,
    sign,
)
from ringwall import Authentication, ConfigurationError
from ringwall._errors import MissingDependency
from ringwall.authn import presets

API = "https://api.example.com"
TENANT = "8a3f0c6e-2b1d-4c9a-9f57-0e6d1b2c3d4e"
TENANT_2 = "11111111-2b1d-4c9a-9f57-0e6d1b2c3d4e"
TIMES = {"iat": int(NOW) - 10, "exp": int(NOW) + 300}
GOOGLE = "/projects/123456/global/backendServices/654321"
ENTRA = "https://login.microsoftonline.com"
COGNITO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC"
KEYCLOAK = "https://sso.example.com/realms/acme"


class Case:
    """One preset with a token as its issuer makes them."""

    def __init__(self, build, keys_url, claims, *, alg="RS256", header=None, expect=None):
        self.claims = TIMES | {"sub": "alice"} | claims
        self.alg = alg
        self.name = {"RS256": "rsa", "ES256": "p256"}[alg]
        self.header = header
        self.expect = expect or {}
        self.keys_url = keys_url
        self.build = build

    def layer(self, **options):
        port = Port({self.keys_url: jwks(self.name)})
        return Authentication(self.build(fetcher=port, clock=Clock(), **options))

    def send(self, token=None, layer=None):
        token = token or sign(self.claims, alg=self.alg)
        place = (self.header, token) if self.header else bearer(token)
        return send(layer or self.layer(), place)


CASES = {
    "auth0": Case(
        lambda **o: presets.auth0("acme.eu.auth0.com", API, **o),
        "https://acme.eu.auth0.com/.well-known/jwks.json",
        {"iss": "https://acme.eu.auth0.com/", "aud": [API], "permissions": ["read"], "scope": "a"},
        expect={"scopes": {"read", "a"}},
    ),
    "entra v2": Case(
        lambda **o: presets.entra_id(TENANT, "client", **o),
        f"{ENTRA}/{TENANT}/discovery/v2.0/keys",
        {"iss": f"{ENTRA}/{TENANT}/v2.0", "aud": "client", "scp": "a b", "roles": ["r"]},
        expect={"scopes": {"a", "b"}, "roles": {"r"}},
    ),
    "entra v1": Case(
        lambda **o: presets.entra_id(TENANT, "api://x", version=1, **o),
        f"{ENTRA}/{TENANT}/discovery/v2.0/keys",
        {"iss": f"https://sts.windows.net/{TENANT}/", "aud": "api://x"},
    ),
    "entra, two tenants": Case(
        lambda **o: presets.entra_id([TENANT, TENANT_2], "client", **o),
        f"{ENTRA}/common/discovery/v2.0/keys",
        {"iss": f"{ENTRA}/{TENANT_2}/v2.0", "aud": "client"},
        expect={"issuer": f"{ENTRA}/{TENANT_2}/v2.0"},
    ),
    "okta": Case(
        lambda **o: presets.okta("acme.okta.com", "api://default", **o),
        "https://acme.okta.com/oauth2/default/v1/keys",
        {
            "iss": "https://acme.okta.com/oauth2/default",
            "aud": "api://default",
            "scp": ["a"],
            "groups": ["staff"],
        },
        expect={"scopes": {"a"}, "roles": {"staff"}},
    ),
    "keycloak": Case(
        lambda **o: presets.keycloak("https://sso.example.com/", "acme", "orders", **o),
        f"{KEYCLOAK}/protocol/openid-connect/certs",
        {
            "iss": KEYCLOAK,
            "aud": ["orders", "account"],
            "typ": "Bearer",
            "realm_access": {"roles": ["realm-role"]},
            "resource_access": {"orders": {"roles": ["clerk"]}, "other": {"roles": ["admin"]}},
        },
        expect={"roles": {"realm-role", "clerk"}},
    ),
    "cognito": Case(
        lambda **o: presets.cognito("eu-central-1", "eu-central-1_AbC", "client", **o),
        f"{COGNITO}/.well-known/jwks.json",
        {
            "iss": COGNITO,
            "client_id": "client",
            "token_use": "access",
            "cognito:groups": ["staff"],
        },
        expect={"roles": {"staff"}},
    ),
    "google iap": Case(
        lambda **o: presets.google_iap(GOOGLE, **o),
        "https://www.gstatic.com/iap/verify/public_key-jwk",
        {"iss": "https://cloud.google.com/iap", "aud": GOOGLE},
        alg="ES256",
        header=b"x-goog-iap-jwt-assertion",
    ),
    "cloudflare access": Case(
        lambda **o: presets.cloudflare_access("acme", "tag", **o),
        "https://acme.cloudflareaccess.com/cdn-cgi/access/certs",
        {"iss": "https://acme.cloudflareaccess.com", "aud": ["tag"], "type": "app"},
        header=b"cf-access-jwt-assertion",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_issuer_sends_passes(name):
    case = CASES[name]
    answer = case.send()
    assert answer.status == 200, answer.body
    assert answer.principal.subject == "alice"
    for attribute, expected in case.expect.items():
        assert getattr(answer.principal, attribute) == expected


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "sub"])
def test_a_claim_that_differs_is_refused(name, claim):
    case = CASES[name]
    claim = "client_id" if claim == "aud" and name == "cognito" else claim
    for value in ("x", None, 0):
        if (claim, value) == ("sub", "x"):
            continue
        answer = case.send(sign({**case.claims, claim: value}, alg=case.alg))
        assert (answer.status, answer.principal) == (401, False), (claim, value)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].header])
def test_the_assertion_of_a_gateway_is_no_bearer_token(name):
    case = CASES[name]
    answer = send(case.layer(), bearer(sign(case.claims, alg=case.alg)))
    assert (answer.status, answer.code, answer.principal) == (401, "missing-credentials", False)


@pytest.mark.parametrize("name", CASES)
def test_another_algorithm_of_the_same_key_is_refused(name):
    case = CASES[name]
    if name == "keycloak":  # the realm chooses
        return
    other = {"RS256": "PS256", "ES256": "ES384"}[case.alg]
    answer = case.send(sign(case.claims, alg=other))
    assert (answer.status, answer.principal) == (401, False)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("keycloak", {"typ": "ID"}),
        ("keycloak", {"typ": "Refresh"}),
        ("keycloak", {"typ": None}),
        ("cognito", {"token_use": "id"}),
        ("cognito", {"aud": "client", "client_id": "other"}),
        ("entra v2", {"iss": f"{ENTRA}/{TENANT_2}/v2.0"}),
        ("entra, two tenants", {"iss": f"{ENTRA}/common/v2.0"}),
        ("google iap", {"aud": "/projects/123456/global/backendServices/654322"}),
        ("cloudflare access", {"sub": ""}),
    ],
)
def test_the_trap_of_each_is_closed(name, changes):
    case = CASES[name]
    answer = case.send(sign({**case.claims, **changes}, alg=case.alg))
    assert (answer.status, answer.principal) == (401, False)


def test_a_claim_to_match_must_be_there():
    case = CASES["keycloak"]
    without = {name: value for name, value in case.claims.items() if name != "typ"}
    assert case.send(sign(without)).code == "missing-claim"


def test_options_of_jwt_prevail():
    case = CASES["cloudflare access"]
    layer = case.layer(subject="common_name")
    token = sign({**case.claims, "sub": "", "common_name": "robot"})
    assert case.send(token, layer).principal.subject == "robot"


@pytest.mark.parametrize(
    "build",
    [
        lambda: presets.auth0("https://acme.eu.auth0.com", API),
        lambda: presets.auth0("acme.eu.auth0.com/evil", API),
        lambda: presets.entra_id("common", "client"),
        lambda: presets.entra_id([TENANT, "organizations"], "client"),
        lambda: presets.entra_id(TENANT, "client", version=3),
        lambda: presets.okta("acme.okta.com", "x", authorization_server="a/b"),
        lambda: presets.keycloak("http://sso.example.com", "acme", "orders"),
        lambda: presets.keycloak("https://sso.example.com", "a/b", "orders"),
        lambda: presets.cognito("eu/central", "x", "client"),
        lambda: presets.cognito("eu-central-1", "a/b", "client"),
        lambda: presets.google_iap("https://api.example.com"),
        lambda: presets.google_iap(["/projects/x"]),
        lambda: presets.cloudflare_access("acme/x", "tag"),
        lambda: presets.aws_alb("arn:aws:x", "https://id.example.com", "client"),
        lambda: presets.aws_alb([ARN, ARN_2.replace("eu-central-1", "us-east-1")], "i", "client"),
        lambda: presets.aws_alb(ARN, "i", "client", keys="http://keys.example.com/"),
        lambda: presets.spiffe("spiffe://example.org", API, keys=jwks("rsa")),
        lambda: presets.spiffe(None, API, keys=jwks("rsa")),
    ],
)
def test_what_cannot_work_does_not_construct(build):
    with pytest.raises(ConfigurationError, match=r"such as|https://|is 1 or 2|ARN"):
        build()


# AWS ALB

ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/orders/50dc6c495c0c"
ARN_2 = ARN.replace("/50dc", "/60dc")
KID = "8a3f0c6e-2b1d-4c9a-9f57-0e6d1b2c3d4e"
ALB_KEYS = "https://public-keys.auth.elb.eu-central-1.amazonaws.com/"
ALB_HEADER = {"alg": "ES256", "kid": KID, "typ": "JWT", "signer": ARN, "client": "client"}
ALB_HEADER |= {"iss": "https://id.example.com", "exp": int(NOW) + 120}
ALB_CLAIMS = {"sub": "alice", "email": "alice@example.com", "iss": "https://id.example.com"}


def padded(header, claims, name="p256", pad=urlsafe_b64encode):
    """As a load balancer makes them: every segment with its padding."""
    signed = pad(compact(header)) + b"." + pad(compact(claims))
    der = key(name).private_key.sign(signed, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    return signed + b"." + pad(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def alb(**options):
    clock = options.pop("clock", Clock())
    port = Port({ALB_KEYS + KID: pem("p256").encode()})
    issuer = "https://id.example.com"
    options = {"fetcher": port, "clock": clock} | options
    return Authentication(presets.aws_alb([ARN, ARN_2], issuer, "client", **options))


def send_alb(token, layer=None):
    return send(layer or alb(), (b"x-amzn-oidc-data", token))


@pytest.mark.parametrize("signer", [ARN, ARN_2])
@pytest.mark.parametrize("claims", [ALB_CLAIMS, ALB_CLAIMS | {"exp": int(NOW) + 60}])
def test_the_claims_of_a_load_balancer(signer, claims):
    layer = alb()
    token = padded(ALB_HEADER | {"signer": signer}, claims)
    assert b"=" in token
    principal = send_alb(token, layer).principal
    assert (principal.subject, principal.issuer) == ("alice", "https://id.example.com")
    assert send_alb(token, layer).principal is principal


def drop(mapping, name):
    return {member: value for member, value in mapping.items() if member != name}


@pytest.mark.parametrize(
    ("header", "claims", "code"),
    [
        # Any customer of AWS gets tokens signed with the region's key, of a balancer of his own.
        (ALB_HEADER | {"signer": ARN.replace("123456789012", "999999999999")}, {}, "signer"),
        (ALB_HEADER | {"signer": ARN + "0"}, {}, "signer"),
        (ALB_HEADER | {"signer": [ARN]}, {}, "signer"),
        (drop(ALB_HEADER, "signer"), {"signer": ARN}, "signer"),
        (ALB_HEADER | {"client": "other"}, {"client": "client"}, "audience"),
        (drop(ALB_HEADER, "client"), {"client": "client"}, "missing-claim"),
        (ALB_HEADER | {"iss": "https://evil.example"}, {}, "issuer"),
        (ALB_HEADER | {"exp": int(NOW) - 60}, {}, "expired"),
        (ALB_HEADER | {"exp": int(NOW) - 60}, {"exp": int(NOW) + 60}, "expired"),
        (ALB_HEADER, {"exp": int(NOW) - 60}, "expired"),
        (ALB_HEADER, {"exp": "9"}, "claims"),
        (drop(ALB_HEADER, "exp"), {}, "missing-claim"),
        (ALB_HEADER | {"crit": ["exp"]}, {}, "malformed"),
    ],
)
def test_what_a_load_balancer_of_ours_did_not_say_is_refused(header, claims, code):
    answer = send_alb(padded(header, ALB_CLAIMS | claims))
    assert (answer.status, answer.principal) == (401, False)
    assert code in answer.code


def test_claims_of_a_load_balancer_are_an_object():
    assert send_alb(padded(ALB_HEADER, ["x"])).code == "invalid-claims"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t + b"=",
        lambda t: t.rstrip(b"="),
        lambda t: t.replace(b"=.", b"==.", 1) if b"=." in t else b"=" + t,
        lambda t: b"=" + t,
        lambda t: t.replace(b".", b"=.=.", 1),
        lambda t: t[:5] + b"=" + t[5:],
        lambda t: t + b".",
        lambda t: t[:-6] + b"AAAA==",
        lambda t: b"a" * 9000,
    ],
)
def test_padding_has_one_spelling(spoil):
    good = padded(ALB_HEADER, ALB_CLAIMS)
    assert send_alb(good).status == 200
    answer = send_alb(spoil(good))
    assert (answer.status, answer.principal) == (401, False)


def test_others_may_not_pad():
    case = CASES["google iap"]
    token = padded({"alg": "ES256", "kid": "p256"}, case.claims)
    assert case.send(token).code == "malformed-token"


def test_a_load_balancer_of_another_partition():
    port = Port({"https://keys.example.com/" + KID: pem("p256").encode()})
    arn = ARN.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-central-1", "us-gov-west-1")
    layer = Authentication(
        presets.aws_alb(
            arn,
            "https://id.example.com",
            "client",
            keys="https://keys.example.com/",
            fetcher=port,
            clock=Clock(),
        )
    )
    assert send_alb(padded(ALB_HEADER | {"signer": arn}, ALB_CLAIMS), layer).status == 200


def test_a_missing_dependency_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ringwall.authn._by_id", None)
    with pytest.raises(MissingDependency, match=r"ringwall\[jwt\]"):
        presets.aws_alb(ARN, "https://id.example.com", "client")


# SPIFFE

WORKLOAD = "spiffe://example.org/ns/prod/sa/orders"
SVID = TIMES | {"sub": "spiffe://example.org/ns/prod/sa/web", "aud": [WORKLOAD]}
BUNDLE = {
    "keys": [
        public("p256", use="jwt-svid"),
        public("rsa", use="x509-svid"),
        {**public("ed25519"), "use": "enc"},
    ],
    "spiffe_sequence": 1,
}


def spiffe(**options):
    return presets.spiffe("example.org", WORKLOAD, keys=BUNDLE, clock=Clock(), **options)


@pytest.mark.parametrize("extra", [{}, {"iss": "https://spire.example.org"}])
def test_an_svid_names_the_workload(extra):
    layer = Authentication(spiffe())
    principal = send(layer, bearer(sign(SVID | extra, alg="ES256"))).principal
    assert principal.subject == "spiffe://example.org/ns/prod/sa/web"
    assert principal.issuer == "spiffe://example.org"
    assert principal.claims.get("iss") == extra.get("iss")


@pytest.mark.parametrize(
    "subject",
    [
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org.evil.example/x",
        "spiffe://evil.example/example.org/x",
        "spiffe://example.org//x",
        "spiffe://example.org/a/../b",
        "spiffe://example.org/.",
        "spiffe://example.org/a?b",
        "spiffe://example.org/a\n",
        "SPIFFE://example.org/a",
        "https://example.org/a",
        "spiffe://example.org/" + "a" * 2048,
        ["spiffe://example.org/a"],
        None,
    ],
)
def test_a_subject_outside_the_trust_domain_is_refused(subject):
    answer = send(Authentication(spiffe()), bearer(sign(SVID | {"sub": subject}, alg="ES256")))
    assert (answer.status, answer.principal) == (401, False)


@pytest.mark.parametrize(
    "token",
    [
        sign(SVID),  # the key is for X.509
        sign(SVID, alg="EdDSA"),
        sign({**SVID, "aud": []}, alg="ES256"),
        sign({**SVID, "exp": None}, alg="ES256"),
        sign(b"[]", alg="ES256"),
    ],
)
def test_other_svids_are_refused(token):
    answer = send(Authentication(spiffe()), bearer(token))
    assert (answer.status, answer.principal) == (401, False)


def test_workloads_and_users_in_one_layer():
    case = CASES["auth0"]
    port = Port({case.keys_url: jwks("rsa")})
    layer = Authentication(spiffe(), case.build(fetcher=port, clock=Clock()))
    assert send(layer, bearer(sign(SVID, alg="ES256"))).principal.issuer == "spiffe://example.org"
    assert send(layer, bearer(sign(case.claims))).principal.subject == "alice"
