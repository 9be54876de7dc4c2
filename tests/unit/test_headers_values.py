"""Header values and names: what browsers would ignore does not construct, and nothing is split."""

from __future__ import annotations

import json

import pytest

from headers_support import send, values
from https_support import vectors
from ringwall._errors import ConfigurationError
from ringwall.headers import DISCLOSING, Cookies, SecurityHeaders
from ringwall.headers.names import OPTIONS

GOOD = {
    "cache_control": [
        "no-store",
        "no-store, max-age=0",
        "private, no-cache, must-revalidate",
        "Public,max-age=31536000,immutable",
        'no-cache="set-cookie, x-a", private="x-b", s-maxage=0, stale-while-revalidate=1',
    ],
    "cross_origin_embedder_policy": ["require-corp", 'credentialless; report-to="main"'],
    "cross_origin_opener_policy": ["same-origin", 'same-origin-allow-popups;report-to="a"'],
    "cross_origin_resource_policy": ["same-origin", "same-site", "cross-origin"],
    "origin_agent_cluster": ["?1", "?0"],
    "referrer_policy": ["no-referrer", "no-referrer, strict-origin-when-cross-origin"],
    "x_content_type_options": ["nosniff"],
    "x_dns_prefetch_control": ["on", "off"],
    "x_download_options": ["noopen"],
    "x_frame_options": ["DENY", "deny", "SameOrigin"],
    "x_permitted_cross_domain_policies": ["none", "master-only"],
    "x_xss_protection": ["0"],
    "content_security_policy": ["default-src 'none'"],
    "content_security_policy_report_only": ["default-src 'none'"],
    "permissions_policy": ["camera=()"],
}
BAD = [
    ("cache_control", "no-stor", "did you mean 'no-store'"),
    ("cache_control", "no-store; max-age=0", "unknown directive"),
    ("cache_control", "max-age", "write max-age=3600"),
    ("cache_control", "max-age=soon", "write max-age=3600"),
    ("cache_control", "max-age=-1", "write max-age=3600"),
    ("cache_control", "max-age=\u0661", "printable ASCII"),
    ("cache_control", "no-store=1", "without a number"),
    ("cache_control", 'no-store="a"', "without a number"),
    ("cache_control", "private=1", "without a number"),
    ("cache_control", "max-age=12345678901", "write max-age=3600"),
    ("cache_control", "", "unknown directive"),
    ("cache_control", "no-store,,private", "unknown directive"),
    ("cross_origin_embedder_policy", "require-cors", "did you mean 'require-corp'"),
    ("cross_origin_embedder_policy", "require-corp; report-to=x", "unknown value"),
    ("cross_origin_opener_policy", "same_origin", "did you mean 'same-origin'"),
    ("cross_origin_resource_policy", 'same-origin; report-to="x"', "unknown value"),
    ("origin_agent_cluster", "1", "'?1'"),
    ("referrer_policy", "no-referer", "did you mean 'no-referrer'"),
    ("referrer_policy", "origin,, no-referrer", "unknown value ''"),
    ("x_content_type_options", "no-sniff", "did you mean 'nosniff'"),
    ("x_frame_options", "ALLOW-FROM https://a.example", "frame-ancestors"),
    ("x_frame_options", "DENNY", "did you mean 'deny'"),
    ("x_xss_protection", "1; mode=block", "only '0' is safe"),
    ("x_content_type_options", True, "takes a text, or None"),
    ("x_frame_options", b"DENY", "takes a text, or None"),
    ("content_security_policy", 3, "takes a text, or a mapping"),
]


@pytest.mark.parametrize(("option", "value"), [(o, v) for o, vs in GOOD.items() for v in vs])
@pytest.mark.parametrize("preset", ["api", "browser"])
def test_a_value_leaves_as_it_was_written_and_none_sends_nothing(preset, option, value):
    name = OPTIONS[option].lower().encode()
    assert values(send(SecurityHeaders(preset, **{option: value}), "asgi"), name) == [
        value.encode()
    ]
    assert values(send(SecurityHeaders(preset, **{option: None}), "wsgi"), name) == []


def test_every_option_has_its_test():
    assert GOOD.keys() == OPTIONS.keys()


@pytest.mark.parametrize(("option", "value", "message"), BAD)
def test_a_value_that_browsers_would_ignore_is_refused(option, value, message):
    with pytest.raises(ConfigurationError, match=message.replace("?", "\\?")):
        SecurityHeaders(**{option: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "rest"}, "use one of 'api', 'browser'"),
        ({"preset": "browsers"}, "did you mean 'browser'"),
        ({"preset": 3}, "unknown preset 3"),
        ({"cookies": True}, "takes Cookies"),
        ({"cookies": Cookies}, "takes Cookies"),
        ({"override": "X-Frame-Options"}, "takes a list of header names"),
        ({"override": 3}, "takes a list of header names"),
        ({"override": ["X-Frame-Option"]}, "did you mean 'x-frame-options'"),
        ({"override": ["X-XSS-Protection"]}, "which is not sent here"),
        ({"override": [3]}, "no header name"),
        ({"override": ["a b"]}, "no header name"),
        ({"remove": "Server"}, "takes a list of header names"),
        ({"remove": ["Server\r\n"]}, "no header name"),
        ({"remove": ["S\u00e9rver"]}, "no header name"),
        ({"remove": [""]}, "no header name"),
        ({"remove": ["X-Frame-Options"]}, "which is sent here"),
        ({"remove": ["Origin-Agent-Cluster"]}, "which protects"),
        ({"remove": ["Content-Type"]}, "may need"),
        ({"remove": ["Set-Cookie"]}, "may need"),
        ({"remove": ["Strict-Transport-Security"]}, "may need"),
        ({"remove": ["X-A"], "extra": {"X-A": "1"}}, "which is sent here"),
        ({"extra": {"Server": "none"}}, "which is sent here"),
        ({"extra": ["X-A"]}, "takes a mapping"),
        ({"extra": {"X-Frame-Options": "DENY"}}, "write x_frame_options="),
        ({"extra": {"X-Frame-Option": "DENY"}}, "did you mean 'X-Frame-Options'"),
        ({"extra": {"Content-Security-Polcy": "x"}}, "did you mean 'Content-Security-Policy'"),
        ({"extra": {"Strict-Transport-Security": "max-age=1"}}, "HTTPS"),
        ({"extra": {"Set-Cookie": "a=b"}}, "Cookies"),
        ({"extra": {"Transfer-Encoding": "chunked"}}, "belongs to the message"),
        ({"extra": {"Content-Length": "0"}}, "belongs to the message"),
        ({"extra": {"Access-Control-Allow-Origin": "*"}}, "CORS"),
        ({"extra": {"Clear-Site-Data": '"cache"'}}, "logout"),
        ({"extra": {"Feature-Policy": "x"}}, "permissions_policy"),
        ({"extra": {"X-A": "1", "x-a": "2"}}, "twice"),
        ({"extra": {"X-A": ""}}, "empty or padded"),
        ({"extra": {"X-A": " a"}}, "empty or padded"),
        ({"extra": {"X-A": 3}}, "printable ASCII"),
        ({"extra": {3: "x"}}, "no header name"),
        ({"extra": {"X:A": "x"}}, "no header name"),
    ],
)
def test_a_name_in_the_wrong_place_says_the_right_one(options, message):
    with pytest.raises(ConfigurationError, match=message):
        SecurityHeaders(**options)


EVIL = ("\r\nSet-Cookie: a=b", "\nX: 1", "\r", "\0", "\x7f", "\x0b", "\u010d\u010aX: 1", "\u00e9")


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("option", [*OPTIONS, "extra", "extra name", "remove", "override"])
def test_no_option_lets_a_header_in(option, evil):
    """U+010D and U+010A become CR and LF where a character is cut to its low byte."""
    for good in GOOD.get(option, ["x-frame-options"])[:1]:
        for text in (good + evil, evil + good):
            options = {
                "extra": {"extra": {"X-A": text}},
                "extra name": {"extra": {text: "1"}},
                "remove": {"remove": [text]},
                "override": {"override": [text]},
            }.get(option, {option: text})
            with pytest.raises(ConfigurationError):
                SecurityHeaders(**options)


@pytest.mark.parametrize("evil", EVIL)
def test_no_parameter_of_a_value_lets_a_header_in(evil):
    for option, value in (
        ("cache_control", f'no-cache="a{evil}"'),
        ("cross_origin_opener_policy", f'same-origin; report-to="a{evil}"'),
        ("permissions_policy", f'camera=("https://a.example{evil}")'),
        ("permissions_policy", f"camera=(); report-to={evil}"),
        ("content_security_policy", f"report-uri /{evil}"),
    ):
        with pytest.raises(ConfigurationError):
            SecurityHeaders(**{option: value})


@pytest.mark.skipif(vectors() is None, reason="the shared vectors are not here")
def test_everything_that_owasp_lists_can_be_sent_but_for_two():
    listed = json.loads((vectors() / "http" / "owasp_headers_add.json").read_text())["headers"]
    wanted = {line["name"].lower(): line["value"] for line in listed}
    del wanted["strict-transport-security"]  # the HTTPS layer's
    del wanted["clear-site-data"]  # the app's, on a logout
    options = {name.replace("-", "_"): value for name, value in wanted.items()}
    for interface in ("asgi", "wsgi"):
        sent = dict(send(SecurityHeaders(**options), interface))
        assert {name: sent[name.encode()].decode() for name in wanted} == wanted


@pytest.mark.skipif(vectors() is None, reason="the shared vectors are not here")
@pytest.mark.parametrize("preset", ["api", "browser"])
def test_the_presets_send_what_owasp_lists_but_for_what_they_name(preset):
    listed = json.loads((vectors() / "http" / "owasp_headers_add.json").read_text())["headers"]
    missing = {line["name"].lower() for line in listed} - {
        name.decode() for name, _ in send(SecurityHeaders(preset), "asgi")
    }
    apart = {"strict-transport-security", "clear-site-data", "cross-origin-embedder-policy"}
    assert (
        missing - apart == {"api": {"x-dns-prefetch-control"}, "browser": {"cache-control"}}[preset]
    )


@pytest.mark.skipif(vectors() is None, reason="the shared vectors are not here")
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_everything_that_owasp_lists_for_removal_goes_in_any_case(interface):
    removed = json.loads((vectors() / "http" / "owasp_headers_remove.json").read_text())["headers"]
    assert {name.lower() for name in removed} == DISCLOSING
    lines = [(cased.encode(), b"x") for n in removed for cased in (n, n.lower(), n.upper())]
    kept = (b"Content-Type", b"text/plain")
    layer = SecurityHeaders()
    assert send(layer, interface, *lines, kept, *lines) == [kept, *layer.constant_headers]
