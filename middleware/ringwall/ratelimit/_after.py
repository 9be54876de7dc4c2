"""What a response costs on top of its request, known only when it is there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from .._exchange import Exchange, Outcome
from .._layer import ResponseHead
from .._pending import Pending
from ._answers import validate
from ._bundle import Admitted
from ._costs import CompiledCharge
from .engine import Check
from .store import StoreUnavailable

# Of a request's checks: from where to where they are of a rule that charges afterwards.
Span = tuple[int, int, CompiledCharge]


class After:
    """Charges what `charge=` says, beside the end of the exchange."""

    def __init__(self, owner: object) -> None:
        self._owner = owner

    def note(self, exchange: Exchange, spans: Sequence[Span]) -> None:
        exchange.state[self] = spans

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        admitted = exchange.state.get(self._owner)
        spans: Sequence[Span] = exchange.state.pop(self, ())
        if not isinstance(admitted, Admitted):
            return  # the store was down, and the rule is to let pass
        due: list[Check] = []
        for begin, end, charge in spans:
            units = charge.of(exchange, head)
            due += [check._replace(cost=units) for check in admitted.checks[begin:end]]
        validate(due)  # now, while the answer can still be an error: else it would go uncharged
        due = [check for check in due if check.cost]
        if due:
            exchange.state[self] = due

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> Pending[None] | None:
        admitted = exchange.state.get(self._owner)
        due = exchange.state.pop(self, ())
        if not due or not isinstance(due[0], Check) or not isinstance(admitted, Admitted):
            return None
        return _paid(admitted, due)


def _paid(admitted: Admitted, due: Sequence[Check]) -> Pending[None]:
    with suppress(StoreUnavailable):  # the breaker has told the log
        pending = admitted.store.debit(due)
        if pending is not None:
            yield from pending
