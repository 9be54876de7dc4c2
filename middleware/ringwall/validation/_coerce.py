"""Texts in JSON that the schema wants to be numbers or booleans, by option.

The body is written anew where a text becomes something else, so that an app which parses it sees
what has been judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from ._json import StrictJSON
from ._schema import JSONSchema
from ._walk import pointed_at
from .parameters import named_kinds
from .parameters._text import to_boolean, to_integer, to_number

Convert = Callable[[str], Any]

# No number loses a digit on its way through.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def _to_number(text: str) -> Any:
    value = to_number(text)
    return Decimal(text) if isinstance(value, float) else value


_CONVERSIONS: dict[str, Convert] = {
    "boolean": to_boolean,
    "integer": to_integer,
    "number": _to_number,
}


class _Place:
    """What the schemas of one place in a value want.

    convert: what makes a number or boolean of a text; None: it is a text, or may be one.
    named, first: where names and first indexes lead. others, items: where all others do.
    """

    __slots__ = ("convert", "first", "items", "named", "others")

    def __init__(self, convert: Convert | None) -> None:
        self.convert = convert
        self.named: dict[str, _Place] = {}
        self.first: list[_Place] = []
        self.others = self.items = self


class Coercer:
    """Makes numbers and booleans of texts where a schema allows those and no text.

    A text counts if it is spelled as in a parameter: `7`, `-1.5e3`, `true`, `false`; not `+7`,
    `07`, ` 7`, `True` or `1` for a boolean. What is spelled otherwise stays as it is, and the
    schema refuses it. What stands in alternatives (`anyOf`, `oneOf`, `if`) is left alone, but where
    all others are null.

    Parameters:
        schema: with all that it refers to below `$defs` or elsewhere in it.
        parse: the strict parser.

    >>> schema = {"properties": {"size": {"type": "integer"}, "name": {"type": "string"}}}
    >>> Coercer(schema, StrictJSON(64, 20_000))(b'{"size": "7", "name": "7"}')
    b'{"size":7,"name":"7"}'
    """

    def __init__(self, schema: JSONSchema, parse: StrictJSON) -> None:
        self._schema = schema
        self._parse = parse.__call__
        self._places: dict[tuple[int, ...], _Place] = {}
        self._root = self._place([schema])

    def __call__(self, body: bytes) -> bytes:
        """The body, or another in its place. Raises Refused: it is no strict JSON."""
        before = self._parse(body)
        if not _differs(before, self._root):
            return body
        return _encode(_coerced(_decode(body), self._root))

    def _place(self, schemas: list[Any]) -> _Place:
        parts = list(self._parts(schemas))
        key = tuple(sorted(map(id, parts)))
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(self._convert(schemas))
            for name in {name for part in parts for name in part.get("properties", ())}:
                place.named[name] = self._place([_below(part, name) for part in parts])
            place.others = self._place([_below(part, None) for part in parts])
            length = max((len(_first(part)) for part in parts), default=0)
            place.first = [self._place([_at(part, n) for part in parts]) for n in range(length)]
            place.items = self._place([_at(part, None) for part in parts])
        return place

    def _parts(self, schemas: list[Any]) -> Iterator[dict[str, Any]]:
        """The schemas that judge the same value whatever it is."""
        pending, seen = list(schemas), set[int]()
        while pending:
            part = pending.pop()
            if isinstance(part, dict) and id(part) not in seen:
                seen.add(id(part))
                yield part
                pending += part.get("allOf", ())
                for keyword in ("anyOf", "oneOf"):
                    others = [one for one in part.get(keyword, ()) if one != {"type": "null"}]
                    pending += others if len(others) == 1 else ()
                if isinstance(part.get("$ref"), str):
                    pending.append(pointed_at(self._schema, part["$ref"]))

    def _convert(self, schemas: list[Any]) -> Convert | None:
        kinds = named_kinds({"allOf": schemas}, partial(pointed_at, self._schema))
        if kinds is None or "string" in kinds:
            return None
        conversions = [convert for kind, convert in _CONVERSIONS.items() if kind in kinds]

        def convert(text: str) -> Any:
            for conversion in conversions:
                value = conversion(text)
                if value is not text:
                    return value
            return text

        return convert if conversions else None


def _below(part: dict[str, Any], name: str | None) -> Any:
    """What a schema says of a property; without a name, of one that it does not name."""
    properties = part.get("properties", {})
    if name in properties:
        return properties[name]
    # A pattern may speak of it instead.
    return True if "patternProperties" in part else part.get("additionalProperties", True)


def _first(part: dict[str, Any]) -> list[Any]:
    """What a schema says of the first items: before 2020-12 in `items`."""
    items = part.get("items")
    found: list[Any] = items if isinstance(items, list) else part.get("prefixItems", [])
    return found


def _at(part: dict[str, Any], index: int | None) -> Any:
    """What a schema says of an item; without an index, of one behind the first."""
    first = _first(part)
    if index is not None and index < len(first):
        return first[index]
    return part.get("additionalItems" if isinstance(part.get("items"), list) else "items", True)


def _inside(value: Any, place: _Place) -> Iterator[tuple[Any, Any, _Place]]:
    """The values in an array or object: the index or name, the value, and its place."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, item, place.named.get(name, place.others)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            first = index < len(place.first)
            yield index, item, place.first[index] if first else place.items


def _differs(value: Any, place: _Place) -> bool:
    pending = [(value, place)]
    while pending:
        value, place = pending.pop()
        if isinstance(value, str):
            if place.convert is not None and place.convert(value) is not value:
                return True
        else:
            pending += [(item, where) for _, item, where in _inside(value, place)]
    return False


def _coerced(root: Any, place: _Place) -> Any:
    """The same value, changed in place."""
    holder = [root]
    pending: list[tuple[Any, Any, _Place]] = [(holder, 0, place)]
    while pending:
        container, key, place = pending.pop()
        value = container[key]
        if isinstance(value, str):
            if place.convert is not None:
                container[key] = place.convert(value)
        else:
            pending += [(value, name, where) for name, _, where in _inside(value, place)]
    return holder[0]
