"""Documents for tests, of as few lines as may be."""

from __future__ import annotations

from typing import Any

from ringwall import BodyValidation


def document(version: str = "3.1.0", /, **fields: Any) -> dict[str, Any]:
    return {"openapi": version, "info": {"title": "t", "version": "1"}, "paths": {}, **fields}


def operation(**fields: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": ""}}, **fields}


def layer_of(
    body: Any = None,
    *,
    parameters: Any = (),
    path: str = "/x",
    version: str = "3.1.0",
    schemas: Any = None,
    required: bool = True,
    **options: Any,
) -> BodyValidation:
    """A layer for POST on one path, with this schema of the body."""
    fields: dict[str, Any] = {"parameters": list(parameters)}
    if body is not None:
        content = {"application/json": {"schema": body}}
        fields["requestBody"] = {"content": content, "required": required}
    given = document(
        version,
        paths={path: {"post": operation(**fields)}},
        components={"schemas": schemas or {}},
    )
    return BodyValidation(openapi=given, **options)


def parameter(
    schema: Any, name: str = "p", location: str = "query", **fields: Any
) -> dict[str, Any]:
    needed = {"required": True} if location == "path" else {}
    return {"name": name, "in": location, "schema": schema, **needed, **fields}
