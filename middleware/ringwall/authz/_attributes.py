"""Conditions on attributes (ABAC): of the principal, the resource, the path, query and request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from ._binding import Binding
from ._condition import Condition, Test
from ._expectation import Expectation, expectation, identical
from ._facts import ABSENT, Facts
from ._load import Load
from ._loader import Loader
from ._loading import LoadSpec
from ._log import report
from ._sources import Source

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


class OnObject(Condition):
    """A judgement on an object that is loaded, or on facts alone where it needs none."""

    __slots__ = ("_attributes", "_judge", "_load", "_text")

    def __init__(
        self,
        text: str,
        load: LoadSpec | None,
        judge: Callable[[Facts, Any], bool | None],
        attributes: tuple[Attribute, ...] = (),
    ) -> None:
        self._text = text
        self._load = load
        self._judge = judge
        self._attributes = attributes

    def __repr__(self) -> str:
        return self._text

    @property
    def load(self) -> LoadSpec | None:
        return self._load

    @property
    def needs_object(self) -> bool:
        return self._load is not None or any(a.root == "resource" for a in self._attributes)

    def compile(self, binding: Binding) -> Test:
        for attribute in self._attributes:
            attribute.check(binding)
        spec = self._load
        if spec is None and self.needs_object:
            spec = binding.only_load
            if spec is None:
                raise ConfigurationError(
                    f"{self._text}: which object? Write load=load_order, as no other condition of"
                    f" the rule for {binding.template.text!r} loads one, or several do"
                )
        if spec is None:
            judge = _guarded(self._text, self._judge)
            return lambda facts: judge(facts, None)
        load = spec.bind(binding)
        if load.many:
            return _on_all(_guarded(self._text, self._judge), load)
        return _on_one(self._text, self._judge, load.one)


def _on_one(
    text: str,
    judge: Callable[[Facts, Any], bool | None],
    find: Callable[[Facts], Any],
) -> Test:
    """`_guarded`, with the one object that `find` gives; written out, as it is the usual case."""

    def test(facts: Facts) -> bool | None:
        resource = find(facts)
        if resource is None:
            return None
        try:
            held = judge(facts, resource)
        except Exception as error:  # noqa: BLE001  what cannot be judged is unknown
            report(f"authorization condition {text}", error)
            held = None
        if held is None:
            facts.trouble = facts.trouble or "not-comparable"
        return held

    return test


def _on_all(judge: Callable[[Facts, Any], bool | None], load: Load) -> Test:
    """All the objects must pass whose ids come from an array."""

    def test(facts: Facts) -> bool | None:
        objects = load.objects(facts)
        if objects is None:
            return None
        answer: bool | None = True
        for each in objects:
            held = judge(facts, each)
            if held is not True:
                if held is False:
                    return False
                answer = None
        return answer

    return test


def _guarded(
    text: str, judge: Callable[[Facts, Any], bool | None]
) -> Callable[[Facts, Any], bool | None]:
    """An object's attribute may be code that does I/O and raises, as ORM objects have it."""

    def guarded(facts: Facts, resource: Any) -> bool | None:
        try:
            held = judge(facts, resource)
        except Exception as error:  # noqa: BLE001  what cannot be judged is unknown
            report(f"authorization condition {text}", error)
            held = None
        if held is None:
            facts.trouble = facts.trouble or "not-comparable"
        return held

    return guarded


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
