"""The memory behind one limit: bounded, with O(1) work for a key it has not seen."""

from __future__ import annotations

import logging

from .engine import SECOND, Limit

logger = logging.getLogger("ringwall")

# The key of the bucket that all those share which came when there was no room.
OVERFLOW = "\x00overflow"

# Entries looked at for a new key, in search of one that has lapsed. Where so many were searched in
# vain, one is enough for a while: as many keys find a place as entries lapse, however they search.
_PROBES = 4
_PROBES_WHEN_FULL = 16
_PROBES_AFTER_THAT = 1
_LONGEST_PAUSE = SECOND // 10
_PAUSES_IN_A_WINDOW = 64
# A prime above every ring's size: stepping by it visits each entry once before any twice, and
# spreads the visits, so that no run of long-lived entries can be laid in the way.
_STRIDE = 2_147_483_647
# A dict that grows is copied as a whole, in one request: many small ones keep that short.
_LARGEST_SHARD = 512


class _Shard:
    """Some of the keys: their states, and a ring of them to search for lapsed ones.

    full_until: until then it is not searched thoroughly.
    """

    __slots__ = ("cap", "full_until", "hand", "ring", "states")

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.states: dict[str, int] = {}
        self.ring: list[str] = []
        self.hand = 0
        self.full_until = 0


class Table:
    """The states of one limit, at most `max_keys` of them and one more.

    Only an entry that says nothing any more gives up its place. The others stay, whoever floods:
    no denial of theirs is forgotten. A key that finds no place is counted in one bucket with all
    the others that found none: together they have what one key has, and whichever finds a place
    later begins anew there.

    Attributes:
        maps: the shards' states, by the low bits of the key's hash. That hash is salted in each
            process, so that nobody can fill one shard on purpose.
        overflows: how often a key found no place.
    """

    __slots__ = ("_pause", "_shards", "limit", "maps", "mask", "max_keys", "overflows", "shared")

    def __init__(self, limit: Limit, max_keys: int) -> None:
        count = 1
        while count * _LARGEST_SHARD < max_keys:
            count *= 2
        self.limit = limit
        self.max_keys = max_keys
        self.mask = count - 1
        self._shards = tuple(_Shard((max_keys + i) // count) for i in range(count))
        self.maps = tuple(shard.states for shard in self._shards)
        self.shared = {OVERFLOW: 0}
        self._pause = min(limit.window // _PAUSES_IN_A_WINDOW, _LONGEST_PAUSE)
        self.overflows = 0

    def __len__(self) -> int:
        return sum(map(len, self.maps))

    def place(self, key: str, now: int) -> tuple[dict[str, int], str]:
        """Where the state of a key lies: a dict and the key in it. A new key's state is 0."""
        shard = self._shards[hash(key) & self.mask]
        states, ring = shard.states, shard.ring
        if key in states:
            return states, key
        size = len(ring)
        full = size >= shard.cap
        probes = _PROBES
        if full:
            # Not after a clock was set back.
            known_full = now < shard.full_until <= now + self._pause
            probes = _PROBES_AFTER_THAT if known_full else _PROBES_WHEN_FULL
        is_spent = self.limit.is_spent
        for _ in range(min(size, probes)):
            shard.hand = hand = (shard.hand + _STRIDE) % size
            if is_spent(states[ring[hand]], now):
                del states[ring[hand]]
                ring[hand] = key
                shard.full_until = 0
                break
        else:
            if full:
                if probes > _PROBES_AFTER_THAT:
                    shard.full_until = now + self._pause
                return self._overflow()
            ring.append(key)
        states[key] = 0
        return states, key

    def _overflow(self) -> tuple[dict[str, int], str]:
        if not self.overflows:
            logger.warning(
                "the rate limit %r has no room beside the keys it holds (at most %d):"
                " further ones share one bucket",
                self.limit.name,
                self.max_keys,
            )
        self.overflows += 1
        return self.shared, OVERFLOW
