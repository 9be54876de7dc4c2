"""What is asked of few requests is derived when it is asked for, and then kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")


class _Lazy:
    """`functools.cached_property`, without its lock and without a `__dict__` for the instance.

    A descriptor without `__set__` yields to what the instance holds: it is asked once, and not at
    all for an attribute that was set.
    """

    def __init__(self, find: Callable[[Any], Any]) -> None:
        self._find = find

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        value = self._find(instance)
        setattr(instance, self._name, value)
        return value


if TYPE_CHECKING:

    def lazy(find: Callable[[Any], T]) -> T:
        """To a type checker it is an attribute like others: it can be set."""
        raise NotImplementedError

else:
    lazy = _Lazy


def lay_out(kind: type, names: Sequence[str]) -> None:
    """Tell CPython which attributes instances have, at most 30.

    From 3.11 on it keeps attributes in an array if their names were met in the first few instances,
    else in a dict for each instance, which costs several times as much. The first few requests of a
    process are no measure of all the others.
    """
    first: object = object.__new__(kind)
    for name in names:
        setattr(first, name, None)
