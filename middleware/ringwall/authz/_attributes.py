"""Conditions on attributes (ABAC): of the principal, the resource, the path, query and request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._errors import ConfigurationError
from ._condition import Condition
from ._expectation import Expectation, expectation, identical
from ._facts import ABSENT, Facts
from ._loader import Loader
from ._loading import LoadSpec
from ._lookup import Attribute
from ._on_object import OnObject
from ._sources import Source


def attribute(
    name: str,
    expected: Any = ABSENT,
    *,
    contains: Any = ABSENT,
    load: Loader | Callable[..., Any] | None = None,
    **ids: Source,
) -> Condition:
    """An attribute has a value (NIST SP 800-162).

    Parameters:
        name: `principal.subject|issuer|scheme|scopes|roles|credential_id|claims.…`, `resource.…`,
            `params.…` of the path, `query.…`, or `request.method|path|scheme|client|host`.
        expected: a value; a set of alternatives; or a predicate of the value.
        contains: instead: what the attribute, a list or set, must contain.
        load: who loads the resource; by default as the rule's other conditions do.
        ids: where the loader's arguments come from, if not from the path.

    What the principal or the query lacks makes it false; what the resource or request lacks makes
    it unknown, so that it grants nothing even under `~`.

    Raises:
        ConfigurationError: no such attribute, or nothing to compare with.

    >>> rule = attribute("principal.claims.org.plan", "paid") & attribute("request.scheme", "https")
    """
    found = Attribute(name)
    text = f"attribute({name!r}, ...)"
    compare: Expectation = expectation(text, expected, contains)
    spec = _load_of(text, (found,), load, ids)
    absent = False if found.root in ("principal", "query") else None

    def judge(facts: Facts, resource: Any) -> bool | None:
        value = found.get(facts, resource)
        return absent if value is ABSENT else compare(facts, value)

    return OnObject(text, spec, judge, (found,))


def same(
    left: str,
    right: str,
    *,
    load: Loader | Callable[..., Any] | None = None,
    **ids: Source,
) -> Condition:
    """Two attributes are the same id; unknown where one is missing, empty or no id.

    Parameters:
        left, right: names as in `attribute`.
        load: who loads the resource; by default as the rule's other conditions do.
        ids: where the loader's arguments come from, if not from the path.

    Raises:
        ConfigurationError: no such attribute.

    >>> same("params.user_id", "principal.subject")
    same('params.user_id', 'principal.subject')
    """
    one, other = Attribute(left), Attribute(right)
    text = f"same({left!r}, {right!r})"

    def judge(facts: Facts, resource: Any) -> bool | None:
        return identical(one.get(facts, resource), other.get(facts, resource))

    return OnObject(text, _load_of(text, (one, other), load, ids), judge, (one, other))


def tenant(
    where: str | Loader | Callable[..., Any] = "tenant",
    *,
    attribute: str = "tenant",
    claim: str = "tenant",
    **ids: Source,
) -> Condition:
    """The request stays within the principal's tenant (ASVS 8.4.1).

    Parameters:
        where: the path parameter that names the tenant, or a loader of an object that has one.
        attribute: the object's attribute that holds its tenant.
        claim: the principal's claim that holds its tenant, by its exact name.
        ids: where the loader's arguments come from, if not from the path.

    Raises:
        ConfigurationError: no such parameter, or no loader.

    >>> tenant("org_id", claim="org")
    tenant('org_id')
    """
    found = Attribute(f"params.{where}" if isinstance(where, str) else f"resource.{attribute}")
    text = f"tenant({where!r})" if isinstance(where, str) else f"tenant({Loader.of(where)!r})"

    def judge(facts: Facts, resource: Any) -> bool | None:
        principal = facts.principal
        mine = ABSENT if principal is None else principal.claims.get(claim)
        return identical(found.get(facts, resource), mine)

    spec = _load_of(text, (found,), None if isinstance(where, str) else where, ids)
    return OnObject(text, spec, judge, (found,))


def _load_of(
    text: str,
    attributes: tuple[Attribute, ...],
    load: Loader | Callable[..., Any] | None,
    ids: Mapping[str, Source],
) -> LoadSpec | None:
    if load is None:
        if ids:
            raise ConfigurationError(f"{text} was given {', '.join(ids)} but no loader")
        return None
    if not any(attribute.root == "resource" for attribute in attributes):
        raise ConfigurationError(f"{text} has a loader, but names no 'resource.…'")
    return LoadSpec(load, ids)
