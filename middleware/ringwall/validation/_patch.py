"""What a JSON Pointer leads to in the schema of a resource."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ._options import Options
from ._schema import JSONSchema, Schema
from .handlers._content import Content

_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,9}|-)\Z")  # RFC 6901 section 4, RFC 6902 section 4.1
_MOST_STEPS = 64


class Unresolved(Exception):
    """An operation leaves what the schema declares. member: of the operation."""

    def __init__(self, member: str, code: str, detail: str) -> None:
        super().__init__(code)
        self.member, self.code, self.detail = member, code, detail


class _Place(NamedTuple):
    """Where a pointer leads: the schemas that apply there, whether what holds it needs it, and
    whether it, or what holds it, is only to be read."""

    schemas: tuple[JSONSchema, ...]
    required: bool
    read_only: bool = False


class Resource:
    """Judges operations by the schema of the resource that they change.

    Where alternatives (`anyOf`, `oneOf`) say different things of a place, one that allows it is
    enough; the app still validates what comes out.
    """

    def __init__(self, content: Content, options: Options) -> None:
        options.compile(content.schema, content.where)  # its mistakes show now, not on a request
        self._root = content.schema
        self._defs = content.defs
        self._content = content
        self._options = options
        # Bounded by the schema: the key is made of the places in it, not of names in a pointer.
        self._compiled: dict[tuple[int, ...], Schema] = {}

    def may_test(self, pointer: str, value: Any) -> None:
        """`test` tells what a hidden property is, one guess after the other."""
        self._check_value(self.may_read(pointer, "path"), value)

    def may_read(self, pointer: str, member: str) -> _Place:
        place = self._find(pointer, member)
        if self._says(place.schemas, "writeOnly"):
            raise Unresolved(member, "write-only", "Leads to what may not be read.")
        return place

    def may_write(self, pointer: str, value: Any) -> None:
        self._check_value(self._writable(pointer, "path"), value)

    def may_remove(self, pointer: str, member: str = "path") -> None:
        if self._writable(pointer, member).required:
            raise Unresolved(member, "required", "Leads to what the schema requires.")

    def may_move(self, source: str, target: str) -> None:
        """A value that is there already goes only where the same schema applies."""
        here, there = self._find(source, "from"), self._writable(target, "path")
        if [*map(id, here.schemas)] != [*map(id, there.schemas)]:
            raise Unresolved("path", "schema", "Another schema applies there than at 'from'.")

    def _writable(self, pointer: str, member: str) -> _Place:
        place = self._find(pointer, member)
        if place.read_only:
            raise Unresolved(member, "read-only", "Leads to what may not be written.")
        return place

    def _says(self, schemas: Iterable[JSONSchema], keyword: str) -> bool:
        return any(part.get(keyword) is True for each in schemas for part in self._parts(each))

    def _check_value(self, place: _Place, value: Any) -> None:
        key = tuple(map(id, place.schemas))
        schema = self._compiled.get(key)
        if schema is None:
            whole = {"anyOf": list(place.schemas), "$defs": self._defs, "definitions": self._defs}
            where = self._content.where
            schema = self._compiled[key] = self._options.compile(whole, where, lenient=True)
        if not schema.is_valid(value):
            raise Unresolved("value", "schema", "Does not follow the schema of its place.")

    def _find(self, pointer: str, member: str) -> _Place:
        place = _Place((self._root,), True, self._says((self._root,), "readOnly"))
        tokens = pointer.split("/")[1:]
        if len(tokens) > _MOST_STEPS:
            raise Unresolved(member, "path", "Leads to what the schema does not declare.")
        for token in tokens:
            name = token.replace("~1", "/").replace("~0", "~")
            steps = [self._step(schema, name) for schema in place.schemas]
            found = tuple(schema for step in steps for schema in step.schemas)
            if not found:
                raise Unresolved(member, "path", "Leads to what the schema does not declare.")
            required = any(step.required for step in steps)
            place = _Place(found, required, place.read_only or self._says(found, "readOnly"))
        return place

    def _step(self, schema: JSONSchema, name: str) -> _Place:
        """One name or index further; no schemas where this one declares nothing there."""
        named: list[JSONSchema] = []
        required = False
        for part in self._parts(schema):
            required |= name in part.get("required", ())
            if name in part.get("properties", {}):
                named.append(part["properties"][name])
            elif _INDEX.match(name):
                items = part.get("prefixItems", ())
                if name != "-" and int(name) < len(items):
                    named.append(items[int(name)])
                elif "items" in part:
                    named.append(part["items"])
        if not named:
            others = [
                part["additionalProperties"]
                for part in self._parts(schema)
                if "additionalProperties" in part
            ]
            named = [] if False in others else [other for other in others if other is not True]
        return _Place(tuple(one for one in named if one is not False), required)

    def _parts(self, schema: JSONSchema) -> list[dict[str, Any]]:
        """A schema and those that judge the same value."""
        pending: list[Any] = [schema]
        found: list[dict[str, Any]] = []
        while pending:
            part = pending.pop(0)
            if isinstance(part, dict) and not any(part is other for other in found):
                found.append(part)
                for keyword in ("allOf", "anyOf", "oneOf"):
                    pending += part.get(keyword, [])
                if isinstance(part.get("$ref"), str):
                    pending.append(self._defs.get(part["$ref"].rpartition("/")[2], False))
        return found
