"""Rate limits: how many requests each client or principal may send in a time."""

from ._sources import Tiers
from .engine import GCRA, Check, FixedWindow, Limit, Quota, SlidingWindow
from .handler import limit
from .layer import RateLimit
from .login import LoginLimit, refund
from .memory import MemoryStore
from .rules import Rule
from .store import Store, StoreUnavailable

__all__ = [
    "Check",
    "FixedWindow",
    "GCRA",
    "Limit",
    "LoginLimit",
    "MemoryStore",
    "Quota",
    "RateLimit",
    "Rule",
    "SlidingWindow",
    "Store",
    "StoreUnavailable",
    "Tiers",
    "limit",
    "refund",
]
