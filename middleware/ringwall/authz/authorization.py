"""The layer: ask the policy, load what it needs, refuse with the right problem."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from .._challenges import Challenges
from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Layer, ReadBody, ResponseHead, Verdict
from .._pending import Pending
from ..problem import Response
from ._answers import check_challenge, respond
from ._bodies import Bodies
from ._compiled import Match
from ._facts import NO_OBJECTS, Facts, Need, RequestFacts
from ._fields import Node, fields
from ._filter import ERROR_FIELDS, Reads, ResponseFilter
from ._log import report
from .decision import LAYER, PolicyDecision
from .policy import Policy, not_held
from .resource import OBJECTS, hand_over
from .rules import Rule

_new = object.__new__


def _nothing(path: str) -> None:
    """What is found for a method without rules."""


class Authorization(Layer):
    """Refuse what no rule allows; see `Policy` for how rules combine.

    Answers, none of which tells more about the policy than the client needs:
        401: nobody is authenticated and the rule is not public, or there is no rule. That also
            holds where no authentication layer is in the stack. The challenge is `challenge`; an
            authentication layer outside this one answers first, with its own.
        401: `authenticated(...)` fails: a challenge to step up (RFC 9470).
        403: the rule's condition does not hold. Where a scope is all that lacks, the answer names
            it (RFC 6750 section 3.1). No rule, an object that is missing, one of somebody else's,
            a loader that raised and an id in a spelling that is not canonical look alike.
        404: instead of that 403, in rules with `hide=True`.
        405: there is a rule for this path, but not for this method.
        400, 413, 415: a rule looks into a body that is no strict JSON, or too large.
        403, code "field-not-allowed": the body holds what the rule's `writes` does not name.
        500, code "response-withheld": the response cannot be cut down to the rule's `reads`. It is
            larger than `response_limit`, no strict JSON in UTF-8, a range of it, or in a content
            coding other than gzip and deflate. Errors of the app (400 and more) keep their status
            and the members in `error_fields`; those that are no JSON become problem documents, and
            redirects lose their body.

    Streams (`text/event-stream`, `application/x-ndjson`, `json-seq`, `jsonl`) pass `reads`
    untouched by default; the record then says "stream-not-filtered".

    Parameters:
        rules: made by `public`, `allow` and `forbid`.
        policy: a `Policy` instead of rules, so that handlers can ask it, too.
        roles, clock: as for `Policy`.
        challenge: the value of WWW-Authenticate where nobody is authenticated (RFC 9110 section
            11.6.1); None: answer 403.
        body_limit: bytes of a body from which ids are read or whose fields are judged, at most.
        response_limit: bytes of a response under a rule with `reads`, at most; after decompression,
            too.
        error_fields: JSON Pointers of what errors of the app may tell under a rule with `reads`.
        streams: "refuse" withholds streams under a rule with `reads`.

    Raises:
        ConfigurationError: rules that cannot work; the message says what to write instead.

    >>> from ringwall.authz import Authorization, allow, owner, public, scope
    >>> orders = {1001: {"owner": "alice"}}
    >>> def load_order(order_id: int):
    ...     return orders.get(order_id)
    >>> layer = Authorization(
    ...     public("GET", "/healthz"),
    ...     allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
    ... )
    >>> app = layer.wsgi(lambda environ, start_response: [])
    """

    name = LAYER
    inside: frozenset[str] = frozenset({"authentication", "cors"})
    by_path = True

    def __init__(
        self,
        *rules: Rule,
        policy: Policy | None = None,
        roles: Mapping[str, Iterable[str]] | None = None,
        clock: Callable[[], float] = time.time,
        challenge: str | None = "Bearer",
        body_limit: int = 1_048_576,
        response_limit: int = 1_048_576,
        error_fields: Iterable[str] = ERROR_FIELDS,
        streams: Literal["pass", "refuse"] = "pass",
    ) -> None:
        if policy is None:
            policy = Policy(*rules, roles=roles, clock=clock)
        elif rules or roles is not None:
            raise ConfigurationError("give rules and roles to the Policy, or leave policy= out")
        elif not isinstance(policy, Policy):
            raise ConfigurationError("policy= takes a Policy(...)")
        if challenge is not None:
            check_challenge(challenge)
        for name, limit in (("body_limit", body_limit), ("response_limit", response_limit)):
            if type(limit) is not int or limit < 1:
                raise ConfigurationError(f"{name}={limit!r}: write a number of bytes")
        if streams not in ("pass", "refuse"):
            raise ConfigurationError(f"streams={streams!r} is unknown; use 'pass' or 'refuse'")
        self.policy: Policy = policy
        self._follow(policy)
        self.colours: frozenset[str] = policy.colours
        if policy.reads_body:
            self.wants: frozenset[bytes] = frozenset({b"content-type", b"content-length"})
        self.replaces_body: bool = policy.touches_bodies
        if not policy.touches_bodies:
            # An unset hook costs nothing: the stack is not cut behind this layer.
            self.on_response_body = super().on_response_body  # type: ignore[method-assign]
        errors = Node()
        for pointer in fields(*error_fields).pointers:
            errors.add(pointer)
        self._filter = ResponseFilter(response_limit, errors, streams == "pass")
        self._challenge = challenge
        self._bodies = Bodies(body_limit)
        # Made when first needed: there are as many as the policy has ways to refuse.
        self._responses: dict[tuple[PolicyDecision, str | None, Challenges | None], Response] = {}

    def replace(self, policy: Policy) -> None:
        """Decide by another policy from the next request on. Every request sees one or the other.

        Raises:
            ConfigurationError: it is no policy, or it needs what the stack was not compiled for:
                its loaders serve fewer interfaces, or it reads or changes bodies and the first one
                did not.
                The old policy stays.
        """
        if not isinstance(policy, Policy):
            raise ConfigurationError("replace() takes a Policy(...)")
        if not policy.colours >= self.colours:
            raise ConfigurationError("its loaders serve fewer interfaces than those before")
        if policy.reads_body and not self.wants:
            raise ConfigurationError("it reads bodies, which the first policy did not")
        if policy.touches_bodies and not self.replaces_body:
            raise ConfigurationError("it changes bodies, which the first policy did not")
        # What a request in flight has matched is decided by that match alone, so the order in
        # which these become visible does not matter.
        self._responses = {}
        self.policy = policy
        self._follow(policy)

    def reload(self, build: Callable[[], Policy]) -> bool:
        """Replace the policy by what `build` returns; keep the last good one if that fails.

        Parameters:
            build: makes a policy, from wherever the rules are kept.

        Returns:
            Whether there is a new one; if not, the log of `ringwall` says what failed.

        >>> from ringwall.authz import Authorization, Policy, public
        >>> layer = Authorization(public("GET", "/"))
        >>> layer.reload(lambda: Policy(public("GET", "/"), public("GET", "/healthz")))
        True
        """
        try:
            self.replace(build())
        except Exception as error:  # noqa: BLE001  whatever it is, the last good policy stays
            report("authorization reload, the last policy stays:", error)
            return False
        return True

    def _follow(self, policy: Policy) -> None:
        self._finders = policy.rulebook.finders
        self._match, self._decide = policy.rulebook.match, policy.decide

    def on_request(self, exchange: Exchange) -> Verdict:
        """What `_judge` does, written out for what most requests need: nothing forbids, and nothing
        has to be waited for. Whatever is not granted here goes the long way."""
        find = self._finders.get(exchange.method, _nothing)
        # The root of a mounted app may be empty; routers read that as "/".
        found = find(exchange.path or "/")
        if found is None:
            return self._judge(exchange)
        rule, params = found
        principal = exchange.principal
        if params is None or rule.guards or (principal is None and not rule.public):
            return self._judge(exchange)
        exchange.route, exchange.params = rule.template, params
        if exchange.parent is not None:
            exchange.found_route(rule.template, params)
        if rule.scope is not None and (principal is None or rule.scope not in principal.scopes):
            return self._judge(exchange)
        direct = rule.direct
        if direct is not None and principal is not None:
            answer = direct(exchange, principal, params)
            if isinstance(answer, dict):
                exchange.state[OBJECTS] = answer
                exchange.decisions.append(rule.record)
                return None
            facts, held = answer
        elif (test := rule.rest) is not None:
            facts = _new(RequestFacts)  # as its __init__ does, without the call
            facts.principal = principal
            facts.params = params
            facts.context = exchange
            held = test(facts)
        else:
            exchange.decisions.append(rule.record)
            return None
        if held is not True:
            match = Match(rule, params, rule.template)
            return self._answer(exchange, match, facts, not_held(match, rule, facts, held))
        if facts.objects is not NO_OBJECTS:
            if rule.hands_over:
                exchange.state[OBJECTS] = facts.objects
            else:
                hand_over(exchange, rule.loads, facts)
        exchange.decisions.append(rule.record)
        return None

    def _judge(self, exchange: Exchange) -> Verdict:
        match = self._match(exchange.method, exchange.path or "/")
        if match.template is not None:
            exchange.found_route(match.template, match.params or {})
        facts = RequestFacts(exchange.principal, match.params, exchange)
        return self._answer(exchange, match, facts, self._decide(match, facts))

    def _answer(
        self, exchange: Exchange, match: Match, facts: Facts, answer: PolicyDecision | Need
    ) -> Verdict:
        rule = match.rule
        if isinstance(answer, Need) or (rule is not None and rule.guards):
            return self._wait(exchange, match, facts, answer)
        return self._conclude(exchange, match, facts, answer)

    def on_response_body(
        self, exchange: Exchange, head: ResponseHead
    ) -> ReadBody | Response | None:
        reads: Reads | None = exchange.state.get(self._bodies)
        return None if reads is None else self._filter.ask(exchange, head, reads)

    def _wait(
        self, exchange: Exchange, match: Match, facts: Facts, answer: PolicyDecision | Need
    ) -> Pending[Response | None]:
        while isinstance(answer, Need):
            refusal = yield from self._bodies.provide(exchange, match, facts, answer)
            if refusal is not None:
                return refusal
            answer = self._decide(match, facts)
        rule = match.rule
        if rule is not None and rule.guards and answer is rule.granted:
            guarded = yield from self._bodies.guard(exchange, match, rule, facts)
            if isinstance(guarded, Response):
                return guarded
            answer = guarded
        return self._conclude(exchange, match, facts, answer)

    def _conclude(
        self, exchange: Exchange, match: Match, facts: Facts, decision: PolicyDecision
    ) -> Response | None:
        exchange.decisions.append(decision.record)
        if decision.allow:
            if facts.objects and match.rule is not None and match.canonical:
                hand_over(exchange, match.rule.loads, facts)
            return None
        scheme = None if facts.principal is None else facts.principal.scheme
        key = decision, scheme, exchange.challenges
        response = self._responses.get(key)
        if response is None:
            response = self._responses[key] = respond(*key, self._challenge)
        return response
