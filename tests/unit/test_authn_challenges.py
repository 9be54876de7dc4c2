"""`WWW-Authenticate` and the metadata of a protected resource."""

from __future__ import annotations

import json
import re

import pytest

from authn_support import AUDIENCE, ISSUER, Clock, bearer, jwks, send, sign
from ringwall import (
    JWT,
    APIKey,
    Authentication,
    Authorization,
    ConfigurationError,
    Stack,
    allow,
    generate_api_key,
    role,
    scope,
)
from ringwall.authn import ProtectedResource

KEY, RECORD = generate_api_key("alice", scopes=["orders:read"], expires_in=None)
JWT_SCHEME = JWT(ISSUER, AUDIENCE, keys=jwks("rsa"), clock=Clock())
WELL_KNOWN = "/.well-known/oauth-protected-resource"
RESOURCE = ProtectedResource("https://api.example.com/v1", scopes=["orders:read", "orders:write"])
LAYER = Authentication(JWT_SCHEME, APIKey([RECORD]), resource=RESOURCE)
URL = "https://api.example.com/.well-known/oauth-protected-resource/v1"


def api_key(key=KEY):
    return b"authorization", f"ApiKey {key}".encode()


# The grammar of RFC 9110, sections 5.6, 11.3 and 11.6.1
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"'
_PARAM = rf"({_TOKEN})[ \t]*=[ \t]*({_TOKEN}|{_QUOTED})"


def challenges(value):
    """The challenges in a header, by the grammar; anything else fails."""
    found, rest = [], value
    while rest:
        begin = re.match(rf"({_TOKEN})(?: +|\Z)", rest)
        assert begin, f"no challenge begins here: {rest!r}"
        parameters, rest = {}, rest[begin.end() :]
        while rest:
            parameter = re.match(_PARAM, rest)
            if not parameter:
                break
            name, text = parameter.groups()
            assert name.lower() not in parameters, "a parameter occurs once (section 11.2)"
            parameters[name.lower()] = text.strip('"')
            rest = rest[parameter.end() :]
            comma = re.match(r"[ \t]*,[ \t]*", rest)
            if not comma:
                assert not rest, f"no comma: {rest!r}"
                break
            rest = rest[comma.end() :]
            assert rest, "a list does not end with a comma"
        found.append((begin[1], parameters))
    return found


@pytest.mark.parametrize(
    ("headers", "status", "errors"),
    [
        ([], 401, [None, None]),
        ([(b"authorization", b"Digest x")], 401, [None, None]),
        ([bearer(b"x.y.z")], 401, ["invalid_token", None]),
        ([api_key("x")], 401, [None, "invalid_token"]),
        ([bearer(b"")], 400, ["invalid_request", "invalid_request"]),
        ([bearer(b"x"), bearer(b"y")], 400, ["invalid_request", "invalid_request"]),
    ],
)
def test_every_refusal_has_one_list_of_challenges(headers, status, errors):
    answer = send(LAYER, *headers)
    assert (answer.status, answer.principal) == (status, False)
    found = challenges(answer.headers["www-authenticate"])
    assert [name for name, _ in found] == ["Bearer", "ApiKey"]
    assert [parameters.get("error") for _, parameters in found] == errors
    for _, parameters in found:
        assert parameters["realm"] == "api"
        assert ("error" in parameters) == ("error_description" in parameters)
    assert found[0][1]["resource_metadata"] == URL
    assert "resource_metadata" not in found[1][1], "a thing of OAuth alone"


# Authorization refuses, authentication has the words

GUARDED = Authorization(
    allow("GET", "/v1/orders", scope("orders:admin")),
    allow("GET", "/v1/admin", role("admin")),
)


@pytest.mark.parametrize("nested", [False, True])
def test_a_lack_of_scope_is_told_by_the_challenge_of_the_scheme(nested):
    stack = Stack(LAYER, GUARDED)
    if nested:

        class Nested:
            def asgi(self, app):
                return LAYER.asgi(GUARDED.asgi(app))

            def wsgi(self, app):
                return LAYER.wsgi(GUARDED.wsgi(app))

        stack = Nested()
    answer = send(stack, bearer(sign()), path="/v1/orders")
    assert (answer.status, answer.principal) == (403, False)
    ((name, parameters),) = challenges(answer.headers["www-authenticate"])
    assert (name, parameters["error"]) == ("Bearer", "insufficient_scope")
    assert (parameters["scope"], parameters["realm"]) == ("orders:admin", "api")
    assert parameters["resource_metadata"] == URL
    answer = send(stack, api_key(), path="/v1/orders")
    assert (answer.status, answer.principal) == (403, False)
    assert "www-authenticate" not in answer.headers
    answer = send(stack, bearer(sign()), path="/v1/admin")
    assert (answer.status, answer.headers.get("www-authenticate")) == (403, None)


def test_who_is_anonymous_is_told_of_every_scheme():
    layer = Authentication(JWT_SCHEME, APIKey([RECORD]), optional=True)
    answer = send(Stack(layer, GUARDED), path="/v1/orders")
    assert (answer.status, answer.principal) == (401, False)
    assert answer.headers["www-authenticate"] == 'Bearer realm="api", ApiKey realm="api"'
    answer = send(GUARDED)
    assert answer.headers["www-authenticate"] == "Bearer", "alone it has words of its own"


def test_a_scheme_that_left_no_challenge_gets_none():
    words = Authentication(APIKey([RECORD])).challenges
    assert words.insufficient_scope("bearer", "a") is None
    assert LAYER.challenges.insufficient_scope("bearer", 'a"b') is None


# RFC 9728


def test_the_metadata_is_served_to_everybody():
    for headers in ([], [bearer(b"x.y.z")], [api_key("x")], [bearer(b"x"), bearer(b"y")]):
        answer = send(LAYER, *headers, path=WELL_KNOWN + "/v1")
        assert (answer.status, answer.principal) == (200, False)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert json.loads(answer.body) == {
            "resource": "https://api.example.com/v1",
            "authorization_servers": [ISSUER],
            "scopes_supported": ["orders:read", "orders:write"],
            "bearer_methods_supported": ["header"],
        }
    head = send(LAYER, path=WELL_KNOWN + "/v1", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    answer = send(LAYER, path=WELL_KNOWN + "/v1", method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.principal is False


@pytest.mark.parametrize("path", [WELL_KNOWN, WELL_KNOWN + "/", WELL_KNOWN + "/v1/", "/v1", "/x"])
def test_beside_its_path_there_is_none(path):
    answer = send(LAYER, path=path)
    assert (answer.status, answer.code) == (401, "missing-credentials")


@pytest.mark.parametrize("path", ["/" + WELL_KNOWN + "/v1", "/x/.." + WELL_KNOWN + "/v1"])
def test_odd_paths_are_refused(path):
    assert send(LAYER, path=path, sides="a").status == 400


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("https://api.example.com", WELL_KNOWN),
        ("https://api.example.com/", WELL_KNOWN),
        ("https://api.example.com:8443/a/b/", WELL_KNOWN + "/a/b"),
        ("http://localhost:8000", WELL_KNOWN),
    ],
)
def test_the_well_known_path_is_inserted_before_the_path(resource, path):
    layer = Authentication(JWT_SCHEME, resource=resource)
    answer = send(layer, path=path)
    assert json.loads(answer.body)["resource"] == resource
    ((_, parameters),) = challenges(send(layer).headers["www-authenticate"])
    assert parameters["resource_metadata"] == re.match(r"\w+://[^/]+", resource)[0] + path


def test_metadata_of_ones_own():
    resource = ProtectedResource(
        "https://api.example.com",
        authorization_servers=["https://a.example"],
        documentation="https://docs.example.com",
        members={"dpop_bound_access_tokens_required": True},
    )
    assert repr(resource) == "<ProtectedResource https://api.example.com>"
    document = json.loads(resource.response([ISSUER]).body)
    assert document["authorization_servers"] == ["https://a.example"]
    assert document["resource_documentation"] == "https://docs.example.com"
    assert document["dpop_bound_access_tokens_required"] is True
    layer = Authentication(APIKey([RECORD]), resource=ProtectedResource("https://x.example"))
    assert "authorization_servers" not in json.loads(send(layer, path=WELL_KNOWN).body)


def test_the_metadata_stays_exempt_where_credentials_are_stripped():
    layer = Authentication(JWT_SCHEME, resource=RESOURCE, strip=True)
    assert send(layer, bearer(b"x"), path=WELL_KNOWN + "/v1").status == 200


@pytest.mark.parametrize(
    ("resource", "options", "message"),
    [
        ("http://api.example.com", {}, "https URL"),
        ("api.example.com", {}, "https URL"),
        ("https://api.example.com?x", {}, "https URL"),
        ("https://api.example.com#x", {}, "https URL"),
        ("https://user@api.example.com", {}, "https URL"),
        ('https://api.example.com/"', {}, "https URL"),
        (5, {}, "https URL"),
        ("https://a.example", {"scopes": "a"}, r"scopes=\['a'\]"),
        ("https://a.example", {"authorization_servers": "https://x"}, "is a list"),
        ("https://a.example", {"members": {"x": object()}}, "no JSON"),
    ],
)
def test_bad_resources_say_what_to_write(resource, options, message):
    with pytest.raises(ConfigurationError, match=message):
        ProtectedResource(resource, **options).response([])
