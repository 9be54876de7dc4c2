"""Authentication: who speaks. See `Authentication`, `JWT`, `Introspection` and `APIKey`.

Names that load httpx, SQLAlchemy or redis-py do so on first use only (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import presets
from ._any_audience import ANY_AUDIENCE
from ._denylist import AsyncRevocationStore, Denylist, DenylistFull, RevocationStore
from ._failure import Failure
from ._redis import RedisDenylist
from ._redis_replays import RedisReplays
from ._scheme import Scheme
from .apikey import APIKey
from .apikeys.generate import Rotation, generate_api_key, rotate_api_key
from .apikeys.record import APIKeyRecord
from .apikeys.store import AsyncKeyStore, KeyRegistry, KeyStore
from .authentication import Authentication
from .basic import AsyncPasswordStore, Basic, PasswordStore
from .certificate import Certificate
from .client_certificate import ClientCertificate
from .dpop import DPoP
from .introspection import Introspection
from .jwt import JWT
from .mtls import MutualTLS
from .nonces import Nonces
from .passwords import Password, hash_password
from .replays import AsyncReplayStore, Replays, ReplaysFull, ReplayStore
from .resource import ProtectedResource
from .tickets import AsyncTicketStore, MemoryTickets, TicketStore, WebSocketTickets

if TYPE_CHECKING:
    from ._fetch import HTTPFetcher
    from ._introspector import Answer, NotAnswered
    from .apikeys.redis import RedisKeyStore
    from .apikeys.sql import SQLKeyStore

__all__ = [
    "ANY_AUDIENCE",
    "APIKey",
    "APIKeyRecord",
    "Answer",
    "AsyncKeyStore",
    "AsyncPasswordStore",
    "AsyncTicketStore",
    "AsyncRevocationStore",
    "AsyncReplayStore",
    "Authentication",
    "DPoP",
    "Basic",
    "Certificate",
    "ClientCertificate",
    "Denylist",
    "DenylistFull",
    "Failure",
    "HTTPFetcher",
    "Introspection",
    "JWT",
    "KeyRegistry",
    "KeyStore",
    "MemoryTickets",
    "MutualTLS",
    "Nonces",
    "NotAnswered",
    "Password",
    "PasswordStore",
    "ProtectedResource",
    "RedisDenylist",
    "RedisReplays",
    "ReplayStore",
    "Replays",
    "ReplaysFull",
    "RedisKeyStore",
    "RevocationStore",
    "Rotation",
    "SQLKeyStore",
    "Scheme",
    "generate_api_key",
    "TicketStore",
    "WebSocketTickets",
    "hash_password",
    "presets",
    "rotate_api_key",
]

_LATER = {
    "HTTPFetcher": "_fetch",
    "Answer": "_introspector",
    "NotAnswered": "_introspector",
    "RedisKeyStore": "apikeys.redis",
    "SQLKeyStore": "apikeys.sql",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
