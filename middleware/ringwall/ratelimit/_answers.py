"""What a store answers, from the states it found: the same arithmetic for every remote store."""

from __future__ import annotations

from collections.abc import Sequence

from .engine import Check, Quota, make_quota


def validate(checks: Sequence[Check]) -> None:
    """Raises ValueError where a cost is negative or no int."""
    for _, _, cost in checks:
        if type(cost) is not int or cost < 0:
            raise ValueError("a cost is a whole number, 0 or above")


def answer(
    checks: Sequence[Check], states: Sequence[int], now: int, *, keep: bool
) -> tuple[list[Quota], bool]:
    """The answer to each check, and whether all were admitted.

    Parameters:
        states: of each check's limit and key, before, brought up to `now`; equal for equal ones.
        keep: whether the charge is made where all are admitted; False: a peek.
    """
    if len(checks) == 1:
        (limit, _, cost), state = checks[0], states[0]
        judged = limit.judge(state, now, cost, keep)
        return [make_quota(judged)], judged[0]
    # Charged one after the other, so that two checks of one key see each other.
    before = {(limit.id, key): state for (limit, key, _), state in zip(checks, states, strict=True)}
    after = dict(before)
    verdicts: list[bool] = []
    for limit, key, cost in checks:
        charged = limit.charge(after[limit.id, key], now, cost)
        verdicts.append(charged is not None)
        if charged is not None:
            after[limit.id, key] = charged
    admitted = all(verdicts)
    keep = keep and admitted
    final = after if keep else before
    quotas: list[Quota] = []
    for (limit, key, cost), allowed in zip(checks, verdicts, strict=True):
        state = final[limit.id, key]
        remaining, wait = limit.standing(state, now, cost or 1)
        receipt = limit.receipt(state, now, cost) if keep else 0
        quotas.append(make_quota((allowed, remaining, wait, receipt)))
    return quotas, admitted
