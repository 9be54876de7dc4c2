"""What a schema expects of a parameter: one value, a list, or an object; and of which types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .._schema import JSONSchema
from ._text import CONVERSIONS, Convert, to_string

IsValid = Callable[[Any], bool]
Compile = Callable[[JSONSchema], IsValid]
_TYPES_OF = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


class Shape(NamedTuple):
    """kind: "scalar", "array" or "object". convert: of a scalar, or of what no other field names.
    first: of the first items of an array. properties: of an object; open: it may have others.
    lists: those of its properties that are arrays."""

    kind: str
    convert: Convert
    first: tuple[Convert, ...] = ()
    properties: dict[str, Convert] = {}  # noqa: RUF012  never changed
    lists: frozenset[str] = frozenset()
    open: bool = False


def shape_of(schema: JSONSchema, defs: dict[str, JSONSchema], compiled: Compile) -> Shape:
    """The shape of a parameter.

    Parameters:
        schema: its schema. defs: what `#/$defs/...` in it means.
        compiled: what tells whether a value follows a schema, where several types are allowed.
    """
    kinds = _kinds(schema, defs)
    if "array" in kinds:
        items = _collect(schema, defs, "items")
        first: list[JSONSchema] = next(iter(_collect(schema, defs, "prefixItems")), [])
        return Shape(
            "array",
            _convert(items, defs, compiled),
            tuple(_convert([part], defs, compiled) for part in first),
        )
    if "object" in kinds:
        named: dict[str, list[JSONSchema]] = {}
        for properties in _collect(schema, defs, "properties"):
            for name, part in properties.items():
                named.setdefault(name, []).append(part)
        others = _collect(schema, defs, "additionalProperties")
        lists = {
            name: _collect({"anyOf": parts}, defs, "items")
            for name, parts in named.items()
            if "array" in _kinds({"anyOf": parts}, defs)
        }
        return Shape(
            "object",
            _convert([part for part in others if part is not False], defs, compiled),
            properties={
                name: _convert(lists.get(name, parts), defs, compiled)
                for name, parts in named.items()
            },
            lists=frozenset(lists),
            open=False not in others,
        )
    return Shape("scalar", _convert([schema], defs, compiled))


def properties_of(schema: JSONSchema, defs: dict[str, JSONSchema]) -> dict[str, JSONSchema]:
    """The properties that a schema of an object names, each with all that it says of them."""
    named: dict[str, list[JSONSchema]] = {}
    for properties in _collect(schema, defs, "properties"):
        for name, part in properties.items():
            named.setdefault(name, []).append(part)
    return {
        name: parts[0] if len(parts) == 1 else {"allOf": parts} for name, parts in named.items()
    }


def items_of(schema: JSONSchema, defs: dict[str, JSONSchema]) -> JSONSchema:
    """What a schema of an array says of its items."""
    return {"allOf": _collect(schema, defs, "items")}


def _convert(schemas: list[JSONSchema], defs: dict[str, JSONSchema], compiled: Compile) -> Convert:
    """From text to what one of the schemas allows."""
    kinds = _kinds({"anyOf": schemas}, defs) if schemas else {"string"}
    if "number" in kinds:
        kinds = kinds - {"integer"}
    conversions = [convert for kind, convert in CONVERSIONS.items() if kind in kinds]
    if len(conversions) < 2:
        return conversions[0] if conversions else to_string
    is_valid = compiled({"anyOf": schemas})

    def convert(text: str) -> Any:
        for conversion in conversions:
            value = conversion(text)
            if is_valid(value):
                return value
        return text

    return convert


def _parts(schema: JSONSchema, defs: dict[str, JSONSchema]) -> Iterator[dict[str, Any]]:
    """A schema and those that judge the same value."""
    pending, seen = [schema], set()
    while pending:
        part = pending.pop(0)
        if isinstance(part, dict) and id(part) not in seen:
            seen.add(id(part))
            yield part
            for keyword in ("allOf", "anyOf", "oneOf"):
                pending += part.get(keyword, [])
            if "$ref" in part:
                pending.append(defs[part["$ref"].rpartition("/")[2]])


def _collect(schema: JSONSchema, defs: dict[str, JSONSchema], keyword: str) -> list[Any]:
    return [part[keyword] for part in _parts(schema, defs) if keyword in part]


def _kinds(schema: JSONSchema, defs: dict[str, JSONSchema]) -> set[str]:
    """The types that a schema names; a text, where it names none."""

    def follow(reference: str) -> JSONSchema:
        return defs[reference.rpartition("/")[2]]

    return (named_kinds(schema, follow) or set()) - {"null"} or {"string"}


def named_kinds(
    schema: Any, follow: Callable[[str], Any], seen: frozenset[int] = frozenset()
) -> set[str] | None:
    """The types that a schema allows; None: it does not say.

    Parameters:
        follow: gives what a reference leads to.
    """
    if not isinstance(schema, dict) or id(schema) in seen:
        return None
    seen |= {id(schema)}
    named: list[set[str]] = []
    kind = schema.get("type")
    if kind is not None:
        named.append({kind} if isinstance(kind, str) else set(kind))
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list):
        named.append({_TYPES_OF.get(type(value), "null") for value in values})
    if "$ref" in schema:
        named.append(named_kinds(follow(schema["$ref"]), follow, seen) or set())
    for part in schema.get("allOf", ()):
        named.append(named_kinds(part, follow, seen) or set())
    for keyword in ("anyOf", "oneOf"):
        found = [named_kinds(part, follow, seen) for part in schema.get(keyword, ())]
        if found and None not in found:
            named.append(set().union(*(part or () for part in found)))
    named = [kinds for kinds in named if kinds]
    if not named:
        return None
    common = set.intersection(*(k | {"integer"} if "number" in k else k for k in named))
    return common or None
