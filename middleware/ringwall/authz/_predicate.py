"""Predicates: a user's functions that decide, asked so that only True and False count."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from .._errors import ConfigurationError
from ._facts import Facts
from ._log import report

Predicate: TypeAlias = Callable[[Facts], bool]


def ask(function: Callable[..., Any], facts: Facts, *arguments: Any) -> bool | None:
    """A user's predicate's answer. Only True and False count: an awaitable, or a list that was
    meant to be empty, would be true by accident."""
    try:
        answer = function(*arguments)
        if answer is True or answer is False:
            return answer
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError("a predicate must return True or False")
    except Exception as error:  # noqa: BLE001  a predicate that fails decides nothing
        facts.trouble = "predicate-failed"
        report(f"authorization {name_of(function)}", error)
        return None


def check_predicate(function: Any, arguments: int, where: str) -> None:
    """Refuse a function that cannot be called with so many arguments, or is asynchronous.

    Raises:
        ConfigurationError: it is no such function.
    """
    if not callable(function):
        raise ConfigurationError(f"{where} takes a function, not {type(function).__name__!r}")
    if is_async(function):
        raise ConfigurationError(
            f"{name_of(function)} is async: a predicate decides on what is loaded; put the I/O"
            " into the loader of when(load, predicate)"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some built-ins do not tell theirs
    try:
        signature.bind(*range(arguments))
    except TypeError:
        raise ConfigurationError(
            f"{name_of(function)} must take {arguments} argument{'s'[: arguments > 1]}"
        ) from None


def is_async(function: Any) -> bool:
    """Whether calling it gives a coroutine."""
    call = getattr(function, "__call__", None)  # noqa: B004  the bound method is wanted
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def name_of(function: Any) -> str:
    """What to call a function in a message."""
    return getattr(function, "__qualname__", None) or type(function).__name__
