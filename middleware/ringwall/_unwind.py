"""The way out of a stack: the hooks for the response head, and those for the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ._exchange import Exchange
from ._failure import fail, report
from ._layer import ResponseHead
from ._outcome import Outcome
from ._pending import Pending
from ._plan import Complete, Plan, is_contained


def editor(plan: Plan, depth: int) -> Callable[[Exchange, ResponseHead], bool]:
    """What lets a response made at `depth` pass the layers outside. It returns False where a layer
    failed: the head is then that of its 500, edited by the layers outside that one."""
    defaults, names, adding, edits, _ = plan.unwinds[depth]

    def failed(at: int, exchange: Exchange, head: ResponseHead, error: Exception) -> bool:
        head.replace(fail(plan.layers[at].name, exchange, error))
        withdraw(plan, at, exchange)
        editor(plan, at)(exchange, head)
        return False

    def edit(exchange: Exchange, head: ResponseHead) -> bool:
        if defaults:
            head.add_missing(defaults, names)
        if adding:
            for addition in reversed(exchange.additions):
                head.append(addition)
        for hook, at in edits:
            try:
                hook(exchange, head)
            except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
                return failed(at, exchange, head, error)
        return True

    def edit_by_one(exchange: Exchange, head: ResponseHead) -> bool:
        try:
            only(exchange, head)
        except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
            return failed(outside, exchange, head, error)
        return True

    if defaults or adding or len(edits) != 1:
        return edit
    ((only, outside),) = edits
    return edit_by_one


def withdraw(plan: Plan, depth: int, exchange: Exchange) -> None:
    """A response made at `depth` passes the layers outside alone: the others' lines are dropped."""
    if plan.adding:
        outside = plan.layers[:depth]
        exchange.additions = [one for one in exchange.additions if one.layer in outside]


def in_one(hooks: Sequence[Complete]) -> Complete | None:
    """The hooks for the end as one that runs them, one after the other; None: there are none.

    What needs I/O, and what comes after it, it returns to be settled; it raises nothing but
    cancellation and the like."""
    rest: Complete | None = None
    for hook in reversed(hooks):
        rest = _followed(hook, rest)
    return rest


def _followed(hook: Complete, rest: Complete | None) -> Complete:
    if rest is None and is_contained(hook):
        return hook

    def complete(exchange: Exchange, outcome: Outcome) -> Pending[None] | None:
        try:
            pending = hook(exchange, outcome)
            if pending is not None:
                return _settling(hook, pending, rest, exchange, outcome)
        except Exception as error:  # noqa: BLE001  the response is gone: only a log can tell
            report(_name(hook), error)
        return None if rest is None else rest(exchange, outcome)

    return complete


def _settling(
    hook: Complete,
    pending: Pending[None],
    rest: Complete | None,
    exchange: Exchange,
    outcome: Outcome,
) -> Pending[None]:
    interrupt: BaseException | None = None
    try:
        yield from pending
    except Exception as error:  # noqa: BLE001  the response is gone: only a log can tell
        report(_name(hook), error)
    except BaseException as error:  # noqa: BLE001  raised below, once the others had their turn
        interrupt = error
    following = None if rest is None else rest(exchange, outcome)
    if following is not None:
        yield from following
    if interrupt is not None:
        raise interrupt


def _name(hook: Complete) -> str:
    return getattr(hook, "__qualname__", "on_complete")
