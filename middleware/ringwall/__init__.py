"""Ringwall: stackable security layers for any ASGI or WSGI app.

Names load on first use (PEP 562): importing the package loads no layer and no dependency.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._boundary import TrustedProxies as TrustedProxies
    from ._errors import ConfigurationError as ConfigurationError
    from ._exchange import Addition as Addition
    from ._exchange import Decision as Decision
    from ._exchange import Exchange as Exchange
    from ._exchange import Outcome as Outcome
    from ._layer import Layer as Layer
    from ._layer import ReadBody as ReadBody
    from ._layer import ResponseHead as ResponseHead
    from ._pending import Call as Call
    from ._pending import Pending as Pending
    from ._pending import perform as perform
    from .audit import Audit as Audit
    from .authn import JWT as JWT
    from .authn import APIKey as APIKey
    from .authn import Authentication as Authentication
    from .authn import Basic as Basic
    from .authn import ClientCertificate as ClientCertificate
    from .authn import Denylist as Denylist
    from .authn import DPoP as DPoP
    from .authn import Introspection as Introspection
    from .authn import MutualTLS as MutualTLS
    from .authn import RedisDenylist as RedisDenylist
    from .authn import WebSocketTickets as WebSocketTickets
    from .authn import generate_api_key as generate_api_key
    from .authn import hash_password as hash_password
    from .authn import rotate_api_key as rotate_api_key
    from .authz import OPA as OPA
    from .authz import Authorization as Authorization
    from .authz import AuthZEN as AuthZEN
    from .authz import Casbin as Casbin
    from .authz import Cedar as Cedar
    from .authz import Policy as Policy
    from .authz import allow as allow
    from .authz import attribute as attribute
    from .authz import claim as claim
    from .authz import fields as fields
    from .authz import forbid as forbid
    from .authz import owner as owner
    from .authz import public as public
    from .authz import resource_of as resource_of
    from .authz import role as role
    from .authz import same as same
    from .authz import scope as scope
    from .authz import tenant as tenant
    from .authz import when as when
    from .context import decisions_of as decisions_of
    from .context import principal_of as principal_of
    from .cors import CORS as CORS
    from .external import extauthz as extauthz
    from .headers import SecurityHeaders as SecurityHeaders
    from .headers import nonce_of as nonce_of
    from .https import ANY_HOST as ANY_HOST
    from .https import HSTS as HSTS
    from .https import HTTPS as HTTPS
    from .principal import Principal as Principal
    from .problem import Response as Response
    from .ratelimit import ConcurrencyLimit as ConcurrencyLimit
    from .ratelimit import LoginLimit as LoginLimit
    from .ratelimit import MemoryStore as MemoryStore
    from .ratelimit import MessageLimit as MessageLimit
    from .ratelimit import RateLimit as RateLimit
    from .ratelimit import limit as limit
    from .ratelimit import refund as refund
    from .ratelimit.lmdb import LMDBStore as LMDBStore
    from .ratelimit.redis import RedisStore as RedisStore
    from .ratelimit.through_limits import LimitsStore as LimitsStore
    from .stack import Stack as Stack
    from .trust import IdentityHeaders as IdentityHeaders
    from .trust import InternalToken as InternalToken
    from .trust import internal_token_of as internal_token_of
    from .validation import BodyValidation as BodyValidation
    from .validation import validated_body_of as validated_body_of
    from .validation import validated_parameters_of as validated_parameters_of

_EXPORTS = {
    "stack": ("Stack",),
    "https": ("HTTPS", "HSTS", "ANY_HOST"),
    "cors": ("CORS",),
    "headers": ("SecurityHeaders", "nonce_of"),
    "authn": (
        *("Authentication", "JWT", "Introspection", "APIKey", "generate_api_key"),
        *("Denylist", "RedisDenylist", "DPoP", "MutualTLS", "ClientCertificate"),
        *("Basic", "hash_password", "rotate_api_key", "WebSocketTickets"),
    ),
    "authz": (
        *("Authorization", "Policy", "allow", "forbid", "public", "resource_of"),
        *("scope", "role", "owner", "when", "claim", "attribute", "same", "tenant", "fields"),
        *("Cedar", "Casbin", "OPA", "AuthZEN"),
    ),
    "external": ("extauthz",),
    "trust": ("IdentityHeaders", "InternalToken", "internal_token_of"),
    "validation": ("BodyValidation", "validated_body_of", "validated_parameters_of"),
    "ratelimit": (
        *("RateLimit", "LoginLimit", "ConcurrencyLimit", "MessageLimit"),
        *("limit", "refund", "MemoryStore"),
    ),
    "ratelimit.redis": ("RedisStore",),
    "ratelimit.lmdb": ("LMDBStore",),
    "ratelimit.through_limits": ("LimitsStore",),
    "audit": ("Audit",),
    "context": ("principal_of", "decisions_of"),
    "principal": ("Principal",),
    "problem": ("Response",),
    "_boundary": ("TrustedProxies",),
    "_errors": ("ConfigurationError",),
    "_exchange": ("Addition", "Exchange", "Decision", "Outcome"),
    "_layer": ("Layer", "ReadBody", "ResponseHead"),
    "_pending": ("Call", "Pending", "perform"),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

# Stores need a package each, and `from ringwall import *` shall not need them.
__all__ = ["__version__", *(name for name, module in _MODULE_OF.items() if "." not in module)]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'ringwall' has no attribute {name!r}")
    value = getattr(import_module(f"ringwall.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
