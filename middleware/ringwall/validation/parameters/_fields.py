"""Parameters in the path, in headers and in cookies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .._json import StrictJSON
from ._shape import Shape
from ._spec import Spec
from ._styles import (
    Misstyled,
    alternating,
    items,
    json_reader,
    label_reader,
    matrix_reader,
    one,
    simple_reader,
    split_by_comma,
)
from ._text import to_string

Read = Callable[[str], Any]
_VISIBLE = re.compile(r"[\t\x20-\x7e]*\Z")
_COOKIE = re.compile(r"[\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]*\Z")  # RFC 6265 section 4.1.1, and commas


def text_reader(spec: Spec, shape: Shape, parse: StrictJSON) -> Read:
    """What reads a parameter from one text that is decoded already."""
    if spec.is_json:
        read = json_reader(parse, to_string)
        return lambda text: read([text])
    if spec.style == "label":
        return label_reader(shape, spec.explode)
    if spec.style == "matrix":
        return matrix_reader(spec.name, shape, spec.explode)
    return simple_reader(shape, spec.explode)


def header_text(raw: bytes) -> str | None:
    """A header's value, of which repeated lines are one list (RFC 9110 section 5.3); None where it
    holds what is no visible ASCII."""
    text = raw.decode("latin-1").strip(" \t")
    return text if _VISIBLE.match(text) else None


class Cookies:
    """Reads the declared cookies; others belong to others."""

    def __init__(self, specs: list[Spec], shapes: list[Shape], parse: StrictJSON) -> None:
        self._readers = {
            spec.name: _cookie_reader(spec, shape, parse)
            for spec, shape in zip(specs, shapes, strict=True)
        }
        names = "|".join(map(re.escape, self._readers))
        # Two lines of Cookie are joined by a comma; some servers let them through. What stands
        # behind it is a cookie for one reader, and a part of the one before for another.
        self._joined = re.compile(rf",[ \t]*(?:{names})[ \t]*=")

    def read(self, raw: bytes, errors: list[tuple[str, str]]) -> dict[str, Any]:
        text = raw.decode("latin-1")
        found: dict[str, list[str]] = {}
        for pair in text.split(";"):
            written, equals, value = pair.partition("=")
            name = written.strip()  # frameworks strip all that Python calls white space
            if equals and name in self._readers:
                found.setdefault(name, []).append(value.strip(" \t"))
                if name != written.strip(" \t"):
                    errors.append((name, "style"))
        if self._joined.search(text):
            errors.append(("", "repeated"))
        values = {}
        for name, texts in found.items():
            try:
                values[name] = self._readers[name](texts)
            except Misstyled as misstyled:
                errors.append((name, misstyled.code))
        return values


def _cookie_reader(spec: Spec, shape: Shape, parse: StrictJSON) -> Callable[[list[str]], Any]:
    if spec.is_json:
        return json_reader(parse, to_string)

    def read(values: list[str]) -> Any:
        if not all(_COOKIE.match(value) for value in values):
            raise Misstyled(
                "style"
            )  # quotation marks are a part of it for some, and not for others
        if shape.kind == "array" and spec.explode:
            return items(values, shape)
        value = one(values)
        if shape.kind == "scalar":
            return shape.convert(value)
        parts = split_by_comma(value)
        return items(parts, shape) if shape.kind == "array" else alternating(parts, shape)

    return read
