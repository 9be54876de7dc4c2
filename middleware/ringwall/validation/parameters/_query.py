"""The query string, read once and strictly."""

from __future__ import annotations

import re
from typing import Any

from .._json import StrictJSON
from .._refusal import MALFORMED_QUERY, Refused
from ._shape import Shape
from ._spec import Spec
from ._styles import Misstyled, alternating, items, json_reader, one, splitter
from ._text import Malformed, unquote

_DEEP = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]\Z")
Errors = list[tuple[str, str]]  # name and code; an empty name: none that is declared


class Query:
    """Reads the parameters of a query.

    Parameters:
        specs, shapes: what is declared, in the same order.
        parse: the strict parser, for `content`.
        strict: refuse what is not declared.
        ignored: names that belong to others, such as an API key.
    """

    def __init__(
        self,
        specs: list[Spec],
        shapes: list[Shape],
        parse: StrictJSON,
        strict: bool,
        ignored: frozenset[str],
    ) -> None:
        self._readers = {
            spec.name: _Reader(spec, shape, parse)
            for spec, shape in zip(specs, shapes, strict=True)
        }
        # Where a name in the query leads to: the parameter, and the property of it.
        self._slots: dict[str, tuple[str, str]] = {}
        self._deep: set[str] = set()
        self._rest: str | None = None
        for spec, shape in zip(specs, shapes, strict=True):
            if spec.is_json or shape.kind != "object" or not spec.explode:
                self._slots[spec.name] = (spec.name, "")
            elif spec.style == "deepObject":
                self._deep.add(spec.name)
            else:
                for name in shape.properties:
                    self._slots[name] = (spec.name, name)
                if shape.open:
                    self._rest = spec.name
        self._strict = strict
        self._ignored = ignored

    def read(self, query: bytes, errors: Errors) -> dict[str, Any]:
        """The values by name, as far as they can be read; what is wrong is added to `errors`.

        Raises:
            Refused: the query is malformed.
        """
        try:
            gathered = self._gather(query.decode("ascii"), errors)
            values = {}
            for name, parts in gathered.items():
                try:
                    values[name] = self._readers[name].read(parts)
                except Misstyled as misstyled:
                    errors.append((name, misstyled.code))
        except (Malformed, UnicodeDecodeError):
            raise Refused(MALFORMED_QUERY) from None
        return values

    def _gather(self, query: str, errors: Errors) -> dict[str, dict[str, list[str]]]:
        gathered: dict[str, dict[str, list[str]]] = {}
        for pair in query.split("&"):
            if not pair:
                continue
            raw_name, _, value = pair.partition("=")
            name = unquote(raw_name)
            slot = self._slots.get(name) or self._other(name)
            if slot is not None:
                gathered.setdefault(slot[0], {}).setdefault(slot[1], []).append(value)
                continue
            unquote(value)  # malformed is malformed, wherever it stands
            if self._strict and name not in self._ignored and ("", "undeclared") not in errors:
                errors.append(("", "undeclared"))
        return gathered

    def _other(self, name: str) -> tuple[str, str] | None:
        if self._deep:
            found = _DEEP.match(name)
            if found is not None and found[1] in self._deep:
                return found[1], found[2]
        if self._rest is not None and name not in self._ignored:
            return self._rest, name
        return None


class _Reader:
    """Reads one parameter from the parts of it."""

    def __init__(self, spec: Spec, shape: Shape, parse: StrictJSON) -> None:
        self._shape = shape
        self._explode = spec.explode
        self._split = splitter(spec.style)
        self._json = json_reader(parse, unquote) if spec.is_json else None
        self._allow_empty = spec.allow_empty

    def read(self, parts: dict[str, list[str]]) -> Any:
        shape = self._shape
        values = parts.get("")
        if values == [""] and self._allow_empty:
            return ""
        if values is not None and self._json is not None:
            return self._json(values)
        if shape.kind == "scalar" and values is not None:
            return shape.convert(unquote(one(values)))
        if shape.kind == "array" and values is not None:
            texts = values if self._explode else self._split(one(values))
            return items([unquote(text) for text in texts], shape)
        if not self._explode and values is not None:
            return alternating([unquote(text) for text in self._split(one(values))], shape)
        return {name: self._property(name, texts) for name, texts in parts.items()}

    def _property(self, name: str, texts: list[str]) -> Any:
        convert = self._shape.properties.get(name, self._shape.convert)
        if name in self._shape.lists:
            return [convert(unquote(text)) for text in texts]
        return convert(unquote(one(texts)))
