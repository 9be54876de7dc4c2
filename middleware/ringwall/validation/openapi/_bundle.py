"""Schemas of a document as JSON Schemas that stand alone, for one direction.

What a `$ref` leads to is copied below `$defs`, once for each way in which it is meant: a schema
that is part of an `allOf` must not refuse what its siblings declare.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._schema import JSONSchema
from ._dialect30 import from_30
from ._discriminator import conditions
from ._document import Document
from ._dynamic import Scope
from ._errors import child, mistake
from ._properties import IN_PLACE, Direction, Properties

_TOGETHER = ("$ref", "if", "dependentSchemas", *IN_PLACE)
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
    this schema, or it is part of one. whole: it says all that is said of a value. scope: the
    dynamic anchors that have been passed.
    """

    hidden: frozenset[str] | None = frozenset()
    chosen: bool = False
    whole: bool = False
    scope: Scope = ()


class Bundle:
    """Collects schemas that share their definitions.

    Parameters:
        closed: objects have no properties but those that are named, unless the schema allows others
            in so many words.
    """

    def __init__(self, document: Document, direction: Direction, closed: bool = False) -> None:
        self._closed = closed
        self.document = document
        self._properties = Properties(document, direction)
        self._named: dict[tuple[str, Way], str] = {}
        self._pending: list[tuple[str, str, Way, JSONSchema]] = []
        self._done: dict[str, JSONSchema] = {}
        dialect = document.content.get("jsonSchemaDialect", _DIALECTS[0])
        self._known_dialect = dialect in _DIALECTS

    def add(self, schema: JSONSchema, at: str) -> JSONSchema:
        """A schema, with references to what `close` adds."""
        return self._translate(schema, at, Way(whole=True, scope=self.scope_at(at)))

    def close(self, schema: JSONSchema) -> JSONSchema:
        """A schema made of what `add` returned, with all definitions: it stands alone."""
        while self._pending:
            name, at, way, target = self._pending.pop()
            self._done[name] = self._translate(target, at, way)
        if isinstance(schema, dict) and self._done:
            return {**schema, "$defs": dict(self._done)}
        return schema

    def scope_at(self, at: str) -> Scope:
        """The dynamic scope of an evaluation that begins at a place."""
        return self.document.dynamic.enter((), at)

    def refer(self, reference: str, place: str, way: Way, keyword: str = "$ref") -> str:
        """The new reference to what an old one names."""
        target, at = self._properties.find(keyword, reference, place, way.scope)
        if not isinstance(target, (dict, bool)):
            raise mistake(place, f"{reference!r} leads to no schema")
        way = way._replace(scope=self.document.dynamic.enter(way.scope, at))
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
        scope = way.scope
        if isinstance(schema.get("$id"), str):
            scope = self.document.dynamic.enter(scope, at)
            way = way._replace(scope=scope)
        hidden = way.hidden
        if hidden is not None:
            hidden |= frozenset(self._properties.hidden(schema, at, scope))
        for keyword in self._properties.referring:
            if keyword in schema:
                return self._follow(keyword, schema, at, way._replace(hidden=hidden))
        self._check_dialect(schema, at)
        made = from_30(schema, at) if self.document.is_30 else dict(schema)
        for keyword in _DROPPED:
            made.pop(keyword, None)
        inner = Way(hidden, True, scope=scope)
        test = Way(None, True, scope=scope)
        for keyword in IN_PLACE:
            if isinstance(made.get(keyword), list):
                part_way = inner if keyword == "allOf" else Way(hidden, way.chosen, scope=scope)
                made[keyword] = [
                    self._translate(part, child(at, keyword, index), part_way)
                    for index, part in enumerate(made[keyword])
                ]
        for keyword, part_way in (("not", test), ("if", test), ("then", inner), ("else", inner)):
            if keyword in made:
                made[keyword] = self._translate(made[keyword], child(at, keyword), part_way)
        whole = test if hidden is None else Way(whole=True, scope=scope)
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
            added = conditions(self, schema, at, inner)
            both = made.get("allOf", [])
            if added and isinstance(both, list):  # else the engine says what is wrong
                made["allOf"] = [*both, *added]
        self._close(made, schema, at, way)
        return made

    def _follow(self, keyword: str, schema: dict[str, Any], at: str, way: Way) -> JSONSchema:
        """A schema that refers to another by this keyword."""
        reference, place = schema[keyword], child(at, keyword)
        if not isinstance(reference, str):
            raise mistake(place, "write a text")
        rest = {key: value for key, value in schema.items() if key != keyword}
        # What stands beside `$ref` is ignored in 3.0 (section 4.7.23).
        alone = self.document.is_30 or not rest
        part = way._replace(whole=way.whole and alone)
        made: dict[str, Any] = {"$ref": self.refer(reference, place, part, keyword)}
        if not alone:
            beside: Any = self._translate(rest, at, part)
            both = beside.get("allOf", [])
            if "$ref" in beside and isinstance(both, list):  # else the engine says what is wrong
                made = {"allOf": [*both, made]}
            made = {**beside, **made}
            self._close(made, schema, at, way)
        return made

    def _close(self, made: dict[str, Any], schema: dict[str, Any], at: str, way: Way) -> None:
        if self._closed and way.whole and self._properties.named(schema, at, way.scope):
            # It sees what the parts have named; the other one is quicker, and sees its own alone.
            together = any(keyword in made for keyword in _TOGETHER)
            word = "unevaluatedProperties" if together else "additionalProperties"
            made.setdefault(word, False)

    def _check_dialect(self, schema: dict[str, Any], at: str) -> None:
        if "$recursiveRef" in schema:
            raise mistake(at, "'$recursiveRef' is of JSON Schema 2019-09; write '$dynamicRef'")
        if not self.document.is_30:
            dialect = schema.get("$schema")
            known = self._known_dialect if dialect is None else dialect in _DIALECTS
            if not known:
                raise mistake(
                    at, f"unknown dialect of JSON Schema; leave it out for {_DIALECTS[0]!r}"
                )


def _hide(made: dict[str, Any], hidden: frozenset[str]) -> None:
    if isinstance(made.get("required"), list):
        made["required"] = [name for name in made["required"] if name not in hidden]
    if isinstance(made.get("properties"), dict):
        made["properties"] = {
            name: False if name in hidden else part for name, part in made["properties"].items()
        }
