"""Several schemes for Bearer tokens in one layer, chosen by the `iss` that a token names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authn_support import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    Clock,
    Port,
    b64,
    bearer,
    compact,
    jwks,
    send,
    sign,
)
from ringwall import (
    JWT,
    APIKey,
    Authentication,
    ConfigurationError,
    Introspection,
    Principal,
    generate_api_key,
)
from ringwall.authn import Failure, Scheme

OTHER = "https://other.example"
OTHER_CLAIMS = {**CLAIMS, "iss": OTHER, "sub": "bob"}


def scheme(issuer=ISSUER, names=("rsa",), **options):
    return JWT(issuer, AUDIENCE, **{"keys": jwks(*names), "clock": Clock()} | options)


class Opaque(Scheme):
    """Takes what no issuer claims."""

    failures = (Failure("opaque", "No."),)

    def __init__(self):
        self.asked = []

    def authenticate(self, credential, exchange):
        self.asked.append(credential)
        return Principal("carol", scheme="bearer") if credential == b"opaque" else self.failures[0]


BOTH = Authentication(scheme(), scheme(OTHER, ("p256",)))
A = sign()
B = sign(OTHER_CLAIMS, alg="ES256")


def refused(answer, code):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (401, code)
    return answer


def test_each_token_is_judged_by_the_scheme_of_its_issuer():
    for _ in range(2):  # and again, from memory
        principal = send(BOTH, bearer(A)).principal
        assert (principal.subject, principal.issuer) == ("alice", ISSUER)
        principal = send(BOTH, bearer(B)).principal
        assert (principal.subject, principal.issuer) == ("bob", OTHER)


def test_there_is_one_challenge_for_all_of_them():
    assert send(BOTH).headers["www-authenticate"] == 'Bearer realm="api"'
    answer = refused(send(BOTH, bearer(b"x")), "invalid-issuer")
    assert answer.headers["www-authenticate"].count("Bearer") == 1


@pytest.mark.parametrize(
    ("token", "code"),
    [
        # The claim is a lie: whoever lies is judged by the keys of the one he names.
        (sign(CLAIMS, alg="ES256"), "unknown-key"),
        (sign(CLAIMS, alg="ES256", kid="rsa"), "invalid-algorithm"),
        (sign(OTHER_CLAIMS), "unknown-key"),
        (sign(OTHER_CLAIMS, kid=None), "unknown-key"),
        (sign(CLAIMS, name="rsa-2", kid="rsa"), "invalid-signature"),
        (sign({**CLAIMS, "iss": "https://evil.example"}), "invalid-issuer"),
        (sign({**CLAIMS, "iss": ISSUER + "/"}), "invalid-issuer"),
        (sign({**CLAIMS, "iss": [ISSUER]}), "invalid-issuer"),
        (sign({**CLAIMS, "iss": None}), "invalid-issuer"),
        (sign(b'{"iss":"%s","iss":"%s"}' % (ISSUER.encode(), OTHER.encode())), "invalid-issuer"),
        (sign(b"[]"), "invalid-issuer"),
        (sign(b"nonsense"), "invalid-issuer"),
        (b"e30." + b64(compact(CLAIMS)) + b".", "malformed-token"),
        (b"e30." + b64(compact(CLAIMS)), "invalid-issuer"),
        (b"a.b.c.d.e", "invalid-issuer"),
        (b"e30.e.e30", "invalid-issuer"),
        (A + b"=", "invalid-issuer"),
        (b"a" * 9000, "token-too-long"),
        (sign({**CLAIMS, "x": "y" * 9000}), "token-too-long"),  # not even looked into
    ],
)
def test_a_lie_about_the_issuer_opens_nothing(token, code):
    refused(send(BOTH, bearer(token)), code)


@given(st.binary(max_size=60))
def test_no_payload_breaks_the_choice(payload):
    answer = send(BOTH, bearer(b64(b"{}") + b"." + b64(payload) + b".AA"), sides="w")
    assert (answer.status, answer.principal) == (401, False)


def test_an_unknown_issuer_causes_no_fetch_and_takes_no_memory():
    port = Port({"https://a/jwks": jwks("rsa")})
    layer = Authentication(
        scheme(keys="https://a/jwks", fetcher=port), scheme(OTHER, keys="https://b/", fetcher=port)
    )
    for number in range(100):
        token = sign({**CLAIMS, "iss": f"https://evil-{number}.example"})
        refused(send(layer, bearer(token), sides="w"), "invalid-issuer")
    assert port.urls == []
    assert send(layer, bearer(A)).status == 200
    assert port.urls == ["https://a/jwks"]


def test_what_no_issuer_claims_goes_to_the_scheme_without():
    opaque = Opaque()
    layer = Authentication(opaque, scheme())
    assert send(layer, bearer(A)).principal.subject == "alice"
    assert opaque.asked == []
    for _ in range(2):
        assert send(layer, bearer(b"opaque"), sides="w").principal.subject == "carol"
    refused(send(layer, bearer(sign(OTHER_CLAIMS)), sides="w"), "opaque")
    assert len(opaque.asked) == 3
    refused(send(layer, bearer(A[:-8] + b"AAAAAAAA")), "invalid-signature")
    assert len(opaque.asked) == 3, "a bad token of a known issuer gets no second judge"


def test_each_scheme_has_its_own_longest_token():
    class Nobody:
        def introspect(self, token):
            raise AssertionError("asked")

        async def aintrospect(self, token):
            raise AssertionError("asked")

    short = Introspection(Nobody(), AUDIENCE, max_length=20)
    wrap = Authentication(scheme(), short)
    refused(send(wrap, bearer(b"opaque" * 10)), "token-too-long")
    assert send(wrap, bearer(A)).principal.subject == "alice"


def test_only_valid_tokens_are_remembered():
    layer = Authentication(scheme(), scheme(OTHER, ("p256",)))
    (issuers,) = layer.schemes
    for number in range(100):
        send(layer, bearer(sign({**CLAIMS, "aud": str(number)})), sides="w")
    assert len(issuers._chosen) == 0
    send(layer, bearer(A), sides="w")
    assert len(issuers._chosen) == 1
    assert repr(issuers) == "<Issuers 2>"


def test_a_revoked_key_counts_for_a_remembered_choice():
    clock = Clock()
    layer = Authentication(scheme(clock=clock), scheme(OTHER, ("p256",), clock=clock))
    assert send(layer, bearer(A)).status == 200
    clock.now += 3600
    refused(send(layer, bearer(A)), "token-expired")


def test_tenants_may_share_their_keys():
    layer = Authentication(JWT((ISSUER, OTHER), AUDIENCE, keys=jwks("rsa"), clock=Clock()))
    assert send(layer, bearer(A)).principal.issuer == ISSUER
    assert send(layer, bearer(sign(OTHER_CLAIMS))).principal.issuer == OTHER
    refused(send(layer, bearer(sign({**CLAIMS, "iss": "x"}))), "invalid-issuer")
    refused(send(layer, bearer(sign({**CLAIMS, "iss": [OTHER]}))), "invalid-issuer")


def test_a_header_of_its_own_is_another_place():
    _, record = generate_api_key("dave")
    layer = Authentication(
        scheme(), scheme(OTHER, ("p256",), header="X-Assertion"), APIKey([record])
    )
    assert send(layer, bearer(A)).principal.issuer == ISSUER
    assert send(layer, (b"x-assertion", B)).principal.issuer == OTHER
    refused(send(layer, (b"x-assertion", A)), "unknown-key")
    answer = send(layer, bearer(A), (b"x-assertion", B))
    assert (answer.status, answer.code, answer.principal) == (400, "multiple-credentials", False)
    assert send(layer).headers["www-authenticate"] == (
        'Bearer realm="api", Bearer realm="api", header="x-assertion", ApiKey realm="api"'
    )


def test_a_credential_that_no_scheme_reads_is_not_counted():
    """Another layer may want `Authorization`; what is not ours must not change the answer."""
    from ringwall import Layer, Stack

    class Nosy(Layer):
        name = "nosy"
        wants = frozenset({b"authorization"})

    stack = Stack(Nosy(), Authentication(scheme(header="x-assertion")))
    answer = send(stack, (b"x-assertion", A), (b"authorization", b"Basic YTpi"))
    assert answer.principal.subject == "alice"


@pytest.mark.parametrize(
    ("schemes", "message"),
    [
        ((scheme(), scheme()), "two schemes accept tokens of 'https://id.example.com'"),
        ((scheme(), Opaque(), Opaque()), "neither names its issuer"),
        ((Opaque(), Opaque()), "two schemes answer to 'Bearer'"),
        ((scheme(header="x-a"), scheme(header="x-a")), "two schemes accept tokens"),
    ],
)
def test_bad_configuration_says_what_to_write(schemes, message):
    with pytest.raises(ConfigurationError, match=message):
        Authentication(*schemes)
