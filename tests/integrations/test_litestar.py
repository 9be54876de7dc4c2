"""ringwall_litestar: the plugin, and what it is told wrongly."""

from __future__ import annotations

import asyncio
from typing import Any

import litestar
import pytest
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.testing import TestClient

import ringwall_litestar as wall
from integrations.drive import call
from integrations.orders import RECORDS, credentials, make_stack
from ringwall import (
    APIKey,
    Authentication,
    ConfigurationError,
    RateLimit,
    Stack,
    role,
    scope,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@litestar.get("/h/any")
async def any_(principal: wall.Principal) -> dict[str, str]:
    return {"subject": principal.subject}


@litestar.websocket("/h/socket", guards=[wall.require(role("admin"))])
async def socket(socket: litestar.WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def make(handlers: Any = (any_, socket), **options: Any) -> litestar.Litestar:
    plugin = wall.RingwallPlugin(make_stack(optional=True))
    return plugin.around(litestar.Litestar([*handlers], plugins=[plugin], **options))


@litestar.get("/h/nobody")
async def nobody() -> None: ...


@litestar.get("/healthz")
async def health() -> None: ...


@litestar.get("/v1/orders/{order_id:int}")
async def order(order_id: int) -> None: ...


@litestar.post("/h/made", guards=[wall.limit("5/minute")], security=[{"cookie": []}])
async def made() -> None: ...


def operations(schema: Any) -> dict[str, tuple[Any, list[str]]]:
    """What is asked and answered, by path."""
    return {
        path: (operation.get("security"), sorted(operation["responses"]))
        for path, item in schema["paths"].items()
        for operation in item.values()
    }


def test_the_document_tells_of_each_operation_what_it_asks_and_answers() -> None:
    guarded = litestar.Router(
        "/",
        guards=[wall.require(scope("orders:write"))],
        route_handlers=[made],
    )
    app = make((any_, nobody, health, order, guarded, socket), dependencies={})
    schema = app.openapi_schema.to_schema()
    assert schema["components"]["securitySchemes"]["apikey"]["name"] == "Authorization"
    assert "security" not in schema
    refusals = ["401", "403", "429"]
    assert operations(schema) == {
        "/h/any": ([{"apikey": []}], ["200", *refusals]),
        "/h/nobody": ([{}, {"apikey": []}], ["200", "401", "429"]),
        "/healthz": (None, ["200", "429"]),
        "/v1/orders/{order_id}": ([{"apikey": ["orders:read"]}], ["200", "400", *refusals]),
        "/h/made": ([{"cookie": []}, {"apikey": ["orders:write"]}], ["201", *refusals]),
    }
    refused = schema["paths"]["/h/any"]["get"]["responses"]["401"]
    assert refused == {"$ref": "#/components/responses/ProblemUnauthorized"}
    assert "Problem" in schema["components"]["schemas"]
    served = TestClient(app).get("/schema/openapi.json", headers=credentials("root"))
    assert served.status_code == 403  # the wall has no rule for it


def test_the_served_document_is_that_one() -> None:
    plugin = wall.RingwallPlugin(Stack(Authentication(APIKey(RECORDS), optional=True)))
    app = plugin.around(litestar.Litestar([any_], plugins=[plugin]))
    with TestClient(app) as client:
        served = client.get("/schema/openapi.json").json()
    assert operations(served) == {"/h/any": ([{"apikey": []}], ["200", "401", "403"])}


def test_a_dependency_of_the_app_s_own_is_not_the_principal() -> None:
    def own() -> str:
        raise AssertionError

    provided = {"principal": Provide(own, sync_to_thread=False)}
    schema = make((any_,), dependencies=provided).openapi_schema.to_schema()
    assert operations(schema)["/h/any"] == ([{}, {"apikey": []}], ["200", "401", "429"])


@pytest.mark.parametrize("several", [False, True])
def test_what_the_app_says_itself_stays(several: bool) -> None:
    own = Components(security_schemes={"cookie": SecurityScheme(type="http", scheme="basic")})
    config = OpenAPIConfig(
        title="orders",
        version="1",
        components=[own] if several else own,
        security=[{"cookie": []}],
    )
    schema = make(openapi_config=config).openapi_schema.to_schema()
    assert set(schema["components"]["securitySchemes"]) == {"cookie", "apikey"}
    assert schema["security"] == [{"cookie": []}]
    assert operations(schema)["/h/any"][0] == [{"cookie": []}, {"apikey": []}]
    assert config.to_openapi_schema().to_schema()["components"]["securitySchemes"].keys() == {
        "cookie"
    }


def test_an_app_may_have_no_document() -> None:
    app = make(openapi_config=None)
    assert call("asgi", app, "/h/any", credentials("alice")).json() == {"subject": "alice"}


def test_a_websocket_is_closed_before_it_is_accepted() -> None:
    sent: list[Any] = []

    async def talk(who: str) -> Any:
        scope = {
            "type": "websocket",
            "scheme": "wss",
            "path": "/h/socket",
            "raw_path": b"/h/socket",
            "query_string": b"",
            "root_path": "",
            "headers": [(n.encode(), v.encode()) for n, v in credentials(who).items()],
            "client": ("192.0.2.7", 51000),
            "server": ("localhost", 443),
            "subprotocols": [],
        }

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await make()(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(talk("alice"))
    assert [(m["type"], m["code"]) for m in sent] == [("websocket.close", 1008)]
    sent.clear()
    asyncio.run(talk("root"))
    assert sent[0]["type"] == "websocket.accept"


def test_without_the_stack_around_it_nothing_is_served() -> None:
    reached: list[str] = []

    @litestar.get("/")
    async def index() -> None:
        reached.append("index")

    app = litestar.Litestar([index], plugins=[wall.RingwallPlugin(make_stack())])
    with TestClient(app) as client:
        assert client.get("/").status_code == 500
    assert reached == []


def test_what_cannot_work_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"takes a ringwall\.Stack"):
        wall.RingwallPlugin(RateLimit("1/second"))  # type: ignore[arg-type]
    plugin = wall.RingwallPlugin(Stack(RateLimit("100/minute")))
    with pytest.raises(ConfigurationError, match=r"plugins=\[wall\]"):
        plugin.around(litestar.Litestar([]))
    app = plugin.around(litestar.Litestar([], plugins=[plugin]))
    with pytest.raises(ConfigurationError, match="has a stack already"):
        plugin.around(app)
