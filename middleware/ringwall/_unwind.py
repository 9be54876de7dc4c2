"""The way out of a stack: the hooks for the response head, and those for the end."""

from __future__ import annotations

from collections.abc import Sequence

from ._exchange import Exchange
from ._failure import fail, report
from ._layer import ResponseHead
from ._outcome import Outcome
from ._pending import Pending
from ._plan import Complete, Plan


def edit(plan: Plan, depth: int, exchange: Exchange, head: ResponseHead) -> bool:
    """Let a response made at `depth` pass the layers outside. False: a layer failed, and the head
    is now that of its 500, edited by the layers outside that one."""
    defaults, names, edits, _ = plan.unwinds[depth]
    if defaults:
        head.add_missing(defaults, names)
    for hook, at in edits:
        try:
            hook(exchange, head)
        except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
            head.replace(fail(plan.layers[at].name, exchange, error))
            edit(plan, at, exchange, head)
            return False
    return True


def complete(
    hooks: Sequence[Complete], exchange: Exchange, outcome: Outcome
) -> Pending[None] | None:
    """Run the hooks for the end, one after the other. What needs I/O, and what comes after it, is
    returned to be settled; it raises nothing but cancellation and the like."""
    rest = iter(hooks)
    for hook in rest:
        try:
            pending = hook(exchange, outcome)
        except Exception as error:  # noqa: BLE001  the response is gone: only a log can tell
            report(_name(hook), error)
            continue
        if pending is not None:
            return _complete_rest(hook, pending, tuple(rest), exchange, outcome)
    return None


def _complete_rest(
    hook: Complete,
    pending: Pending[None],
    hooks: Sequence[Complete],
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
    rest = complete(hooks, exchange, outcome)
    if rest is not None:
        yield from rest
    if interrupt is not None:
        raise interrupt


def _name(hook: Complete) -> str:
    return getattr(hook, "__qualname__", "on_complete")
