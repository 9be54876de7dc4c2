"""Rate limits: how many requests each client or principal may send in a time."""

from ._sources import Tiers
from .concurrency import ConcurrencyLimit
from .engine import GCRA, Check, FixedWindow, Limit, Quota, SlidingWindow
from .handler import limit
from .layer import RateLimit
from .login import LoginLimit, refund
from .memory import MemoryStore
from .messages import MessageLimit
from .rules import Rate, Rule
from .store import Store, StoreUnavailable

__all__ = [
    "Check",
    "ConcurrencyLimit",
    "FixedWindow",
    "GCRA",
    "Limit",
    "LoginLimit",
    "MemoryStore",
    "MessageLimit",
    "Quota",
    "Rate",
    "RateLimit",
    "Rule",
    "SlidingWindow",
    "Store",
    "StoreUnavailable",
    "Tiers",
    "limit",
    "refund",
]
