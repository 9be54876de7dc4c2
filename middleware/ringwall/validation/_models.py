"""Models as schemas: msgspec Structs, dataclasses, TypedDicts, attrs classes, pydantic models.

A model becomes a JSON Schema, so that a body is judged and explained in the same way whatever it
was written in; then the library makes the instance, and its own checks run. No library is imported
that the model does not come from.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from .._errors import ConfigurationError
from ._patterns import check_msgspec, check_pydantic
from ._walk import subschemas

Make = Callable[[bytes], Any]


class NotAnInstance(Exception):
    """The model's own checks refuse a value that its schema allows."""


def schema_of(model: Any, where: str) -> tuple[dict[str, Any], Make]:
    """The JSON Schema of a model, with closed objects, and what makes an instance of it.

    Objects are closed (`additionalProperties: false`) unless the model says that it takes more:
    a property that the model does not know would reach the app in the replayed body.

    Raises:
        ConfigurationError: it is no model, or has no JSON Schema, or a pattern that takes too long.
    """
    if isinstance(model, str) or model is None:
        raise ConfigurationError(f"{model!r} for {where} is no schema and no model")
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and _is_pydantic(model, pydantic):
        return _pydantic(model, where, pydantic)
    return _msgspec(model, where)


def _is_pydantic(model: Any, pydantic: Any) -> bool:
    return isinstance(model, pydantic.TypeAdapter) or hasattr(model, "__pydantic_validator__")


def _pydantic(model: Any, where: str, pydantic: Any) -> tuple[dict[str, Any], Make]:
    adapter = model if isinstance(model, pydantic.TypeAdapter) else pydantic.TypeAdapter(model)
    try:
        schema = adapter.json_schema(mode="validation")
    except pydantic.errors.PydanticUserError as error:
        raise ConfigurationError(f"the model for {where} has no JSON Schema: {error}") from None
    check_pydantic(adapter, where)
    validate = adapter.validate_json

    def make(body: bytes) -> Any:
        try:
            return validate(body)
        except pydantic.ValidationError:
            raise NotAnInstance from None

    return _closed(schema), make


def _msgspec(model: Any, where: str) -> tuple[dict[str, Any], Make]:
    try:
        schema = msgspec.json.schema(model)
        decode = msgspec.json.Decoder(model).decode
    except (TypeError, RecursionError) as error:
        raise ConfigurationError(f"the model for {where} has no JSON Schema: {error}") from None
    check_msgspec(model, where)

    def make(body: bytes) -> Any:
        try:
            return decode(body)
        except msgspec.ValidationError:
            raise NotAnInstance from None

    return _closed(schema), make


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    closed = copy.deepcopy(schema)
    for part in subschemas(closed):
        if isinstance(part.get("properties"), dict):
            part.setdefault("additionalProperties", False)
    return closed
