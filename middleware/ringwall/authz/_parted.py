"""A condition in two parts: a scope, and what is asked after it."""

from __future__ import annotations

from typing import NamedTuple

from ._binding import Binding
from ._condition import Condition, Direct, Test, all_of, both, cheap_first, conjuncts


class Parted(NamedTuple):
    """A condition made ready in two parts, of which the first can be tested without facts.

    scope: one without which it cannot hold, if there is one. direct, rest: what else must hold, if
    anything must; the first, where there is one, does without facts. whole: all of it.
    """

    scope: str | None
    direct: Direct | None
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
        return Parted(None, None if others else first.directly(binding.loads), test, test)
    if not others:
        return Parted(first.scope, None, None, first.compile(binding))
    rest = all_of([part.compile(binding) for part in others])
    direct = others[0].directly(binding.loads) if len(others) == 1 else None
    return Parted(first.scope, direct, rest, both(first.compile(binding), rest))
