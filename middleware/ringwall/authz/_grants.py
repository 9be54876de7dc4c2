"""Conditions on what the principal was granted: scopes, roles, claims."""

from __future__ import annotations

import re
from typing import Any

from .._errors import ConfigurationError
from ._binding import Binding
from ._condition import Condition, Hint, Test
from ._expectation import expectation
from ._facts import ABSENT, Facts

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")  # RFC 6749 section 3.3


class _Scope(Condition):
    __slots__ = ("hint", "scope")

    def __init__(self, name: str) -> None:
        self.scope: str | None = name
        self.hint = Hint("insufficient-scope", scope=name)

    def __repr__(self) -> str:
        return f"scope({self.scope!r})"

    def compile(self, binding: Binding) -> Test:
        name = self.scope

        def test(facts: Facts) -> bool:
            principal = facts.principal
            return principal is not None and name in principal.scopes

        return test


class _Role(Condition):
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"role({self._name!r})"

    def compile(self, binding: Binding) -> Test:
        wanted = binding.roles.that_imply(self._name)

        def test(facts: Facts) -> bool:
            principal = facts.principal
            return principal is not None and not wanted.isdisjoint(principal.roles)

        return test


class _Claim(Condition):
    __slots__ = ("_expectation", "_name")

    def __init__(self, name: str, expected: Any, contains: Any) -> None:
        self._name = name
        self._expectation = expectation(f"claim({name!r})", expected, contains)

    def __repr__(self) -> str:
        return f"claim({self._name!r}, ...)"

    def compile(self, binding: Binding) -> Test:
        name, compare = self._name, self._expectation

        def test(facts: Facts) -> bool | None:
            principal = facts.principal
            value = None if principal is None else principal.claims.get(name)
            return False if value is None else compare(facts, value)

        return test


def scope(name: str) -> Condition:
    """The principal was granted an OAuth 2.0 scope (RFC 6749 section 3.3).

    Parameters:
        name: one scope. For several write `scope("a") & scope("b")`.

    Raises:
        ConfigurationError: it is no scope token.

    >>> scope("orders:read") & scope("orders:write")
    scope('orders:read') & scope('orders:write')
    """
    if not isinstance(name, str) or not _SCOPE.match(name):
        raise ConfigurationError(
            f"scope({name!r}): a scope is one word; for several write scope('a') & scope('b')"
        )
    return _Scope(name)


def role(name: str) -> Condition:
    """The principal has a role, or one that includes it by the policy's `roles=`.

    Parameters:
        name: one role. For alternatives write `role("admin") | role("support")`.

    Raises:
        ConfigurationError: it is no name.

    >>> role("admin") | role("support")
    role('admin') | role('support')
    """
    if not isinstance(name, str) or not name:
        raise ConfigurationError(
            f"role({name!r}): give the name of one role; for alternatives write"
            " role('admin') | role('support')"
        )
    return _Role(name)


def claim(name: str, expected: Any = ABSENT, *, contains: Any = ABSENT) -> Condition:
    """A verified claim has a value. An absent claim, or null, has none: the condition is false.

    Parameters:
        name: the claim's exact name; for a nested one see `attribute`.
        expected: a value; a set of alternatives; or a predicate of the value.
        contains: instead: what the claim, a list, must contain.

    Raises:
        ConfigurationError: nothing to compare with.

    >>> rule = claim("department", {"sales", "support"}) & claim("groups", contains="staff")
    """
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"claim({name!r}): give the name of a claim")
    return _Claim(name, expected, contains)
