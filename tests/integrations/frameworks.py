"""One orders app in every host framework, wrapped the way its users would.

Each handler notes the id it was called with and answers who is asking, read in the framework's own
manner. `build(stack)` returns the wrapped app.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import FastAPI, Request

from integrations.django_project import set_up_django
from ringwall import Stack, principal_of


class Reached(list[Any]):
    """What the handlers were called with."""


class Host(NamedTuple):
    interface: str
    build: Callable[[Stack, Reached], Any]


def describe(request: Any) -> dict[str, Any]:
    principal = principal_of(request)
    return {"subject": principal.subject if principal else None}


def starlette(stack: Stack, reached: Reached) -> Any:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def order(request: Request) -> JSONResponse:
        reached.append(request.path_params["order_id"])
        return JSONResponse(
            {
                **describe(request),
                "user": request.user.identity,
                "authenticated": request.user.is_authenticated,
                "scopes": sorted(request.auth.scopes),
            }
        )

    async def health(request: Request) -> JSONResponse:
        reached.append("health")
        return JSONResponse({"authenticated": request.user.is_authenticated})

    app = Starlette(routes=[Route("/v1/orders/{order_id:int}", order), Route("/healthz", health)])
    app.add_middleware(stack.asgi)
    return app


def fastapi(stack: Stack, reached: Reached) -> Any:
    app = FastAPI()

    @app.get("/v1/orders/{order_id}")
    async def order(order_id: int, request: Request) -> dict[str, Any]:
        reached.append(order_id)
        return {
            **describe(request),
            "user": request.user.identity,
            "authenticated": request.user.is_authenticated,
            "scopes": sorted(request.auth.scopes),
        }

    @app.get("/healthz")
    def health(request: Request) -> dict[str, Any]:
        reached.append("health")
        return {"authenticated": request.user.is_authenticated}

    app.add_middleware(stack.asgi)
    return app


def litestar(stack: Stack, reached: Reached) -> Any:
    from litestar import Litestar, get

    @get("/v1/orders/{order_id:int}")
    async def order(order_id: int, request: Request[Any, Any, Any]) -> dict[str, Any]:
        reached.append(order_id)
        return describe(request)

    @get("/healthz")
    async def health() -> dict[str, Any]:
        reached.append("health")
        return {}

    return stack.asgi(Litestar([order, health], openapi_config=None))  # type: ignore[arg-type]


def quart(stack: Stack, reached: Reached) -> Any:
    from quart import Quart, request

    app = Quart(__name__)

    @app.get("/v1/orders/<int:order_id>")
    async def order(order_id: int) -> dict[str, Any]:
        reached.append(order_id)
        return describe(request)

    @app.get("/healthz")
    async def health() -> dict[str, Any]:
        reached.append("health")
        return {}

    app.asgi_app = stack.asgi(app.asgi_app)  # type: ignore[method-assign,assignment,arg-type]
    return app


def falcon_asgi(stack: Stack, reached: Reached) -> Any:
    import falcon.asgi

    class Order:
        async def on_get(self, request: Any, response: Any, order_id: int) -> None:
            reached.append(order_id)
            response.media = describe(request)

    class Health:
        async def on_get(self, request: Any, response: Any) -> None:
            reached.append("health")
            response.media = {}

    app = falcon.asgi.App()
    app.add_route("/v1/orders/{order_id:int}", Order())
    app.add_route("/healthz", Health())
    return stack.asgi(app)


def falcon_wsgi(stack: Stack, reached: Reached) -> Any:
    import falcon

    class Order:
        def on_get(self, request: Any, response: Any, order_id: int) -> None:
            reached.append(order_id)
            response.media = {**describe(request), "user": request.env.get("REMOTE_USER")}

    class Health:
        def on_get(self, request: Any, response: Any) -> None:
            reached.append("health")
            response.media = {}

    app = falcon.App()
    app.add_route("/v1/orders/{order_id:int}", Order())
    app.add_route("/healthz", Health())
    return stack.wsgi(app)


def flask(stack: Stack, reached: Reached) -> Any:
    from flask import Flask, request

    app = Flask(__name__)

    @app.get("/v1/orders/<int:order_id>")
    def order(order_id: int) -> dict[str, Any]:
        reached.append(order_id)
        return {**describe(request), "user": request.remote_user}

    @app.get("/healthz")
    def health() -> dict[str, Any]:
        reached.append("health")
        return {}

    app.wsgi_app = stack.wsgi(app.wsgi_app)  # type: ignore[method-assign,assignment,arg-type]
    return app


def _django_urls(reached: Reached) -> Any:
    import types

    from django.http import JsonResponse
    from django.urls import path

    set_up_django()

    def order(request: Any, order_id: int) -> Any:
        reached.append(order_id)
        return JsonResponse({**describe(request), "user": request.META.get("REMOTE_USER")})

    def health(request: Any) -> Any:
        reached.append("health")
        return JsonResponse({})

    urls = types.ModuleType("ringwall_test_urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("v1/orders/<int:order_id>", order),
        path("healthz", health),
    ]
    return urls


def _install_django_urls(reached: Reached) -> None:
    import sys

    sys.modules["ringwall_test_urls"] = _django_urls(reached)
    from django.urls import clear_url_caches

    clear_url_caches()


def django_wsgi(stack: Stack, reached: Reached) -> Any:
    _install_django_urls(reached)
    from django.core.wsgi import get_wsgi_application

    return stack.wsgi(get_wsgi_application())


def django_asgi(stack: Stack, reached: Reached) -> Any:
    _install_django_urls(reached)
    from django.core.asgi import get_asgi_application

    return stack.asgi(get_asgi_application())


def pyramid(stack: Stack, reached: Reached) -> Any:
    from pyramid.config import Configurator

    def order(request: Any) -> dict[str, Any]:
        reached.append(int(request.matchdict["order_id"]))
        return {**describe(request), "user": request.remote_user}

    def health(request: Any) -> dict[str, Any]:
        reached.append("health")
        return {}

    with Configurator() as config:
        config.add_route("order", "/v1/orders/{order_id}")
        config.add_view(order, route_name="order", renderer="json")
        config.add_route("health", "/healthz")
        config.add_view(health, route_name="health", renderer="json")
        return stack.wsgi(config.make_wsgi_app())


def bottle(stack: Stack, reached: Reached) -> Any:
    import bottle as framework

    app = framework.Bottle()

    @app.get("/v1/orders/<order_id:int>")
    def order(order_id: int) -> str:
        reached.append(order_id)
        user = framework.request.environ.get("REMOTE_USER")
        return json.dumps({**describe(framework.request), "user": user})

    @app.get("/healthz")
    def health() -> str:
        reached.append("health")
        return "{}"

    return stack.wsgi(app)


HOSTS: dict[str, Host] = {
    "starlette": Host("asgi", starlette),
    "fastapi": Host("asgi", fastapi),
    "litestar": Host("asgi", litestar),
    "quart": Host("asgi", quart),
    "falcon-asgi": Host("asgi", falcon_asgi),
    "django-asgi": Host("asgi", django_asgi),
    "flask": Host("wsgi", flask),
    "django-wsgi": Host("wsgi", django_wsgi),
    "falcon-wsgi": Host("wsgi", falcon_wsgi),
    "pyramid": Host("wsgi", pyramid),
    "bottle": Host("wsgi", bottle),
}
