"""What a claim or attribute is compared with, without conversions that could surprise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from .._errors import ConfigurationError
from ._facts import ABSENT, Facts
from ._predicate import ask, check_predicate

Expectation = Callable[[Facts, Any], "bool | None"]

_PLAIN = (str, int, float, bool)


def expectation(where: str, expected: Any, contains: Any) -> Expectation:
    """A comparison: equal to a value, one of a set, or a predicate; or a list that contains one.

    A value of another type than the expected one makes the comparison unknown: `"3"` is neither 3
    nor is it certain not to be meant as 3. `true` is not 1.

    Raises:
        ConfigurationError: nothing, or both, or something of another type was given.
    """
    if (expected is ABSENT) == (contains is ABSENT):
        raise ConfigurationError(
            f"{where} needs a value, a set of values, a predicate, or contains=...; that it is"
            " there means nothing when it may be false"
        )
    if contains is not ABSENT:
        _check_plain(where, contains)
        return lambda facts, value: _contains(value, contains)
    if isinstance(expected, (set, frozenset)):
        for option in expected:
            _check_plain(where, option)
        options = tuple(expected)
        return lambda facts, value: _one_of(value, options)
    if callable(expected):
        check_predicate(expected, 1, where)
        return lambda facts, value: ask(expected, facts, value)
    _check_plain(where, expected)
    return lambda facts, value: _equal(value, expected)


def _check_plain(where: str, value: Any) -> None:
    if not isinstance(value, _PLAIN):
        raise ConfigurationError(
            f"{where} cannot be compared with a {type(value).__name__}: give a str, int, float or"
            " bool, a set of them for alternatives, contains= for lists, or a predicate"
        )


def _equal(value: Any, expected: Any) -> bool | None:
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected if isinstance(value, bool) is isinstance(expected, bool) else None
    if isinstance(expected, str):
        return value == expected if isinstance(value, str) else None
    return bool(value == expected) if isinstance(value, (int, float)) else None


def _one_of(value: Any, options: tuple[Any, ...]) -> bool | None:
    answers = [_equal(value, option) for option in options]
    if True in answers:
        return True
    return False if False in answers else None


def _contains(value: Any, item: Any) -> bool | None:
    # A string would be searched for a part of it: "ali" in "alice".
    if not isinstance(value, (list, tuple, set, frozenset)):
        return None
    return any(_equal(each, item) for each in value)


def identical(left: Any, right: Any) -> bool | None:
    """Whether two ids name the same; None if one of them is no id.

    An int and a UUID have one spelling, so they may be compared with a claim's text.
    """
    if type(left) is str and type(right) is str:
        return left == right if left and right else None
    one, other = _as_id(left), _as_id(right)
    return None if one is None or other is None else one == other


def _as_id(value: Any) -> str | None:
    if isinstance(value, str):
        return str(value) or None  # nobody is nobody's owner
    if isinstance(value, (int, UUID)) and not isinstance(value, bool):
        return str(value)
    return None
