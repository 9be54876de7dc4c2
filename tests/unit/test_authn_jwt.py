"""`JWT` in the layer: claims, cache, key sources. Each refusal asserts that no app was called."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading

import httpx
import jwt as pyjwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

import ringwall.authn
from authn_support import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    Asked,
    Clock,
    Port,
    b64,
    bearer,
    compact,
    jwks,
    key,
    landed,
    pem,
    public,
    send,
    send_asgi,
    send_wsgi,
    sign,
    vectors,
)
from ringwall import JWT, Authentication, ConfigurationError
from ringwall._errors import MissingDependency
from ringwall.authn._cache import BoundedCache, Verified
from ringwall.authn._fetch import FetchFailed, HTTPFetcher
from ringwall.authn._grants import freeze
from ringwall.authn._urls import check_url

JWKS_URL = "https://id.example.com/jwks.json"
KEYS = jwks("rsa", "p256", "ed25519")


def scheme(**options):
    options = {"keys": KEYS, "clock": Clock()} | options
    return JWT(options.pop("issuer", ISSUER), options.pop("audience", AUDIENCE), **options)


def layer(**options):
    return Authentication(scheme(**options))


def refused(answer, code, status=401):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    if status == 401:
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="api", error="invalid_token"')
    return True


def claims(**changes):
    """The usual claims with changes; None takes one away."""
    return {name: value for name, value in (CLAIMS | changes).items() if value is not None}


# What passes


@pytest.mark.parametrize("alg", ["RS256", "PS512", "ES256", "EdDSA"])
def test_a_valid_token_names_the_principal(alg):
    answer = send(layer(), bearer(sign(alg=alg)))
    principal = answer.principal
    assert answer.status == 200
    assert principal.subject == "alice"
    assert principal.issuer == ISSUER
    assert principal.scheme == "bearer"
    assert principal.scopes == {"orders:read", "orders:write"}
    assert principal.roles == {"clerk"}
    assert principal.claims["aud"] == AUDIENCE


@pytest.mark.parametrize("prefix", [b"Bearer ", b"bearer ", b"BEARER ", b"bEaReR ", b"Bearer    "])
def test_the_name_of_the_scheme_has_no_case(prefix):
    assert send(layer(), (b"authorization", prefix + sign())).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [AUDIENCE]},
        {"aud": ["https://other.example", AUDIENCE]},
        {"exp": NOW + 0.5},
        {"exp": 2**53},
        {"nbf": NOW},
        {"nbf": NOW + 10, "iat": NOW + 10},
        {"exp": NOW - 9.5},
        {"iat": None},
        {"scope": None, "roles": None},
        {"extra": {"deep": [1, {"er": None}]}},
    ],
)
def test_claims_that_hold(changes):
    assert send(layer(), bearer(sign(claims(**changes)))).status == 200


@pytest.mark.parametrize(
    ("option", "typ"),
    [
        *((None, typ) for typ in (None, "JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT")),
        *(("at+jwt", typ) for typ in ("at+jwt", "application/AT+jwt")),
        (["at+jwt", "application/custom+jwt"], "custom+jwt"),
    ],
)
def test_accepted_types(option, typ):
    assert send(layer(typ=option), bearer(sign(typ=typ))).status == 200


@pytest.mark.parametrize(
    ("option", "typ"),
    [
        *((None, typ) for typ in ("dpop+jwt", "logout+jwt", "secevent+jwt", "", "JWT ", "JOSE")),
        *(("at+jwt", typ) for typ in (None, "JWT", "dpop+jwt")),
    ],
)
def test_a_token_for_another_purpose_is_refused(option, typ):
    refused(send(layer(typ=option), bearer(sign(typ=typ))), "invalid-type")


# What does not pass


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": None}, "missing-claim"),
        ({"iss": ISSUER + "/"}, "invalid-issuer"),
        ({"iss": ISSUER.upper()}, "invalid-issuer"),
        ({"iss": ISSUER[:-1]}, "invalid-issuer"),
        ({"iss": "https"}, "invalid-issuer"),
        ({"iss": ""}, "invalid-issuer"),
        ({"iss": [ISSUER]}, "invalid-issuer"),
        ({"iss": {ISSUER: 1}}, "invalid-issuer"),
        ({"iss": 5}, "invalid-issuer"),
        ({"aud": None}, "missing-claim"),
        ({"aud": "https://other.example"}, "invalid-audience"),
        ({"aud": AUDIENCE[:-1]}, "invalid-audience"),
        ({"aud": AUDIENCE + " "}, "invalid-audience"),
        ({"aud": ["https://other.example"]}, "invalid-audience"),
        ({"aud": ""}, "invalid-audience"),
        ({"aud": []}, "invalid-claims"),
        ({"aud": {}}, "invalid-claims"),
        ({"aud": {AUDIENCE: 1}}, "invalid-claims"),
        ({"aud": [[AUDIENCE]]}, "invalid-claims"),
        ({"aud": [AUDIENCE, 5]}, "invalid-claims"),
        ({"aud": [AUDIENCE, None]}, "invalid-claims"),
        ({"aud": 5}, "invalid-claims"),
        ({"aud": False}, "invalid-claims"),
        ({"exp": None}, "missing-claim"),
        ({"exp": NOW - 10}, "token-expired"),
        ({"exp": 0}, "token-expired"),
        ({"exp": -1}, "invalid-claims"),
        ({"exp": str(int(NOW) + 300)}, "invalid-claims"),
        ({"exp": True}, "invalid-claims"),
        ({"exp": []}, "invalid-claims"),
        ({"exp": [NOW + 300]}, "invalid-claims"),
        ({"exp": {}}, "invalid-claims"),
        ({"exp": 10**400}, "invalid-claims"),
        ({"exp": 1e300}, "invalid-claims"),
        ({"exp": 2**53 + 1}, "invalid-claims"),
        ({"exp": float("nan")}, "invalid-claims"),
        ({"exp": float("inf")}, "invalid-claims"),
        ({"nbf": NOW + 10.5}, "token-not-yet-valid"),
        ({"nbf": str(NOW)}, "invalid-claims"),
        ({"nbf": True}, "invalid-claims"),
        ({"nbf": -(10**400)}, "invalid-claims"),
        ({"iat": NOW + 10.5}, "token-not-yet-valid"),
        ({"iat": "yesterday"}, "invalid-claims"),
        ({"iat": [1]}, "invalid-claims"),
        ({"sub": None}, "missing-claim"),
        ({"sub": ""}, "invalid-claims"),
        ({"sub": 5}, "invalid-claims"),
        ({"sub": ["alice"]}, "invalid-claims"),
    ],
)
def test_claims_that_do_not_hold(changes, code):
    refused(send(layer(), bearer(sign(claims(**changes)))), code)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "aud", "iss", "sub"])
def test_null_is_no_value(name):
    token = sign({**CLAIMS, name: None})
    assert send(layer(), bearer(token)).code in (
        "invalid-claims",
        "missing-claim",
        "invalid-issuer",
    )


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"5",
        compact([CLAIMS]),
        compact(CLAIMS)[:-1] + b',"sub":"root"}',
        compact(CLAIMS)[:-1] + b',"aud":"' + AUDIENCE.encode() + b'"}',
        compact(CLAIMS)[:-1] + b',"\\u0065xp":9999999999}',
        compact(CLAIMS)[:-1] + b',"x":{"a":1,"a":2}}',
        compact(CLAIMS)[:-1] + b',"exp2":1e999}',
        b"\xef\xbb\xbf" + compact(CLAIMS),
        json.dumps(CLAIMS).encode("utf-16"),
        compact(CLAIMS)[:-1] + b',"x":"\xff"}',
        compact(CLAIMS)[:-1] + b',"x":"\\udfff"}',
        compact(CLAIMS)[:-1] + b',"x":' + b"[" * 2000 + b"]" * 2000 + b"}",
        compact(CLAIMS)[:-1] + b',"x":' + b"[" * 64 + b"]" * 64 + b"}",
        compact(CLAIMS)[:-1] + b',"x":' + b'{"a":' * 70 + b"1" + b"}" * 71,
        compact(CLAIMS) + b"{}",
    ],
)
def test_payloads_that_are_no_strict_json_object(payload):
    refused(send(layer(), bearer(sign(payload))), "invalid-claims")


def test_deep_nesting_is_refused_and_not_a_500():
    payload = compact(CLAIMS)[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refused(send(layer(max_length=10**6), bearer(sign(payload))), "invalid-claims")


@pytest.mark.parametrize("kind", ["y", "n", "i"])
def test_json_vectors_as_payload_never_break_the_layer(kind):
    judge = scheme(max_length=10**6)
    wrap = Authentication(judge)
    for path in sorted(vectors("JSONTestSuite").rglob(f"{kind}_*.json")):
        answer = send(wrap, bearer(sign(path.read_bytes(), alg="ES256")), sides="w")
        assert answer.status == 401, path.name
        assert answer.principal is False


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (b"x", "malformed-token"),
        (b"a.b.c", "malformed-token"),
        (b"e30.e30.", "malformed-token"),
        (sign() + b"=", "malformed-token"),
        (sign() + b".", "malformed-token"),
        (b"\xff" * 20, "malformed-token"),
        (b"x" * 8193, "token-too-long"),
        (b"." * 100_000, "token-too-long"),
        (sign().rsplit(b".", 1)[0] + b".", "invalid-signature"),
        (b64(b'{"alg":"none"}') + b"." + b64(compact(CLAIMS)) + b".", "invalid-algorithm"),
        (sign(name="rsa-evil", kid="rsa"), "invalid-signature"),
        (sign(name="rsa-evil"), "unknown-key"),
        (sign(alg="HS256"), "unknown-key"),
    ],
)
def test_bad_tokens(token, code):
    refused(send(layer(), bearer(token)), code)


def test_hs256_with_the_public_key_is_refused():
    import hmac

    signed = b64(compact({"alg": "HS256", "kid": "rsa"})) + b"." + b64(compact(CLAIMS))
    token = signed + b"." + b64(hmac.digest(pem("rsa").encode(), signed, "sha256"))
    refused(send(layer(), bearer(token)), "invalid-algorithm")
    refused(send(layer(keys=pem("rsa")), bearer(token)), "invalid-algorithm")
    refused(
        send(layer(keys=pem("rsa"), algorithms=["HS256", "RS256"]), bearer(token)),
        "invalid-algorithm",
    )


def test_hmac_with_a_configured_key():
    only = layer(keys=key("oct").as_dict(), algorithms=["HS256"])
    assert send(only, bearer(sign(alg="HS256"))).status == 200
    refused(send(only, bearer(sign(alg="HS512"))), "invalid-algorithm")


def test_options_narrow_what_passes():
    long = layer(max_lifetime=310)
    assert send(long, bearer(sign())).status == 200
    refused(send(long, bearer(sign(claims(exp=NOW + 301)))), "excessive-lifetime")
    refused(send(long, bearer(sign(claims(iat=None)))), "missing-claim")
    needs = layer(required=["jti", "client_id"])
    refused(send(needs, bearer(sign(claims(jti="1")))), "missing-claim")
    assert send(needs, bearer(sign(claims(jti="1", client_id="c")))).status == 200
    exact = layer(leeway=0)
    refused(send(exact, bearer(sign(claims(exp=NOW)))), "token-expired")
    assert send(exact, bearer(sign(claims(exp=NOW + 0.001)))).status == 200
    several = layer(audience=["a", AUDIENCE])
    assert send(several, bearer(sign(claims(aud="a")))).status == 200


def test_claims_are_mapped_to_subject_scopes_and_roles():
    token = sign(
        claims(
            sub=None,
            client_id="robot",
            scope=" a  b ",
            scp=["c d", 5, "", None],
            roles="super user",
            realm_access={"roles": ["x", ["y"]]},
            groups={"not": "names"},
        )
    )
    mapped = layer(
        subject="client_id",
        scopes=["scope", "scp"],
        roles=["roles", ("realm_access", "roles"), "groups", ("roles", "x"), ("none", "x")],
    )
    principal = send(mapped, bearer(token)).principal
    assert principal.subject == "robot"
    assert principal.scopes == {"a", "b", "c d"}
    assert principal.roles == {"super user", "x"}
    path = layer(subject="client_id", roles=("realm_access", "roles"))
    assert send(path, bearer(token)).principal.roles == {"x"}


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=3),
            st.just(ISSUER),
            st.just(AUDIENCE),
            st.just([AUDIENCE]),
            st.integers(int(NOW) - 30, int(NOW) + 30),
            st.lists(st.text(max_size=3), max_size=2),
        ),
        max_size=3,
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_claims_we_accept_others_accept_too(changes):
    """Differential: joserfc's registry and PyJWT never refuse what passes here."""
    token = sign({**CLAIMS, **changes}, alg="ES256")
    answer = send(layer(), bearer(token), sides="w")
    if answer.status == 200:
        registry = JWTClaimsRegistry(
            now=int(NOW),
            leeway=10,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )
        try:
            registry.validate(json.loads(json.dumps({**CLAIMS, **changes})))
        except JoseError as error:
            # joserfc counts a whole second as over before it is.
            assert "exp" in str(error) or "nbf" in str(error) or "iat" in str(error)
            dates = [changes.get(name, NOW) for name in ("exp", "nbf", "iat")]
            assert any(isinstance(date, float) or abs(date - NOW) <= 10 for date in dates)
        decoded = pyjwt.decode(
            token,
            key("p256").public_key,
            algorithms=["ES256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        assert decoded["sub"] == answer.principal.subject
    else:
        assert answer.status == 401
        assert answer.principal is False


# Silence


def test_nothing_of_a_token_appears_anywhere(caplog):
    token = sign(claims(sub="s3cret-subject", jti="s3cret-jti"))
    caplog.set_level(logging.DEBUG)
    judge = scheme()
    for each in (token, token[:-8] + b"AAAAAAAA", b"s3cret", sign(claims(sub="s3cret", exp=1))):
        answer = send(Authentication(judge), bearer(each))
        shown = repr((answer.headers, answer.body, answer.principal, judge, judge._cache))
        assert "s3cret" not in shown
        assert each.decode() not in shown
    assert "s3cret" not in caplog.text
    assert token.decode() not in caplog.text
    principal = send(Authentication(judge), bearer(token)).principal
    assert principal.credential_id not in (None, "s3cret-jti")


def test_claims_of_a_shared_principal_cannot_be_changed():
    """A handler that edits a claim must not edit it for the next request."""
    wrap = layer()
    token = bearer(sign(claims(extra={"list": [1]})))
    principal = send(wrap, token).principal
    with pytest.raises(TypeError):
        principal.claims["extra"]["list"] = []
    with pytest.raises(AttributeError):
        principal.claims["roles"].append("admin")
    assert send(wrap, token).principal is principal
    assert freeze({"a": [{"b": [1]}]})["a"][0]["b"] == (1,)


# The cache of verified tokens


class Counting:
    """Counts verifications."""

    def __init__(self, judge):
        self.count = 0
        self._verify = judge._verifier.verify_compact
        judge._verifier.verify_compact = self

    def __call__(self, *args):
        self.count += 1
        return self._verify(*args)


def test_a_verified_token_is_not_verified_again():
    judge = scheme()
    counting = Counting(judge)
    token = sign()
    for _ in range(3):
        assert send(Authentication(judge), bearer(token)).status == 200
    assert counting.count == 1
    forged = token[:-8] + b"AAAAAAAA"
    for _ in range(3):
        refused(send(Authentication(judge), bearer(forged), sides="w"), "invalid-signature")
    assert counting.count == 4


def test_expiry_is_checked_at_every_hit():
    clock = Clock()
    judge = scheme(clock=clock, cache_ttl=1e6)
    wrap, token = Authentication(judge), bearer(sign(claims(nbf=NOW)))
    assert send(wrap, token).status == 200
    clock.now = NOW + 309.9
    assert send(wrap, token).status == 200
    clock.now = NOW + 310
    refused(send(wrap, token), "token-expired")
    clock.now = NOW - 11  # the clock was set back
    refused(send(wrap, token), "token-not-yet-valid")


def test_a_remembered_token_is_verified_again_after_a_while():
    clock = Clock()
    judge = scheme(clock=clock, cache_ttl=60)
    counting = Counting(judge)
    wrap, token = Authentication(judge), bearer(sign())
    send(wrap, token, sides="w")
    clock.now += 59
    send(wrap, token, sides="w")
    assert counting.count == 1
    clock.now += 1
    assert send(wrap, token, sides="w").status == 200
    assert counting.count == 2


def test_garbage_takes_no_memory():
    judge = scheme()
    for number in range(2000):
        refused(
            send(Authentication(judge), bearer(b"e30.e30.%d" % number), sides="w"),
            "malformed-token",
        )
    refused(send(Authentication(judge), bearer(sign(claims(exp=1)))), "token-expired")
    assert len(judge._cache) == 0
    assert len(judge._source.keys.memo) == 1


def test_the_cache_is_bounded():
    judge = scheme(cache_size=10)
    for number in range(50):
        send(Authentication(judge), bearer(sign(claims(jti=str(number)))), sides="w")
        assert len(judge._cache) <= 10
    off = scheme(cache_size=0)
    assert send(Authentication(off), bearer(sign())).status == 200
    assert len(off._cache) == 0


def test_the_cache_keeps_what_is_used():
    cache = BoundedCache(4)
    entry = Verified(None, 0, 1, None)
    cache.put(b"used", entry)
    for number in range(20):
        assert cache.get(b"used") is entry
        cache.put(b"%d" % number, entry)
    assert cache.get(b"0") is None
    assert repr(cache) == f"<BoundedCache {len(cache)}>"


@given(
    size=st.integers(0, 7),
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "get", "recent"]), st.binary(min_size=1, max_size=1)),
        max_size=60,
    ),
)
def test_the_cache_says_what_was_put_last_and_knows_what_was_used_lately(size, steps):
    cache, last, used = BoundedCache(size), {}, []
    for number, (what, name) in enumerate(steps):
        if what == "put":
            cache.put(name, number)
            last[name] = number
            used.append(name)
        else:
            found = getattr(cache, what)(name)
            assert found in (None, last.get(name))
            if what == "get":
                lately = list(dict.fromkeys(reversed(used)))[: size // 2]
                assert (found is not None) or name not in lately
                if found is not None:
                    used.append(name)
        assert len(cache) <= size


def test_configurations_do_not_share_what_they_verified():
    token = bearer(sign())
    assert send(layer(), token).status == 200
    refused(send(layer(audience="other"), token), "invalid-audience")
    refused(send(layer(keys=jwks("p256")), token), "unknown-key")


# Key sources


def remote(port, clock=None, **options):
    options = {"keys": JWKS_URL, "fetcher": port, "monotonic": clock or Clock(0.0)} | options
    return scheme(**options)


@pytest.mark.parametrize("sides", ["a", "w", "aw", "wa"])
def test_keys_are_fetched_once(sides):
    port = Port({JWKS_URL: KEYS})
    wrap = Authentication(remote(port))
    for _ in range(3):
        assert send(wrap, bearer(sign()), sides=sides).status == 200
    assert port.urls == [JWKS_URL]


def test_cached_keys_need_no_generator():
    judge = remote(Port({JWKS_URL: KEYS}))
    assert send(Authentication(judge), bearer(sign()), sides="w").status == 200
    fresh = sign(claims(jti="another"))
    assert judge.authenticate(fresh, Asked()).subject == "alice"
    assert judge.authenticate(fresh, Asked()).subject == "alice"


def test_unknown_kids_cause_one_fetch_per_cooldown():
    clock, port = Clock(0.0), Port({JWKS_URL: KEYS})
    wrap = Authentication(remote(port, clock, cooldown=30))
    assert send(wrap, bearer(sign())).status == 200
    for number in range(1000):
        kid = b64(compact({"alg": "RS256", "kid": f"invented-{number}"}))
        refused(send(wrap, bearer(kid + b".e30.e30"), sides="w"), "unknown-key")
    assert len(port.urls) == 1
    clock.now = 30
    for number in range(1000):
        kid = b64(compact({"alg": "RS256", "kid": f"invented-{number}"}))
        refused(send(wrap, bearer(kid + b".e30.e30"), sides="w"), "unknown-key")
    assert len(port.urls) == 2
    assert send(wrap, bearer(sign())).status == 200


def test_a_failed_fetch_for_an_unknown_kid_keeps_the_keys_and_the_cooldown():
    clock, port = Clock(0.0), Port({JWKS_URL: KEYS})
    wrap = Authentication(remote(port, clock))
    assert send(wrap, bearer(sign())).status == 200
    clock.now = 31
    port.documents[JWKS_URL] = OSError("s3cret")
    for _ in range(10):
        refused(send(wrap, bearer(sign(name="rsa-2"))), "unknown-key")
        assert send(wrap, bearer(sign(claims(jti="x")))).status == 200
    assert len(port.urls) == 2


def test_a_new_key_is_found_and_a_withdrawn_one_dies_with_its_tokens():
    clock, port = Clock(0.0), Port({JWKS_URL: KEYS})
    judge = remote(port, clock)
    wrap, old = Authentication(judge), bearer(sign())
    assert send(wrap, old).status == 200
    port.documents[JWKS_URL] = jwks("rsa-2")
    clock.now = 31
    assert send(wrap, bearer(sign(name="rsa-2"))).status == 200
    refused(send(wrap, old), "unknown-key")


def test_keys_are_fetched_again_when_they_are_old_and_the_cache_survives():
    clock, port = Clock(0.0), Port({JWKS_URL: KEYS})
    judge = remote(port, clock, refresh_every=600)
    counting = Counting(judge)
    wrap, token = Authentication(judge), bearer(sign())
    send(wrap, token, sides="w")
    clock.now = 600
    send(wrap, token, sides="w")
    assert len(port.urls) == 1, "a remembered token does not look at the age of the keys"
    assert send(wrap, bearer(sign(claims(jti="x"))), sides="w").status == 200
    landed()
    assert len(port.urls) == 2
    send(wrap, token, sides="w")
    assert counting.count == 2, "the same keys: what was verified stays verified"


def test_old_keys_serve_while_the_issuer_is_away_but_not_for_ever():
    clock, port = Clock(0.0), Port({JWKS_URL: KEYS})
    judge = remote(port, clock, refresh_every=600, max_stale=3600, cache_ttl=0)
    wrap = Authentication(judge)
    assert send(wrap, bearer(sign())).status == 200
    port.documents[JWKS_URL] = OSError()
    clock.now = 4199
    assert send(wrap, bearer(sign())).status == 200
    clock.now = 4200
    refused(send(wrap, bearer(sign())), "keys-unavailable", 503)
    clock.now = 4300
    port.documents[JWKS_URL] = KEYS
    assert send(wrap, bearer(sign())).status == 200


def test_no_keys_at_all_is_503_and_is_tried_again_soon(caplog):
    clock, port = Clock(0.0), Port({JWKS_URL: OSError("s3cret")})
    wrap = Authentication(remote(port, clock))
    for _ in range(10):
        answer = send(wrap, bearer(sign()))
        refused(answer, "keys-unavailable", 503)
        assert answer.headers["retry-after"] == "5"
        assert "www-authenticate" not in answer.headers
    assert len(port.urls) == 1
    for now in (1, 3, 7):
        clock.now = now
        refused(send(wrap, bearer(sign())), "keys-unavailable", 503)
    assert len(port.urls) == 4
    assert "OSError" in caplog.text
    assert "s3cret" not in caplog.text
    port.documents[JWKS_URL] = KEYS
    clock.now = 15
    assert send(wrap, bearer(sign())).status == 200


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"keys":[],"keys":[]}',
        b'{"keys":{}}',
        {"keys": [{}]},
        {"keys": [key("oct").as_dict()]},
        {"keys": [key("rsa").as_dict(private=True)]},
        {"keys": [public("rsa", use="enc")]},
        {"keys": [public("rsa")] * 101},
        b'{"keys":' + b"[" * 100_000,
    ],
)
def test_a_bad_document_is_a_failed_fetch(document):
    wrap = Authentication(remote(Port({JWKS_URL: document})))
    refused(send(wrap, bearer(sign())), "keys-unavailable", 503)
    refused(send(wrap, bearer(sign(alg="HS256"))), "keys-unavailable", 503)


def test_a_wiped_answer_keeps_the_keys_but_an_empty_set_withdraws_them():
    clock, port = Clock(0.0), Port({JWKS_URL: KEYS})
    wrap = Authentication(remote(port, clock))
    assert send(wrap, bearer(sign())).status == 200
    for wiped in (b"", b"{}", {"keys": [{"kty": "?"}]}):
        clock.now += 601
        port.documents[JWKS_URL] = wiped
        assert send(wrap, bearer(sign(claims(jti=str(clock.now)))), sides="w").status == 200
        landed()
    assert len(port.urls) == 4
    clock.now += 601
    port.documents[JWKS_URL] = {"keys": []}
    send(wrap, bearer(sign(claims(jti="y"))), sides="w")
    landed()
    refused(send(wrap, bearer(sign(claims(jti="z")))), "unknown-key")


def test_no_symmetric_key_comes_over_the_network():
    wrap = Authentication(remote(Port({JWKS_URL: {"keys": [key("oct").as_dict(), public("rsa")]}})))
    assert send(wrap, bearer(sign())).status == 200
    refused(send(wrap, bearer(sign(alg="HS256"))), "invalid-algorithm")


def test_one_flight_for_many_tasks():
    port = Port({JWKS_URL: KEYS})
    wrap = Authentication(remote(port))

    async def many():
        return await asyncio.gather(*(send_asgi(wrap, bearer(sign())) for _ in range(50)))

    answers = asyncio.run(many())
    assert {answer.status for answer in answers} == {200}
    assert len(port.urls) == 1


def test_one_flight_for_many_threads():
    port = Port({JWKS_URL: KEYS})
    wrap = Authentication(remote(port))
    gate = threading.Barrier(8)
    arrived = threading.Event()
    port.before = lambda: arrived.wait(0.05)
    statuses = []

    def request():
        gate.wait()
        statuses.append(send_wsgi(wrap, bearer(sign())).status)

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert len(port.urls) == 1


def test_a_burst_with_a_new_key_waits_for_the_one_fetch():
    clock, port = Clock(0.0), Port({JWKS_URL: KEYS})
    wrap = Authentication(remote(port, clock))
    assert send(wrap, bearer(sign())).status == 200
    port.documents[JWKS_URL] = jwks("rsa-2")
    clock.now = 31

    async def many():
        token = bearer(sign(name="rsa-2"))
        return await asyncio.gather(*(send_asgi(wrap, token) for _ in range(20)))

    assert {answer.status for answer in asyncio.run(many())} == {200}
    assert len(port.urls) == 2


def test_who_hangs_up_during_the_fetch_spoils_nothing():
    clock, port = Clock(0.0), Port({JWKS_URL: asyncio.CancelledError()})
    wrap = Authentication(remote(port, clock))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(send_asgi(wrap, bearer(sign())))
    port.documents[JWKS_URL] = KEYS
    refused(send(wrap, bearer(sign())), "keys-unavailable", 503)
    clock.now = 1
    assert send(wrap, bearer(sign())).status == 200


def test_a_fetcher_of_one_colour_serves_one_interface():
    class Blocking:
        fetch = Port({JWKS_URL: KEYS}).fetch

    class Awaiting:
        afetch = Port({JWKS_URL: KEYS}).afetch

    assert send_wsgi(Authentication(remote(Blocking())), bearer(sign())).status == 200
    with pytest.raises(ConfigurationError):
        Authentication(remote(Blocking())).asgi(lambda scope, receive, send: None)
    assert send(Authentication(remote(Awaiting())), bearer(sign()), sides="a").status == 200
    with pytest.raises(ConfigurationError):
        Authentication(remote(Awaiting())).wsgi(lambda environ, start_response: [])
    with pytest.raises(ConfigurationError, match="fetch"):
        remote(object())


# Discovery

CONFIGURATION = ISSUER + "/.well-known/openid-configuration"
METADATA = ISSUER + "/.well-known/oauth-authorization-server"


def test_discovery_finds_the_keys():
    port = Port({CONFIGURATION: {"issuer": ISSUER, "jwks_uri": JWKS_URL}, JWKS_URL: KEYS})
    assert send(Authentication(remote(port, keys=None)), bearer(sign())).status == 200
    assert port.urls == [CONFIGURATION, JWKS_URL]


@pytest.mark.parametrize(
    "metadata",
    [
        {"jwks_uri": JWKS_URL},
        {"issuer": "https://evil.example", "jwks_uri": JWKS_URL},
        {"issuer": ISSUER + "/", "jwks_uri": JWKS_URL},
        {"issuer": [ISSUER], "jwks_uri": JWKS_URL},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": "http://id.example.com/jwks.json"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": ["https://id.example.com"]},
        [],
        b"nonsense",
        OSError(),
    ],
)
def test_discovery_checks_the_issuer(metadata):
    port = Port({CONFIGURATION: metadata, JWKS_URL: KEYS})
    refused(send(Authentication(remote(port, keys=None)), bearer(sign())), "keys-unavailable", 503)
    assert JWKS_URL not in port.urls


def test_the_default_fetcher_is_httpx_with_limits():
    source = JWT(ISSUER, AUDIENCE)._source
    assert source.colours == {"asgi", "wsgi"}
    assert source._urls == (CONFIGURATION, METADATA)


def test_without_keys_the_issuer_must_be_a_url():
    with pytest.raises(ConfigurationError, match="without keys"):
        JWT("accounts", AUDIENCE)


# Fetching


def transport(handler):
    return {
        "transport": httpx.MockTransport(handler),
        "atransport": httpx.MockTransport(handler),
    }


def both(fetcher):
    """The outcome of both colours, which must be equal."""
    outcomes = []
    for get in (fetcher.fetch, lambda url: asyncio.run(fetcher.afetch(url))):
        try:
            outcomes.append(get(JWKS_URL))
        except (FetchFailed, httpx.HTTPError) as error:
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


def test_a_document_is_fetched():
    def handler(request):
        assert request.headers["accept-encoding"] == "identity"
        assert "authorization" not in request.headers
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    assert both(HTTPFetcher(**transport(handler))) == b"{}"


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 404, 500])
def test_only_200_is_an_answer_and_redirects_are_not_followed(status):
    def handler(request):
        assert request.url.host == "id.example.com"
        return httpx.Response(status, headers={"location": "https://evil.example/"}, content=b"{}")

    assert both(HTTPFetcher(**transport(handler))) is FetchFailed


def test_the_size_is_limited():
    def handler(request):
        return httpx.Response(200, stream=httpx.ByteStream(b"x" * 101))

    assert both(HTTPFetcher(limit=100, **transport(handler))) is FetchFailed
    assert both(HTTPFetcher(limit=101, **transport(handler))) == b"x" * 101


def test_an_endless_answer_is_cut_off():
    class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            while True:
                yield b"x" * 1000

        async def __aiter__(self):
            while True:
                yield b"x" * 1000

    assert (
        both(HTTPFetcher(**transport(lambda request: httpx.Response(200, stream=Endless()))))
        is FetchFailed
    )


def test_a_packed_answer_is_refused():
    def handler(request):
        return httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"x")
        )

    assert both(HTTPFetcher(**transport(handler))) is FetchFailed


def test_a_dripping_answer_is_cut_off(monkeypatch):
    class Drip(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            yield b"x"
            yield b"x"

        async def __aiter__(self):
            yield b"x"
            await asyncio.sleep(3600)

    fetcher = HTTPFetcher(
        timeout=0.01, **transport(lambda request: httpx.Response(200, stream=Drip()))
    )
    times = iter([0.0, 0.005, 0.02])
    monkeypatch.setattr("ringwall.authn._fetch.time.monotonic", lambda: next(times))
    with pytest.raises(FetchFailed):
        fetcher.fetch(JWKS_URL)
    monkeypatch.undo()
    with pytest.raises(TimeoutError):
        asyncio.run(fetcher.afetch(JWKS_URL))


@pytest.mark.parametrize(
    "url",
    [
        *("http://id.example.com", "ftp://x", "https://", "https:///x", "https://u:p@x/", "//x"),
        *("https://x/#f", "https://[::1", "https://x:99999/", "https://x/\n", "file:///x", None, 5),
    ],
)
def test_only_plain_https_urls(url):
    with pytest.raises(ConfigurationError, match="https://"):
        check_url(url, "keys")


# Files


def test_given_keys_have_nothing_to_fetch():
    source = scheme()._source
    assert source.ready("wsgi")
    assert not source.may_have_more()
    assert list(source.refresh(b"")) == []


def test_keys_in_a_file_are_read_again_when_it_changes(tmp_path):
    path, clock = tmp_path / "jwks.json", Clock(0.0)
    path.write_text(json.dumps(jwks("rsa")))
    judge = scheme(keys=path, monotonic=clock, cache_ttl=0)
    wrap = Authentication(judge)
    assert send(wrap, bearer(sign())).status == 200
    path.write_text(json.dumps(jwks("rsa-2")) + " ")
    assert send(wrap, bearer(sign())).status == 200, "looked at once a second"
    clock.now = 1
    refused(send(wrap, bearer(sign())), "unknown-key")
    assert send(wrap, bearer(sign(name="rsa-2"))).status == 200
    path.write_text("{spoilt")
    clock.now = 2
    refused(send(wrap, bearer(sign(name="rsa-2"))), "keys-unavailable", 503)
    path.unlink()
    clock.now = 3
    refused(send(wrap, bearer(sign(name="rsa-2"))), "keys-unavailable", 503)
    path.write_text(pem("rsa"))
    clock.now = 4
    assert send(wrap, bearer(sign())).status == 200


def test_a_file_that_is_gone_closes_the_door(tmp_path):
    path, clock = tmp_path / "jwks.json", Clock(0.0)
    path.write_text(json.dumps(jwks("rsa")))
    wrap = layer(keys=path, monotonic=clock)
    assert send(wrap, bearer(sign())).status == 200
    path.unlink()
    clock.now = 1
    refused(send(wrap, bearer(sign(claims(jti="x")))), "keys-unavailable", 503)


def test_a_file_of_keys_by_its_name(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text(pem("rsa"))
    assert send(layer(keys=str(path)), bearer(sign())).status == 200


# Configuration


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"issuer": ""}, "issuer must be a string"),
        ({"issuer": None}, "issuer is missing"),
        ({"issuer": ()}, "issuer is missing"),
        ({"match": {"typ": 1}}, "match must be"),
        ({"audience_claim": ""}, "audience_claim must be"),
        ({"header": "a b"}, "name of a header"),
        ({"header": "Authorization"}, "name of a header"),
        ({"issuer": ("a", "b"), "keys": None}, "several issuers need their common keys"),
        ({"issuer": "https://a.example/?b", "keys": None}, "has a query"),
        ({"audience": None}, "audience is missing"),
        ({"audience": []}, "audience is missing"),
        ({"audience": [""]}, "audience must be a string"),
        ({"algorithms": ["RS265"]}, "did you mean 'RS256'"),
        ({"algorithms": ["none"]}, "never allowed"),
        ({"algorithms": ["ES512"]}, "none of the allowed algorithms"),
        ({"leeway": -1}, "leeway"),
        ({"leeway": 301}, "leeway"),
        ({"leeway": float("nan")}, "leeway"),
        ({"max_lifetime": 0}, "max_lifetime"),
        ({"max_lifetime": float("nan")}, "max_lifetime"),
        ({"max_length": 0}, "max_length is at least 1"),
        ({"cache_size": -1}, "cache_size is at least 0"),
        ({"cache_size": None}, "cache_size is at least 0"),
        ({"cache_ttl": -1}, "cache_ttl is at least 0"),
        ({"cache_ttl": float("nan")}, "cache_ttl is at least 0"),
        ({"refresh_every": 0}, "refresh_every is at least 1"),
        ({"max_stale": -1}, "max_stale is at least 0"),
        ({"cooldown": 0}, "cooldown is at least 1"),
        ({"cooldown": "30"}, "cooldown is at least 1"),
        ({"typ": ""}, "typ must be"),
        ({"roles": [()]}, "empty path"),
        ({"roles": [("a", 5)]}, "roles must be"),
        ({"required": [""]}, "required must be"),
        ({"subject": ""}, "subject must be"),
        ({"keys": {}}, "no JWK Set"),
        ({"keys": {"keys": []}}, "the set is empty"),
        ({"keys": key("rsa").as_dict(private=True)}, "private key"),
        ({"keys": key("rsa").as_pem(private=True)}, "-pubout"),
        ({"keys": b"secret"}, "HMAC secret is written as a JWK"),
        ({"keys": {"kty": "oct", "k": "c2VjcmV0"}}, "32 bytes"),
        ({"keys": "http://id.example.com/jwks"}, "keys must be an https:// URL"),
        ({"keys": JWKS_URL, "algorithms": ["HS256"]}, "shared secret"),
        ({"keys": "/nowhere/jwks.json"}, "No such file"),
        ({"keys": "/"}, "not a regular file"),
    ],
)
def test_bad_configuration_says_what_to_write(options, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        scheme(**options)
    assert public("rsa")["n"][:16] not in str(caught.value)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize("module", ["msgspec", "joserfc", "cryptography", "httpx", "anyio"])
def test_a_missing_dependency_is_told_at_construction(module, monkeypatch):
    for name in list(sys.modules):
        if name.split(".")[0] == module:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    for name in (
        "_json",
        "_jws",
        "_jwk",
        "_keys",
        "_signatures",
        "_strength",
        "_sources",
        "_fetch",
    ):
        monkeypatch.delitem(sys.modules, f"ringwall.authn.{name}")
        monkeypatch.delattr(ringwall.authn, name)
    with pytest.raises(MissingDependency, match=r"pip install 'ringwall\[jwt\]'"):
        JWT(ISSUER, AUDIENCE, keys=JWKS_URL)
