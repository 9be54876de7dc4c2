"""JSON Schemas as types of msgspec, which parses and judges in one pass.

This only ever accepts: what it does not accept is judged as if it were not there. It is sound for
three reasons. Each type allows no more than its schema (of integers, none that is written `1.0`).
What no type says stands in `rest`, a smaller schema for the engine; patterns among it, which
Python's `re` would run in another sense and without a bound of time. And a type makes the same
values as no type, but that it drops members which its schema does not name: whoever calls it counts
them, as for names that stand twice.

Objects that may have members of any name beside those that are named are not typed: their bodies
would be parsed twice wherever one does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, Union

import msgspec

from ._schema import ANNOTATIONS, RANGES, JSONSchema
from ._walk import STANDARD, pointed_at

# What says nothing of validity. That a property is `readOnly` has become another schema before.
_SILENT = frozenset(
    "$comment $defs default definitions deprecated description example examples externalDocs"
    " readOnly title writeOnly xml".split()
)
# What the engine judges where no type does: keywords without schemas in them.
_LEAVES = frozenset(
    "contentEncoding contentMediaType exclusiveMaximum exclusiveMinimum format maxItems maxLength"
    " maxProperties maximum minItems minLength minProperties minimum multipleOf pattern required"
    " uniqueItems".split()
)
_DEFINITIONS = ("#/$defs/", "#/definitions/")
_DEEPEST, _LARGEST = 32, 2_000
# Of an object: msgspec compares each name of a body with each of these in turn.
_MOST_NAMES = 50
_EXACT = 2**53 - 1  # up to here a float is a bound of integers, too

# Types that are made of values are none to a type checker.
_Annotated: Any = Annotated
_Literal: Any = Literal
_Meta: Any = msgspec.Meta
_TypedDict: Any = TypedDict
_Union: Any = Union
_dict: Any = dict
_list: Any = list

# Of each bound: its word for integers and what makes one of it, its word for floats, its twin.
_Bound = tuple[str, Callable[[float], int], str, str]
_BOUNDS: dict[str, _Bound] = {
    "minimum": ("ge", math.ceil, "ge", "exclusiveMinimum"),
    "exclusiveMinimum": ("ge", lambda bound: math.floor(bound) + 1, "gt", "minimum"),
    "maximum": ("le", math.floor, "le", "exclusiveMaximum"),
    "exclusiveMaximum": ("le", lambda bound: math.ceil(bound) - 1, "lt", "maximum"),
}
_KINDS = {str: "string", int: "integer", type(None): "null"}


class Typed(NamedTuple):
    """decode: parses a JSON text that is of the type, or raises. rest: the schema that its value
    has to follow as well."""

    decode: Callable[[bytes], Any]
    rest: JSONSchema


class _Part(NamedTuple):
    """A schema that has become a type. kinds: those of its values; none: they are not known.
    rest: what the type does not say. size: how many schemas, each as often as it is referred to."""

    type: Any
    kinds: frozenset[str]
    rest: dict[str, Any]
    size: int


class _NotTyped(Exception):
    """A schema has no type."""


def typed(schema: Any, formats: bool | Mapping[str, Any] = True) -> Typed | None:
    """What a schema becomes; None: it says something that is not known here.

    Parameters:
        schema: one that the engine has compiled. formats: as the engine was told.

    >>> kept = typed({"type": "array", "items": {"type": "string", "maxLength": 3}})
    >>> kept.decode(b'["abc"]'), kept.rest
    (['abc'], True)
    """
    if not isinstance(schema, dict) or schema.get("$schema", "") not in STANDARD:
        return None
    root = {word: schema[word] for word in schema if word not in ("$schema", "$id")}
    try:
        part = _Types(schema, formats).of(root)
    except _NotTyped:
        return None
    if not part.kinds:
        return None
    named = {word: schema[word] for word in ("$schema",) if word in schema}
    rest = {**named, **part.rest} if part.rest else True
    return Typed(msgspec.json.Decoder(part.type).decode, rest)


class _Types:
    """Makes types of the schemas of one document."""

    def __init__(self, document: dict[str, Any], formats: bool | Mapping[str, Any]) -> None:
        self._document = document
        own = formats if isinstance(formats, Mapping) else ()
        self._silent = ANNOTATIONS.difference(own)
        self._ranges = {name: RANGES[name] for name in RANGES if name not in own}
        self._checked = formats is not False
        self._known: dict[int, _Part] = {}
        self._open: set[int] = set()

    def of(self, schema: Any) -> _Part:
        """Raises _NotTyped."""
        key = id(schema)
        if key not in self._known:
            if key in self._open or len(self._open) > _DEEPEST:  # it has no end, or a late one
                raise _NotTyped
            self._open.add(key)
            part = self._known[key] = self._make(schema)
            self._open.remove(key)
            if part.size > _LARGEST:
                raise _NotTyped
        return self._known[key]

    def _make(self, schema: Any) -> _Part:
        if schema is True:
            return _Part(Any, frozenset(), {}, 1)
        if not isinstance(schema, dict):
            raise _NotTyped
        words = {
            word: schema[word]
            for word in schema
            if word not in _SILENT and not word.startswith("x-")
        }
        if not self._checked or words.get("format") in self._silent:
            words.pop("format", None)
        if len(words) == 1:
            if "$ref" in words:
                return self._referred(words["$ref"])
            if "allOf" in words and len(words["allOf"]) == 1:
                return self.of(words["allOf"][0])
            for word in words.keys() & {"anyOf", "oneOf"}:
                return self._one_of([self.of(each) for each in words[word]])
        stated = words.pop("type", None)
        kinds = frozenset((stated,) if isinstance(stated, str) else stated or ())
        made: list[_Part]
        if "enum" in words or "const" in words:
            made = [_literal(words, kinds)]
        else:
            several = kinds - {"integer"} if "number" in kinds else kinds
            # Each takes what its type says out of the words.
            made = [self._of_kind(kind, words) for kind in sorted(several)]
        if not words.keys() <= _LEAVES:
            raise _NotTyped
        rest = words
        for part in made:
            rest = {**rest, **part.rest}
        return _union(made, rest)

    def _referred(self, reference: str) -> _Part:
        # Nowhere else: on the way there might be a resource of its own, with references of its own.
        if not reference.startswith(_DEFINITIONS) or reference.count("/") != 2:
            raise _NotTyped
        return self.of(pointed_at(self._document, reference))

    def _one_of(self, parts: list[_Part]) -> _Part:
        """Alternatives of which the kind of a value tells which one it is meant to be."""
        kinds = [kind for part in parts for kind in part.kinds]
        if not all(part.kinds for part in parts) or len(set(kinds)) < len(kinds):
            raise _NotTyped
        rests = [{"type": sorted(part.kinds), **part.rest} for part in parts]
        return _union(parts, {"anyOf": rests} if any(part.rest for part in parts) else {})

    def _of_kind(self, kind: str, words: dict[str, Any]) -> _Part:
        kinds, rest, size = frozenset({kind}), dict[str, Any](), 1
        made: Any
        if kind == "null":
            made = None
        elif kind == "boolean":
            made = bool
        elif kind == "string":
            made = _sized(str, words, "minLength", "maxLength")
        elif kind == "integer":
            made = self._integer(words)
        elif kind == "number":
            kinds |= {"integer"}
            made = _number(words)
        elif kind == "array":
            items = self.of(words.pop("items", True))
            size += items.size
            made = _sized(_list[items.type], words, "minItems", "maxItems")
            rest = {"items": items.rest} if items.rest else {}
        else:
            made, rest, more = self._object(words)
            size += more
        return _Part(made, kinds, rest, size)

    def _integer(self, words: dict[str, Any]) -> Any:
        limits, _ = _bounds(words)
        limited = self._ranges.get(words.get("format", ""))
        if limited is not None:
            del words["format"]
            least, most = limited["minimum"], limited["maximum"]
            limits["ge"] = max(limits.get("ge", least), least)
            limits["le"] = min(limits.get("le", most), most)
        return _limited(int, limits)

    def _object(self, words: dict[str, Any]) -> tuple[Any, dict[str, Any], int]:
        properties = words.pop("properties", {})
        others = words.pop("additionalProperties", True)
        if not properties and others is not False:
            part = self.of(others)
            rest = {"additionalProperties": part.rest} if part.rest else {}
            return _dict[str, part.type], rest, part.size
        required = frozenset(words.pop("required", ()))
        # Nothing is valid where a schema is False: as where the object does not name it.
        parts = {name: self.of(each) for name, each in properties.items() if each is not False}
        if others is not False or not required <= parts.keys() or len(parts) > _MOST_NAMES:
            raise _NotTyped
        made = _TypedDict("made", {name: part.type for name, part in parts.items()})
        made.__required_keys__ = required  # Python 3.10 has no NotRequired
        rest = {name: part.rest for name, part in parts.items() if part.rest}
        size = sum(part.size for part in parts.values())
        return made, {"properties": rest} if rest else {}, size


def _union(parts: list[_Part], rest: dict[str, Any]) -> _Part:
    if not parts:
        return _Part(Any, frozenset(), rest, 1)
    made = parts[0].type if len(parts) == 1 else _Union[tuple(part.type for part in parts)]
    kinds = frozenset[str]().union(*(part.kinds for part in parts))
    return _Part(made, kinds, rest, sum(part.size for part in parts))


def _literal(words: dict[str, Any], allowed: frozenset[str]) -> _Part:
    """Texts, null, and integers: to JSON Schema `1.0` is one of these, too, and to msgspec not."""
    values = words.pop("enum", None)
    values = [words.pop("const")] if values is None else values
    kinds = frozenset(_KINDS.get(type(each), "") for each in values)
    allowed |= {"integer"} if "number" in allowed else set()
    if not kinds or "" in kinds or (allowed and not kinds <= allowed):
        raise _NotTyped
    if any(isinstance(each, int) and abs(each) > _EXACT for each in values):
        raise _NotTyped
    return _Part(_Literal[tuple(values)], kinds, {}, 1)


def _limited(kind: Any, limits: Mapping[str, float]) -> Any:
    return _Annotated[kind, _Meta(**limits)] if limits else kind


def _sized(kind: Any, words: dict[str, Any], least: str, most: str) -> Any:
    limits = {}
    for word, limit in ((least, "min_length"), (most, "max_length")):
        if isinstance(words.get(word), int) and words[word] <= _EXACT:  # else it may be 1.0
            limits[limit] = words.pop(word)
    return _limited(kind, limits)


def _number(words: dict[str, Any]) -> Any:
    integers, floats = _bounds(words)
    # Of a float alone msgspec would make one of an integer.
    return _Union[_limited(int, integers), _limited(float, floats)]


def _bounds(words: dict[str, Any]) -> tuple[dict[str, int], dict[str, float]]:
    """Of integers and of floats, as msgspec calls them. Of two on one side both are left."""
    integers, floats = dict[str, int](), dict[str, float]()
    known = {
        word: words[word]
        for word, (_, _, _, twin) in _BOUNDS.items()
        if type(words.get(word)) in (int, float)  # in draft 4 some are True and False
        and abs(words[word]) <= _EXACT
        and twin not in words
    }
    for word, bound in known.items():
        del words[word]
        limit, to_integer, of_floats, _ = _BOUNDS[word]
        integers[limit] = to_integer(bound)
        floats[of_floats] = float(bound)
    return integers, floats
