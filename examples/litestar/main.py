"""Orders in Litestar."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, get, post
from security import add_order, stack

from ringwall import resource_of
from ringwall_litestar import Principal, RingwallPlugin, limit


@get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@get("/v1/orders/{order_id:int}")
async def order(principal: Principal, request: Request[Any, Any, Any]) -> dict[str, Any]:
    # The wall has loaded the order to see whose it is.
    return {"for": principal.subject, **resource_of(request)}


@post("/v1/orders", guards=[limit("2/minute", key="principal")])
async def create(data: dict[str, str], principal: Principal) -> dict[str, Any]:
    return add_order(principal.subject, data["item"])


wall = RingwallPlugin(stack)
app = wall.around(Litestar([healthz, order, create], plugins=[wall], openapi_config=None))
