"""Where objects and arrays are in a value, as its schema tells, and how much they hold.

A schema is only a hint here: what it leaves out is not counted, and what is of another kind than
it says counts nothing. So a count is never more than what there is. For a value that is known to be
valid it is more than a hint in one place: where it says on no condition that items are objects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ._walk import STANDARD, pointed_at

Count = Callable[[Any], int]
# The same, told how many there are at most: where there are as many at least, nothing is counted.
CountUpTo = Callable[[Any, int], int]

# A schema that refers to itself has places without end, and each level is a call on the stack.
_MOST_PLACES = 128
_DEEPEST = 16


class Counts(NamedTuple):
    """members: the members of all objects. values: those, and the items of all arrays.
    members_if_valid: as members, and quicker, for values that follow the schema."""

    members: Count
    values: Count
    members_if_valid: CountUpTo


class _Place:
    """What a schema says of one place in a value: it may be an object, with more places by name, or
    an array, whose items are one place. must_be_object: nothing else is valid there; least: how
    many members it has at least, then."""

    __slots__ = ("is_object", "items", "least", "must_be_object", "names")

    def __init__(self) -> None:
        self.is_object = self.must_be_object = False
        self.least = 0
        self.names: dict[str, _Place] = {}
        self.items: _Place | None = None


def counts_of(schema: Any) -> Counts:
    """What counts in the values of a schema.

    >>> schema = {"properties": {"tags": {"items": {"type": "object"}}}}
    >>> counts = counts_of(schema)
    >>> value = {"tags": [{"a": 1, "b": 2}, {}], "unknown": {"c": 3}}
    >>> counts.members(value), counts.values(value)
    (4, 6)
    """
    root = _places(schema)
    members, values = _count(root, False), _count(root, True)
    return Counts(members, values, _count_valid(root))


def _places(schema: Any) -> _Place:
    """All places, those further up first."""
    root = _Place()
    standard = not isinstance(schema, dict) or schema.get("$schema", "") in STANDARD
    pending, left = deque([(root, schema, 0, standard)]), _MOST_PLACES
    while pending and left:
        place, current, depth, always = pending.popleft()
        if depth > _DEEPEST:
            break  # so are all that follow
        for part in _parts(current, schema):
            # On no condition: beside a reference older drafts read nothing, and another dialect
            # may give a keyword no meaning.
            holds = always and part is current and "$ref" not in part
            holds = holds and (part is schema or "$schema" not in part)
            if holds and part.get("type") == "object":
                place.must_be_object = True
                required = part.get("required")
                if isinstance(required, list):
                    place.least = max(place.least, len(set(required)))
            kinds = part.get("type")
            kinds = kinds if isinstance(kinds, list) else [kinds]
            named, items = part.get("properties"), part.get("items")
            if isinstance(named, dict) or "object" in kinds:
                place.is_object = True
            for name, below in named.items() if isinstance(named, dict) else ():
                pending.append((place.names.setdefault(name, _Place()), below, depth + 1, holds))
            if isinstance(items, dict) or "array" in kinds:
                place.items = place.items or _Place()
                of_all = holds and "prefixItems" not in part
                pending.append((place.items, items, depth + 1, of_all))
        left -= place.is_object or place.items is not None
    return root


def _parts(schema: Any, document: Any) -> Iterator[dict[str, Any]]:
    """All schemas that may tell of the same place."""
    pending, seen = [schema], set[int]()
    while pending:
        part = pending.pop()
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        for keyword in ("allOf", "anyOf", "oneOf"):
            several = part.get(keyword)
            pending += several if isinstance(several, list) else ()
        pending += (part.get("then"), part.get("else"))
        if isinstance(part.get("$ref"), str):
            pending.append(pointed_at(document, part["$ref"]))


def _count(place: _Place, values: bool, valid: bool = False) -> Count:
    """Closures, one for each place: what there is to look at was decided when they were made."""
    of_object = _count_object(place, values, valid) if place.is_object else _nothing
    of_array = _nothing if place.items is None else _count_array(place.items, values, valid)
    if of_object is _nothing or of_array is _nothing:
        return of_array if of_object is _nothing else of_object
    return lambda value: of_object(value) + of_array(value)


def _count_valid(root: _Place) -> CountUpTo:
    """Of a value that is valid; written out for objects that hold others in one array at most."""
    count = _count(root, False, valid=True)
    below = [(name, each) for name, each in root.names.items() if _count(each, False) != _nothing]
    if not root.must_be_object or root.items is not None or len(below) > 1:
        return lambda value, most: count(value)
    if not below:
        return lambda value, most: len(value)
    ((only, place),) = below
    items = place.items
    if _count(place, False, valid=True) is not _count_valid_objects or items is None:
        return lambda value, most: count(value)
    least = items.least

    def count_up_to(value: Any, most: int) -> int:
        members = len(value)
        found = value.get(only)
        if type(found) is not list:
            return members
        # Objects that have what they must and no more need not be counted.
        return most if members + least * len(found) == most else members + sum(map(len, found))

    return count_up_to


def _nothing(value: Any) -> int:
    return 0


def _flat_object(value: Any) -> int:
    return len(value) if type(value) is dict else 0


def _flat_array(value: Any) -> int:
    return len(value) if type(value) is list else 0


def _count_valid_objects(value: Any) -> int:
    """Where all items are known to be objects: the length of nothing else counts."""
    return sum(map(len, value)) if type(value) is list else 0


def _count_object(place: _Place, values: bool, valid: bool) -> Count:
    counts = {name: _count(below, values, valid) for name, below in place.names.items()}
    below = [(name, count) for name, count in counts.items() if count is not _nothing]
    if not below:
        return _flat_object

    def count_object(value: Any) -> int:
        if type(value) is not dict:
            return 0
        count = len(value)
        for name, count_below in below:
            if name in value:
                count += count_below(value[name])
        return count

    if len(below) > 1 or not (valid and place.must_be_object):
        return count_object
    only, count_only = below[0]

    def count_valid_object(value: Any) -> int:
        """The same of what is known to be an object, with one place below."""
        count = len(value)
        return count + count_only(value[only]) if only in value else count

    return count_valid_object


def _count_array(place: _Place, values: bool, valid: bool) -> Count:
    count_item = _count(place, values, valid)
    if count_item is _nothing:
        return _flat_array if values else _nothing

    def count_array(value: Any) -> int:
        if type(value) is not list:
            return 0
        count = len(value) if values else 0
        for item in value:
            count += count_item(item)
        return count

    def count_flat_objects(value: Any) -> int:
        """The same, written out for the most usual of all arrays."""
        if type(value) is not list:
            return 0
        count = len(value) if values else 0
        for item in value:
            if type(item) is dict:
                count += len(item)
        return count

    if count_item is not _flat_object:
        return count_array
    return _count_valid_objects if valid and place.must_be_object else count_flat_objects
