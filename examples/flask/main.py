"""Orders in Flask."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from security import add_order, load_order

from ringwall import validated_body_of
from ringwall_flask import Ringwall, current_principal, limit

app = Flask(__name__)
app.config.update(RINGWALL_STACK="security:stack", RINGWALL_PROBLEMS=True)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/v1/orders/<int:order_id>")
def order(order_id: int) -> dict[str, Any]:
    return {"for": current_principal.subject, **(load_order(order_id) or {})}


@app.post("/v1/orders")
@limit("2/minute", key="principal")
def create() -> tuple[dict[str, Any], int]:
    return add_order(current_principal.subject, validated_body_of(request)["item"]), 201


Ringwall(app)
