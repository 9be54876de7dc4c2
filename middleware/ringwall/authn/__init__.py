"""Authentication: who speaks. See `Authentication`, `JWT`, `APIKey` and `generate_api_key`."""

from ._failure import Failure
from ._records import APIKeyRecord, generate_api_key
from ._scheme import Scheme
from ._stores import AsyncKeyStore, KeyStore
from .apikey import APIKey
from .authentication import Authentication
from .jwt import JWT

__all__ = [
    "APIKey",
    "APIKeyRecord",
    "AsyncKeyStore",
    "Authentication",
    "Failure",
    "JWT",
    "KeyStore",
    "Scheme",
    "generate_api_key",
]
