"""Segments that hold parameters between literal text: `{id}:activate`, `{name}.{ext}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Values(tuple[Any, ...]):
    """The values of several parameters, from left to right."""

    __slots__ = ()


class Partial(NamedTuple):
    """What reads such a segment.

    literals: the text before, between and after the parameters. reads, aliases: those of the kinds
    of the parameters; see `Kind`.

    Where a segment can be split in two ways, `a.b.c` by `{name}.{ext}`, routers differ in which
    they take. So it is an alias: a rule for the one reading must not judge the other.

    >>> Partial(("", ".", ""), (str, str), (bool, bool)).read("a.txt")
    ('a', 'txt')
    """

    literals: tuple[str, ...]
    reads: tuple[Callable[[str], Any], ...]
    aliases: tuple[Callable[[str], bool], ...]

    def read(self, segment: str) -> Values | None:
        first, last = self._split(segment)
        if first is None or first != last:
            return None
        values = Values(read(text) for read, text in zip(self.reads, first, strict=True))
        return None if None in values else values

    def alias(self, segment: str) -> bool:
        first, last = self._split(segment)
        if first is None or first != last:
            return first is not None
        pairs = zip(self.reads, self.aliases, first, strict=True)
        return all(read(text) is not None or alias(text) for read, alias, text in pairs)

    def _split(self, segment: str) -> tuple[list[str] | None, list[str]]:
        """The texts of the parameters with each literal as far left as may be, and as far right as
        may be, in linear time; None where the segment has no such form."""
        before, *between, after = self.literals
        end = len(segment) - len(after)
        if end <= len(before) or not (segment.startswith(before) and segment.endswith(after)):
            return None, []
        middle = segment[len(before) : end]
        first: list[str] = []
        start = 0
        for literal in between:
            at = middle.find(literal, start + 1)
            if at < 0:
                return None, []
            first.append(middle[start:at])
            start = at + len(literal)
        if start == len(middle):
            return None, []
        first.append(middle[start:])
        last: list[str] = []
        end = len(middle)
        for literal in reversed(between):
            at = middle.rfind(literal, 0, end - 1)
            last.insert(0, middle[at + len(literal) : end])
            end = at
        last.insert(0, middle[:end])
        return first, last
