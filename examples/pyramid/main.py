"""Orders in Pyramid."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.view import view_config
from security import add_order, stack

from ringwall import limit, resource_of, validated_body_of
from ringwall_pyramid import make_wsgi_app


@view_config(route_name="healthz", renderer="json")
def healthz(request: Any) -> dict[str, str]:
    return {"status": "ok"}


@view_config(route_name="order", renderer="json")
def order(request: Any) -> dict[str, Any]:
    # The wall has loaded the order to see whose it is.
    return {"for": request.principal.subject, **resource_of(request)}


@view_config(
    route_name="orders",
    request_method="POST",
    renderer="json",
    limit=limit("2/minute", key="principal"),
)
def create(request: Any) -> dict[str, Any]:
    request.response.status_int = 201
    return add_order(request.principal.subject, validated_body_of(request)["item"])


with Configurator() as config:
    config.include("ringwall_pyramid")
    config.add_route("healthz", "/healthz")
    config.add_route("order", r"/v1/orders/{order_id:\d+}")
    config.add_route("orders", "/v1/orders")
    config.scan()
    app = make_wsgi_app(config, stack)
