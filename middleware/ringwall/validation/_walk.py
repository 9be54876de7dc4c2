"""What a JSON Schema document holds: its subschemas, the names it knows, how errors may grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

DIALECTS = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft-07": "http://json-schema.org/draft-07/schema#",
    "draft-06": "http://json-schema.org/draft-06/schema#",
    "draft-04": "http://json-schema.org/draft-04/schema#",
}
# What `$schema` may say where keywords mean what they mean in one of these.
STANDARD = frozenset({"", *DIALECTS.values(), *(uri.rstrip("#") for uri in DIALECTS.values())})

_ONE = (
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_SEVERAL = ("allOf", "anyOf", "items", "oneOf", "prefixItems")
_NAMED = (
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
)


def children(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas directly inside a schema."""
    for keyword in _ONE:
        child = schema.get(keyword)
        if isinstance(child, dict):
            yield child
    for keyword in _SEVERAL:
        several = schema.get(keyword)
        if isinstance(several, list):
            yield from (child for child in several if isinstance(child, dict))
    for keyword in _NAMED:
        named = schema.get(keyword)
        if isinstance(named, dict):
            yield from (child for child in named.values() if isinstance(child, dict))


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all schemas inside it.

    >>> [s.get("type") for s in subschemas({"type": "array", "items": {"type": "string"}})]
    ['array', 'string']
    """
    pending = [schema] if isinstance(schema, dict) else []
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) not in seen:  # a dict that holds itself is for the engine to refuse
            seen.add(id(current))
            yield current
            pending.extend(children(current))


def known_names(schema: Any) -> frozenset[str]:
    """The property names that the schema itself spells out: they may stand in an answer."""
    names: set[str] = set()
    for part in subschemas(schema):
        for keyword in ("properties", "dependentRequired"):
            names.update(_strings(part.get(keyword)))
        names.update(_strings(part.get("required")))
        dependent = part.get("dependentRequired")
        if isinstance(dependent, dict):
            for required in dependent.values():
                names.update(_strings(required))
    return frozenset(names)


def _strings(value: Any) -> list[str]:
    if not isinstance(value, (dict, list, tuple)):
        return []
    return [word for word in value if isinstance(word, str)]


def compares_items(schema: Any) -> bool:
    """Does it ask for items that are unlike each other?"""
    return any(part.get("uniqueItems") is True for part in subschemas(schema))


def alternatives(schema: Any) -> int:
    """How many ways to fail one value can have."""
    return 1 + sum(
        len(part[keyword])
        for part in subschemas(schema)
        for keyword in ("anyOf", "oneOf")
        if isinstance(part.get(keyword), list)
    )


def is_recursive(schema: Any) -> bool:
    """Can a value be judged by the same subschema on several levels? Where the references are not
    plain pointers into the same document the answer is yes, to be safe."""
    if not isinstance(schema, dict):
        return False
    if any("$dynamicRef" in part or "$recursiveRef" in part for part in subschemas(schema)):
        return True
    reached: dict[str, set[str] | None] = {"#": _references(schema)}
    pending = list(reached["#"] or ())
    while pending:
        reference = pending.pop()
        if reference not in reached:
            target = pointed_at(schema, reference)
            if target is None:
                return True
            found = reached[reference] = _references(target)
            pending.extend(found)
    return _has_cycle({name: found or set() for name, found in reached.items()})


def _references(schema: dict[str, Any]) -> set[str]:
    """The references below a schema; its own definitions count only once they are referred to."""
    found: set[str] = set()
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part.get("$ref"), str):
            found.add(part["$ref"])
        bare = {key: part[key] for key in part if key not in ("$defs", "definitions")}
        pending.extend(children(bare))
    return found


def pointed_at(schema: Any, reference: str) -> dict[str, Any] | None:
    """The subschema that a plain pointer into the same document refers to."""
    if not f"{reference}/".startswith("#/") or "%" in reference:
        return None
    value: Any = schema
    for name in reference.split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def _has_cycle(graph: dict[str, set[str]]) -> bool:
    remaining = dict(graph)
    while remaining:
        leaves = [name for name, found in remaining.items() if not found & remaining.keys()]
        if not leaves:
            return True
        for name in leaves:
            del remaining[name]
    return False
