"""The OpenAPI document of the demo's API: what it does not declare does not reach the app."""

from __future__ import annotations

from typing import Any

_PROBLEM = {"$ref": "#/components/responses/Problem"}


def _answers(status: str, schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {status: {"description": "Done.", "content": content}, "default": _PROBLEM}


_ORDER = {"$ref": "#/components/schemas/Order"}
_PLACED = {"$ref": "#/components/schemas/PlacedOrder"}
_TEXT = {"type": "string"}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1.0.0"},
    "security": [{"token": []}, {"key": []}],
    "paths": {
        "/openapi.json": {
            "get": {
                "operationId": "readDocument",
                "security": [],
                "responses": _answers("200", {"type": "object"}),
            }
        },
        "/healthz": {
            "get": {
                "operationId": "checkHealth",
                "security": [],
                "responses": _answers(
                    "200",
                    {"type": "object", "properties": {"status": _TEXT}, "required": ["status"]},
                ),
            }
        },
        "/v1/orders": {
            "get": {
                "operationId": "listOrders",
                "responses": _answers("200", {"type": "array", "items": _PLACED}),
            },
            "post": {
                "operationId": "placeOrder",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": _ORDER,
                            "example": {"item": "kettle", "quantity": 1},
                        }
                    },
                },
                "responses": _answers("201", _PLACED),
            },
        },
        "/v1/orders/{order_id}": {
            "get": {
                "operationId": "readOrder",
                "parameters": [
                    {
                        "name": "order_id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
                        "example": 1001,
                    }
                ],
                "responses": _answers("200", _PLACED),
            }
        },
        "/v1/admin/users": {
            "get": {
                "operationId": "listUsers",
                "responses": _answers(
                    "200",
                    {
                        "type": "object",
                        "properties": {"users": {"type": "array", "items": _TEXT}},
                        "required": ["users"],
                    },
                ),
            }
        },
    },
    "components": {
        "schemas": {
            "Order": {
                "type": "object",
                "properties": {
                    "item": {"type": "string", "minLength": 1, "maxLength": 100},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 100},
                },
                "required": ["item", "quantity"],
                "additionalProperties": False,
            },
            "PlacedOrder": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "owner": _TEXT,
                    "item": _TEXT,
                    "quantity": {"type": "integer"},
                },
                "required": ["id", "owner", "item", "quantity"],
                "additionalProperties": False,
            },
        },
        "responses": {
            "Problem": {
                "description": "A layer has refused the request (RFC 9457).",
                "content": {
                    "application/problem+json": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "title": _TEXT,
                                "status": {"type": "integer"},
                                "detail": _TEXT,
                                "code": _TEXT,
                            },
                            "required": ["title", "status", "detail", "code"],
                        }
                    }
                },
            }
        },
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "key": {"type": "apiKey", "in": "header", "name": "Authorization"},
        },
    },
}
