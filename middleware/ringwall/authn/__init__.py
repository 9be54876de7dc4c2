"""Authentication: who speaks. See `Authentication`, `JWT`, `Introspection` and `APIKey`.

`HTTPFetcher`, `Answer` and `NotAnswered` load httpx, and so on first use only (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import presets
from ._denylist import AsyncRevocationStore, Denylist, DenylistFull, RevocationStore
from ._failure import Failure
from ._records import APIKeyRecord, generate_api_key
from ._redis import RedisDenylist
from ._scheme import Scheme
from ._stores import AsyncKeyStore, KeyStore
from .apikey import APIKey
from .authentication import Authentication
from .introspection import ANY_AUDIENCE, Introspection
from .jwt import JWT

if TYPE_CHECKING:
    from ._fetch import HTTPFetcher
    from ._introspector import Answer, NotAnswered

__all__ = [
    "ANY_AUDIENCE",
    "APIKey",
    "APIKeyRecord",
    "Answer",
    "AsyncKeyStore",
    "AsyncRevocationStore",
    "Authentication",
    "Denylist",
    "DenylistFull",
    "Failure",
    "HTTPFetcher",
    "Introspection",
    "JWT",
    "KeyStore",
    "NotAnswered",
    "RedisDenylist",
    "RevocationStore",
    "Scheme",
    "generate_api_key",
    "presets",
]

_LATER = {"HTTPFetcher": "_fetch", "Answer": "_introspector", "NotAnswered": "_introspector"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
