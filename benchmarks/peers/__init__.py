"""What users put together today, from the packages that are named most often."""

from __future__ import annotations

from importlib.util import find_spec


def lacking(*modules: str) -> str:
    """Which of these packages are not installed, in words; empty where all are."""
    return ", ".join(name for name in modules if not _found(name))


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # a parent of it is not there
