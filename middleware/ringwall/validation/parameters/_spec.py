"""A parameter as it is declared."""

from __future__ import annotations

from typing import NamedTuple

from .._schema import JSONSchema


class Spec(NamedTuple):
    """One parameter.

    location: "path", "query", "header" or "cookie". style, explode: how it is written (OpenAPI
    3.1 section 4.8.12). is_json: its text is JSON (`content`), in no style. allow_empty: a query
    parameter may be empty whatever its schema says.
    """

    name: str
    location: str
    schema: JSONSchema
    required: bool = False
    style: str = "form"
    explode: bool = True
    is_json: bool = False
    allow_empty: bool = False
