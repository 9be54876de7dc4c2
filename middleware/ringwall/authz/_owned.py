"""Whose object it is: the condition that nearly every API asks for, in as few steps as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..principal import Principal
from ._condition import Direct, Directly
from ._expectation import identical
from ._facts import Context, Facts, RequestFacts
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

    def directly(self, loads: Sequence[Load]) -> Direct | None:
        one_id = loads[0].one_id if len(loads) == 1 else None
        if one_id is None or self._name is None:
            return None
        return _direct(loads[0], one_id, self._name, judging(self._text, self._judge))


def _judge(parts: tuple[str, ...]) -> Callable[[Facts, Any], bool | None]:
    def judge(facts: Facts, resource: Any) -> bool | None:
        principal = facts.principal
        return (
            False if principal is None else identical(look_up(resource, parts), principal.subject)
        )

    return judge


def _direct(
    load: Load, names: tuple[str], attribute: str, judge: Callable[[Facts, Any], bool | None]
) -> Direct:
    """The usual case in one function: one id, in the path, that finds a dict at once."""
    (name,), identity = names, load.loader.identity
    fetch, take = load.loader.by_one(name), load.take

    def direct(context: Context, principal: Principal, params: dict[str, Any]) -> Directly:
        value = params[name]
        try:
            resource = fetch(value)
        except Exception as error:  # noqa: BLE001  the user's loader may raise anything
            facts = RequestFacts(principal, params, context)
            load.failed((identity, names, value), facts, error)
            return facts, None
        if type(resource) is dict:
            found, subject = resource.get(attribute), principal.subject
            if type(found) is str and type(subject) is str and found == subject and found:
                return {(identity, names, value): resource}
        facts = RequestFacts(principal, params, context)
        if take((identity, names, value), facts, resource) is None:
            return facts, None
        return facts, judge(facts, resource)

    return direct
