"""Orders in Falcon, on WSGI. For ASGI take `falcon.asgi.App` and write `async def`."""

from __future__ import annotations

import falcon
from security import add_order, stack

from ringwall import resource_of, validated_body_of
from ringwall_falcon import PrincipalMiddleware, limit, secure


class Health:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.media = {"status": "ok"}


class Order:
    def on_get(self, request: falcon.Request, response: falcon.Response, order_id: int) -> None:
        # The wall has loaded the order to see whose it is.
        response.media = {"for": request.context.principal.subject, **resource_of(request)}


class Orders:
    @falcon.before(limit("2/minute", key="principal"))
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        item = validated_body_of(request)["item"]
        response.media = add_order(request.context.principal.subject, item)
        response.status = falcon.HTTP_201


api = falcon.App(middleware=[PrincipalMiddleware()])
api.add_route("/healthz", Health())
api.add_route("/v1/orders/{order_id:int}", Order())
api.add_route("/v1/orders", Orders())
app = secure(api, stack)
