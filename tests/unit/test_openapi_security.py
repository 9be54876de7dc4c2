"""What a stack asks and answers, in an OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest

from ringwall import (
    HTTPS,
    JWT,
    APIKey,
    Authentication,
    Authorization,
    BodyValidation,
    Introspection,
    RateLimit,
    Stack,
    allow,
    generate_api_key,
    public,
    scope,
)
from ringwall.authn import Scheme
from ringwall.description import access, hosts_of, layers_of, schemes_of, security_schemes
from ringwall.openapi_security import secure_document

_, RECORD = generate_api_key("alice")
ISSUER = "https://id.example.com"


def jwt(issuer: str = ISSUER, **options: Any) -> JWT:
    return JWT(issuer, "https://api.example.com", keys=f"{issuer}/keys", **options)


class Basic(Scheme):
    name = "Basic"


def test_each_scheme_has_its_object() -> None:
    stack = Stack(
        HTTPS(hosts=["api.example.com"]),
        Authentication(
            jwt(), jwt("https://other.example.com"), APIKey([RECORD]), Basic(),
            jwt(header="x-assertion"),
        ),
    )  # fmt: skip
    assert security_schemes(stack) == {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "apikey": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`ApiKey`, a space, and the key.",
        },
        "basic": {"type": "http", "scheme": "basic"},
        "x-assertion": {"type": "apiKey", "in": "header", "name": "x-assertion"},
    }


def test_one_issuer_is_named_and_opaque_tokens_are_no_jwt() -> None:
    described = security_schemes(Stack(Authentication(jwt())))["bearer"]
    assert described["description"] == f"Tokens of {ISSUER}."
    opaque = Introspection(f"{ISSUER}/introspect", "api", client_id="a", client_secret="b")
    assert "bearerFormat" not in security_schemes(Stack(Authentication(opaque)))["bearer"]


def test_an_issuer_that_is_discovered_is_one_of_openid_connect() -> None:
    stack = Stack(Authentication(JWT(f"{ISSUER}/", "https://api.example.com")))
    assert security_schemes(stack) == {
        "oidc": {
            "type": "openIdConnect",
            "openIdConnectUrl": f"{ISSUER}/.well-known/openid-configuration",
        }
    }


def test_a_scheme_that_follows_the_contract_in_its_own_way_is_described_as_it_says() -> None:
    class Bound(Scheme):
        def __init__(self) -> None:
            self.authenticate = lambda credential, exchange: self.failures[0]  # type: ignore

    stack = Stack(Authentication(Bound()))
    assert [*security_schemes(stack)] == ["bearer"]
    assert len(schemes_of(stack)) == 1


STACK = Stack(
    RateLimit("5/minute"),
    Authentication(APIKey([RECORD]), exempt=["/healthz"]),
    Authorization(
        public("GET", "/healthz"),
        allow("GET", "/orders/{order_id:int}", scope("orders:read")),
        allow("GET", "/files/{id:uuid}"),
        allow("POST", "/orders", scope("orders:write")),
    ),
    BodyValidation({"POST /orders": {"type": "object"}}),
)
OPTIONAL = Stack(Authentication(APIKey([RECORD]), optional=True))


@pytest.mark.parametrize(
    ("stack", "method", "path", "expected"),
    [
        (STACK, "GET", "/healthz", ("none", (), (429,))),
        (STACK, "GET", "/orders/1", ("required", ("orders:read",), (401, 403, 429))),
        (STACK, "GET", "/closed", ("required", (), (401, 403, 429))),
        (
            STACK, "POST", "/orders",
            ("required", ("orders:write",), (400, 401, 403, 413, 415, 422, 429)),
        ),
        (OPTIONAL, "GET", "/orders/1", ("optional", (), (401,))),
        (Stack(RateLimit("5/minute")), "GET", "/", ("none", (), (429,))),
    ],
)  # fmt: skip
def test_what_an_operation_asks(stack: Stack, method: str, path: str, expected: Any) -> None:
    assert access(stack, method, path) == expected


def test_layers_and_hosts_can_be_told() -> None:
    wall = HTTPS(hosts=["api.example.com", "*.example.org", "example.net:8443"])
    stack = Stack(RateLimit("5/minute"), wall)
    assert layers_of(stack, "https") == (wall,)
    assert hosts_of(stack) == {"api.example.com", "*.example.org", "example.net"}


def document() -> dict[str, Any]:
    integer, uuid = {"type": "integer"}, {"type": "string", "format": "uuid"}
    own = {"description": "mine"}
    stale = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Old"}}}}
    return {
        "paths": {
            "/orders/{order_id}": {
                "parameters": [],
                "get": {
                    "parameters": [{"name": "order_id", "in": "path", "schema": integer}],
                    "responses": {"200": {}, "403": own, "422": stale},
                    "security": [{"ringwall-require": ["a"]}, {"cookie": []}],
                },
            },
            "/files/{id}": {
                "get": {"parameters": [{"name": "id", "in": "path", "schema": uuid}]},
                "post": None,
            },
            "/healthz": {"get": {"security": [{"ringwall-limit": []}], "responses": {"200": {}}}},
            "/orders": {"post": {"responses": {"422": own}}},
        },
        "components": {
            "securitySchemes": {"ringwall-require": {}, "cookie": {"type": "apiKey"}},
            "schemas": {"Old": {}, "Order": {}},
        },
    }


def test_the_document_tells_all_of_it() -> None:
    secured = secure_document(document(), STACK, stale=("Old",))
    get = secured["paths"]["/orders/{order_id}"]["get"]
    assert get["security"] == [{"cookie": []}, {"apikey": ["orders:read", "a"]}]
    assert get["responses"]["403"] == {"description": "mine"}
    assert get["responses"]["401"] == {"$ref": "#/components/responses/ProblemUnauthorized"}
    assert get["responses"]["422"]["$ref"].startswith("#/components/responses/Problem")
    assert secured["paths"]["/files/{id}"]["get"]["security"] == [{"apikey": []}]
    healthz = secured["paths"]["/healthz"]["get"]
    assert "security" not in healthz
    assert set(healthz["responses"]) == {"200", "429"}
    assert secured["paths"]["/orders"]["post"]["responses"]["422"] == {"description": "mine"}
    components = secured["components"]
    assert set(components["securitySchemes"]) == {"cookie", "apikey"}
    assert set(components["schemas"]) == {"Order", "Problem"}
    limited = components["responses"]["ProblemTooManyRequests"]
    assert "Retry-After" in limited["headers"]
    assert list(limited["content"]) == ["application/problem+json"]


def test_every_reference_leads_somewhere() -> None:
    secured = secure_document(document(), STACK)
    responses = secured["components"]["responses"]
    for item in secured["paths"].values():
        for operation in item.values():
            for response in operation.get("responses", {}).values() if operation else ():
                if response.get("$ref"):
                    assert response["$ref"].rpartition("/")[2] in responses


def test_what_the_app_still_refers_to_stays() -> None:
    used = document()
    used["paths"]["/files/{id}"]["get"]["responses"] = {
        "409": used["paths"]["/orders/{order_id}"]["get"]["responses"]["422"]
    }
    secured = secure_document(used, STACK, stale=("Old",))
    assert "Old" in secured["components"]["schemas"]


def test_optional_credentials_are_an_alternative_to_none() -> None:
    secured = secure_document({"paths": {"/": {"get": {}}}}, OPTIONAL)
    assert secured["paths"]["/"]["get"]["security"] == [{}, {"apikey": []}]


def test_a_requirement_of_its_own_outweighs_the_stack() -> None:
    marked = {"get": {"security": [{"ringwall-require a": []}]}}
    secured = secure_document({"paths": {"/": marked}}, OPTIONAL)
    assert secured["paths"]["/"]["get"]["security"] == [{"apikey": ["a"]}]
    assert set(secured["paths"]["/"]["get"]["responses"]) == {"401", "403"}


def test_a_document_without_anything_to_say_stays_nearly_as_it_is() -> None:
    secured = secure_document({"openapi": "3.1.0"}, Stack(HTTPS(hosts=["api.example.com"])))
    assert secured == {"openapi": "3.1.0", "components": {}}
