"""Finds what is kept for a path in time that depends on the path, not on how much is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar, cast

from ._errors import ConfigurationError
from ._template import STR, Kind, Parameter, PartialSegment, Template
from ._template_partial import Values as Several

T = TypeVar("T")
# The parameters by name; None where a segment is an alias, not the canonical spelling, of a value.
Params: TypeAlias = "dict[str, Any] | None"
Values: TypeAlias = "tuple[Any, ...] | None"


# A parameter in the last place: what reads it, its kind and name, the entry, and the next such one,
# which is wider: one object to look at in the usual case.
_Last: TypeAlias = "tuple[Callable[[str], Any], Kind, str, T, _Last[T] | None]"
# An entry with the names of its parameters, from left to right.
Named: TypeAlias = tuple[tuple[str, ...], T]


def _rank(pair: tuple[Kind, Any]) -> tuple[int, str]:
    kind = pair[0]
    return kind.rank, kind.name


_NO_LITERALS: dict[str, Any] = {}  # replaced by the first one, never filled


class Node(Generic[T]):
    """Where some first segments lead. `open`: a literal is not the only way on."""

    __slots__ = ("any", "end", "literals", "open", "tail", "typed")

    def __init__(self) -> None:
        self.literals: dict[str, Node[T]] = _NO_LITERALS
        self.typed: tuple[tuple[Kind, Node[T]], ...] = ()
        self.any: Node[T] | None = None
        self.tail: T | None = None
        self.end: T | None = None
        self.open = False

    def child(self, segment: str | Parameter | PartialSegment) -> Node[T]:
        if isinstance(segment, str):
            if self.literals is _NO_LITERALS:
                self.literals = {}
            return self.literals.setdefault(segment, Node())
        self.open = True
        if segment.kind is STR:
            self.any = self.any or Node()
            return self.any
        for kind, node in self.typed:
            if kind.name == segment.kind.name:
                return node
        node = Node()
        self.typed = tuple(sorted([*self.typed, (segment.kind, node)], key=_rank))
        return node

    def descend(self, template: Template) -> Node[T]:
        node = self
        for segment in template.segments:
            node = node.child(segment)
        return node


class TemplateIndex(Generic[T]):
    """Maps a path to the entry of the most specific template that matches it.

    The leftmost segment in which two templates differ decides: a literal before literal text around
    parameters, that before a typed parameter, that before `{name}`, that before `/**`. Where a
    segment is another spelling of a typed parameter's value, or can be split in two ways, `find`
    gives the entry, and None instead of parameters: whoever asks must neither pass that request nor
    judge it by a wider template.

    plain: the entries of templates without parameters, by path: `find` gives no other ones there.

    >>> from ringwall._template import parse_template
    >>> index = TemplateIndex()
    >>> index.add(parse_template("/orders/{id:int}"), "one order")
    >>> index.find("/orders/17"), index.find("/orders/017")
    (('one order', {'id': 17}), ('one order', None))
    """

    __slots__ = ("_heads", "_partial", "_root", "_texts", "plain")

    def __init__(self) -> None:
        # The usual shapes are not in the tree: literals alone, and literals before one parameter.
        # Nothing can be more specific than the first; nothing but the first, and other parameters
        # in the same place, more than the second.
        self.plain: dict[str, T] = {}
        self._heads: dict[str, _Last[T]] = {}
        self._root: Node[Named[T]] = Node()
        # What stands before a partial segment in the last place: the tree must look there.
        self._partial: set[str] = set()
        self._texts: dict[object, str] = {}

    def add(self, template: Template, entry: T) -> None:
        """Add an entry.

        Raises:
            ConfigurationError: a template that matches the same paths was added already.
        """
        other = self._texts.get(template.shape)
        if other is not None:
            raise ConfigurationError(
                f"{template.text!r} and {other!r} match the same paths; keep one of them"
            )
        self._texts[template.shape] = template.text
        self.put(template, entry)

    def put(self, template: Template, entry: T) -> None:
        """Add an entry; it replaces one of the same shape."""
        *head, last = template.segments or [""]
        literals = [part for part in head if isinstance(part, str)]
        if template.below or len(literals) < len(head):
            self._put_in_tree(template, entry)
        elif isinstance(last, str):
            self.plain[template.text] = entry
        else:
            before = "/".join(["", *literals])
            if isinstance(last, PartialSegment) and before not in self._partial:
                self._partial.add(before)
                for kind, name, other in _chain(self._heads.pop(before, None)):
                    parameter = Parameter(name, kind)
                    moved = Template("", (*literals, parameter), below=False)
                    self._put_in_tree(moved, other)
            if before in self._partial:
                self._put_in_tree(template, entry)
            else:
                self._put_last(before, cast("Parameter", last), entry)

    def _put_in_tree(self, template: Template, entry: T) -> None:
        node = self._root.descend(template)
        named = tuple(template.parameters), entry
        if template.below:
            node.tail, node.open = named, True
        else:
            node.end = named

    def _put_last(self, head: str, last: Parameter, entry: T) -> None:
        name, kind = last
        others = [each for each in _chain(self._heads.get(head)) if each[0] is not kind]
        chain: _Last[T] | None = None
        ranked = sorted([*others, (kind, name, entry)], key=lambda each: _rank(each[:2]))
        for kind, name, entry in reversed(ranked):
            chain = kind.read, kind, name, entry, chain
        self._heads[head] = cast("_Last[T]", chain)

    def find(self, path: str) -> tuple[T, Params] | None:
        """The entry and the typed parameters."""
        entry = self.plain.get(path)
        if entry is not None:
            return entry, {}
        head, _, segment = path.rpartition("/")
        last = self._heads.get(head)
        if not head and path[:1] != "/":
            return None
        while last is not None:
            read, kind, name, entry, last = last
            value = read(segment)
            if value is not None:
                return entry, {name: value}
            if kind.alias(segment):
                return entry, None
        if path[:1] != "/":
            return None
        found = _find(self._root, path.split("/"), 1, ())
        return None if found is None else with_params(*found)


def _chain(last: _Last[T] | None) -> Iterator[tuple[Kind, str, T]]:
    while last is not None:
        _, kind, name, entry, last = last
        yield kind, name, entry


def _find(
    node: Node[T], segments: list[str], index: int, values: Values
) -> tuple[T, Values] | None:
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
                found = _find(child, segments, index, extended(values, value))
                if found is not None:
                    return found
        if segment and node.any is not None:
            found = _find(node.any, segments, index, extended(values, segment))
            if found is not None:
                return found
        return None if node.tail is None else (node.tail, values)
    return None if node.end is None else (node.end, values)


def extended(values: Values, value: Any) -> Values:
    if values is None or value is None:
        return None
    return (*values, *value) if value.__class__ is Several else (*values, value)


def with_params(named: Named[T], values: Values) -> tuple[T, Params]:
    names, entry = named
    return entry, None if values is None else dict(zip(names, values, strict=True))
