"""What is set for single routes, and the ways in which answers may differ."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from openapi_support import document
from ringwall import BodyValidation, ConfigurationError
from validation_support import GOOD, JSON, ORDER, ask

INTERFACES = ("asgi", "wsgi")
ROUTE = "POST /v1/orders"
SCHEMAS = {ROUTE: ORDER, "PUT /v1/orders": ORDER}
GZIP, DEFLATE = ("content-encoding", "gzip"), ("content-encoding", "deflate")


def packed(data: bytes) -> bytes:
    """Always the same bytes: they are in the names of tests."""
    return gzip.compress(data, mtime=0)


BAD = b'{"item": "kettle", "quantity": 0}'


@pytest.mark.parametrize("interface", INTERFACES)
def test_the_most_particular_limit_wins(interface: str) -> None:
    layer = BodyValidation(
        {ROUTE: True, "PUT /v1/orders": True},
        limit=10,
        media_types=["application/json", "application/x+json"],
        limits={ROUTE: 20, "application/x+json": 30, f"{ROUTE} application/x+json": "40 B"},
    )
    other = ("content-type", "application/x+json")
    for method, kind, limit in (
        ("PUT", JSON, 10), ("POST", JSON, 20), ("PUT", other, 30), ("POST", other, 40)
    ):  # fmt: skip
        body = b"1" + b" " * (limit - 1)
        assert ask(layer, interface, body, method=method, headers=[kind]).status == 200
        answer = ask(layer, interface, body + b" ", method=method, headers=[kind])
        assert answer.refused(413, "body-too-large")


@pytest.mark.parametrize("interface", INTERFACES)
def test_media_types_by_route(interface: str) -> None:
    layer = BodyValidation(SCHEMAS, media_types={ROUTE: ["application/x+json"]})
    assert ask(layer, interface, GOOD, method="PUT").called
    assert ask(layer, interface, GOOD).refused(415, "unsupported-media-type")


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_check_of_the_users_own(interface: str) -> None:
    def check(order: Any) -> Any:
        if order["quantity"] == 13:
            return "Thirteen is not sold."
        if order["quantity"] == 14:
            return [{"pointer": "#/quantity", "code": "stock", "detail": "Not in stock."}]
        if order["quantity"] == 15:
            raise RuntimeError("the check is broken")
        return None

    layer = BodyValidation(SCHEMAS, checks={ROUTE: check})
    body = b'{"item": "kettle", "quantity": %d}'
    assert ask(layer, interface, body % 12).called
    answer = ask(layer, interface, body % 13)
    assert answer.refused(422, "invalid-body")
    assert answer.problem["errors"] == [
        {"pointer": "#", "code": "check", "detail": "Thirteen is not sold."}
    ]
    answer = ask(layer, interface, body % 14)
    assert answer.problem["errors"][0]["code"] == "stock" and not answer.called
    assert ask(layer, interface, body % 15).refused(500, "internal-error")
    assert ask(layer, interface, body % 13, method="PUT").called


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_check_that_fails_is_not_asked_again(interface: str) -> None:
    """What it fails with is its own affair, and it may answer otherwise the second time."""
    asked: list[Any] = []

    def check(order: Any) -> None:
        asked.append(order)
        if len(asked) == 1:
            raise KeyError("s3cret")

    layer = BodyValidation(SCHEMAS, checks={ROUTE: check}, codings=["gzip"])
    answer = ask(layer, interface, packed(GOOD), headers=[JSON, GZIP])
    assert answer.refused(500, "internal-error")
    assert len(asked) == 1


@pytest.mark.parametrize("interface", INTERFACES)
def test_shadow_reports_and_lets_pass(interface: str) -> None:
    layer = BodyValidation(SCHEMAS, shadow=[ROUTE])
    answer = ask(layer, interface, BAD)
    assert answer.called and answer.seen == BAD
    (decision,) = answer.decisions
    assert (decision.outcome, decision.reason) == ("allow", "would-deny-invalid-body")
    answer = ask(layer, interface, b"x" * 2_000_000, length=None)
    assert answer.seen == b"x" * 2_000_000
    assert answer.decisions[0].reason == "would-deny-body-too-large"
    assert not ask(layer, interface, BAD, method="PUT").called


@pytest.mark.parametrize("interface", INTERFACES)
def test_shadow_of_everything_lets_undeclared_bodies_pass(interface: str) -> None:
    layer = BodyValidation(SCHEMAS, shadow=True)
    answer = ask(layer, interface, BAD, path="/elsewhere")
    assert answer.seen == BAD
    assert answer.decisions[0].reason == "would-deny-undeclared-body"
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/v1/orders": {"get": {"responses": {}}}},
    }
    layer = BodyValidation(openapi=document, shadow=True)
    for path, reason in (("/elsewhere", "not-found"), ("/v1/orders", "method-not-allowed")):
        answer = ask(layer, interface, BAD, path=path)
        assert answer.seen == BAD
        assert answer.decisions[0].reason == f"would-deny-{reason}"


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (GZIP, packed(GOOD)),
        (DEFLATE, zlib.compress(GOOD)),
        (("content-encoding", "GZip"), packed(GOOD)),
    ],
)
def test_a_coding_is_undone_for_the_app(interface: str, coding: Any, body: bytes) -> None:
    layer = BodyValidation(SCHEMAS, codings=["gzip", "deflate"])
    answer = ask(layer, interface, body, headers=[JSON, coding])
    assert answer.seen == GOOD
    assert answer.value == {"item": "kettle", "quantity": 1}


BOMB = packed(b'"' + b"x" * 50_000_000)


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    ("coding", "body", "status", "code"),
    [
        ("gzip", BOMB, 413, "body-too-large"),
        ("gzip", packed(GOOD)[:-4], 400, "malformed-content-coding"),
        ("gzip", packed(GOOD) + b"x", 400, "malformed-content-coding"),
        ("gzip", packed(GOOD) * 2, 400, "malformed-content-coding"),
        ("gzip", GOOD, 400, "malformed-content-coding"),
        ("gzip", packed(packed(GOOD)), 400, "malformed-json"),
        ("gzip", packed(BAD), 422, "invalid-body"),
        ("gzip, gzip", packed(GOOD), 415, "unsupported-content-encoding"),
        ("br", GOOD, 415, "unsupported-content-encoding"),
        ("deflate", zlib.compress(GOOD), 415, "unsupported-content-encoding"),
    ],
)
def test_a_coded_body_is_refused(
    interface: str, coding: str, body: bytes, status: int, code: str
) -> None:
    layer = BodyValidation(SCHEMAS, codings=["gzip"])
    answer = ask(layer, interface, body, headers=[JSON, ("content-encoding", coding)])
    assert answer.refused(status, code)


def test_without_the_option_a_coding_is_refused() -> None:
    answer = ask(BodyValidation(SCHEMAS), "asgi", packed(GOOD), headers=[JSON, GZIP])
    assert answer.refused(415, "unsupported-content-encoding")
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_length_can_be_required(interface: str) -> None:
    layer = BodyValidation(SCHEMAS, require_length=True)
    assert ask(layer, interface, GOOD, length=None).refused(411, "length-required")
    assert ask(layer, interface, GOOD).called


@pytest.mark.parametrize("interface", INTERFACES)
def test_answers_in_other_words(interface: str) -> None:
    def translate(code: str, detail: str, language: str | None) -> str:
        return f"{language}: {code}"

    layer = BodyValidation(SCHEMAS, translate=translate)
    german = ("accept-language", "de")
    answer = ask(layer, interface, BAD, headers=[JSON, german])
    assert answer.problem["detail"] == "de: invalid-body" and not answer.called
    assert answer.problem["errors"][0]["detail"] == "de: minimum"
    answer = ask(layer, interface, b"{", headers=[JSON])
    assert answer.problem["detail"] == "None: malformed-json"
    answer = ask(layer, interface, GOOD, headers=[("content-type", "text/plain"), german])
    assert answer.problem["detail"] == "de: unsupported-media-type"
    assert answer.headers["accept"] == "application/json"
    answer = ask(layer, interface, b" " * (2 << 20), headers=[JSON, german])
    assert answer.problem["detail"] == "de: body-too-large"
    assert ("connection" in answer.headers) is (interface == "asgi")
    answer = ask(layer, interface, GOOD, path="/x", headers=[JSON, german])
    assert answer.refused(415, "undeclared-body")
    assert answer.problem["detail"] == "de: undeclared-body"


@pytest.mark.parametrize("interface", INTERFACES)
def test_answers_to_what_is_not_declared_in_other_words(interface: str) -> None:
    layer = BodyValidation(
        openapi=document(paths={"/x": {"get": {}}}),
        translate=lambda code, detail, language: f"{language}: {code}",
    )
    german = ("accept-language", "de")
    answer = ask(layer, interface, method="GET", path="/y", headers=[german])
    assert answer.refused(404, "not-found")
    assert answer.problem["detail"] == "de: not-found"
    answer = ask(layer, interface, path="/x", headers=[german])
    assert answer.refused(405, "method-not-allowed")
    assert (answer.problem["detail"], answer.headers["allow"]) == ("de: method-not-allowed", "GET")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limits": {"POST /v1/order": 1}}, "did you mean 'POST /v1/orders'"),
        ({"limits": {"image/png": 1}}, "accepts no such body"),
        ({"limits": {ROUTE: "big"}}, "is no size"),
        ({"checks": {"POST /x": len}}, "checks names 'POST /x'"),
        ({"checks": {ROUTE: 7}}, "takes a function"),
        ({"shadow": ROUTE}, "shadow is True or a list"),
        ({"shadow": ["POST /x"]}, "shadow names 'POST /x'"),
        ({"codings": "gzip"}, "codings is a list"),
        ({"codings": ["gzipp"]}, "did you mean 'gzip'"),
        ({"media_types": {"POST /x": []}}, "media_types names 'POST /x'"),
    ],
)
def test_settings_that_lead_nowhere_teach(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        BodyValidation(SCHEMAS, **options)
