"""A rule made ready: its test, and every decision it can come to."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .._errors import ConfigurationError
from .._exchange import Decision
from ._binding import Binding
from ._condition import Condition, Direct, Hint, Test, conjuncts
from ._facts import Facts
from ._fields import FieldList
from ._load import Load
from ._loading import LoadSpec
from ._parted import parted
from ._roles import Roles
from .decision import PolicyDecision, denied, granted, overlooked
from .rules import EVERY, Rule


class Match:
    """What `Policy.match` found for one method and path.

    rule: the rule that governs, or None. params: its typed path parameters, empty where a segment
    is not in canonical form. canonical: whether all are. forbids: the `forbid` rules that match,
    each with its own parameters (None: not canonical). methods: without a rule, the methods that
    have one for this path. template: the rule's path template, or that of another method's rule.
    """

    # Defaults on the class keep construction cheap.
    canonical: bool = True
    forbids: tuple[tuple[CompiledRule, dict[str, Any] | None], ...] = ()
    methods: tuple[str, ...] = ()

    def __init__(
        self, rule: CompiledRule | None, params: dict[str, Any], template: str | None
    ) -> None:
        self.rule = rule
        self.params = params
        self.template = template

    def __repr__(self) -> str:
        return f"<Match {self.rule!r}>"


class CompiledRule:
    """One rule of one policy.

    test: the condition, or None where there is none; scope, direct, rest: the same in parts,
    see `Parted`. loads: what it may load. hands_over: all of that are objects for the handler, from
    one loader. granted: the decision that allows; record: the same for the audit. shadow: it never
    refuses. source: the rule as written. binding: what its condition was compiled with. reads,
    writes: the allow-lists of fields, or None; guards: there is one of them. version: the policy's.
    """

    __slots__ = (
        "_challenge", "_denials", "_hints", "_overlooked", "_refusal", "binding", "direct",
        "granted", "guards", "hands_over", "loads", "methods", "name", "public", "reads", "record",
        "rest", "scope", "shadow", "source", "template", "test", "version", "writes",
    )  # fmt: skip

    def __init__(
        self,
        rule: Rule,
        roles: Roles,
        clock: Callable[[], float],
        version: str | None = None,
    ) -> None:
        self.name: str = rule.name
        self.version: str | None = version
        self.source: Rule = rule
        self.binding: Binding | None = None
        self.template: str = rule.template.text
        self.methods: frozenset[str] = _expand(rule.methods)
        self.public: bool = rule.effect == "public"
        self.shadow: bool = rule.shadow
        self.granted: PolicyDecision = granted(
            rule.name, "public" if self.public else "granted", version
        )
        self.record: Decision = self.granted.record
        # Credentials cannot help against a prohibition without a condition.
        hopeless = rule.effect == "forbid" and rule.condition is None
        self._refusal = 404 if rule.hide else 403
        self._challenge = self._refusal if hopeless else 401
        self._denials: dict[Hint | str, PolicyDecision] | None = None
        self._overlooked: dict[PolicyDecision, PolicyDecision] | None = None
        self.loads: tuple[Load, ...] = ()
        self.scope: str | None = None
        self.direct: Direct | None = None
        self.rest: Test | None = None
        self.test: Test | None = None
        self._hints: tuple[tuple[Test, Hint], ...] = ()
        self.reads: FieldList | None = None
        self.writes: FieldList | None = None
        self.guards: bool = rule.reads is not None or rule.writes is not None
        if rule.condition is not None or self.guards:
            loads: list[Load] = []
            self.binding = binding = Binding(
                rule.template, rule.effect != "forbid", roles, clock, _only_load(rule), loads
            )
            try:
                self._compile(rule, binding)
            except ConfigurationError as error:
                raise ConfigurationError(f"in the rule {rule.name!r}: {error}") from None
            self.loads = tuple(loads)
        self.hands_over: bool = _of_one_loader(self.loads)

    def _compile(self, rule: Rule, binding: Binding) -> None:
        if rule.condition is not None:
            self.scope, self.direct, self.rest, self.test = parted(rule.condition, binding)
            if rule.effect == "allow":
                self._hints = self._make_hints(rule.condition, binding)
        if rule.reads is not None:
            self.reads = FieldList(rule.reads, binding)
        if rule.writes is not None:
            self.writes = FieldList(rule.writes, binding)

    def __repr__(self) -> str:
        return f"<rule {self.name}>"

    # What few rules come to is made when it is first needed, and kept: reasons are few.

    @property
    def anonymous(self) -> PolicyDecision:
        """The decision for a request that speaks for nobody."""
        return self._denied("unauthenticated", self._challenge)

    def deny(self, reason: str) -> PolicyDecision:
        """The decision that refuses for this reason."""
        return self._denied(reason, self._refusal)

    def _denied(self, reason: str, status: int, hint: Hint | None = None) -> PolicyDecision:
        if self._denials is None:
            self._denials = {}
        decision = self._denials.get(hint or reason)
        if decision is None:
            decision = denied(self.name, reason, status, hint, version=self.version)
            self._denials[hint or reason] = decision
        return decision

    def overlook(self, refusal: PolicyDecision) -> PolicyDecision:
        """What this rule, a shadow, makes of a refusal of its own."""
        if self._overlooked is None:
            self._overlooked = {}
        decision = self._overlooked.get(refusal)
        if decision is None:
            decision = self._overlooked[refusal] = overlooked(refusal)
        return decision

    def explain(self, facts: Facts, held: bool | None) -> PolicyDecision:
        """Why the condition does not hold, as far as the client may know.

        Conditions that need no object come first: their answer is the same for every object.
        """
        for test, hint in self._hints:
            if test(facts) is False:
                # RFC 9470 section 3; RFC 6750 section 3.1.
                return self._denied(hint.reason, self._refusal if hint.scope else 401, hint)
        return self.deny("forbidden" if held is False else facts.trouble or "undecided")

    def _make_hints(self, condition: Condition, binding: Binding) -> tuple[tuple[Test, Hint], ...]:
        found = [(part, part.hint) for part in conjuncts(condition) if part.hint]
        # RFC 6750 section 3.1: the scope that is necessary, all of it.
        scopes = " ".join(hint.scope for _, hint in found if hint.scope)
        return tuple(
            (
                self.test if part is condition and self.test else part.compile(binding),
                hint._replace(scope=scopes) if hint.scope else hint,
            )
            for part, hint in found
        )


def _only_load(rule: Rule) -> LoadSpec | None:
    """What `resource.…` means in this rule: the one object that it loads."""
    groups = (*(rule.reads or ()), *(rule.writes or ()))
    conditions = [rule.condition, *(group.when for group in groups)]
    parts = [part for condition in conditions if condition is not None for part in condition.walk()]
    specs = {part.load.key: part.load for part in parts if part.load is not None}
    return next(iter(specs.values())) if len(specs) == 1 else None


def _of_one_loader(loads: tuple[Load, ...]) -> bool:
    if all(load.is_object and not load.many and load.loader.cache is None for load in loads):
        return len({load.loader.identity for load in loads}) == 1
    return False


@lru_cache(256)
def _expand(methods: tuple[str, ...]) -> frozenset[str]:
    """The methods that a rule names, GET with HEAD (RFC 9110 section 9.3.2)."""
    if methods == ("*",):
        return frozenset(EVERY)
    return frozenset(methods) | ({"HEAD"} if "GET" in methods else frozenset())
