"""Authorization: who may do what to which object. See `Authorization`, `Policy` and the rules
`public`, `allow` and `forbid`."""

from ._attributes import attribute, same, tenant
from ._cache import ObjectCache
from ._condition import Condition
from ._details import authorization_details
from ._environment import authenticated, during, network
from ._facts import Context, Facts, Need, RequestContext
from ._fields import fields
from ._grants import claim, role, scope
from ._loader import Loader
from ._objects import owner, when
from ._sources import body, query
from .authorization import Authorization
from .decision import PolicyDecision
from .engines import OPA, AuthZEN, Casbin, Cedar, Engine, EngineFailed, Entity, Question
from .policy import Policy
from .resource import resource_of
from .rules import Rule, allow, forbid, public

__all__ = [
    "OPA",
    "AuthZEN",
    "Authorization",
    "Casbin",
    "Cedar",
    "Condition",
    "Context",
    "Engine",
    "EngineFailed",
    "Entity",
    "Facts",
    "Loader",
    "Need",
    "ObjectCache",
    "Policy",
    "PolicyDecision",
    "Question",
    "RequestContext",
    "Rule",
    "allow",
    "attribute",
    "authenticated",
    "authorization_details",
    "body",
    "claim",
    "during",
    "fields",
    "forbid",
    "network",
    "owner",
    "public",
    "query",
    "resource_of",
    "role",
    "same",
    "scope",
    "tenant",
    "when",
]
