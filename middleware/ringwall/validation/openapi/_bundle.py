"""Schemas of a document as JSON Schemas that stand alone, for one direction.

What a `$ref` leads to is copied below `$defs`, once for each way in which it is meant: a schema
that is part of an `allOf` must not refuse what its siblings declare.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from .._schema import JSONSchema
from ._dialect30 import from_30
from ._discriminator import conditions
from ._document import Document
from ._errors import child, mistake

Direction = Literal["request", "response"]
# The keyword that forbids a property in each direction (OpenAPI 3.1 section 4.8.24).
_HIDING = {"request": "readOnly", "response": "writeOnly"}

_IN_PLACE = ("allOf", "anyOf", "oneOf")
_TOGETHER = ("$ref", "if", "dependentSchemas", *_IN_PLACE)
_ONE = (
    *("additionalItems", "additionalProperties", "contains", "items", "propertyNames"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
_DIALECTS = (
    "https://spec.openapis.org/oas/3.1/dialect/base",
    "https://json-schema.org/draft/2020-12/schema",
)
_DROPPED = frozenset(
    "$id $schema $anchor $dynamicAnchor $defs definitions contentSchema discriminator example"
    " examples externalDocs xml".split()
)


class Way(NamedTuple):
    """How a schema is meant.

    hidden: the properties that this direction forbids, as far as the schemas around it tell; None
    inside of `not` and `if`, where to forbid would be to allow. chosen: a discriminator has chosen
    this schema, or it is part of one. whole: it says all that is said of a value.
    """

    hidden: frozenset[str] | None = frozenset()
    chosen: bool = False
    whole: bool = False


_WHOLE = Way(whole=True)
_TEST = Way(None, True)


class Bundle:
    """Collects schemas that share their definitions.

    Parameters:
        closed: objects have no properties but those that are named, unless the schema allows others
            in so many words.
    """

    def __init__(self, document: Document, direction: Direction, closed: bool = False) -> None:
        self._closed = closed
        self.document = document
        self._keyword = _HIDING[direction]
        self._named: dict[tuple[str, Way], str] = {}
        self._pending: list[tuple[str, str, Way, JSONSchema]] = []
        self._done: dict[str, JSONSchema] = {}
        dialect = document.content.get("jsonSchemaDialect", _DIALECTS[0])
        self._known_dialect = dialect in _DIALECTS

    def add(self, schema: JSONSchema, at: str) -> JSONSchema:
        """A schema, with references to what `close` adds."""
        return self._translate(schema, at, _WHOLE)

    def close(self, schema: JSONSchema) -> JSONSchema:
        """A schema made of what `add` returned, with all definitions: it stands alone."""
        while self._pending:
            name, at, way, target = self._pending.pop()
            self._done[name] = self._translate(target, at, way)
        if isinstance(schema, dict) and self._done:
            return {**schema, "$defs": dict(self._done)}
        return schema

    def refer(self, reference: str, place: str, way: Way) -> str:
        """The new reference to what an old one names."""
        target, at = self.document.find(reference, place)
        if not isinstance(target, (dict, bool)):
            raise mistake(place, f"{reference!r} leads to no schema")
        name = self._named.get((at, way))
        if name is None:
            last = "".join(
                sign for sign in at.rpartition("/")[2] if sign.isalnum() and sign.isascii()
            )
            name = self._named[at, way] = f"{last or 'schema'}-{len(self._named)}"
            self._pending.append((name, at, way, target))
        return f"#/$defs/{name}"

    def _translate(self, schema: JSONSchema, at: str, way: Way) -> JSONSchema:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise mistake(at, "a schema is an object")
        hidden = way.hidden
        if hidden is not None:
            hidden |= frozenset(self._hidden_by(schema, at))
        if "$ref" in schema:
            reference = schema["$ref"]
            if not isinstance(reference, str):
                raise mistake(child(at, "$ref"), "write a text")
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            # What stands beside `$ref` is ignored in 3.0 (section 4.7.23).
            alone = self.document.is_30 or not rest
            part = Way(hidden, way.chosen, way.whole and alone)
            made: dict[str, Any] = {"$ref": self.refer(reference, child(at, "$ref"), part)}
            if not alone:
                beside = self._translate(rest, at, part)
                made = {**beside, **made} if isinstance(beside, dict) else made
                self._close(made, schema, at, way)
            return made
        self._check_dialect(schema, at)
        made = from_30(schema, at) if self.document.is_30 else dict(schema)
        for keyword in _DROPPED:
            made.pop(keyword, None)
        inner = Way(hidden, True)
        for keyword in _IN_PLACE:
            if isinstance(made.get(keyword), list):
                part_way = inner if keyword == "allOf" else Way(hidden, way.chosen)
                made[keyword] = [
                    self._translate(part, child(at, keyword, index), part_way)
                    for index, part in enumerate(made[keyword])
                ]
        for keyword, part_way in (("not", _TEST), ("if", _TEST), ("then", inner), ("else", inner)):
            if keyword in made:
                made[keyword] = self._translate(made[keyword], child(at, keyword), part_way)
        whole = _TEST if hidden is None else _WHOLE
        for keyword in _ONE:
            if isinstance(made.get(keyword), dict):
                made[keyword] = self._translate(made[keyword], child(at, keyword), whole)
        if isinstance(made.get("prefixItems"), list):
            made["prefixItems"] = [
                self._translate(part, child(at, "prefixItems", index), whole)
                for index, part in enumerate(made["prefixItems"])
            ]
        for keyword, part_way in (
            ("properties", whole),
            ("patternProperties", whole),
            ("dependentSchemas", inner),
        ):
            named = made.get(keyword)
            if isinstance(named, dict):
                made[keyword] = {
                    name: self._translate(part, child(at, keyword, name), part_way)
                    for name, part in named.items()
                }
        if hidden:
            _hide(made, hidden)
        chooses = isinstance(schema.get("oneOf", schema.get("anyOf")), list)
        if "discriminator" in schema and hidden is not None and (chooses or not way.chosen):
            added = conditions(self, schema, at, hidden)
            both = made.get("allOf", [])
            if added and isinstance(both, list):  # else the engine says what is wrong
                made["allOf"] = [*both, *added]
        self._close(made, schema, at, way)
        return made

    def _close(self, made: dict[str, Any], schema: dict[str, Any], at: str, way: Way) -> None:
        if self._closed and way.whole and self._names(schema, at):
            # It sees what the parts have named; the other one is quicker, and sees its own alone.
            together = any(keyword in made for keyword in _TOGETHER)
            word = "unevaluatedProperties" if together else "additionalProperties"
            made.setdefault(word, False)

    def _names(self, schema: Any, at: str, seen: frozenset[str] = frozenset()) -> bool:
        """Does a schema, or a part of it, name properties?"""
        if not isinstance(schema, dict) or at in seen:
            return False
        seen |= {at}
        if "properties" in schema:
            return True
        if isinstance(schema.get("$ref"), str) and self._names(*self._target(schema, at), seen):
            return True
        return any(
            self._names(part, child(at, keyword, index), seen)
            for keyword in _IN_PLACE
            if isinstance(schema.get(keyword), list)
            for index, part in enumerate(schema[keyword])
        )

    def _check_dialect(self, schema: dict[str, Any], at: str) -> None:
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            raise mistake(at, "dynamic references are not supported; write '$ref'")
        if not self.document.is_30:
            dialect = schema.get("$schema")
            known = self._known_dialect if dialect is None else dialect in _DIALECTS
            if not known:
                raise mistake(
                    at, f"unknown dialect of JSON Schema; leave it out for {_DIALECTS[0]!r}"
                )

    def _hidden_by(self, schema: Any, at: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """The properties that a schema and the parts of it forbid in this direction."""
        if not isinstance(schema, dict) or at in seen:
            return
        seen |= {at}
        if isinstance(schema.get("$ref"), str):
            yield from self._hidden_by(*self._target(schema, at), seen)
            if self.document.is_30:
                return
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name, part in properties.items():
                if self._is_hidden(part, child(at, "properties", name)):
                    yield name
        parts = schema.get("allOf")
        if isinstance(parts, list):
            for index, part in enumerate(parts):
                yield from self._hidden_by(part, child(at, "allOf", index), seen)

    def _target(self, schema: dict[str, Any], at: str) -> tuple[Any, str]:
        return self.document.find(schema["$ref"], child(at, "$ref"))

    def _is_hidden(self, schema: Any, at: str) -> bool:
        seen = set()
        while isinstance(schema, dict) and at not in seen:
            seen.add(at)
            if schema.get(self._keyword) is True and not (self.document.is_30 and "$ref" in schema):
                return True
            if not isinstance(schema.get("$ref"), str):
                return False
            schema, at = self._target(schema, at)
        return False


def _hide(made: dict[str, Any], hidden: frozenset[str]) -> None:
    if isinstance(made.get("required"), list):
        made["required"] = [name for name in made["required"] if name not in hidden]
    if isinstance(made.get("properties"), dict):
        made["properties"] = {
            name: False if name in hidden else part for name, part in made["properties"].items()
        }
