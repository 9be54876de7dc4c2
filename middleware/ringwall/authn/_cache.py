"""What was found out about a credential: thirty times as fast as finding it out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from ..principal import Principal
    from ._bound import Bound
    from ._keys import KeySet

V = TypeVar("V")


class Verified(NamedTuple):
    """A token that was valid: under these keys, and from `since` until `until` (epoch seconds)."""

    keys: KeySet
    since: float
    until: float
    found: Principal | Bound


class BoundedCache(Generic[V]):
    """A bounded map from the SHA-256 digest of a credential to what was found out about it.

    Each scheme has its own, so a configuration never sees what another one verified. It forgets in
    two steps, so that no list of uses need be kept: when the young half is full it becomes the old
    one, and what is used moves to the young half again.

    Parameters:
        size: the largest number of entries; 0 keeps nothing.

    Attributes:
        recent: what was found lately, by digest; where it says None, `get` may know more. It costs
            half as much.
    """

    __slots__ = ("_half", "_old", "_young", "recent")

    def __init__(self, size: int) -> None:
        self._half = size // 2
        self._young: dict[bytes, V] = {}
        self._old: dict[bytes, V] = {}
        self.recent: Callable[[bytes], V | None] = self._young.get

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __repr__(self) -> str:
        return f"<BoundedCache {len(self)}>"

    def get(self, digest: bytes) -> V | None:
        entry = self._young.get(digest)
        if entry is None:
            entry = self._old.pop(digest, None)
            if entry is not None:
                self.put(digest, entry)
        return entry

    def put(self, digest: bytes, entry: V) -> None:
        if self._half:
            if len(self._young) >= self._half:
                self._old = self._young.copy()
                self._young.clear()  # the same one for ever: `recent` is a method of it
            self._young[digest] = entry
