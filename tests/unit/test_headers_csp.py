"""Content-Security-Policy: what browsers would ignore or misread does not construct."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall._errors import ConfigurationError
from ringwall.headers.csp import content_security_policy
from ringwall.headers.presets import PRESETS

HEADER = "Content-Security-Policy"


def sha(bits, alphabet=base64.b64encode):
    return f"'sha{bits}-{alphabet(hashlib.new(f'sha{bits}', b'x').digest()).decode()}'"


def read(given, base=None):
    return content_security_policy(HEADER, given, base or {})


@pytest.mark.parametrize(
    "policy",
    [
        "default-src 'none'",
        "default-src 'self' https: data: *.example.com https://cdn.example:8443/a/%2F;"
        " frame-ancestors 'self' https://partner.example",
        f"script-src 'strict-dynamic' {sha(256)} {sha(384)} {sha(512)} 'unsafe-inline' https:",
        f"script-src {sha(512, base64.urlsafe_b64encode)}",
        "connect-src wss://feed.example:* * localhost:8000 127.0.0.1 example.com.",
        "sandbox",
        "sandbox allow-scripts allow-forms",
        "require-trusted-types-for 'script'; trusted-types one two#x 'allow-duplicates'",
        "trusted-types; trusted-types-eval-is-no-directive"[:13],
        "trusted-types 'none'",
        "trusted-types *",
        "report-uri /csp https://r.example/a?b=c; report-to endpoint",
        "webrtc 'block'; upgrade-insecure-requests; block-all-mixed-content",
    ],
)
def test_a_policy_that_browsers_heed_leaves_as_it_was_written(policy):
    assert read(policy) == (policy,)


@pytest.mark.parametrize(
    "text", ["default-src 'self'", " DEFAULT-SRC   'self'  ;", ";; default-src 'self';;"]
)
def test_spaces_and_case_of_directives_are_normalised(text):
    assert read(text) == ("default-src 'self'",)


def test_the_nonce_stands_between_the_pieces():
    pieces = read("script-src 'nonce' 'self'; style-src 'nonce'")
    assert b"N".decode().join(pieces) == "script-src 'nonce-N' 'self'; style-src 'nonce-N'"
    assert len(pieces) == 3


def test_a_mapping_changes_the_base_directive_by_directive():
    base = {"default-src": ["'none'"], "img-src": "'self'", "object-src": ["'none'"]}
    given = {"img-src": ["'self'", "https:"], "object-src": None, "font-src": "'self'  data:"}
    assert read(given, base) == (
        "default-src 'none'; img-src 'self' https:; font-src 'self' data:",
    )
    assert read("font-src 'self'", base) == ("font-src 'self'",)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_are_closed_where_default_src_does_not_reach(preset):
    policy = "".join(read({}, PRESETS[preset]["content_security_policy"]))
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert f"{directive} '" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("defualt-src 'self'", "did you mean 'default-src'"),
        ("script-src self", "write \"'self'\""),
        ("script-src NONE", "without its quotes"),
        ("script-src unsafe-inline", "without its quotes"),
        ("script-src 'sefl'", "did you mean \"'self'\""),
        ("script-src 'self", "unknown keyword"),
        ("script-src self'", "unknown keyword"),
        ("script-src", "is empty"),
        ("script-src 'none' 'self'", "beside other sources"),
        ("script-src 'self' 'none' 'nonce'", "beside other sources"),
        ("script-src 'nonce-r4nd0m'", "fixed nonce"),
        ("img-src 'nonce'", "only in default-src"),
        ("script-src-attr 'nonce'", "only in default-src"),
        ("script-src 'strict-dynamic' https:", "needs 'nonce' or a hash"),
        ("script-src 'sha256-abc'", "no hash"),
        ("script-src 'sha256-" + "A" * 41 + "'", "no hash"),
        ("script-src " + sha(384).replace("384", "256"), "no hash"),
        ("script-src sha256-abc", "no hash"),
        ("script-src 'sha512-'", "no hash"),
        ("script-src https://a.example,https://b.example", "no source"),
        ("script-src https://a.example?x", "no source"),
        ("script-src http://[::1]", "no source"),
        ("script-src https://*", None),
        ("script-src *.*.example", "no source"),
        ("script-src https://a.example/%zz", "no source"),
        ("script-src https://user@a.example", "no source"),
        ("script-src example.com:123456", "no source"),
        ("script-src example.com:\u0661", "no source"),
        ("frame-ancestors 'nonce'", "only in default-src"),
        ("frame-ancestors 'unsafe-inline'", "takes 'none', 'self'"),
        ("frame-ancestors", "is empty"),
        ("sandbox allow-script", "did you mean 'allow-scripts'"),
        ("require-trusted-types-for", "is empty"),
        ("require-trusted-types-for script", "did you mean \"'script'\""),
        ("trusted-types 'nonce'", "no name of a policy"),
        ("report-uri", "addresses such as"),
        ("report-uri /a,b", "addresses such as"),
        ("report-uri /'nonce'", "addresses such as"),
        ("report-to a,b", "name of an endpoint"),
        ("report-to 'nonce'", "name of an endpoint"),
        ("upgrade-insecure-requests 1", "takes no value"),
        ("default-src 'self'; Default-Src *", "twice"),
        ("", "is empty; use None"),
        (" ; ", "is empty; use None"),
        ({}, "is empty; use None"),
        ({"default-src": None}, "is empty; use None"),
        ({"default-src": 3}, "takes a text or a list"),
        ({"default-src": [3]}, "takes a text or a list"),
        ({"default-src": True}, "takes a text or a list"),
        ({3: "'self'"}, "unknown directive '3'"),
        (["default-src"], "takes a text, or a mapping"),
    ],
)
def test_what_browsers_would_ignore_or_misread_is_refused(policy, message):
    if message is None:
        assert read(policy) == (policy,)
        return
    with pytest.raises(ConfigurationError, match=message.replace("(", "\\(")):
        read(policy)


INJECTIONS = ("\r\n", "\n", "\r", "\0", "\t", "\x0b", "\x7f", "\x85", "\u2028", "\u0160", ",", ";x")


@pytest.mark.parametrize("evil", INJECTIONS)
@pytest.mark.parametrize(
    "value", ["'self'{}", "https://a{}.example", "https://a.example/{}b", "'nonce'{}x: 1", "a{}:"]
)
def test_nothing_splits_a_policy(value, evil):
    word = value.format(evil)
    for policy in ({"script-src": word}, {"script-src": [word]}, {"script-src": ["'self'", word]}):
        with pytest.raises(ConfigurationError):
            read(policy)
    with pytest.raises(ConfigurationError):
        read({f"script-src{evil}": "'self'"})


@given(st.text(st.characters(max_codepoint=0x180), max_size=40))
def test_whatever_is_accepted_is_one_header_value(text):
    for given_policy in (text, "script-src " + text, {"script-src": text}, {"report-uri": [text]}):
        try:
            pieces = read(given_policy)
        except ConfigurationError:
            continue
        assert all(piece.isascii() and piece.isprintable() and "," not in piece for piece in pieces)
