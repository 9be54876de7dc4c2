"""Body validation of a 1 KB order, beside what others do with the same document.

    python -m benchmarks.validation

Each cost is over the same app without validation: of connexion with validators that do nothing, of
Starlette without openapi-core's middleware, of FastAPI with the raw request, of Flask with the raw
body. openapi-core and connexion have nothing for WSGI that stands before the app.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ringwall import BodyValidation

from . import floors, world
from .floor_rules import body_typed
from .harness import Comparison, Goal
from .lab import Lab, Made, run
from .layers import INTERFACES, bare_app, beside
from .peers import these

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
    Goal("from OpenAPI, over the floor", "OpenAPI", "floor", 1.5),
    Goal("FastAPI's pydantic body over it", "FastAPI, pydantic", "OpenAPI", 2.5, at_most=False),
    Goal("connexion over it", "connexion", "OpenAPI", 40, at_most=False),
    Goal("openapi-core over it", "openapi-core", "OpenAPI", 500, at_most=False),
)
LENIENT = "floor that lets a name stand twice"
COMPACT_GOALS = (Goal("from OpenAPI, over the lenient floor", "OpenAPI", LENIENT, 1.5),)


async def handler(body: Any = None) -> dict[str, Any]:
    return {}


def connexion_app(validate: bool) -> Any:
    import connexion
    from connexion.options import SwaggerUIOptions
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
    quiet = SwaggerUIOptions(swagger_ui=False)
    app.add_api(DOCUMENT, swagger_ui_options=quiet, **options)
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


def flask_app(check: Callable[[bytes], object] | None) -> Any:
    from flask import Flask, request

    app = Flask("bench")

    @app.post("/v1/orders")
    def order() -> dict[str, Any]:
        body = request.get_data()
        if check is not None:
            check(body)
        return {}

    return app


def _asgi_peers() -> list[Made]:
    def of(name: str, make: Callable[[bool], Any]) -> Callable[[], list[Made]]:
        base = f"{name}: off"
        return lambda: [(base, "bare", make(False), ""), (name, "peer", make(True), base)]

    return these(
        ("FastAPI, pydantic", ("fastapi",), of("FastAPI, pydantic", fastapi_app)),
        ("connexion", ("connexion",), of("connexion", connexion_app)),
        ("openapi-core", ("openapi_core", "aioitertools"), of("openapi-core", openapi_core_app)),
    )


def _wsgi_peers() -> list[Made]:
    base = "Flask, bare"

    def quick() -> list[Made]:
        import fastjsonschema

        check = fastjsonschema.compile(world.ORDER_SCHEMA)
        app = flask_app(lambda body: check(json.loads(body)))
        return [("Flask, fastjsonschema", "peer", app, base)]

    def usual() -> list[Made]:
        import jsonschema

        check = jsonschema.Draft202012Validator(world.ORDER_SCHEMA).validate
        app = flask_app(lambda body: check(json.loads(body)))
        return [("Flask, jsonschema", "peer", app, base)]

    found = these(("Flask", ("flask",), lambda: [(base, "bare", flask_app(None), "")]))
    return found and found + these(
        ("fastjsonschema", ("fastjsonschema",), quick), ("jsonschema", ("jsonschema",), usual)
    )


def comparisons(lab: Lab) -> Iterator[Comparison]:
    openapi = BodyValidation(openapi=DOCUMENT)
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        floor = getattr(floors, f"validation_{colour}")
        ours: Made = ("OpenAPI", "ringwall", getattr(openapi, colour)(bare), "bare")
        lenient: Made = (LENIENT, "part", floor(bare, body_typed), "bare")
        more = [ours, lenient, *(_asgi_peers() if interface == "ASGI" else _wsgi_peers())]
        made = beside(lab, interface, "Body validation, 1 KB", ("validation",), more)
        yield replace(made, goals=GOALS)

        apps: list[Made] = [("bare", "bare", bare, ""), ("floor", "floor", floor(bare), "bare")]
        variants = lab.variants(
            [*apps, lenient, ours], interface, "POST", order=world.COMPACT_ORDER
        )
        yield Comparison("Body validation, compact 1 KB", interface, variants, COMPACT_GOALS)


if __name__ == "__main__":
    run(comparisons)
