"""What a JSON Pointer leads to in the schema of a resource."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ._options import Options
from ._schema import JSONSchema, Schema
from ._walk import subschemas
from .handlers._content import Content

_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,9}|-)\Z")  # RFC 6901 section 4, RFC 6902 section 4.1
_OTHERS = ("additionalProperties", "items")  # of names and indexes that are not told apart


def names_in(pointer: str) -> list[str]:
    """What a JSON Pointer consists of.

    >>> names_in("/a~1b/0")
    ['a/b', '0']
    """
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


class Unresolved(Exception):
    """An operation leaves what the schema declares. member: of the operation."""

    def __init__(self, member: str, code: str, detail: str) -> None:
        super().__init__(code)
        self.member, self.code, self.detail = member, code, detail


class _Place:
    """Where a pointer leads: the schemas that apply there, whether what holds it needs it, and
    whether it, or what holds it, is only to be read, or only to be written.

    steps: where each name or index leads from here, once it was asked for. So a step costs no more
    than a look into a table, however many a body takes. Bounded by the schema: names that it does
    not spell out share one entry, and indexes beyond those that it tells apart another.
    """

    __slots__ = (
        "first", "holds_read_only", "named", "read_only", "required", "schemas", "steps",
        "write_only",
    )  # fmt: skip

    def __init__(
        self,
        schemas: tuple[JSONSchema, ...],
        parts: list[dict[str, Any]],
        required: bool,
        read_only: bool,
        write_only: bool,
    ) -> None:
        self.schemas = schemas
        self.required = required
        self.read_only = read_only or any(part.get("readOnly") is True for part in parts)
        self.write_only = write_only or any(part.get("writeOnly") is True for part in parts)
        self.holds_read_only: bool | None = None  # found out once it is asked for
        self.steps: dict[str | None, _Place | None] = {}
        self.named: set[str] = set()
        for part in parts:
            self.named.update(part.get("properties", ()), part.get("required", ()))
        self.first = max((len(part.get("prefixItems", ())) for part in parts), default=0)

    def key(self, name: str) -> str | None:
        if name in self.named:
            return name
        if _INDEX.match(name):
            return name if name != "-" and int(name) < self.first else "-"
        return None


class Resource:
    """Judges operations by the schema of the resource that they change.

    Where alternatives (`anyOf`, `oneOf`) say different things of a place, one that allows it is
    enough; the app still validates what comes out.
    """

    def __init__(self, content: Content, options: Options) -> None:
        options.compile(content.schema, content.where)  # its mistakes show now, not on a request
        self._defs = content.defs
        self._content = content
        self._options = options
        # Both are bounded by the schema: the keys are made of the places in it, not of pointers.
        self._compiled: dict[tuple[object, ...], Schema] = {}
        self._places: dict[tuple[object, ...], _Place] = {}
        self._root = self._place((content.schema,), True, False, False)

    def may_test(self, pointer: str, value: Any) -> None:
        """`test` tells what a hidden property is, one guess after the other."""
        self._check_value(self.may_read(pointer, "path"), value, "writeOnly")

    def may_read(self, pointer: str, member: str) -> _Place:
        place = self._find(pointer, member)
        if place.write_only:
            raise Unresolved(member, "write-only", "Leads to what may not be read.")
        return place

    def may_write(self, pointer: str, value: Any) -> None:
        self._check_value(self._writable(pointer, "path"), value, "readOnly")

    def may_remove(self, pointer: str, member: str = "path") -> None:
        if self._writable(pointer, member).required:
            raise Unresolved(member, "required", "Leads to what the schema requires.")

    def may_copy(self, source: str, target: str) -> None:
        """A value that is there already goes only where the same schema applies, and takes nothing
        with it that is only to be read: there it would replace what the server had set."""
        if self._holds_read_only(self._same(source, target)):
            raise Unresolved("path", "read-only", "Would write what may not be written.")

    def may_move(self, source: str, target: str) -> None:
        """The same, but within one array values may change places with all that they hold. What is
        hidden stays so. Nothing can go into itself (RFC 6902 section 4.4)."""
        if target.startswith(f"{source}/"):
            raise Unresolved("path", "path", "Leads into what is moved.")
        there = self._same(source, target)
        if not there.write_only:
            self.may_read(source, "from")
        above, _, _ = target.rpartition("/")
        reorders = above == source.rpartition("/")[0] and self._is_array(above)
        if not reorders and self._holds_read_only(there):
            raise Unresolved("path", "read-only", "Would write what may not be written.")

    def _same(self, source: str, target: str) -> _Place:
        here, there = self._find(source, "from"), self._writable(target, "path")
        if [*map(id, here.schemas)] != [*map(id, there.schemas)]:
            raise Unresolved("path", "schema", "Another schema applies there than at 'from'.")
        return there

    def _holds_read_only(self, place: _Place) -> bool:
        """Whether something below a place is only to be read, or cannot be looked at."""
        if place.holds_read_only is None:
            parts = [*self._reached(place.schemas)]
            place.holds_read_only = None in parts or any(
                part is not None and part.get("readOnly") is True for part in parts
            )
        return place.holds_read_only

    def _reached(self, schemas: Iterable[JSONSchema]) -> Iterator[dict[str, Any] | None]:
        """All subschemas, with those that are referred to; None for one that is elsewhere."""
        pending, seen = [*schemas], set[int]()
        while pending:
            for part in subschemas(pending.pop()):
                if id(part) not in seen:
                    seen.add(id(part))
                    yield part
                    if "$dynamicRef" in part or "$recursiveRef" in part:
                        yield None
                    if isinstance(part.get("$ref"), str):
                        target = self._defs.get(part["$ref"].rpartition("/")[2])
                        if target is None:
                            yield None
                        else:
                            pending.append(target)

    def _is_array(self, pointer: str) -> bool:
        """Whether nothing but an array can be there: `/map/0` may be a name in an object."""
        return all(
            any(part.get("type") == "array" for part in self._parts(schema, ("allOf",)))
            for schema in self._find(pointer, "path").schemas
        )

    def _writable(self, pointer: str, member: str) -> _Place:
        place = self._find(pointer, member)
        if place.read_only:
            raise Unresolved(member, "read-only", "Leads to what may not be written.")
        return place

    def _check_value(self, place: _Place, value: Any, hiding: str) -> None:
        key = (hiding, *map(id, place.schemas))
        schema = self._compiled.get(key)
        if schema is None:
            whole = {"anyOf": list(place.schemas), "$defs": self._defs, "definitions": self._defs}
            hidden = self._without(whole, hiding)
            where = self._content.where
            schema = self._compiled[key] = self._options.compile(hidden, where, lenient=True)
        if not schema.is_valid(value):
            raise Unresolved("value", "schema", "Does not follow the schema of its place.")

    def _without(self, schema: dict[str, Any], keyword: str) -> dict[str, Any]:
        """A schema that refuses the properties which are only to be read, or only to be written:
        what holds one is no way around its place."""
        made = copy.deepcopy(schema)
        for part in subschemas(made):
            properties = part.get("properties", {})
            hidden = {name for name, each in properties.items() if self._says(each, keyword)}
            properties.update(dict.fromkeys(hidden, False))
            others = [word for word in _OTHERS if self._says(part.get(word), keyword)]
            part.update(dict.fromkeys(others, False))
            if hidden and "required" in part:
                part["required"] = [name for name in part["required"] if name not in hidden]
        return made

    def _says(self, schema: Any, keyword: str) -> bool:
        return any(part.get(keyword) is True for part in self._parts(schema))

    def _find(self, pointer: str, member: str) -> _Place:
        place = self._root
        for name in names_in(pointer):
            further = self._step(place, name)
            if further is None:
                raise Unresolved(member, "path", "Leads to what the schema does not declare.")
            place = further
        return place

    def _step(self, place: _Place, name: str) -> _Place | None:
        """One name or index further; None where nothing is declared there."""
        key = place.key(name)
        if key not in place.steps:
            steps = [self._schemas_at(schema, name) for schema in place.schemas]
            # Each once: alternatives that lead to the same schema would double it at every step.
            by_id = {id(schema): schema for schemas, _ in steps for schema in schemas}
            found = tuple(by_id.values())
            required = any(required for _, required in steps)
            place.steps[key] = (
                self._place(found, required, place.read_only, place.write_only) if found else None
            )
        return place.steps[key]

    def _place(
        self, schemas: tuple[JSONSchema, ...], required: bool, read_only: bool, write_only: bool
    ) -> _Place:
        key = (*map(id, schemas), required, read_only, write_only)
        if key not in self._places:
            parts = [part for schema in schemas for part in self._parts(schema)]
            self._places[key] = _Place(schemas, parts, required, read_only, write_only)
        return self._places[key]

    def _schemas_at(self, schema: JSONSchema, name: str) -> tuple[tuple[JSONSchema, ...], bool]:
        """What a schema says of a name or index, and whether it requires it."""
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
        return tuple(one for one in named if one is not False), required

    def _parts(
        self, schema: JSONSchema, keywords: Sequence[str] = ("allOf", "anyOf", "oneOf")
    ) -> list[dict[str, Any]]:
        """A schema and those that judge the same value."""
        pending: list[Any] = [schema]
        found: list[dict[str, Any]] = []
        while pending:
            part = pending.pop(0)
            if isinstance(part, dict) and not any(part is other for other in found):
                found.append(part)
                for keyword in keywords:
                    pending += part.get(keyword, [])
                if isinstance(part.get("$ref"), str):
                    pending.append(self._defs.get(part["$ref"].rpartition("/")[2], False))
        return found
