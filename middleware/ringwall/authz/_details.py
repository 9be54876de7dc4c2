"""Rich authorization requests (RFC 9396): a token that is good for one thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import ConfigurationError
from ._binding import Binding
from ._condition import Condition, Test
from ._expectation import identical
from ._facts import Facts

# The list-valued common fields of RFC 9396 section 2.2.
_LISTS = ("actions", "locations", "datatypes", "privileges")


class _AuthorizationDetails(Condition):
    __slots__ = ("_identifier", "_lists", "_type")

    def __init__(
        self, type: str, lists: Mapping[str, frozenset[str]], identifier: str | None
    ) -> None:
        self._type = type
        self._lists = tuple((name, wanted) for name, wanted in lists.items() if wanted)
        self._identifier = identifier

    def __repr__(self) -> str:
        return f"authorization_details({self._type!r})"

    def compile(self, binding: Binding) -> Test:
        name = self._identifier
        if name is not None and name not in binding.template.parameters:
            raise ConfigurationError(
                f"{self!r}: identifier names a parameter of the path, but"
                f" {binding.template.text!r} has no {name!r}"
            )

        def test(facts: Facts) -> bool:
            principal = facts.principal
            details = None if principal is None else principal.claims.get("authorization_details")
            if not isinstance(details, (list, tuple)):
                return False
            # One detail must grant it all: two halves of different grants are no grant.
            return any(self._grants(detail, facts) for detail in details)

        return test

    def _grants(self, detail: Any, facts: Facts) -> bool:
        if not isinstance(detail, Mapping) or detail.get("type") != self._type:
            return False
        for name, wanted in self._lists:
            granted = detail.get(name)
            if not isinstance(granted, (list, tuple)):
                return False
            if not wanted.issubset(item for item in granted if isinstance(item, str)):
                return False
        if self._identifier is None:
            return True
        return identical(detail.get("identifier"), facts.params[self._identifier]) is True


def authorization_details(
    type: str,
    *,
    actions: Iterable[str] = (),
    locations: Iterable[str] = (),
    datatypes: Iterable[str] = (),
    privileges: Iterable[str] = (),
    identifier: str | None = None,
) -> Condition:
    """The token carries an authorization detail that grants all of this (RFC 9396 section 2).

    Parameters:
        type: the detail's type.
        actions, locations, datatypes, privileges: what the detail must list, each in full.
        identifier: the path parameter that the detail's `identifier` must equal.

    Raises:
        ConfigurationError: a str where a list belongs, or no such path parameter.

    >>> authorization_details("account_information", actions=["read"], identifier="account_id")
    authorization_details('account_information')
    """
    if not isinstance(type, str) or not type:
        raise ConfigurationError("authorization_details needs the type of the detail")
    lists: dict[str, frozenset[str]] = {}
    for name, given in zip(_LISTS, (actions, locations, datatypes, privileges), strict=True):
        if isinstance(given, str):
            raise ConfigurationError(f"{name} is a list: write {name}=[{given!r}]")
        lists[name] = frozenset(given)
    return _AuthorizationDetails(type, lists, identifier)
