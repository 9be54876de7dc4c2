"""Takes out of a value what its schema does not name."""

from __future__ import annotations

from typing import Any

from ._schema import JSONSchema

Parts = list[dict[str, Any]]


class Stripper:
    """Removes the properties that a schema does not spell out, at every depth.

    A schema that spells out none, or allows others in so many words (`additionalProperties` that is
    true or a schema, `patternProperties`), keeps them all. Of alternatives, what one names counts.

    Parameters:
        schema: with all that it refers to below `$defs`.

    >>> schema = {"properties": {"id": {}, "in": {"properties": {"a": {}}}}}
    >>> Stripper(schema)({"id": 1, "in": {"a": 1, "b": 2}, "password": "x"})
    {'id': 1, 'in': {'a': 1}}
    """

    def __init__(self, schema: JSONSchema) -> None:
        self._root = [schema]
        self._defs = schema.get("$defs", {}) if isinstance(schema, dict) else {}

    def __call__(self, value: Any) -> Any:
        return self._strip(value, self._root)

    def _strip(self, value: Any, schemas: list[JSONSchema]) -> Any:
        if isinstance(value, dict):
            return self._object(value, self._parts(schemas))
        if isinstance(value, list):
            parts = self._parts(schemas)
            return [self._strip(item, _items(parts, index)) for index, item in enumerate(value)]
        return value

    def _object(self, value: dict[str, Any], parts: Parts) -> dict[str, Any]:
        named: dict[str, list[JSONSchema]] = {}
        others: list[JSONSchema] = []
        for part in parts:
            for name, schema in part.get("properties", {}).items():
                named.setdefault(name, []).append(schema)
            others += part.get("patternProperties", {}).values()
            for keyword in ("additionalProperties", "unevaluatedProperties"):
                if part.get(keyword, False) is not False:
                    others.append(part[keyword])
        closed = bool(named) and not others
        made = {}
        for name, item in value.items():
            schemas = named.get(name, [] if closed else others)
            forbidden = any(schema is False for schema in schemas)  # `writeOnly`, for example
            if (name in named or not closed) and not forbidden:
                made[name] = self._strip(item, schemas)
        return made

    def _parts(self, schemas: list[JSONSchema]) -> Parts:
        """The schemas that judge the same value."""
        pending, found, seen = list(schemas), [], set()
        while pending:
            part = pending.pop()
            if isinstance(part, dict) and id(part) not in seen:
                seen.add(id(part))
                found.append(part)
                for keyword in ("allOf", "anyOf", "oneOf"):
                    pending += part.get(keyword, ())
                pending += (part[keyword] for keyword in ("then", "else") if keyword in part)
                if "$ref" in part:
                    pending.append(self._defs.get(part["$ref"].rpartition("/")[2], True))
        return found


def _items(parts: Parts, index: int) -> list[JSONSchema]:
    found: list[JSONSchema] = []
    for part in parts:
        first = part.get("prefixItems", ())
        if index < len(first):
            found.append(first[index])
        elif "items" in part:
            found.append(part["items"])
    return found
