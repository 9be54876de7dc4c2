"""ringwall_starlette: the stack around the app, requirements at endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

import ringwall_starlette as wall
from integrations.orders import Lines, credentials, load_order, make_stack
from ringwall import ConfigurationError, RateLimit, Stack, owner, role, scope
from ringwall.handlers import NotWalled, Refused


def subject(connection: Any) -> str:
    principal = wall.principal_of(connection)
    return principal.subject if principal else "nobody"


class Api:
    def __init__(self) -> None:
        self.reached: list[Any] = []
        self.lines = Lines()
        reached = self.reached

        @wall.require(scope("orders:read"))
        async def order(request: Request) -> Response:
            reached.append(request.path_params["order_id"])
            return PlainTextResponse(subject(request))

        @wall.require(scope("orders:write"))
        def write(request: Request) -> Response:
            reached.append("write")
            return PlainTextResponse("written")

        @wall.require()
        def read(request: Request) -> Response:
            reached.append("read")
            return PlainTextResponse(subject(request))

        @wall.limit("1/hour")
        async def limited(request: Request) -> Response:
            reached.append("limited")
            return PlainTextResponse("limited")

        class Mine(HTTPEndpoint):
            @wall.require(owner(load_order), path="/h/mine/{order_id:int}", hide=True)
            async def get(self, request: Request) -> Response:
                reached.append(request.path_params["order_id"])
                return PlainTextResponse(subject(request))

        @wall.require(role("admin"))
        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(subject(websocket))
            await websocket.close()

        self.app = Starlette(
            routes=[
                Route("/v1/orders/{order_id:int}", order),
                Route("/h/write", write),
                Route("/h/read", read),
                Route("/h/limited", limited),
                Route("/h/mine/{order_id}", Mine),
                WebSocketRoute("/h/socket", socket),
            ]
        )
        assert wall.secure(self.app, make_stack(self.lines, optional=True)) is self.app
        self.client = TestClient(self.app, base_url="https://localhost")

    def get(self, path: str, who: str | None = None) -> Any:
        return self.client.get(path, headers=credentials(who))


@pytest.fixture
def api() -> Api:
    return Api()


def test_who_may_passes(api: Api) -> None:
    assert api.get("/v1/orders/1001", "alice").text == "alice"
    assert api.get("/h/read", "bob").text == "bob"
    assert api.get("/h/mine/1002", "bob").text == "bob"
    assert api.reached == [1001, "read", "1002"]


@pytest.mark.parametrize(
    ("path", "who", "status", "code"),
    [
        ("/h/write", None, 401, "missing-credentials"),
        ("/h/write", "alice", 403, "insufficient-scope"),
        ("/h/mine/1001", "bob", 404, "not-found"),
        ("/h/mine/+1002", "bob", 404, "not-found"),
        ("/v1/orders/1002", "alice", 403, "forbidden"),
    ],
)
def test_a_refusal_is_a_problem(
    api: Api, path: str, who: str | None, status: int, code: str
) -> None:
    answer = api.get(path, who)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert api.reached == []
    assert api.lines[-1]["decisions"][-1]["outcome"] == "deny"


def test_a_limit_counts_for_one_endpoint(api: Api) -> None:
    answers = [api.get("/h/limited", "alice") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "ratelimit-policy" in answers[0].headers
    assert answers[1].json()["title"]
    assert api.reached == ["limited"]


def test_a_websocket_is_denied_with_the_problem(api: Api) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        api.client.websocket_connect("/h/socket", headers=credentials("alice")),
    ):
        pass
    assert caught.value.status_code == 403
    assert caught.value.json()["code"] == "forbidden"
    with api.client.websocket_connect("/h/socket", headers=credentials("root")) as socket:
        assert socket.receive_text() == "root"


def test_a_websocket_is_closed_where_the_server_cannot_send_a_problem(api: Api) -> None:
    async def without_extension(scope: Any, receive: Any, send: Any) -> None:
        await api.app({**scope, "extensions": {}}, receive, send)

    with (
        pytest.raises(WebSocketDisconnect) as caught,
        TestClient(without_extension).websocket_connect("wss://localhost/h/socket"),
    ):
        pass
    assert caught.value.code == 1008


def test_without_a_stack_nothing_is_served() -> None:
    reached: list[str] = []

    @wall.require()
    async def endpoint(request: Request) -> Response:
        reached.append("endpoint")
        return Response()

    client = TestClient(Starlette(routes=[Route("/", endpoint)]))
    with pytest.raises(NotWalled):
        client.get("/")
    assert reached == []


def test_an_endpoint_without_a_request_cannot_be_guarded() -> None:
    @wall.require()
    def endpoint() -> None: ...

    with pytest.raises(TypeError, match="got no request or websocket"):
        endpoint()


def test_the_handler_is_for_refusals_alone() -> None:
    import asyncio

    with pytest.raises(KeyError):
        asyncio.run(wall.handle_refusal(Request({"type": "http"}), KeyError()))
    assert issubclass(Refused, Exception)


def test_what_is_no_stack_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"takes a ringwall\.Stack"):
        wall.secure(Starlette(), RateLimit("1/second"))  # type: ignore[arg-type]
    app = wall.secure(Starlette(), Stack(RateLimit("100/minute")))
    with pytest.raises(ConfigurationError, match="has a stack already"):
        wall.secure(app, Stack(RateLimit("100/minute")))
