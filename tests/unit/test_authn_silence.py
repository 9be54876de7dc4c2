"""Nothing of a token, a key or a claim gets out, and garbage leaves nothing behind."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from base64 import b64encode
from zlib import crc32

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
from ringwall import (
    JWT,
    APIKey,
    Audit,
    Authentication,
    Basic,
    ConfigurationError,
    Denylist,
    Principal,
    Stack,
    WebSocketTickets,
    generate_api_key,
    hash_password,
)
from ringwall._fingerprint import fingerprint
from ringwall.authn import Introspection, Nonces, presets
from ringwall.authn._endpoint import Client
from ringwall.authn.passwords import read_hash

URL = "https://id.example.com/jwks"
INTROSPECT = "https://id.example.com/introspect"
PLANTED = "pl4nted-value"


class Lines(list):
    """The records of exchanges; not those of start and stop."""

    def write(self, record):
        if b'"event":"exchange"' in record:
            self.append(record)

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


def told_by(error):
    """All that an exception says, and those that it came of, whether they are shown or not."""
    said = []
    while error is not None:
        said += [str(error), repr(error), *map(str, getattr(error, "__notes__", ()))]
        error = error.__context__
    return "\n".join(said)


def bad_keys():
    good = public("rsa")
    yield {"keys": [{**good, "n": PLANTED}]}
    yield {"keys": [{**good, "kty": PLANTED}]}
    yield {"keys": [{**good, "alg": PLANTED}]}
    yield {"keys": [{**good, "kid": [PLANTED]}]}
    yield {**public("p256"), "x": b64(PLANTED.encode() * 3)[:43].decode()}
    yield {"kty": "oct", "alg": "HS256", "k": b64(PLANTED.encode()).decode()}
    yield {"kty": "oct", "alg": "HS256", "k": PLANTED + "="}
    for kind in ("PUBLIC KEY", "PRIVATE KEY", "CERTIFICATE"):
        body = b64encode(PLANTED.encode()).decode()
        yield f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"
    yield {"keys": PLANTED}


@pytest.mark.parametrize("keys", [*bad_keys()])
def test_no_key_material_in_an_error_or_in_what_it_came_of(keys):
    with pytest.raises(ConfigurationError) as caught:
        JWT(ISSUER, AUDIENCE, keys=keys)
    for secret in (PLANTED, b64encode(PLANTED.encode()).decode()[:12]):
        assert secret not in told_by(caught.value)


@pytest.mark.parametrize("password", [PLANTED, "x" * 2000 + PLANTED])
def test_no_credential_of_this_service_in_an_error(password):
    makers = [
        lambda: Introspection(INTROSPECT, AUDIENCE, client_id="", client_secret=password),
        lambda: Introspection(f"http://x:{password}@id.example.com/", AUDIENCE),
        lambda: JWT(ISSUER, AUDIENCE, keys=f"https://x:{password}@id.example.com/keys"),
        lambda: Basic({"alice": password}),
        lambda: Nonces(b"x"),
        lambda: Nonces(password),
    ]
    for make in makers:
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert PLANTED not in told_by(caught.value)


def test_what_holds_secrets_shows_none():
    endpoint = Client("orders", PLANTED, "basic")
    long = b64(PLANTED.encode() * 4).decode()
    schemes = [
        Introspection(INTROSPECT, AUDIENCE, client_id="x", client_secret=PLANTED),
        Nonces(PLANTED.encode() * 4),
        JWT(ISSUER, AUDIENCE, keys={"kty": "oct", "alg": "HS256", "k": long}),
    ]
    for held in (endpoint, *schemes):
        for secret in (PLANTED, long[:12]):
            assert secret not in repr(held)


def test_a_symmetric_key_is_no_part_of_the_name_of_a_configuration():
    """Which stands in the audit: a weak one could be guessed from it."""
    keys = [{"kty": "oct", "alg": "HS256", "k": b64(bytes([n] * 32)).decode()} for n in range(3)]
    names = {fingerprint(JWT(ISSUER, AUDIENCE, keys=each)) for each in keys}
    assert len(names) == 1


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


def test_no_key_password_or_ticket_is_found_anywhere(caplog, tmp_path):
    """In every place that can hold one, good and bad, through both interfaces."""
    caplog.set_level(logging.DEBUG)
    lines, spans = Lines(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    api_key, record = generate_api_key("alice", expires_in=None)
    path = tmp_path / "keys.toml"
    path.write_text(record.as_toml())
    stored = hash_password(PLANTED, ln=10, r=1, p=1)
    with pytest.warns(UserWarning, match="weak spot"):
        schemes = [
            APIKey(path),
            APIKey(path, header="x-key"),
            APIKey(path, query="key"),
            APIKey(path, cookie="key"),
        ]
    tickets = WebSocketTickets()
    schemes += [Basic({"alice": stored}), tickets]
    ticket = tickets.issue(Principal("alice", scheme="bearer", claims={"c": PLANTED}))
    layer = Authentication(*schemes, strip=True)
    stack = Stack(Audit(lines, tracer_provider=provider, request_id_header=None), layer)
    basic = b64encode(b"alice:" + PLANTED.encode()).decode()
    shown = []
    body = api_key[:-9] + ("B" if api_key[-9] == "A" else "A")
    wrong = f"{body}{crc32(body.encode()):08x}"
    values = [api_key, wrong, PLANTED, PLANTED * 100, basic, stored, ticket]
    for value in values:
        raw = value.encode()
        for headers, query in (
            ([(b"authorization", b"ApiKey " + raw)], b""),
            ([(b"authorization", b"Basic " + raw)], b""),
            ([(b"authorization", b"Ticket " + raw)], b""),
            ([(b"authorization", raw)], b""),
            ([(b"x-key", raw)], b""),
            ([(b"cookie", b"key=" + raw)], b""),
            ([], b"key=" + raw),
            ([], b"ticket=" + raw),
            ([(b"x-key", raw)], b"key=" + raw),
        ):
            answer = send(stack, *headers, query=query)
            shown.append(repr((answer.status, answer.headers, answer.body, answer.principal)))
    assert {each[1:4] for each in shown} == {"200", "400", "401"}
    for scheme in (*schemes, layer, stack, record, tickets._store, *vars(layer).values()):
        shown.append(repr(scheme))
    shown += [*map(bytes.decode, lines), caplog.text]
    shown += [span.to_json() for span in spans.get_finished_spans()]
    for bad in (lambda: Basic({"alice": PLANTED}), lambda: APIKey([PLANTED])):
        with pytest.raises(ConfigurationError) as caught:
            bad()
        shown.append(str(caught.value))
    secret = api_key.split("_")[2]
    for text in shown:
        for planted in (PLANTED, basic, secret, stored[-43:], ticket, record.digest.hex()):
            assert planted not in text


def test_wrong_keys_and_passwords_leave_nothing_behind():
    """Measured by hand with 10^6; here with fewer."""
    api_key, record = generate_api_key("alice", expires_in=None)

    class Store:
        def find(self, name):
            return record if name == record.id else None

    with pytest.warns(UserWarning, match="weak spot"):
        schemes = (APIKey(Store()), APIKey(Store(), query="key"), Basic({}))
    schemes[2]._like = read_hash("$scrypt$ln=10,r=1,p=1$" + "A" * 22 + "$" + "A" * 43)
    layer = Authentication(*schemes)
    assert send(layer, (b"authorization", b"ApiKey " + api_key.encode()), sides="w").status == 200

    def flood(begin, end):
        for number in range(begin, end):
            body = f"rw_{number:012d}_{'A' * 43}"
            unknown = f"{body}{crc32(body.encode()):08x}".encode()
            user = b64encode(b"u%d:x" % number)
            for headers, query in (
                ([(b"authorization", b"ApiKey " + unknown)], b""),
                ([], b"key=" + unknown),
                ([(b"authorization", b"Basic " + user)], b""),
            ):
                answer = send(layer, *headers, query=query, sides="w")
                assert (answer.status, answer.principal) == (401, False)

    flood(0, 60)
    gc.collect()
    tracemalloc.start()
    try:
        flood(60, 80)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        flood(80, 280)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 16 * 1024
    finally:
        tracemalloc.stop()
