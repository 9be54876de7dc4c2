"""The operations of a layer, compiled once. Imported by the layer's constructor alone: this is
where msgspec and jsonschema-rs are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from ._models import schema_of
from ._operation import Bodies, MediaType, Operation, parse_key
from ._options import Options
from ._table import Table
from .handlers import Content, Factory, Handler, factory_of


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
        made: dict[Factory, Handler] = {}  # types that share a factory share what it makes
        accepted = []
        for name, factory in factories.items():
            if factory not in made:
                content = Content(name, schema, key, make, lenient=not is_schema)
                made[factory] = factory(content, options)
            accepted.append(MediaType(name, made[factory], options.limit))
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
