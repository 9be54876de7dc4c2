"""What a policy says about one request."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .._exchange import Decision
from ._condition import Hint

LAYER = "authorization"


class PolicyDecision(NamedTuple):
    """Allow or deny, with the rule and why. True in a boolean context if it allows.

    allow: whether the request may proceed. rule: the rule's name. reasons: codes such as
    "insufficient-scope". status: what HTTP should answer: 200, 401, 403, 404 or 405.
    hint: what the client may be told beyond that. methods: for 405, what `Allow` should list.
    record: the same as audit records it.
    """

    allow: bool
    rule: str
    reasons: tuple[str, ...]
    status: int
    hint: Hint | None
    methods: tuple[str, ...]
    record: Decision

    def __bool__(self) -> bool:
        return self.allow


def granted(rule: str, reason: str, version: str | None = None) -> PolicyDecision:
    record = Decision(LAYER, "allow", rule, reason, version)
    return PolicyDecision(True, rule, (reason,), 200, None, (), record)


def denied(
    rule: str,
    reason: str,
    status: int = 403,
    hint: Hint | None = None,
    methods: tuple[str, ...] = (),
    version: str | None = None,
) -> PolicyDecision:
    outcome: Literal["deny", "error"] = "error" if reason in ERRORS else "deny"
    record = Decision(LAYER, outcome, rule, reason, version)
    return PolicyDecision(False, rule, (reason,), status, hint, methods, record)


def overlooked(decision: PolicyDecision) -> PolicyDecision:
    """What a shadow rule makes of its refusal: the request proceeds, and the record says so.

    The outcome is "allow", as that is what happened; "would-deny-" and the reason tell the rest.
    """
    (reason,) = decision.reasons
    was = decision.record
    record = Decision(LAYER, "allow", was.rule, f"would-deny-{reason}", was.version)
    return PolicyDecision(True, decision.rule, ("would-deny", reason), 200, None, (), record)


# Reasons that tell of a fault in the application's own functions, or in an engine it asks.
ERRORS = frozenset({"load-failed", "predicate-failed", "engine-failed"})
