"""Finds the rules for a path in time that depends on the path, not on the number of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

from ._template import STR, Kind, Parameter, Template

T = TypeVar("T")
# The parameters by name; None where a segment is an alias, not the canonical spelling, of a value.
Params: TypeAlias = "dict[str, Any] | None"
_Values: TypeAlias = "tuple[Any, ...] | None"


# A parameter in the last place: its kind, with what reads it at hand, its name, and the entry.
_Last: TypeAlias = tuple[Kind, Callable[[str], Any], Callable[[str], bool], str, T]
# An entry with the names of its parameters, from left to right.
_Named: TypeAlias = tuple[tuple[str, ...], T]


def _rank(pair: tuple[Any, ...]) -> int:
    rank: int = pair[0].rank
    return rank


class _Node(Generic[T]):
    """Where some first segments lead. `open`: a literal is not the only way on."""

    __slots__ = ("any", "end", "literals", "open", "tail", "typed")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.typed: tuple[tuple[Kind, _Node[T]], ...] = ()
        self.any: _Node[T] | None = None
        self.tail: T | None = None
        self.end: T | None = None
        self.open = False

    def child(self, segment: str | Parameter) -> _Node[T]:
        if isinstance(segment, str):
            return self.literals.setdefault(segment, _Node())
        self.open = True
        if segment.kind is STR:
            self.any = self.any or _Node()
            return self.any
        for kind, node in self.typed:
            if kind is segment.kind:
                return node
        node = _Node()
        self.typed = tuple(sorted([*self.typed, (segment.kind, node)], key=_rank))
        return node

    def descend(self, template: Template) -> _Node[T]:
        node = self
        for segment in template.segments:
            node = node.child(segment)
        return node


class Index(Generic[T]):
    """Maps a path to the entry of the most specific template that matches it.

    The leftmost segment in which two templates differ decides: a literal before a typed parameter,
    that before `{name}`, that before `/**`.
    """

    __slots__ = ("_heads", "_plain", "_root")

    def __init__(self) -> None:
        self._root: _Node[_Named[T]] = _Node()
        # Two short cuts past the tree, for the usual shapes: literals alone, and literals before
        # one parameter. Nothing can be more specific than the first; nothing but the first, and
        # other parameters in the same place, more than the second.
        self._plain: dict[str, T] = {}
        self._heads: dict[str, tuple[_Last[T], ...]] = {}

    def put(self, template: Template, entry: T) -> None:
        """Add an entry; it replaces one of the same shape."""
        node = self._root.descend(template)
        named = tuple(template.parameters), entry
        if template.below:
            node.tail, node.open = named, True
        else:
            node.end = named
            *head, last = template.segments
            literals = [part for part in head if isinstance(part, str)]
            if len(literals) == len(head):
                if isinstance(last, str):
                    self._plain[template.text] = entry
                else:
                    self._put_last("/".join(["", *literals, ""]), last, entry)

    def _put_last(self, head: str, parameter: Parameter, entry: T) -> None:
        name, kind = parameter
        others = [last for last in self._heads.get(head, ()) if last[0] is not kind]
        lasts = sorted([*others, (kind, kind.read, kind.alias, name, entry)], key=_rank)
        self._heads[head] = tuple(lasts)

    def find(self, path: str) -> tuple[T, Params] | None:
        """The entry and the typed parameters."""
        entry = self._plain.get(path)
        if entry is not None:
            return entry, {}
        cut = path.rfind("/") + 1
        lasts = self._heads.get(path[:cut])
        if lasts is not None:
            segment = path[cut:]
            for _, read, alias, name, entry in lasts:
                value = read(segment)
                if value is not None:
                    return entry, {name: value}
                if alias(segment):
                    return entry, None
        if path[:1] != "/":
            return None
        found = _find(self._root, path.split("/"), 1, ())
        return None if found is None else _with_params(*found)


def _find(
    node: _Node[T], segments: list[str], index: int, values: _Values
) -> tuple[T, _Values] | None:
    end = len(segments)
    while index < end:
        segment = segments[index]
        index += 1
        child = node.literals.get(segment)
        if child is not None:
            if not node.open:
                node = child
                continue
            found = _find(child, segments, index, values)
            if found is not None:
                return found
        for kind, child in node.typed:
            value = kind.read(segment)
            if value is not None or kind.alias(segment):
                found = _find(child, segments, index, _extended(values, value))
                if found is not None:
                    return found
        if segment and node.any is not None:
            found = _find(node.any, segments, index, _extended(values, segment))
            if found is not None:
                return found
        return None if node.tail is None else (node.tail, values)
    return None if node.end is None else (node.end, values)


def _extended(values: _Values, value: Any) -> _Values:
    return None if values is None or value is None else (*values, value)


def _with_params(named: _Named[T], values: _Values) -> tuple[T, Params]:
    names, entry = named
    return entry, None if values is None else dict(zip(names, values, strict=True))


class Overlay(Generic[T]):
    """Finds every entry that matches a path, for rules that forbid.

    It matches rather too much than too little: empty segments do not count, so that no spelling
    that a lenient router folds gets past, and `/admin/**` holds for `/admin`, too.
    """

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Node[tuple[_Named[T], ...]] = _Node()

    def put(self, template: Template, entry: T) -> None:
        slim = template._replace(segments=tuple(s for s in template.segments if s != ""))
        node = self._root.descend(slim)
        named = tuple(template.parameters), entry
        if template.below:
            node.tail = (*(node.tail or ()), named)
        else:
            node.end = (*(node.end or ()), named)

    def find(self, path: str) -> list[tuple[T, Params]]:
        """The entries, each with its typed parameters."""
        segments = [segment for segment in path.split("/") if segment]
        found = _find_all(self._root, segments, 0, ())
        return [_with_params(named, values) for every, values in found for named in every]


def _find_all(
    node: _Node[T], segments: list[str], index: int, values: _Values
) -> Iterator[tuple[T, _Values]]:
    if node.tail is not None:
        yield node.tail, values
    if index == len(segments):
        if node.end is not None:
            yield node.end, values
        return
    segment = segments[index]
    index += 1
    child = node.literals.get(segment)
    if child is not None:
        yield from _find_all(child, segments, index, values)
    for kind, child in node.typed:
        value = kind.read(segment)
        if value is not None or kind.alias(segment):
            yield from _find_all(child, segments, index, _extended(values, value))
    if node.any is not None:
        yield from _find_all(node.any, segments, index, _extended(values, segment))
