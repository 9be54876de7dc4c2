"""The decisions of the CORS layer, its hooks called directly."""

from __future__ import annotations

import pytest

from cors_support import APP, EVIL, ask, judge
from https_support import code, header
from ringwall._errors import ConfigurationError
from ringwall.cors import CORS

layer = CORS([APP, "https://*.example.org"], credentials=True, expose=["ETag", "X-Total"])


# --- preflights --------------------------------------------------------------------------------


def test_a_preflight_is_answered_with_what_is_allowed():
    response, decision = ask(layer, access_control_request_headers="authorization,content-type")
    assert (response.status, response.body) == (204, b"")
    assert dict(response.headers) == {
        b"access-control-allow-origin": b"https://app.example.com",
        b"access-control-allow-credentials": b"true",
        b"access-control-allow-methods": b"GET, HEAD, POST, PUT, PATCH, DELETE",
        b"access-control-allow-headers": b"Authorization, Content-Type",
        b"access-control-max-age": b"600",
        b"vary": b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    assert decision[:4] == ("cors", "allow", "preflight", "preflight-answered")


def test_a_204_has_no_content_length():
    """RFC 9110 section 8.6."""
    assert header(ask(layer)[0], b"content-length") is None


def test_a_preflight_says_what_was_configured():
    made = CORS([APP], methods=["PURGE"], headers=["X-Api-Key"], max_age=0)
    response, decision = ask(made, method="PURGE", access_control_request_headers="x-api-key")
    assert header(response, b"access-control-allow-methods") == b"PURGE"
    assert header(response, b"access-control-allow-headers") == b"X-Api-Key"
    assert header(response, b"access-control-max-age") == b"0"
    assert header(response, b"access-control-allow-credentials") is None
    assert decision.outcome == "allow"


def test_where_nothing_is_configured_there_is_no_empty_line():
    response, decision = ask(CORS([APP], methods=[], headers=[]), method="POST")
    names = [name for name, _ in response.headers]
    assert b"access-control-allow-methods" not in names
    assert b"access-control-allow-headers" not in names
    assert decision.outcome == "allow"


@pytest.mark.parametrize("origin", ["https://a.example.org", "https://b-2.example.org"])
def test_a_preflight_from_a_subdomain_names_that_subdomain(origin):
    response, _ = ask(layer, origin=origin)
    assert header(response, b"access-control-allow-origin") == origin.encode()


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "", "https://a.b.example.org", f"{APP}, {EVIL}", "https://app.example"]
)
def test_a_preflight_from_a_foreign_origin_is_refused_without_cors_headers(origin):
    response, decision = ask(layer, origin=origin)
    assert (response.status, code(response)) == (403, "foreign-origin")
    assert decision[:4] == ("cors", "deny", "preflight", "foreign-origin")
    assert not any(name.startswith(b"access-control-") for name, _ in response.headers)
    assert header(response, b"vary").startswith(b"Origin, Access-Control-Request-Method")
    assert origin == "" or origin.encode() not in response.body


@pytest.mark.parametrize(
    ("method", "headers", "reason"),
    [
        ("GET", "", "preflight-answered"),
        ("POST", "accept, Accept-Language ,content-language,range", "preflight-answered"),
        ("DELETE", "AUTHORIZATION\t,Content-Type", "preflight-answered"),
        ("PURGE", "", "method-not-allowed"),
        ("put", "", "method-not-allowed"),
        ("", "", "method-not-allowed"),
        ("GET, PUT", "", "method-not-allowed"),
        ("PUT", "x-other", "header-not-allowed"),
        ("PUT", "authorization, x-other", "header-not-allowed"),
        ("PUT", "authorization,,content-type", "header-not-allowed"),
        ("PUT", "authorization content-type", "header-not-allowed"),
        ("PUT", "*", "header-not-allowed"),
    ],
)
def test_the_answer_is_the_same_whatever_is_asked_for(method, headers, reason):
    """The browser judges by the lists, and tells the developer which one it was."""
    response, decision = ask(layer, method=method, access_control_request_headers=headers)
    assert response is ask(layer)[0]
    assert decision.reason == reason
    assert decision.outcome == ("allow" if reason == "preflight-answered" else "deny")


def test_a_long_list_of_headers_is_judged_in_linear_time():
    names = "a," * 500_000
    assert ask(layer, access_control_request_headers=names)[1].reason == "header-not-allowed"


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("origin", [APP, "https://a.example.org"])
def test_a_private_network_is_opened_only_on_request_and_by_configuration(origin, allowed):
    made = CORS([APP, "https://*.example.org"], private_network=allowed)
    name = b"access-control-allow-private-network"
    response, decision = ask(made, origin=origin, access_control_request_private_network="true")
    assert response.status == 204
    assert header(response, name) == (b"true" if allowed else None)
    assert decision.reason == ("preflight-answered" if allowed else "private-network-not-allowed")
    assert header(ask(made, origin=origin)[0], name) is None


@pytest.mark.parametrize(
    ("method", "origin", "headers"),
    [
        ("OPTIONS", APP, {}),
        ("OPTIONS", None, {"access_control_request_method": "PUT"}),
        ("GET", APP, {"access_control_request_method": "PUT"}),
        ("POST", EVIL, {"access_control_request_method": "PUT"}),
    ],
)
def test_what_is_no_preflight_is_for_the_app(method, origin, headers):
    response, decision = judge(layer, method, origin=origin, **headers)
    assert response is None
    assert decision.outcome == "allow"


# --- actual requests ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("origin", "reason"),
    [(None, "no-origin"), (APP, "allowed-origin"), ("https://a.example.org", "allowed-origin")],
)
@pytest.mark.parametrize("foreign_writes", ["pass", "refuse"])
def test_allowed_origins_and_programs_pass(method, origin, reason, foreign_writes):
    made = CORS([APP, "https://*.example.org"], foreign_writes=foreign_writes)
    response, decision = judge(made, method, origin=origin)
    assert response is None
    assert decision[:4] == ("cors", "allow", "origins", reason)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("origin", [EVIL, "null"])
def test_foreign_requests_pass_as_they_would_without_cors(method, origin):
    response, decision = judge(layer, method, origin=origin)
    assert response is None
    assert decision[:4] == ("cors", "allow", "origins", "foreign-origin")


@pytest.mark.parametrize("origin", [EVIL, "null", "", f"{APP}, {EVIL}"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"])
def test_foreign_writes_are_refused_on_request(method, origin):
    """Cross-site request forgery: a form of another site posts with the user's cookies."""
    made = CORS([APP], foreign_writes="refuse")
    response, decision = judge(made, method, origin=origin)
    assert (response.status, code(response)) == (403, "foreign-origin")
    assert decision[:4] == ("cors", "deny", "writes", "foreign-origin")
    assert header(response, b"vary") == b"Origin"
    assert not any(name.startswith(b"access-control-") for name, _ in response.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_foreign_reads_pass_where_writes_are_refused(method):
    assert judge(CORS([APP], foreign_writes="refuse"), method, origin=EVIL)[0] is None


def test_a_write_is_no_handshake_whatever_it_says():
    """An `Upgrade` header must not lead around the check for writes."""
    made = CORS([APP], foreign_writes="refuse", websockets=["*"])
    response, decision = judge(made, "POST", origin=EVIL, upgrade="websocket")
    assert response.status == 403
    assert decision.rule == "writes"


# --- websockets --------------------------------------------------------------------------------

HANDSHAKES = [
    ("WEBSOCKET", {}),
    ("GET", {"upgrade": "WebSocket"}),
    ("GET", {"upgrade": "h2c, websocket"}),
]


@pytest.mark.parametrize(("method", "headers"), HANDSHAKES)
@pytest.mark.parametrize("origin", [APP, "https://a.example.org"])
def test_pages_of_allowed_origins_open_websockets(method, headers, origin):
    response, decision = judge(layer, method, origin=origin, **headers)
    assert response is None
    assert decision[:4] == ("cors", "allow", "websockets", "allowed-origin")


@pytest.mark.parametrize(("method", "headers"), HANDSHAKES)
@pytest.mark.parametrize(
    "origin", [EVIL, "null", "", "https://app.example.com.evil.example", f"{APP}, {EVIL}"]
)
def test_a_handshake_from_a_foreign_page_is_refused(method, headers, origin):
    """Cross-site websocket hijacking: browsers send cookies, and CORS does not hold them back."""
    response, decision = judge(layer, method, origin=origin, **headers)
    assert (response.status, code(response)) == (403, "foreign-origin")
    assert decision[:4] == ("cors", "deny", "websockets", "foreign-origin")


@pytest.mark.parametrize(("method", "headers"), HANDSHAKES)
def test_a_handshake_without_origin_comes_from_no_browser(method, headers):
    assert judge(layer, method, origin=None, **headers)[0] is None


def test_websockets_may_have_origins_of_their_own():
    made = CORS([APP], websockets=["https://live.example.com"])
    assert judge(made, "WEBSOCKET", origin="https://live.example.com")[0] is None
    assert judge(made, "WEBSOCKET", origin=APP)[0].status == 403
    assert judge(CORS([APP], websockets=[]), "WEBSOCKET", origin=APP)[0].status == 403


def test_a_public_api_opens_no_websockets_unless_told_to():
    """`*` is safe for responses without credentials, but a websocket comes with cookies."""
    assert judge(CORS(["*"]), "WEBSOCKET", origin=APP)[0].status == 403
    made = CORS(["*"], websockets=["*"])
    assert judge(made, "WEBSOCKET", origin=EVIL)[0] is None
    assert judge(made, "WEBSOCKET", origin="null")[0].status == 403


# --- everybody ---------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [APP, EVIL, "null"])
def test_a_public_api_answers_everybody_alike(origin):
    response, decision = ask(CORS(["*"]), origin=origin)
    assert response.status == 204
    assert header(response, b"access-control-allow-origin") == b"*"
    assert header(response, b"access-control-allow-credentials") is None
    assert decision.outcome == "allow"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"credentials": True}, "would let every website read"),
        ({"private_network": True}, "would open your network"),
        ({"foreign_writes": "refuse"}, "to which nobody is foreign"),
    ],
)
def test_a_public_api_cannot_have_secrets(options, message):
    with pytest.raises(ConfigurationError, match=message):
        CORS(["*"], **options)


# --- construction ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"credentials": 1}, "credentials= takes True or False"),
        ({"private_network": "yes"}, "private_network= takes True or False"),
        ({"max_age": True}, "max_age= takes seconds"),
        ({"max_age": -1}, "max_age= takes seconds"),
        ({"max_age": 86_401}, "max_age= takes seconds"),
        ({"max_age": 600.0}, "max_age= takes seconds"),
        ({"foreign_writes": "refused"}, "did you mean 'refuse'"),
        ({"methods": "PUT"}, r"methods=\['PUT'\]"),
        ({"methods": ["put"]}, "write 'PUT'"),
        ({"methods": ["*"]}, "does not mean what it says"),
        ({"methods": ["TRACE"]}, "no browser sends"),
        ({"methods": ["P\r\nUT"]}, "which is no name"),
        ({"methods": [None]}, "takes strings"),
        ({"headers": "X-Api-Key"}, "takes a list"),
        ({"headers": ["*"]}, "never covers Authorization"),
        ({"headers": ["X Api"]}, "which is no name"),
        ({"headers": [""]}, "which is no name"),
        ({"headers": ["X-Clé"]}, "which is no name"),
        ({"expose": ["*"]}, "does not mean what it says"),
        ({"expose": ["a\nb"]}, "which is no name"),
        ({"expose": 1}, "takes a list"),
        ({"websockets": "https://app.example.com"}, "takes a list"),
        ({"websockets": ["null"]}, "websockets= holds 'null'"),
        ({"websockets": ["*", APP]}, "beside other origins"),
        ({"websockets": ["wss://app.example.com"]}, "write 'https://app.example.com'"),
    ],
)
def test_what_cannot_work_does_not_construct(options, message):
    with pytest.raises(ConfigurationError, match=message):
        CORS([APP], **options)


def test_the_repr_shows_no_configuration():
    assert repr(layer) == "<CORS>"
