"""Which members of a JSON document a rule lets pass: an allow-list of pointers (OWASP API3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from .._errors import ConfigurationError
from ._binding import Binding
from ._condition import Condition, Test, as_condition
from ._facts import Facts, Sentinel
from ._predicate import Predicate

DROPPED = Sentinel("DROPPED")
_MOST_GROUPS = 8


class Fields(NamedTuple):
    """Pointers, and the condition under which they count. Made by `fields`."""

    pointers: tuple[str, ...]
    when: Condition | None


def fields(*pointers: str, when: Condition | Predicate | None = None) -> Fields:
    """Members of a JSON document that may be read or written, for `reads=` and `writes=`.

    Parameters:
        pointers: JSON Pointers (RFC 6901): "/name" is that member if it is no object and no array,
            "/address/city" one within, "/items/*/price" one of every element of an array, and
            "/meta/**" everything below.
        when: a condition, such as `role("hr")`; None: always.

    Raises:
        ConfigurationError: a malformed pointer, or a condition that is none.

    >>> from ringwall.authz import allow, role
    >>> rule = allow(
    ...     "GET", "/v1/users/{user_id:int}",
    ...     reads=["/id", "/name", fields("/salary", when=role("hr"))],
    ... )
    """
    for pointer in pointers:
        if not isinstance(pointer, str) or not pointer.startswith("/"):
            raise ConfigurationError(f"{pointer!r} is no JSON Pointer: it begins with '/'")
        if "**" in pointer.removesuffix("/**").split("/"):
            raise ConfigurationError(f"{pointer!r}: '**' stands at the end")
    return Fields(pointers, None if when is None else as_condition(when))


class Node:
    """What may pass at one place. leaf: a value that is no object and no array; all: anything."""

    __slots__ = ("all", "elements", "leaf", "members")

    def __init__(self) -> None:
        self.all: bool = False
        self.leaf: bool = False
        self.members: dict[str, Node] = {}
        self.elements: Node | None = None

    def add(self, pointer: str) -> None:
        node = self
        for part in pointer.split("/")[1:]:
            if part == "**":
                node.all = True
                return
            if part == "*":
                node.elements = node.elements or Node()
                node = node.elements
            else:
                name = part.replace("~1", "/").replace("~0", "~")
                node = node.members.setdefault(name, Node())
        node.leaf = True

    def keep(self, value: Any, nulls: bool) -> Any:
        """The part of a value that may pass, or DROPPED. nulls: a null may stand for an object or
        array: to read it tells nothing, to write it takes one away."""
        if self.all:
            return value
        if type(value) is dict:
            if not self.members:
                return DROPPED
            kept = {}
            for name, part in value.items():
                node = self.members.get(name)
                if node is not None:
                    part = node.keep(part, nulls)
                    if part is not DROPPED:
                        kept[name] = part
            return kept
        if type(value) is list:
            node = self.elements
            if node is None:
                return DROPPED
            parts = [node.keep(part, nulls) for part in value]
            return [part for part in parts if part is not DROPPED]
        if self.leaf or (value is None and nulls and (self.members or self.elements)):
            return value
        return DROPPED


Given: TypeAlias = "Iterable[str | Fields]"


def as_groups(given: Given | None, where: str) -> tuple[Fields, ...] | None:
    """What a rule was given, as groups with a condition each.

    Raises:
        ConfigurationError: it is no such list.
    """
    if given is None:
        return None
    if isinstance(given, (str, Fields)):
        raise ConfigurationError(f"{where}= takes a list: {where}=['/name', '/email']")
    parts = tuple(given)
    for part in parts:
        if not isinstance(part, (str, Fields)):
            raise ConfigurationError(f"{where}= takes JSON Pointers and fields(...), not {part!r}")
    groups = tuple(part for part in parts if isinstance(part, Fields) and part.when is not None)
    if len(groups) > _MOST_GROUPS:
        raise ConfigurationError(f"{where}= takes at most {_MOST_GROUPS} conditions")
    always = [p for part in parts if part not in groups for p in _pointers(part)]
    return (fields(*always), *groups)


def _pointers(part: str | Fields) -> tuple[str, ...]:
    return part.pointers if isinstance(part, Fields) else (part,)


class FieldList:
    """The allow-list of one rule, ready to be asked."""

    __slots__ = ("_always", "_groups", "_made")

    def __init__(self, groups: tuple[Fields, ...], binding: Binding) -> None:
        self._always = groups[0].pointers
        self._groups: tuple[tuple[Test, tuple[str, ...]], ...] = tuple(
            (group.when.compile(binding), group.pointers)
            for group in groups
            if group.when is not None
        )
        # By the groups that count: at most 2 ** 8.
        self._made: dict[tuple[bool, ...], Node] = {}

    def tree(self, facts: Facts) -> Node | None:
        """What may pass under these facts; None: a need is left in them. What cannot be decided
        does not count."""
        held: tuple[bool, ...] = ()
        for test, _ in self._groups:
            counts = _counts(test, facts)
            if counts is None:
                return None
            held = (*held, counts)
        node = self._made.get(held)
        if node is None:
            node = self._made[held] = self._make(held)
        return node

    def _make(self, held: tuple[bool, ...]) -> Node:
        node = Node()
        for pointer in self._always:
            node.add(pointer)
        for (_, pointers), counts in zip(self._groups, held, strict=True):
            for pointer in pointers if counts else ():
                node.add(pointer)
        return node


def _counts(test: Test, facts: Facts) -> bool | None:
    facts.need = None
    if test(facts) is True:
        return True
    return False if facts.need is None else None
