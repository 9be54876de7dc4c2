"""Orders in Starlette."""

from __future__ import annotations

from security import add_order, stack
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ringwall import resource_of, validated_body_of
from ringwall_starlette import limit, secure


async def healthz(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def order(request: Request) -> JSONResponse:
    # The wall has loaded the order to see whose it is.
    return JSONResponse({"for": request.user.identity, **resource_of(request)})


@limit("2/minute", key="principal")
async def create(request: Request) -> JSONResponse:
    item = validated_body_of(request)["item"]
    return JSONResponse(add_order(request.user.identity, item), status_code=201)


app = secure(
    Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/v1/orders/{order_id:int}", order),
            Route("/v1/orders", create, methods=["POST"]),
        ]
    ),
    stack,
)
