"""A condition in two parts: a scope, and what is asked after it."""

from __future__ import annotations

from typing import NamedTuple

from ._binding import Binding
from ._condition import Condition, Test, all_of, both, cheap_first, conjuncts


class Parted(NamedTuple):
    """A condition made ready in two parts, of which the first can be tested without facts.

    scope: one without which it cannot hold, if there is one. rest: what else must hold, if anything
    must. whole: all of it.
    """

    scope: str | None
    rest: Test | None
    whole: Test


def parted(condition: Condition, binding: Binding) -> Parted:
    """Compile a condition.

    Raises:
        ConfigurationError: as of `Condition.compile`.
    """
    first, *others = cheap_first(conjuncts(condition))
    if first.scope is None:
        test = condition.compile(binding)
        return Parted(None, test, test)
    if not others:
        return Parted(first.scope, None, first.compile(binding))
    rest = all_of([part.compile(binding) for part in others])
    return Parted(first.scope, rest, both(first.compile(binding), rest))
