"""Finds every rule that forbids a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from .._template import Template
from .._template_index import Named, Node, Params, Values, extended, with_params

T = TypeVar("T")


class Overlay(Generic[T]):
    """Finds every entry that matches a path, for rules that forbid.

    It matches rather too much than too little: empty segments do not count, so that no spelling
    that a lenient router folds gets past, and `/admin/**` holds for `/admin`, too.
    """

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: Node[tuple[Named[T], ...]] = Node()

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
        return [with_params(named, values) for every, values in found for named in every]


def _find_all(
    node: Node[T], segments: list[str], index: int, values: Values
) -> Iterator[tuple[T, Values]]:
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
            yield from _find_all(child, segments, index, extended(values, value))
    if node.any is not None:
        yield from _find_all(node.any, segments, index, extended(values, segment))
