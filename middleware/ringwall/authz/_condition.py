"""Conditions: what `allow` and `forbid` rules ask for, joined with `&`, `|` and `~`.

A condition is true, false, or unknown (None), by Kleene's strong logic. Unknown stays unknown under
`~`: an object that is missing, a predicate that raises or a comparison that makes no sense grants
nothing and forbids, whichever way round it is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .._errors import ConfigurationError
from ..principal import Principal
from ._facts import Context, Facts
from ._predicate import Predicate, ask, check_predicate, name_of

if TYPE_CHECKING:
    from ._binding import Binding
    from ._load import Load
    from ._loading import LoadSpec

Test: TypeAlias = Callable[[Facts], "bool | None"]
# What came of a test without facts: the objects that were loaded, where it holds for certain; else
# the facts, and whether it does.
Directly: TypeAlias = "dict[tuple[Any, ...], Any] | tuple[Facts, bool | None]"
Direct: TypeAlias = "Callable[[Context, Principal, dict[str, Any]], Directly]"


class Hint(NamedTuple):
    """What a client may be told about a condition that failed.

    reason: the problem's code. scope, acr_values, max_age: parameters of the challenge (RFC 6750
    section 3, RFC 9470 section 3).
    """

    reason: str
    scope: str | None = None
    acr_values: str | None = None
    max_age: int | None = None


class Condition(ABC):
    """Base of every condition. Immutable; its `repr` is how it was written."""

    __slots__ = ()
    __constant__ = True
    hint: Hint | None = None
    # Of a condition that is a scope and nothing else, its name.
    scope: str | None = None

    @abstractmethod
    def compile(self, binding: Binding) -> Test:
        """The test for one rule; it must be pure, as it may run more than once per decision.

        Raises:
            ConfigurationError: the condition cannot work in this rule.
        """

    def directly(self, loads: Sequence[Load]) -> Direct | None:
        """The same test for a request that somebody makes, without facts; None: there is none.

        loads: what the rule loads, this condition included, which was compiled already.
        """
        return None

    @property
    def parts(self) -> tuple[Condition, ...]:
        """The conditions it is made of."""
        return ()

    @property
    def load(self) -> LoadSpec | None:
        """The object it loads, if it names one."""
        return None

    @property
    def needs_object(self) -> bool:
        """Whether it cannot be tested on the request alone."""
        return any(part.needs_object for part in self.parts)

    def __and__(self, other: Condition | Predicate) -> Condition:
        return All(self, as_condition(other))

    def __rand__(self, other: Condition | Predicate) -> Condition:
        return All(as_condition(other), self)

    def __or__(self, other: Condition | Predicate) -> Condition:
        return Either(self, as_condition(other))

    def __ror__(self, other: Condition | Predicate) -> Condition:
        return Either(as_condition(other), self)

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> bool:
        # `scope("a") and scope("b")` would silently mean the second alone.
        raise ConfigurationError("join conditions with & | ~, not with and, or, not")

    def walk(self) -> Iterator[Condition]:
        """This condition and all within."""
        yield self
        for part in self.parts:
            yield from part.walk()


class All(Condition):
    """Both must hold."""

    __slots__ = ("_parts",)

    def __init__(self, left: Condition, right: Condition) -> None:
        self._parts = (*conjuncts(left), *conjuncts(right))

    @property
    def parts(self) -> tuple[Condition, ...]:
        return self._parts

    def __repr__(self) -> str:
        return " & ".join(f"({p!r})" if isinstance(p, Either) else repr(p) for p in self._parts)

    def compile(self, binding: Binding) -> Test:
        return all_of([part.compile(binding) for part in cheap_first(self._parts)])


class Either(Condition):
    """One of both must hold."""

    __slots__ = ("_parts",)

    def __init__(self, left: Condition, right: Condition) -> None:
        self._parts = (left, right)

    @property
    def parts(self) -> tuple[Condition, ...]:
        return self._parts

    def __repr__(self) -> str:
        return " | ".join(map(repr, self._parts))

    def compile(self, binding: Binding) -> Test:
        first, second = (part.compile(binding) for part in cheap_first(self._parts))

        def test(facts: Facts) -> bool | None:
            held = first(facts)
            if held is True:
                return True
            other = second(facts)
            return other if held is False or other is True else None

        return test


class Not(Condition):
    """It must not hold; what is unknown stays unknown."""

    __slots__ = ("_part",)

    def __init__(self, part: Condition) -> None:
        self._part = part

    @property
    def parts(self) -> tuple[Condition, ...]:
        return (self._part,)

    def __repr__(self) -> str:
        simple = not isinstance(self._part, (All, Either))
        return f"~{self._part!r}" if simple else f"~({self._part!r})"

    def compile(self, binding: Binding) -> Test:
        inner = self._part.compile(binding.negated())

        def test(facts: Facts) -> bool | None:
            held = inner(facts)
            return None if held is None else not held

        return test


class Custom(Condition):
    """A user's predicate over the facts."""

    __slots__ = ("_function",)

    def __init__(self, function: Predicate) -> None:
        check_predicate(function, 1, "a condition")
        self._function = function

    def __repr__(self) -> str:
        return name_of(self._function)

    def compile(self, binding: Binding) -> Test:
        function = self._function
        return lambda facts: ask(function, facts, facts)


def all_of(tests: list[Test]) -> Test:
    if len(tests) < 3:
        return tests[0] if len(tests) == 1 else both(*tests)

    def test(facts: Facts) -> bool | None:
        answer: bool | None = True
        for each in tests:
            held = each(facts)
            if held is not True:
                if held is False:
                    return False
                answer = None
        return answer

    return test


def both(first: Test, second: Test) -> Test:
    """The usual case of `all_of`, without a loop."""

    def test(facts: Facts) -> bool | None:
        held = first(facts)
        if held is True:
            return second(facts)
        return False if held is False or second(facts) is False else None

    return test


def cheap_first(parts: tuple[Condition, ...]) -> list[Condition]:
    """What needs no object comes first, so that nothing is loaded where it decides."""
    return sorted(parts, key=lambda part: part.needs_object)


def as_condition(given: Condition | Predicate) -> Condition:
    """A condition as it is, or a user's predicate made one.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(given, Condition):
        return given
    if not callable(given):
        raise ConfigurationError(
            f"{given!r} is not a condition; write scope('orders:read'), role('admin'),"
            " owner(load_order), or a function of one argument"
        )
    if f"{getattr(given, '__module__', '')}.".startswith(f"{__package__}."):
        raise ConfigurationError(f"{name_of(given)} must be called: write {name_of(given)}(...)")
    return Custom(given)


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """The conditions that must all hold."""
    return condition.parts if isinstance(condition, All) else (condition,)
