"""The policy: pure, two-phase, without I/O and framework types."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from .._errors import ConfigurationError
from .._fingerprint import Configured, fingerprint
from .._pending import MissingColour, Pending, asettle, settle
from ..context import exchange_of
from ..principal import Principal
from ._compiled import CompiledRule, Match
from ._facts import ABSENT, Context, Facts, Need, RequestContext
from ._load import Load
from ._roles import Roles
from ._rulebook import Rulebook
from .decision import PolicyDecision, denied
from .rules import Rule


class Policy(Configured):
    """Rules, and the decision they come to: first `match`, then `decide`.

    The most specific rule that matches method and path governs, wherever it stands: from left to
    right, a literal segment comes before a typed parameter, that before `{name}`, that before
    `/**`; for one path a rule that names the method comes before `*`. So a broad rule never opens
    what a narrower one closes. A `forbid` rule that holds wins over all. What no rule governs is
    refused, and paths match exactly: a trailing slash makes another path. A rule that does not name
    the method does not govern, however specific its path.

    Parameters:
        rules: made by `public`, `allow` and `forbid`.
        roles: by role, the roles it includes: `{"admin": ["editor"], "editor": ["viewer"]}`.
        clock: seconds since 1970, for conditions on time.

    Raises:
        ConfigurationError: no rules, two for the same method and path, or a condition that cannot
            work in its rule.

    >>> from ringwall import Principal
    >>> from ringwall.authz import allow, scope
    >>> policy = Policy(allow("GET", "/v1/orders", scope("orders:read")))
    >>> alice = Principal("alice", scheme="bearer", scopes={"orders:read"})
    >>> bool(policy.check(alice, "GET", "/v1/orders"))
    True
    >>> policy.check(alice, "DELETE", "/v1/orders").reasons
    ('method-not-allowed',)
    """

    def __init__(
        self,
        *rules: Rule,
        roles: Mapping[str, Iterable[str]] | Roles | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        for rule in rules:
            if not isinstance(rule, Rule):
                raise ConfigurationError(
                    f"{rule!r} is no rule; write public(...), allow(...) or forbid(...)"
                )
        if all(rule.effect == "forbid" for rule in rules):
            raise ConfigurationError(
                "without public(...) or allow(...) nothing passes: what no rule governs is refused"
            )
        self.rules = rules
        #: The hierarchy, for requirements at handlers.
        self.roles: Roles = roles if isinstance(roles, Roles) else Roles(roles)
        #: Changes with the rules and the hierarchy; told in each decision.
        self.version: str = fingerprint(rules, self.roles)
        compiled = [(rule, CompiledRule(rule, self.roles, clock, self.version)) for rule in rules]
        self._no_rule = denied("default", "no-rule", version=self.version)
        self._no_rule_anonymous = denied("default", "no-rule", 401, version=self.version)
        self.rulebook: Rulebook = Rulebook(compiled)
        self._loads = [load for _, ready in compiled for load in ready.loads]

    def __repr__(self) -> str:
        return f"<Policy of {len(self.rules)} rules>"

    @property
    def colours(self) -> frozenset[str]:
        """The interfaces that its loaders can serve."""
        both = frozenset({"asgi", "wsgi"})
        return both.intersection(*(load.colours for load in self._loads))

    @property
    def reads_body(self) -> bool:
        """Whether some rule takes ids from the body, or says what it may hold."""
        return any(load.reads_body for load in self._loads) or any(
            rule.writes is not None for rule in self.rules
        )

    @property
    def touches_bodies(self) -> bool:
        """Whether some rule filters responses, or strips fields from bodies of requests."""
        return any(
            rule.reads is not None or (rule.writes is not None and rule.strips)
            for rule in self.rules
        )

    def match(self, method: str, path: str) -> Match:
        """Find the rule that governs. Its cost does not depend on the number of rules.

        Parameters:
            method: the method in capitals, or "WEBSOCKET".
            path: the decoded path, canonical as the boundary leaves it.
        """
        return self.rulebook.match(method, path)

    def decide(self, match: Match, facts: Facts) -> PolicyDecision | Need:
        """Judge the facts, or tell what is missing: provide that, and decide again.

        Parameters:
            match: what `match` found.
            facts: `Facts(principal, match.params, context)`.
        """
        rule = match.rule
        if rule is None:
            return self._refusal(match, facts)
        if facts.principal is None and not rule.public:
            return _refused(match, rule, facts, rule.anonymous)
        if not match.canonical:
            return _refused(match, rule, facts, rule.deny("not-canonical"))
        if rule.test is not None:
            facts.need = None
            held = rule.test(facts)
            if held is not True:
                return not_held(match, rule, facts, held)
        forbidden = _forbidden(match, facts) if match.forbids else None
        # Never `or`: a decision that denies is false.
        return rule.granted if forbidden is None else forbidden

    def check(
        self, who: Any, method: str, path: str, *, resource: Any = ABSENT, body: Any = None
    ) -> PolicyDecision:
        """Ask inside a handler what the layer would decide, for lists and nested ids.

        Parameters:
            who: the request (a scope, an environ, the request object of a known framework), or a
                `Principal`; None: nobody.
            method, path: as a request for the object would have them; a path that is not canonical
                is refused.
            resource: the object, if it is at hand: nothing is loaded then.
            body: the parsed body, for rules that take ids from it.

        Returns:
            A decision, true if it allows.

        Raises:
            TypeError: `who` is nothing of that kind, a loader is async (await `acheck`), or the
                rule loads several objects, so that `resource` could stand for either.

        >>> from ringwall import Principal
        >>> from ringwall.authz import allow, owner
        >>> rule = allow("GET", "/v1/orders/{order_id:int}", owner(lambda order_id: None))
        >>> alice, hers = Principal("alice", scheme="bearer"), {"id": 1, "owner": "alice"}
        >>> bool(Policy(rule).check(alice, "GET", f"/v1/orders/{hers['id']}", resource=hers))
        True
        """
        try:
            return settle(self._ask(who, method, path, resource, body))
        except MissingColour:
            raise TypeError("a loader of this rule is async: await policy.acheck(...)") from None

    async def acheck(
        self, who: Any, method: str, path: str, *, resource: Any = ABSENT, body: Any = None
    ) -> PolicyDecision:
        """`check`, with async loaders awaited."""
        return await asettle(self._ask(who, method, path, resource, body))

    def _ask(
        self, who: Any, method: str, path: str, resource: Any, body: Any
    ) -> Pending[PolicyDecision]:
        principal, context = _context(who, method, path)
        if not is_canonical(path):
            return self._no_rule
        match = self.match(method, path)
        facts = Facts(principal, match.params, context)
        facts.body = body
        if resource is not ABSENT:
            _check_unambiguous(match)
            facts.given = resource
        answer = self.decide(match, facts)
        while isinstance(answer, Need):
            # The body was given: what a decision needs beyond is an object.
            yield from cast("Load", answer.load).wait(answer.key, facts)
            answer = self.decide(match, facts)
        return answer

    def _refusal(self, match: Match, facts: Facts) -> PolicyDecision:
        if match.methods:
            methods, version = match.methods, self.version
            return denied("default", "method-not-allowed", 405, methods=methods, version=version)
        return self._no_rule_anonymous if facts.principal is None else self._no_rule


def not_held(
    match: Match, rule: CompiledRule, facts: Facts, held: bool | None
) -> PolicyDecision | Need:
    """What follows from a condition that is false, or unknown."""
    missing = facts.need if held is None else None
    return missing or _refused(match, rule, facts, rule.explain(facts, held))


def _refused(
    match: Match, rule: CompiledRule, facts: Facts, decision: PolicyDecision
) -> PolicyDecision | Need:
    """The refusal of the rule that governs. A shadow's lets pass what no other rule forbids."""
    if not rule.shadow:
        return decision
    forbidden = _forbidden(match, facts)
    if forbidden is None or (isinstance(forbidden, PolicyDecision) and forbidden.allow):
        return rule.overlook(decision)
    return forbidden


def _forbidden(match: Match, facts: Facts) -> PolicyDecision | Need | None:
    would: PolicyDecision | None = None
    for rule, params in match.forbids:
        held: bool | None = True
        if rule.test is not None and params is not None:
            facts.params, facts.need = params, None
            held = rule.test(facts)
            facts.params = match.params
        if held is False:
            continue
        if held is None and facts.need:
            return facts.need
        decision = rule.anonymous
        if params is None:
            decision = rule.deny("not-canonical")
        elif facts.principal is not None:
            decision = rule.deny("forbidden" if held else facts.trouble or "undecided")
        if not rule.shadow:
            return decision
        # Look on: one that is enforced may forbid, too.
        would = rule.overlook(decision) if would is None else would
    return would


def _context(who: Any, method: str, path: str) -> tuple[Principal | None, Context]:
    if who is None or isinstance(who, Principal):
        return who, RequestContext(method, path)
    exchange = exchange_of(who)
    if exchange is None:
        raise TypeError(
            f"{type(who).__name__!r} is neither a principal nor a request that passed a stack"
        )
    return exchange.principal, RequestContext(
        method, path, exchange.scheme, exchange.client, exchange.host
    )


def is_canonical(path: str) -> bool:
    """The boundary has not seen a path that a handler made up from ids."""
    segments = path.split("/")
    return (
        path.isprintable()
        and not any(character in path for character in "\\;%?#")
        and not any(segment in ("", ".", "..") for segment in segments[1:-1])
        and segments[-1] not in (".", "..")
    )


def _check_unambiguous(match: Match) -> None:
    rules = [rule for rule, _ in match.forbids]
    if match.rule is not None:
        rules.append(match.rule)
    loads: list[Load] = [load for rule in rules for load in rule.loads if load.is_object]
    if len({load.loader.identity for load in loads}) > 1:
        raise TypeError("this rule loads several objects: check without resource=")
