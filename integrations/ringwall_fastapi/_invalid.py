"""What FastAPI finds wrong with a request, as a problem that repeats nothing of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from ringwall.problem import problem
from ringwall_starlette import problem_response

_MOST_ERRORS = 20


def handler_of_invalid(app: FastAPI) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The exception handler for `RequestValidationError`: where and why, never the input.

    A pointer (RFC 6901) ends before the first name that the app's OpenAPI document does not spell
    out: such a name is input.
    """
    known: set[str] = set()

    async def handle(request: Request, error: Exception) -> Response:
        if not known:
            known.update(_names(app.openapi()))
        found = cast("RequestValidationError", error).errors()
        refusal = problem(
            422,
            "The request does not follow its schema; see errors.",
            code="invalid-request",
            errors=[_explained(each, known) for each in found[:_MOST_ERRORS]],
        )
        return problem_response(refusal)

    return handle


def _explained(error: Any, known: set[str]) -> dict[str, str]:
    place, *steps = error["loc"]
    pointer = "#"
    for step in steps:
        if isinstance(step, str) and step not in known:
            break
        escaped = str(step).replace("~", "~0").replace("/", "~1")
        pointer += "/" + quote(escaped, safe="~")
    return {"in": str(place), "pointer": pointer, "code": str(error["type"])}


def _names(schema: Any) -> Iterator[str]:
    """The names that a document gives to properties and parameters."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        if "in" in schema and isinstance(schema.get("name"), str):
            yield schema["name"]
        for inner in schema.values():
            yield from _names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _names(inner)
