"""The setting `RINGWALL`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from ringwall import ConfigurationError, Principal, Stack

_KEYS = frozenset({"STACK", "USER"})


def _setting() -> Mapping[str, Any]:
    given = getattr(settings, "RINGWALL", None)
    if given is None:
        raise ConfigurationError("settings lack RINGWALL; write RINGWALL = 'mysite.security.stack'")
    if not isinstance(given, Mapping):
        return {"STACK": given}
    for key in given:
        if key not in _KEYS:
            raise ConfigurationError(f"RINGWALL has an unknown key {key!r}; use 'STACK' or 'USER'")
    if "STACK" not in given:
        raise ConfigurationError("RINGWALL lacks 'STACK': 'mysite.security.stack'")
    return given


def load_stack() -> Stack:
    """The stack that the setting names.

    Raises:
        ConfigurationError: there is none; the message says what to write.
    """
    stack = _load(_setting()["STACK"])
    if not isinstance(stack, Stack):
        raise ConfigurationError(f"RINGWALL names {type(stack).__name__!r}, no ringwall.Stack(...)")
    return stack


def load_user() -> Callable[[Principal], Any] | None:
    """The function that finds a user for a principal, if the setting names one.

    Raises:
        ConfigurationError: it names something else.
    """
    given = _setting().get("USER")
    found = None if given is None else _load(given)
    if found is not None and not callable(found):
        raise ConfigurationError("RINGWALL['USER'] names a function of a principal")
    return found


def _load(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return import_string(given.replace(":", "."))
    except ImportError as error:
        raise ConfigurationError(f"RINGWALL: {error}") from error
