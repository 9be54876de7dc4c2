"""Orders in FastAPI. `/docs` would tell what the wall asks; without a rule it is closed."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from security import add_order, load_order, stack

from ringwall_fastapi import Principal, limit, secure

app = FastAPI(title="Orders")


class Order(BaseModel):
    item: str


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/v1/orders/{order_id}")
async def order(order_id: int, who: Principal) -> dict[str, Any]:
    return {"for": who.subject, **(load_order(order_id) or {})}


@app.post("/v1/orders", status_code=201, dependencies=[limit("2/minute", key="principal")])
async def create(order: Order, who: Principal) -> dict[str, Any]:
    return add_order(who.subject, order.item)


secure(app, stack)
