"""Rate limits: how many requests each client or principal may send in a time."""

from .engine import GCRA, Check, FixedWindow, Limit, Quota, SlidingWindow
from .layer import RateLimit
from .memory import MemoryStore
from .store import Store, StoreUnavailable

__all__ = [
    "Check",
    "FixedWindow",
    "GCRA",
    "Limit",
    "MemoryStore",
    "Quota",
    "RateLimit",
    "SlidingWindow",
    "Store",
    "StoreUnavailable",
]
