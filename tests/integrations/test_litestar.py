"""ringwall_litestar: the plugin, and what it is told wrongly."""

from __future__ import annotations

import asyncio
from typing import Any

import litestar
import pytest
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.testing import TestClient

import ringwall_litestar as wall
from integrations.drive import call
from integrations.orders import credentials, make_stack
from ringwall import ConfigurationError, RateLimit, Stack, role

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


def test_the_document_tells_the_schemes() -> None:
    schema = make().openapi_schema.to_schema()
    assert schema["components"]["securitySchemes"]["apikey"]["name"] == "Authorization"
    assert schema["security"] == [{"apikey": []}]


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
    assert schema["security"] == [{"cookie": []}, {"apikey": []}]


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
