"""Attributes by their dotted names: of the principal, the request, its parameters, the object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from ._binding import Binding
from ._facts import ABSENT, Facts

_PART = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_:-]*\Z")  # never `_private`
_FIELDS = {
    "principal": frozenset(
        {"subject", "issuer", "scheme", "scopes", "roles", "claims", "credential_id"}
    ),
    "request": frozenset({"method", "path", "scheme", "client", "host"}),
}
_ROOTS = ("params", "principal", "query", "request", "resource")

# Takes the facts and, for `resource.…`, the object that is judged.
Getter = Callable[[Facts, Any], Any]


class Attribute:
    """A dotted name such as `principal.claims.org.id` or `resource.status`."""

    __slots__ = ("name", "parts", "root")

    def __init__(self, name: str) -> None:
        self.name = name
        root, *parts = name.split(".") if isinstance(name, str) else [""]
        if root not in _ROOTS:
            raise ConfigurationError(
                f"the attribute {name!r} must begin with one of {', '.join(_ROOTS)}"
                + did_you_mean(root, _ROOTS)
            )
        if not parts or not all(map(_PART.match, parts)):
            raise ConfigurationError(
                f"the attribute {name!r} is a dotted name such as 'resource.status'; its parts do"
                " not begin with an underscore"
            )
        if root in _FIELDS and parts[0] not in _FIELDS[root]:
            raise ConfigurationError(
                f"unknown attribute {name!r}" + did_you_mean(parts[0], _FIELDS[root])
            )
        if root in ("params", "query", "request") and len(parts) > 1:
            raise ConfigurationError(f"the attribute {name!r} has too many parts")
        self.root, self.parts = root, tuple(parts)

    def check(self, binding: Binding) -> None:
        """Raises ConfigurationError: the rule's path has no such parameter."""
        if self.root == "params" and self.parts[0] not in binding.template.parameters:
            raise ConfigurationError(
                f"the path {binding.template.text!r} has no parameter for {self.name!r}"
            )

    def get(self, facts: Facts, resource: Any) -> Any:
        """The value; ABSENT where there is none. None counts as none."""
        root, parts = self.root, self.parts
        if root == "params":
            return facts.params[parts[0]]
        if root == "query":
            return facts.query(parts[0])
        if root == "request":
            value = getattr(facts.context, parts[0])
            if parts[0] == "host" and value is not None:
                value = value if isinstance(value, str) else value.name
            return ABSENT if value is None else value
        return look_up(resource if root == "resource" else facts.principal, parts)


def look_up(holder: Any, parts: tuple[str, ...]) -> Any:
    """Follow names through mappings and attributes; ABSENT where one is missing or None."""
    for part in parts:
        if type(holder) is dict or isinstance(holder, Mapping):
            holder = holder.get(part)
        else:
            holder = getattr(holder, part, None)
        if holder is None:
            return ABSENT
    return holder
