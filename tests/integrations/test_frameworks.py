"""The wall around every host framework, put up the way its users would."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.drive import Answer, call
from integrations.frameworks import HOSTS, Reached
from ringwall import (
    HTTPS,
    APIKey,
    Authentication,
    Authorization,
    RateLimit,
    Stack,
    allow,
    generate_api_key,
    owner,
    public,
    scope,
)

# The frameworks' own use of what is deprecated is not ours to judge.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ORDERS = {1001: {"owner": "alice"}, 1002: {"owner": "bob"}}


def load_order(order_id: int) -> dict[str, str] | None:
    return ORDERS.get(order_id)


KEYS: dict[str, str] = {}
RECORDS = []
for _who in ("alice", "bob"):
    _key, _record = generate_api_key(_who, scopes=["orders:read"])
    KEYS[_who] = _key
    RECORDS.append(_record)


def make_stack() -> Stack:
    return Stack(
        HTTPS(hosts=["localhost"]),
        RateLimit("10000/minute"),
        Authentication(APIKey(RECORDS), exempt=["/healthz"]),
        Authorization(
            public("GET", "/healthz"),
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
        ),
    )


class Walled:
    """A framework's app behind the stack."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reached = Reached()
        self.interface, build = HOSTS[name]
        self._app: Any = build(make_stack(), self.reached)

    def get(self, target: str, who: str | None = None, method: str = "GET") -> Answer:
        headers = {} if who is None else {"authorization": f"ApiKey {KEYS[who]}"}
        return call(self.interface, self._app, target, headers, method)


@pytest.fixture(params=sorted(HOSTS))
def walled(request: pytest.FixtureRequest) -> Walled:
    return Walled(request.param)


def test_the_owner_gets_her_order(walled: Walled) -> None:
    answer = walled.get("/v1/orders/1001", "alice")
    assert answer.status == 200
    assert answer.json()["subject"] == "alice"
    assert walled.reached == [1001]
    assert "strict-transport-security" in answer.headers
    assert "ratelimit" in answer.headers


def test_the_principal_is_where_the_framework_keeps_users(walled: Walled) -> None:
    document = walled.get("/v1/orders/1001", "alice").json()
    if walled.name in ("starlette", "fastapi"):
        assert document["user"] == "alice"
        assert document["authenticated"] is True
        assert document["scopes"] == ["orders:read"]
    elif walled.interface == "wsgi":
        assert document["user"] == "alice"
    else:
        assert document["subject"] == "alice"


def test_an_exempt_path_is_anonymous(walled: Walled) -> None:
    answer = walled.get("/healthz", "alice")
    assert answer.status == 200
    assert walled.reached == ["health"]
    if walled.name in ("starlette", "fastapi"):
        assert answer.json()["authenticated"] is False


def test_without_a_credential_no_handler_is_reached(walled: Walled) -> None:
    answer = walled.get("/v1/orders/1001")
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert "www-authenticate" in answer.headers
    assert walled.reached == []


# BOLA (OWASP API1:2023): alice's credential, bob's order, in every spelling that one of the
# frameworks or servers has been seen to accept.
SPELLINGS = [
    "/v1/orders/1002",
    "/v1/orders/01002",
    "/v1/orders/+1002",
    "/v1/orders/%2b1002",
    "/v1/orders/%201002",
    "/v1/orders/1002%20",
    "/v1/orders/1002%0a",
    "/v1/orders/1002.0",
    "/v1/orders/1_002",
    "/v1/orders/%d9%a1%d9%a0%d9%a0%d9%a2",
    "/v1/orders/%ef%bc%91%ef%bc%90%ef%bc%90%ef%bc%92",
    "/v1/orders/1002/",
    "/v1/orders//1002",
    "//v1/orders/1002",
    "/v1//orders/1002",
    "/v1/orders%2f1002",
    "/v1%2forders%2f1002",
    "/v1/%6frders/1002",
    "/v1/orders/%31002",
    "/v1/orders/1001/../1002",
    "/v1/orders/1001/%2e%2e/1002",
    "/v1/orders/./1002",
    "/v1/orders/1002;x=1",
    "/v1/orders;/1002",
    "/v1/orders\\1002",
    "/v1/orders%5c1002",
    "/v1/orders/1002%00",
    "/v1/orders/%2531002",
    "/V1/orders/1002",
    "/v1/ORDERS/1002",
    "/v1/orders/1002?order_id=1001",
    "/v1/orders/1002?order_id=1001&order_id=1002",
    "/v1/orders/1002%23",
    "/v1/orders/1002%3f",
    "/healthz/../v1/orders/1002",
    "/healthz%2f..%2fv1/orders/1002",
    "v1/orders/1002",
    "http://localhost/v1/orders/1002",
    "",
    "/v1/orders/%ff1002",
    "/v1/orders/\xff1002",
]


@pytest.mark.parametrize("target", SPELLINGS)
def test_no_spelling_of_another_ones_order_reaches_a_handler(walled: Walled, target: str) -> None:
    answer = walled.get(target, "alice")
    assert answer.status in (400, 403, 404, 405)
    assert answer.headers["content-type"] == "application/problem+json"
    assert walled.reached == []


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "WEBSOCKET", "FOO"]
)
def test_no_other_method_reaches_a_handler(walled: Walled, method: str) -> None:
    answer = walled.get("/v1/orders/1001", "alice", method)
    assert answer.status in (400, 403, 405)
    assert walled.reached == []


def test_a_route_without_a_rule_is_closed(walled: Walled) -> None:
    assert walled.get("/v1/invoices", "alice").status == 403
    assert walled.reached == []


def test_one_stack_object_gives_the_same_decisions_everywhere() -> None:
    """Around ASGI and WSGI apps alike, at the same time."""
    stack = make_stack()
    answers = {}
    for name in ("starlette", "flask"):
        interface, build = HOSTS[name]
        app = build(stack, Reached())
        key = {"authorization": f"ApiKey {KEYS['alice']}"}
        answers[name] = [
            call(interface, app, target, key).status
            for target in ("/v1/orders/1001", "/v1/orders/1002", "/healthz", "/nowhere")
        ]
    assert answers["starlette"] == answers["flask"] == [200, 403, 200, 403]
