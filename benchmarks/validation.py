"""Body validation of a 1 KB order, beside what others do with the same document.

    python -m benchmarks.validation

Each cost is over the same app without validation: of connexion with validators that do nothing, of
Starlette without openapi-core's middleware, of FastAPI with the raw request. A peer that is not
installed (group `bench`) is left out, and said so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec

from ringwall import BodyValidation

from . import floors, world
from . import requests as r
from .harness import Comparison, Goal
from .lab import Lab, Made, run
from .peers import lacking

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "orders", "version": "1"},
    "paths": {
        "/v1/orders": {
            "post": {
                "operationId": "benchmarks.validation.handler",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": world.ORDER_SCHEMA}},
                },
                "responses": {"200": {"description": "done"}},
            }
        }
    },
}
GOALS = (
    Goal("over the floor", "mapping", "floor", 1.5),
    Goal("over the strict floor", "mapping", "floor, strict", 1.5),
    Goal("from OpenAPI, over the floor", "OpenAPI", "floor", 1.5),
    Goal("under FastAPI's pydantic body", "FastAPI, pydantic", "OpenAPI", 2.5, at_most=False),
    Goal("under connexion", "connexion", "OpenAPI", 40, at_most=False),
    Goal("under openapi-core", "openapi-core", "OpenAPI", 500, at_most=False),
)


_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_is_valid = jsonschema_rs.Draft202012Validator(world.ORDER_SCHEMA, validate_formats=True).is_valid


def strict_floor(app: Any) -> Any:
    """The floor with two checks more: how deep the body is, and whether a name stands twice."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"content-type" and value != b"application/json":
                raise ValueError
        message = await receive()
        body = message["body"]
        if (
            message["more_body"]
            or len(body) > 1_048_576
            or body.count(b"{") + body.count(b"[") > 64
        ):
            raise ValueError
        value = _decode(body)
        if _encode(value).count(b":") != body.count(b":") or b"\\" in body:
            raise ValueError
        if not _is_valid(value):
            raise ValueError
        scope = {**scope, "validated": value}
        pending = [message]

        async def again() -> Any:
            return pending.pop() if pending else await receive()

        await app(scope, again, send)

    return wrapped


async def handler(body: Any = None) -> dict[str, Any]:
    return {}


def connexion_app(validate: bool) -> Any:
    import connexion
    from connexion.validators.abstract import AbstractRequestBodyValidator

    class Nothing(AbstractRequestBodyValidator):  # type: ignore[misc, unused-ignore]
        def _validate(self, body: Any) -> None: ...

        async def _parse(self, stream: Any, scope: Any) -> Any:
            return {}

        async def wrap_receive(self, receive: Any, *, scope: Any) -> Any:
            return receive, scope

    app = connexion.AsyncApp(__name__)
    options: dict[str, Any] = {}
    if not validate:
        options["validator_map"] = {"body": {"application/json": Nothing}}
    app.add_api(DOCUMENT, **options)
    return app


def openapi_core_app(validate: bool) -> Any:
    from openapi_core import OpenAPI
    from openapi_core.contrib.starlette.middlewares import StarletteOpenAPIMiddleware
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def endpoint(request: Any) -> Any:
        return JSONResponse({})

    # The host of the requests, without which openapi-core finds no operation.
    document = {**DOCUMENT, "servers": [{"url": f"https://{world.HOST}"}]}
    middleware = [Middleware(StarletteOpenAPIMiddleware, openapi=OpenAPI.from_dict(document))]
    routes = [Route("/v1/orders", endpoint, methods=["POST"])]
    return Starlette(routes=routes, middleware=middleware if validate else [])


def fastapi_app(validate: bool) -> Any:
    from fastapi import FastAPI, Request
    from pydantic import BaseModel, ConfigDict, Field

    class Item(BaseModel):
        model_config = ConfigDict(extra="forbid")
        sku: str = Field(pattern=r"^[A-Z0-9-]{3,20}$")
        name: str | None = Field(None, max_length=80)
        quantity: int = Field(ge=1, le=1000)
        price: float = Field(ge=0)

    class Order(BaseModel):
        model_config = ConfigDict(extra="forbid")
        customer: str = Field(min_length=1, max_length=80)
        email: str | None = Field(None, max_length=120)
        currency: str = Field(pattern="^(EUR|USD|GBP)$")
        note: str | None = Field(None, max_length=400)
        items: list[Item] = Field(min_length=1, max_length=50)

    async def raw(request: Request) -> dict[str, Any]:
        await request.body()
        return {}

    raw.__annotations__ = {"request": Request, "return": dict[str, Any]}

    async def validated(order: Any) -> dict[str, Any]:
        return {}

    validated.__annotations__ = {"order": Order, "return": dict[str, Any]}
    app = FastAPI()
    app.post("/v1/orders")(validated if validate else raw)
    return app


PEERS = (
    ("FastAPI, pydantic", "fastapi", fastapi_app),
    ("connexion", "connexion", connexion_app),
    ("openapi-core", "openapi_core", openapi_core_app),
)


def comparisons(lab: Lab) -> Iterator[Comparison]:
    mapping = BodyValidation({"POST /v1/orders": world.ORDER_SCHEMA})
    openapi = BodyValidation(openapi=DOCUMENT)
    made: list[Made] = [
        ("bare", "bare", r.asgi_app, ""),
        ("floor", "floor", floors.validation_asgi(r.asgi_app), "bare"),
        ("floor, strict", "floor", strict_floor(r.asgi_app), "bare"),
        ("mapping", "ringwall", mapping.asgi(r.asgi_app), "bare"),
        ("OpenAPI", "ringwall", openapi.asgi(r.asgi_app), "bare"),
    ]
    for name, module, make in PEERS:
        if lacking(module):
            print(f"{name}: not installed, left out (group `bench`)")
            continue
        made.append((f"{name}: off", "bare", make(False), ""))
        made.append((name, "peer", make(True), f"{name}: off"))
    yield Comparison("Body validation, 1 KB", "ASGI", lab.variants(made, "ASGI", "POST"), GOALS)
    yield Comparison(
        "Body validation, 1 KB",
        "WSGI",
        lab.variants(
            [
                ("bare", "bare", r.wsgi_app, ""),
                ("floor", "floor", floors.validation_wsgi(r.wsgi_app), "bare"),
                ("mapping", "ringwall", mapping.wsgi(r.wsgi_app), "bare"),
                ("OpenAPI", "ringwall", openapi.wsgi(r.wsgi_app), "bare"),
            ],
            "WSGI",
            "POST",
        ),
        GOALS,
    )


if __name__ == "__main__":
    run(comparisons)
