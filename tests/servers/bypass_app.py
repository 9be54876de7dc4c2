"""Routed apps with something to get at, in Starlette and in Flask, behind one policy.

`/hits` tells which guarded handlers were reached, so that an attack can be seen to have failed
whatever its answer was.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

from ringwall import (
    Authorization,
    IdentityHeaders,
    Layer,
    Principal,
    Stack,
    allow,
    owner,
    public,
    role,
)

OWNERS = {1001: "alice", 1002: "bob"}
hits: list[str] = []


def load_order(order_id: int) -> dict[str, str] | None:
    return {"owner": OWNERS[order_id]} if order_id in OWNERS else None


class Names(Layer):
    """Stands for an authentication layer: believes a header, which no test forges."""

    name = "authentication"
    wants = frozenset({b"x-test-name"})

    def on_request(self, exchange: Any) -> None:
        name = exchange.headers.get(b"x-test-name", b"").decode()
        roles = {"admin"} if name == "root" else set()
        who = Principal(name, scheme="test", roles=roles) if name else None
        exchange.authenticate(who)


stack = Stack(
    IdentityHeaders(),
    Names(),
    Authorization(
        public("GET", "/public"),
        public("GET", "/public/**"),
        public("GET", "/hits"),
        allow("GET", "/v1/orders/{order_id:int}", owner(load_order)),
        allow("*", "/admin/**", role("admin")),
        allow("GET", "/mounted/admin/{name}", role("admin")),
    ),
)


async def _public(request: Any) -> JSONResponse:
    return JSONResponse({"public": True})


async def _hits(request: Any) -> JSONResponse:
    return JSONResponse(hits)


async def _order(request: Any) -> JSONResponse:
    hits.append(f"order {request.path_params['order_id']}")
    return JSONResponse({"order": request.path_params["order_id"]})


def _guarded(name: str) -> Any:
    async def handler(request: Any) -> JSONResponse:
        hits.append(name)
        return JSONResponse({"secret": name})

    return handler


async def _feed(websocket: Any) -> None:
    hits.append("feed")
    await websocket.accept()
    await websocket.close()


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
asgi = stack.asgi(
    Starlette(
        routes=[
            Route("/public", _public),
            Route("/public/{rest:path}", _public),
            Route("/hits", _hits),
            Route("/v1/orders/{order_id:int}", _order),
            Route("/admin/users", _guarded("admin"), methods=METHODS),
            Route("/admin/users/{name:path}", _guarded("admin"), methods=METHODS),
            Route("/forgotten", _guarded("forgotten"), methods=METHODS),
            WebSocketRoute("/admin/feed", _feed),
            WebSocketRoute("/public/feed", _feed),
            Mount("/mounted", routes=[Route("/admin/{name:path}", _guarded("mounted"))]),
        ]
    )
)

flask = Flask(__name__)


@flask.get("/public", defaults={"rest": ""})
@flask.get("/public/<path:rest>")
def public_page(rest: str) -> Any:
    return jsonify(public=True)


@flask.get("/hits")
def all_hits() -> Any:
    return jsonify(hits)


@flask.get("/v1/orders/<int:order_id>")
def order(order_id: int) -> Any:
    hits.append(f"order {order_id}")
    return jsonify(order=order_id)


@flask.route("/admin/users", methods=METHODS, defaults={"name": ""})
@flask.route("/admin/users/<path:name>", methods=METHODS)
def admin(name: str) -> Any:
    hits.append("admin")
    return jsonify(secret="admin")


@flask.route("/forgotten", methods=METHODS)
def forgotten() -> Any:
    hits.append("forgotten")
    return jsonify(secret="forgotten")


@flask.get("/mounted/admin/<path:name>")
def mounted(name: str) -> Any:
    hits.append("mounted")
    return jsonify(secret="mounted")


wsgi = stack.wsgi(flask.wsgi_app)
