"""The routes of a layer, compiled once. Imported by the layer's constructor alone: this is where
msgspec and jsonschema-rs are needed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import ConfigurationError
from .._template_index import TemplateIndex
from ._check import JSONCheck
from ._json import StrictJSON
from ._models import schema_of
from ._route import Route, parse_key
from ._schema import FormatCheck, JSONSchema, Schema

_JSON = re.compile(r"application/json\Z|[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9!#$&^_.+-]+\+json\Z")

# Parsers and validators recurse. On the 128 KiB stack of a thread under musl, with a schema of ten
# nested keywords for each level, a depth of 150 passed and 200 crashed the process.
_DEEPEST = 128


def build_routes(
    layer: str,
    schemas: Mapping[str, Any],
    *,
    limit: int,
    media_types: Iterable[str],
    max_depth: int,
    max_values: int,
    dialect: str,
    resources: Mapping[str, JSONSchema] | None,
    formats: bool | Mapping[str, FormatCheck],
) -> dict[str, TemplateIndex[Route]]:
    """The declared routes by method.

    Raises:
        ConfigurationError: see `BodyValidation`.
    """
    if not _is_in(max_depth, _DEEPEST):
        raise ConfigurationError(f"max_depth={max_depth!r}: write a number from 1 to {_DEEPEST}")
    if not _is_in(max_values, 10**9):
        raise ConfigurationError(
            f"max_values={max_values!r}: write a number of values, such as 20_000"
        )
    types = _json_types(media_types)
    parse = StrictJSON(max_depth, max_values)
    routes: dict[str, TemplateIndex[Route]] = {}
    for key, given in schemas.items():
        method, template = parse_key(key)
        is_schema = isinstance(given, (dict, bool))
        schema, make = (given, None) if is_schema else schema_of(given, key)
        compiled = Schema(
            schema,
            key,
            dialect=dialect,
            resources=resources,
            formats=formats,
            lenient=not is_schema,
        )
        checks = dict.fromkeys(types, JSONCheck(parse, compiled, make))
        index = routes.setdefault(method, TemplateIndex())
        index.add(template, Route(layer, method, template, checks, limit))
    return routes


def _is_in(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _json_types(media_types: Iterable[str]) -> tuple[bytes, ...]:
    if isinstance(media_types, str):
        raise ConfigurationError(f"media_types is a list: write media_types=[{media_types!r}]")
    names = tuple(media_types)
    for name in names:
        if not isinstance(name, str) or not _JSON.match(name.lower()):
            raise ConfigurationError(
                f"{name!r} is no JSON media type: write 'application/json' or one that ends in"
                " '+json'"
            )
    if not names:
        raise ConfigurationError("media_types is empty; leave it out for 'application/json'")
    return tuple(name.lower().encode("ascii") for name in names)
