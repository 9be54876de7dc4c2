"""Path templates: `/v1/orders/{order_id:int}`, matched exactly, never by prefix or by guess.

A parameter fills one whole segment and is accepted in its canonical form alone. `/orders/07` and
`/orders/+7` reach order 7 in many frameworks, so they match neither `/orders/{id:int}` nor, beside
it, `/orders/{name}`: what a router and a rule read differently is the classic way around a rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from ._errors import ConfigurationError, did_you_mean

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PARAMETER = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}\Z")
_LARGEST = str(2**63 - 1)


def _read_int(segment: str) -> int | None:
    if not (segment.isascii() and segment.isdigit()) or segment[0] == "0" != segment:
        return None
    if len(segment) >= 19 and (len(segment) > 19 or segment > _LARGEST):
        return None
    return int(segment)


def _is_like_int(segment: str) -> bool:
    text = segment.strip()
    if text.isdecimal():  # before int(), which refuses very long numbers
        return True
    try:
        int(text)  # takes signs, underscores and the digits of every script
    except ValueError:
        try:
            number = float(text)  # converters take 7.0 and 7e0 for 7
        except ValueError:
            return False
        return math.isfinite(number) and number.is_integer()
    return True


def _read_uuid(segment: str) -> UUID | None:
    if len(segment) != 36:
        return None
    try:
        value = UUID(segment)
    except ValueError:
        return None
    return value if str(value) == segment else None


def _is_like_uuid(segment: str) -> bool:
    try:
        UUID(segment.strip())  # takes upper case, braces, "urn:uuid:", and no hyphens
    except ValueError:
        return False
    return True


def _read_str(segment: str) -> str | None:
    return segment or None


def _is_like_nothing(segment: str) -> bool:
    return False


class _Type(NamedTuple):
    """A type of parameter. read: the value of its canonical spelling, else None. is_like: does
    some converter read the segment as such a value, too?"""

    read: Callable[[str], Any]
    is_like: Callable[[str], bool]


# In order of precedence: where several types fit a segment, the narrower one is meant.
_TYPES = {
    "int": _Type(_read_int, _is_like_int),
    "uuid": _Type(_read_uuid, _is_like_uuid),
    "str": _Type(_read_str, _is_like_nothing),
}


class _Alias(Exception):
    """The segment is another spelling of a typed parameter's value: nothing matches."""


class Parameter(NamedTuple):
    """A segment that varies. type: "int", "uuid" or "str"."""

    name: str
    type: str


class Template:
    """A parsed path template.

    Parameters:
        text: literal segments; `{name}` for any one segment, `{name:int}` for a decimal number
            without sign and leading zeros (below 2**63), `{name:uuid}` for the lower-case
            form with hyphens; `/**` at the end for everything below.

    Raises:
        ConfigurationError: it is no such template; the message says what to write instead.

    >>> Template("/v1/orders/{order_id:int}").parameters
    ('order_id',)
    """

    __slots__ = ("below", "parameters", "segments", "text")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text.startswith("/"):
            raise ConfigurationError(f"{text!r} is no path: it begins with '/'")
        self.text = text
        self.below = text.endswith("/**")
        parts = text.removesuffix("/**").split("/")[1:]
        self.segments = tuple(_segment(part, text) for part in parts)
        empty = self.segments[:-1] if not self.below else self.segments
        if "" in empty:
            raise ConfigurationError(f"{text!r} holds an empty segment")
        self.parameters = tuple(s.name for s in self.segments if isinstance(s, Parameter))
        if len(set(self.parameters)) != len(self.parameters):
            raise ConfigurationError(f"{text!r} names two parameters alike")

    def __repr__(self) -> str:
        return f"<Template {self.text}>"


def _segment(part: str, text: str) -> str | Parameter:
    found = _PARAMETER.match(part)
    if found is None:
        if part in (".", "..") or any(sign in part for sign in "{}*%?#;\\"):
            raise ConfigurationError(
                f"{part!r} in {text!r} is no segment: write it decoded; a parameter fills a whole"
                " segment ('{name}'), and '/**' stands at the end"
            )
        return part
    name, kind = found[1], found[2] or "str"
    if not _NAME.match(name):
        raise ConfigurationError(f"{part!r} in {text!r} needs a name, such as '{{order_id:int}}'")
    if kind not in _TYPES:
        raise ConfigurationError(
            f"unknown type {kind!r} of a parameter in {text!r}" + did_you_mean(kind, _TYPES)
        )
    return Parameter(name, kind)


class _Node(Generic[T]):
    """One place in the tree of templates."""

    __slots__ = ("below", "here", "literals", "typed")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.typed: dict[str, _Node[T]] = {}
        self.here: tuple[Template, T] | None = None
        self.below: tuple[Template, T] | None = None

    def take(self, kind: str) -> _Node[T]:
        """The child for a parameter of this type, made if it is not there."""
        child = self.typed.setdefault(kind, _Node())
        self.typed = {known: self.typed[known] for known in _TYPES if known in self.typed}
        return child


class TemplateIndex(Generic[T]):
    """Values by path template. The most specific template wins, whatever the order they came in:
    segment by segment from the left, a literal before `int`, `uuid`, `str` and `/**`.

    >>> index = TemplateIndex()
    >>> index.add(Template("/orders/{id:int}"), "one order")
    >>> index.find("/orders/17"), index.find("/orders/017")
    (('one order', {'id': 17}), None)
    """

    def __init__(self) -> None:
        self._exact: dict[str, T] = {}
        self._root: _Node[T] = _Node()

    def add(self, template: Template, value: T) -> None:
        """Add one template and its value, which is not None.

        Raises:
            ConfigurationError: a template that matches the same paths is there already.
        """
        node = self._root
        for segment in template.segments:
            if isinstance(segment, Parameter):
                node = node.take(segment.type)
            else:
                node = node.literals.setdefault(segment, _Node())
        known = node.below if template.below else node.here
        if known is not None:
            raise ConfigurationError(
                f"{template.text!r} and {known[0].text!r} match the same paths; keep one of them"
            )
        if template.below:
            node.below = (template, value)
        else:
            node.here = (template, value)
            if not template.parameters:
                self._exact[template.text] = value

    def find(self, path: str) -> tuple[T, dict[str, Any]] | None:
        """The value of the template that matches the decoded path, and its typed parameters."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, {}
        values: list[Any] = []
        try:
            found = _find(self._root, path.split("/")[1:], 0, values)
        except _Alias:
            return None
        if found is None:
            return None
        template, value = found
        return value, dict(zip(template.parameters, values, strict=True))


def _find(
    node: _Node[T], segments: list[str], at: int, values: list[Any]
) -> tuple[Template, T] | None:
    # Each node is visited at most once: the work is bounded by the templates, not by the path.
    if at == len(segments):
        return node.here
    segment = segments[at]
    child = node.literals.get(segment)
    if child is not None:
        found = _find(child, segments, at + 1, values)
        if found is not None:
            return found
    for kind, child in node.typed.items():
        value = _TYPES[kind].read(segment)
        if value is None:
            if _TYPES[kind].is_like(segment):
                raise _Alias
        else:
            values.append(value)
            found = _find(child, segments, at + 1, values)
            if found is not None:
                return found
            values.pop()
    return node.below
