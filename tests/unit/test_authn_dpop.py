"""DPoP (RFC 9449): a stolen token is of no use without the key, a stolen proof for one request."""

from __future__ import annotations

import asyncio
import functools
import json
import sys

import jwt as pyjwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey

from authn_support import (
    ASYMMETRIC,
    CLAIMS,
    ISSUER,
    NOW,
    Clock,
    b64,
    bearer,
    compact,
    jwks,
    key,
    public,
    send,
    send_asgi,
    send_wsgi,
    sign,
    unb64,
    vectors,
)
from dpop_support import ORIGIN, URL, bound, claims_for, jkt, jwt, layer, prove, with_proof
from ringwall import (
    JWT,
    Authentication,
    ConfigurationError,
    Denylist,
    DPoP,
    Introspection,
    Stack,
    TrustedProxies,
)
from ringwall._errors import MissingDependency
from ringwall.authn import Answer, Nonces, Replays, ReplaysFull, Scheme
from ringwall.authn._bound import Bound
from ringwall.authn._failure import Refused
from ringwall.authn._proof import ProofVerifier, read_proof, thumbprint
from ringwall.authn._target import Origins, read_url
from ringwall.authn._tokens import TokenScheme
from ringwall.principal import Principal

SECRET = b"0123456789abcdef0123456789abcdef"


def refused(answer, code, status=401, error="invalid_dpop_proof"):
    assert answer.principal is False, "the app was called"
    assert (answer.status, answer.code) == (status, code)
    challenge = answer.headers.get("www-authenticate", "")
    assert (f'error="{error}"' in challenge) if error else ("error=" not in challenge)
    if status == 401:
        assert 'DPoP realm="api", algs="' in challenge
    return True


def post(wrap, token, proof, **options):
    return send(wrap, *with_proof(token, proof), **options)


# What is good


@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_every_asymmetric_algorithm(alg):
    name = ASYMMETRIC[alg]
    token = bound(name)
    # Each interface gets a proof of its own: one is good once.
    for side in "aw":
        answer = post(layer(), token, prove(token, name=name, alg=alg), sides=side)
        assert (answer.status, answer.principal.subject) == (200, "alice")
        assert answer.principal.scheme == "dpop"
        assert answer.principal.claims["cnf"]["jkt"] == jkt(name)


def test_a_plain_token_beside_it_stays_a_plain_one():
    wrap = layer()
    answer = send(wrap, bearer(sign()))
    assert (answer.status, answer.principal.scheme) == (200, "bearer")


def test_the_challenge_names_both_and_the_algorithms():
    challenge = send(layer(algorithms=["ES256", "EdDSA"])).headers["www-authenticate"]
    assert challenge == 'Bearer realm="api", DPoP realm="api", algs="ES256 EdDSA"'


def test_the_scheme_is_found_in_any_case():
    token = bound()
    headers = with_proof(token, prove(token), scheme=b"dpop")
    assert send(layer(), *headers, sides="w").status == 200


def test_a_remembered_token_needs_a_proof_each_time():
    wrap = layer()
    token = bound()
    for _ in range(3):
        assert post(wrap, token, prove(token), sides="w").status == 200
        assert refused(send(wrap, *with_proof(token)), "missing-proof")
        assert refused(send(wrap, bearer(token)), "proof-required", error="invalid_token")


# No downgrade


def test_a_bound_token_is_no_bearer_token():
    token = bound()
    for wrap in (layer(), Authentication(jwt())):
        for proofs in ((), (prove(token),)):
            headers = with_proof(token, *proofs, scheme=b"Bearer")
            answer = send(wrap, *headers)
            assert answer.principal is False
            assert (answer.status, answer.code) == (401, "proof-required")
            assert 'Bearer realm="api", error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_token_that_is_not_bound_is_none_for_dpop():
    token = sign()
    assert refused(post(layer(), token, prove(token)), "token-not-bound", error="invalid_token")


@pytest.mark.parametrize("scheme", [b"Bearer", b"DPoP"])
@pytest.mark.parametrize(
    "cnf",
    [
        {},
        None,
        "x",
        ["jkt"],
        {"jkt": "short"},
        {"jkt": 5},
        {"jkt": "A" * 42 + "B"},
        {"jwk": {"kty": "EC"}},
        {"kid": "x"},
        {"x5t#S256": "A" * 43},
        {"jkt": "A" * 43, "kid": "x"},
        {"jkt": "A" * 43, "x5t#S256": "A" * 43},
    ],
)
def test_other_confirmations_are_refused_either_way(scheme, cnf):
    token = sign({**CLAIMS, "cnf": cnf})
    answer = send(layer(), *with_proof(token, prove(token), scheme=scheme))
    assert answer.principal is False
    # One that is bound to a certificate alone was never meant for DPoP.
    assert (answer.status, answer.code) == (401, "proof-required")


def test_two_credentials_are_refused():
    token = bound()
    plain = sign()
    headers = [*with_proof(token, prove(token)), bearer(plain)]
    for order in (headers, headers[::-1]):
        answer = send(layer(), *order)
        assert answer.principal is False
        assert (answer.status, answer.code) == (400, "multiple-credentials")


def test_two_proofs_are_refused():
    token = bound()
    answer = send(layer(), *with_proof(token, prove(token), prove(token)))
    assert refused(answer, "multiple-proofs")


def test_without_a_good_token_nobody_makes_us_verify_or_remember_a_proof():
    replays = Replays()
    wrap = layer(replays=replays)
    token = bound()[:-8] + b"AAAAAAAA"
    assert refused(post(wrap, token, prove(token)), "invalid-signature", error="invalid_token")
    assert len(replays) == 0


# Each field of the proof


def changed(proof, *, header=None, claims=None):
    """A proof whose bytes were changed after it was signed."""
    head, payload, signature = proof.split(b".")
    if header:
        head = b64(compact(json.loads(unb64(head)) | header))
    if claims:
        payload = b64(compact(json.loads(unb64(payload)) | claims))
    return b".".join((head, payload, signature))


TOO_LATE, TOO_EARLY = NOW - 60.001, NOW + 10.001
CLAIM_CASES = [
    ({"jti": None}, "invalid-proof-claims"),
    ({"jti": ""}, "invalid-proof-claims"),
    ({"jti": 5}, "invalid-proof-claims"),
    ({"jti": "x" * 257}, "invalid-proof-claims"),
    ({"htm": None}, "invalid-proof-claims"),
    ({"htm": ["GET"]}, "invalid-proof-claims"),
    ({"htm": "get"}, "proof-for-another-request"),
    ({"htm": "POST"}, "proof-for-another-request"),
    ({"htu": None}, "invalid-proof-claims"),
    ({"htu": {}}, "invalid-proof-claims"),
    ({"htu": ""}, "proof-for-another-request"),
    ({"htu": "/"}, "proof-for-another-request"),
    ({"htu": "http://api.example.com/"}, "proof-for-another-request"),
    ({"htu": "https://evil.example/"}, "proof-for-another-request"),
    ({"htu": "https://api.example.com.evil.example/"}, "proof-for-another-request"),
    ({"htu": "https://api.example.com@evil.example/"}, "proof-for-another-request"),
    ({"htu": "https://evil.example@api.example.com/"}, "proof-for-another-request"),
    ({"htu": "https://api.example.com:8443/"}, "proof-for-another-request"),
    ({"htu": "https://api.example.com/other"}, "proof-for-another-request"),
    ({"htu": "https://api.example.com//"}, "proof-for-another-request"),
    ({"htu": "https://api.example.com/\u2215"}, "proof-for-another-request"),
    ({"htu": "ftp://api.example.com/"}, "proof-for-another-request"),
    ({"htu": "x" + URL}, "proof-for-another-request"),
    ({"iat": None}, "invalid-proof-claims"),
    ({"iat": "now"}, "invalid-proof-claims"),
    ({"iat": True}, "invalid-proof-claims"),
    ({"iat": -1}, "invalid-proof-claims"),
    ({"iat": 0}, "proof-not-fresh"),
    ({"iat": 10**400}, "invalid-proof-claims"),
    ({"exp": 10**400}, "invalid-proof-claims"),
    ({"iat": TOO_LATE}, "proof-not-fresh"),
    ({"iat": TOO_EARLY}, "proof-not-fresh"),
    ({"exp": NOW - 10}, "proof-not-fresh"),
    ({"exp": "later"}, "invalid-proof-claims"),
    ({"nbf": NOW + 10.001}, "proof-not-fresh"),
    ({"ath": None}, "invalid-proof-claims"),
    ({"ath": 5}, "invalid-proof-claims"),
    ({"ath": "\u00e9"}, "proof-for-another-token"),
    ({"ath": b64(b"x" * 32).decode()}, "proof-for-another-token"),
    ({"raw": b"[]"}, "malformed-proof"),
    ({"raw": b"not json"}, "malformed-proof"),
    ({"raw": b'{"jti":"a","jti":"b"}'}, "malformed-proof"),
    ({"raw": b"[" * 5000}, "malformed-proof"),
]


@pytest.mark.parametrize(("changes", "code"), CLAIM_CASES)
def test_claims_that_do_not_hold(changes, code):
    token = bound()
    replays = Replays()
    assert refused(post(layer(replays=replays), token, prove(token, **changes)), code)
    assert len(replays) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW - 60},
        {"iat": NOW + 10},
        {"exp": NOW + 1, "nbf": NOW - 1},
        {"htu": "HTTPS://API.EXAMPLE.COM:443"},
        {"htu": URL + "?q=1#there"},
        {"htu": "wss://api.example.com/"},
        {"jti": "x" * 256},
        {"more": {"claims": []}},
    ],
)
def test_claims_that_hold(changes):
    token = bound()
    assert post(layer(), token, prove(token, **changes), sides="w").status == 200


def private_jwk():
    return key("p256").as_dict(private=True)


HEADER_CASES = [
    ({"typ": None}, "malformed-proof"),
    ({"typ": "JWT"}, "malformed-proof"),
    ({"typ": "at+jwt"}, "malformed-proof"),
    ({"typ": "DPOP+JWT"}, "malformed-proof"),
    ({"typ": "application/dpop+jwt"}, "malformed-proof"),
    ({"typ": ["dpop+jwt"]}, "malformed-proof"),
    ({"alg": "none"}, "invalid-proof-key"),
    ({"alg": "HS256"}, "invalid-proof-key"),
    ({"alg": "ES384"}, "invalid-proof-key"),
    ({"alg": "RS256"}, "invalid-proof-key"),
    ({"alg": ["ES256"]}, "malformed-proof"),
    ({"jwk": None}, "malformed-proof"),
    ({"jwk": "x"}, "malformed-proof"),
    ({"jwk": []}, "malformed-proof"),
    ({"jwk": {}}, "invalid-proof-key"),
    ({"jwk": {"kty": ["EC"]}}, "invalid-proof-key"),
    ({"jwk": {"kty": "oct", "k": "AAAA"}}, "invalid-proof-key"),
    ({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA"}}, "invalid-proof-key"),
    ({"jwk": {"kty": "EC", "crv": "P-256", "x": 'A","y":"A', "y": "A"}}, "invalid-proof-key"),
    ({"crit": ["jwk"]}, "malformed-proof"),
    ({"crit": []}, "malformed-proof"),
    ({"b64": False}, "malformed-proof"),
    ({"kid": 5}, "malformed-proof"),
]


@pytest.mark.parametrize(("header", "code"), HEADER_CASES)
def test_headers_that_do_not_hold(header, code):
    token = bound()
    proof = changed(prove(token), header=header)
    if None in header.values():
        head, _, rest = proof.partition(b".")
        members = {n: v for n, v in json.loads(unb64(head)).items() if v is not None}
        proof = b64(compact(members)) + b"." + rest
    assert refused(post(layer(), token, proof), code)


@pytest.mark.parametrize("members", [{"d"}, {"k"}, {"p", "q"}, {"dp"}, {"oth"}])
def test_a_private_key_is_refused(members):
    token = bound()
    jwk = public("p256") | dict.fromkeys(members, "AAAA")
    proof = prove(token, header={"jwk": jwk})
    code = "invalid-proof-key" if members != {"k"} else None
    if code:
        assert refused(post(layer(), token, proof), code)
    else:  # no member of an EC key: it means nothing there
        assert post(layer(), token, proof, sides="w").status == 200


def test_another_key_with_a_good_signature_is_another_key():
    token = bound("p256")
    proof = prove(token, name="p521", alg="ES512")
    assert refused(post(layer(), token, proof), "proof-key-mismatch", error="invalid_token")


def test_the_right_key_shown_and_another_one_used():
    token = bound("p256")
    proof = prove(token, name="ed25519", alg="EdDSA", header={"jwk": public("p256")})
    assert refused(post(layer(), token, proof), "invalid-proof-key")
    forged = changed(prove(token), claims={"htm": "POST"})
    assert refused(post(layer(), token, forged), "invalid-proof-signature")


def test_an_algorithm_that_is_not_allowed():
    token = bound("rsa")
    wrap = layer(algorithms=["ES256"])
    assert refused(post(wrap, token, prove(token, name="rsa", alg="RS256")), "invalid-proof-key")


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "RSA", "n": b64(b"\xff" * 64).decode(), "e": "AQAB"},  # 512 bits
        {"kty": "RSA", "n": b64(b"\xff" * 3000).decode(), "e": "AQAB"},  # 24000 bits
        {"kty": "RSA", "n": b64(b"\xff" * 256).decode(), "e": "AQ"},  # exponent 1
        {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\x01" + b"\0" * 31).decode()},  # small order
        {"kty": "OKP", "crv": "X25519", "x": b64(b"\x09" + b"\0" * 31).decode()},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": b64(b"\1" * 32).decode(), "y": b64(b"\1" * 32).decode()},
        {"kty": "EC", "crv": "P-256", "x": "A", "y": "A"},
    ],
)
def test_weak_and_impossible_keys(jwk):
    """Even where a token is bound to such a key: anyone could sign with it."""
    order = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
    members = {name: jwk[name] for name in order[jwk["kty"]]}
    token = sign({**CLAIMS, "cnf": {"jkt": thumbprint(members)}})
    alg = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[jwk["kty"]]
    head = b64(compact({"typ": "dpop+jwt", "alg": alg, "jwk": jwk}))
    proof = head + b"." + b64(compact(claims_for(token))) + b"." + b64(b"\1" * 64)
    wrap = layer(max_length=16_000)
    assert refused(post(wrap, token, proof), "invalid-proof-key")


@pytest.mark.parametrize(
    "proof",
    [
        b"",
        b"x",
        b"..",
        b"a.b",
        b"a.b.c.d.e",
        b"=.=.=",
        b"\xff\xfe",
        b"." * 9000,
        b"e30.e30.",
        b"A" * 9000,
        b'{"payload":""}',
    ],
)
def test_what_is_no_jws(proof):
    token = bound()
    assert refused(post(layer(), token, proof), "malformed-proof")


def test_a_token_is_no_proof_and_a_proof_no_token():
    token = bound()
    proof = prove(token)
    assert refused(post(layer(), token, token), "malformed-proof")
    assert refused(post(layer(), proof, proof), "unknown-key", error="invalid_token")


def test_der_and_padded_signatures_are_refused():
    token = bound()
    proof = prove(token)
    head, payload, signature = proof.split(b".")
    for last in (signature + b"=", signature[:-1], b64(unb64(signature) + b"\0"), b""):
        answer = post(layer(), token, b".".join((head, payload, last)))
        assert answer.principal is False
        assert answer.status == 401


# Replay


def test_a_proof_is_good_once():
    wrap = layer()
    token = bound()
    proof = prove(token)
    assert post(wrap, token, proof, sides="w").status == 200
    assert refused(post(wrap, token, proof), "proof-replayed")
    # The other signature that fits (r, n - s), or a new one, is the same proof.
    head, payload, signature = proof.split(b".")
    raw = unb64(signature)
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = raw[:32] + (n - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    assert refused(post(wrap, token, b".".join((head, payload, b64(twin)))), "proof-replayed")


def test_the_same_jti_of_another_client_or_for_another_url_is_another_proof():
    wrap = layer()
    one, other = bound("p256"), bound("p521")
    assert post(wrap, one, prove(one, jti="x"), sides="w").status == 200
    proof = prove(other, name="p521", alg="ES512", jti="x")
    assert post(wrap, other, proof, sides="w").status == 200
    elsewhere = prove(one, jti="x", htu=URL + "there")
    assert post(wrap, one, elsewhere, path="/there", sides="w").status == 200
    again = prove(one, jti="x", htu=URL + "there")
    assert refused(post(wrap, one, again, path="/there"), "proof-replayed")


def test_a_proof_is_remembered_for_as_long_as_it_is_fresh():
    clock, monotonic = Clock(), Clock(0.0)
    wrap = layer(jwt(clock=clock), clock=clock, replays=Replays(clock=monotonic))
    token = bound()
    proof = prove(token, iat=NOW + 10)  # the latest that can be
    assert post(wrap, token, proof, sides="w").status == 200
    for later in range(0, 71, 5):
        clock.now, monotonic.now = NOW + later, float(later)
        assert refused(post(wrap, token, proof, sides="w"), "proof-replayed")
    clock.now, monotonic.now = NOW + 70.001, 70.001
    assert refused(post(wrap, token, proof, sides="w"), "proof-not-fresh")


def test_the_store_forgets_in_time_and_never_early():
    clock = Clock(0.0)
    replays = Replays(size=3, clock=clock)
    for number in range(3):
        assert replays.first_use("k", str(number), 10.0) is True
        clock.now += 1
    assert [replays.first_use("k", str(n), 10.0) for n in range(3)] == [False] * 3
    with pytest.raises(ReplaysFull):
        replays.first_use("k", "new", 10.0)
    clock.now = 10.0
    with pytest.raises(ReplaysFull):
        replays.first_use("k", "new", 10.0)
    clock.now = 10.5
    assert replays.first_use("k", "new", 10.0) is True
    assert (len(replays), repr(replays)) == (3, "<Replays 3>")
    clock.now = 100.0
    assert replays.first_use("k", "0", 10.0) is True
    assert (len(replays), len(replays._by_key), len(replays._ends)) == (1, 1, 1)


def test_one_client_cannot_lock_out_the_others(caplog):
    replays = Replays(share=2)
    wrap = layer(replays=replays)
    one, other = bound("p256"), bound("p521")
    for _ in range(2):
        assert post(wrap, one, prove(one), sides="w").status == 200
    assert refused(post(wrap, one, prove(one)), "replays-unavailable", 503, None)
    assert post(wrap, other, prove(other, name="p521", alg="ES512"), sides="w").status == 200
    assert "ReplaysFull" in caplog.text


class Store:
    def __init__(self, error=None):
        self.inner = Replays()
        self.error = error
        self.asked = []

    def first_use(self, key, proof, keep):
        self.asked.append((key, proof, keep))
        if self.error is not None:
            raise self.error
        return self.inner.first_use(key, proof, keep)

    async def afirst_use(self, key, proof, keep):
        await asyncio.sleep(0)
        return self.first_use(key, proof, keep)


def test_a_store_behind_io():
    store = Store()
    wrap = layer(replays=store)
    token = bound()
    for side in "aw":
        proof = prove(token)
        assert post(wrap, token, proof, sides=side).status == 200
        assert refused(post(wrap, token, proof), "proof-replayed")
    assert {(key, keep) for key, _, keep in store.asked} == {(jkt("p256"), 75.0)}
    assert all(len(name) == 64 for _, name, _ in store.asked), "digests only"


@pytest.mark.parametrize("error", [OSError("secret-value"), TimeoutError(), KeyError("x")])
def test_a_store_that_fails_closes_the_door(error, caplog):
    token = bound()
    for store in (Store(error), failing_at_once(error)):
        wrap = layer(replays=store)
        assert refused(post(wrap, token, prove(token)), "replays-unavailable", 503, None)
    assert "secret-value" not in caplog.text


def failing_at_once(error):
    store = Store(error)
    store.immediate = True
    return store


@pytest.mark.parametrize("answer", [None, 1, "OK"])
def test_only_true_is_true(answer):
    store = Store()
    store.first_use = lambda *given: answer
    token = bound()
    assert refused(post(layer(replays=store), token, prove(token)), "proof-replayed")


def test_a_store_of_one_colour():
    class OnlyAsync:
        async def afirst_use(self, key, proof, keep):
            return True

    class Disguised:
        async def first_use(self, key, proof, keep):
            return True

    token = bound()
    for store in (OnlyAsync(), Disguised()):
        wrap = layer(replays=store)
        assert post(wrap, token, prove(token), sides="a").status == 200
        with pytest.raises(ConfigurationError):
            wrap.wsgi(lambda *given: [])


# Nonces


def test_a_nonce_is_demanded_told_and_accepted():
    clock = Clock()
    nonces = Nonces(SECRET, span=60)
    wrap = layer(jwt(clock=clock), nonces=nonces, clock=clock, max_age=300)
    token = bound()
    answer = post(wrap, token, prove(token))
    assert refused(answer, "nonce-required", error="use_dpop_nonce")
    nonce = answer.headers["dpop-nonce"]
    assert answer.headers["cache-control"] == "no-store"
    for side in "aw":
        good = post(wrap, token, prove(token, nonce=nonce), sides=side)
        assert (good.status, "dpop-nonce" in good.headers) == (200, False)
    for wrong in ("", "x", "\u00e9", 5, [nonce], nonce.upper()):
        answer = post(wrap, token, prove(token, nonce=wrong))
        assert refused(answer, "nonce-required", error="use_dpop_nonce")
        assert answer.headers["dpop-nonce"] == nonce

    clock.now += 60
    for side in "aw":  # the one before is good still, and the next one comes along
        good = post(wrap, token, prove(token, nonce=nonce, iat=clock.now), sides=side)
        assert good.status == 200
        assert good.headers["dpop-nonce"] == nonces.current(clock.now) != nonce
        assert good.headers["cache-control"] == "no-store"
    clock.now += 60
    answer = post(wrap, token, prove(token, nonce=nonce, iat=clock.now))
    assert refused(answer, "nonce-required", error="use_dpop_nonce")


def test_no_nonce_for_other_requests():
    wrap = layer(nonces=Nonces(SECRET))
    for headers in ((), (bearer(sign()),), (bearer(b"x"),)):
        assert "dpop-nonce" not in send(wrap, *headers).headers
    token = bound()
    answer = post(wrap, token, prove(token, htm="POST"))
    assert refused(answer, "proof-for-another-request")
    assert "dpop-nonce" not in answer.headers


def test_workers_with_one_secret_and_rotation():
    old, new = b"o" * 32, b"n" * 32
    before, during, after = Nonces(old), Nonces([new, old]), Nonces(new)
    assert Nonces(old).current(NOW) == before.current(NOW)
    assert during.accepts(before.current(NOW), NOW)
    assert during.current(NOW) == after.current(NOW)
    assert not after.accepts(before.current(NOW), NOW)
    assert not before.accepts(after.current(NOW), NOW)
    assert SECRET.decode() not in repr(Nonces(SECRET))
    # A clock that goes back gets what it got then.
    assert after.current(NOW - 60) != after.current(NOW) == Nonces(new).current(NOW)


# The URL, as the client saw it


@pytest.mark.parametrize("side", ["a", "w"])
@pytest.mark.parametrize(
    ("path", "raw", "htu", "good"),
    [
        ("/a b", "/a%20b", "/a%20b", True),
        ("/~a", "/%7ea", "/~a", True),
        ("/~a", "/~a", "/%7Ea", True),
        ("/\u00e4", "/%c3%a4", "/%C3%A4", True),
        ("/a/b", "/a/b", "/a%2Fb", False),
        ("/a/b", "/a/b", "/a/./b", False),
        ("/a/b", "/a/b", "/x/../a/b", False),
        ("/A", "/A", "/a", False),
        ("/a", "/a", "/a/", False),
        ("/a:b", "/a:b", "/a%3Ab", False),
    ],
)
def test_paths_are_normalised_and_compared(side, path, raw, htu, good):
    token = bound()
    headers = with_proof(token, prove(token, htu=ORIGIN + htu))
    answer = asked(layer(), side, headers, path=path, raw=raw)
    assert answer.status == (200 if good else 401)
    assert (answer.principal is False) is not good


def asked(wrap, side, headers, *, path="/", raw=None, root="", **others):
    """A request whose server tells or does not tell the path as it was sent."""
    if side == "a":

        def asgi(app):
            inner = wrap.asgi(app)

            async def outer(scope, receive, send):
                changes = {"path": root + path, "root_path": root, **others}
                changes["raw_path"] = None if raw is None else raw.encode()
                await inner({**scope, **changes}, receive, send)

            return outer

        return asyncio.run(send_asgi(Wrapped(asgi=asgi), *headers))

    def wsgi(app):
        inner = wrap.wsgi(app)

        def outer(environ, start_response):
            native = path.encode().decode("latin-1")
            changes = {"PATH_INFO": native, "SCRIPT_NAME": root}
            if raw is not None:
                changes["RAW_URI"] = raw
            return inner({**environ, **changes, **others}, start_response)

        return outer

    return send_wsgi(Wrapped(wsgi=wsgi), *headers)


class Wrapped:
    def __init__(self, **ways):
        vars(self).update(ways)


@pytest.mark.parametrize("side", ["a", "w"])
@pytest.mark.parametrize(
    ("path", "htu", "good"),
    [
        ("/a b", "/a%20b", True),
        ("/a:b", "/a%3Ab", True),
        ("/\u00e4", "/%C3%A4", True),
        ("/a", "/b", False),
        ("/a\ufffd", "/a%FF", False),
    ],
)
def test_servers_that_tell_the_path_decoded_only(side, path, htu, good):
    token = bound()
    headers = with_proof(token, prove(token, htu=ORIGIN + htu))
    assert (asked(layer(), side, headers, path=path).status == 200) is good


@pytest.mark.parametrize("side", ["a", "w"])
@pytest.mark.parametrize("raw", [None, "/api/orders", "/orders"])
def test_below_a_mount_point(side, raw):
    """Some servers put the mount point into the path they tell, some do not."""
    token = bound()
    headers = with_proof(token, prove(token, htu=ORIGIN + "/api/orders"))
    assert asked(layer(), side, headers, path="/orders", raw=raw, root="/api").status == 200
    headers = with_proof(token, prove(token, htu=ORIGIN + "/orders"))
    answer = asked(layer(), side, headers, path="/orders", raw=raw, root="/api")
    assert refused(answer, "proof-for-another-request")


def test_behind_a_proxy_that_takes_a_path_away_and_ends_tls():
    token = bound()
    wrap = layer(origin="https://Example.com:443/api/")
    headers = with_proof(token, prove(token, htu="https://example.com/api/orders"))
    answer = asked(wrap, "w", headers, path="/orders", raw="/orders", **{"wsgi.url_scheme": "http"})
    assert answer.status == 200
    headers = with_proof(token, prove(token, htu="https://example.com/orders"))
    answer = asked(wrap, "w", headers, path="/orders", raw="/orders")
    assert refused(answer, "proof-for-another-request")


def test_a_host_of_the_attacker_s_choice_does_not_count():
    token = bound()
    proof = prove(token, htu="https://evil.example/")
    for wrap in (layer(), layer(origin=[ORIGIN, "https://other.example"])):
        headers = with_proof(token, proof)
        answer = asked(wrap, "w", headers, HTTP_HOST="evil.example")
        assert refused(answer, "proof-for-another-request")


def test_of_several_origins_the_host_chooses():
    token = bound()
    wrap = layer(origin=["https://a.example", "https://b.example:8443/x"])

    def status(host, htu):
        headers = with_proof(token, prove(token, htu=htu))
        changes = {} if host is None else {"HTTP_HOST": host}
        stack = wrap if host is not None else NoHost(wrap)
        return asked(stack, "w", headers, **changes).status

    assert status("a.example", "https://a.example/") == 200
    assert status("A.example:443", "https://a.example/") == 200
    assert status("b.example:8443", "https://b.example:8443/x/") == 200
    assert status("a.example", "https://b.example:8443/x/") == 401
    assert status("b.example", "https://b.example:8443/x/") == 401
    assert status("evil.example", "https://a.example/") == 401
    assert status(None, "https://a.example/") == 401


class NoHost:
    def __init__(self, wrap):
        self.wrap = wrap

    def wsgi(self, app):
        inner = self.wrap.wsgi(app)

        def outer(environ, start_response):
            environ = {name: value for name, value in environ.items() if name != "HTTP_HOST"}
            return inner(environ, start_response)

        return outer


def test_the_host_that_a_trusted_proxy_tells():
    token = bound()
    wrap = layer(origin=["https://a.example", "https://b.example"])
    stack = Stack(wrap, proxies=TrustedProxies(["192.0.2.1"], host=True))
    proof = prove(token, htu="https://b.example/")
    headers = [*with_proof(token, proof), (b"x-forwarded-host", b"b.example")]
    assert send(wrap, *headers).status == 401
    assert send(stack, *headers, sides="w").status == 200


def test_websockets_are_asked_for_with_get():
    token = bound()
    wrap = layer()
    for htm, htu, good in (
        ("GET", "wss://api.example.com/", True),
        ("GET", "https://api.example.com/", True),
        ("WEBSOCKET", "wss://api.example.com/", False),
        ("GET", "ws://api.example.com/", False),
    ):
        seen, sent = [], []

        async def app(scope, receive, send, seen=seen):
            seen.append(1)
            await send({"type": "websocket.accept"})

        async def receive():
            return {"type": "websocket.connect"}

        async def collect(message, sent=sent):
            sent.append(message["type"])

        headers = with_proof(token, prove(token, htm=htm, htu=htu))
        scope = {"type": "websocket", "path": "/", "raw_path": b"/", "scheme": "wss"}
        scope |= {"headers": [(b"host", b"api.example.com"), *headers], "query_string": b""}
        asyncio.run(wrap.asgi(app)(scope, receive, collect))
        assert bool(seen) is good
        assert sent == (["websocket.accept"] if good else ["websocket.close"])


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("https://a", "/"),
        ("https://a?x/y", "/"),
        ("https://a#x/y", "/"),
        ("https://a/%41%2f", "/A%2F"),
        ("https://a/%zz%", "/%zz%"),
    ],
)
def test_urls_that_can_be_read(text, path):
    assert read_url(text).path == path


@given(st.text(max_size=30))
def test_any_text_is_a_url_or_none(text):
    for candidate in (text, "https://" + text, "https://a/" + text):
        url = read_url(candidate)
        assert url is None or url.path.startswith("/")


@pytest.mark.parametrize("text", ["", "https://", "https:///x", "https://a b/", "https://[::1/"])
def test_texts_that_are_no_url(text):
    assert read_url(text) is None


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:1"])
def test_origins_without_tls_are_local(origin):
    Origins(origin)


# Together with the rest


def test_a_revoked_token_stays_revoked_whatever_the_proof():
    denylist = Denylist(clock=Clock())
    replays = Replays()
    wrap = layer(jwt(denylist=denylist), replays=replays)
    token = bound(jti="t")
    assert post(wrap, token, prove(token), sides="w").status == 200
    denylist.deny(ISSUER, jti="t", keep=600)
    assert refused(post(wrap, token, prove(token)), "token-revoked", error="invalid_token")
    assert len(replays) == 1


def test_a_denylist_behind_io():
    class Behind:
        def __init__(self):
            self.inner = Denylist(clock=Clock())

        def revoked_at(self, names):
            return self.inner.revoked_at(names)

        async def arevoked_at(self, names):
            await asyncio.sleep(0)
            return self.inner.revoked_at(names)

    denylist = Behind()
    store = Store()
    wrap = layer(jwt(denylist=denylist), replays=store)
    token = bound(sid="s")
    for side in "aw":
        assert post(wrap, token, prove(token), sides=side).status == 200
    denylist.inner.deny(ISSUER, session="s", keep=600)
    assert refused(post(wrap, token, prove(token)), "token-revoked", error="invalid_token")
    assert len(store.asked) == 2


def test_several_issuers():
    other = JWT(
        "https://other.example", "https://api.example.com", keys=jwks("p384"), clock=Clock()
    )
    wrap = Authentication(jwt(), other, DPoP(jwt(), other, origin=ORIGIN, clock=Clock()))
    first = bound()
    claims = {**CLAIMS, "iss": "https://other.example", "cnf": {"jkt": jkt("p256")}}
    second = sign(claims, alg="ES384")
    for _ in range(2):
        for token in (first, second):
            assert post(wrap, token, prove(token), sides="w").status == 200
            assert refused(send(wrap, bearer(token)), "proof-required", error="invalid_token")
    spoilt = first[:-8] + b"AAAAAAAA"
    assert refused(post(wrap, spoilt, prove(spoilt)), "invalid-signature", error="invalid_token")
    foreign = sign({**claims, "iss": "https://x"})
    assert refused(post(wrap, foreign, prove(foreign)), "invalid-issuer", error="invalid_token")


def test_only_dpop():
    wrap = Authentication(DPoP(jwt(), origin=ORIGIN, clock=Clock()))
    answer = send(wrap, bearer(bound()))
    assert (answer.status, answer.code, answer.principal) == (401, "unsupported-scheme", False)
    assert send(wrap).headers["www-authenticate"].startswith('DPoP realm="api", algs="')


class Endpoint:
    def __init__(self, **claims):
        self.body = compact({"active": True, "sub": "alice", "iss": ISSUER, **claims})

    def introspect(self, token):
        return Answer("application/json", self.body)

    async def aintrospect(self, token):
        return self.introspect(token)


@pytest.mark.parametrize("kind", ["DPoP", "dpop", "Bearer", None])
def test_opaque_tokens(kind):
    endpoint = Endpoint(
        aud="https://api.example.com", cnf={"jkt": jkt("p256")}, exp=NOW + 300, token_type=kind
    )
    scheme = Introspection(endpoint, "https://api.example.com", clock=Clock())
    wrap = Authentication(scheme, DPoP(scheme, origin=ORIGIN, clock=Clock()))
    token = b"opaque-token"
    for side in "aw":
        assert post(wrap, token, prove(token), sides=side).status == 200
    assert refused(send(wrap, bearer(token)), "proof-required", error="invalid_token")


@pytest.mark.parametrize("members", [{"token_type": "DPoP"}, {"typ": "DPoP"}])
def test_an_opaque_token_called_dpop_that_is_not_bound(members):
    endpoint = Endpoint(aud="https://api.example.com", exp=NOW + 300, **members)
    scheme = Introspection(endpoint, "https://api.example.com", clock=Clock())
    wrap = Authentication(scheme, DPoP(scheme, origin=ORIGIN, clock=Clock()))
    for headers in ([bearer(b"t")], with_proof(b"t", prove(b"t"))):
        answer = send(wrap, *headers)
        assert (answer.status, answer.code, answer.principal) == (401, "invalid-type", False)


def test_schemes_of_one_s_own_may_tell_something_in_headers():
    class Telling(TokenScheme):
        sets = frozenset({b"x-told", b"content-type"})

        def __init__(self, issuer, lines):
            self.issuers = frozenset({issuer})
            self.lines = lines

        def find(self, token, digest, exchange):
            return Principal("alice", scheme="bearer")

        def answer_headers(self, exchange):
            return self.lines or super().answer_headers(exchange)

    one = Telling("a", ((b"x-told", b"1"), (b"content-type", b"never/mind")))
    wrap = Authentication(one, Telling("b", ()), Introspection(Endpoint(), "x", clock=Clock()))
    token = sign({**CLAIMS, "iss": "a"})
    good = send(wrap, bearer(token))
    assert (good.status, good.headers["x-told"]) == (200, "1")
    bad = send(wrap, bearer(b"opaque"))
    assert (bad.status, bad.headers["x-told"]) == (401, "1")
    assert bad.headers["content-type"] == "application/problem+json"
    with pytest.raises(NotImplementedError):
        TokenScheme().find(b"", b"", None)


# The examples of the RFC


def rfc():
    path = vectors("jwt", "rfc9449", "dpop_examples.json")
    return json.loads(path.read_text())


def test_the_examples_of_the_rfc():
    given = rfc()
    order = ("crv", "kty", "x", "y")
    assert thumbprint({name: given["jwk"][name] for name in order}) == given["jkt"]
    (example,) = (each for each in given["proofs"] if each["access_token"])
    token = example["access_token"].encode()
    clock = Clock(example["now"])
    answer = dict(given["introspection_response"], aud="https://resource.example.org")
    answer.pop("active")

    class Server(Endpoint):
        def __init__(self):
            self.body = compact({"active": True, **answer})

    def ask(proof, **changes):
        scheme = Introspection(Server(), "https://resource.example.org", clock=clock)
        options = {"origin": "https://resource.example.org", "clock": clock}
        wrap = Authentication(DPoP(scheme, **options))
        path = changes.pop("path", "/protectedresource")
        return asked(wrap, "w", with_proof(token, proof), path=path, raw=path, **changes)

    proof = example["proof"].encode()
    assert ask(proof).status == 200
    header, claims = (json.loads(unb64(part)) for part in proof.split(b".")[:2])
    jwk = header["jwk"]
    mutations = [
        *({"claims": {name: value}} for name, value in others(claims)),
        *({"header": {name: value}} for name, value in others(header)),
        *({"header": {"jwk": {**jwk, name: value}}} for name, value in others(jwk)),
    ]
    assert len(mutations) == 12
    for mutation in mutations:
        answer_ = ask(changed(proof, **mutation))
        assert (answer_.status, answer_.principal) == (401, False), mutation
    assert ask(proof, path="/other").status == 401
    assert ask(proof, REQUEST_METHOD="POST").status == 401
    for other in given["proofs"]:
        if not other["access_token"]:
            assert ask(other["proof"].encode()).status == 401
    clock.now += 61
    assert ask(proof).code == "proof-not-fresh"


def others(members):
    """Each field, one of them changed."""
    for name, value in members.items():
        if isinstance(value, str):
            yield name, value[:-2] + ("AA" if value[-2:] != "AA" else "BB")
        elif isinstance(value, int):
            yield name, value + 1
        else:
            yield name, {}


# Any bytes at all


@given(st.binary(max_size=200))
def test_no_bytes_are_a_proof(data):
    data = data.replace(b"\n", b"").replace(b"\r", b"").strip()
    token = bound()
    answer = send(layer(), *with_proof(token, data), sides="w")
    assert (answer.status, answer.principal) == (401, False)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "exp", "nbf"]), VALUES))
def test_no_claims_crash_it(changes):
    token = bound()
    raw = compact({**claims_for(token), **changes})
    answer = send(layer(), *with_proof(token, prove(token, raw=raw)), sides="w")
    assert answer.status in (200, 401)
    assert (answer.principal is False) == (answer.status == 401)


@given(
    st.dictionaries(
        st.sampled_from(["typ", "alg", "jwk", "kid", "x5c", "crit"]), VALUES, min_size=1
    )
)
def test_no_header_crashes_it(changes):
    token = bound()
    proof = changed(prove(token), header=changes)
    answer = send(layer(), *with_proof(token, proof), sides="w")
    assert (answer.status, answer.principal) == (401, False)


# Differential: what we take, others take


@functools.cache
def good():
    token = bound()
    return prove(token)


def ours(proof):
    try:
        read = read_proof(proof, frozenset({"ES256"}), 8192)
        return ProofVerifier(frozenset({"ES256"}), 8).verify(read)
    except Refused:
        return None


def theirs(proof):
    """The claims, by joserfc and by PyJWT with the key in the proof."""
    text = proof.decode("latin-1")
    jwk = pyjwt.get_unverified_header(text)["jwk"]
    options = {"verify_aud": False, "verify_iat": False, "verify_exp": False, "verify_nbf": False}
    first = pyjwt.decode(text, pyjwt.PyJWK(jwk, "ES256"), algorithms=["ES256"], options=options)
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    second = jws.deserialize_compact(text, ECKey.import_key(jwk), registry=registry).payload
    assert first == json.loads(second)
    return first


def test_a_good_proof_is_one_for_all():
    assert ours(good()) == theirs(good())


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3), st.data())
def test_what_we_take_others_take(changes, data):
    proof = bytearray(good())
    for position, value in changes:
        proof[position % len(proof)] = value
    if data.draw(st.booleans()):
        cut = data.draw(st.integers(0, len(proof)))
        proof = proof[:cut] + data.draw(st.binary(max_size=4)) + proof[cut:]
    claims = ours(bytes(proof))
    if claims is not None:
        assert claims == theirs(bytes(proof))
    assert claims is None or bytes(proof) == good(), "one proof has one spelling"


# Silence and configuration


def test_nothing_of_it_shows():
    token = bound()
    wrap = layer(nonces=Nonces(SECRET))
    dpop = DPoP(jwt(), origin=ORIGIN)
    found = Bound("x", jkt("p256"), None)
    assert (repr(dpop), repr(found)) == ("<DPoP>", "<Bound>")
    proof = prove(token, jti="pl4nted")
    answer = post(wrap, token, proof)
    for text in (answer.body.decode(), str(answer.headers), repr(vars(dpop))):
        for secret in (proof.decode()[:40], "pl4nted", jkt("p256"), SECRET.decode()):
            assert secret not in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"origin": ""}, "origin is missing"),
        ({"origin": []}, "origin is missing"),
        ({"origin": "api.example.com"}, "origin is where"),
        ({"origin": "http://api.example.com"}, "origin is where"),
        ({"origin": "https://api.example.com?x"}, "origin is where"),
        ({"origin": [5]}, "origin is where"),
        ({"origin": [ORIGIN, ORIGIN + "/x"]}, "twice"),
        ({"algorithms": ["HS256"]}, "symmetric"),
        ({"algorithms": ["ES265"]}, "did you mean 'ES256'"),
        ({"max_age": 0}, "max_age"),
        ({"max_age": 3601}, "max_age"),
        ({"leeway": -1}, "leeway"),
        ({"nonces": SECRET}, "Nonces"),
        ({"max_length": 0}, "max_length"),
        ({"cache_size": 0}, "cache_size"),
        ({"replays": object()}, "first_use"),
        ({"replays": "http://:hunter2@x"}, "redis://localhost"),
    ],
)
def test_bad_configuration_says_what_to_write(options, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        DPoP(jwt(), **{"origin": ORIGIN, **options})
    assert "hunter2" not in str(caught.value)


def test_what_dpop_goes_around():
    for schemes, message in (
        ((), "goes around"),
        ((Scheme(),), "goes around"),
        (("x",), "goes around"),
        ((jwt(header="x-token"),), "leave out header"),
        ((jwt(), jwt()), "two schemes accept"),
        (
            (
                Introspection(Endpoint(), "x", header=None),
                Introspection(Endpoint(), "y"),
            ),
            "each must name its issuer",
        ),
    ):
        with pytest.raises(ConfigurationError, match=message):
            DPoP(*schemes, origin=ORIGIN)
    with pytest.raises(ConfigurationError, match="two schemes answer to 'DPoP'"):
        Authentication(DPoP(jwt(), origin=ORIGIN), DPoP(jwt(), origin=ORIGIN))


@pytest.mark.parametrize("secrets", [b"short", [], ["x" * 32], [SECRET, b"short"]])
def test_secrets_of_nonces(secrets):
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Nonces(secrets)


def test_an_immediate_store_must_be_plain():
    class Wrong:
        immediate = True

        async def afirst_use(self, key, proof, keep):
            return True

    with pytest.raises(ConfigurationError, match="plain"):
        DPoP(jwt(), origin=ORIGIN, replays=Wrong())


def test_a_missing_package_is_told(monkeypatch):
    scheme = jwt()
    monkeypatch.setitem(sys.modules, "ringwall.authn._proof", None)
    monkeypatch.delattr(sys.modules["ringwall.authn"], "_proof")
    with pytest.raises(MissingDependency, match=r"ringwall\[jwt\]"):
        DPoP(scheme, origin=ORIGIN)


def test_a_token_that_is_too_long_is_not_hashed():
    wrap = Authentication(DPoP(jwt(max_length=100), origin=ORIGIN))
    answer = send(wrap, (b"authorization", b"DPoP " + b"x" * 101), (b"dpop", b"x"))
    assert (answer.principal, answer.code) == (False, "token-too-long")
