"""The decisions of the HTTPS layer, its hooks called directly."""

from __future__ import annotations

import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from https_support import URI_CHARS, code, exchange, header, judge
from ringwall._boundary import parse_host
from ringwall._errors import ConfigurationError
from ringwall.https import ANY_HOST, CREDENTIALS, HSTS, HTTPS

HOSTS = ["api.example.com", "*.example.org", "[2001:db8::1]", "192.0.2.9", "app.example:8443"]
layer = HTTPS(hosts=HOSTS)


def refused(made_layer=layer, **request):
    """Status and code of a refusal, which must agree with the decision."""
    response, decision = judge(made_layer, **request)
    assert response is not None and header(response, b"location") is None
    assert decision.outcome == "deny" and decision.reason == code(response)
    assert header(response, b"cache-control") == b"no-store"
    return response.status, decision.reason


def location(made_layer=layer, status=308, **request):
    response, decision = judge(made_layer, **request)
    assert response is not None and response.status == status
    assert decision[1:4] == ("deny", "redirect", "redirected-to-https")
    assert response.body == b""
    return header(response, b"location")


# --- secure requests ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", [b"api.example.com", b"a.example.org", b"[2001:DB8::1]:9", b"app.example:8443"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "WEBSOCKET"])
def test_a_secure_request_for_our_host_passes(host, method):
    response, decision = judge(layer, scheme="https", host=host, method=method)
    assert response is None
    assert decision[:4] == ("https", "allow", "hosts", "secure")


def test_a_secure_request_may_carry_what_it_wants():
    response, _ = judge(
        layer, scheme="https", query=b"access_token=x", authorization=b"Bearer x", path="@evil"
    )
    assert response is None


@pytest.mark.parametrize(
    "host", [b"evil.example", b"api.example.com.evil.example", b"app.example", b"192.0.2.8"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_is_not_ours_is_misdirected(scheme, host):
    assert refused(scheme=scheme, host=host) == (421, "unknown-host")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("hosts", [HOSTS, ANY_HOST])
def test_a_request_without_host_is_refused_whatever_is_forwarded(scheme, hosts):
    made = HTTPS(hosts=hosts)
    forwarded = {"x_forwarded_host": b"api.example.com", "forwarded": b"host=api.example.com"}
    assert refused(made, scheme=scheme, host=None, **forwarded) == (400, "missing-host")


def test_any_host_is_answered_for_and_reflected_where_that_was_chosen():
    open_layer = HTTPS(hosts=ANY_HOST)
    assert judge(open_layer, scheme="https", host=b"whatever.example")[0] is None
    assert (
        location(open_layer, host=b"whatever.example:80") == b"https://whatever.example/v1/orders"
    )


# --- redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_get_and_head_are_redirected_for_good(method):
    assert location(method=method) == b"https://api.example.com/v1/orders"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_status_can_be_chosen(status):
    made = HTTPS(hosts=HOSTS, status=status)
    assert location(made, status) == b"https://api.example.com/v1/orders"


@pytest.mark.parametrize(
    ("path", "raw_path", "query", "expected"),
    [
        ("/a/b", b"/a%2fb", b"", b"/a%2fb"),
        ("/a%2fb", b"/a%252fb", b"", b"/a%252fb"),
        ("/ü", b"/%C3%bc", b"", b"/%C3%bc"),
        ("/a\r\nset-cookie: x=1", b"/a%0d%0aset-cookie:%20x=1", b"", None),
        ("//evil.example", b"//evil.example", b"", b"//evil.example"),
        ("/", b"/", b"next=https://evil.example/?x", b"/?next=https://evil.example/?x"),
        ("/", b"/", b"a=1&a=%20%0d%0a", b"/?a=1&a=%20%0d%0a"),
        ("/", b"/", b"page[size]=2&q={x}|^`", b"/?page[size]=2&q={x}|^`"),
        ("/@evil.example", b"/@evil.example", b"", b"/@evil.example"),
        ("/..;/x", b"/..;/x", b"", b"/..;/x"),
    ],
)
def test_path_and_query_are_kept_byte_for_byte(path, raw_path, query, expected):
    expected = raw_path if expected is None else expected
    assert location(path=path, raw_path=raw_path, query=query) == (
        b"https://api.example.com" + expected
    )


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [
        ("", "/v1/orders", b"/v1/orders"),
        ("/api", "/v1", b"/api/v1"),
        ("/api", "", b"/api"),
        ("", "/a b?c#d%2f\\ü\r\n", b"/a%20b%3Fc%23d%252f%5C%C3%BC%0D%0A"),
        ("", "/:@!$&'()*+,;=-._~", b"/:@!$&'()*+,;=-._~"),
        ("", "//evil.example", b"//evil.example"),
    ],
)
def test_a_path_the_server_keeps_raw_to_itself_is_encoded(root, path, expected):
    assert location(root=root, path=path, raw_path=None) == b"https://api.example.com" + expected


@pytest.mark.parametrize(
    "raw_path",
    [
        b"",
        b"@evil.example",
        b".evil.example/x",
        b":8443/x",
        b"http://evil.example/x",
        b"*",
        b"evil.example:443",
        b"/a\r\nset-cookie: x=1",
        b"/a\n",
        b"/a\x00",
        b"/a b",
        b"/a\\b",
        b"/a#b",
        b'/a"b',
        b"/a<b>",
        b"/\xc3\xbc",
        b"/a%",
        b"/a%2",
        b"/a%zz",
        b"/a?b",
    ],
)
def test_a_target_that_breaks_the_grammar_is_no_redirect(raw_path):
    assert refused(raw_path=raw_path) == (400, "malformed-target")


@pytest.mark.parametrize("path", ["", "@evil.example", ".evil.example", "*", "/\ud800"])
def test_a_decoded_path_that_is_no_path_is_no_redirect(path):
    assert refused(path=path, raw_path=None) == (400, "malformed-target")


@pytest.mark.parametrize("query", [b"a b", b"a\r\nx: y", b"a#b", b"\xc3\xbc", b"%", b"a=<", b"a\n"])
def test_a_query_that_breaks_the_grammar_is_no_redirect(query):
    assert refused(query=query) == (400, "malformed-target")


@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_no_target_leads_anywhere_but_to_our_host(raw_path, query, slash):
    """Whatever the target is: a Location with our authority and harmless bytes, or a refusal."""
    raw_path = b"/" + raw_path if slash else raw_path
    response, _ = judge(HTTPS(hosts=HOSTS, credentials=[]), raw_path=raw_path, query=query)
    value = header(response, b"location")
    if value is None:
        assert response.status == 400
    else:
        rest = raw_path + (b"?" + query if query else b"")
        assert value == b"https://api.example.com" + rest
        assert rest.startswith(b"/") and set(rest) <= URI_CHARS


@given(st.text(max_size=20))
def test_no_decoded_path_leads_anywhere_but_to_our_host(path):
    response, _ = judge(layer, path="/" + path, raw_path=None)
    value = header(response, b"location")
    assert value.startswith(b"https://api.example.com/") and set(value) <= URI_CHARS


def test_a_long_target_is_judged_in_linear_time():
    assert refused(raw_path=b"/" + b"a" * 200_000 + b"\\") == (400, "malformed-target")
    assert refused(query=b"%41" * 100_000 + b"%") == (400, "malformed-target")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"API.example.COM.", b"api.example.com"),
        (b"api.example.com:80", b"api.example.com"),
        (b"api.example.com:8080", b"api.example.com:9443"),
        (b"api.example.com:1234", b"api.example.com"),
        (b"app.example:8000", b"app.example:8443"),
        (b"[2001:DB8:0:0::1]", b"[2001:db8::1]"),
        (b"[2001:db8::1]:8080", b"[2001:db8::1]:9443"),
        (b"192.0.2.9:80", b"192.0.2.9"),
        (b"x.example.org:8000", b"x.example.org:8443"),
    ],
)
def test_the_location_names_the_canonical_host_and_the_mapped_port(host, expected):
    made = HTTPS(hosts=HOSTS, ports={8080: 9443, 8000: 8443})
    assert location(made, host=host) == b"https://" + expected + b"/v1/orders"


@pytest.mark.parametrize("host", [b"app.example", b"app.example:8443", b"app.example:8080"])
def test_a_redirect_leads_to_no_port_that_was_not_named(host):
    """The entry allows 8443 only, and nothing maps these ports to it."""
    assert refused(HTTPS(hosts=["app.example:8443"]), host=host) == (421, "unknown-host")


def test_port_80_can_be_mapped():
    made = HTTPS(hosts=["app.example:8443"], ports={80: 8443})
    assert location(made, host=b"app.example") == b"https://app.example:8443/v1/orders"


# --- plain requests that are refused -----------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PURGE"]
)
def test_what_is_not_get_or_head_is_refused_not_redirected(method):
    assert refused(method=method) == (403, "https-required")


def test_a_preflight_is_refused_not_redirected():
    """Browsers never follow a redirected preflight."""
    asked = {"origin": b"https://x.example", "access_control_request_method": b"GET"}
    assert refused(method="OPTIONS", **asked) == (403, "https-required")


@pytest.mark.parametrize("name", [n for n in CREDENTIALS if not n.startswith("?")])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "WEBSOCKET"])
def test_a_credential_in_a_header_is_refused_visibly(name, method):
    response, decision = judge(layer, method=method, **{name.replace("-", "_"): b"s3cr"})
    assert (response.status, code(response)) == (403, "credential-sent-in-clear")
    assert decision[:4] == ("https", "deny", "plain-http", "credential-sent-in-clear")
    assert b"s3cr" not in repr((response.headers, response.body, decision)).encode()


@pytest.mark.parametrize(
    "query",
    [
        b"access_token=x",
        b"a=1&access_token=x",
        b"a=1;ACCESS_TOKEN=x",
        b"api_key=x=y",
        b"&api_key=x",
    ],
)
def test_a_credential_in_the_query_is_refused_visibly(query):
    assert refused(query=query) == (403, "credential-sent-in-clear")


@pytest.mark.parametrize("query", [b"access_token=", b"access_token", b"my_access_token=x", b"q=x"])
def test_a_query_without_credential_is_redirected(query):
    assert location(query=query) == b"https://api.example.com/v1/orders?" + query


def test_an_empty_credential_is_none():
    assert location(authorization=b"") == b"https://api.example.com/v1/orders"


def test_a_credential_counts_before_a_wrong_or_missing_host():
    for host in (b"evil.example", None):
        answer = refused(host=host, authorization=b"Bearer x")
        assert answer == (403, "credential-sent-in-clear")


def test_what_counts_as_a_credential_can_be_chosen():
    made = HTTPS(hosts=HOSTS, credentials=[*CREDENTIALS, "Cookie", "?token"])
    assert refused(made, cookie=b"session=x") == (403, "credential-sent-in-clear")
    assert refused(made, query=b"token=x") == (403, "credential-sent-in-clear")
    assert location(cookie=b"session=x") is not None
    assert location(HTTPS(hosts=HOSTS, credentials=[]), authorization=b"x") is not None


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "WEBSOCKET"},
        {"upgrade": b"websocket", "connection": b"upgrade"},
        {"upgrade": b"h2c, WebSocket"},
    ],
)
def test_a_websocket_is_refused_unless_its_redirect_was_chosen(request_):
    assert refused(**request_) == (403, "wss-required")
    following = HTTPS(hosts=HOSTS, websockets="redirect", ports={8080: 8443})
    request_ = {**request_, "host": b"api.example.com:8080", "query": b"a=1"}
    assert location(following, **request_) == b"wss://api.example.com:8443/v1/orders?a=1"
    assert refused(following, **{**request_, "authorization": b"x"}) == (
        403,
        "credential-sent-in-clear",
    )


def test_another_upgrade_is_no_websocket():
    assert location(upgrade=b"h2c") == b"https://api.example.com/v1/orders"


# --- redirect= ---------------------------------------------------------------------------------

HTML = b"text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize(
    "headers",
    [
        {"accept": HTML},
        {"accept": b"application/json , TEXT/html;q=0.9"},
        {"upgrade_insecure_requests": b"1"},
        {"sec_fetch_mode": b"navigate", "accept": b"*/*"},
    ],
)
def test_browsers_that_open_a_page_are_redirected(headers):
    made = HTTPS(hosts=HOSTS, redirect="browsers")
    assert location(made, **headers) == b"https://api.example.com/v1/orders"
    response, _ = judge(made, **headers)
    assert header(response, b"vary") == b"accept, sec-fetch-mode, upgrade-insecure-requests"
    for name in headers:
        assert name.replace("_", "-").encode() in made.wants


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": b"*/*"},
        {"accept": b"application/json"},
        {"accept": b"text/html-sandboxed"},
        {"upgrade_insecure_requests": b"0"},
        {"sec_fetch_mode": b"cors", "accept": HTML, "upgrade_insecure_requests": b"1"},
        {"sec_fetch_mode": b"", "accept": HTML},
    ],
)
def test_programs_and_scripts_are_refused(headers):
    made = HTTPS(hosts=HOSTS, redirect="browsers")
    assert refused(made, **headers) == (403, "https-required")


@pytest.mark.parametrize(
    "request_", [{}, {"accept": HTML}, {"method": "HEAD"}, {"sec_fetch_mode": b"navigate"}]
)
def test_never_refuses_every_plain_request(request_):
    made = HTTPS(hosts=HOSTS, redirect="never")
    assert refused(made, **request_) == (403, "https-required")
    assert judge(made, scheme="https")[0] is None


# --- exempt= -----------------------------------------------------------------------------------

exempting = HTTPS(hosts=HOSTS, exempt=["/healthz", "/.well-known/acme-challenge/**"])


@pytest.mark.parametrize("path", ["/healthz", "/.well-known/acme-challenge/t0k3n"])
@pytest.mark.parametrize("host", [b"10.0.0.7:8080", b"evil.example", None, b"api.example.com"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "WEBSOCKET"])
def test_an_exempt_path_skips_redirect_and_host_check(path, host, method):
    response, decision = judge(exempting, path=path, host=host, method=method)
    assert response is None
    assert decision[:4] == ("https", "allow", "exempt", "exempt")


def test_an_exempt_path_skips_the_host_check_over_https():
    response, decision = judge(exempting, path="/healthz", scheme="https", host=b"10.0.0.7")
    assert response is None and decision.rule == "exempt"


def test_a_credential_in_clear_is_noted_on_an_exempt_path_too():
    response, decision = judge(exempting, path="/healthz", authorization=b"Bearer x")
    assert response is None
    assert decision[:4] == ("https", "allow", "exempt", "credential-sent-in-clear")
    _, decision = judge(
        exempting, path="/healthz", authorization=b"x", scheme="https", host=b"10.0.0.7"
    )
    assert decision.reason == "exempt"


@pytest.mark.parametrize(
    "path",
    [
        "/healthz/",
        "/healthz/x",
        "/healthzx",
        "/HEALTHZ",
        "/x/healthz",
        "/.well-known/acme-challenge",
        "/.well-known/acme-challengex",
        "/.well-known/",
    ],
)
def test_other_paths_are_not_exempt(path):
    assert refused(exempting, path=path, method="POST") == (403, "https-required")
    assert refused(exempting, path=path, host=b"evil.example") == (421, "unknown-host")


def test_the_decoded_path_below_the_mount_point_decides():
    """The raw path could tell another story than the one that the router hears."""
    made = {"path": "/v1/orders", "raw_path": b"/healthz", "method": "POST"}
    assert refused(exempting, **made) == (403, "https-required")
    assert judge(exempting, root="/api", path="/healthz", raw_path=b"/api/healthz")[0] is None


def test_everything_can_be_exempt_and_an_empty_list_exempts_nothing():
    assert judge(HTTPS(hosts=HOSTS, exempt=["/**"]), method="POST", host=None)[0] is None
    assert judge(HTTPS(hosts=HOSTS, exempt=["/"]), path="/")[0] is None
    assert judge(HTTPS(hosts=HOSTS, exempt=["/ü/"]), path="/ü/")[0] is None
    assert refused(HTTPS(hosts=HOSTS, exempt=["/"]), path="/a", method="POST")[0] == 403
    assert refused(HTTPS(hosts=HOSTS, exempt=[]), path="", raw_path=b"")[0] == 400


def test_the_layer_decides_by_path_only_where_paths_are_exempt():
    assert exempting.by_path is True
    assert layer.by_path is False


# --- HSTS --------------------------------------------------------------------------------------


class Head:
    """The part of a response head that the layer uses."""

    def __init__(self, *lines):
        self.lines = list(lines)

    def get(self, name):
        return next((value for key, value in self.lines if key == name), None)

    def remove(self, name):
        self.lines = [line for line in self.lines if line[0] != name]

    def set(self, name, value):
        self.remove(name)
        self.lines.append((name, value))


STS = b"strict-transport-security"
POLICY = b"max-age=63072000; includeSubDomains"


def after(made_layer, *lines, **request):
    head = Head(*lines)
    made_layer.on_response(exchange(**request), head)
    return head.lines


NAMES = ["api.example.com", "*.example.org"]
CONSTANT = [{"hosts": NAMES}, {"hosts": NAMES, "redirect": "never"}, {"hosts": ["a.example:8443"]}]
MIXED = [
    {"hosts": [*NAMES, "192.0.2.9"]},
    {"hosts": [*NAMES, "[2001:db8::1]:8443"]},
    {"hosts": NAMES, "exempt": ["/healthz"]},
    {"hosts": ANY_HOST},
]


@pytest.mark.parametrize("options", CONSTANT)
def test_where_all_that_passes_is_secure_and_named_hsts_is_constant(options):
    made = HTTPS(**options)
    assert made.constant_headers == ((STS, POLICY),)
    assert made.sets == made.edits_only == {STS}  # the hook is for apps that say it themselves


@pytest.mark.parametrize("options", MIXED)
def test_elsewhere_each_response_is_judged(options):
    made = HTTPS(**options)
    assert made.constant_headers == ()
    assert (made.sets, made.edits_only) == ({STS}, None)
    assert after(made, scheme="https") == [(STS, POLICY)]


@pytest.mark.parametrize("options", CONSTANT + MIXED)
def test_without_a_policy_nothing_is_set(options):
    made = HTTPS(**options, hsts=None)
    assert made.constant_headers == () and made.sets == frozenset()
    assert after(made, (STS, b"max-age=1"), scheme="http") == [(STS, b"max-age=1")]


@pytest.mark.parametrize(
    "request_",
    [
        {"scheme": "http"},
        {"scheme": "https", "host": b"192.0.2.9"},
        {"scheme": "https", "host": b"[2001:db8::1]"},
        {"scheme": "https", "host": b"evil.example"},
        {"scheme": "https", "host": None},
    ],
)
def test_no_hsts_in_clear_nor_for_addresses_nor_for_others(request_):
    """RFC 6797 section 7.2, and not even if the app says so."""
    made = HTTPS(hosts=HOSTS, exempt=["/**"])
    assert after(made, **request_) == []
    assert after(made, (STS, b"max-age=1"), (b"x", b"y"), **request_) == [(b"x", b"y")]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([(STS, b"max-age=1")], b"max-age=1"),
        ([(STS, b"max-age=1"), (b"x", b"y"), (STS, b"max-age=2")], b"max-age=1"),
        ([(STS, b"")], POLICY),
        ([], POLICY),
    ],
)
def test_exactly_one_line_leaves_and_the_apps_first_counts(lines, expected):
    made = HTTPS(hosts=HOSTS, exempt=["/healthz"])
    found = [line for line in after(made, *lines, scheme="https") if line[0] == STS]
    assert found == [(STS, expected)]


def test_the_policy_is_the_one_given():
    assert HTTPS(hosts=NAMES, hsts=HSTS(60, False)).constant_headers == ((STS, b"max-age=60"),)


# --- construction ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"redirect": "browser"}, "did you mean 'browsers'"),
        ({"redirect": True}, "use one of 'all', 'browsers', 'never'"),
        ({"websockets": "redirct"}, "did you mean 'redirect'"),
        ({"websockets": "redirect", "redirect": "never"}, "contradicts"),
        ({"status": 303}, "use 308, 307, 302 or 301"),
        ({"status": 308.0}, "use 308, 307, 302 or 301"),
        ({"hsts": True}, r"hsts= takes HSTS\(max_age=63072000\)"),
        ({"hsts": False}, "or None for none"),
        ({"ports": [8080]}, "takes a mapping"),
        ({"ports": {0: 443}}, "0, which is no port"),
        ({"ports": {8080: 65536}}, "65536, which is no port"),
        ({"ports": {8080: "8443"}}, "'8443', which is no port"),
        ({"ports": {True: 443}}, "True, which is no port"),
        ({"exempt": "/healthz"}, r"takes a list: exempt=\['/healthz'\]"),
        ({"credentials": "x-api-key"}, r"takes a list: credentials=\['x-api-key'\]"),
        ({"hosts": "api.example.com"}, r"hosts=\['api.example.com'\]"),
        *[
            ({"exempt": [pattern]}, "write a decoded path such as '/healthz'")
            for pattern in [
                "healthz", "", "**", "*", "/*", "/a*", "/a/**/b", "/a**", "/***", "/a%20b", "/a?b",
                "/a#b", "//a", "/a//**", "/../a", "/a/./b", "/a/..", "/.", "/a;b", "/a\\b", "/a\n",
                "/a b", b"/healthz", None,
            ]
        ],
        *[
            ({"credentials": [name]}, "write a header such as 'x-api-key'")
            for name in ["", "?", "x api", "x:y", "?a=b", "?a%20", "a\n", "é", b"cookie", None]
        ],
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_what_to_write(options, message):
    with pytest.raises(ConfigurationError, match=message):
        HTTPS(**{"hosts": HOSTS, **options})


def test_hosts_must_be_given():
    with pytest.raises(TypeError, match="hosts"):
        HTTPS()


def test_the_layer_wants_what_it_reads():
    names = {n.encode() for n in CREDENTIALS if not n.startswith("?")}
    assert layer.wants == names | {b"upgrade"}
    assert repr(layer) == "<HTTPS>"


def test_every_refusal_is_free_of_input():
    """No byte of host, target, header or query comes back in a refusal."""
    mark = "zqzq"
    hosts = [b"zqzq.example", b"api.example.com"]
    targets = [b"/zqzq", b"zqzq", b"/zqzq\\"]
    for host, raw, method in itertools.product(hosts, targets, ["GET", "POST"]):
        for extra in ({}, {"authorization": b"zqzq"}, {"upgrade": b"websocket zqzq"}):
            made = exchange(host=host, raw_path=raw, query=b"zqzq", method=method, **extra)
            response = layer.on_request(made)
            if response.status != 308:
                assert mark not in repr((response.headers, response.body, made.decisions))


def test_hostile_host_headers_never_reach_a_location():
    """Each is refused by the boundary, is not ours, or is ours to the letter."""
    seen = set()
    for char in [*string.printable, "\x00", "\x7f", "\xff"]:
        for shape in ("api.example.com{}evil.example", "{}api.example.com", "api.example.com{}"):
            value = shape.format(char).encode("latin-1")
            host = parse_host(value)
            if host is None:
                seen.add("malformed")
            elif host.name == "api.example.com":
                assert location(host=value) == b"https://api.example.com/v1/orders"
                seen.add("ours")
            else:
                assert refused(host=value) == (421, "unknown-host")
                seen.add("unknown")
    assert seen == {"malformed", "ours", "unknown"}
