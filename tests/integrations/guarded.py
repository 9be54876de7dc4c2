"""One orders app in each framework, with requirements and limits at its handlers, in its idiom.

Each `build(stack, reached)` returns the walled app. Handlers note what they were called with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import falcon
import falcon.asgi
import litestar
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import ringwall_django
import ringwall_falcon
import ringwall_fastapi
import ringwall_flask
import ringwall_litestar
import ringwall_quart
import ringwall_starlette
from integrations.django_project import set_up_django
from integrations.orders import load_order
from ringwall import Stack, owner, principal_of, role, scope
from ringwall.handlers import Requirement

MINE = "/h/mine/{order_id:int}"


class Host(NamedTuple):
    interface: str
    build: Callable[[Stack, list[Any]], Any]


def subject(request: Any) -> dict[str, Any]:
    principal = principal_of(request)
    return {"subject": principal.subject if principal else None}


def fastapi(stack: Stack, reached: list[Any]) -> Any:
    wall, app = ringwall_fastapi, FastAPI()

    @app.get("/v1/orders/{order_id}")
    async def order(order_id: int, who: ringwall_fastapi.Principal) -> dict[str, Any]:
        reached.append(f"order {order_id}")
        return {"subject": who.subject}

    @app.get("/healthz")
    def healthz(who: ringwall_fastapi.OptionalPrincipal) -> dict[str, Any]:
        reached.append("healthz")
        return {"subject": who and who.subject}

    @app.get("/h/any")
    def any_(who: ringwall_fastapi.Principal) -> dict[str, Any]:
        reached.append("any")
        return {"subject": who.subject}

    @app.get("/h/write", dependencies=[wall.require(scope("orders:write"))])
    def write() -> None:
        reached.append("write")

    @app.get("/h/admin", dependencies=[wall.require(role("admin"))])
    def admin() -> None:
        reached.append("admin")

    @app.get(
        "/h/mine/{order_id}", dependencies=[wall.require(owner(load_order), path=MINE, hide=True)]
    )
    def mine(order_id: int) -> None:
        reached.append(f"mine {order_id}")

    @app.get("/h/limited", dependencies=[wall.limit("1/hour")])
    def limited() -> None:
        reached.append("limited")

    return wall.secure(app, stack)


def starlette(stack: Stack, reached: list[Any]) -> Any:
    wall = ringwall_starlette

    async def order(request: Request) -> JSONResponse:
        reached.append(f"order {request.path_params['order_id']}")
        return JSONResponse(subject(request))

    def plain(name: str) -> Any:
        async def endpoint(request: Request) -> JSONResponse:
            reached.append(name)
            return JSONResponse(subject(request))

        return endpoint

    @wall.require(owner(load_order), path=MINE, hide=True)
    def mine(request: Request) -> JSONResponse:
        reached.append(f"mine {request.path_params['order_id']}")
        return JSONResponse({})

    routes = [
        Route("/v1/orders/{order_id:int}", wall.require()(order)),
        Route("/healthz", plain("healthz")),
        Route("/h/any", wall.require()(plain("any"))),
        Route("/h/write", wall.require(scope("orders:write"))(plain("write"))),
        Route("/h/admin", wall.require(role("admin"))(plain("admin"))),
        Route("/h/mine/{order_id}", mine),
        Route("/h/limited", wall.limit("1/hour")(plain("limited"))),
    ]
    return wall.secure(Starlette(routes=routes), stack)


def flask(stack: Stack, reached: list[Any]) -> Any:
    from flask import Blueprint, Flask

    wall = ringwall_flask
    app, handlers = Flask(__name__), Blueprint("h", __name__, url_prefix="/h")

    @app.get("/v1/orders/<int:order_id>")
    @wall.require()
    def order(order_id: int) -> dict[str, Any]:
        reached.append(f"order {order_id}")
        return {"subject": wall.current_principal.subject}

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        reached.append("healthz")
        return {"subject": wall.current_principal.subject if wall.current_principal else None}

    @handlers.get("/any")
    @wall.require()
    async def any_() -> dict[str, Any]:
        reached.append("any")
        return {"subject": wall.current_principal.subject}

    @handlers.get("/write")
    @wall.require(scope("orders:write"))
    def write() -> str:
        reached.append("write")
        return ""

    @handlers.get("/mine/<order_id>")
    @wall.require(owner(load_order), path=MINE, hide=True)
    def mine(order_id: str) -> str:
        reached.append(f"mine {order_id}")
        return ""

    @handlers.get("/limited")
    @wall.limit("1/hour")
    def limited() -> str:
        reached.append("limited")
        return ""

    admins = Blueprint("admin", __name__, url_prefix="/h/admin")

    @admins.before_request
    @wall.require(role("admin"))
    def only_admins() -> None: ...

    @admins.get("")
    def admin() -> str:
        reached.append("admin")
        return ""

    app.register_blueprint(handlers)
    app.register_blueprint(admins)
    wall.Ringwall(app, stack)
    return app


def quart(stack: Stack, reached: list[Any]) -> Any:
    from quart import Quart

    wall = ringwall_quart
    app = Quart(__name__)

    @app.get("/v1/orders/<int:order_id>")
    @wall.require()
    async def order(order_id: int) -> dict[str, Any]:
        reached.append(f"order {order_id}")
        return {"subject": wall.current_principal.subject}

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        reached.append("healthz")
        return {"subject": wall.current_principal.subject if wall.current_principal else None}

    @app.get("/h/any")
    @wall.require()
    def any_() -> dict[str, Any]:
        reached.append("any")
        return {"subject": wall.current_principal.subject}

    @app.get("/h/write")
    @wall.require(scope("orders:write"))
    async def write() -> str:
        reached.append("write")
        return ""

    @app.get("/h/admin")
    @wall.require(role("admin"))
    async def admin() -> str:
        reached.append("admin")
        return ""

    @app.get("/h/mine/<order_id>")
    @wall.require(owner(load_order), path=MINE, hide=True)
    async def mine(order_id: str) -> str:
        reached.append(f"mine {order_id}")
        return ""

    @app.get("/h/limited")
    @wall.limit("1/hour")
    async def limited() -> str:
        reached.append("limited")
        return ""

    wall.Ringwall(app, stack)
    return app


def _django_urls(reached: list[Any]) -> list[Any]:
    from django.http import JsonResponse
    from django.urls import path
    from django.utils.decorators import method_decorator
    from django.views import View

    wall = ringwall_django

    @wall.require()
    async def order(request: Any, order_id: int) -> JsonResponse:
        reached.append(f"order {order_id}")
        return JsonResponse({"subject": request.user.username})

    def plain(name: str) -> Any:
        def view(request: Any) -> JsonResponse:
            reached.append(name)
            user = request.user
            return JsonResponse({"subject": user.username if user.is_authenticated else None})

        return view

    @wall.require(scope("orders:write"))
    async def write(request: Any) -> JsonResponse:
        reached.append("write")
        return JsonResponse({})

    @method_decorator(wall.require(owner(load_order), path=MINE, hide=True), name="dispatch")
    class Mine(View):
        def get(self, request: Any, order_id: str) -> JsonResponse:
            reached.append(f"mine {order_id}")
            return JsonResponse({})

    return [
        path("v1/orders/<int:order_id>", order),
        path("healthz", plain("healthz")),
        path("h/any", wall.require()(plain("any"))),
        path("h/write", write),
        path("h/admin", wall.require(role("admin"))(plain("admin"))),
        path("h/mine/<str:order_id>", Mine.as_view()),
        path("h/limited", wall.limit("1/hour")(plain("limited"))),
    ]


def _django(stack: Stack, reached: list[Any], application: Callable[[], Any]) -> Any:
    """The project's settings are in force while it is built and whenever it is called."""
    set_up_django()
    from integrations.django_project import project

    urls = _django_urls(reached)
    with project(urls, stack):
        app = application()
    if application is ringwall_django.get_wsgi_application:

        def wsgi(environ: Any, start_response: Any) -> Any:
            with project(urls, stack):
                return app(environ, start_response)

        return wsgi

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        with project(urls, stack):
            await app(scope, receive, send)

    return asgi


def django_wsgi(stack: Stack, reached: list[Any]) -> Any:
    return _django(stack, reached, ringwall_django.get_wsgi_application)


def django_asgi(stack: Stack, reached: list[Any]) -> Any:
    return _django(stack, reached, ringwall_django.get_asgi_application)


def litestar_(stack: Stack, reached: list[Any]) -> Any:
    wall = ringwall_litestar
    get = litestar.get

    @get("/v1/orders/{order_id:int}")
    async def order(order_id: int, principal: ringwall_litestar.Principal) -> dict[str, Any]:
        reached.append(f"order {order_id}")
        return {"subject": principal.subject}

    @get("/healthz")
    async def healthz(request: litestar.Request[Any, Any, Any]) -> dict[str, Any]:
        reached.append("healthz")
        return subject(request)

    @get("/h/any")
    async def any_(principal: ringwall_litestar.Principal) -> dict[str, Any]:
        reached.append("any")
        return {"subject": principal.subject}

    @get("/h/write", guards=[wall.require(scope("orders:write"))])
    async def write() -> None:
        reached.append("write")

    @get("/h/admin", guards=[wall.require(role("admin"))])
    async def admin() -> None:
        reached.append("admin")

    @get("/h/mine/{order_id:str}", guards=[wall.require(owner(load_order), path=MINE, hide=True)])
    async def mine(order_id: str) -> None:
        reached.append(f"mine {order_id}")

    @get("/h/limited", guards=[wall.limit("1/hour")])
    async def limited() -> None:
        reached.append("limited")

    plugin = wall.RingwallPlugin(stack)
    handlers: list[Any] = [order, healthz, any_, write, admin, mine, limited]
    return plugin.around(litestar.Litestar(handlers, plugins=[plugin]))


class _Responder:
    """A Falcon resource for both interfaces."""

    def __init__(self, reached: list[Any], name: str) -> None:
        self._reached = reached
        self._name = name

    def answer(self, request: Any, response: Any, order_id: Any = None) -> None:
        self._reached.append(self._name if order_id is None else f"{self._name} {order_id}")
        principal = request.context.principal
        response.media = {"subject": principal.subject if principal else None}


def _falcon(stack: Stack, reached: list[Any], *, asynchronous: bool) -> Any:
    wall = ringwall_falcon

    def resource(name: str, hook: Any = None) -> Any:
        class Resource(_Responder):
            if asynchronous:

                async def on_get(self, request: Any, response: Any, **params: Any) -> None:
                    self.answer(request, response, **params)

            else:

                def on_get(self, request: Any, response: Any, **params: Any) -> None:
                    self.answer(request, response, **params)

        guarded: Any = Resource if hook is None else falcon.before(hook)(Resource)
        return guarded(reached, name)

    middleware = [wall.PrincipalMiddleware()]
    app: Any = (falcon.asgi.App if asynchronous else falcon.App)(middleware=middleware)
    app.add_route("/v1/orders/{order_id:int}", resource("order", wall.require()))
    app.add_route("/healthz", resource("healthz"))
    app.add_route("/h/any", resource("any", wall.require()))
    app.add_route("/h/write", resource("write", wall.require(scope("orders:write"))))
    app.add_route("/h/admin", resource("admin", wall.require(role("admin"))))
    mine = wall.require(owner(load_order), path=MINE, hide=True)
    app.add_route("/h/mine/{order_id}", resource("mine", mine))
    app.add_route("/h/limited", resource("limited", wall.limit("1/hour")))
    return wall.secure(app, stack)


def falcon_wsgi(stack: Stack, reached: list[Any]) -> Any:
    return _falcon(stack, reached, asynchronous=False)


def falcon_asgi(stack: Stack, reached: list[Any]) -> Any:
    return _falcon(stack, reached, asynchronous=True)


def pyramid(stack: Stack, reached: list[Any]) -> Any:
    from pyramid.config import Configurator

    import ringwall_pyramid  # it imports what is deprecated

    def view(name: str) -> Any:
        def answer(request: Any) -> dict[str, Any]:
            reached.append(" ".join([name, *request.matchdict.values()]))
            principal = request.principal
            return {"subject": principal.subject if principal else None}

        return answer

    mine = Requirement(owner(load_order), path=MINE, hide=True)
    views: list[tuple[str, str, dict[str, Any]]] = [
        ("order", "/v1/orders/{order_id}", {"require": ()}),
        ("healthz", "/healthz", {}),
        ("any", "/h/any", {"require": Requirement()}),
        ("write", "/h/write", {"require": scope("orders:write")}),
        ("admin", "/h/admin", {"require": (role("admin"),)}),
        ("mine", "/h/mine/{order_id}", {"require": mine}),
        ("limited", "/h/limited", {"limit": "1/hour"}),
    ]
    with Configurator() as config:
        config.include("ringwall_pyramid")
        for name, path, options in views:
            config.add_route(name, path)
            config.add_view(view(name), route_name=name, renderer="json", **options)
        return ringwall_pyramid.make_wsgi_app(config, stack)


HOSTS: dict[str, Host] = {
    "fastapi": Host("asgi", fastapi),
    "starlette": Host("asgi", starlette),
    "litestar": Host("asgi", litestar_),
    "quart": Host("asgi", quart),
    "falcon-asgi": Host("asgi", falcon_asgi),
    "django-asgi": Host("asgi", django_asgi),
    "flask": Host("wsgi", flask),
    "django-wsgi": Host("wsgi", django_wsgi),
    "falcon-wsgi": Host("wsgi", falcon_wsgi),
    "pyramid": Host("wsgi", pyramid),
}
