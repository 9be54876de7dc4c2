"""Limits that a request is judged by together, with all that can be prepared for their answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from .._exchange import Decision
from .._layer import ResponseHead
from ..problem import Header, Response
from .engine import Check, Limit, Quota
from .headers import Draft, Legacy, Manner, Off, Standing, left_of, refusal
from .store import Store

MANNERS: dict[str, Callable[..., Manner]] = {"draft": Draft, "legacy": Legacy, "off": Off}


class Bundle:
    """Limits, in the order of the checks.

    Parameters:
        owner: the layer, or who acts as one. limits: the limits. layer: the layer's name.
        policy: the rule's name in decisions where all admit. headers: a name of `MANNERS`.
        share: by how much quotas are divided in a process that counts for itself.

    Attributes:
        allowed, denied: what is decided where all admit, and by the limit that does not.
        here: the limits, allowed and denied decisions of this process alone.
        refusal: the answer to standings that are rounded up.
    """

    __slots__ = ("allowed", "denied", "here", "limits", "manner", "refusal")

    def __init__(
        self,
        owner: object,
        limits: Sequence[Limit],
        layer: str,
        policy: str,
        headers: str,
        share: int,
    ) -> None:
        self.limits: tuple[Limit, ...] = tuple(limits)
        self.manner: Manner = MANNERS[headers](owner, self.limits)
        self.allowed: Decision = Decision(layer, "allow", policy, "within-quota")
        self.denied: list[Decision] = [
            Decision(layer, "deny", one.name, "quota-exceeded") for one in limits
        ]
        self.here: tuple[list[Limit], Decision, list[Decision]] = (
            # Never more in sum than the rule says, but at least one request each.
            [type(one)(one.name, max(1, one.quota // share), one.window) for one in limits],
            Decision(layer, "allow", policy, "within-local-quota"),
            [Decision(layer, "deny", one.name, "local-quota-exceeded") for one in limits],
        )
        answer = partial(refusal, self.manner)
        # In whole seconds there are few different refusals: a flood is answered from the cache.
        self.refusal: Callable[[tuple[Standing, ...]], Response] = (
            lru_cache(maxsize=256)(answer) if self.manner.timeless else answer
        )

    def refuse(self, quotas: Sequence[Quota]) -> Response:
        """The answer where some do not admit."""
        return self.refusal(
            tuple(
                Standing(limit, quota.remaining, quota.wait).rounded_up()
                for limit, quota in zip(self.limits, quotas, strict=True)
                if not quota.allowed
            )
        )

    def lines(self, quotas: Sequence[Quota]) -> tuple[Header, ...]:
        """The header lines of an admitted request, for whoever writes them in our place."""
        return self.manner.lines(
            [
                Standing(limit, quota.remaining, quota.wait)
                for limit, quota in zip(self.limits, quotas, strict=True)
            ]
        )

    def note(self, quotas: Sequence[Quota]) -> Any:
        """What is to be told of an admitted request."""
        return self.manner.note(tuple([left_of(quota) for quota in quotas]))


class Admitted(NamedTuple):
    """A request that was charged: by which limits, where, and what the answers were."""

    bundle: Bundle
    store: Store
    checks: Sequence[Check]
    quotas: Sequence[Quota]

    def tell(self, head: ResponseHead) -> None:
        """Write what the manner tells with the response."""
        self.bundle.manner.tell(head, self.bundle.note(self.quotas))


class Noted(NamedTuple):
    """A request that was charged where nothing more has to be known of it than what to tell."""

    manner: Manner
    noted: Any

    def tell(self, head: ResponseHead) -> None:
        self.manner.tell(head, self.noted)
