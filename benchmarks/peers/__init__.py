"""What users put together today, from the packages that are named most often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec

from ..lab import Made

LEFT_OUT: dict[str, str] = {}
"""Peers that this run did without, and why."""


def lacking(*modules: str) -> str:
    """Which of these packages are not installed, in words; empty where all are."""
    return ", ".join(name for name in modules if not _found(name))


def these(
    *peers: tuple[str, tuple[str, ...], Callable[[], Iterable[Made]]],
) -> list[Made]:
    """The variants of those peers that are here.

    peers: each a name, the modules it needs, and what makes its variants. One that is not
    installed, or that its own dependencies break, is left out and said to be.
    """
    found: list[Made] = []
    for name, modules, make in peers:
        if missing := lacking(*modules):
            LEFT_OUT[name] = f"not installed: {missing} (dependency group `benchmarks`)"
            continue
        try:
            found += make()
        except (ImportError, AttributeError, TypeError) as error:
            LEFT_OUT[name] = f"does not run here: {type(error).__name__}: {error}"
    return found


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # a parent of it is not there
