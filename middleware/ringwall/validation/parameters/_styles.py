"""The styles in which a value is written as text (OpenAPI 3.1 section 4.8.12.4, RFC 6570)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .._json import StrictJSON
from .._refusal import Refused
from ._shape import Shape
from ._text import Convert

Read = Callable[[list[str]], Any]  # from all values of one name
Split = Callable[[str], list[str]]

_DELIMITERS = {
    "spaceDelimited": re.compile(r"\+|%20").split,
    "pipeDelimited": re.compile(r"\||%7[Cc]").split,
}


class Misstyled(Exception):
    """A value is not written in the style of its parameter. code: what is wrong."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def one(values: list[str]) -> str:
    """The only value: which of several counts, two readers could read differently."""
    if len(values) != 1:
        raise Misstyled("repeated")
    return values[0]


def split_by_comma(text: str) -> list[str]:
    return text.split(",") if text else []


def splitter(style: str) -> Split:
    """What takes a list apart that is written in one value."""
    split = _DELIMITERS.get(style)
    if split is None:
        return split_by_comma
    return lambda text: split(text) if text else []


def items(texts: list[str], shape: Shape) -> list[Any]:
    """The items of an array."""
    if not shape.first:
        return list(map(shape.convert, texts))
    rest = len(shape.first)
    typed = [convert(text) for convert, text in zip(shape.first, texts, strict=False)]
    return typed + [shape.convert(text) for text in texts[rest:]]


def alternating(parts: list[str], shape: Shape) -> dict[str, Any]:
    """An object as `name,value,name,value`."""
    if len(parts) % 2:
        raise Misstyled("style")
    return typed_object(zip(parts[::2], parts[1::2], strict=True), shape)


def assigned(parts: list[str], shape: Shape) -> dict[str, Any]:
    """An object as `name=value` each."""
    pairs = []
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals:
            raise Misstyled("style")
        pairs.append((name, value))
    return typed_object(pairs, shape)


def typed_object(pairs: Any, shape: Shape) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise Misstyled("repeated")
        made[name] = shape.properties.get(name, shape.convert)(value)
    return made


def json_reader(parse: StrictJSON, text: Convert) -> Read:
    """A value that is written as JSON."""

    def read(values: list[str]) -> Any:
        try:
            return parse(text(one(values)).encode())
        except Refused:
            raise Misstyled("json") from None

    return read


def simple_reader(shape: Shape, explode: bool) -> Callable[[str], Any]:
    """The style `simple`: of path and header parameters."""
    if shape.kind == "scalar":
        return shape.convert
    if shape.kind == "array":
        return lambda text: items(_trimmed(text), shape)
    as_object = assigned if explode else alternating
    return lambda text: as_object(_trimmed(text), shape)


def _trimmed(text: str) -> list[str]:
    return [part.strip(" \t") for part in split_by_comma(text)]


def label_reader(shape: Shape, explode: bool) -> Callable[[str], Any]:
    """The style `label`: `.blue`."""

    def read(text: str) -> Any:
        if text[:1] != ".":
            raise Misstyled("style")
        text = text[1:]
        if shape.kind == "scalar":
            return shape.convert(text)
        parts = text.split("." if explode else ",") if text else []
        if shape.kind == "array":
            return items(parts, shape)
        return (assigned if explode else alternating)(parts, shape)

    return read


def matrix_reader(name: str, shape: Shape, explode: bool) -> Callable[[str], Any]:
    """The style `matrix`: `;color=blue`. The boundary must allow semicolons for it."""

    def read(text: str) -> Any:
        if text[:1] != ";":
            raise Misstyled("style")
        parts = text[1:].split(";")
        if shape.kind == "object" and explode:
            return assigned(parts, shape)
        pairs = [part.partition("=") for part in parts]
        if any(found[0] != name for found in pairs):
            raise Misstyled("style")
        values = [value for _, _, value in pairs]
        if shape.kind == "array" and explode:
            return items(values, shape)
        value = one(values)
        if shape.kind == "scalar":
            return shape.convert(value)
        parts = split_by_comma(value)
        return items(parts, shape) if shape.kind == "array" else alternating(parts, shape)

    return read
