"""Conditions on the objects that a rule loads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import ConfigurationError
from ._binding import Binding
from ._condition import Condition, Test
from ._facts import Facts
from ._load import Load
from ._loading import LoadSpec
from ._log import report
from ._lookup import Attribute


class OnObject(Condition):
    """A judgement on an object that is loaded, or on facts alone where it needs none."""

    __slots__ = ("_attributes", "_judge", "_load", "_text")

    def __init__(
        self,
        text: str,
        load: LoadSpec | None,
        judge: Callable[[Facts, Any], bool | None],
        attributes: tuple[Attribute, ...] = (),
    ) -> None:
        self._text = text
        self._load = load
        self._judge = judge
        self._attributes = attributes

    def __repr__(self) -> str:
        return self._text

    @property
    def load(self) -> LoadSpec | None:
        return self._load

    @property
    def needs_object(self) -> bool:
        return self._load is not None or any(a.root == "resource" for a in self._attributes)

    def compile(self, binding: Binding) -> Test:
        for attribute in self._attributes:
            attribute.check(binding)
        spec = self._load
        if spec is None and self.needs_object:
            spec = binding.only_load
            if spec is None:
                raise ConfigurationError(
                    f"{self._text}: which object? Write load=load_order, as no other condition of"
                    f" the rule for {binding.template.text!r} loads one, or several do"
                )
        if spec is None:
            judge = judging(self._text, self._judge)
            return lambda facts: judge(facts, None)
        load = spec.bind(binding)
        if load.many:
            return _on_all(judging(self._text, self._judge), load)
        return _on_one(self._text, self._judge, load.one)


def _on_one(
    text: str,
    judge: Callable[[Facts, Any], bool | None],
    find: Callable[[Facts], Any],
) -> Test:
    """`judging`, with the one object that `find` gives; written out, as it is the usual case."""

    def test(facts: Facts) -> bool | None:
        resource = find(facts)
        if resource is None:
            return None
        try:
            held = judge(facts, resource)
        except Exception as error:  # noqa: BLE001  what cannot be judged is unknown
            report(f"authorization condition {text}", error)
            held = None
        if held is None:
            facts.trouble = facts.trouble or "not-comparable"
        return held

    return test


def _on_all(judge: Callable[[Facts, Any], bool | None], load: Load) -> Test:
    """All the objects must pass whose ids come from an array."""

    def test(facts: Facts) -> bool | None:
        objects = load.objects(facts)
        if objects is None:
            return None
        answer: bool | None = True
        for each in objects:
            held = judge(facts, each)
            if held is not True:
                if held is False:
                    return False
                answer = None
        return answer

    return test


def judging(
    text: str, judge: Callable[[Facts, Any], bool | None]
) -> Callable[[Facts, Any], bool | None]:
    """A judgement that comes to an end: an object's attribute may be code that does I/O and raises,
    as ORM objects have it."""

    def guarded(facts: Facts, resource: Any) -> bool | None:
        try:
            held = judge(facts, resource)
        except Exception as error:  # noqa: BLE001  what cannot be judged is unknown
            report(f"authorization condition {text}", error)
            held = None
        if held is None:
            facts.trouble = facts.trouble or "not-comparable"
        return held

    return guarded
