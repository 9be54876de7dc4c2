"""Mistakes of a document, with the place where they are."""

from __future__ import annotations

from ..._errors import ConfigurationError


def child(pointer: str, *steps: str | int) -> str:
    """A JSON Pointer (RFC 6901) to something inside.

    >>> child("#/paths", "/orders", "get")
    '#/paths/~1orders/get'
    """
    for step in steps:
        pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
    return pointer


def mistake(pointer: str, message: str) -> ConfigurationError:
    """The error to raise for a mistake at this place."""
    return ConfigurationError(f"the OpenAPI document is not valid at {pointer}: {message}")
