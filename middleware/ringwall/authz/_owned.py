"""Whose object it is: the condition that nearly every API asks for, in as few steps as it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._condition import Test
from ._expectation import identical
from ._facts import NO_OBJECTS, Facts
from ._load import Load
from ._loading import LoadSpec
from ._lookup import Attribute, look_up
from ._on_object import OnObject, judging


class Owned(OnObject):
    """The principal's subject is what an attribute of the object says.

    Parameters:
        load: fetches the object. attribute: its dotted name, within the object.
    """

    __slots__ = ("_name",)

    def __init__(self, load: LoadSpec, attribute: str) -> None:
        parts = Attribute(f"resource.{attribute}").parts
        super().__init__(f"owner({load!r})", load, _judge(parts))
        self._name = parts[0] if len(parts) == 1 else None

    def on_one(self, load: Load) -> Test:
        if load.one_id is None or self._name is None:
            return super().on_one(load)
        return _test(load, load.one_id, self._name, judging(self._text, self._judge))


def _judge(parts: tuple[str, ...]) -> Callable[[Facts, Any], bool | None]:
    def judge(facts: Facts, resource: Any) -> bool | None:
        principal = facts.principal
        return (
            False if principal is None else identical(look_up(resource, parts), principal.subject)
        )

    return judge


def _test(
    load: Load, names: tuple[str], attribute: str, judge: Callable[[Facts, Any], bool | None]
) -> Test:
    """The usual case in one function: one id, in the path, that finds a dict at once."""
    (name,), identity = names, load.loader.identity
    fetch, take, find = load.loader.by_one(name), load.take, load.one

    def test(facts: Facts) -> bool | None:
        if facts.objects is not NO_OBJECTS or not facts.inline:
            resource = find(facts)
            return None if resource is None else judge(facts, resource)
        value = facts.params[name]
        try:
            resource = fetch(value)
        except Exception as error:  # noqa: BLE001  the user's loader may raise anything
            load.failed((identity, names, value), facts, error)
            return None
        principal = facts.principal
        if type(resource) is dict and principal is not None:
            facts.objects = {(identity, names, value): resource}
            found, subject = resource.get(attribute), principal.subject
            if type(found) is str and type(subject) is str and found == subject and found:
                return True
        elif take((identity, names, value), facts, resource) is None:
            return None
        return judge(facts, resource)

    return test
