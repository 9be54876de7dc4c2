"""Records that a store answered a moment ago: most requests need no round trip."""

from __future__ import annotations

from .._cache import BoundedCache
from .record import APIKeyRecord


class Recent:
    """Bounded, and each record for `ttl` seconds: that is how long a revocation may take.

    Only what exists is kept. An id that nobody has costs the store a question each time, and this
    no memory.

    Parameters:
        size: the most records. ttl: seconds.
    """

    def __init__(self, size: int, ttl: float) -> None:
        self._cache: BoundedCache[tuple[APIKeyRecord, float]] = BoundedCache(size if ttl else 0)
        self._ttl = ttl

    def __repr__(self) -> str:
        return f"<Recent {len(self._cache)}>"

    def get(self, id: bytes, now: float) -> APIKeyRecord | None:
        entry = self._cache.get(id)
        # A clock that went back does not make records live longer than twice the time.
        if entry is None or not now < entry[1] <= now + self._ttl:
            return None
        return entry[0]

    def put(self, id: bytes, record: APIKeyRecord, now: float) -> None:
        self._cache.put(id, (record, now + self._ttl))
