"""What is remembered of good credentials counts for those alone, and for no longer than they do."""

import asyncio

import pytest

from authn_support import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    Clock,
    Port,
    bearer,
    jwks,
    send,
    send_asgi,
    sign,
)
from ringwall import JWT, APIKey, Authentication, Denylist, DPoP, generate_api_key
from ringwall.authn import Scheme
from ringwall.principal import Principal

TOKEN = sign()
KEY, RECORD = generate_api_key("bob")
JWKS = f"{ISSUER}/jwks"


def scheme(**options):
    return JWT(ISSUER, AUDIENCE, **{"keys": jwks("rsa"), "clock": Clock()} | options)


def judged(jwt):
    """How often the scheme is asked."""
    asked = []
    found = jwt.find

    def find(token, digest, exchange):
        asked.append(token)
        return found(token, digest, exchange)

    jwt.find = find
    return asked


def test_a_token_is_taken_apart_once():
    jwt = scheme()
    asked = judged(jwt)
    layer = Authentication(jwt)
    answers = [send(layer, bearer(TOKEN), sides="w") for _ in range(3)]
    assert {answer.principal.subject for answer in answers} == {"alice"}
    assert len(asked) == 1
    app = []
    guarded = layer.asgi(lambda *args: app.append(args[0]) or asyncio.sleep(0))
    headers = [bearer(TOKEN)]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "scheme": "https"}
    asyncio.run(guarded(scope, None, None))
    exchange = app[0]["ringwall.exchange"]
    assert [(d.outcome, d.rule, d.reason) for d in exchange.decisions] == [
        ("allow", "bearer", "authenticated")
    ]
    assert exchange.challenges is layer.challenges
    assert len(asked) == 1


@pytest.mark.parametrize(
    "headers",
    [
        [bearer(TOKEN), bearer(TOKEN)],
        [bearer(TOKEN), bearer(b"x")],
        [bearer(TOKEN), (b"authorization", b"ApiKey " + KEY.encode())],
        [(b"authorization", b"Bearer " + TOKEN + b",")],
        [(b"authorization", b"Bearer " + TOKEN + b" ")],
        [(b"authorization", b"Basic " + TOKEN)],
        [(b"authorization", b"DPoP " + TOKEN)],
        [(b"authorization", TOKEN)],
        [bearer(TOKEN[:-1])],
        [bearer(TOKEN + b"=")],
        [bearer(TOKEN + b"." * 9000)],
    ],
)
def test_only_the_very_same_header_is_known(headers):
    layer = Authentication(scheme(), APIKey([RECORD]))
    for _ in range(2):
        assert send(layer, bearer(TOKEN)).status == 200
    answer = send(layer, *headers)
    if headers[0][1].endswith(b" "):  # servers strip it
        assert answer.principal is False or answer.principal.subject == "alice"
    else:
        assert answer.principal is False, "the app was called"
        assert answer.status in (400, 401)


def test_spellings_that_mean_the_same_are_let_in():
    layer = Authentication(scheme(), APIKey([RECORD]))
    for spelling in (b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   "):
        for _ in range(2):
            answer = send(layer, (b"authorization", spelling + TOKEN))
            assert answer.principal.subject == "alice"
    for _ in range(2):
        answer = send(layer, (b"authorization", b"ApiKey " + KEY.encode()))
        assert answer.principal.subject == "bob"
    assert send(layer).principal is False


def test_time_is_looked_at_on_every_hit():
    clock = Clock()
    layer = Authentication(scheme(clock=clock, cache_ttl=1e6, leeway=0))
    token = sign({**CLAIMS, "nbf": int(NOW) - 5, "exp": int(NOW) + 100})
    for now, status in ((0, 200), (99, 200), (100, 401), (50, 200), (-6, 401), (1, 200)):
        clock.now = NOW + now
        assert send(layer, bearer(token)).status == status


def test_keys_that_change_take_what_they_signed_along():
    clock = Clock(0)
    port = Port({JWKS: jwks("rsa")})
    jwt = scheme(keys=JWKS, fetcher=port, monotonic=clock, cache_ttl=1e6, refresh_every=60)
    layer = Authentication(jwt)
    for _ in range(2):
        assert send(layer, bearer(TOKEN), sides="w").status == 200
    port.documents[JWKS] = jwks("p256")
    clock.now = 200
    fresh = sign(alg="ES256")
    assert send(layer, bearer(fresh), sides="w").status == 200
    assert send(layer, bearer(TOKEN), sides="w").principal is False


def test_a_denylist_is_asked_every_time():
    denylist = Denylist(clock=Clock())
    layer = Authentication(scheme(denylist=denylist))
    for _ in range(2):
        assert send(layer, bearer(TOKEN)).status == 200
    denylist.deny(ISSUER, keep=3600, subject="alice")
    assert send(layer, bearer(TOKEN)).code == "token-revoked"


def test_a_proof_is_never_remembered():
    jwt = scheme()
    layer = Authentication(DPoP(jwt, origin="https://api.example.com", clock=Clock()))
    token = sign({**CLAIMS, "cnf": {"jkt": "A" * 43}})
    for _ in range(2):
        answer = send(layer, (b"authorization", b"DPoP " + token))
        assert answer.code == "missing-proof"
    both = Authentication(jwt, DPoP(jwt, origin="https://api.example.com", clock=Clock()))
    for _ in range(2):
        assert send(both, bearer(token)).code == "proof-required"


def test_without_a_cache_nothing_is_remembered():
    jwt = scheme(cache_size=0)
    asked = judged(jwt)
    layer = Authentication(jwt)
    for _ in range(3):
        send(layer, bearer(TOKEN), sides="w")
    assert len(asked) == 3


def test_a_credential_that_comes_another_way_is_an_ambiguity_all_the_same():
    with pytest.warns(UserWarning, match="weak spot"):
        layer = Authentication(scheme(), APIKey([RECORD], query="key"), exempt=["/open"])
    for _ in range(2):
        assert send(layer, bearer(TOKEN)).status == 200
    answer = send(layer, bearer(TOKEN), query=b"key=" + KEY.encode())
    assert (answer.principal, answer.code) == (False, "multiple-credentials")
    own = Authentication(scheme(), APIKey([RECORD], header="x-api-key"))
    for _ in range(2):
        assert send(own, bearer(TOKEN)).status == 200
    answer = send(own, bearer(TOKEN), (b"x-api-key", KEY.encode()))
    assert (answer.principal, answer.code) == (False, "multiple-credentials")


def test_several_issuers_are_remembered_each_with_its_keys():
    other = {**CLAIMS, "iss": "https://other.example"}
    first = scheme()
    second = JWT("https://other.example", AUDIENCE, keys=jwks("p256"), clock=Clock())
    asked = judged(first), judged(second)
    layer = Authentication(first, second)
    foreign = sign(other, alg="ES256")
    for _ in range(3):
        assert send(layer, bearer(TOKEN), sides="w").principal.issuer == ISSUER
        assert send(layer, bearer(foreign), sides="w").principal.issuer == "https://other.example"
    assert [len(each) for each in asked] == [1, 1]


class Claiming(Scheme):
    """Says that it remembers, and vouches for nothing."""

    remembers = 8

    def authenticate(self, credential, exchange):
        return Principal("carol", scheme="bearer")


def test_who_vouches_for_nothing_is_asked_again():
    layer = Authentication(Claiming())
    for _ in range(2):
        assert send(layer, bearer(b"anything")).principal.subject == "carol"
    optional = Authentication(Claiming(), optional=True)
    assert asyncio.run(send_asgi(optional)).status == 200


def test_garbage_drives_out_nothing_and_is_not_kept():
    layer = Authentication(scheme())
    send(layer, bearer(TOKEN), sides="w")
    memory = layer.on_request.__self__
    for number in range(200):
        send(layer, bearer(b"garbage-%d" % number), sides="w")
    assert len(memory._known) == 1
