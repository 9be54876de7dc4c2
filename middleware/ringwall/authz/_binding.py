"""What a condition is compiled against."""

from __future__ import annotations

from collections.abc import Callable

from .._template import Template
from ._load import Load
from ._loading import LoadSpec
from ._roles import Roles


class Binding:
    """One rule of one policy.

    template: the rule's path. positive: whether a condition that holds here grants something;
    `~` turns it round, and in a `forbid` rule it is so from the start. roles: the hierarchy.
    clock: seconds since 1970. only_load: what `resource.…` means, if the rule loads one object.
    loads: what the rule loads, filled while its condition is compiled.
    """

    __slots__ = ("clock", "loads", "only_load", "positive", "roles", "template")

    def __init__(
        self,
        template: Template,
        positive: bool,
        roles: Roles,
        clock: Callable[[], float],
        only_load: LoadSpec | None,
        loads: list[Load],
    ) -> None:
        self.template: Template = template
        self.positive: bool = positive
        self.roles: Roles = roles
        self.clock: Callable[[], float] = clock
        self.only_load: LoadSpec | None = only_load
        self.loads: list[Load] = loads

    def negated(self) -> Binding:
        """The same inside of `~`."""
        return Binding(
            self.template, not self.positive, self.roles, self.clock, self.only_load, self.loads
        )
