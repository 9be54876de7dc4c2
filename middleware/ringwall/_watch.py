"""Which response headers the layers of a stack look at."""

from __future__ import annotations

from typing import AnyStr, Generic

_MOST_UNWATCHED = 256


class Watch(Generic[AnyStr]):
    """Tells whether the name of a header, in any spelling, is among those that layers look at.

    Apps use few names. Those that nobody looks at are remembered in `unwatched` as the app spells
    them, so that most responses cost one look-up a line.
    """

    __slots__ = ("_names", "unwatched")

    def __init__(self, names: frozenset[AnyStr]) -> None:
        self._names: frozenset[AnyStr] = names
        self.unwatched: set[AnyStr] = set()

    def __call__(self, name: AnyStr) -> bool:
        if name.lower() in self._names:
            return True
        if len(self.unwatched) < _MOST_UNWATCHED:
            self.unwatched.add(name)
        return False
