"""Nothing of a token, a key or a claim gets out, and garbage leaves nothing behind."""

from __future__ import annotations

import gc
import logging
import tracemalloc

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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
    key,
    landed,
    public,
    send,
    sign,
)
from ringwall import JWT, Audit, Authentication, ConfigurationError, Denylist, Stack
from ringwall.authn import presets

URL = "https://id.example.com/jwks"
PLANTED = "pl4nted-value"


class Lines(list):
    write = list.append

    def close(self):
        pass


def test_what_is_planted_is_found_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    clock, lines, spans = Clock(0.0), Lines(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    port = Port({URL: jwks("rsa")})
    remote = JWT(
        ISSUER,
        AUDIENCE,
        keys=URL,
        fetcher=port,
        clock=Clock(),
        monotonic=clock,
        cache_ttl=0,
        denylist=Denylist(clock=Clock()),
    )
    other = JWT("https://other.example", AUDIENCE, keys=jwks("p256"), clock=Clock())
    layer = Authentication(remote, other)
    stack = Stack(Audit(lines, tracer_provider=provider), layer)

    claims = {**CLAIMS, "email": PLANTED, "jti": PLANTED, "scope": PLANTED, "roles": [PLANTED]}
    tokens = [
        sign(claims),
        sign(claims)[:-8] + b"AAAAAAAA",
        sign({**claims, "exp": 1}),
        sign({**claims, "aud": PLANTED, "iss": PLANTED}),
        sign({**claims, "aud": PLANTED}),
        sign(claims, kid=PLANTED),
        sign(claims, typ=PLANTED),
        sign(claims, alg="ES256", kid="rsa"),
        b64(compact({"alg": PLANTED})) + b"." + b64(compact(claims)) + b".AA",
        PLANTED.encode(),
        PLANTED.encode() * 2000,
    ]
    shown = []
    for document in (jwks("rsa"), OSError(PLANTED), {"keys": [{"kty": PLANTED}]}, jwks("rsa-2")):
        port.documents[URL] = document
        clock.now += 700
        for token in tokens:
            answer = send(stack, bearer(token), sides="w")
            landed()
            shown.append(repr((answer.status, answer.headers, answer.body, answer.principal)))
    assert {each[1:4] for each in shown} == {"200", "401"}
    shown += [repr(x) for x in (layer, remote, remote._cache, remote._source, remote._source.keys)]
    shown += [repr(vars(remote)), *map(bytes.decode, lines), caplog.text]
    finished = spans.get_finished_spans()
    assert len(finished) == len(lines)
    shown += [span.to_json() for span in finished]
    numbers = [public("rsa")["n"][:24], key("rsa").as_dict(private=True)["d"][:24]]
    assert len(lines) == len(tokens) * 4
    for text in shown:
        for secret in (PLANTED, b64(PLANTED.encode()).decode(), *numbers):
            assert secret not in text
        for token in tokens:
            assert token.decode() not in text
            assert token.decode()[-60:-10] not in text


def test_no_key_material_in_an_error():
    private = key("rsa").as_dict(private=True)
    for keys in ({"keys": [private]}, {**public("rsa"), "n": "AQAB"}, key("rsa").as_pem(True)):
        with pytest.raises(ConfigurationError) as caught:
            JWT(ISSUER, AUDIENCE, keys=keys)
        for secret in (private["n"][:24], private["d"][:24], "AQAB", "MII"):
            assert secret not in str(caught.value)
        assert caught.value.__cause__ is None


def test_garbage_leaves_nothing_behind():
    """Measured by hand with 10^6; here with fewer."""
    port = Port({URL: jwks("rsa")})
    options = {"fetcher": port, "clock": Clock(), "monotonic": Clock(0.0)}
    layer = Authentication(
        JWT(ISSUER, AUDIENCE, keys=URL, **options),
        JWT("https://other.example", AUDIENCE, keys=jwks("p256"), clock=Clock()),
        presets.spiffe("example.org", AUDIENCE, keys=jwks("p384"), clock=Clock()),
    )
    assert send(layer, bearer(sign())).status == 200
    claims, signature = b64(compact(CLAIMS)), sign().rpartition(b".")[2]
    foreign = b64(compact({**CLAIMS, "iss": "https://x"}))

    def flood(begin, end):
        for number in range(begin, end):
            head = b64(compact({"alg": "RS256", "kid": f"{number}"}))
            good = b64(compact({"alg": "RS256", "kid": "rsa", "x": number}))
            for token in (
                b"%d" % number,
                head + b"." + claims + b"." + signature,
                good + b"." + claims + b"." + signature,
                good + b"." + foreign + b"." + signature,
            ):
                answer = send(layer, bearer(token), sides="w")
                assert (answer.status, answer.principal) == (401, False)

    flood(0, 200)
    gc.collect()
    tracemalloc.start()
    try:
        flood(200, 300)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        flood(300, 1300)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 16 * 1024
    finally:
        tracemalloc.stop()
    assert len(port.urls) == 1
