"""How long it holds what was said of a credential."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class KeyHolder(Protocol):
    """Who has the keys of an issuer."""

    @property
    def keys(self) -> object: ...


class Standing(NamedTuple):
    """While `source` has the same `keys`, from `since` until `until`, in the seconds of `clock`."""

    clock: Callable[[], float]
    source: KeyHolder
    keys: object
    since: float
    until: float
