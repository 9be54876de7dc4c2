"""Path templates: literal segments, typed parameters, and `/**` for everything below.

A typed parameter has one spelling for each value. `/orders/07` reaches order 7 in every framework
tried, and some also take `+7`, `7%0a`, `7.0` or Arabic digits: a rule that judged another spelling
than the handler reads would judge another object. So an alias, a spelling that some parser reads
as a value of the type, is told apart from a segment that is no such value at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from ._errors import ConfigurationError, did_you_mean
from ._template_partial import Partial

# What the boundary refuses in a path can never match; neither can a query, or an encoded octet.
_LITERAL = re.compile(r"[^/{}*?#%;\\\x00-\x20\x7f-\x9f]+\Z")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z", re.ASCII)
# Signs, underscores and every script's digits.
_SPELT_INT = re.compile(r"[+-]?\d+(?:_\d+)*\Z")
_LARGEST = 2**63 - 1


class Kind(NamedTuple):
    """A type of parameter.

    read: the value of a canonical spelling, else None. alias: is it another spelling of a value?
    json: the value of a JSON value of that type, else None. rank: the narrower, the lower.
    """

    rank: int
    name: str
    type: type
    read: Callable[[str], Any]
    alias: Callable[[str], bool]
    json: Callable[[Any], Any]


def _read_int(segment: str) -> int | None:
    # No sign, no leading zero, no other script's digits.
    if not (segment.isdecimal() and segment.isascii()) or segment < "1":
        return 0 if segment == "0" else None
    if len(segment) < 19:
        return int(segment)
    # What fits a database's BIGINT: beyond, loaders would raise.
    value = int(segment) if len(segment) == 19 else _LARGEST + 1
    return value if value <= _LARGEST else None


def _int_alias(segment: str) -> bool:
    # What int() takes, however long: that one refuses long numbers, or takes its time for them.
    text = segment.strip()
    if _SPELT_INT.match(text):
        return True
    try:
        number = float(text)  # validators take 7.0 and 7e0 for 7
    except ValueError:
        return False
    return math.isfinite(number) and number.is_integer()


def _json_int(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LARGEST else None


def _read_uuid(segment: str) -> UUID | None:
    if len(segment) != 36:
        return None
    try:
        value = UUID(segment)
    except ValueError:
        return None
    return value if str(value) == segment else None


def _uuid_alias(segment: str) -> bool:
    try:
        UUID(segment.strip())  # takes upper case, braces, "urn:uuid:", and no hyphens
    except ValueError:
        return False
    return True


def _json_uuid(value: Any) -> UUID | None:
    return _read_uuid(value) if type(value) is str else None


def _read_str(segment: str) -> str | None:
    return segment or None


def _no_alias(segment: str) -> bool:
    return False


def _json_str(value: Any) -> str | None:
    return value if type(value) is str and value and value.isprintable() else None


STR = Kind(3, "str", str, _read_str, _no_alias, _json_str)
INT = Kind(1, "int", int, _read_int, _int_alias, _json_int)
UUID_KIND = Kind(2, "uuid", UUID, _read_uuid, _uuid_alias, _json_uuid)
KINDS = {kind.name: kind for kind in (INT, UUID_KIND, STR)}


class Parameter(NamedTuple):
    """A parameter that takes one whole segment."""

    name: str
    kind: Kind

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self,)


class PartialSegment(NamedTuple):
    """A segment with parameters between literal text. kind: reads all of them at once."""

    parameters: tuple[Parameter, ...]
    kind: Kind


class Template(NamedTuple):
    """A parsed template. below: it ends in `/**`."""

    text: str
    segments: tuple[str | Parameter | PartialSegment, ...]
    below: bool

    @property
    def parameters(self) -> dict[str, Kind]:
        found = (p for s in self.segments if not isinstance(s, str) for p in s.parameters)
        return {parameter.name: parameter.kind for parameter in found}

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for templates that match the same paths, whatever their parameters' names."""
        parts = (s if isinstance(s, str) else (s.kind.name,) for s in self.segments)
        return (self.below, *parts)


def parse_template(text: str) -> Template:
    """Parse a path template.

    Raises:
        ConfigurationError: it could never match, or could mean two things.

    >>> parse_template("/v1/orders/{order_id:int}").parameters["order_id"].name
    'int'
    """
    if not isinstance(text, str) or not text.startswith("/"):
        raise ConfigurationError(f"the path {text!r} must begin with '/'")
    below = text.endswith("/**")
    parts = (text[:-3] if below else text).split("/")[1:]
    segments: list[str | Parameter | PartialSegment] = []
    names: set[str] = set()
    for position, part in enumerate(parts):
        if part == "" and position == len(parts) - 1 and not below:
            segments.append(part)  # a trailing slash is part of the path
            continue
        segment = _parse_segment(part, text)
        for parameter in () if isinstance(segment, str) else segment.parameters:
            if parameter.name in names:
                raise ConfigurationError(f"the path {text!r} has two parameters {parameter.name!r}")
            names.add(parameter.name)
        segments.append(segment)
    return Template(text, tuple(segments), below)


def _parse_segment(part: str, text: str) -> str | Parameter | PartialSegment:
    pieces = _PLACEHOLDER.split(part)
    literals, inner = pieces[::2], pieces[1::2]
    if inner:
        parameters = tuple(_parse_parameter(piece, text) for piece in inner)
        if literals == ["", ""]:
            return parameters[0]
        for literal in literals:
            if literal.strip("."):  # else it is the point of `{name}.{ext}`
                _parse_segment(literal, text)
        if "" in literals[1:-1]:
            raise ConfigurationError(
                f"the path {text!r} holds {part!r}: nothing tells where one parameter ends and the"
                " next begins; write a character between them"
            )
        return PartialSegment(parameters, _partial_kind(tuple(literals), parameters))
    if "*" in part:
        raise ConfigurationError(
            f"the path {text!r} holds {part!r}: write '{{name}}' for one segment, or '/**' at the"
            " end for everything below"
        )
    if "{" in part or "}" in part:
        raise ConfigurationError(
            f"the path {text!r} holds {part!r}: write a parameter as '{{name}}'"
        )
    if part in ("", ".", "..") or not _LITERAL.match(part):
        raise ConfigurationError(
            f"the path {text!r} can never match: write it decoded, without empty or dot segments,"
            " queries, semicolons, backslashes and controls"
        )
    return part


def _parse_parameter(inner: str, text: str) -> Parameter:
    name, colon, kind = inner.partition(":")
    if not _NAME.match(name):
        raise ConfigurationError(f"the path {text!r} holds '{{{inner}}}'; write '{{order_id:int}}'")
    if colon and kind not in KINDS:
        hint = "; write '/**' at the end" if kind == "path" else did_you_mean(kind, KINDS)
        raise ConfigurationError(f"unknown parameter type {kind!r} in {text!r}{hint}")
    return Parameter(name, KINDS[kind] if colon else STR)


def _partial_kind(literals: tuple[str, ...], parameters: tuple[Parameter, ...]) -> Kind:
    """One kind for the whole segment: the more literal text, the narrower."""
    kinds = [parameter.kind for parameter in parameters]
    reader = Partial(
        literals, tuple(kind.read for kind in kinds), tuple(kind.alias for kind in kinds)
    )
    names = [f"{{{kind.name}}}" for kind in kinds]
    name = literals[0] + "".join(map(str.__add__, names, literals[1:]))
    rank = -sum(map(len, literals))
    return Kind(rank, name, tuple, reader.read, reader.alias, _no_json)


def _no_json(value: Any) -> None:
    """No value of JSON is such a segment."""
