"""Locks that double, made of limits: no state but one integer for each, exact in every store."""

from __future__ import annotations

from .engine import GCRA, SECOND


def ladder(name: str, attempts: int, first: int, longest: int) -> tuple[GCRA, ...]:
    """Limits that together lock for `first` seconds after so many attempts, for twice as long after
    each one more, and never for longer than `longest`.

    A step k admits `attempts` + k at once and then one each `first` * (2^(k+1) - 1) seconds, which
    is the sum of the locks up to it. So whoever tries as soon as it may meets the steps one by one.
    After the last step a lock stays as long as that step's interval. Patience is rewarded: each
    step forgives one attempt in each of its intervals.

    Parameters:
        name: begins the limits' names. attempts: 1 to 1000. first, longest: seconds.

    >>> [limit.interval // SECOND for limit in ladder("login", 5, 60, 3600)]
    [60, 180, 420, 900, 1860]
    """
    steps: list[GCRA] = []
    interval = first
    while not steps or interval <= longest:
        quota = attempts + len(steps)
        steps.append(GCRA(f"{name}-{len(steps) + 1}", quota, quota * interval * SECOND))
        interval += first << len(steps)
    return tuple(steps)
