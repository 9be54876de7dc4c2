"""ringwall_fastapi: dependencies, problems, the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict
from starlette.testclient import WebSocketDenialResponse

import ringwall_fastapi as wall
from integrations.orders import Lines, credentials, load_order, make_stack
from ringwall import ConfigurationError, Principal, RateLimit, Stack, owner, role, scope
from ringwall.handlers import NotWalled


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    item: str
    quantity: int = 1


class Api:
    """An app with requirements of its own, and what its handlers were called with."""

    def __init__(self, *, optional: bool = False) -> None:
        self.reached: list[Any] = []
        self.lines = Lines()
        app = self.app = FastAPI()
        reached = self.reached

        @app.get("/v1/orders/{order_id}")
        async def order(order_id: int, who: wall.Principal) -> dict[str, Any]:
            reached.append(order_id)
            return {"subject": who.subject}

        @app.get("/healthz")
        async def healthz(who: wall.OptionalPrincipal) -> dict[str, Any]:
            reached.append("healthz")
            return {"subject": who.subject if who else None}

        @app.get("/h/write", dependencies=[wall.require(scope("orders:write"))])
        def write() -> None:
            reached.append("write")

        @app.get("/h/mine/{order_id}")
        async def mine(
            order_id: int,
            who: Annotated[
                Principal, wall.require(owner(load_order), path="/h/mine/{order_id:int}", hide=True)
            ],
        ) -> dict[str, Any]:
            reached.append(order_id)
            return {"subject": who.subject}

        @app.post("/h/orders")
        async def create(order: Order) -> Order:
            reached.append(order)
            return order

        @app.get("/h/limited", dependencies=[wall.limit("2/hour")])
        async def limited() -> None:
            reached.append("limited")

        @app.get("/h/also-limited", dependencies=[wall.limit("2/hour")])
        def also_limited() -> None:
            reached.append("also")

        @app.websocket("/h/socket")
        async def socket(websocket: WebSocket, who: wall.Principal) -> None:
            await websocket.accept()
            await websocket.send_json({"subject": who.subject})
            await websocket.close()

        admin = APIRouter(prefix="/h/admin", dependencies=[wall.require(role("admin"))])

        @admin.get("/users")
        async def users() -> None:
            reached.append("users")

        app.include_router(admin)
        wall.secure(app, make_stack(self.lines, optional=optional))
        self.client = TestClient(app, base_url="https://localhost")

    def get(self, path: str, who: str | None = None) -> Any:
        return self.client.get(path, headers=credentials(who))


@pytest.fixture(scope="module")
def _api() -> Api:
    return Api(optional=True)


@pytest.fixture
def api(_api: Api) -> Api:
    _api.reached.clear()
    _api.lines.clear()
    return _api


def test_the_principal_is_a_dependency(api: Api) -> None:
    answer = api.get("/v1/orders/1001", "alice")
    assert answer.json() == {"subject": "alice"}
    assert api.reached == [1001]


def test_the_optional_principal_is_none_for_nobody(api: Api) -> None:
    assert api.get("/healthz").json() == {"subject": None}


def test_without_a_credential_a_dependency_refuses_with_the_challenge_of_the_stack(
    api: Api,
) -> None:
    answer = api.get("/h/write")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'ApiKey realm="api"'
    assert answer.json()["code"] == "missing-credentials"
    assert api.reached == []


@pytest.mark.parametrize(
    ("path", "who", "status", "code"),
    [
        ("/h/write", "alice", 403, "insufficient-scope"),
        ("/h/admin/users", "alice", 403, "forbidden"),
        ("/h/mine/1002", "alice", 404, "not-found"),
        ("/h/mine/01001", "alice", 404, "not-found"),  # the handler would read 1001
        ("/h/mine/9999", "alice", 404, "not-found"),
        ("/v1/orders/1002", "alice", 403, "forbidden"),
    ],
)
def test_a_refusal_is_the_problem_of_the_layer(
    api: Api, path: str, who: str, status: int, code: str
) -> None:
    answer = api.get(path, who)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert api.reached == []
    assert api.lines[-1]["status"] == status


def test_who_has_what_it_takes_passes(api: Api) -> None:
    assert api.get("/h/admin/users", "root").status_code == 200
    assert api.get("/h/mine/1001", "alice").json() == {"subject": "alice"}
    assert api.reached == ["users", 1001]


def test_a_limit_counts_for_one_operation(api: Api) -> None:
    answers = [api.get("/h/limited", "alice") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert '"client' in answers[0].headers["ratelimit-policy"]
    assert answers[2].headers["content-type"] == "application/problem+json"
    assert int(answers[2].headers["retry-after"]) > 0
    assert api.lines[-1]["decisions"][-1]["outcome"] == "deny"
    assert api.get("/h/also-limited", "alice").status_code == 200
    assert api.reached == ["limited", "limited", "also"]


def test_audit_hears_of_the_decision(api: Api) -> None:
    api.get("/h/write", "alice")
    last = api.lines[-1]["decisions"][-1]
    assert last["layer"] == "authorization"
    assert last["outcome"] == "deny"
    assert last["rule"] == "require scope('orders:write')"
    assert api.lines[-1]["route"] == "/h/**"  # that of the stack, not the requirement's


def test_a_websocket_is_denied_before_it_is_accepted(api: Api) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        api.client.websocket_connect("/h/socket"),
    ):
        pass
    assert caught.value.status_code == 401
    with api.client.websocket_connect("/h/socket", headers=credentials("alice")) as socket:
        assert socket.receive_json() == {"subject": "alice"}


def test_what_fastapi_finds_wrong_is_a_problem_without_the_input(api: Api) -> None:
    answer = api.client.post("/h/orders", json={"quantity": "s3cret", "s3cret-name": 1})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "s3cret" not in answer.text
    assert answer.json()["errors"] == [
        {"in": "body", "pointer": "#/item", "code": "missing"},
        {"in": "body", "pointer": "#/quantity", "code": "int_parsing"},
        {"in": "body", "pointer": "#", "code": "extra_forbidden"},
    ]
    again = api.client.get("/v1/orders/1001", headers=credentials("alice"))
    assert again.status_code == 200
    assert api.client.post("/h/orders", json=[]).json()["errors"][0]["pointer"] == "#"
    assert api.reached == [1001]


def test_the_document_tells_the_schemes(api: Api) -> None:
    document = api.app.openapi()
    assert list(document["components"]["securitySchemes"]) == ["apikey"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document is api.app.openapi()


@pytest.mark.parametrize(
    ("path", "security", "statuses"),
    [
        ("/healthz", None, {"429"}),
        ("/v1/orders/{order_id}", [{"apikey": ["orders:read"]}], {"401", "403", "422", "429"}),
        ("/h/write", [{"apikey": ["orders:write"]}], {"401", "403", "429"}),
        ("/h/admin/users", [{"apikey": []}], {"401", "403", "429"}),
        ("/h/limited", [{}, {"apikey": []}], {"401", "429"}),
    ],
)
def test_the_document_tells_what_an_operation_asks(
    api: Api, path: str, security: Any, statuses: set[str]
) -> None:
    operation = api.app.openapi()["paths"][path]["get"]
    assert operation.get("security") == security
    assert set(operation["responses"]) == {"200"} | statuses
    for status in statuses:
        assert operation["responses"][status]["$ref"].startswith("#/components/responses/")


def test_a_handler_of_the_apps_own_for_invalid_requests_stays() -> None:
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import PlainTextResponse

    app = FastAPI()

    @app.exception_handler(RequestValidationError)
    async def own(request: Any, error: Any) -> PlainTextResponse:
        return PlainTextResponse("own", 400)

    @app.get("/{number}")
    async def get(number: int) -> None: ...

    wall.secure(app, Stack(RateLimit("100/minute")))
    assert TestClient(app).get("/x").text == "own"


def test_without_a_stack_nothing_is_served() -> None:
    app = FastAPI()
    reached: list[str] = []

    @app.get("/", dependencies=[wall.require()])
    async def get() -> None:
        reached.append("get")

    @app.get("/optional")
    async def optional(who: wall.OptionalPrincipal) -> None:
        reached.append("optional")

    client = TestClient(app)
    for path in ("/", "/optional"):
        with pytest.raises(NotWalled, match="no Ringwall stack is around this app"):
            client.get(path)
    assert reached == []


@pytest.mark.parametrize("wrong", [None, RateLimit("1/second"), "stack"])
def test_what_is_no_stack_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"takes a ringwall\.Stack"):
        wall.secure(FastAPI(), wrong)


def test_two_stacks_are_one_too_many() -> None:
    stack = Stack(RateLimit("100/minute"))
    app = wall.secure(FastAPI(), stack)
    with pytest.raises(ConfigurationError, match="has a stack already"):
        wall.secure(app, stack)
