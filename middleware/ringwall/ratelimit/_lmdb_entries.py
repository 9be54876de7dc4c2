"""What the LMDB store writes: for each limit and key a state, and until when it says anything."""

from __future__ import annotations

import hashlib
import os
import struct
from typing import Any

from .engine import GCRA, Limit, SlidingWindow

# When the entry says nothing any more, and the state: at most 115 bits.
_ENTRY = struct.Struct(">QQQ")
_LOW = (1 << 64) - 1


def name_of(limit: Limit, key: str) -> bytes:
    raw = f"{limit.id}\x00{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16).digest()


def state_in(entry: bytes) -> int:
    _, high, low = _ENTRY.unpack(entry)
    state: int = high << 64 | low
    return state


def _spent_at(limit: Limit, state: int) -> int:
    """When a state says no more than no state at all, in microseconds."""
    if isinstance(limit, GCRA):
        return state
    if isinstance(limit, SlidingWindow):
        return ((state >> 64) + 2) * limit.window
    return ((state >> 32) + 1) * limit.window


def entry_of(limit: Limit, state: int) -> bytes:
    """What is written of a state."""
    return _ENTRY.pack(_spent_at(limit, state), state >> 64, state & _LOW)


def sweep(txn: Any, now: int, probes: int) -> int:
    """Delete those of some entries that have lapsed, or are none of ours; returns how many. Names
    are hashes, so that any place is a random one."""
    deleted = 0
    with txn.cursor() as cursor:
        there = cursor.set_range(os.urandom(16)) or cursor.first()
        for _ in range(probes):
            if not there:
                break
            entry = cursor.value()
            if len(entry) != _ENTRY.size or _ENTRY.unpack(entry)[0] <= now:
                deleted += 1
                there = cursor.delete() and bool(cursor.key())
            else:
                there = cursor.next()
    return deleted
