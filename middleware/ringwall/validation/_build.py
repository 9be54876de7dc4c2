"""The operations of a layer, compiled once. Imported by the layer's constructor alone: this is
where msgspec and jsonschema-rs are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from ._models import schema_of
from ._operation import Bodies, MediaType, Operation, parse_key
from ._options import Options
from ._responses import Mode
from ._size import parse_size
from ._table import Table
from .handlers import Content, Factory, Handler, Rewrite, factory_of, rewriter_of
from .openapi import Rules, table_of_document


def make_table(
    layer: str,
    schemas: Mapping[str, Any] | None,
    openapi: Any,
    media_types: Iterable[str] | Mapping[str, Iterable[str]],
    options: Options,
    *,
    unknown_query: str,
    base_path: str | None,
    responses: Mode,
    response_limit: str | int,
    max_depth: int,
) -> Table:
    """The operations of a mapping, or of an OpenAPI document.

    Raises:
        ConfigurationError: see `BodyValidation`.
    """
    if openapi is not None and schemas is not None:
        raise ConfigurationError("schemas and openapi exclude each other: give one of them")
    if unknown_query not in ("refuse", "pass"):
        raise ConfigurationError(
            f"unknown_query={unknown_query!r} is unknown; use 'refuse' or 'pass'"
        )
    if responses not in ("ignore", "report", "enforce", "strip"):
        raise ConfigurationError(
            f"responses={responses!r} is unknown; use 'ignore', 'report', 'enforce' or 'strip'"
        )
    if openapi is not None:
        most = parse_size(response_limit)
        rules = Rules(unknown_query == "refuse", base_path, responses, most, max_depth)
        return table_of_document(layer, openapi, options, rules)
    if not isinstance(schemas, Mapping):
        raise ConfigurationError(
            "BodyValidation takes a mapping: BodyValidation({'POST /v1/orders': schema}), or"
            " openapi='openapi.json'"
        )
    if options.closed:
        raise ConfigurationError(
            "closed=True needs an OpenAPI document; write 'additionalProperties': False in schemas"
        )
    if responses != "ignore":
        raise ConfigurationError(f"responses={responses!r} needs an OpenAPI document: openapi=")
    return table_of_schemas(layer, schemas, media_types, options)


def table_of_schemas(
    layer: str,
    schemas: Mapping[str, Any],
    media_types: Iterable[str] | Mapping[str, Iterable[str]],
    options: Options,
) -> Table:
    """The routes of a mapping from `"METHOD /path/{template}"` to a schema or model.

    Raises:
        ConfigurationError: see `BodyValidation`.
    """
    by_route = media_types if isinstance(media_types, Mapping) else {}
    for key in by_route.keys() - schemas.keys():
        hint = did_you_mean(str(key), map(str, schemas))
        raise ConfigurationError(f"media_types names {key!r}, which is no route here{hint}")
    common = _factories(("application/json",) if by_route else media_types)
    table = Table()
    for key, given in schemas.items():
        factories = _factories(by_route[key]) if key in by_route else common
        method, template = parse_key(key)
        is_schema = isinstance(given, (dict, bool))
        schema, make = (given, None) if is_schema else schema_of(given, key)
        # Types that share a factory share what it makes.
        made: dict[Factory, tuple[Handler, Rewrite | None]] = {}
        accepted = []
        for name, factory in factories.items():
            if factory not in made:
                content = Content(name, schema, key, make, lenient=not is_schema)
                rewrite = rewriter_of(factory, content, options)
                made[factory] = factory(content, options), rewrite
            handler, rewrite = made[factory]
            accepted.append(MediaType(name, handler, options.limit, rewrite))
        table.add(method, template, Operation(layer, method, template.text, Bodies(accepted)))
    return table


def _factories(media_types: Iterable[str]) -> dict[str, Factory]:
    if isinstance(media_types, str):
        raise ConfigurationError(f"media_types is a list: write media_types=[{media_types!r}]")
    found: dict[str, Factory] = {}
    for name in media_types:
        factory = factory_of(name.lower()) if isinstance(name, str) else None
        if factory is None:
            raise ConfigurationError(
                f"nothing judges bodies of {name!r}: write 'application/json', one that ends in"
                " '+json', or a type that the documentation of BodyValidation names"
            )
        found[name.lower()] = factory
    if not found:
        raise ConfigurationError("media_types is empty; leave it out for 'application/json'")
    return found
