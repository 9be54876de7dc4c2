"""Fields of a form, which are texts, as the values that the schema of the form expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._errors import ConfigurationError
from .._options import Options
from .._refusal import BAD_FIELD, DUPLICATE_FIELD, INVALID, Refused
from .._schema import JSONSchema
from ..parameters import items_of, properties_of, shape_of
from ._content import Content

Read = Callable[[str], Any]


class Fields:
    """Makes an object of fields.

    A field that the schema calls an array may be there many times; any other only once, for
    frameworks take the first of two, or the last. A number or boolean has one spelling, as in
    parameters; an object, and an item that is one, is JSON.

    Parameters:
        content: its schema is that of the object. skip: properties that are no text.
    """

    def __init__(self, content: Content, options: Options, skip: frozenset[str]) -> None:
        schema, defs = content.schema, content.defs

        def compiled(part: JSONSchema) -> Callable[[Any], bool]:
            whole = {**part, "$defs": defs} if isinstance(part, dict) else part
            return options.compile(whole, content.where, lenient=True).is_valid

        try:
            shapes = {
                name: shape_of(part, defs, compiled)
                for name, part in properties_of(schema, defs).items()
                if name not in skip
            }
        except KeyError:
            raise ConfigurationError(
                f"the schema for {content.where} is that of a form: its references must lead to"
                " its own $defs"
            ) from None
        self._check = options.parse.check
        self._read: dict[str, Read] = {}
        self._lists: set[str] = set()
        for name, shape in shapes.items():
            is_json = shape.kind == "object"
            self._read[name] = _json_reader(options) if is_json else shape.convert
            if shape.kind == "array":
                self._lists.add(name)
        for name in self._lists:
            items = items_of(properties_of(schema, defs)[name], defs)
            if shape_of(items, defs, compiled).kind == "object":
                self._read[name] = _json_reader(options)

    def gather(self, fields: list[tuple[str, str]]) -> dict[str, Any]:
        """Raises Refused: a field twice that is no list, or one that is no JSON and should be."""
        found: dict[str, Any] = {}
        for name, text in fields:
            if name == "_charset_":  # browsers name a charset here, and servers follow it
                raise Refused(BAD_FIELD)
            read = self._read.get(name)
            value = text if read is None else read(text)
            if name in self._lists:
                found.setdefault(name, []).append(value)
            elif name in found:
                raise Refused(DUPLICATE_FIELD)
            else:
                found[name] = value
        self._check(found)
        return found


def _json_reader(options: Options) -> Read:
    def read(text: str) -> Any:
        try:
            return options.parse(text.encode("utf-8"))
        except Refused:
            return text  # which the schema refuses, and says where

    return read


def invalid(schema: Any, value: Any, size: int, fields: int) -> Refused:
    """The refusal of an object that does not follow its schema."""
    found = schema.found(value, values=fields + 1, size=size)
    return Refused(INVALID, tuple(entry for _, entry, _ in found or ()))
