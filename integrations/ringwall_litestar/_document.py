"""The OpenAPI document, with what the stack and the guards ask of clients and answer them."""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import OpenAPI
from litestar.routes import HTTPRoute

from ringwall import Stack
from ringwall.openapi_security import MARKS, secure_document

from ._guards import Limited, Required


def describe(app: Litestar, config: OpenAPIConfig, stack: Stack, principal: object) -> None:
    """Let the app's document tell of the stack; `config` is changed, and must be the app's own.

    principal: the dependency that refuses whoever is nobody.
    """
    plain = config.to_openapi_schema

    def to_openapi_schema() -> OpenAPI:
        openapi = plain()
        to_schema = openapi.to_schema

        def secured() -> dict[str, Any]:
            document = to_schema()
            _mark(document, app, principal)
            return secure_document(document, stack)

        openapi.to_schema = secured  # type: ignore[method-assign]
        return openapi

    config.to_openapi_schema = to_openapi_schema  # type: ignore[method-assign]


def _mark(document: dict[str, Any], app: Litestar, principal: object) -> None:
    """Tell `secure_document` which operations have guards, and what else they accept."""
    accepted: list[dict[str, list[str]]] = document.get("security", [])
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        operations = document["paths"].get(route.path_format, {})
        for method, (handler, _) in route.route_handler_map.items():
            operation = operations.get(method.lower())
            if operation is not None:
                own = operation.get("security", accepted)
                operation["security"] = [*own, *_marks(handler, principal)]


def _marks(handler: BaseRouteHandler, principal: object) -> list[dict[str, list[str]]]:
    marks: list[dict[str, list[str]]] = []
    for guard in handler.resolve_guards():
        if isinstance(guard, Required):
            marks.append({MARKS.require: list(guard.requirement.scopes)})
        elif isinstance(guard, Limited):
            marks.append({MARKS.limit: []})
    asked = "principal" in handler.parsed_fn_signature.parameters
    if asked and handler.resolve_dependencies().get("principal") is principal:
        marks.append({MARKS.require: []})
    return marks
