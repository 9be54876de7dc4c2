"""What a rule wants of a request's body: ids of objects, and fields that may be written."""

from __future__ import annotations

import re
from typing import Any, cast

from .._exchange import BodyIncomplete, BodyTooLarge, Exchange
from .._pending import Pending
from ..problem import Response
from ._answers import BODY_CODES, BODY_TOO_LARGE, FIELD, MALFORMED_BODY, NOT_JSON
from ._compiled import CompiledRule, Match
from ._facts import ABSENT, Facts, Need
from ._fields import DROPPED, Node
from ._filter import Reads
from ._json import AmbiguousBody, parse_body, write_body
from .decision import PolicyDecision, denied

# A handler that goes by the type would find other ids in the same bytes read as a form.
_JSON = re.compile(rb"application/(?:[a-z0-9.-]+\+)?json(?:\s*;\s*charset=\"?utf-8\"?)?\Z")


class Bodies:
    """Provides what decisions need, for one layer. limit: the most bytes of a body.

    It is the key in `Exchange.state` of what the response may hold.
    """

    __slots__ = ("_limit",)

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def provide(
        self, exchange: Exchange, match: Match, facts: Facts, need: Need
    ) -> Pending[Response | None]:
        """Get what a decision needs. A body that cannot be had ends it."""
        if need.load is not None:
            yield from need.load.wait(need.key, facts)
            return None
        refusal, body = yield from self.read_body(exchange)
        if refusal is not None and _enforces_body(match):
            return _refuse_body(exchange, match, refusal)
        facts.body = body
        return None

    def guard(
        self, exchange: Exchange, match: Match, rule: CompiledRule, facts: Facts
    ) -> Pending[PolicyDecision | Response]:
        """Judge the fields of the body, and note those that the response may hold."""
        decision = rule.granted
        for listed in (rule.writes, rule.reads):
            tree: Node | None = None
            while listed is not None and (tree := listed.tree(facts)) is None:
                need = cast("Need", facts.need)
                refusal = yield from self.provide(exchange, match, facts, need)
                if refusal is not None:
                    return refusal
            if tree is None:
                continue
            if listed is rule.reads:
                exchange.state[self] = Reads(
                    rule.name, tree, rule.source.strict, rule.shadow, rule.version
                )
                continue
            refusal = yield from self._judge_writes(exchange, rule, tree, facts)
            if refusal is not None and not rule.shadow:
                if refusal is not FIELD:
                    return _refuse_body(exchange, match, refusal)
                return denied(rule.name, "field-not-allowed", version=rule.version)
            if refusal is not None:
                decision = rule.overlook(
                    denied(rule.name, "field-not-allowed", version=rule.version)
                )
        return decision

    def _judge_writes(
        self, exchange: Exchange, rule: CompiledRule, tree: Node, facts: Facts
    ) -> Pending[Response | None]:
        body = facts.body
        if body is ABSENT:
            refusal, body = yield from self.read_body(exchange, or_none=True)
            if refusal is not None or body is ABSENT:
                return refusal
        kept = tree.keep(body, nulls=False)
        if kept == body:
            return None
        if kept is DROPPED or rule.shadow or not rule.source.strips:
            return FIELD
        exchange.replacement = write_body(kept)
        return None

    def read_body(
        self, exchange: Exchange, or_none: bool = False
    ) -> Pending[tuple[Response | None, Any]]:
        """The parsed body, or the refusal of one that is no JSON. or_none: ABSENT stands for an
        empty one."""
        is_json = _JSON.match(exchange.headers.get(b"content-type", b"").lower())
        if not is_json and not or_none:
            return NOT_JSON, None
        try:
            body = yield from exchange.read_body(self._limit if is_json else 0)
            if or_none and not body:
                return None, ABSENT
            return None, parse_body(body)
        except BodyTooLarge:
            return (BODY_TOO_LARGE if is_json else NOT_JSON), None
        except (BodyIncomplete, AmbiguousBody):
            return MALFORMED_BODY, None


def _refuse_body(exchange: Exchange, match: Match, refusal: Response) -> Response:
    rule = match.rule
    name, version = ("default", None) if rule is None else (rule.name, rule.version)
    decision = denied(name, BODY_CODES[refusal], refusal.status, version=version)
    exchange.decisions.append(decision.record)
    return refusal


def _enforces_body(match: Match) -> bool:
    """Whether a rule that is no shadow reads ids from the body. For a shadow, a body that cannot
    be read is one without ids: it may not refuse."""
    rules = [rule for rule, _ in match.forbids] + ([] if match.rule is None else [match.rule])
    return any(load.reads_body for rule in rules if not rule.shadow for load in rule.loads)
