"""Verified tokens: thirty times as fast as verifying again, if nothing false can get in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..principal import Principal
    from ._keys import KeySet


class Verified(NamedTuple):
    """A token that was valid: under these keys, and from `since` until `until` (epoch seconds)."""

    keys: KeySet
    since: float
    until: float
    principal: Principal


class VerifiedTokens:
    """A bounded map from the SHA-256 digest of a token to what was found out about it.

    Each `JWT` has its own, so a configuration never sees what another one verified, and each entry
    names its generation of keys. Only tokens with a valid signature come in: garbage takes no
    place. It forgets in two steps, so that neither a get nor a put ever costs more than a few
    dictionary operations: when the young half is full it becomes the old one, and what is used
    moves to the young half again.

    Parameters:
        size: the largest number of entries; 0 keeps nothing.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, size: int) -> None:
        self._half = size // 2
        self._young: dict[bytes, Verified] = {}
        self._old: dict[bytes, Verified] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __repr__(self) -> str:
        return f"<VerifiedTokens {len(self)}>"

    def get(self, digest: bytes) -> Verified | None:
        entry = self._young.get(digest)
        if entry is None:
            entry = self._old.pop(digest, None)
            if entry is not None:
                self.put(digest, entry)
        return entry

    def put(self, digest: bytes, entry: Verified) -> None:
        if self._half:
            if len(self._young) >= self._half:
                self._old = self._young
                self._young = {}
            self._young[digest] = entry
