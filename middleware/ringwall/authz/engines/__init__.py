"""Other people's policy engines, asked by a condition of a rule: `engine.permits("read")`."""

from ._casbin import Casbin
from ._cedar import Cedar
from ._engine import Engine, EngineFailed, Entity, Question
from ._remote import OPA, AuthZEN

__all__ = [
    "OPA",
    "AuthZEN",
    "Casbin",
    "Cedar",
    "Engine",
    "EngineFailed",
    "Entity",
    "Question",
]
