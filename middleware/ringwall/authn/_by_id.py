"""Keys that their issuer publishes one by one, each under its `kid` (AWS ALB)."""

from __future__ import annotations

import re
from typing import Any

from .._pending import Pending
from ._jws import unverified_kid
from ._keys import Key, KeySet, keys_from_pem
from ._remote import RemoteKeys
from ._strength import UnusableKey

# The name becomes part of a URL, and it comes from a stranger: exactly this, or no fetch.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MOST_KEYS = 16


class KeysByID(RemoteKeys):
    """Public keys as PEM texts at `<url><kid>`, fetched when a token names them.

    The `kid` must be a UUID in lower case. One fetch at a time, at most one per `cooldown`; keys
    that were fetched serve for `ttl` each, and the newest 16 are kept.

    Parameters: as of `RemoteKeys`.
    """

    def __init__(self, url: str, fetcher: Any, algorithms: frozenset[str], **options: Any) -> None:
        super().__init__((url,), fetcher, algorithms, max_stale=0.0, **options)
        self.keys = KeySet((), algorithms)
        self._known: dict[str, tuple[Key, float]] = {}  # until when it serves

    def ready(self, interface: str) -> bool:
        now, known = self._clock(), self._known
        # In the order of their fetches, and so of their ends: another key's lengthens no life.
        if known and now >= next(iter(known.values()))[1]:
            self._known = {kid: held for kid, held in known.items() if now < held[1]}
            self.keys = self._key_set()
        return True

    def _key_set(self) -> KeySet:
        return KeySet([key for key, _ in self._known.values()], self._algorithms)

    def refresh(self, token: bytes) -> Pending[None]:
        kid = unverified_kid(token)
        if kid is None or not _UUID.match(kid) or kid in self._known:
            return
        yield from super().refresh(token)

    def _get(self, token: bytes) -> Pending[KeySet]:
        kid = unverified_kid(token) or ""
        text = yield from self._load(self._urls[0] + kid)
        found = keys_from_pem(text, self._algorithms).candidates(None)
        if len(found) != 1:
            raise UnusableKey("more than one key under one name")
        others = [each for each in self._known.items() if each[0] != kid]
        fetched = found[0].renamed(kid), self._clock() + self._ttl
        self._known = dict([*others, (kid, fetched)][-_MOST_KEYS:])
        return self._key_set()
