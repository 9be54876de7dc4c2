"""The parser of compact JWS, and the import of keys."""

from __future__ import annotations

import json
import warnings
from datetime import datetime, timedelta, timezone

import jwt as pyjwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import JWKRegistry, RSAKey
from joserfc.jws import deserialize_compact

from authn_support import (
    ASYMMETRIC,
    CLAIMS,
    b64,
    compact,
    jwks,
    key,
    pem,
    public,
    sign,
    sign_raw,
    spki,
    unb64,
    vectors,
)
from ringwall._errors import ConfigurationError
from ringwall.authn import _signatures, _strength
from ringwall.authn._algorithms import ASYMMETRIC as ALL_ASYMMETRIC
from ringwall.authn._algorithms import KNOWN, check_algorithms
from ringwall.authn._failure import Failure, Refused
from ringwall.authn._json import NotJSON, strict_json
from ringwall.authn._jws import decode_segment, verify_compact
from ringwall.authn._keys import (
    keys_from_jwks,
    keys_from_pem,
)
from ringwall.authn._strength import UnusableKey

CAP = 100_000


def keyset(*names, algorithms=KNOWN):
    return keys_from_jwks(jwks(*names), algorithms, trusted=True)


def verdict(token, keys, cap=CAP):
    """The payload, or the code of the refusal."""
    try:
        return verify_compact(token, keys, cap)[1]
    except Refused as refused:
        return refused.failure.code


# Strict JSON


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"NaN",
        b'{"exp":Infinity}',
        b'{"exp":1e999}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1}x',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b"1" + b"0" * 5000,
    ],
)
def test_what_is_not_strict_json_is_refused(data):
    with pytest.raises(NotJSON):
        strict_json(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"sub":"alice","sub":"root"}',
        b'{"sub": "alice", "sub": "alice"}',
        b'{"sub":"alice","s\\u0075b":"root"}',
        b'{"a":[{"b":{"c":1,"c":2}}]}',
    ],
)
def test_a_name_that_occurs_twice_is_refused(data):
    with pytest.raises(NotJSON, match="twice"):
        strict_json(data)


def test_big_integers_stay_exact():
    assert strict_json(b"[%d]" % 10**400) == [10**400]
    assert strict_json(b"[%d]" % 2**63) == [2**63]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values, st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_strict_json_reads_what_python_writes(value, ascii_only, separators):
    data = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    try:
        data.encode().decode()
        json.loads(data).__repr__().encode()
    except UnicodeEncodeError:
        return  # lone surrogates
    assert strict_json(data.encode()) == json.loads(data)


@pytest.mark.parametrize("kind", ["y", "n", "i"])
def test_json_vectors(kind):
    for path in sorted(vectors("JSONTestSuite").rglob(f"{kind}_*.json")):
        data = path.read_bytes()
        try:
            strict_json(data)
            accepted = True
        except NotJSON:
            accepted = False
        if kind == "n":
            assert not accepted, path.name
        if kind == "y" and "duplicated_key" not in path.name:
            assert accepted, path.name


# Segments


@given(st.binary(max_size=100))
def test_a_segment_decodes_to_what_was_encoded(data):
    assert decode_segment(b64(data)) == data


@given(st.text("ABCQgwz019-_", min_size=1, max_size=12).map(str.encode))
def test_each_value_has_one_spelling(segment):
    """Property: what decodes also encodes back to the same characters."""
    try:
        decoded = decode_segment(segment)
    except Refused:
        padded = segment + b"=" * (-len(segment) % 4)
        assert len(segment) % 4 == 1 or b64(unb64(padded.rstrip(b"="))) != segment
    else:
        assert b64(decoded) == segment


# The shape of a token


def test_every_algorithm_verifies():
    for alg, name in ASYMMETRIC.items():
        assert verdict(sign(alg=alg), keyset(name)) == compact(CLAIMS), alg
    for alg in ("HS256", "HS384", "HS512"):
        keys = keys_from_jwks(key("oct").as_dict(), KNOWN, trusted=True)
        assert verdict(sign(alg=alg), keys) == compact(CLAIMS)


@pytest.mark.parametrize("alg", ["EdDSA", "Ed448"])
def test_ed448(alg):
    signed = b64(compact({"alg": alg, "kid": "ed448"})) + b"." + b64(b"{}")
    token = signed + b"." + b64(key("ed448").private_key.sign(signed))
    assert verdict(token, keyset("ed448")) == b"{}"
    assert verdict(token[:-8] + b"AAAAAAAA", keyset("ed448")) == "invalid-signature"


def test_ed25519_by_its_specific_name():
    signed = b64(compact({"alg": "Ed25519", "kid": "ed25519"})) + b"." + b64(b"{}")
    token = signed + b"." + b64(key("ed25519").private_key.sign(signed))
    for alg in (None, "EdDSA", "Ed25519"):
        jwk = public("ed25519", **({"alg": alg} if alg else {}))
        assert verdict(token, keys_from_jwks(jwk, KNOWN, trusted=True)) == b"{}"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: b"",
        lambda t: b"..",
        lambda t: b"." + t,
        lambda t: t + b".",
        lambda t: t.replace(b".", b"", 1),
        lambda t: t + b"=",
        lambda t: t + b"\n",
        lambda t: b" " + t,
        lambda t: t.replace(b".", b"=.", 1),
        lambda t: t + b"\x00",
        lambda t: t.replace(b".", "．".encode(), 1),
        lambda t: t.replace(b".", b"\xff.", 1),
        lambda t: t.replace(b"-", b"+").replace(b"_", b"/") + b"+/",
        lambda t: t + b"." + t,
        lambda t: b".".join([t, b"a", b"b"]),
        lambda t: b"." * 100_000,
        lambda t: compact({"payload": "x", "protected": "y", "signature": "z"}),
        lambda t: compact({"signatures": [{}], "payload": t.decode()}),
    ],
)
def test_only_the_compact_form_is_a_token(spoil):
    keys = keyset("rsa")
    assert verdict(spoil(sign()), keys) == "malformed-token"


def test_length_is_judged_first():
    assert verdict(b"." * 101, keyset("rsa"), cap=100) == "token-too-long"
    token = sign()
    assert verdict(token, keyset("rsa"), cap=len(token)) == compact(CLAIMS)
    assert verdict(token, keyset("rsa"), cap=len(token) - 1) == "token-too-long"


def test_bits_that_mean_nothing_must_be_zero():
    """Else one signature has several spellings."""
    token = sign(alg="EdDSA")  # 64 bytes: two segments characters' bits are left over
    last = token[-1:]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    position = alphabet.index(last)
    for offset in range(1, 16):
        twin = token[:-1] + alphabet[position + offset : position + offset + 1]
        assert unb64(twin.rsplit(b".", 1)[1]) == unb64(token.rsplit(b".", 1)[1])
        assert verdict(twin, keyset("ed25519")) == "malformed-token"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b'"alg"',
        b'["alg"]',
        b"{}",
        b'{"alg":null}',
        b'{"alg":["RS256"],"kid":"rsa"}',
        b'{"alg":"RS256","alg":"RS256","kid":"rsa"}',
        b'{"alg":"none","alg":"RS256","kid":"rsa"}',
        b'{"alg":"RS256","kid":null}',
        b'{"alg":"RS256","kid":1}',
        b'{"alg":"RS256","kid":{}}',
        b'{"alg":"RS256","kid":["rsa"]}',
        b'{"alg":"RS256","kid":"rsa","typ":1}',
        b'{"alg":"RS256","kid":"rsa","typ":null}',
        b'{"alg":"RS256","kid":"' + b"x" * 257 + b'"}',
        b'{"alg":"RS256","kid":"\\ud800"}',
        b'\xef\xbb\xbf{"alg":"RS256","kid":"rsa"}',
        '{"alg":"RS256","kid":"rsa"}'.encode("utf-16"),
        b'{"alg":"RS256","kid":"rsa","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        *(
            b'{"alg":"RS256","kid":"rsa","crit":%s}' % crit
            for crit in (
                *(b"[]", b"null", b"5", b'"b64"', b"[[]]", b"{}", b'["alg"]', b'["b64"]'),
                *(b'["exp"]', b'["x","x"]', b'["http://example.com/UNDEFINED"]'),
            )
        ),
        b'{"alg":"RS256","kid":"rsa","b64":false,"crit":["b64"]}',
        b'{"alg":"RS256","kid":"rsa","b64":false}',
        b'{"alg":"RS256","kid":"rsa","b64":true}',
    ],
)
def test_a_bad_header_is_refused_although_the_signature_is_right(header):
    assert verdict(sign_raw(header), keyset("rsa")) == "malformed-token"


def test_unknown_header_members_are_ignored():
    """RFC 7515 section 4: what is not understood and not critical is passed over."""
    assert verdict(sign_raw(b'{"alg":"RS256","kid":"rsa","vendor":[1]}'), keyset("rsa"))


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", " none", "rs256", "RS256 "])
def test_no_signature_is_no_token(alg):
    head = b64(compact({"alg": alg, "kid": "rsa"}))
    payload = b64(compact(CLAIMS))
    for signature in (b"", b64(b"x"), sign().rsplit(b".", 1)[1]):
        assert verdict(b".".join([head, payload, signature]), keyset("rsa")) == "invalid-algorithm"


def public_key_as_secret():
    text = pem("rsa")
    certificate = self_signed("rsa")
    ssh = key("rsa").public_key.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    yield from (text.encode(), text.strip().encode(), b" " + text.encode(), spki("rsa"), ssh)
    yield from (certificate, compact(public("rsa")), unb64(public("rsa")["n"].encode()))


def self_signed(name):
    now = datetime.now(timezone.utc)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    return (
        x509.CertificateBuilder(subject, subject, key(name).public_key, 1, now, now + timedelta(1))
        .sign(key(name).private_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_never_an_hmac_secret(alg):
    import hmac

    for secret in public_key_as_secret():
        signed = b64(compact({"alg": alg, "kid": "rsa"})) + b"." + b64(compact(CLAIMS))
        token = signed + b"." + b64(hmac.digest(secret, signed, "sha" + alg[2:]))
        for keys in (
            keyset("rsa"),
            keyset("rsa", algorithms=frozenset([alg, "RS256"])),
            keys_from_pem(pem("rsa").encode(), KNOWN),
            keys_from_pem(pem("rsa").encode(), frozenset([alg, "RS256"])),
        ):
            assert verdict(token, keys) == "invalid-algorithm"
        assert verdict(token, keyset("rsa", algorithms=ALL_ASYMMETRIC)) == "invalid-algorithm"


@pytest.mark.parametrize("secret", [pem("rsa").encode(), b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ"])
def test_a_public_key_configured_as_secret_is_refused(secret):
    with pytest.raises(UnusableKey, match="public key cannot be an HMAC secret"):
        keys_from_jwks({"kty": "oct", "k": b64(secret).decode()}, KNOWN, trusted=True)


def test_the_algorithm_comes_from_the_key_and_the_allow_list():
    token = sign(alg="RS384")
    assert verdict(token, keyset("rsa", algorithms=frozenset(["RS256"]))) == "invalid-algorithm"
    pinned = keys_from_jwks(public("rsa", alg="RS256"), KNOWN, trusted=True)
    assert verdict(token, pinned) == "invalid-algorithm"
    both = {"keys": [public("rsa", alg="PS256"), public("rsa", alg="RS384")]}
    assert verdict(token, keys_from_jwks(both, KNOWN, trusted=True)) == compact(CLAIMS)
    assert verdict(sign(alg="ES256", kid="rsa"), keyset("rsa", "p256")) == "invalid-algorithm"


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_keys_inside_a_token_are_never_read(member, monkeypatch):
    """A token that brings its own key is judged by the configured ones."""
    import socket

    def refuse(*args, **kwargs):
        pytest.fail("an outbound connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    value = {
        "jwk": public("rsa-evil"),
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/cert.pem",
        "x5c": [b64(spki("rsa-evil")).decode()],
    }[member]
    for kid in ("rsa", None):
        header = {"alg": "RS256", member: value} | ({"kid": kid} if kid else {})
        token = sign_raw(compact(header), name="rsa-evil")
        assert verdict(token, keyset("rsa")) == "invalid-signature"
    token = sign_raw(compact({"alg": "RS256", "kid": "rsa-evil", member: value}), name="rsa-evil")
    assert verdict(token, keyset("rsa")) == "unknown-key"


@pytest.mark.parametrize(
    "kid", ["", "../../../dev/null", "rsa\0", "' OR 1=1 --", "https://evil.example/", "RSA", "rsa "]
)
def test_kid_is_an_exact_name_and_nothing_else(kid):
    assert verdict(sign(kid=kid), keyset("rsa")) == "unknown-key"


def test_a_token_without_kid_is_tried_against_few_keys():
    token = sign(kid=None)
    assert verdict(token, keyset("rsa", "p256", "rsa-2")) == compact(CLAIMS)
    assert verdict(token, keyset("p256")) == "unknown-key"
    wrong = [public("rsa-evil", kid=str(number)) for number in range(8)]
    many = keys_from_jwks({"keys": [*wrong, public("rsa")]}, KNOWN, trusted=True)
    assert verdict(token, many) == "invalid-signature"
    fewer = keys_from_jwks({"keys": [*wrong[1:], public("rsa")]}, KNOWN, trusted=True)
    assert verdict(token, fewer) == compact(CLAIMS)


def test_tokens_without_kid_from_several_keys_do_not_disturb_each_other():
    keys = keyset("rsa", "rsa-2")
    for name in ("rsa", "rsa-2", "rsa"):
        assert verdict(sign(name=name, kid=None), keys) == compact(CLAIMS)
        assert verdict(sign(name=name), keys) == compact(CLAIMS)


def test_keys_without_a_name_stand_for_every_kid():
    keys = keys_from_pem(pem("rsa").encode() + pem("p256").encode(), KNOWN)
    assert verdict(sign(kid="whatever"), keys) == compact(CLAIMS)
    assert verdict(sign(alg="ES256", kid=None), keys) == compact(CLAIMS)


def test_only_headers_of_valid_tokens_are_remembered():
    keys = keyset("rsa")
    forged = sign().rsplit(b".", 1)[0] + b"." + b64(b"x" * 256)
    assert verdict(forged, keys) == "invalid-signature"
    assert not keys.memo
    assert verdict(sign(), keys) == compact(CLAIMS)
    assert len(keys.memo) == 1
    assert verdict(forged, keys) == "invalid-signature"
    for number in range(100):
        assert verdict(sign(x=number), keys) == compact(CLAIMS)
    assert len(keys.memo) == 64


def test_a_token_between_two_signed_ones_is_forged():
    """Header, payload and signature of valid tokens do not mix."""
    keys = keyset("rsa")
    one, two = sign().split(b"."), sign({**CLAIMS, "sub": "bob"}).split(b".")
    assert verdict(b".".join(one), keys) == compact(CLAIMS)
    assert verdict(b".".join([one[0], two[1], one[2]]), keys) == "invalid-signature"
    head = b64(compact({"alg": "RS256", "kid": "rsa", "typ": "JWT"}))
    assert verdict(b".".join([head, one[1], one[2]]), keys) == "invalid-signature"


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_ecdsa_signatures_have_one_form(alg):
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    name = ASYMMETRIC[alg]
    token = sign(alg=alg)
    signed, raw = token.rsplit(b".", 1)
    raw = unb64(raw)
    half = len(raw) // 2
    r, s = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    bad = [encode_dss_signature(r, s), raw[:-1], raw + b"\0", b"\0" + raw, b"", raw[:half]]
    bad += [raw[:half] + b"\0" + raw[half:], b"\0" + raw[:half] + b"\0" + raw[half:]]
    bad += [bytes(len(raw)), b"\xff" * len(raw), raw[:half] + bytes(half), bytes(half) + raw[half:]]
    for signature in bad:
        assert verdict(signed + b"." + b64(signature), keyset(name)) == "invalid-signature"


@given(st.data())
@settings(max_examples=200)
def test_any_change_of_a_token_makes_it_invalid(data):
    token = bytearray(sign(alg="ES256"))
    position = data.draw(st.integers(0, len(token) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != token[position]))
    token[position] = byte
    assert isinstance(verdict(bytes(token), keyset("p256")), str)


@given(st.binary(max_size=200) | st.text("ey.AJ0_-", max_size=60).map(str.encode))
def test_no_input_crashes_the_parser(token):
    assert isinstance(verdict(token, keyset("rsa", "p256", "ed25519")), str)


# Differential: what we accept, joserfc and PyJWT accept with the same result


header_values = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "HS256", "none", "ES256", "RS384"])},
    optional={
        "kid": st.sampled_from(["rsa", "", "other"]),
        "typ": st.sampled_from(["JWT", "at+jwt", ""]),
        "crit": st.sampled_from([[], ["exp"], ["b64"], 5, None]),
        "b64": st.booleans(),
        "cty": st.text(max_size=5),
    },
)


@given(header_values, st.dictionaries(st.text(max_size=5), json_values, max_size=3), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_we_accept_others_accept_too(header, claims, broken):
    try:
        payload = compact(claims)
        payload.decode().encode()
        raw = sign_raw(compact(header), payload)
    except UnicodeEncodeError:
        return
    token = raw[:-8] + b"AAAAAAAA" if broken else raw
    ours = verdict(token, keyset("rsa", algorithms=frozenset(["RS256", "RS384"])))
    if isinstance(ours, bytes):
        assert not broken
        theirs = deserialize_compact(token, key("rsa"), algorithms=["RS256"])
        assert theirs.payload == ours
        decoded = pyjwt.api_jws.decode(token, key("rsa").public_key, algorithms=["RS256"])
        assert decoded == ours
    elif header["alg"] == "RS256" and not broken and "crit" not in header and "b64" not in header:
        assert header.get("kid") in ("", "other")  # an unknown key is the only other reason


# Vectors by others


def wycheproof():
    document = json.loads(vectors("wycheproof", "json_web_signature_test.json").read_text())
    overrides = json.loads(vectors("wycheproof", "overrides.json").read_text())
    overrides = overrides["json_web_signature_test"]
    for group in document["testGroups"]:
        for test in group["tests"]:
            override = overrides.get(str(test["tcId"]), "")
            if override.startswith("skip"):
                continue
            yield dict(group.get("public", group["private"])), test, override


def test_wycheproof_jws():
    seen = 0
    for jwk, test, override in wycheproof():
        expected = test["result"] == "valid"
        keys = [jwk]
        if "REJECT" in override:
            expected = False
        elif override:
            # Pinned by the key's alg the token must be refused; without the pin it verifies.
            assert accepts(jwk, test["jws"]) is False
            keys = [{name: value for name, value in jwk.items() if name != "alg"}]
        assert accepts(keys[0], test["jws"]) is expected, (test["tcId"], test["comment"])
        seen += 1
    assert seen == 399


def accepts(jwk, token):
    algorithms = frozenset([jwk["alg"]]) & KNOWN if "alg" in jwk else KNOWN
    if not isinstance(token, str):
        token = json.dumps(token)
    try:
        keys = keys_from_jwks(jwk, algorithms, trusted=True)
    except UnusableKey:
        return False
    return isinstance(verdict(token.encode(), keys), bytes)


PRIMITIVES = {
    "ecdsa_secp256r1_sha256_p1363_test": "ES256",
    "ecdsa_secp384r1_sha384_p1363_test": "ES384",
    "ecdsa_secp521r1_sha512_p1363_test": "ES512",
    "ed25519_test": "EdDSA",
    "rsa_pss_2048_sha256_mgf1_32_test": "PS256",
    "rsa_pss_2048_sha384_mgf1_48_test": "PS384",
    "rsa_pss_3072_sha256_mgf1_32_test": "PS256",
    "rsa_pss_4096_sha512_mgf1_64_test": "PS512",
    "rsa_signature_2048_sha256_test": "RS256",
    "rsa_signature_3072_sha384_test": "RS384",
    "rsa_signature_4096_sha512_test": "RS512",
}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_wycheproof_signatures(name):
    document = json.loads(vectors("wycheproof", name + ".json").read_text())
    checked = 0
    for group in document["testGroups"]:
        verify = _signatures.verifiers_of(public_of(group))[PRIMITIVES[name]]
        for test in group["tests"]:
            result = verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            if test["result"] != "acceptable":
                assert result is (test["result"] == "valid"), (test["tcId"], test["comment"])
                checked += 1
    assert checked > 50


def public_of(group):
    der = group.get("publicKeyDer") or group.get("publicKeyAsn")
    return serialization.load_der_public_key(bytes.fromhex(der))


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_wycheproof_hmac(bits):
    document = json.loads(vectors("wycheproof", f"hmac_sha{bits}_test.json").read_text())
    checked = 0
    for group in document["testGroups"]:
        for test in group["tests"]:
            verify = _signatures._hmac(bytes.fromhex(test["key"]), f"sha{bits}")
            result = verify(bytes.fromhex(test["tag"]), bytes.fromhex(test["msg"]))
            expected = test["result"] == "valid" and group["tagSize"] == bits
            assert result is expected
            checked += 1
    assert checked > 50


COOKBOOK = {
    "jws/4_1.rsa_v15_signature": "RS256",
    "jws/4_2.rsa-pss_signature": "PS384",
    "jws/4_3.ecdsa_signature": "ES512",
    "jws/4_4.hmac-sha2_integrity_protection": "HS256",
    "curve25519/jws": "EdDSA",
}


@pytest.mark.parametrize("name", COOKBOOK)
def test_cookbook_compact_forms_verify(name):
    document = json.loads(vectors("jwt", "ietf-jose-cookbook", name + ".json").read_text())
    secret = ("alg", "d", "p", "q", "dp", "dq", "qi")
    jwk = {k: v for k, v in document["input"]["key"].items() if k not in secret}
    keys = keys_from_jwks(jwk, frozenset([COOKBOOK[name]]), trusted=True)
    token = document["output"]["compact"].encode()
    assert verdict(token, keys) == document["input"]["payload"].encode()


@pytest.mark.parametrize(
    "name",
    [
        "jws/4_5.signature_with_detached_content",
        "jws/4_6.protecting_specific_header_fields",
        "jws/4_7.protecting_content_only",
        "jws/4_8.multiple_signatures",
        "rfc7797/4.2.hmac-sha2_b64_false",
        "rfc7797/hmac-sha2_b64_false",
    ],
)
def test_cookbook_other_forms_are_refused(name):
    document = json.loads(vectors("jwt", "ietf-jose-cookbook", name + ".json").read_text())
    jwk = document["input"]["key"]
    jwk = {"kty": "oct", "k": jwk["k"]} if isinstance(jwk, dict) else key("oct").as_dict()
    keys = keys_from_jwks(jwk, KNOWN, trusted=True)
    for form in document["output"].values():
        token = form if isinstance(form, str) else json.dumps(form)
        assert verdict(token.encode(), keys) in ("malformed-token", "invalid-signature")


def test_cookbook_encrypted_tokens_are_refused_undecrypted():
    paths = sorted(vectors("jwt", "ietf-jose-cookbook", "jwe").glob("*.json"))
    assert paths
    for path in paths:
        output = json.loads(path.read_text())["output"]
        if "compact" in output:
            assert verdict(output["compact"].encode(), keyset("rsa")) == "malformed-token"


# Keys


def test_one_bad_key_does_not_spoil_a_fetched_set():
    bad = [
        *({}, None, 5, "key", []),
        {"kty": "RSA"},
        {"kty": "RSA", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "n": "!!!", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": b64(b"\1" * 32).decode(), "y": b64(b"\1" * 32).decode()},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": [], "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": b64(b"\1" * 32).decode()},
        {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\1" * 31).decode()},
        {"kty": []},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        public("rsa", use="enc"),
        public("rsa", use="foo"),
        public("rsa", use=5),
        public("rsa", key_ops=["encrypt"]),
        public("rsa", key_ops="verify"),
        public("rsa", key_ops=5),
        public("rsa", alg="ES256"),
        public("rsa", alg="RSA-OAEP"),
        public("rsa", alg="none"),
        public("rsa", alg=5),
        public("rsa", kid=5),
        public("rsa", e="Aw"),
        public("rsa", e="AQAA"),
        key("rsa").as_dict(private=True),
        public("rsa", p="AQAB"),
        key("p256").as_dict(private=True),
        key("oct").as_dict(),
    ]
    keys = keys_from_jwks({"keys": [*bad, public("p384")]}, KNOWN, trusted=False)
    assert len(keys) == 1
    assert len(keys.skipped) == len(bad)
    assert verdict(sign(alg="ES384"), keys) == compact(CLAIMS)
    for reason in keys.skipped:
        assert public("rsa")["n"][:20] not in reason
    for each in bad:
        with pytest.raises(UnusableKey, match="no usable public signature key"):
            keys_from_jwks({"keys": [each]}, KNOWN, trusted=False)


@pytest.mark.parametrize("document", [None, [], "x", 5, {}, {"keys": {}}, {"keys": "x"}])
def test_what_is_no_key_set_is_refused(document):
    with pytest.raises(UnusableKey, match="no JWK Set"):
        keys_from_jwks(document, KNOWN, trusted=False)


def test_an_endless_set_is_refused():
    with pytest.raises(UnusableKey, match="more than 100"):
        keys_from_jwks({"keys": [public("p256")] * 101}, KNOWN, trusted=False)


def test_an_issuer_may_withdraw_all_keys_but_nobody_configures_none():
    assert len(keys_from_jwks({"keys": []}, KNOWN, trusted=False)) == 0
    with pytest.raises(UnusableKey, match="the set is empty"):
        keys_from_jwks({"keys": []}, KNOWN, trusted=True)


def test_private_keys_are_refused_in_the_configuration():
    with pytest.raises(UnusableKey, match="private key"):
        keys_from_jwks(key("rsa").as_dict(private=True), KNOWN, trusted=True)
    with pytest.raises(UnusableKey, match="-pubout"):
        keys_from_pem(key("rsa").as_pem(private=True), KNOWN)


@pytest.mark.parametrize("bits", [1024, 2047])
def test_short_rsa_keys_are_refused(bits):
    # A modulus of this size, odd; nobody needs its factors.
    modulus = (1 << (bits - 1)) + 1
    jwk = {"kty": "RSA", "n": b64(modulus.to_bytes((bits + 7) // 8, "big")).decode(), "e": "AQAB"}
    with pytest.raises(UnusableKey, match="2048"):
        keys_from_jwks(jwk, KNOWN, trusted=True)


def test_short_rsa_keys_are_refused_in_pem_too():
    text = (
        rsa.RSAPublicNumbers(65537, (1 << 1023) + 1)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(UnusableKey, match="2048"):
        keys_from_pem(text, KNOWN)


def test_huge_rsa_keys_are_refused():
    jwk = {"kty": "RSA", "n": b64(b"\xff" * 2049).decode(), "e": "AQAB"}
    with pytest.raises(UnusableKey, match="16384"):
        keys_from_jwks(jwk, KNOWN, trusted=True)


def test_weak_rsa_exponents_are_refused():
    modulus = key("rsa").public_key.public_numbers().n
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weak = rsa.RSAPublicNumbers(3, modulus).public_key()
    text = weak.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(UnusableKey, match="exponent"):
        keys_from_pem(text, KNOWN)
    with pytest.raises(UnusableKey, match="exponent"):
        keys_from_jwks(public("rsa", e="Aw"), KNOWN, trusted=True)


@pytest.mark.parametrize(
    ("curve", "point"),
    [
        # The list of small-order points of Curve25519 in Edwards form, both signs and spellings.
        *(
            ("Ed25519", bytes.fromhex(point))
            for point in (
                "0100000000000000000000000000000000000000000000000000000000000000",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0000000000000000000000000000000000000000000000000000000000000080",
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                "0100000000000000000000000000000000000000000000000000000000000080",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            )
        ),
        ("Ed448", bytes(57)),
        ("Ed448", b"\1" + bytes(56)),
        ("Ed448", (2**448 - 2**224 - 2).to_bytes(57, "little")),
    ],
)
def test_points_of_small_order_are_refused(curve, point):
    jwk = {"kty": "OKP", "crv": curve, "x": b64(point).decode()}
    with pytest.raises(UnusableKey):
        keys_from_jwks(jwk, KNOWN, trusted=True)


def test_honest_edwards_keys_have_full_order():
    assert len(keyset("ed25519", "ed448")) == 2
    assert len(_strength._SMALL_25519) == 5


def test_hmac_secrets_are_as_long_as_the_hash():
    def algorithms(length):
        jwk = {"kty": "oct", "k": b64(b"k" * length).decode()}
        return set(keys_from_jwks(jwk, KNOWN, trusted=True).candidates(None)[0].verifiers)

    assert algorithms(32) == {"HS256"}
    assert algorithms(48) == {"HS256", "HS384"}
    assert algorithms(64) == {"HS256", "HS384", "HS512"}
    with pytest.raises(UnusableKey, match="32 bytes"):
        algorithms(31)
    with pytest.raises(UnusableKey, match="missing or not base64url"):
        keys_from_jwks({"kty": "oct", "k": ""}, KNOWN, trusted=True)
    with pytest.raises(UnusableKey, match="do not go together"):
        jwk = {"kty": "oct", "alg": "HS512", "k": b64(b"k" * 32).decode()}
        keys_from_jwks(jwk, KNOWN, trusted=True)


def test_jwk_members_are_strict_base64url():
    for n in (public("rsa")["n"] + "=", public("rsa")["n"] + "\n", " " + public("rsa")["n"], "A"):
        with pytest.raises(UnusableKey, match="base64url"):
            keys_from_jwks(public("rsa", n=n), KNOWN, trusted=True)


def test_a_key_that_fits_no_allowed_algorithm_is_refused():
    with pytest.raises(UnusableKey, match="none of the allowed algorithms"):
        keyset("rsa", algorithms=frozenset(["ES256"]))


def test_pem_texts():
    assert verdict(sign(), keys_from_pem(self_signed("rsa"), KNOWN)) == compact(CLAIMS)
    for text in (b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        with pytest.raises(UnusableKey):
            keys_from_pem(text, KNOWN)
    other = ec.generate_private_key(ec.SECP256K1()).public_key()
    text = other.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(UnusableKey, match="only RSA"):
        keys_from_pem(text, KNOWN)


def test_equal_sets_are_recognised():
    assert keyset("rsa", "p256").same_as(keyset("p256", "rsa"))
    assert not keyset("rsa").same_as(keyset("rsa-2"))
    assert not keyset("rsa").same_as(None)
    renamed = keys_from_jwks(public("rsa", kid="new"), KNOWN, trusted=True)
    assert not keyset("rsa").same_as(renamed)


def test_pyjwt_key_files():
    folder = vectors("jwt", "pyjwt-keys")
    keys = keys_from_jwks(
        json.loads((folder / "jwk_keyset_with_unknown_alg.json").read_text()), KNOWN, trusted=True
    )
    assert len(keys) == 1
    assert len(keys.skipped) == 1
    with pytest.raises(UnusableKey):
        document = json.loads((folder / "jwk_keyset_only_unknown_alg.json").read_text())
        keys_from_jwks(document, KNOWN, trusted=True)
    usable, refused = set(), set()
    for path in folder.glob("jwk_*.json"):
        if "keyset" in path.name:
            continue
        try:
            keys_from_jwks(strict_json(path.read_bytes()), KNOWN, trusted=True)
            usable.add(path.stem)
        except (UnusableKey, NotJSON):
            refused.add(path.stem)
    assert usable == {
        *("jwk_ec_pub_P-256", "jwk_ec_pub_P-384", "jwk_ec_pub_P-521", "jwk_hmac"),
        *("jwk_okp_pub_Ed25519", "jwk_okp_pub_Ed448", "jwk_rsa_pub"),
    }
    assert refused >= {"jwk_rsa_key", "jwk_ec_key_P-256", "jwk_ec_pub_secp256k1", "jwk_empty"}


def test_imported_numbers_are_the_keys_numbers():
    """The import through joserfc gives the key that the JWK spells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        imported = JWKRegistry.import_key(public("rsa"))
    assert isinstance(imported, RSAKey)
    assert imported.public_key.public_numbers() == key("rsa").public_key.public_numbers()


# Configuration


def test_algorithms_are_checked():
    assert check_algorithms(["RS256", "HS256"]) == {"RS256", "HS256"}
    for bad, message in [
        ("RS256", r"write algorithms=\['RS256'\]"),
        ([], "empty"),
        (["none"], "never allowed"),
        (["None", "RS256"], "never allowed"),
        (["RS265"], "did you mean 'RS256'"),
        ([5], "unknown algorithm 5"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            check_algorithms(bad)


def test_nothing_shows_key_material():
    keys = keyset("rsa")
    one = keys.candidates("rsa")[0]
    assert repr(keys) == "<KeySet of 1>"
    assert repr(one) == "<Key RS256/PS256/RS384/PS384/RS512/PS512>"
    failure = Failure("code", "detail")
    assert repr(failure) == "<Failure code>"
    assert str(Refused(failure)) == "code"


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":"' + b"[{" * 500 + b'"}',
        b'{"a":"\\"' + b"[" * 500 + b'\\\\","b":1}',
        b"[" + b",".join([b'{"a":[]}'] * 200) + b"]",
        b"[" * 64 + b"]" * 64,
    ],
)
def test_brackets_in_strings_and_beside_each_other_are_no_depth(text):
    assert strict_json(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [b"[" * 65 + b"]" * 65, b'{"a":' * 65 + b"1" + b"}" * 65, b'"' + b"[" * 6000, b"[" * 6000],
)
def test_depth_is_refused_before_anything_parses(text):
    with pytest.raises(NotJSON):
        strict_json(text)
