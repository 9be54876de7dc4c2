"""Origins: what may be configured, and that nothing else matches."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall._errors import ConfigurationError
from ringwall.cors import CORS
from ringwall.cors.origins import Origins, parse_origin


@pytest.mark.parametrize(
    ("entry", "spelling"),
    [
        ("https://app.example.com", b"https://app.example.com"),
        ("HTTPS://App.Example.COM:443", b"https://app.example.com"),
        ("http://localhost:80", b"http://localhost"),
        ("http://localhost:3000", b"http://localhost:3000"),
        ("http://app.example.com:443", b"http://app.example.com:443"),
        ("https://192.0.2.1:8443", b"https://192.0.2.1:8443"),
        ("https://[2001:DB8:0:0::1]", b"https://[2001:db8::1]"),
        ("https://[::1]:8443", b"https://[::1]:8443"),
        ("https://Bücher.example", b"https://xn--bcher-kva.example"),
        ("https://bücher.example:8443", b"https://xn--bcher-kva.example:8443"),
        ("https://*.example.com", b"https://*.example.com"),
        ("https://*.example.com:443", b"https://*.example.com"),
        ("http://*.localhost:3000", b"http://*.localhost:3000"),
        ("https://*.bücher.example", b"https://*.xn--bcher-kva.example"),
        ("moz-extension://2c127fa4-62c7-7e4f", b"moz-extension://2c127fa4-62c7-7e4f"),
        ("safari-web-extension://5B9A-AF", b"safari-web-extension://5B9A-AF"),
        ("capacitor://localhost", b"capacitor://localhost"),
    ],
)
def test_an_origin_is_kept_in_the_spelling_that_browsers_send(entry, spelling):
    assert parse_origin(entry) == spelling
    assert CORS([entry])


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("null", "any page can send it from a sandboxed frame"),
        ("NULL ", "any page can send it"),
        ("file:///home/a/index.html", "whose origin is null"),
        ("data://x", "whose origin is null"),
        ("https://app.example.com/", "an origin has no path: write 'https://app.example.com'"),
        ("https://app.example.com/x?y", "write 'https://app.example.com'"),
        ("https://app.example.com?x", "write 'https://app.example.com'"),
        ("https://app.example.com#x", "write 'https://app.example.com'"),
        ("https://app.example.com\\x", "write 'https://app.example.com'"),
        ("app.example.com", "write the scheme, too: 'https://app.example.com'"),
        ("wss://app.example.com", "write 'https://app.example.com'"),
        ("ws://localhost:3000", "write 'http://localhost:3000'"),
        ("htps://app.example.com", "did you mean 'https'?"),
        ("3d://app.example.com", "the part before '://' is no scheme"),
        ("://app.example.com", "the part before '://' is no scheme"),
        ("https://", "https://*.example.com"),
        ("app://", "https://*.example.com"),
        ("https://user@app.example.com", "https://*.example.com"),
        ("https://app.example.com:0", "https://*.example.com"),
        ("https://app.example.com:99999", "https://*.example.com"),
        ("https://app.example.com:*", "https://*.example.com"),
        ("https://app.example.com,https://b.example", "an origin has no path"),
        ("https://app example.com", "https://*.example.com"),
        ("https://app.example.com\n", "https://*.example.com"),
        ("https://app%2eexample.com", "https://*.example.com"),
        ("https://::1", "https://[2001:db8::1]"),
        ("https://[::1%25eth0]", "https://[2001:db8::1]"),
        ("https://1.2.3", "https://*.example.com"),
        ("https://0x7f.0.0.1.0x1", "https://*.example.com"),
        ("https://app.example.com.", "without the dot"),
        ("https://app.example.com.:8443", "without the dot"),
        ("https://*", "https://*.example.com"),
        ("https://*.*.example.com", "https://*.example.com"),
        ("https://app*.example.com", "https://*.example.com"),
        ("https://a.*.example.com", "https://*.example.com"),
        ("https://*.192.0.2.1", "https://*.example.com"),
        ("https://*.com", "it stands for everybody's domains"),
        ("https://straße.example", "write its A-labels"),
        ("https://bücher.example:８４", "write its A-labels"),
        ("app://bü cher", "https://*.example.com"),
        ("", "write the scheme, too"),
    ],
)
def test_what_is_no_origin_is_refused_with_advice(entry, advice):
    with pytest.raises(ConfigurationError, match="origins= holds") as caught:
        CORS([entry])
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        ([], "needs the origins"),
        ("https://app.example.com", r"origins=\['https://app.example.com'\]"),
        (b"https://app.example.com", "takes a list"),
        (7, "takes a list of strings"),
        ([7], "takes strings, not 'int'"),
        ([b"https://app.example.com"], "takes strings, not 'bytes'"),
        (["*", "https://app.example.com"], "beside other origins"),
    ],
)
def test_what_is_no_list_of_origins_is_refused(origins, message):
    with pytest.raises(ConfigurationError, match=message):
        CORS(origins)


# Every one of these has passed for `https://app.example.com` or a subdomain somewhere.
LOOKALIKES = [
    b"null",
    b"",
    b"*",
    b"https://",
    b"http://app.example.com",
    b"https://app.example.com:8443",
    b"https://app.example.com:443",
    b"https://app.example.com.",
    b"https://app.example.com/",
    b"https://app.example.com.evil.example",
    b"https://evilapp.example.com",
    b"https://appXexample.com",
    b"https://app.example.comevil",
    b"https://app.example.com@evil.example",
    b"https://evil.example/https://app.example.com",
    b"https://evil.example#https://app.example.com",
    b"https://APP.example.com",
    b"HTTPS://app.example.com",
    b" https://app.example.com",
    b"https://app.example.com ",
    b"https://app.example.com\x00",
    b"https://app.example.com`.evil.example",
    b"https://app.example.com, https://evil.example",
    b"https://evil.example, https://app.example.com",
    b"https://app.example.com, https://app.example.com",
    b"https://app.example.com https://evil.example",
    "https://аpp.example.com".encode(),
    b"https:app.example.com",
    b"https:///app.example.com",
    b"//app.example.com",
    b"app.example.com",
]


@pytest.mark.parametrize("origin", LOOKALIKES)
def test_no_lookalike_of_an_origin_matches(origin):
    assert origin not in Origins(["https://app.example.com"], "origins")


@pytest.mark.parametrize(
    "origin",
    [
        *LOOKALIKES,
        b"https://example.org",
        b"https://.example.org",
        b"https://a.b.example.org",
        b"https://*.example.org",
        b"https://-.example.org",
        b"https://a-.example.org",
        b"https://A.example.org",
        b"https://a.example.org:8443",
        b"http://a.example.org",
        b"https://a.example.org.evil.example",
        b"https://evil.example#.example.org",
        b"https://evil.example/.example.org",
        b"https://evil.example%.example.org",
        b"https://a@b.example.org",
        b"https://a,b.example.org",
        b"https://a b.example.org",
        b"https://a\n.example.org",
        b"https://a\r\nx: y.example.org",
        b"https://a\x00.example.org",
        b"https://a\\.example.org",
        b"https://[::1].example.org",
        b"https://" + b"a" * 64 + b".example.org",
        "https://é.example.org".encode(),
    ],
)
def test_nothing_but_one_label_matches_a_wildcard(origin):
    assert origin not in Origins(["https://*.example.org"], "origins")


@pytest.mark.parametrize(
    "label", [b"a", b"a-b", b"0", b"a_b", b"xn--bcher-kva", b"a" * 63, b"a--a"]
)
def test_one_label_matches_a_wildcard_with_its_scheme_and_port(label):
    ours = Origins(["https://*.example.org", "http://*.example.org:3000"], "origins")
    assert b"https://" + label + b".example.org" in ours
    assert b"http://" + label + b".example.org:3000" in ours


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_whatever_matches_a_wildcard_can_stand_in_a_response(before, after):
    """What is reflected holds a label of letters, digits, hyphens and underscores, no more."""
    ours = Origins(["https://*.example.org"], "origins")
    label_chars = (string.ascii_lowercase + string.digits + "-_").encode()
    for origin in (
        before + b".example.org" + after,
        b"https://" + before + b".example.org" + after,
        before + after,
    ):
        if origin in ours:
            label = origin.removeprefix(b"https://").removesuffix(b".example.org")
            assert origin == b"https://" + label + b".example.org"
            assert 0 < len(label) < 64 and not label.translate(None, label_chars)
