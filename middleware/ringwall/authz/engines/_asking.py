"""An engine asked for one rule: it is waited for like an object that a rule loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._pending import MissingColour, Pending
from .._facts import ABSENT, Facts, Need
from .._load import Load
from .._log import report
from ._engine import Engine, Entity, Question


class _Unanswered:
    pass


_UNANSWERED = _Unanswered()


class Asking(Load):
    """Asks, and keeps the answer for the rest of the decision."""

    __slots__ = ("_action", "_engine", "_load", "_name", "_properties")
    is_object = False

    def __init__(
        self,
        engine: Engine,
        action: str | None,
        load: Load | None,
        properties: Callable[[Any], Mapping[str, Any]] | None,
        name: Callable[[Facts], tuple[str, str]],
    ) -> None:
        self._engine = engine
        self._action = action
        self._load = load
        self._properties = properties
        self._name = name
        self.many = self.reads_body = False

    def __repr__(self) -> str:
        return f"<Asking {self._engine!r}>"

    @property
    def colours(self) -> frozenset[str]:
        return frozenset({"asgi", "wsgi"})

    def test(self, facts: Facts) -> bool | None:
        key = (self, *facts.params.values())
        answer = facts.objects.get(key, ABSENT)
        if answer is ABSENT:
            if self._load is not None and self._load.objects(facts) is None:
                return None  # with its need, or the trouble
            try:
                question = self._question(facts)
            except Exception as error:  # noqa: BLE001  the user's functions may raise anything
                self.failed(key, facts, error)
                return None
            if not (self._engine.inline and facts.inline):
                # Kept, as a rule that forbids has parameters of its own.
                facts.provide((key,), question)
                facts.need = facts.need or Need(self, key)
                return None
            answer = self._ask_now(key, facts, question)
        return None if answer is _UNANSWERED else answer is True

    def wait(self, key: tuple[Any, ...], facts: Facts) -> Pending[None]:
        question: Question = facts.objects[key,]
        if self._engine.inline:
            self._ask_now(key, facts, question)
            return
        try:
            answer = yield from self._engine.wait(question)
            self._note(key, facts, answer)
        except MissingColour:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, there is no answer
            self.failed(key, facts, error)

    def _ask_now(self, key: tuple[Any, ...], facts: Facts, question: Question) -> Any:
        try:
            return self._note(key, facts, self._engine.decide(question))
        except Exception as error:  # noqa: BLE001  whatever it is, there is no answer
            return self.failed(key, facts, error)

    def _question(self, facts: Facts) -> Question:
        kind, name = self._name(facts)
        properties: Mapping[str, Any] = {}
        if self._load is not None and self._properties is not None:
            for thing in self._load.objects(facts) or ():
                properties = self._properties(thing)
        action = facts.context.method if self._action is None else self._action
        return self._engine.question(facts, action, Entity(kind, name, properties))

    def _note(self, key: tuple[Any, ...], facts: Facts, answer: Any) -> Any:
        if answer is not True and answer is not False:
            raise TypeError("an engine answers True or False")
        return facts.provide(key, answer)

    def failed(self, key: tuple[Any, ...], facts: Facts, error: Exception) -> Any:
        report(f"authorization engine {self._engine.name}", error)
        facts.trouble = "engine-failed"
        return facts.provide(key, _UNANSWERED)
