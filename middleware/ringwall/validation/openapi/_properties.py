"""Which properties a schema names, and which of them a direction forbids: with all that it refers
to, as it is meant where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from ._document import Document
from ._dynamic import Scope
from ._errors import child

Direction = Literal["request", "response"]
Seen = frozenset[tuple[str, Scope]]

# The keyword that forbids a property in each direction (OpenAPI 3.1 section 4.8.24).
_HIDING = {"request": "readOnly", "response": "writeOnly"}
IN_PLACE = ("allOf", "anyOf", "oneOf")


class Properties:
    """Looks through schemas, their parts, and what they refer to.

    referring: the keywords that refer to another schema.
    """

    def __init__(self, document: Document, direction: Direction) -> None:
        self._document = document
        self._keyword = _HIDING[direction]
        self.referring = ("$ref",) if document.is_30 else ("$ref", "$dynamicRef")

    def find(self, keyword: str, reference: str, place: str, scope: Scope) -> tuple[Any, str]:
        """What a reference by this keyword names, and the place of that.

        Raises:
            ConfigurationError: it leads nowhere.
        """
        if keyword == "$dynamicRef":
            return self._document.dynamic.find(reference, place, scope)
        return self._document.find(reference, place)

    def named(self, schema: Any, at: str, scope: Scope, seen: Seen = frozenset()) -> bool:
        """Does a schema, or a part of it, name properties?"""
        if not isinstance(schema, dict) or (at, scope) in seen:
            return False
        seen |= {(at, scope)}
        if "properties" in schema:
            return True
        if any(self.named(*target, seen) for target in self._targets(schema, at, scope)):
            return True
        return any(
            self.named(part, child(at, keyword, index), scope, seen)
            for keyword in IN_PLACE
            if isinstance(schema.get(keyword), list)
            for index, part in enumerate(schema[keyword])
        )

    def hidden(self, schema: Any, at: str, scope: Scope, seen: Seen = frozenset()) -> Iterator[str]:
        """The properties that a schema and the parts of it forbid in this direction."""
        if not isinstance(schema, dict) or (at, scope) in seen:
            return
        seen |= {(at, scope)}
        for target in self._targets(schema, at, scope):
            yield from self.hidden(*target, seen)
        if self._document.is_30 and "$ref" in schema:
            return
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name, part in properties.items():
                if self._is_hidden(part, child(at, "properties", name), scope):
                    yield name
        parts = schema.get("allOf")
        if isinstance(parts, list):
            for index, part in enumerate(parts):
                yield from self.hidden(part, child(at, "allOf", index), scope, seen)

    def _is_hidden(self, schema: Any, at: str, scope: Scope, seen: Seen = frozenset()) -> bool:
        if not isinstance(schema, dict) or (at, scope) in seen:
            return False
        seen |= {(at, scope)}
        if any(self._is_hidden(*target, seen) for target in self._targets(schema, at, scope)):
            return True
        if self._document.is_30 and "$ref" in schema:
            return False
        # One alternative that says so is enough: readers may differ in which one a value means.
        return schema.get(self._keyword) is True or any(
            self._is_hidden(part, child(at, keyword, index), scope, seen)
            for keyword in IN_PLACE
            if isinstance(schema.get(keyword), list)
            for index, part in enumerate(schema[keyword])
        )

    def _targets(
        self, schema: dict[str, Any], at: str, scope: Scope
    ) -> Iterator[tuple[Any, str, Scope]]:
        """What a schema refers to, and its place and scope."""
        dynamic = self._document.dynamic
        scope = dynamic.enter(scope, at)  # it may be a resource of its own
        for keyword in self.referring:
            reference = schema.get(keyword)
            if isinstance(reference, str):
                target, place = self.find(keyword, reference, child(at, keyword), scope)
                yield target, place, dynamic.enter(scope, place)
