"""A decision with every condition that led to it, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from .._pending import Pending
from ..principal import Principal
from ._binding import Binding
from ._compiled import CompiledRule, Match
from ._condition import Condition, Not
from ._facts import ABSENT, Context, Facts, Need
from ._load import Load
from .decision import PolicyDecision
from .policy import Policy


class Node(NamedTuple):
    """A line of a tree, and what hangs below it."""

    text: str
    children: tuple[Node, ...] = ()

    def lines(self, first: str = "", rest: str = "") -> Iterator[str]:
        """The tree, drawn."""
        yield first + self.text
        for position, child in enumerate(self.children):
            last = position == len(self.children) - 1
            corner, below = ("\u2514\u2500 ", "   ") if last else ("\u251c\u2500 ", "\u2502  ")
            yield from child.lines(rest + corner, rest + below)


def explain(
    policy: Policy,
    principal: Principal | None,
    context: Context,
    body: Any = None,
    resource: Any = ABSENT,
) -> Pending[tuple[PolicyDecision, Node]]:
    """Decide, and tell how. Loads what the decision needs, and nothing more.

    Parameters:
        policy: what is asked.
        principal: who asks; None: nobody.
        context: the request; its path is decoded and canonical.
        body: the parsed body, for rules that take ids from it.
        resource: stands for every object: nothing is loaded then.
    """
    match = policy.match(context.method, context.path)
    facts = Facts(principal, match.params, context)
    facts.body, facts.given = body, resource
    answer = policy.decide(match, facts)
    while isinstance(answer, Need):
        # The body was given: what a decision needs beyond is an object.
        yield from cast("Load", answer.load).wait(answer.key, facts)
        answer = policy.decide(match, facts)
    who = "nobody" if principal is None else principal.subject
    verdict = "allowed" if answer.allow else f"refused with {answer.status}"
    headline = f"{context.method} {context.path} as {who}: {verdict} ({', '.join(answer.reasons)})"
    return answer, Node(headline, tuple(_rules(match, facts)))


def _rules(match: Match, facts: Facts) -> Iterator[Node]:
    if match.rule is not None:
        yield _rule("governed by", match.rule, match.params if match.canonical else None, facts)
    elif match.methods:
        yield Node(f"no rule for this method; the path has {', '.join(match.methods)}")
    else:
        yield Node("no rule governs: refused by default")
    for rule, params in match.forbids if match.rule is not None else ():
        yield _rule("besides", rule, params, facts)


def _rule(role: str, rule: CompiledRule, params: Any, facts: Facts) -> Node:
    source = rule.source
    shadow = ", in shadow" if rule.shadow else ""
    text = f"{role} {source.effect} rule {rule.name!r}{shadow}"
    if params is None:
        return Node(text, (Node("a path parameter is not in its canonical spelling"),))
    if source.condition is None or rule.binding is None:
        return Node(text)
    facts.params = params
    return Node(text, (_condition(source.condition, rule.binding, facts),))


def _condition(condition: Condition, binding: Binding, facts: Facts) -> Node:
    facts.need = facts.trouble = None
    held = condition.compile(binding)(facts)
    if held is None:
        word = "not asked" if facts.need else f"unknown, {facts.trouble or 'undecided'}"
    else:
        word = "holds" if held else "fails"
    inner = binding.negated() if isinstance(condition, Not) else binding
    parts = tuple(_condition(part, inner, facts) for part in condition.parts)
    return Node(f"{word}: {condition!r}", parts)
